//! The main window as a person at the keyboard uses it: keys go to whatever has the focus, and Tab moves it.

use anyhow::{Context, Result, bail};
use fantoccini::{
    Client, Locator,
    actions::{InputSource, KeyAction, KeyActions},
    key::Key,
};
use serde_json::Value;

use super::{SOON, poll, prompt::found};

/// So many steps by Tab reach everything on a page.
const MAX_TABS: usize = 80;

/// What has the focus is called, as a screen reader says it.
const FOCUSED: &str = "\
    const element = document.activeElement;
    if (!element || element === document.body) return '';
    const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText ?? element.innerText;
    return name.replace(/\\s+/g, ' ').trim();";

/// The main window of the app.
#[derive(Debug, Clone)]
pub struct MainWindow {
    page: Client,
}

impl MainWindow {
    /// The window with this page.
    pub fn of(page: &Client) -> Self {
        Self { page: page.clone() }
    }

    /// The WebDriver session.
    pub fn page(&self) -> &Client {
        &self.page
    }

    /// Presses one key.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn key(&self, key: Key) -> Result<()> {
        self.keys(&[key.into()]).await
    }

    /// Presses a key with Ctrl.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn ctrl(&self, key: char) -> Result<()> {
        self.keys(&[Key::Control.into(), key]).await
    }

    /// Types text.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        for key in text.chars() {
            self.keys(&[key]).await?;
        }
        Ok(())
    }

    /// Presses all of these and lets them go again.
    async fn keys(&self, keys: &[char]) -> Result<()> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        for &value in keys {
            actions = actions.then(KeyAction::Down { value });
        }
        for &value in keys.iter().rev() {
            actions = actions.then(KeyAction::Up { value });
        }
        Ok(self.page.perform_actions(actions).await?)
    }

    /// What has the focus, by its name.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn focused(&self) -> Result<String> {
        let name = self.page.execute(FOCUSED, vec![]).await?;
        Ok(name.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until what has the focus is called so, or begins so.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn focus_is(&self, name: &str) -> Result<()> {
        let mut seen = String::new();
        poll::until(&format!("the focus on “{name}”"), SOON, async || {
            seen = self.focused().await?;
            Ok(seen.starts_with(name).then_some(()))
        })
        .await
        .with_context(|| format!("the focus is on “{seen}”"))
    }

    /// Moves the focus by Tab until it is on what is called so, or begins so.
    ///
    /// # Errors
    /// When Tab does not lead there.
    pub async fn reach(&self, name: &str) -> Result<()> {
        let mut passed = Vec::new();
        for _ in 0..MAX_TABS {
            let focused = self.focused().await?;
            if focused.starts_with(name) {
                return Ok(());
            }
            passed.push(focused);
            self.key(Key::Tab).await?;
        }
        bail!("Tab does not lead to “{name}”, but to {passed:?}")
    }

    /// Moves the focus there and presses Enter, once it is on the page.
    ///
    /// # Errors
    /// When Tab does not lead there.
    pub async fn press(&self, name: &str) -> Result<()> {
        self.reach(name).await?;
        self.key(Key::Enter).await
    }

    /// Chooses an entry of the menu that the button with this name opens.
    ///
    /// # Errors
    /// When there is none.
    pub async fn choose(&self, menu: &str, entry: &str) -> Result<()> {
        self.press(menu).await?;
        self.seen("[role=menu]").await?;
        for _ in 0..MAX_TABS {
            if self.focused().await?.starts_with(entry) {
                return self.key(Key::Enter).await;
            }
            self.key(Key::Down).await?;
        }
        bail!("“{menu}” has no “{entry}”")
    }

    /// Waits until the page, the question or the step with this title is open.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn title(&self, wanted: &str) -> Result<()> {
        let titles = "const of = document.querySelector('dialog[open]') ?? document;
                      return [...of.querySelectorAll('h1, dialog h2')].map(title => title.innerText.trim())";
        poll::until(&format!("the title “{wanted}”"), SOON, async || {
            let titles = self.page.execute(titles, vec![]).await?;
            let there = titles.as_array().is_some_and(|t| t.iter().any(|t| t == wanted));
            Ok(there.then_some(()))
        })
        .await
    }

    /// Everything that is shown.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn text(&self) -> Result<String> {
        let text = self
            .page
            .execute("return document.body.innerText", vec![])
            .await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until these words are shown.
    ///
    /// # Errors
    /// When they are not in time; what is shown instead is in the error.
    pub async fn says(&self, words: &str) -> Result<()> {
        let mut text = String::new();
        poll::until(&format!("“{words}” in the window"), SOON, async || {
            text = self.text().await?;
            Ok(text.contains(words).then_some(()))
        })
        .await
        .with_context(|| format!("the window shows\n{text}"))
    }

    /// Waits until these words are no longer shown.
    ///
    /// # Errors
    /// When they stay.
    pub async fn no_longer_says(&self, words: &str) -> Result<()> {
        poll::until(&format!("“{words}” to go"), SOON, async || {
            Ok((!self.text().await?.contains(words)).then_some(()))
        })
        .await
    }

    /// Waits for an element.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn seen(&self, css: &str) -> Result<()> {
        poll::until(&format!("“{css}” in the window"), SOON, async || {
            Ok(found(self.page.find(Locator::Css(css)).await)?.map(drop))
        })
        .await
    }

    /// Waits until a script gives this value.
    ///
    /// # Errors
    /// When it does not in time; what it gave is in the error.
    pub async fn gives(&self, script: &str, wanted: impl Into<Value>) -> Result<()> {
        let wanted = wanted.into();
        let mut given = Value::Null;
        poll::until(&format!("{wanted} from “{script}”"), SOON, async || {
            given = self.page.execute(script, vec![]).await?;
            Ok((given == wanted).then_some(()))
        })
        .await
        .with_context(|| format!("it gives {given}"))
    }

    /// Chooses in the list with this name.
    ///
    /// # Errors
    /// When there is no such list or entry.
    pub async fn select(&self, name: &str, entry: &str) -> Result<()> {
        let list = self
            .page
            .find(Locator::Css(&format!("select[aria-label='{name}']")))
            .await?;
        Ok(list.select_by_label(entry).await?)
    }

    /// Calls a command of the app as the page does, and gives its answer or `{"error": code}`.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn invoke(&self, command: &str, arguments: Value) -> Result<Value> {
        let script = "const [command, args, done] = arguments;
            window.__TAURI_INTERNALS__.invoke(command, args).then(done, e => done({ error: e.code ?? e }))";
        Ok(self
            .page
            .execute_async(script, vec![command.into(), arguments])
            .await?)
    }
}
