//! The agent as a whole, from the issuer's channel to a front end on the real socket and back, with keys in memory and an
//! issuer in the test.

use std::{path::PathBuf, sync::Mutex};

use countersign_agent_api::{
    AccountId, Event as FrontEndEvent, HistoryEntry, Outcome, Reply, Request, RequestId, RequestState,
    RequestView, Role, SettingChange, Transport, Verdict, Window, client::Client,
};
use countersign_protocol::{
    ApprovalDecision, ApprovalReceipt, ApprovalRequest, Client as RelyingSide, DeviceId, Es256Key, Expect,
    Issuer, Jti, KeySet, Nonce, Requires, Signer as _, Statement, Txn, decision_hash, jws, request_hash,
};
use futures_util::future::{self, BoxFuture, FutureExt as _};

use super::*;
use crate::{
    accounts::{Account, Standing},
    channel::{
        Binding, ChannelCommand, ChannelEvent, Decision, DecisionOutcome, Enrolled, EnrolmentError, FarEnd,
        Health, IssuerProtocol, Offer, Signed, Subscription, Ties, VerifiedReceipt, VerifiedRequest, native,
        subscription,
    },
    codes::MemoryClipboard,
    edge::Clock,
    keystore::{DeviceKey, Interaction, KeyKind, KeyRef, KeyStore as _, KeyStoreError, MemoryKeyStore},
    launch::{AppLauncher, LaunchError, Launched},
    notify::{Action, MemoryNotifier},
};

const ISSUER: &str = "https://id.alder.example";
const NOW: i64 = 1_795_000_000;

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> i64 {
        NOW
    }
}

/// Hands every subscription's far end to the test.
#[derive(Debug)]
struct TestIssuers {
    subscribed: mpsc::UnboundedSender<FarEnd>,
    native: Native,
}

impl IssuerProtocol for TestIssuers {
    fn preview<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a countersign_agent_api::TrustChoice>,
    ) -> BoxFuture<'a, Result<Offer, EnrolmentError>> {
        future::ready(Err(EnrolmentError::Refused)).boxed()
    }

    fn enrol<'a>(
        &'a self,
        _: &'a Offer,
        _: &'a DeviceKey,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Enrolled, EnrolmentError>> {
        future::ready(Err(EnrolmentError::Refused)).boxed()
    }

    fn rotate<'a>(&'a self, _: &'a Binding, _: &'a DeviceKey) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        future::ready(Err(EnrolmentError::Refused)).boxed()
    }

    fn revoke<'a>(
        &'a self,
        _: &'a Binding,
        _: Option<&'a DeviceKey>,
    ) -> BoxFuture<'a, Result<(), EnrolmentError>> {
        future::ready(Ok(())).boxed()
    }

    fn sign<'a>(
        &'a self,
        binding: &'a Binding,
        request: &'a VerifiedRequest,
        decision: Decision,
    ) -> BoxFuture<'a, Result<Signed, KeyStoreError>> {
        self.native.sign(binding, request, decision)
    }

    fn subscribe(&self, _: Binding) -> Subscription {
        let (near, far) = subscription();
        self.subscribed.send(far).unwrap();
        near
    }
}

#[derive(Debug, Default)]
struct Launches(Mutex<Vec<Window>>);

impl AppLauncher for Launches {
    fn launch(&self, window: &Window) -> Result<Launched, LaunchError> {
        self.0.lock().unwrap().push(window.clone());
        Ok(Launched::Started)
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        future::pending().boxed()
    }
}

struct World {
    home: tempfile::TempDir,
    issuer_key: Es256Key,
    device_key: DeviceKey,
    notifier: Arc<MemoryNotifier>,
    launches: Arc<Launches>,
    far: FarEnd,
    agent: tokio::task::JoinHandle<()>,
}

