//! The engine against fakes that are as strict as the real ones: an issuer that verifies every decision as
//! docs/protocol.md (section 5.4) says, a disk that can fail, and a clock that the test moves.

mod answers;
mod arrivals;
mod calls;
mod contents;
mod enrolment;
mod foreign;
mod hush;
mod issuer;
mod notifications;
mod properties;
mod reports;
mod restart;
mod rotation;
mod upkeep;

use countersign_agent_api::{
    AccountId, ApiError, Event as FrontEndEvent, HeldBack, Reply, Request, RequestId, RequestState,
    RequestView, Role, Transport, Verdict as ApiVerdict,
};
use countersign_agent_api::{NotificationPrivacy as Privacy, OpenPrompt};
use countersign_protocol::{
    Es256Key, Evidenced, Jti, KeyProtection, Outcome, ProtectionLevel, Requires, Signer as _, jws,
};

use super::*;
use crate::{
    channel::{
        Answer, Binding, ChannelEvent, DecisionOutcome, EnrolmentError, Health, Offer, Signed, native,
    },
    edge,
    ipc::ConnectionId,
    keystore::{DeviceKey, KeyRef, PublicKey},
    net::NetError,
    notify::{Action, Notification, NotificationEvent, NotificationId, Turn},
    state_dir::StateError,
};

use self::issuer::Issuer;

/// Where the clocks start; the issuer's is [`OFFSET`] ahead.
const START: i64 = 1_795_000_000;
const OFFSET: i64 = 90;

const APP: ConnectionId = ConnectionId(1);
const TERMINAL: ConnectionId = ConnectionId(2);

/// One agent with one account, its disk and its issuer.
struct Bench {
    engine: Engine,
    issuer: Issuer,
    key: Es256Key,
    account: AccountId,
    now: i64,
    disk: Disk,
    /// What was not carried out by the bench itself, oldest first.
    effects: Vec<Effect>,
    showings: Vec<(Turn, Notification)>,
    calls: u64,
    jtis: u8,
    /// After how many more writes the agent is killed, if it is.
    killed_after: Option<usize>,
}

/// What survives a restart.
#[derive(Debug, Clone, Default)]
struct Disk {
    accounts: Accounts,
    outbox: Outbox,
    records: Vec<crate::history::Record>,
    full: bool,
    /// Highest counter on disk when each decision was signed.
    counters: Vec<u64>,
}

fn settings(privacy: Privacy, open_prompt: OpenPrompt) -> Settings {
    let mut chosen = crate::config::Effective::default().view(false);
    chosen.values.notifications = privacy;
    chosen.values.open_prompt = open_prompt;
    Settings {
        chosen,
        language: Language::English,
        time_zone: jiff::tz::TimeZone::UTC,
        device_name: "desk".into(),
        key_protection: protection(),
        poll_seconds: 3,
    }
}

fn protection() -> KeyProtection {
    KeyProtection {
        level: ProtectionLevel::Sw,
        evidence: Evidenced::Claimed,
    }
}

fn software_key() -> Es256Key {
    let rng = edge::random();
    Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng).unwrap(), &rng).unwrap()
}

