//! The screen by way of the desktop portal (`org.freedesktop.portal.Screenshot`): on Wayland only the desktop itself can see it,
//! and asks the person first.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use futures_util::StreamExt;
use tokio::time::timeout;
use zbus::{
    Connection, Proxy,
    zvariant::{OwnedObjectPath, OwnedValue, Value},
};

use super::QrError;

const PORTAL: &str = "org.freedesktop.portal.Desktop";
/// The person may have to agree first.
const PATIENCE: Duration = Duration::from_secs(90);

type Results = HashMap<String, OwnedValue>;

/// Asks for a picture of the screen, and gives the file that the portal wrote.
///
/// # Errors
/// [`QrError::NoScreen`]: there is no portal, or the person did not want it.
pub(super) async fn screenshot() -> Result<PathBuf, QrError> {
    let answered = timeout(PATIENCE, ask())
        .await
        .map_err(|_| QrError::NoScreen(None))?;
    let (response, results) = answered.map_err(|e| QrError::NoScreen(Some(e)))?;
    let uri = results.get("uri").and_then(|uri| uri.downcast_ref::<&str>().ok());
    match (response, uri.and_then(|uri| tauri::Url::parse(uri).ok())) {
        (0, Some(uri)) if uri.scheme() == "file" => uri.to_file_path().map_err(|()| QrError::NoScreen(None)),
        _ => Err(QrError::NoScreen(None)),
    }
}

async fn ask() -> zbus::Result<(u32, Results)> {
    let bus = Connection::session().await?;
    // The answer's path is known beforehand, so that it cannot be missed (Portal documentation, org.freedesktop.portal.Request).
    let token = "countersign_screen";
    let sender = bus
        .unique_name()
        .map_or_else(String::new, |name| name.trim_start_matches(':').replace('.', "_"));
    let path = OwnedObjectPath::try_from(format!(
        "/org/freedesktop/portal/desktop/request/{sender}/{token}"
    ))?;
    let request = Proxy::new(&bus, PORTAL, path, "org.freedesktop.portal.Request").await?;
    let mut responses = request.receive_signal("Response").await?;
    let portal = Proxy::new(
        &bus,
        PORTAL,
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.portal.Screenshot",
    )
    .await?;
    let options = HashMap::from([
        ("handle_token", Value::from(token)),
        ("interactive", Value::from(false)),
    ]);
    let _: OwnedObjectPath = portal.call("Screenshot", &("", options)).await?;
    let response = responses.next().await.ok_or(zbus::Error::InvalidReply)?;
    response.body().deserialize()
}
