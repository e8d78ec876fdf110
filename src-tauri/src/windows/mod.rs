//! The two windows.
//!
//! Invariants: a prompt that nobody asked for never takes the keyboard; no window shows anything but the embedded UI; a
//! window that is closed is gone, and the app with the last one.

mod memory;
mod placement;

use std::{cell::Cell, time::Duration};

use countersign_agent_api::{Activation, Appearance, session_locale};
use gtk::prelude::{GtkSettingsExt, GtkWindowExt, WidgetExt};
use tauri::{
    AppHandle, Emitter, LogicalSize, Manager, Monitor, PhysicalPosition, PhysicalSize, Url, WebviewUrl,
    WebviewWindow, WebviewWindowBuilder, Window, WindowEvent, webview::NewWindowResponse,
};
use webkit2gtk::WebViewExt;

pub(crate) use memory::WindowMemory;
use memory::{Frame, Mode};
use placement::{Area, Corner};

use crate::{
    qr::camera::CameraSwitch,
    shell::Effect,
    view::{MainView, PromptView, VIEW_EVENT},
};

/// Label of the prompt; its capability file names it.
pub(crate) const PROMPT: &str = "prompt";
/// Label of the main window; its capability file names it.
pub(crate) const MAIN: &str = "main";

/// The prompt's width, and the bounds of its height, in logical pixels.
const PROMPT_WIDTH: f64 = 440.0;
const PROMPT_HEIGHT: (f64, f64) = (200.0, 640.0);
/// A page that has not measured itself by then is shown as it is.
const SHOW_ANYWAY: Duration = Duration::from_secs(3);
/// The main window's size, the first time and at least, in logical pixels.
const MAIN_SIZE: (f64, f64) = (880.0, 600.0);
const MAIN_LEAST: (f64, f64) = (640.0, 480.0);
/// A page whose web process ends more often than this is not loaded again: the window closes, and opens anew when asked for.
const RELOADS: u32 = 5;

/// The prompt does not get the height that its page asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    #[error("the height is not a finite number")]
    NotAHeight,
    #[error("the window did not do that: {0}")]
    Window(#[from] tauri::Error),
}

/// Does what the shell decided.
///
/// # Errors
/// Tauri's; the app goes on.
pub(crate) fn perform(app: &AppHandle, effect: Effect) -> tauri::Result<()> {
    match effect {
        Effect::TellPrompt(view) => tell_prompt(app, &view),
        Effect::TellMain(view) => tell_main(app, &view),
        Effect::ShowPrompt(activation) => show_prompt(app, activation),
        Effect::ShowMain => show_main(app),
        Effect::Appear(appearance) => appear(app, appearance),
    }
}

/// Gives the prompt the height that its content needs, and shows it if this is the first time.
///
/// # Errors
/// [`FitError`].
pub(crate) fn fit(window: &WebviewWindow, height: f64, activation: Activation) -> Result<(), FitError> {
    let visible = window.is_visible()?;
    // A window that is seen stays where it is; a new one goes where the person looks.
    let screen = if visible {
        window.current_monitor()?
    } else {
        pointed(window)?
    };
    let tallest = screen.as_ref().map_or(PROMPT_HEIGHT.1, |screen| {
        placement::tallest(work_area(screen), screen.scale_factor())
    });
    let height = prompt_height(height, tallest).ok_or(FitError::NotAHeight)?;
    window.set_size(LogicalSize::new(PROMPT_WIDTH, height))?;
    if visible {
        return Ok(());
    }
    if let Some(screen) = screen {
        let size: PhysicalSize<u32> =
            LogicalSize::new(PROMPT_WIDTH, height).to_physical(screen.scale_factor());
        let corner = placement::centred(work_area(&screen), size.width, size.height);
        window.set_position(PhysicalPosition::new(corner.x, corner.y))?;
    }
    Ok(reveal(window, activation)?)
}

/// The prompt's height for content of this height, on a screen that has room for `tallest`.
fn prompt_height(content: f64, tallest: f64) -> Option<f64> {
    let (least, most) = PROMPT_HEIGHT;
    content
        .is_finite()
        .then(|| content.clamp(least, most.min(tallest).max(least)))
}

/// The screen with the pointer on it, where the desktop says; else the first.
fn pointed(window: &WebviewWindow) -> tauri::Result<Option<Monitor>> {
    let screen = match window.cursor_position() {
        Ok(at) => window.monitor_from_point(at.x, at.y)?,
        Err(_) => None,
    };
    screen.map_or_else(|| window.primary_monitor(), |screen| Ok(Some(screen)))
}

