//! The two windows.
//!
//! Invariants: a prompt that nobody asked for never takes the keyboard; no window shows anything but the embedded UI; a
//! window that is closed is gone, and the app with the last one.

use std::time::Duration;

use countersign_agent_api::Activation;
use gtk::prelude::WidgetExt;
use tauri::{
    AppHandle, Emitter, LogicalSize, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    webview::NewWindowResponse,
};

use crate::{
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
    }
}

/// Gives the prompt the height that its content needs, and shows it if this is the first time.
///
/// # Errors
/// Tauri's.
pub(crate) fn fit(window: &WebviewWindow, height: f64, activation: Activation) -> tauri::Result<()> {
    let (least, most) = PROMPT_HEIGHT;
    window.set_size(LogicalSize::new(PROMPT_WIDTH, height.clamp(least, most)))?;
    if !window.is_visible()? {
        reveal(window, activation)?;
    }
    Ok(())
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
        .focused(matches!(activation, Activation::Asked))
        .visible(false)
        .center()
        .build()?;
    // A hidden web view has no size, so its page could not measure itself.
    window.with_webview(|webview| {
        webview.inner().size_allocate(&gtk::Allocation::new(
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
    builder(app, MAIN, "main.html")
        .title("Countersign")
        .inner_size(880.0, 600.0)
        .min_inner_size(640.0, 480.0)
        .center()
        .build()
        .map(drop)
}

fn reveal(window: &WebviewWindow, activation: Activation) -> tauri::Result<()> {
    window.show()?;
    match activation {
        Activation::Asked => window.set_focus(),
        Activation::Unasked => Ok(()),
    }
}

fn builder<'a>(
    app: &'a AppHandle,
    label: &str,
    page: &str,
) -> WebviewWindowBuilder<'a, tauri::Wry, AppHandle> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::App(page.into()))
        .on_navigation(is_own_page)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .disable_drag_drop_handler()
        .devtools(cfg!(debug_assertions))
}

fn is_own_page(url: &Url) -> bool {
    url.scheme() == "tauri" && url.host_str() == Some("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

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