impl World {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let rng = edge::random();
        let issuer_key = Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng).unwrap(), &rng).unwrap();
        let store = Arc::new(MemoryKeyStore::new());
        let device_key = store
            .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
            .unwrap();
        let keys = Keys::new(store, Limits::default());
        let accounts = Accounts {
            accounts: vec![account(&issuer_key, &device_key)],
            spare_keys: Vec::new(),
        };
        let state = StateDir::open(&home.path().join("data")).unwrap();
        state.write(&accounts).unwrap();
        let history = History::open(state.root(), 24).unwrap();
        let (subscribed, mut far_ends) = mpsc::unbounded_channel();
        let (notifier, notifications) = MemoryNotifier::new(true);
        let notifier = Arc::new(notifier);
        let launches = Arc::new(Launches::default());
        let net = Net::new(client_config(&[]).unwrap(), Routes::default());
        let (clock, rng) = (Arc::new(StoppedClock), Arc::new(edge::random()));
        let native = Native::new(net.clone(), keys.clone(), clock, rng);
        let issuers = TestIssuers { subscribed, native };
        let files = ConfigFiles::find(None, |name| match name {
            "XDG_CONFIG_HOME" | "XDG_CONFIG_DIRS" => Some(home.path().join("config").into()),
            _ => None,
        });
        let preferences = Preferences::new(files, None, net.clone(), &Effective::default());
        let settings = Settings {
            chosen: preferences.view(&Effective::default()),
            language: Language::English,
            time_zone: jiff::tz::TimeZone::UTC,
            device_name: "desk".into(),
            key_protection: keys.protection(),
            poll_seconds: 3,
        };
        let parts = Parts {
            clock: Arc::new(StoppedClock),
            rng: Arc::new(edge::random()),
            keys,
            issuers: Arc::new(issuers),
            notifier: Arc::clone(&notifier) as Arc<dyn crate::notify::Notifier>,
            launcher: Arc::clone(&launches) as Arc<dyn AppLauncher>,
            preferences,
            app: app_command(&App::default()),
            net,
            clipboard: Arc::new(MemoryClipboard::default()),
        };
        let server = Server::bind(&home.path().join("run/agent.sock")).await.unwrap();
        let (calls, inbound) = mpsc::channel(CALLS);
        let server = tokio::spawn(server.serve(calls));
        let driver = Driver::new(
            Engine::new(settings, accounts, Outbox::default(), NOW),
            state,
            history,
            parts,
        );
        let agent = tokio::spawn(async move {
            driver.run(inbound, notifications, future::pending()).await;
            server.await.unwrap();
        });
        let far = far_ends.recv().await.unwrap();
        far.events
            .send(ChannelEvent::Health(Health::Connected(Transport::Websocket)))
            .await
            .unwrap();
        Self {
            home,
            issuer_key,
            device_key,
            notifier,
            launches,
            far,
            agent,
        }
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("run/agent.sock")
    }

    async fn deliver(&self, request: &VerifiedRequest) {
        self.far
            .events
            .send(ChannelEvent::Request(Box::new(request.clone())))
            .await
            .unwrap();
    }

    /// Takes the next answer, verifies it as an issuer does, and gives a receipt for it.
    async fn receive(&mut self, request: &VerifiedRequest) -> ApprovalDecision {
        let Some(ChannelCommand::Answer(answer)) = self.far.commands.recv().await else {
            panic!("no answer")
        };
        let keys: KeySet = [self.device_key.es256().unwrap().clone()].into_iter().collect();
        let device = device();
        let expect = Expect {
            issuer: Some(device.as_str()),
            audience: ISSUER,
            now: NOW,
        };
        let decision: ApprovalDecision = jws::verify(&answer.answer.decision, &keys, &expect).unwrap();
        decision
            .check_answers(&asked(), &request_hash(&request.message), &request.statement)
            .unwrap();
        let claims = ApprovalReceipt {
            iss: Issuer::parse(ISSUER).unwrap(),
            aud: vec![device.to_string()],
            iat: NOW,
            jti: Jti::from_random([3; 16]),
            txn: decision.txn.clone(),
            outcome: decision.verdict.into(),
            decided_by: Some(device),
            device_name: Some("desk".into()),
            decision_hash: Some(decision_hash(&answer.answer.decision)),
            request_hash: Some(request_hash(&request.message)),
            statement_hash: Some(request.statement.hash().to_owned()),
            acr: None,
            amr: None,
        };
        let receipt = VerifiedReceipt {
            jws: jws::sign(&claims, &self.issuer_key).unwrap(),
            claims,
        };
        answer
            .reply
            .send(DecisionOutcome::Recorded(Box::new(receipt)))
            .unwrap();
        decision
    }

    fn records(&self) -> Vec<HistoryEntry> {
        History::open(&self.home.path().join("data"), 24)
            .unwrap()
            .page(10, None, &countersign_agent_api::HistoryFilter::default())
            .unwrap()
            .entries
    }
}