fn work_area(screen: &Monitor) -> Area {
    let area = screen.work_area();
    Area {
        x: area.position.x,
        y: area.position.y,
        width: area.size.width,
        height: area.size.height,
    }
}

fn tell_prompt(app: &AppHandle, view: &PromptView) -> tauri::Result<()> {
    app.emit_to(PROMPT, VIEW_EVENT, view)
}

fn tell_main(app: &AppHandle, view: &MainView) -> tauri::Result<()> {
    app.emit_to(MAIN, VIEW_EVENT, view)
}

fn show_prompt(app: &AppHandle, activation: Activation) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(PROMPT) {
        window.unminimize()?;
        return reveal(&window, activation);
    }
    let (_, most) = PROMPT_HEIGHT;
    let window = builder(app, PROMPT, "prompt.html")
        .title("Countersign")
        .inner_size(PROMPT_WIDTH, most)
        .min_inner_size(280.0, 200.0)
        .maximizable(false)
        .always_on_top(true)
        .focused(matches!(activation, Activation::Asked | Activation::ToReport))
        .visible(false)
        .center()
        .build()?;
    reload_when_killed(&window)?;
    let asked = !matches!(activation, Activation::Unasked);
    window.with_webview(move |webview| {
        let view = webview.inner();
        // The toolkit lets the window take the keyboard with its first picture, which may be before the window manager has looked at it.
        if let Some(Ok(window)) = view.toplevel().map(gtk::prelude::Cast::downcast::<gtk::Window>) {
            window.set_focus_on_map(asked);
        }
        // A hidden web view has no size, so its page could not measure itself.
        view.size_allocate(&gtk::Allocation::new(
            0,
            0,
            PROMPT_WIDTH as i32,
            PROMPT_HEIGHT.1 as i32,
        ));
    })?;
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(SHOW_ANYWAY).await;
        // A window closed in the meantime has nothing to show.
        if matches!(window.is_visible(), Ok(false)) {
            let _ = reveal(&window, activation);
        }
    });
    Ok(())
}

fn show_main(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(MAIN) {
        window.unminimize()?;
        return reveal(&window, Activation::Asked);
    }
    let window = builder(app, MAIN, "main.html")
        .title("Countersign")
        .inner_size(MAIN_SIZE.0, MAIN_SIZE.1)
        .min_inner_size(MAIN_LEAST.0, MAIN_LEAST.1)
        .center()
        .visible(false)
        .build()?;
    reload_when_killed(&window)?;
    if let Some(frame) = app.state::<WindowMemory>().frame() {
        put_back(&window, frame)?;
    }
    window.show()
}

/// Gives the main window the frame it had, as far as today's screens allow.
fn put_back(window: &WebviewWindow, frame: Frame) -> tauri::Result<()> {
    let screens: Vec<Area> = window.available_monitors()?.iter().map(work_area).collect();
    let widest = screens
        .iter()
        .map(|screen| screen.width)
        .max()
        .unwrap_or(frame.width);
    let tallest = screens
        .iter()
        .map(|screen| screen.height)
        .max()
        .unwrap_or(frame.height);
    window.set_size(PhysicalSize::new(
        frame.width.min(widest),
        frame.height.min(tallest),
    ))?;
    if let Some(corner) = frame.corner
        && placement::reachable(corner, frame.width, &screens)
    {
        window.set_position(PhysicalPosition::new(corner.x, corner.y))?;
    }
    match frame.mode {
        Mode::Normal => Ok(()),
        Mode::Maximized => window.maximize(),
    }
}

/// Notes where the main window is, and keeps it when the window goes.
pub(crate) fn remember(window: &Window, event: &WindowEvent) {
    if window.label() != MAIN {
        return;
    }
    let memory = window.state::<WindowMemory>();
    if matches!(event, WindowEvent::Resized(_) | WindowEvent::Moved(_)) {
        let maximized = window.is_maximized().unwrap_or(false);
        let (size, corner) = (window.inner_size().ok(), window.outer_position().ok());
        memory.note_frame(|before| match (maximized, before, size) {
            (true, Some(before), _) => Some(Frame {
                mode: Mode::Maximized,
                ..before
            }),
            (false, _, Some(size)) => Some(Frame {
                width: size.width,
                height: size.height,
                corner: corner.map(|at| Corner { x: at.x, y: at.y }),
                mode: Mode::Normal,
            }),
            (true, None, _) | (false, _, None) => before,
        });
    } else if matches!(event, WindowEvent::Destroyed) {
        memory.save();
        window.state::<CameraSwitch>().off();
    }
}

