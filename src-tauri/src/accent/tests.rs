use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use zbus::{connection, fdo, interface};

use super::*;

const TEAL: (f64, f64, f64) = (0.125, 0.5, 0.625);

fn accent(r: u8, g: u8, b: u8) -> Accent {
    Accent { r, g, b }
}

#[test]
fn three_shares_from_nothing_to_all_are_a_colour() {
    assert_eq!(parse(&Value::from((0.0, 0.5, 1.0))), Some(accent(0, 128, 255)));
    let wrapped = Value::Value(Box::new(Value::from(TEAL)));
    assert_eq!(parse(&wrapped), Some(accent(32, 128, 159)));
}

#[test]
fn anything_else_is_no_accent() {
    for shares in [
        (-0.1, 0.5, 0.5),
        (0.5, 1.01, 0.5),
        (0.5, 0.5, f64::NAN),
        (f64::INFINITY, 0.5, 0.5),
    ] {
        assert_eq!(parse(&Value::from(shares)), None, "{shares:?}");
    }
    for value in [
        Value::from("#2190a4"),
        Value::from(0.5),
        Value::from((0.5, 0.5)),
        Value::from((0.5, 0.5, 0.5, 1.0)),
        Value::from((0u8, 128u8, 255u8)),
    ] {
        assert_eq!(parse(&value), None, "{value:?}");
    }
}

/// A session bus of its own, for as long as the child lives.
async fn bus() -> (Child, String) {
    let mut daemon = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--print-address"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
    let address = lines.next_line().await.unwrap().unwrap();
    (daemon, address)
}

async fn serve(address: &str, portal: impl zbus::object_server::Interface) -> Connection {
    let builder = connection::Builder::address(address).unwrap();
    let builder = builder.serve_at(PATH, portal).unwrap();
    builder.name(PORTAL).unwrap().build().await.unwrap()
}

async fn followed(address: &str) -> mpsc::Receiver<Input> {
    let bus = connection::Builder::address(address).unwrap();
    let bus = bus.build().await.unwrap();
    let (sender, inputs) = mpsc::channel(4);
    tokio::spawn(async move { listen(&bus, &sender).await });
    inputs
}

async fn change(portal: &Connection, namespace: &str, value: Value<'_>) {
    let body = (namespace, KEY, value);
    portal
        .emit_signal(None::<&str>, PATH, SETTINGS, "SettingChanged", &body)
        .await
        .unwrap();
}

/// The interface's version 2.
struct Portal;

#[interface(name = "org.freedesktop.portal.Settings")]
impl Portal {
    fn read_one(&self, namespace: &str, key: &str) -> fdo::Result<OwnedValue> {
        assert_eq!((namespace, key), (NAMESPACE, KEY));
        Ok(Value::from(TEAL).try_into_owned().unwrap())
    }
}

/// Its version 1.
struct OldPortal;

#[interface(name = "org.freedesktop.portal.Settings")]
impl OldPortal {
    fn read(&self, namespace: &str, key: &str) -> fdo::Result<OwnedValue> {
        assert_eq!((namespace, key), (NAMESPACE, KEY));
        let wrapped = Value::Value(Box::new(Value::from(TEAL)));
        Ok(wrapped.try_into_owned().unwrap())
    }
}

/// One that has no such setting.
struct PlainPortal;

#[interface(name = "org.freedesktop.portal.Settings")]
impl PlainPortal {
    fn read_one(&self, _namespace: &str, _key: &str) -> fdo::Result<OwnedValue> {
        Err(fdo::Error::Failed("Requested setting not found".into()))
    }
}

#[tokio::test]
async fn the_accent_and_its_changes_are_told() {
    let (_daemon, address) = bus().await;
    let portal = serve(&address, Portal).await;
    let mut inputs = followed(&address).await;
    assert_eq!(
        inputs.recv().await,
        Some(Input::Accent(Some(accent(32, 128, 159))))
    );
    change(&portal, "org.example", Value::from((1.0, 1.0, 1.0))).await;
    change(&portal, NAMESPACE, Value::from((0.0, 0.0, 1.0))).await;
    assert_eq!(inputs.recv().await, Some(Input::Accent(Some(accent(0, 0, 255)))));
    change(&portal, NAMESPACE, Value::from((-1.0, -1.0, -1.0))).await;
    assert_eq!(inputs.recv().await, Some(Input::Accent(None)));
}

#[tokio::test]
async fn an_old_portal_is_asked_the_old_way() {
    let (_daemon, address) = bus().await;
    let _portal = serve(&address, OldPortal).await;
    let mut inputs = followed(&address).await;
    assert_eq!(
        inputs.recv().await,
        Some(Input::Accent(Some(accent(32, 128, 159))))
    );
}

#[tokio::test]
async fn a_portal_without_the_setting_means_no_accent() {
    let (_daemon, address) = bus().await;
    let portal = serve(&address, PlainPortal).await;
    let mut inputs = followed(&address).await;
    assert_eq!(inputs.recv().await, Some(Input::Accent(None)));
    change(&portal, NAMESPACE, Value::from(TEAL)).await;
    assert_eq!(
        inputs.recv().await,
        Some(Input::Accent(Some(accent(32, 128, 159))))
    );
}
