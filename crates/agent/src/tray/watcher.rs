//! `org.kde.StatusNotifierWatcher`: where hosts learn which icons there are. It may come late, go, and come again.

use zbus::{
    Connection, MatchRule, Message, MessageStream,
    message::{Flags, Type},
};

const NAME: &str = "org.kde.StatusNotifierWatcher";
const PATH: &str = "/StatusNotifierWatcher";
const BUS: &str = "org.freedesktop.DBus";
/// Changes that may wait.
const QUEUE: usize = 16;

/// The watcher's coming and going, from now on.
pub(super) async fn changes(bus: &Connection) -> zbus::Result<MessageStream> {
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)?
        .member("NameOwnerChanged")?
        .add_arg(NAME)?
        .build();
    MessageStream::for_match_rule(rule, bus, Some(QUEUE)).await
}

/// Whether there is a new watcher.
pub(super) fn has_come(change: &Message) -> bool {
    let body = change.body();
    body.deserialize::<(&str, &str, &str)>()
        .is_ok_and(|(_, _, new)| !new.is_empty())
}

/// Tells the watcher of the icon, if there is one. No answer is waited for: nothing would be done about it, and a watcher that
/// hangs holds nobody up.
pub(super) async fn register(bus: &Connection) {
    let Some(own) = bus.unique_name() else { return };
    let call = Message::method_call(PATH, "RegisterStatusNotifierItem")
        .and_then(|call| call.destination(NAME))
        .and_then(|call| call.interface(NAME))
        .and_then(|call| call.with_flags(Flags::NoReplyExpected))
        .and_then(|call| call.with_flags(Flags::NoAutoStart))
        .and_then(|call| call.build(&own.as_str()));
    let sent = match call {
        Ok(call) => bus.send(&call).await,
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        tracing::debug!(%error, "the tray's watcher could not be told");
    }
}
