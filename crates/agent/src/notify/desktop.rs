//! Notifications of a desktop, by the session bus.
//!
//! One bus connection sends and listens. It has to be the same: services such as dunst address their signals to the
//! connection that sent the notification, and only our own connection shows us who sent a signal.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream};
use ring::rand::SecureRandom;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};
use zbus::{
    Connection, MatchRule, Message, MessageStream, message::Type, names::UniqueName, zvariant::Value,
};

use super::{
    Life, Notification, NotificationEvent, NotificationId, Notifier, NotifyError, Turn, Urgency,
    live::{ActionKeys, Live, Reading, Shown, Signal, escaped},
};

const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const BUS: &str = "org.freedesktop.DBus";
/// How long the bus and the service may take for one call. The service may have to be started first.
const CALL_LIMIT: Duration = Duration::from_secs(3);
/// Signals and events that may wait.
const QUEUE: usize = 64;
/// Notifications on screen at once. The engine coalesces long before.
const MAX_LIVE: usize = 64;

/// Shows notifications on the desktop. Connects with the first one and again whenever the bus has gone away.
pub struct DesktopNotifier {
    shared: Arc<Shared>,
}

struct Shared {
    rng: Box<dyn SecureRandom + Send + Sync>,
    events: mpsc::Sender<NotificationEvent>,
    forged: AtomicU64,
    /// Held while a notification is being sent: its signals are read after it is known.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    live: Live,
}

struct Link {
    bus: Connection,
    /// What the service can do, once asked, with the service's unique name.
    abilities: Option<Abilities>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct Abilities {
    actions: bool,
    markup: bool,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl std::fmt::Debug for DesktopNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DesktopNotifier").finish_non_exhaustive()
    }
}

impl DesktopNotifier {
    /// Action keys come from `rng`; what people do arrives at the receiver.
    pub fn new(rng: Box<dyn SecureRandom + Send + Sync>) -> (Self, mpsc::Receiver<NotificationEvent>) {
        let (events, receiver) = mpsc::channel(QUEUE);
        (
            Self {
                shared: Arc::new(Shared {
                    rng,
                    events,
                    forged: AtomicU64::new(0),
                    state: Mutex::default(),
                }),
            },
            receiver,
        )
    }
}

impl Notifier for DesktopNotifier {
    fn show(&self, turn: Turn, notification: Notification) -> BoxFuture<'_, Result<(), NotifyError>> {
        async move {
            let mut state = self.shared.state.lock().await;
            let result = self.shared.send(&mut state, turn, &notification).await;
            if result.is_err() {
                // Look again from the start next time: the bus or the service may be another one then.
                state.link = None;
            }
            result
        }
        .boxed()
    }

    fn close<'a>(&'a self, id: &'a NotificationId) -> BoxFuture<'a, ()> {
        async move {
            let mut state = self.shared.state.lock().await;
            let number = state.live.number_of(id);
            if let (Some(number), Some(link)) = (number, &state.link) {
                close(&link.bus, number).await;
                state.live.remove(number);
            }
        }
        .boxed()
    }
}

impl Shared {
    async fn send(
        self: &Arc<Self>,
        state: &mut State,
        turn: Turn,
        notification: &Notification,
    ) -> Result<(), NotifyError> {
        if state.live.len() >= MAX_LIVE && state.live.number_of(&notification.id).is_none() {
            return Err(NotifyError::Failed("too many notifications are on screen".into()));
        }
        let link = match &mut state.link {
            Some(link) => link,
            missing => missing.insert(self.connect().await?),
        };
        let abilities = match link.abilities {
            Some(known) => known,
            None => *link.abilities.insert(abilities(&link.bus).await?),
        };
        let offered = if abilities.actions {
            notification.actions.as_slice()
        } else {
            &[]
        };
        let (keys, actions) = ActionKeys::new(offered, self.rng.as_ref())
            .map_err(|_| NotifyError::Failed("no random numbers".into()))?;
        let body = if abilities.markup {
            escaped(&notification.body)
        } else {
            notification.body.clone()
        };
        let replaced = state.live.number_of(&notification.id).unwrap_or(0);
        let reply = call(
            &link.bus,
            "Notify",
            &(
                "Countersign",
                replaced,
                "io.countersign.app",
                notification.title.as_str(),
                body,
                actions,
                hints(notification.urgency),
                expiry(notification.life),
            ),
        )
        .await?;
        let number: u32 = reply.body().deserialize().map_err(failed)?;
        let server = reply
            .header()
            .sender()
            .map(|s| s.as_str().to_owned())
            .ok_or(NotifyError::NoService)?;
        state.live.insert(
            number,
            Shown {
                id: notification.id.clone(),
                turn,
                server,
                keys,
            },
        );
        Ok(())
    }