fn device_key(key: &Es256Key, number: u8) -> DeviceKey {
    DeviceKey {
        reference: KeyRef::from_random([number; 16]),
        public: PublicKey::Es256(key.public_key().clone()),
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(settings(Privacy::Private, OpenPrompt::Always))
    }

    fn with(settings: Settings) -> Self {
        let mut issuer = Issuer::new();
        let key = software_key();
        let account = AccountId("a1".into());
        let binding = issuer.binding(device_key(&key, 1));
        let accounts = Accounts {
            accounts: vec![Account {
                id: account.clone(),
                name: None,
                issuer_name: "Alder Group".into(),
                binding,
                other_key: None,
                protection: protection(),
                counter: 0,
                mutes: Vec::new(),
                standing: Standing::Enrolled,
                added_at: START,
                holds: Vec::new(),
            }],
            spare_keys: Vec::new(),
        };
        let disk = Disk {
            accounts: accounts.clone(),
            ..Disk::default()
        };
        let engine = Engine::new(settings, accounts, Outbox::default(), START);
        let mut bench = Self {
            engine,
            issuer,
            key,
            account,
            now: START,
            disk,
            effects: Vec::new(),
            showings: Vec::new(),
            calls: 0,
            jtis: 0,
            killed_after: None,
        };
        bench.event(Event::Started);
        bench.health(Health::Connected(Transport::Websocket));
        bench.event(Event::Connected(TERMINAL, Role::Terminal));
        bench.effects.clear();
        bench
    }

    /// The agent dies and starts again from what is on disk.
    fn restart(&mut self) {
        let settings = self.engine.settings.clone();
        self.engine = Engine::new(
            settings,
            self.disk.accounts.clone(),
            self.disk.outbox.clone(),
            self.now,
        );
        self.killed_after = None;
        self.effects.clear();
        self.event(Event::Started);
    }

    /// Hands in an event; saving and recording happen at once, as in the driver.
    fn event(&mut self, event: Event) {
        let mut queue = std::collections::VecDeque::from(self.engine.handle(event, self.now));
        while let Some(effect) = queue.pop_front() {
            if self.killed_after == Some(0) {
                return;
            }
            match effect {
                Effect::Save(snapshot, then) => {
                    let result = self.save(snapshot);
                    self.killed_after = self.killed_after.map(|writes| writes.saturating_sub(1));
                    if self.killed_after == Some(0) {
                        return;
                    }
                    let following = self.engine.handle(Event::Saved(then, result), self.now);
                    following
                        .into_iter()
                        .rev()
                        .for_each(|effect| queue.push_front(effect));
                }
                Effect::Record(record) => self.disk.records.push(*record),
                other => {
                    if let Effect::Notify(turn, notification) = &other {
                        self.showings.push((*turn, notification.clone()));
                    }
                    self.effects.push(other);
                }
            }
        }
    }

    fn save(&mut self, snapshot: Snapshot) -> Result<(), StateError> {
        if self.disk.full {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(StateError::Io {
                doing: "write",
                path: "accounts.json".into(),
                source,
            });
        }
        match snapshot {
            Snapshot::Accounts(accounts) => self.disk.accounts = accounts,
            Snapshot::Outbox(outbox) => self.disk.outbox = outbox,
        }
        Ok(())
    }

    fn channel(&mut self, event: ChannelEvent) {
        self.event(Event::Channel(self.account.clone(), event));
    }

    fn health(&mut self, health: Health) {
        self.channel(ChannelEvent::Health(health));
    }

    /// Lets time pass; the clock is looked at once, at its end.
    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.event(Event::Tick);
    }

    /// The issuer delivers a payment that asks for the default: a six digit code in the window.
    fn payment(&mut self) -> RequestId {
        self.request(Requires::default(), "Treasury Portal")
    }

    fn request(&mut self, requires: Requires, client: &str) -> RequestId {
        let request = self.issuer.request(requires, client, self.now + OFFSET);
        let txn = request.claims.txn.clone();
        self.channel(ChannelEvent::Request(Box::new(request)));
        self.engine
            .inbox
            .by_txn(&self.account, &txn)
            .expect("not admitted")
            .id
            .clone()
    }

    /// A call of the terminal and its answer.
    fn call(&mut self, request: Request) -> Result<Reply, ApiError> {
        self.call_from(TERMINAL, request).expect("no answer yet")
    }

    /// A call and, if it came at once, its answer.
    fn call_from(&mut self, connection: ConnectionId, request: Request) -> Option<Result<Reply, ApiError>> {
        self.calls += 1;
        let call = Call {
            connection,
            id: self.calls,
        };
        self.event(Event::Called(call, request));
        self.reply_to(call)
    }

    /// The person wants to see what is held back of a client; what is shown then.
    fn release(&mut self, held: &HeldBack) -> Vec<RequestView> {
        let release = Request::ReleaseHeldBack {
            account: held.account.clone(),
            client_id: held.client_id.clone(),
        };
        match self.call(release) {
            Ok(Reply::Requests(shown)) => shown,
            other => panic!("{other:?}"),
        }
    }

    fn reply_to(&mut self, wanted: Call) -> Option<Result<Reply, ApiError>> {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::Reply(call, _) if *call == wanted))?;
        match self.effects.remove(position) {
            Effect::Reply(_, result) => Some(result),
            other => panic!("{other:?}"),
        }
    }

    fn last_call(&self) -> Call {
        Call {
            connection: TERMINAL,
            id: self.calls,
        }
    }

    fn view(&self, id: &RequestId) -> RequestView {
        self.engine.view_of(id).expect("no such request")
    }

    fn state(&self, id: &RequestId) -> RequestState {
        self.view(id).state
    }

    fn show(&mut self, id: &RequestId) {
        self.call(Request::Shown { id: id.clone() }).unwrap();
    }

    fn decide(&mut self, id: &RequestId, verdict: ApiVerdict, code: Option<&str>) -> Result<Reply, ApiError> {
        let statement_hash = self.view(id).statement_hash;
        self.call(Request::Decide {
            id: id.clone(),
            verdict,
            match_code: code.map(str::to_owned),
            reason: None,
            locale: "en".into(),
            statement_hash,
        })
    }

    /// Shows a request and approves it with this code; the key signs and the decision is ready to be delivered.
    fn approve(&mut self, id: &RequestId, code: &str) -> Answer {
        self.show(id);
        self.decide(id, ApiVerdict::Approve, Some(code)).unwrap();
        self.sign();
        self.delivery()
    }

    /// The key signs what is asked of it.
    fn sign(&mut self) {
        let order = self.order();
        let (request, signed) = self.signature(order);
        self.event(Event::Signed(request, Ok(signed)));
    }

    fn order(&mut self) -> SignOrder {
        let position = self.effects.iter().position(|e| matches!(e, Effect::Sign(_)));
        match self.effects.remove(position.expect("nothing to sign")) {
            Effect::Sign(order) => *order,
            other => panic!("{other:?}"),
        }
    }

    fn signature(&mut self, order: SignOrder) -> (RequestId, Signed) {
        let request = order.request.clone();
        assert_eq!(
            order.binding.key.es256().unwrap(),
            self.key.public_key(),
            "signed with another key"
        );
        self.jtis += 1;
        let jti = Jti::from_random([self.jtis; 16]);
        let now = self.now + order.binding.offset;
        let claims = native::decision(&order.source, order.decision, now, jti).unwrap();
        self.disk.counters.push(self.disk.accounts.accounts[0].counter);
        assert!(
            claims.counter <= self.disk.accounts.accounts[0].counter,
            "counter not on disk yet"
        );
        let message = jws::sign(&claims, &self.key).unwrap();
        let exp = Some(claims.exp);
        (request, Signed { message, exp })
    }

    fn delivery(&mut self) -> Answer {
        self.deliveries().pop().expect("nothing to deliver")
    }

    fn deliveries(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Deliver(_, _, answer) => {
                answers.push(answer.clone());
                false
            }
            _ => true,
        });
        answers
    }

    /// Hands an answer to the issuer and its outcome to the engine.
    fn deliver(&mut self, id: &RequestId, answer: &Answer) {
        let outcome = self.issuer.decide(answer, self.now + OFFSET);
        self.outcome(id, outcome);
    }

    fn outcome(&mut self, id: &RequestId, outcome: DecisionOutcome) {
        self.event(Event::Delivered(id.clone(), outcome));
    }

    /// The desktop app connects, subscribes and puts a request on screen.
    fn app_shows(&mut self, id: &RequestId) {
        self.app();
        self.call_from(APP, Request::Shown { id: id.clone() })
            .unwrap()
            .unwrap();
    }

    fn app(&mut self) {
        self.event(Event::Connected(APP, Role::App));
        self.call_from(APP, Request::Subscribe).unwrap().unwrap();
    }

    /// What is on the desktop, from the effects so far; the effects stay.
    fn desktop(&self) -> BTreeMap<NotificationId, Notification> {
        let mut desktop = BTreeMap::new();
        for effect in &self.effects {
            match effect {
                Effect::Notify(_, notification) => {
                    desktop.insert(notification.id.clone(), notification.clone());
                }
                Effect::CloseNotification(id) => {
                    desktop.remove(id);
                }
                _ => {}
            }
        }
        desktop
    }

    fn only_notification(&self) -> Notification {
        let desktop: Vec<_> = self.desktop().into_values().collect();
        assert_eq!(desktop.len(), 1, "{desktop:?}");
        desktop.into_iter().next().unwrap()
    }

    fn act(&mut self, notification: &Notification, action: Action) {
        let (id, turn) = (notification.id.clone(), self.turn(notification));
        self.event(Event::Notification(NotificationEvent::Acted { id, turn, action }));
    }

    fn dismiss(&mut self, notification: &Notification) {
        let (id, turn) = (notification.id.clone(), self.turn(notification));
        self.event(Event::Notification(NotificationEvent::Closed { id, turn }));
    }

    /// The last showing of a notification like this.
    fn turn(&self, notification: &Notification) -> Turn {
        let showing = self
            .showings
            .iter()
            .rev()
            .find(|(_, shown)| shown == notification);
        showing.expect("it was never shown").0
    }

    fn launches(&self) -> Vec<countersign_agent_api::Window> {
        let launches = self.effects.iter().filter_map(|effect| match effect {
            Effect::Launch(window, _) => Some(window.clone()),
            _ => None,
        });
        launches.collect()
    }

    fn published(&self, connection: ConnectionId) -> Vec<FrontEndEvent> {
        let events = self.effects.iter().filter_map(|effect| match effect {
            Effect::Publish(to, event) if *to == connection => Some(event.clone()),
            _ => None,
        });
        events.collect()
    }

    fn signs_nothing(&self) -> bool {
        !self
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Sign(_)))
    }

    fn binding(&self) -> Binding {
        self.engine.account(&self.account).unwrap().binding.clone()
    }

    fn offer(&self, account: &str) -> Offer {
        self.issuer.offer(account, self.now + 600)
    }
    /// The reference is drawn and on disk; what the key is for.
    fn key_wanted(&mut self, drawn: KeyRef) -> KeyPurpose {
        self.reserve(drawn.clone());
        assert!(self.disk.accounts.spare_keys.contains(&drawn), "not on disk yet");
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::CreateKey(..)));
        match self.effects.remove(position.expect("no key wanted")) {
            Effect::CreateKey(purpose, reference) => {
                assert_eq!(reference, drawn);
                purpose
            }
            other => panic!("{other:?}"),
        }
    }

    fn reserve(&mut self, drawn: KeyRef) {
        let position = self
            .effects
            .iter()
            .position(|e| matches!(e, Effect::ReserveKey(_)));
        match self.effects.remove(position.expect("no key wanted")) {
            Effect::ReserveKey(purpose) => self.event(Event::KeyReserved(purpose, Ok(drawn))),
            other => panic!("{other:?}"),
        }
    }

    fn deleted(&self) -> Vec<KeyRef> {
        let deleted = self.effects.iter().filter_map(|effect| match effect {
            Effect::DeleteKey(key, _) => Some(key.clone()),
            _ => None,
        });
        deleted.collect()
    }

    fn key_in_use(&self) -> KeyRef {
        self.binding().key.reference
    }
}

/// It is not known whether the issuer has heard of it.
fn unanswered() -> EnrolmentError {
    EnrolmentError::Net(NetError::TimedOut {
        host: "id.alder.example".into(),
        sent: true,
    })
}
