//! What a screen reader is told of the app's windows: the AT-SPI tree, over D-Bus, without any library of theirs.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use zbus::{
    Connection, Proxy, connection,
    zvariant::{ObjectPath, OwnedObjectPath},
};

use super::poll;
use crate::harness::{Process, Session};

/// Where Debian and others have it.
const LAUNCHER: &str = "/usr/libexec/at-spi-bus-launcher";
const SOON: std::time::Duration = std::time::Duration::from_secs(15);
/// Trees deeper than this are not ours.
const DEPTH: usize = 40;

/// A screen reader's connection: its own bus, on which every program shows its windows.
#[derive(Debug)]
pub struct ScreenReader {
    bus: Connection,
    _launcher: Process,
}

/// One thing in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its role: `push button`, `entry` …
    pub role: &'static str,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The text in it.
    pub text: String,
    /// What is in it.
    pub children: Vec<Node>,
}

type Reference = (String, OwnedObjectPath);

impl ScreenReader {
    /// Starts the accessibility bus of this session. Programs started later show themselves there.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(session: &Session) -> Result<Self> {
        let mut command = session.command(LAUNCHER);
        command.arg("--launch-immediately");
        let launcher = Process::start("at-spi", command, session.logs().dir())?;
        let bus = poll::until("the accessibility bus", SOON, async || {
            let Ok(launcher) =
                Proxy::new(session.bus(), "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus").await
            else {
                return Ok(None);
            };
            let Ok(address) = launcher.call::<_, _, String>("GetAddress", &()).await else {
                return Ok(None);
            };
            Ok(Some(
                connection::Builder::address(address.as_str())?.build().await?,
            ))
        })
        .await?;
        Ok(Self {
            bus,
            _launcher: launcher,
        })
    }

    /// Everything that every program shows now.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn tree(&self) -> Result<Node> {
        let root = ObjectPath::from_static_str("/org/a11y/atspi/accessible/root")?;
        self.node(("org.a11y.atspi.Registry".to_owned(), root.into()), 0)
            .await?
            .context("the accessibility bus shows nothing")
    }

    /// What was just taken away is not an error.
    async fn node(&self, (owner, path): Reference, depth: usize) -> Result<Option<Node>> {
        let accessible = |interface| Proxy::new(&self.bus, owner.clone(), path.clone(), interface);
        let proxy = accessible("org.a11y.atspi.Accessible").await?;
        let Ok(role) = proxy.call::<_, _, u32>("GetRole", &()).await else {
            return Ok(None);
        };
        let text = accessible("org.a11y.atspi.Text").await?;
        let mut node = Node {
            role: role_name(role),
            name: proxy.get_property("Name").await.unwrap_or_default(),
            description: proxy.get_property("Description").await.unwrap_or_default(),
            text: text.call("GetText", &(0, -1)).await.unwrap_or_default(),
            children: Vec::new(),
        };
        if depth < DEPTH {
            for child in children(&proxy).await {
                node.children.extend(Box::pin(self.node(child, depth + 1)).await?);
            }
        }
        Ok(Some(node))
    }
}

async fn children(of: &Proxy<'_>) -> Vec<Reference> {
    let mut children: Vec<Reference> = of.call("GetChildren", &()).await.unwrap_or_default();
    if children.is_empty() && of.get_property("ChildCount").await.unwrap_or(0) == 1 {
        // A web view's content belongs to another process: only asked for by its place does GTK name it.
        children.extend(of.call::<_, _, Reference>("GetChildAtIndex", &(0)).await);
    }
    children
}

/// The names of the roles that our windows have (`AtspiRole` in at-spi2-core); web content has only the numbers.
fn role_name(role: u32) -> &'static str {
    match role {
        14 => "desktop frame",
        20 => "filler",
        23 => "frame",
        27 => "image",
        29 => "label",
        31 => "list",
        32 => "list item",
        39 => "panel",
        43 => "push button",
        44 => "radio button",
        54 => "status bar",
        62 => "toggle button",
        72 => "footer",
        73 => "paragraph",
        75 => "application",
        79 => "entry",
        83 => "heading",
        85 => "section",
        95 => "document web",
        99 => "grouping",
        110 => "landmark",
        115 => "timer",
        116 => "static",
        121 => "description list",
        122 => "description term",
        123 => "description value",
        _ => "other",
    }
}

impl Node {
    /// Everything in it, itself first, in reading order.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.all());
        }
        all
    }

    /// The first with this role and name.
    pub fn find(&self, role: &str, name: &str) -> Option<&Self> {
        self.all()
            .into_iter()
            .find(|node| node.role == role && node.name == name)
    }

    /// For people: a line a node.
    pub fn outline(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let described = if self.description.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.description)
        };
        let own = self.text.replace(['\n', '\u{fffc}'], "·");
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:indent$}{} “{}”{described} {own:?}",
            "",
            self.role,
            self.name,
            indent = depth * 2
        );
        for child in &self.children {
            child.write(text, depth + 1);
        }
    }
}
