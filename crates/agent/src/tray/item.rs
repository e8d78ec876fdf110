//! The icon: `org.kde.StatusNotifierItem`, as hosts speak it (freedesktop StatusNotifierItem, with KDE's names).

use tokio::sync::mpsc;
use zbus::{
    Connection, interface,
    zvariant::{ObjectPath, OwnedObjectPath, Type, Value},
};

use super::{
    Board, Click,
    look::{Look, Urgency},
    menu,
};

/// Where hosts look.
pub(super) const PATH: &str = "/StatusNotifierItem";
const INTERFACE: &str = "org.kde.StatusNotifierItem";
/// Names in the icon theme, where the app is installed.
const ICON: &str = "io.countersign.app";
const ICON_WAITING: &str = "io.countersign.app-attention";

/// The same pictures, for where it is not installed: RGBA, by `icons/make.sh`.
const PICTURES: [(i32, &[u8]); 2] = [
    (24, include_bytes!("../../../../icons/tray/24.rgba")),
    (48, include_bytes!("../../../../icons/tray/48.rgba")),
];
const PICTURES_WAITING: [(i32, &[u8]); 2] = [
    (24, include_bytes!("../../../../icons/tray/24-attention.rgba")),
    (48, include_bytes!("../../../../icons/tray/48-attention.rgba")),
];

/// A picture as hosts take it.
#[derive(Debug, serde::Serialize, Type, Value)]
struct Picture {
    width: i32,
    height: i32,
    /// ARGB in network byte order.
    pixels: Vec<u8>,
}

/// What is said when the pointer rests on the icon.
#[derive(Debug, serde::Serialize, Type, Value)]
struct ToolTip {
    icon_name: String,
    icon: Vec<Picture>,
    title: String,
    text: String,
}

/// The object on the bus.
pub(super) struct Item {
    board: Board,
    clicks: mpsc::Sender<Click>,
}

impl Item {
    pub(super) fn new(board: Board, clicks: mpsc::Sender<Click>) -> Self {
        Self { board, clicks }
    }

    fn clicked(&self) {
        // More clicks than wait already mean nothing more.
        let _ = self.clicks.try_send(Click::Icon);
    }
}

#[allow(
    clippy::unused_self,
    reason = "D-Bus properties are methods, also where they never change"
)]
#[interface(name = "org.kde.StatusNotifierItem")]
impl Item {
    #[zbus(property(emits_changed_signal = "const"))]
    fn category(&self) -> &'static str {
        "ApplicationStatus"
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn id(&self) -> &'static str {
        "io.countersign.app"
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn title(&self) -> &'static str {
        "Countersign"
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn status(&self) -> &'static str {
        status(&self.board.look())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn window_id(&self) -> i32 {
        0
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn icon_theme_path(&self) -> &'static str {
        ""
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn icon_name(&self) -> &'static str {
        icon(&self.board.look())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn icon_pixmap(&self) -> Vec<Picture> {
        match self.board.look().urgency {
            Urgency::Calm => pictures(&PICTURES),
            Urgency::Waiting | Urgency::Urgent => pictures(&PICTURES_WAITING),
        }
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn overlay_icon_name(&self) -> &'static str {
        ""
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn overlay_icon_pixmap(&self) -> Vec<Picture> {
        Vec::new()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn attention_icon_name(&self) -> &'static str {
        ICON_WAITING
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn attention_icon_pixmap(&self) -> Vec<Picture> {
        pictures(&PICTURES_WAITING)
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn attention_movie_name(&self) -> &'static str {
        ""
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn tool_tip(&self) -> ToolTip {
        let look = self.board.look();
        let lines = [look.headline(), look.details()];
        let text = lines
            .iter()
            .filter(|line| !line.is_empty())
            .cloned()
            .collect::<Vec<_>>();
        ToolTip {
            icon_name: icon(&look).to_owned(),
            icon: Vec::new(),
            title: "Countersign".to_owned(),
            text: text.join(" · "),
        }
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn item_is_menu(&self) -> bool {
        false
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn menu(&self) -> OwnedObjectPath {
        ObjectPath::from_static_str_unchecked(menu::PATH).into()
    }

    fn activate(&self, _x: i32, _y: i32) {
        self.clicked();
    }

    fn secondary_activate(&self, _x: i32, _y: i32) {
        self.clicked();
    }

    /// Hosts show the menu themselves.
    fn context_menu(&self, _x: i32, _y: i32) {}

    fn scroll(&self, _delta: i32, _orientation: &str) {}
}

/// Tells hosts what is new.
pub(super) async fn changed(bus: &Connection, before: &Look, now: &Look) -> zbus::Result<()> {
    let signal = |name: &'static str| bus.emit_signal(None::<&str>, PATH, INTERFACE, name, &());
    if icon(before) != icon(now) {
        signal("NewIcon").await?;
    }
    if (before.headline(), before.details()) != (now.headline(), now.details()) {
        signal("NewToolTip").await?;
    }
    if status(before) != status(now) {
        bus.emit_signal(None::<&str>, PATH, INTERFACE, "NewStatus", &status(now))
            .await?;
    }
    Ok(())
}

fn status(look: &Look) -> &'static str {
    match look.urgency {
        Urgency::Calm | Urgency::Waiting => "Active",
        Urgency::Urgent => "NeedsAttention",
    }
}

fn icon(look: &Look) -> &'static str {
    match look.urgency {
        Urgency::Calm => ICON,
        Urgency::Waiting | Urgency::Urgent => ICON_WAITING,
    }
}

fn pictures(pictures: &[(i32, &[u8])]) -> Vec<Picture> {
    let argb = |rgba: &[u8]| {
        let pixels = rgba.as_chunks::<4>().0.iter();
        pixels
            .flat_map(|[red, green, blue, alpha]| [*alpha, *red, *green, *blue])
            .collect()
    };
    pictures
        .iter()
        .map(|&(side, rgba)| Picture {
            width: side,
            height: side,
            pixels: argb(rgba),
        })
        .collect()
}
