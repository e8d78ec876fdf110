//! A whole gateway on a real database in a temporary directory, with a clock that tests move, and devices to go with
//! it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalEnrol, ApprovalProof, ApprovalRequest, ApprovalResult, Claims, DecidedOn,
    DeviceDescription, DeviceId, EnrolmentCode, Es256Key, Evidenced, Expect, Issuer, Jti, KeyProtection,
    Match, MatchCode, ProtectionLevel, Statement, Timestamp, Txn, Verdict, jws, request_hash,
};
use tempfile::TempDir;

use super::{
    Ask, Asked, Caller, Gateway, Parts, Refusal, ServiceError, ServiceResult, Settings, Unobserved, sha256,
};
use crate::{
    audit::{Actor, Entry, Event},
    config::Limits,
    edge::{Clock, Rng as _, SystemRng},
    keys::KeyFile,
    store::{Client, ClientKind, Offer, Since, Store as _, sqlite::SqliteStore},
};

/// When tests begin.
pub(crate) const START: Timestamp = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://gateway.example";
pub(crate) const SECRET: &str = "cs_a-secret-for-tests";

#[derive(Debug)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) client: Client,
    pub(crate) keys: KeyFile,
    limits: Limits,
    pub(crate) dir: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock(AtomicI64::new(START * 1000)));
        let keys = KeyFile::new(dir.path().join("keys.json"), SystemRng::new());
        keys.create(START).unwrap();
        let gateway = start(dir.path(), &clock, &keys, limits).await;
        let client = Client {
            id: "bank".to_owned(),
            name: "Bank".to_owned(),
            secret_hash: sha256(SECRET.as_bytes()),
            kind: ClientKind::Application,
            callback_urls: vec!["https://bank.example/callback".to_owned()],
            created_at: START,
        };
        let entry = Entry::new(START, Actor::Admin("root".to_owned()), Event::ClientAdded).client("bank");
        assert!(gateway.store().add_client(client.clone(), entry).await.unwrap());
        Self {
            gateway,
            clock,
            client,
            keys,
            limits,
            dir,
        }
    }

    /// The same, as another process finds it.
    pub(crate) async fn restarted(self) -> Self {
        let gateway = start(self.dir.path(), &self.clock, &self.keys, self.limits).await;
        Self { gateway, ..self }
    }

    /// A second process with the same database, as the administrator's commands are.
    pub(crate) fn other_process(&self) -> SqliteStore {
        SqliteStore::open(&self.dir.path().join("gateway.db")).unwrap()
    }

    /// An administrator's command revokes a device.
    pub(crate) async fn revoke(&self, device: &TestDevice) {
        let (now, actor) = (self.clock.now(), Actor::Admin("root".to_owned()));
        let entry = Entry::new(now, actor, Event::DeviceRevoked);
        let administrator = self.other_process();
        administrator.revoke_device(&device.id, now, entry).await.unwrap();
    }

    /// An offer's code.
    pub(crate) async fn offer(&self, user: &str) -> EnrolmentCode {
        let code = EnrolmentCode::from_random(random());
        let now = self.clock.now();
        let offer = Offer {
            otp: None,
            code_hash: sha256(code.as_str().as_bytes()),
            user: user.to_owned(),
            account: format!("{user}@example.com"),
            created_at: now,
            expires_at: now + super::MAX_OFFER,
        };
        let entry = Entry::new(now, Actor::Admin("root".to_owned()), Event::OfferCreated).user(user);
        self.gateway.store().add_offer(offer, entry).await.unwrap();
        code
    }

    /// A device that makes a call.
    pub(crate) async fn caller(&self, device: &TestDevice) -> Caller {
        Caller {
            device: self.gateway.enrolled(&device.id).await.unwrap(),
            proof: jti(),
        }
    }

    /// A device, enrolled.
    pub(crate) async fn device(&self, user: &str) -> TestDevice {
        let key = key();
        let code = self.offer(user).await;
        let response = self.gateway.enrol(&self.enrolment(&code, &key)).await.unwrap();
        TestDevice {
            id: response.device_id,
            key,
            counter: AtomicU64::new(1),
        }
    }

    pub(crate) fn enrolment(&self, code: &EnrolmentCode, key: &Es256Key) -> String {
        let now = self.clock.now();
        let claims = ApprovalEnrol {
            aud: issuer(),
            iat: now,
            exp: now + 60,
            jti: jti(),
            code: code.clone(),
            device: DeviceDescription {
                name: "desk".to_owned(),
                platform: "Linux".to_owned(),
                app_version: "1.0".to_owned(),
            },
            key_protection: KeyProtection {
                level: ProtectionLevel::Sw,
                evidence: Evidenced::Attested,
            },
            attestation: None,
        };
        jws::sign(&claims, key).unwrap()
    }

    pub(crate) async fn ask(&self, user: &str) -> Asked {
        self.gateway.ask(&self.client, ask(user)).await.unwrap()
    }

    /// The requests that wait for a device.
    pub(crate) async fn pending(&self, device: &TestDevice) -> Vec<String> {
        let inbox = self
            .gateway
            .store()
            .inbox(&device.id, Since::Connect(None))
            .await
            .unwrap();
        inbox.pending.into_iter().map(|request| request.jws).collect()
    }

    /// The request of this approval for a device.
    pub(crate) async fn request(&self, device: &TestDevice, txn: &Txn) -> String {
        let pending = self.pending(device).await;
        pending
            .into_iter()
            .find(|jws| self.read(device, jws).txn == *txn)
            .unwrap()
    }

    pub(crate) fn read(&self, device: &TestDevice, request: &str) -> ApprovalRequest {
        let expect = Expect {
            issuer: Some(ISSUER),
            audience: device.id.as_str(),
            now: self.clock.now(),
        };
        jws::verify(request, &self.gateway.keys(), &expect).unwrap()
    }

    /// What a device that behaves says.
    pub(crate) fn decision(
        &self,
        device: &TestDevice,
        request: &str,
        verdict: Verdict,
        code: Option<&str>,
    ) -> ApprovalDecision {
        let claims = self.read(device, request);
        let now = self.clock.now();
        let digits = match claims.requires.matching {
            Match::Code { .. } if verdict == Verdict::Approve => {
                code.map(|code| MatchCode::parse(code).unwrap())
            }
            Match::Code { .. } | Match::None => None,
        };
        ApprovalDecision {
            iss: device.id.clone(),
            aud: issuer(),
            iat: now,
            exp: now + 60,
            jti: jti(),
            statement_hash: Statement::from_request(&claims).unwrap().hash().to_owned(),
            txn: claims.txn,
            nonce: claims.nonce,
            verdict,
            reason: None,
            match_code: digits,
            request_hash: request_hash(request),
            statement_version: 1,
            locale: "en".to_owned(),
            amr: vec![Amr::Swk, Amr::User],
            key_protection: KeyProtection {
                level: ProtectionLevel::Sw,
                evidence: Evidenced::Claimed,
            },
            surface: DecidedOn::Window,
            shown_at: now,
            counter: device.counter.fetch_add(1, Ordering::SeqCst),
        }
    }

    /// Signs and sends a decision.
    pub(crate) async fn send(
        &self,
        device: &TestDevice,
        decision: &ApprovalDecision,
    ) -> ServiceResult<String> {
        let taken = self.gateway.decide(&device.sign(decision)).await.result?;
        Ok(taken.receipt)
    }

    /// Decides one approval.
    pub(crate) async fn decide(
        &self,
        device: &TestDevice,
        asked: &Asked,
        verdict: Verdict,
    ) -> ServiceResult<String> {
        let request = self.request(device, &asked.txn).await;
        let decision = self.decision(device, &request, verdict, asked.match_code.as_deref());
        self.send(device, &decision).await
    }

    /// Types a wrong code.
    pub(crate) async fn mistype(&self, device: &TestDevice, asked: &Asked) -> Refusal {
        let request = self.request(device, &asked.txn).await;
        let wrong = wrong_code(asked);
        let decision = self.decision(device, &request, Verdict::Approve, Some(&wrong));
        refusal(self.send(device, &decision).await)
    }

    /// The names of all audit events, in order.
    pub(crate) async fn events(&self) -> Vec<String> {
        let records = self.gateway.store().audit_records(0, 10_000).await.unwrap();
        let event = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            record["event"].as_str().unwrap().to_owned()
        };
        records.iter().map(|record| event(&record.line)).collect()
    }

    pub(crate) fn result(&self, jws: &str) -> ApprovalResult {
        let expect = Expect {
            issuer: Some(ISSUER),
            audience: "bank",
            now: self.clock.now(),
        };
        jws::verify(jws, &self.gateway.keys(), &expect).unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct TestDevice {
    pub(crate) id: DeviceId,
    pub(crate) key: Es256Key,
    pub(crate) counter: AtomicU64,
}

impl TestDevice {
    pub(crate) fn sign<C: Claims>(&self, claims: &C) -> String {
        jws::sign(claims, &self.key).unwrap()
    }

    pub(crate) fn proof(&self, method: &str, url: &str, nonce: &str, now: Timestamp) -> String {
        self.sign(&ApprovalProof {
            iss: self.id.clone(),
            aud: issuer(),
            htm: method.to_owned(),
            htu: url.to_owned(),
            iat: now,
            jti: jti(),
            nonce: nonce.to_owned(),
        })
    }
}

async fn start(dir: &Path, clock: &Arc<FakeClock>, keys: &KeyFile, limits: Limits) -> Arc<Gateway> {
    let parts = Parts {
        store: Arc::new(SqliteStore::open(&dir.join("gateway.db")).unwrap()),
        keys: Arc::new(keys.clone()),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        rng: Arc::new(SystemRng::new()),
        observer: Arc::new(Unobserved),
        settings: Settings {
            issuer: issuer(),
            name: "Example".to_owned(),
            limits,
        },
    };
    Gateway::start(parts).await.unwrap()
}

pub(crate) fn ask(user: &str) -> Ask {
    Ask {
        user: user.to_owned(),
        shown_client: None,
        acr: Some("urn:example:high".to_owned()),
        binding_message: Some("Pay the rent".to_owned()),
        authorization_details: None,
        context: None,
        requires: None,
        expires_in: None,
        callback_url: None,
        auth_ref: None,
        idempotency: None,
    }
}

/// Another code than the right one.
pub(crate) fn wrong_code(asked: &Asked) -> String {
    let right = asked.match_code.as_deref().unwrap();
    let first = if right.starts_with('0') { '1' } else { '0' };
    format!("{first}{}", &right[1..])
}

pub(crate) fn refusal<T: std::fmt::Debug>(result: ServiceResult<T>) -> Refusal {
    match result {
        Err(ServiceError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn issuer() -> Issuer {
    Issuer::parse(ISSUER).unwrap()
}

pub(crate) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    SystemRng::new().fill(&mut bytes).unwrap();
    bytes
}

pub(crate) fn jti() -> Jti {
    Jti::from_random(random())
}

pub(crate) fn key() -> Es256Key {
    let rng = SystemRng::new();
    let pkcs8 = Es256Key::generate_pkcs8(rng.system_random()).unwrap();
    Es256Key::from_pkcs8(&pkcs8, rng.system_random()).unwrap()
}
