//! The private desktop session itself: what the stories stand on.

use std::collections::HashMap;

use anyhow::Result;
use countersign_tests::{
    front::{Notifications, runs},
    harness::{Process, Screens, Session, SessionOptions, pss_kib},
};
use zbus::zvariant::Value;

#[tokio::test]
async fn a_session_has_its_parts_and_ends_them() -> Result<()> {
    let session = Session::start().await?;
    assert!(session.display()?.starts_with(':'));
    let output = session
        .command("xdotool")
        .arg("getdisplaygeometry")
        .output()
        .await?;
    assert_eq!(String::from_utf8(output.stdout)?.trim(), "1366 768");

    let mut command = session.command("sh");
    command.args(["-c", "sleep 600 & echo $!; wait"]);
    let mut process = Process::start("sleeper", command, session.logs().dir())?;
    let grandchild: u32 = process.line("its child", |line| line.parse().ok()).await?;
    assert!(pss_kib(grandchild)? > 0);
    drop(process);
    countersign_tests::front::poll::until(
        "the child to end",
        std::time::Duration::from_secs(5),
        async || Ok((!runs(grandchild)?).then_some(())),
    )
    .await
}

#[tokio::test]
async fn a_keyring_can_be_locked_unlocked_emptied_and_missing() -> Result<()> {
    let options = SessionOptions {
        screens: Screens::None,
        notifications: false,
        keyring: true,
    };
    let mut session = Session::with(options).await?;
    let store = ["store", "--label=a secret", "purpose", "test"];
    let mut command = session.command("secret-tool");
    let mut child = command.args(store).stdin(std::process::Stdio::piped()).spawn()?;
    tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), b"canary").await?;
    assert!(child.wait().await?.success());
    let lookup = async |session: &Session| -> Result<String> {
        let output = session
            .command("secret-tool")
            .args(["lookup", "purpose", "test"])
            .output()
            .await?;
        Ok(String::from_utf8(output.stdout)?)
    };
    assert_eq!(session.keyring.items().await?, 1);
    assert_eq!(lookup(&session).await?, "canary");

    session.keyring.lock().await?;
    assert_eq!(lookup(&session).await?, "");
    assert_eq!(session.keyring.items().await?, 1, "locked is not absent");

    session.keyring.unlock().await?;
    assert_eq!(lookup(&session).await?, "canary");

    session.keyring.start_empty().await?;
    assert_eq!(session.keyring.items().await?, 0);

    session.keyring.stop().await?;
    assert!(session.keyring.items().await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_notification_button_is_pressed_through_the_daemon() -> Result<()> {
    let session = Session::with(SessionOptions {
        keyring: false,
        ..SessionOptions::default()
    })
    .await?;
    let mut notifications = Notifications::listen(&session.bus_address(), session.pick()).await?;
    let bus = session.bus();
    let proxy = zbus::Proxy::new(
        bus,
        "org.freedesktop.Notifications",
        "/org/freedesktop/Notifications",
        "org.freedesktop.Notifications",
    )
    .await?;
    let mut pressed = proxy.receive_signal("ActionInvoked").await?;
    let actions = ["a1", "Review", "a2", "Deny"].as_slice();
    let hints: HashMap<&str, Value<'_>> = HashMap::new();
    let id: u32 = proxy
        .call(
            "Notify",
            &("test", 0_u32, "", "A title", "A body", actions, hints, -1_i32),
        )
        .await?;
    let shown = notifications
        .shown("ours", |shown| shown.title == "A title")
        .await?;
    assert_eq!((shown.id, shown.labels()), (id, vec!["Review", "Deny"]));

    notifications.press("Deny").await?;
    let signal = futures_util::StreamExt::next(&mut pressed).await.unwrap();
    assert_eq!(
        signal.body().deserialize::<(u32, String)>()?,
        (id, "a2".to_owned())
    );
    Ok(())
}
