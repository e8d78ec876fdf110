//! Desktop notifications as somebody at the desk, and as another program of the same user: what was shown (seen as a bus
//! monitor), pressing a button in the real notification daemon, and forging the signal of such a press.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt as _;
use tokio::{process::Command, time::timeout};
use zbus::{
    Connection, MatchRule, Message, MessageStream, connection,
    fdo::MonitoringProxy,
    message::Type,
    zvariant::{OwnedValue, Value},
};

use super::poll;

/// How long a notification may take.
const SOON: Duration = Duration::from_secs(15);
const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// One notification, as it went over the bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Who sent it: the unique bus name.
    pub sender: String,
    /// The daemon's id for it.
    pub id: u32,
    /// Whom it replaces; 0 for nobody.
    pub replaces: u32,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Buttons: key and label.
    pub actions: Vec<(String, String)>,
}

impl Shown {
    /// The labels of the buttons, in their order.
    pub fn labels(&self) -> Vec<&str> {
        // The key `default` is a click on the notification itself.
        self.actions
            .iter()
            .filter(|(key, _)| key != "default")
            .map(|(_, label)| label.as_str())
            .collect()
    }

    /// The key of the button with this label.
    pub fn key(&self, label: &str) -> Option<&str> {
        self.actions
            .iter()
            .find(|(_, l)| l == label)
            .map(|(key, _)| key.as_str())
    }
}

/// The notifications of one session bus.
#[derive(Debug)]
pub struct Notifications {
    address: String,
    monitored: MessageStream,
    calls: Vec<Message>,
    pick: PathBuf,
}

impl Notifications {
    /// Starts to listen. `pick` is the file from which the daemon's menu script takes the label to choose.
    ///
    /// # Errors
    /// When the bus does not allow it.
    pub async fn listen(address: &str, pick: PathBuf) -> Result<Self> {
        let connection = connect(address).await?;
        let monitored = MessageStream::from(&connection);
        let calls = MatchRule::builder()
            .msg_type(Type::MethodCall)
            .interface(NAME)?
            .member("Notify")?
            .build();
        let replies = MatchRule::builder().msg_type(Type::MethodReturn).build();
        MonitoringProxy::new(&connection)
            .await?
            .become_monitor(&[calls, replies], 0)
            .await?;
        Ok(Self {
            address: address.to_owned(),
            monitored,
            calls: Vec::new(),
            pick,
        })
    }

    /// Waits for the next notification that fits.
    ///
    /// # Errors
    /// When none comes; what came instead is in the error.
    pub async fn shown(&mut self, what: &str, mut fits: impl FnMut(&Shown) -> bool) -> Result<Shown> {
        let mut others = Vec::new();
        let next = timeout(SOON, async {
            loop {
                let shown = self.next().await?;
                if fits(&shown) {
                    return anyhow::Ok(shown);
                }
                others.push(shown);
            }
        })
        .await;
        match next {
            Ok(shown) => shown,
            Err(_) => bail!("no notification came: {what}; others: {others:?}"),
        }
    }

    /// Presses a button as a person does: through the daemon's own menu.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub async fn press(&self, label: &str) -> Result<()> {
        std::fs::write(&self.pick, label)?;
        // What was sent is displayed a turn of the daemon's loop later; its menu has only what is. Until then an earlier one may be on the screen.
        poll::until("all notifications on the screen", SOON, async || {
            let all = self.count("waiting").await? == 0 && self.displayed().await? > 0;
            Ok(all.then_some(()))
        })
        .await?;
        self.dunstctl(&["context"]).await
    }

    /// How many notifications the daemon shows now.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn displayed(&self) -> Result<u32> {
        self.count("displayed").await
    }

    async fn count(&self, what: &str) -> Result<u32> {
        let output = self.command(&["count", what]).output().await?;
        ensure!(
            output.status.success(),
            "dunstctl: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
    }

    /// What a malicious program of the same user does: sends the signal of a pressed button itself, to everybody and
    /// straight to the agent, with the right id and the right key.
    ///
    /// # Errors
    /// When the bus refuses.
    pub async fn forge(&self, shown: &Shown, key: &str) -> Result<()> {
        let forger = connect(&self.address).await?;
        for destination in [None, Some(shown.sender.as_str())] {
            forger
                .emit_signal(destination, PATH, NAME, "ActionInvoked", &(shown.id, key))
                .await?;
        }
        // Answered only after the bus has routed what was sent before.
        zbus::fdo::DBusProxy::new(&forger).await?.get_id().await?;
        Ok(())
    }

    /// What another malicious program does: rewrites the notification.
    ///
    /// # Errors
    /// When the daemon refuses.
    pub async fn rewrite(&self, shown: &Shown, title: &str, actions: &[&str]) -> Result<u32> {
        let forger = connect(&self.address).await?;
        let hints: std::collections::HashMap<&str, Value<'_>> = std::collections::HashMap::new();
        let arguments = ("Countersign", shown.id, "", title, "", actions, hints, -1_i32);
        let reply = forger
            .call_method(Some(NAME), PATH, Some(NAME), "Notify", &arguments)
            .await?;
        Ok(reply.body().deserialize()?)
    }

    async fn next(&mut self) -> Result<Shown> {
        loop {
            let message = self.monitored.next().await.context("the bus is gone")??;
            match message.message_type() {
                Type::MethodCall => self.calls.push(message),
                Type::MethodReturn => {
                    if let Some(shown) = self.completed(&message)? {
                        return Ok(shown);
                    }
                }
                Type::Error | Type::Signal => {}
            }
        }
    }

    /// The notification whose `Notify` this message answers.
    fn completed(&mut self, reply: &Message) -> Result<Option<Shown>> {
        let header = reply.header();
        let is_its = |call: &Message| {
            header.reply_serial() == Some(call.primary_header().serial_num())
                && header.destination().map(|d| d.as_str()) == call.header().sender().map(|s| s.as_str())
        };
        let Some(at) = self.calls.iter().position(is_its) else {
            return Ok(None);
        };
        let call = self.calls.remove(at);
        type Arguments = (
            String,
            u32,
            String,
            String,
            String,
            Vec<String>,
            std::collections::HashMap<String, OwnedValue>,
            i32,
        );
        let (_, replaces, _, title, body, actions, _, _): Arguments = call.body().deserialize()?;
        let actions = actions
            .chunks(2)
            .filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.clone())));
        Ok(Some(Shown {
            sender: call
                .header()
                .sender()
                .map(ToString::to_string)
                .unwrap_or_default(),
            id: reply.body().deserialize()?,
            replaces,
            title,
            body,
            actions: actions.collect(),
        }))
    }

    async fn dunstctl(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command(arguments).output().await?;
        ensure!(
            output.status.success(),
            "dunstctl: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("dunstctl");
        command
            .args(arguments)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

async fn connect(address: &str) -> Result<Connection> {
    Ok(connection::Builder::address(address)?.build().await?)
}
