//! The desktop's accent colour, from its settings portal (`org.freedesktop.portal.Settings`).
//!
//! Invariants: nothing waits for it; no portal, no answer in time and a value that is no colour are all the same: no accent,
//! and the windows keep their own. Whether a colour is fit for the windows is decided there.

use std::time::Duration;

use futures_util::StreamExt;
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};
use zbus::{
    Connection, Proxy,
    zvariant::{OwnedValue, Value},
};

use crate::shell::Input;

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SETTINGS: &str = "org.freedesktop.portal.Settings";
const NAMESPACE: &str = "org.freedesktop.appearance";
const KEY: &str = "accent-color";
/// A colour that comes later would change the window under the person's eyes.
const PATIENCE: Duration = Duration::from_secs(1);

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Accent {
    /// Red.
    pub(crate) r: u8,
    /// Green.
    pub(crate) g: u8,
    /// Blue.
    pub(crate) b: u8,
}

/// Tells the accent, and each change of it, until the shell is gone.
pub(crate) async fn follow(inputs: mpsc::Sender<Input>) {
    if let Ok(bus) = Connection::session().await {
        // Without a portal there is nothing to follow, and nothing wrong.
        let _ = listen(&bus, &inputs).await;
    }
}

async fn listen(bus: &Connection, inputs: &mpsc::Sender<Input>) -> zbus::Result<()> {
    let portal = Proxy::new(bus, PORTAL, PATH, SETTINGS).await?;
    // Before the first look, so that no change falls in between.
    let mut changes = portal
        .receive_signal_with_args("SettingChanged", &[(0, NAMESPACE), (1, KEY)])
        .await?;
    let read = timeout(PATIENCE, read(&portal)).await;
    let mut accent = read.ok().and_then(Result::ok).and_then(|value| parse(&value));
    while inputs.send(Input::Accent(accent)).await.is_ok() {
        let Some(change) = changes.next().await else { break };
        let body = change.body();
        let changed = body.deserialize::<(&str, &str, Value<'_>)>();
        accent = changed.ok().and_then(|(_, _, value)| parse(&value));
    }
    Ok(())
}

async fn read(portal: &Proxy<'_>) -> zbus::Result<OwnedValue> {
    match portal.call("ReadOne", &(NAMESPACE, KEY)).await {
        Ok(value) => Ok(value),
        // Version 1 of the interface has only this one.
        Err(_) => portal.call("Read", &(NAMESPACE, KEY)).await,
    }
}

/// Red, green and blue from 0 to 1. What is out of that range means "no preference" to the portal.
fn parse(value: &Value<'_>) -> Option<Accent> {
    // `Read` wraps its answer twice.
    let value = if let Value::Value(inner) = value {
        inner
    } else {
        value
    };
    let Value::Structure(colour) = value else {
        return None;
    };
    let [Value::F64(r), Value::F64(g), Value::F64(b)] = colour.fields() else {
        return None;
    };
    Some(Accent {
        r: channel(*r)?,
        g: channel(*g)?,
        b: channel(*b)?,
    })
}

fn channel(share: f64) -> Option<u8> {
    (0.0..=1.0)
        .contains(&share)
        .then(|| (share * 255.0).round() as u8)
}

#[cfg(test)]
mod tests;
