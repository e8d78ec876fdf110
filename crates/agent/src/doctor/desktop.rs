//! The session bus, and on it the notification service and the tray.

use std::time::Duration;

use countersign_agent_api::Check;
use tokio::time::timeout;
use zbus::{Connection, fdo::DBusProxy};

use super::Found;

/// How long one answer may take. The notification service may have to be started first.
const LIMIT: Duration = Duration::from_secs(3);

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The longest name of a service that is told, in characters.
const MAX_NAME: usize = 64;

pub(super) async fn diagnose() -> Vec<Check> {
    let bus = limited(Connection::session()).await;
    let (notifications, tray) = match &bus {
        Some(bus) => (notifications(bus).await, tray(bus).await),
        None => (
            Found::warning(
                "notifications.no_bus",
                "There is no session bus, so no notification can be shown. The prompt opens by itself instead.",
            ),
            no_tray(),
        ),
    };
    vec![
        notifications.into_check("notifications", "Notifications"),
        tray.into_check("tray", "Tray"),
    ]
}

async fn notifications(bus: &Connection) -> Found {
    let ask = async |method: &str| {
        limited(bus.call_method(
            Some(NOTIFICATIONS),
            NOTIFICATIONS_PATH,
            Some(NOTIFICATIONS),
            method,
            &(),
        ))
        .await
    };
    let information = ask("GetServerInformation").await;
    let information =
        information.and_then(|m| m.body().deserialize::<(String, String, String, String)>().ok());
    let abilities = ask("GetCapabilities").await;
    let abilities = abilities.and_then(|m| m.body().deserialize::<Vec<String>>().ok());
    let (Some((name, _vendor, version, _specification)), Some(abilities)) = (information, abilities) else {
        return Found::warning(
            "notifications.missing",
            "No notification service answers. The prompt opens by itself instead.",
        );
    };
    let (name, version) = (short(&name), short(&version));
    let abilities: Vec<String> = abilities.iter().map(|ability| short(ability)).take(32).collect();
    let found = if abilities.iter().any(|ability| ability == "actions") {
        let detail = format!("{name} {version} shows notifications with buttons.");
        Found::passed("notifications.ready", detail)
    } else {
        let detail = format!(
            "{name} {version} shows notifications without buttons. Open the app to answer a request."
        );
        Found::warning("notifications.no_buttons", detail)
    };
    found
        .with("name", name)
        .with("version", version)
        .with("capabilities", abilities.join(", "))
}

async fn tray(bus: &Connection) -> Found {
    let has_watcher = async {
        let names = DBusProxy::new(bus).await?;
        names
            .name_has_owner(WATCHER.try_into()?)
            .await
            .map_err(zbus::Error::from)
    };
    if limited(has_watcher).await != Some(true) {
        return no_tray();
    }
    let property = (WATCHER, "IsStatusNotifierHostRegistered");
    let reply =
        limited(bus.call_method(Some(WATCHER), WATCHER_PATH, Some(PROPERTIES), "Get", &property)).await;
    let has_host = reply.is_some_and(|reply| {
        let body = reply.body();
        let value = body.deserialize::<zbus::zvariant::Value<'_>>();
        value.is_ok_and(|value| value == zbus::zvariant::Value::Bool(true))
    });
    if has_host {
        Found::passed("tray.ready", "The desktop shows tray icons.")
    } else {
        Found::skipped(
            "tray.no_host",
            "The desktop takes tray icons but does not show them. Nothing depends on it.",
        )
    }
}

fn no_tray() -> Found {
    Found::skipped(
        "tray.missing",
        "The desktop has no tray for icons. Nothing depends on it.",
    )
}

fn short(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// What comes of it in time.
async fn limited<T>(work: impl Future<Output = zbus::Result<T>>) -> Option<T> {
    timeout(LIMIT, work).await.ok()?.ok()
}