fn device() -> DeviceId {
    DeviceId::from_random([1; 16])
}

fn account(issuer_key: &Es256Key, key: &DeviceKey) -> Account {
    Account {
        id: AccountId("a1".into()),
        name: None,
        issuer_name: "Alder Group".into(),
        binding: Binding {
            issuer: Issuer::parse(ISSUER).unwrap(),
            account: "mara".into(),
            ties: Ties::Native(native::Ties {
                device_id: device(),
                issuer_keys: [issuer_key.public_key().clone()].into_iter().collect(),
                endpoints: native::Endpoints::for_tests(),
            }),
            key: key.clone(),
            offset: 0,
            trust: crate::net::Trust::default(),
        },
        other_key: None,
        protection: MemoryKeyStore::new().protection(),
        counter: 0,
        mutes: Vec::new(),
        standing: Standing::Enrolled,
        added_at: NOW,
        holds: Vec::new(),
    }
}

fn asked() -> ApprovalRequest {
    ApprovalRequest {
        iss: Issuer::parse(ISSUER).unwrap(),
        aud: device(),
        sub: "mara".into(),
        iat: NOW,
        exp: NOW + 120,
        jti: Jti::from_random([1; 16]),
        txn: Txn::from_random([1; 16]),
        nonce: Nonce::from_random([1; 16]),
        client: RelyingSide {
            id: "bank".into(),
            name: "Treasury Portal".into(),
        },
        acr: None,
        binding_message: Some("Open the vault".into()),
        authorization_details: None,
        context: None,
        requires: Requires::default(),
    }
}

fn request(issuer_key: &Es256Key) -> VerifiedRequest {
    let claims = asked();
    let statement = Statement::from_request(&claims).unwrap();
    native::verified(jws::sign(&claims, issuer_key).unwrap(), claims, statement)
}

/// Follows the snapshots until one satisfies the condition.
async fn until(
    events: &mut mpsc::Receiver<FrontEndEvent>,
    wanted: impl Fn(&RequestState) -> bool,
) -> RequestView {
    loop {
        if let FrontEndEvent::Requests(requests) = events.recv().await.expect("the agent is gone")
            && let Some(request) = requests.into_iter().find(|request| wanted(&request.state))
        {
            return request;
        }
    }
}

#[tokio::test]
async fn a_request_travels_to_the_front_end_and_its_answer_to_the_issuer() {
    let mut world = World::start().await;
    let (client, mut events) = Client::connect(&world.socket(), Role::App).await.unwrap();
    client.call(Request::Subscribe).await.unwrap();
    let asked = request(&world.issuer_key);
    world.deliver(&asked).await;
    let view = until(&mut events, |state| *state == RequestState::Pending).await;
    client.call(Request::Shown { id: view.id.clone() }).await.unwrap();
    let decide = Request::Decide {
        id: view.id.clone(),
        verdict: Verdict::Approve,
        match_code: Some("482913".into()),
        reason: None,
        locale: "en".into(),
        statement_hash: view.statement_hash,
    };
    let (decided, decision) = tokio::join!(client.call(decide), world.receive(&asked));
    decided.unwrap();
    assert_eq!(decision.surface, countersign_protocol::DecidedOn::Window);
    assert_eq!(decision.counter, 1);
    until(&mut events, |state| {
        matches!(
            state,
            RequestState::Ended {
                outcome: Outcome::Approved,
                by_this_device: true,
                ..
            }
        )
    })
    .await;
    let evidence = match client.call(Request::Evidence { id: view.id }).await.unwrap() {
        Reply::Evidence(text) => text,
        other => panic!("{other:?}"),
    };
    countersign_protocol::Evidence::parse(evidence.as_bytes())
        .unwrap()
        .verify()
        .unwrap();
    assert_eq!(world.records().len(), 1);
}