/// Has the desktop's own dialogs follow the setting; the pages follow it by themselves.
fn appear(app: &AppHandle, appearance: Appearance) -> tauri::Result<()> {
    app.run_on_main_thread(move || {
        let Some(settings) = gtk::Settings::default() else {
            return;
        };
        match appearance {
            Appearance::System => settings.reset_property("gtk-application-prefer-dark-theme"),
            Appearance::Light => settings.set_gtk_application_prefer_dark_theme(false),
            Appearance::Dark => settings.set_gtk_application_prefer_dark_theme(true),
        }
    })
}

/// Loads the page again when its web process ended: the request is the agent's, so nothing is lost.
fn reload_when_killed(window: &WebviewWindow) -> tauri::Result<()> {
    let own = window.clone();
    window.with_webview(move |webview| {
        let reloads = Cell::new(0);
        webview
            .inner()
            .connect_web_process_terminated(move |view, reason| {
                own.state::<CameraSwitch>().off();
                eprintln!("countersign: the web process of a window ended ({reason:?})");
                reloads.set(reloads.get() + 1);
                if reloads.get() <= RELOADS {
                    view.reload();
                } else if let Err(e) = own.destroy() {
                    eprintln!("countersign: {e}");
                }
            });
    })
}

fn reveal(window: &WebviewWindow, activation: Activation) -> tauri::Result<()> {
    window.show()?;
    match activation {
        Activation::Asked | Activation::ToReport => window.set_focus(),
        Activation::Unasked => Ok(()),
    }
}

fn builder<'a>(
    app: &'a AppHandle,
    label: &str,
    page: &str,
) -> WebviewWindowBuilder<'a, tauri::Wry, AppHandle> {
    let address = format!("{page}?{}", session(|name| std::env::var(name).ok()));
    WebviewWindowBuilder::new(app, label, WebviewUrl::App(address.into()))
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .disable_drag_drop_handler()
        // Codes and requests are not for those who watch a shared screen. Linux desktops have no such thing yet.
        .content_protected(true)
        .devtools(cfg!(debug_assertions))
}

/// What the pages need to know of the session's locale. The web engine says `en-US` for one that is not installed, and for none
/// (`LANG=C`): then times would be of 12 hours.
fn session(variable: impl Fn(&str) -> Option<String> + Copy) -> String {
    let locale = |category| session_locale(category, variable).unwrap_or_default();
    format!("language={}&times={}", locale("LC_MESSAGES"), locale("LC_TIME"))
}

fn is_own_page(url: &Url) -> bool {
    url.scheme() == "tauri" && url.host_str() == Some("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_as_high_as_its_content_within_bounds() {
        assert_eq!(prompt_height(412.5, 900.0), Some(412.5));
        assert_eq!(prompt_height(-1.0, 900.0), Some(200.0));
        assert_eq!(prompt_height(1e300, 900.0), Some(640.0));
        assert_eq!(prompt_height(640.0, 500.0), Some(500.0));
        assert_eq!(prompt_height(640.0, 100.0), Some(200.0));
    }

    #[test]
    fn a_height_that_is_no_number_is_refused() {
        for height in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(prompt_height(height, 900.0), None, "{height}");
        }
    }

    #[test]
    fn pages_are_told_the_sessions_locale_and_when_there_is_none() {
        let german = |name: &str| (name == "LANG").then(|| "de_AT.UTF-8".to_owned());
        assert_eq!(session(german), "language=de-AT&times=de-AT");
        assert_eq!(session(|_| Some("C".to_owned())), "language=&times=");
        assert_eq!(session(|_| None), "language=&times=");
    }

    #[test]
    fn only_the_embedded_pages_are_navigated_to() {
        let own = |url: &str| is_own_page(&Url::parse(url).unwrap());
        assert!(own("tauri://localhost/prompt.html"));
        for foreign in [
            "https://id.alder.example/",
            "http://localhost/",
            "tauri://elsewhere/",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert!(!own(foreign), "{foreign}");
        }
    }
}
