//! The prompt window as a person sees it: found by role, label and text, as `ui/` promises them to screen readers.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fantoccini::{Client, Locator, elements::Element, error::CmdError};

use super::poll;

/// How long the window may take to show what is due at once.
const SOON: Duration = Duration::from_secs(10);

const CODE: Locator<'_> = Locator::Css("main.prompt input[inputmode=numeric]");
const TITLE: Locator<'_> = Locator::Css("main.prompt h1");
const LINES: Locator<'_> = Locator::Css("main.prompt [data-line]");
const ENDED: Locator<'_> = Locator::Css("main.prompt .outcome__title");
const CODE_ERROR: Locator<'_> = Locator::Css("#match-code-error");
const READ_ON: Locator<'_> = Locator::Css("main.prompt button.readon");

/// What the prompt says at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its title: `Approved`, `Denied`, `This request expired` …
    pub title: String,
    /// Everything else that the window shows.
    pub text: String,
}

/// The prompt in the app's real window.
#[derive(Debug)]
pub struct Prompt {
    page: Client,
}

impl Prompt {
    /// Waits until the prompt has painted a request: its sentence and its buttons are there.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn painted(page: Client) -> Result<Self> {
        let prompt = Self { page };
        // A sentence and a button are also in a window that waits for its agent; lines are a request's.
        prompt.seen("the request's lines", LINES).await?;
        prompt.seen("the prompt", TITLE).await?;
        prompt
            .seen("the prompt's buttons", Locator::Css("main.prompt .decide button"))
            .await?;
        Ok(prompt)
    }

    /// The WebDriver session.
    pub fn page(&self) -> &Client {
        &self.page
    }

    /// The sentence that says what is asked.
    ///
    /// # Errors
    /// When there is none.
    pub async fn sentence(&self) -> Result<String> {
        Ok(self.page.find(TITLE).await?.text().await?)
    }

    /// Everything that is shown, with *Details* opened: what a person could read.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub async fn text(&self) -> Result<String> {
        let text = self
            .page
            .execute("return document.querySelector('main.prompt').innerText", vec![])
            .await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// The statement's lines as label and value, in the order shown.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub async fn lines(&self) -> Result<Vec<(String, String)>> {
        let script = "return [...document.querySelectorAll('main.prompt dl > div')]\
                      .map(d => [d.querySelector('dt').innerText.trim(), d.querySelector('dd').innerText.trim()])";
        Ok(serde_json::from_value(self.page.execute(script, vec![]).await?)?)
    }

    /// The indices of the statement's lines that are in the window, sorted.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub async fn line_indices(&self) -> Result<Vec<usize>> {
        let script = "return [...document.querySelectorAll('main.prompt [data-line]')].map(e => Number(e.dataset.line))";
        let mut indices: Vec<usize> = serde_json::from_value(self.page.execute(script, vec![]).await?)?;
        indices.sort_unstable();
        indices.dedup();
        Ok(indices)
    }

    /// Waits until a word appears anywhere in the prompt.
    ///
    /// # Errors
    /// When it does not in time; what is shown instead is in the error.
    pub async fn says(&self, word: &str) -> Result<()> {
        let mut text = String::new();
        poll::until(&format!("“{word}” in the prompt"), SOON, async || {
            text = self.text().await?;
            Ok(text.contains(word).then_some(()))
        })
        .await
        .with_context(|| format!("the prompt shows\n{text}"))
    }

    /// Types the match code, as a person does: into the field, digit by digit.
    ///
    /// # Errors
    /// When there is no field for it.
    pub async fn type_code(&self, code: &str) -> Result<()> {
        let field = self.seen("the field for the code", CODE).await?;
        field.send_keys(code).await?;
        let typed = field.prop("value").await?.unwrap_or_default();
        ensure!(
            typed.ends_with(code),
            "the field took {typed:?} instead of the code"
        );
        Ok(())
    }

    /// Picks one of the options.
    ///
    /// # Errors
    /// When it is not on offer.
    pub async fn pick(&self, option: &str) -> Result<()> {
        let locator = format!("//main//label[normalize-space()='{option}']");
        let tile = self.seen("the option", Locator::XPath(&locator)).await?;
        Ok(tile.click().await?)
    }

    /// Approves: waits until the button may be used, then presses it.
    ///
    /// # Errors
    /// When it may not be used in time.
    pub async fn approve(&self) -> Result<()> {
        self.read_to_the_end().await?;
        self.press("Approve").await
    }

    /// Denies.
    ///
    /// # Errors
    /// When the button may not be used in time.
    pub async fn deny(&self) -> Result<()> {
        self.press("Deny").await
    }

    /// Says that it was not me, and confirms it.
    ///
    /// # Errors
    /// When a button may not be used in time.
    pub async fn report(&self) -> Result<()> {
        self.press("This wasn’t me").await?;
        self.press("Deny and report").await
    }

    /// Whether *Approve* may be used now.
    ///
    /// # Errors
    /// When there is no such button.
    pub async fn approve_is_on(&self) -> Result<bool> {
        let button = self
            .page
            .find(Locator::XPath("//main//button[normalize-space()='Approve']"))
            .await?;
        is_on(&button).await
    }

    /// Waits for the line that says that the code was wrong.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn code_error(&self) -> Result<String> {
        let line = self.seen("the line about a wrong code", CODE_ERROR).await?;
        Ok(line.text().await?)
    }

    /// Waits until the request is shown as ended in this way.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn ended(&self, title: &str) -> Result<Outcome> {
        poll::until(&format!("the outcome “{title}”"), SOON, async || {
            let Some(heading) = found(self.page.find(ENDED).await)? else {
                return Ok(None);
            };
            if found(heading.text().await)?.as_deref() != Some(title) {
                return Ok(None);
            }
            Ok(Some(Outcome {
                title: title.to_owned(),
                text: self.text().await?,
            }))
        })
        .await
    }

    /// Presses a key without any element in mind: whatever has the keyboard gets it.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn key(&self, key: char) -> Result<()> {
        use fantoccini::actions::{InputSource, KeyAction, KeyActions};
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        Ok(self.page.perform_actions(keys).await?)
    }

    /// Presses the button with this text once it may be used.
    ///
    /// # Errors
    /// When it may not be used in time.
    pub async fn press(&self, label: &str) -> Result<()> {
        let locator = named(label);
        let button = poll::until(&format!("the button “{label}” to be on"), SOON, async || {
            let Some(button) = found(self.page.find(locator.as_locator()).await)? else {
                return Ok(None);
            };
            let on = found_ok(is_on(&button).await)?.unwrap_or(false);
            Ok(on.then_some(button))
        })
        .await?;
        button
            .click()
            .await
            .with_context(|| format!("“{label}” could not be pressed"))
    }

    /// Scrolls on until nothing of the statement is left unseen.
    ///
    /// # Errors
    /// When there is always more.
    pub async fn read_to_the_end(&self) -> Result<()> {
        poll::until("the end of the statement", SOON, async || {
            let Some(button) = found(self.page.find(READ_ON).await)? else {
                return Ok(Some(()));
            };
            found(button.click().await)?;
            Ok(None)
        })
        .await
    }

    async fn seen(&self, what: &str, locator: Locator<'_>) -> Result<Element> {
        poll::until(what, SOON, async || found(self.page.find(locator).await)).await
    }
}

/// A button by its text, in a prompt that has stood still for long enough to react.
struct Named(String);

fn named(label: &str) -> Named {
    let settled = "not(contains(@class, 'is-arming'))";
    Named(format!("//main[{settled}]//button[normalize-space()='{label}']"))
}

impl Named {
    fn as_locator(&self) -> Locator<'_> {
        Locator::XPath(&self.0)
    }
}

async fn is_on(button: &Element) -> Result<bool> {
    let off = button.attr("aria-disabled").await?.as_deref() == Some("true");
    Ok(!off && button.is_enabled().await?)
}

/// What is not there yet, or was just replaced, is not an error.
pub(crate) fn found<T>(result: Result<T, CmdError>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.is_no_such_element() || e.is_stale_element_reference() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn found_ok<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) => match e.downcast::<CmdError>() {
            Ok(e) => found(Err(e)),
            Err(e) => Err(e),
        },
    }
}