    async fn connect(self: &Arc<Self>) -> Result<Link, NotifyError> {
        let bus = limited(Connection::session()).await?.map_err(|error| {
            tracing::debug!(%error, "no session bus");
            NotifyError::NoService
        })?;
        let subscribe = async {
            let signals = MatchRule::builder()
                .msg_type(Type::Signal)
                .interface(SERVICE)?
                .build();
            let owners = MatchRule::builder()
                .msg_type(Type::Signal)
                .sender(BUS)?
                .member("NameOwnerChanged")?
                .add_arg(SERVICE)?
                .build();
            let signals = MessageStream::for_match_rule(signals, &bus, Some(QUEUE)).await?;
            let owners = MessageStream::for_match_rule(owners, &bus, Some(QUEUE)).await?;
            Ok::<_, zbus::Error>((signals, owners))
        };
        // Before anything is sent: an early click must not be missed.
        let (signals, owners) = limited(subscribe).await?.map_err(failed)?;
        let listener = tokio::spawn(listen(Arc::clone(self), bus.clone(), signals, owners));
        Ok(Link {
            bus,
            abilities: None,
            listener,
        })
    }

    async fn on_signal(&self, bus: &Connection, message: &Message) {
        let Some(signal) = parse(message) else { return };
        // Not held while the bus is asked: a flood of forgeries must not keep the engine waiting.
        let reading = self.state.lock().await.live.read(&signal);
        let (event, number, turn, server) = match reading {
            Reading::Foreign => return,
            Reading::WrongKey => return self.drop_forged(message),
            Reading::Means {
                event,
                number,
                turn,
                server,
            } => (event, number, turn, server),
        };
        if !same_process(bus, message, &server).await {
            return self.drop_forged(message);
        }
        // Replaced in the meantime, under the same number: the new one stays.
        if !self.state.lock().await.live.ended(number, turn) {
            return;
        }
        if matches!(event, NotificationEvent::Acted { .. }) {
            // Some services leave it standing after an action.
            close(bus, number).await;
        }
        let _ = self.events.send(event).await;
    }

    fn drop_forged(&self, message: &Message) {
        let count = self.forged.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            let header = message.header();
            let sender = header.sender().map(UniqueName::as_str).unwrap_or_default();
            tracing::warn!(
                sender,
                count,
                "notification signals were dropped: not from the notification service"
            );
        }
        // One more or less makes no difference to anybody, and whoever forges them decides how many there are.
        let _ = self.events.try_send(NotificationEvent::Forged);
    }

    async fn on_owner_change(&self, message: &Message) {
        let Ok((name, old, _new)) = message.body().deserialize::<(String, String, String)>() else {
            return;
        };
        if name != SERVICE || old.is_empty() {
            return;
        }
        let mut state = self.state.lock().await;
        if let Some(link) = &mut state.link {
            link.abilities = None;
        }
        let gone = state.live.drain(Some(&old));
        drop(state);
        self.report_closed(gone).await;
    }

    async fn report_closed(&self, gone: Vec<(NotificationId, Turn)>) {
        for (id, turn) in gone {
            let _ = self.events.send(NotificationEvent::Closed { id, turn }).await;
        }
    }
}

enum Heard {
    Signal(zbus::Result<Message>),
    Owner(zbus::Result<Message>),
}

/// Until the bus goes away; then everything on screen counts as closed.
async fn listen(shared: Arc<Shared>, bus: Connection, signals: MessageStream, owners: MessageStream) {
    let mut heard = stream::select(signals.map(Heard::Signal), owners.map(Heard::Owner));
    while let Some(message) = heard.next().await {
        match message {
            Heard::Signal(Ok(message)) => shared.on_signal(&bus, &message).await,
            Heard::Owner(Ok(message)) => shared.on_owner_change(&message).await,
            Heard::Signal(Err(_)) | Heard::Owner(Err(_)) => break,
        }
    }
    let gone = shared.state.lock().await.live.drain(None);
    shared.report_closed(gone).await;
}

