//! The menu: `com.canonical.dbusmenu`, one flat list.
//!
//! An entry's id is its place in the list and the list's revision: a click on an entry of an older list does nothing.

use std::collections::HashMap;

use tokio::sync::mpsc;
use zbus::{
    Connection, fdo, interface,
    zvariant::{OwnedValue, StructureBuilder, Type, Value},
};

use super::{
    Board, Click,
    look::{Entry, Look},
};

/// Where the icon says that the menu is.
pub(super) const PATH: &str = "/MenuBar";
const INTERFACE: &str = "com.canonical.dbusmenu";
/// The list itself.
const ROOT: i32 = 0;
/// Lists are shorter than this.
const LENGTH: i32 = 16;
/// Revisions come round after so many.
const ROUND: u32 = 100_000;
/// So many ids or events in one call, at most.
const MAX_BATCH: usize = 64;

type Properties = HashMap<String, OwnedValue>;

/// Id, properties, children (each an `(ia{sv}av)` in a variant).
#[derive(Debug, serde::Serialize, Type)]
pub(super) struct Layout(i32, Properties, Vec<OwnedValue>);

/// Id, event, its data, time.
type MenuEvent = (i32, String, OwnedValue, u32);

/// The object on the bus.
pub(super) struct Menu {
    board: Board,
    clicks: mpsc::Sender<Click>,
}

impl Menu {
    pub(super) fn new(board: Board, clicks: mpsc::Sender<Click>) -> Self {
        Self { board, clicks }
    }

    /// The entries with their ids, and the revision.
    fn entries(&self) -> (u32, Vec<(i32, Entry)>) {
        let revision = self.board.revision();
        let first = i32::try_from(revision % ROUND).unwrap_or(0) * LENGTH + 1;
        (revision, (first..).zip(self.board.look().menu()).collect())
    }

    fn clicked(&self, id: i32) {
        let entry = self.entries().1.into_iter().find(|(at, _)| *at == id);
        if let Some((_, Entry::Button(_, click))) = entry {
            // More clicks than wait already mean nothing more.
            let _ = self.clicks.try_send(click);
        }
    }
}

#[allow(
    clippy::unused_self,
    reason = "D-Bus properties are methods, also where they never change"
)]
#[interface(name = "com.canonical.dbusmenu")]
impl Menu {
    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> u32 {
        3
    }

    #[zbus(property)]
    fn text_direction(&self) -> &'static str {
        self.board.look().text_direction()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn status(&self) -> &'static str {
        "normal"
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn icon_theme_path(&self) -> Vec<String> {
        Vec::new()
    }

    fn get_layout(&self, parent: i32, depth: i32, _names: Vec<String>) -> fdo::Result<(u32, Layout)> {
        let (revision, entries) = self.entries();
        if parent != ROOT {
            let entry = entries
                .into_iter()
                .find(|(id, _)| *id == parent)
                .ok_or_else(unknown)?;
            return Ok((revision, Layout(parent, properties(&entry.1), Vec::new())));
        }
        let children = if depth == 0 { Vec::new() } else { entries };
        let children: Result<Vec<_>, zbus::zvariant::Error> = children
            .into_iter()
            .map(|(id, entry)| {
                let child = StructureBuilder::new()
                    .add_field(id)
                    .add_field(properties(&entry))
                    .add_field(Vec::<Value<'_>>::new())
                    .build()?;
                Value::from(child).try_into_owned()
            })
            .collect();
        let list = HashMap::from([("children-display".to_owned(), text("submenu"))]);
        Ok((revision, Layout(ROOT, list, children.map_err(zbus::Error::from)?)))
    }

    fn get_group_properties(&self, ids: Vec<i32>, _names: Vec<String>) -> Vec<(i32, Properties)> {
        let wanted = |id: &i32| ids.is_empty() || ids.contains(id);
        let entries = self.entries().1.into_iter().filter(|(id, _)| wanted(id));
        entries.map(|(id, entry)| (id, properties(&entry))).collect()
    }

    fn get_property(&self, id: i32, name: &str) -> fdo::Result<OwnedValue> {
        let entry = self.entries().1.into_iter().find(|(at, _)| *at == id);
        let found = entry.and_then(|(_, entry)| properties(&entry).remove(name));
        found.ok_or_else(unknown)
    }

    fn event(&self, id: i32, event: &str, _data: Value<'_>, _time: u32) {
        if event == "clicked" {
            self.clicked(id);
        }
    }

    fn event_group(&self, events: Vec<MenuEvent>) -> Vec<i32> {
        let known = self.entries().1;
        let mut errors = Vec::new();
        for (id, event, ..) in events.into_iter().take(MAX_BATCH) {
            if !known.iter().any(|(at, _)| *at == id) {
                errors.push(id);
            } else if event == "clicked" {
                self.clicked(id);
            }
        }
        errors
    }

    /// The menu is current at all times.
    fn about_to_show(&self, _id: i32) -> bool {
        false
    }

    fn about_to_show_group(&self, _ids: Vec<i32>) -> (Vec<i32>, Vec<i32>) {
        (Vec::new(), Vec::new())
    }
}

/// Tells hosts that there is another list, and whether it is read the other way.
pub(super) async fn changed(bus: &Connection, revision: u32, before: &Look, look: &Look) -> zbus::Result<()> {
    if before.text_direction() != look.text_direction() {
        let menu = bus.object_server().interface::<_, Menu>(PATH).await?;
        menu.get()
            .await
            .text_direction_changed(menu.signal_emitter())
            .await?;
    }
    bus.emit_signal(None::<&str>, PATH, INTERFACE, "LayoutUpdated", &(revision, ROOT))
        .await
}

/// What is not said is the default: visible, enabled, an ordinary entry.
fn properties(entry: &Entry) -> Properties {
    let property = |name: &str, value: OwnedValue| (name.to_owned(), value);
    match entry {
        Entry::Text(words) => HashMap::from([
            property("label", text(&label(words))),
            property("enabled", OwnedValue::from(false)),
        ]),
        Entry::Button(words, _) => HashMap::from([property("label", text(&label(words)))]),
        Entry::Separator => HashMap::from([property("type", text("separator"))]),
    }
}

/// An underscore would mark an access key.
fn label(words: &str) -> String {
    words.replace('_', "__")
}

fn text(text: &str) -> OwnedValue {
    OwnedValue::from(zbus::zvariant::Str::from(text.to_owned()))
}

fn unknown() -> fdo::Error {
    fdo::Error::InvalidArgs("no such entry".to_owned())
}
