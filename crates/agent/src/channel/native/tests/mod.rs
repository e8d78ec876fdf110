//! The channel against an issuer on loopback, over real TLS. The issuer checks proofs as strictly as the gateway does;
//! what it then says is up to each test.

mod answers;
mod connection;
mod enrolment;
mod issuer;
mod messages;
mod time;
pub(crate) mod trust;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use countersign_protocol::{ApprovalProof, DeviceId, Issuer, Jti};
use tokio::time::timeout;

use super::{
    super::{
        Binding, ChannelEvent, Health, IssuerProtocol as _, Protocols, Subscription, VerifiedRequest,
        privacyidea::PrivacyIdea,
    },
    Endpoints, Native, Timing, binding,
};
use crate::{
    edge::Clock,
    keystore::{DeviceKey, Interaction, KeyKind, KeyRef, Keys, Limits, MemoryKeyStore},
    net::{Net, ProxyChoice, Routes, client_config},
};
pub(crate) use enrolment::configuration;
pub(crate) use issuer::FakeIssuer;

/// 2026-11-22T12:00:00Z.
pub(super) const NOW: i64 = 1_795_348_800;
pub(super) const ACCOUNT: &str = "mara.lindqvist@alder.example";

/// In milliseconds; the steady clock goes with it.
#[derive(Debug)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    fn at(now: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now * 1000)))
    }

    fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A device on this computer, and everything a test may want to reach into.
pub(crate) struct Agent {
    pub(crate) protocols: Protocols,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) keys: Keys,
    pub(crate) store: Arc<MemoryKeyStore>,
    pub(crate) key: DeviceKey,
}

impl Agent {
    /// With the issuer's certificate authority trusted, and with its clock at [`NOW`].
    pub(crate) async fn trusting(issuer: &FakeIssuer) -> Self {
        Self::new(&[issuer.ca_file()], ProxyChoice::Direct, NOW).await
    }

    pub(crate) async fn new(ca_files: &[std::path::PathBuf], proxy: ProxyChoice, now: i64) -> Self {
        let store = Arc::new(MemoryKeyStore::new());
        let keys = Keys::new(Arc::clone(&store) as _, Limits::default());
        let key = keys
            .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
            .await
            .unwrap();
        let net = Net::new(
            client_config(ca_files).unwrap(),
            Routes::new(proxy, |_| None).unwrap(),
        );
        let clock = FakeClock::at(now);
        let native = Native::new(
            net.clone(),
            keys.clone(),
            Arc::clone(&clock) as _,
            Arc::new(crate::edge::random()),
        );
        let privacyidea = PrivacyIdea::new(
            native.net.clone(),
            keys.clone(),
            FakeClock::at(now),
            Arc::new(crate::edge::random()),
            3,
        );
        Self {
            protocols: Protocols {
                native,
                privacyidea,
                net,
                own_trust: crate::channel::OwnTrust::Ask,
            },
            clock,
            keys,
            store,
            key,
        }
    }

    pub(crate) fn with_timing(mut self, timing: Timing) -> Self {
        self.protocols.native.timing = timing;
        self
    }

    /// Bound to the issuer, which learns the device key.
    pub(crate) fn binding(&self, issuer: &FakeIssuer) -> Binding {
        issuer.know(self.key.es256().unwrap());
        let at = |path: &str| format!("{}{path}", issuer.url());
        let binding = binding::Binding {
            issuer: Issuer::parse(&issuer.url()).unwrap(),
            device_id: device(),
            account: ACCOUNT.into(),
            issuer_keys: issuer.keys(),
            endpoints: Endpoints {
                stream: at("/stream").replace("https:", "wss:"),
                poll: at("/poll"),
                decision: at("/decision"),
                rotation: at("/rotation"),
            },
            key: self.key.clone(),
            offset: 0,
        };
        binding.into()
    }

    pub(crate) fn subscribe(&self, issuer: &FakeIssuer) -> Subscription {
        self.protocols.subscribe(self.binding(issuer))
    }
}

pub(super) fn device() -> DeviceId {
    DeviceId::from_random([7; 16])
}

/// A message to sign, for tests that need any.
pub(crate) fn proof_for_tests() -> ApprovalProof {
    ApprovalProof {
        iss: device(),
        aud: Issuer::parse("https://id.alder.example").unwrap(),
        htm: "GET".into(),
        htu: "https://id.alder.example/poll".into(),
        iat: NOW,
        jti: Jti::from_random([1; 16]),
        nonce: "nonce".into(),
    }
}

/// The next event. Far longer than anything here takes; only a hang gets there.
pub(super) async fn next(subscription: &mut Subscription) -> ChannelEvent {
    timeout(Duration::from_secs(30), subscription.events.recv())
        .await
        .expect("an event")
        .expect("a channel")
}

/// The next event, which must be about the connection.
pub(super) async fn health(subscription: &mut Subscription) -> Health {
    match next(subscription).await {
        ChannelEvent::Health(health) => health,
        other => panic!("not about the connection: {other:?}"),
    }
}

/// The next event, which must be a request.
pub(super) async fn request(subscription: &mut Subscription) -> VerifiedRequest {
    match next(subscription).await {
        ChannelEvent::Request(request) => *request,
        other => panic!("not a request: {other:?}"),
    }
}

/// Connecting, then connected.
pub(super) async fn connected(subscription: &mut Subscription) -> countersign_agent_api::Transport {
    assert!(matches!(health(subscription).await, Health::Connecting));
    match health(subscription).await {
        Health::Connected(transport) => transport,
        other => panic!("not connected: {other:?}"),
    }
}