fn parse(message: &Message) -> Option<Signal> {
    let header = message.header();
    let body = message.body();
    match header.member()?.as_str() {
        "ActionInvoked" => body
            .deserialize::<(u32, String)>()
            .ok()
            .map(|(number, key)| Signal::Invoked { number, key }),
        "NotificationClosed" => body
            .deserialize::<(u32, u32)>()
            .ok()
            .map(|(number, _)| Signal::Closed { number }),
        _ => None,
    }
}

/// Whether the message comes from the connection that took the notification, or from another one of the same process (GNOME
/// Shell answers from a second connection). The bus vouches for both the sender and the process.
async fn same_process(bus: &Connection, message: &Message, server: &str) -> bool {
    let header = message.header();
    let Some(sender) = header.sender() else {
        return false;
    };
    if sender.as_str() == server {
        return true;
    }
    let ours = process_of(bus, server).await;
    ours.is_some() && ours == process_of(bus, sender.as_str()).await
}

async fn process_of(bus: &Connection, name: &str) -> Option<u32> {
    let ask = bus.call_method(
        Some(BUS),
        "/org/freedesktop/DBus",
        Some(BUS),
        "GetConnectionUnixProcessID",
        &name,
    );
    timeout(CALL_LIMIT, ask)
        .await
        .ok()?
        .ok()?
        .body()
        .deserialize()
        .ok()
}

async fn abilities(bus: &Connection) -> Result<Abilities, NotifyError> {
    let reply = call(bus, "GetCapabilities", &()).await?;
    let list: Vec<String> = reply.body().deserialize().map_err(failed)?;
    let has = |name: &str| list.iter().any(|c| c == name);
    Ok(Abilities {
        actions: has("actions"),
        markup: has("body-markup"),
    })
}

async fn close(bus: &Connection, number: u32) {
    if let Err(e) = call(bus, "CloseNotification", &number).await {
        tracing::debug!(error = %e, "a notification could not be taken away");
    }
}

async fn call<B>(bus: &Connection, method: &str, body: &B) -> Result<Message, NotifyError>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    limited(bus.call_method(Some(SERVICE), PATH, Some(SERVICE), method, body))
        .await?
        .map_err(no_service)
}

async fn limited<T>(work: impl Future<Output = T>) -> Result<T, NotifyError> {
    timeout(CALL_LIMIT, work).await.map_err(|_| NotifyError::TimedOut)
}

fn hints(urgency: Urgency) -> HashMap<&'static str, Value<'static>> {
    let level: u8 = match urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::Critical => 2,
    };
    HashMap::from([
        ("urgency", Value::U8(level)),
        ("desktop-entry", Value::from("countersign")),
    ])
}

fn expiry(life: Life) -> i32 {
    match life {
        Life::Stays => 0,
        Life::Millis(ms) => i32::try_from(ms).unwrap_or(i32::MAX).max(1),
    }
}

fn failed(error: zbus::Error) -> NotifyError {
    NotifyError::Failed(Box::new(error))
}

/// Sorts out "nobody is there" from "somebody is there and failed".
#[allow(
    clippy::wildcard_enum_match_arm,
    reason = "zbus' error enum is non-exhaustive"
)]
fn no_service(error: zbus::Error) -> NotifyError {
    const NOBODY: [&str; 4] = [
        "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.NameHasNoOwner",
        "org.freedesktop.DBus.Error.NoReply",
        "org.freedesktop.DBus.Error.Disconnected",
    ];
    match &error {
        zbus::Error::MethodError(name, ..) if NOBODY.contains(&name.as_str()) => NotifyError::NoService,
        zbus::Error::MethodError(name, ..) if name.starts_with("org.freedesktop.DBus.Error.Spawn.") => {
            NotifyError::NoService
        }
        zbus::Error::MethodError(..) => failed(error),
        zbus::Error::InputOutput(_) => NotifyError::NoService,
        _ => failed(error),
    }
}

#[cfg(test)]
impl DesktopNotifier {
    /// What an eavesdropper on the bus would know of a notification.
    pub(super) async fn on_bus(&self, id: &NotificationId) -> Option<(u32, Vec<String>)> {
        let state = self.shared.state.lock().await;
        let number = state.live.number_of(id)?;
        Some((number, state.live.keys_of(number)))
    }
}
