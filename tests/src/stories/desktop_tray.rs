//! The icon in the tray, as a desktop's panel sees it.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result, ensure};
use countersign_agent_api::Outcome;
use futures_util::StreamExt as _;
use tokio::{sync::mpsc, time::timeout};
use zbus::{
    Connection, Proxy, connection, interface,
    zvariant::{OwnedValue, Value},
};

use super::Stage;
use crate::front::SOON;

/// The panel's end of the bus: told of every icon.
struct Watcher(mpsc::UnboundedSender<String>);

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        // The story looks at the first one only.
        let _ = self.0.send(service);
    }
}

/// A panel comes up after the agent; its icon shows what waits and opens it.
pub(super) async fn tray_shows_and_opens(stage: &mut Stage) -> Result<()> {
    let (sender, mut registered) = mpsc::unbounded_channel();
    let panel: Connection = connection::Builder::address(stage.session.bus_address().as_str())?
        .serve_at("/StatusNotifierWatcher", Watcher(sender))?
        .name("org.kde.StatusNotifierWatcher")?
        .build()
        .await?;
    let name = timeout(SOON, registered.recv())
        .await
        .context("the icon was not registered")?
        .context("no icon")?;
    let item = Proxy::new(
        &panel,
        name.clone(),
        "/StatusNotifierItem",
        "org.kde.StatusNotifierItem",
    )
    .await?;
    let menu = Proxy::new(&panel, name, "/MenuBar", "com.canonical.dbusmenu").await?;
    let mut news = item.receive_signal("NewStatus").await?;
    ensure!(
        item.get_property::<String>("Status").await? == "Active",
        "something waits already"
    );
    ensure!(
        labels(&menu)
            .await?
            .iter()
            .all(|(_, label)| label != "Review next request")
    );

    let (asked, _) = stage.payment().await?;
    let change = timeout(SOON, news.next())
        .await
        .context("the icon does not change")?
        .context("the icon is gone")?;
    ensure!(change.body().deserialize::<&str>()? == "NeedsAttention");
    click(&menu, "Review next request").await?;
    let launch = stage.agent.app.next().await?;
    ensure!(
        launch.arguments.first().is_some_and(|a| a == "--prompt")
            && launch.arguments.iter().any(|a| a == "--focus"),
        "the menu opened {:?}",
        launch.arguments
    );
    let app = stage.driver().await?.open(launch).await?;
    let prompt = crate::front::Prompt::painted(app.page.clone()).await?;
    prompt.type_code(asked.code()?).await?;
    prompt.approve().await?;
    stage.watch.ended_as(&asked.txn, Outcome::Approved).await?;
    let change = timeout(SOON, news.next())
        .await
        .context("the icon does not change")?
        .context("the icon is gone")?;
    ensure!(
        change.body().deserialize::<&str>()? == "Active",
        "nothing waits, but the icon says so"
    );

    // Idle means idle: nothing is sent while nothing changes.
    let quiet = timeout(Duration::from_secs(2), news.next()).await;
    ensure!(quiet.is_err(), "the icon changed by itself");
    click(&menu, "Quit").await?;
    let status = stage.agent.ended().await?;
    ensure!(status.success(), "the agent ended with {status}");
    Ok(())
}

async fn labels(menu: &Proxy<'_>) -> Result<Vec<(i32, String)>> {
    let arguments = (Vec::<i32>::new(), Vec::<String>::new());
    let entries: Vec<(i32, HashMap<String, OwnedValue>)> =
        menu.call("GetGroupProperties", &arguments).await?;
    let label =
        |properties: HashMap<String, OwnedValue>| properties.get("label")?.downcast_ref::<String>().ok();
    Ok(entries
        .into_iter()
        .filter_map(|(id, properties)| Some((id, label(properties)?)))
        .collect())
}

async fn click(menu: &Proxy<'_>, wanted: &str) -> Result<()> {
    let labels = labels(menu).await?;
    let (id, _) = labels
        .iter()
        .find(|(_, label)| label == wanted)
        .with_context(|| format!("no “{wanted}” in {labels:?}"))?;
    Ok(menu.call("Event", &(id, "clicked", Value::from(0), 0u32)).await?)
}