#[tokio::test]
async fn deny_in_the_notification_reaches_the_issuer() {
    let mut world = World::start().await;
    let (client, mut events) = Client::connect(&world.socket(), Role::Terminal).await.unwrap();
    client.call(Request::Subscribe).await.unwrap();
    let asked = request(&world.issuer_key);
    world.deliver(&asked).await;
    let view = until(&mut events, |state| *state == RequestState::Pending).await;
    let shown = loop {
        if let Some(shown) = world.notifier.on_screen().into_iter().next() {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    world.notifier.act(&shown.id, Action::Deny);
    let decision = world.receive(&asked).await;
    assert_eq!(decision.verdict, countersign_protocol::Verdict::Deny);
    assert_eq!(decision.surface, countersign_protocol::DecidedOn::Notification);
    let opened = world.launches.0.lock().unwrap().clone();
    assert!(
        matches!(opened.as_slice(), [Window::Prompt { request: Some(RequestId(id)), .. }] if *id == view.id.0)
    );
}

#[tokio::test]
async fn a_front_end_can_end_the_agent_and_leaves_a_free_socket_and_state() {
    let world = World::start().await;
    let (client, _events) = Client::connect(&world.socket(), Role::Terminal).await.unwrap();
    client.call(Request::Shutdown).await.unwrap();
    let socket = world.socket();
    world.agent.await.unwrap();
    assert!(!socket.exists());
    let state = StateDir::open(&world.home.path().join("data")).unwrap();
    assert_eq!(state.read::<Accounts>().unwrap().unwrap().accounts.len(), 1);
}

#[tokio::test]
async fn a_front_end_that_does_not_read_is_dropped_and_others_go_on() {
    let world = World::start().await;
    let deaf = tokio::net::UnixStream::connect(world.socket()).await.unwrap();
    let (mut read, mut write) = deaf.into_split();
    let hello = Request::Hello {
        version: countersign_agent_api::API_VERSION,
        role: Role::App,
    };
    let call = countersign_agent_api::Call {
        id: 1,
        request: hello,
    };
    countersign_agent_api::frame::write(&mut write, &call)
        .await
        .unwrap();
    let _: countersign_agent_api::Message = countersign_agent_api::frame::read(&mut read).await.unwrap();
    let flood = async {
        for id in 2..200_000 {
            let call = countersign_agent_api::Call {
                id,
                request: Request::Accounts,
            };
            if countersign_agent_api::frame::write(&mut write, &call)
                .await
                .is_err()
            {
                return;
            }
        }
        panic!("it was never dropped");
    };
    flood.await;
    let (client, _events) = Client::connect(&world.socket(), Role::Terminal).await.unwrap();
    client.call(Request::Status).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn settings_are_changed_in_the_order_they_were_asked_for() {
    let world = World::start().await;
    let mut stream = tokio::net::UnixStream::connect(world.socket()).await.unwrap();
    let hello = Request::Hello {
        version: countersign_agent_api::API_VERSION,
        role: Role::App,
    };
    // So many that jobs beside each other would not all end in their order.
    let names: Vec<String> = (0..50).map(|number| format!("en-a{number:02}")).collect();
    let changes = names.iter().map(|name| Request::ChangeSetting {
        change: SettingChange::Language(Some(name.clone())),
    });
    let mut calls = Vec::new();
    for (id, request) in (1_u64..).zip(std::iter::once(hello).chain(changes)) {
        let call = countersign_agent_api::Call { id, request };
        countersign_agent_api::frame::write(&mut calls, &call)
            .await
            .unwrap();
    }
    tokio::io::AsyncWriteExt::write_all(&mut stream, &calls)
        .await
        .unwrap();
    let mut said = Vec::new();
    while said.len() < names.len() {
        let message = countersign_agent_api::frame::read(&mut stream).await.unwrap();
        let countersign_agent_api::Message::Reply { reply, .. } = message else {
            panic!("{message:?}");
        };
        if let Reply::Settings(settings) = *reply {
            said.push(settings.values.language.unwrap());
        }
    }
    assert_eq!(said, names);
}
