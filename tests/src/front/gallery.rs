//! Every screen and state of the interface from its fixtures, in the web engine that the app uses.
//!
//! The gallery is a page of its own that is never shipped: `npm run gallery` builds it. It names its states itself; a state is
//! `<screen>-<state>`, so a picture is `<screen>-<state>-<light|dark>-<language>.png`.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{net::TcpStream, time::timeout};

use super::poll;
use crate::harness::{Process, Session, free_port};

/// How long a server or a browser may take to come up.
const SOON: Duration = Duration::from_secs(30);
/// Wider than any window of the app.
const WIDTH: u32 = 1000;
/// The languages that every screen is pictured in, and those of the prompt beside them.
const LANGUAGES: [&str; 1] = ["en"];
const PROMPT_LANGUAGES: [&str; 3] = ["en", "de", "ar"];

/// A browser on the gallery.
#[derive(Debug)]
pub struct Gallery {
    page: Client,
    url: String,
    _driver: Process,
    _server: Process,
}

/// One picture to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    state: String,
    theme: &'static str,
    language: &'static str,
}

impl Picture {
    /// The file's name.
    pub fn name(&self) -> String {
        format!("{}-{}-{}.png", self.state, self.theme, self.language)
    }

    /// The size of the window that the state belongs to, in CSS pixels.
    fn size(&self) -> (u32, u32) {
        if self.state.starts_with("prompt-") {
            (440, 640)
        } else if self.state.ends_with("-narrow") {
            (640, 480)
        } else {
            (880, 600)
        }
    }
}

impl Gallery {
    /// Serves what was built in `interface` and opens it.
    ///
    /// # Errors
    /// When it was not built, or server or browser do not come up.
    pub async fn open(session: &Session, interface: &Path) -> Result<Self> {
        ensure!(
            interface.join("dist-gallery/gallery.html").is_file(),
            "the gallery is not built; `cargo xtask screenshots` builds it"
        );
        let port = free_port()?;
        let mut command = session.command("node");
        command
            .arg(interface.join("node_modules/vite/bin/vite.js"))
            .args([
                "preview",
                "--mode",
                "gallery",
                "--host",
                "127.0.0.1",
                "--strictPort",
                "--port",
            ])
            .arg(port.to_string())
            .current_dir(interface);
        let mut server = Process::start("gallery", command, session.logs().dir())?;
        up(&mut server, port).await?;
        let url = format!("http://127.0.0.1:{port}/gallery.html");

        let port = free_port()?;
        let mut command = session.command("WebKitWebDriver");
        command.args(["--host=127.0.0.1", &format!("--port={port}")]);
        let mut driver = Process::start("gallery-driver", command, session.logs().dir())?;
        up(&mut driver, port).await?;
        let page = timeout(
            SOON,
            ClientBuilder::new(HttpConnector::new()).connect(&format!("http://127.0.0.1:{port}")),
        )
        .await
        .context("the browser has no window")??;
        Ok(Self {
            page,
            url,
            _driver: driver,
            _server: server,
        })
    }

    /// Every picture there is to take, as the gallery names its states.
    ///
    /// # Errors
    /// When the page does not load, or names none.
    pub async fn pictures(&self) -> Result<Vec<Picture>> {
        self.page.goto(&self.url).await?;
        // Its texts are loaded after the page.
        let states = poll::until("the gallery to name its states", SOON, async || {
            let named = self
                .page
                .execute("return document.documentElement.dataset.states", Vec::new())
                .await?;
            Ok(named.as_str().map(str::to_owned))
        })
        .await?;
        let mut pictures = Vec::new();
        for state in states.split_ascii_whitespace() {
            let languages = if state.starts_with("prompt-") {
                PROMPT_LANGUAGES.as_slice()
            } else {
                LANGUAGES.as_slice()
            };
            for &language in languages {
                for theme in ["light", "dark"] {
                    pictures.push(Picture {
                        state: state.to_owned(),
                        theme,
                        language,
                    });
                }
            }
        }
        ensure!(!pictures.is_empty(), "the gallery names no states");
        Ok(pictures)
    }

    /// Takes one picture, into `dir`.
    ///
    /// # Errors
    /// When the state does not show itself.
    pub async fn take(&self, picture: &Picture, dir: &Path) -> Result<()> {
        let Picture {
            state,
            theme,
            language,
        } = picture;
        let (width, height) = picture.size();
        let address = format!("{}?state={state}&theme={theme}&language={language}", self.url);
        self.resize(height).await?;
        // In a frame of the window's size: a browser's own window is as wide as its buttons at least.
        self.page
            .execute(
                "const frame = document.createElement('iframe');
                 const [src, width, height] = arguments;
                 Object.assign(frame, { src, width, height });
                 frame.style.border = '0';
                 document.body.replaceChildren(frame);",
                vec![json!(address), json!(width), json!(height)],
            )
            .await?;
        let frame = self.page.find(Locator::Css("iframe")).await?;
        self.page.enter_frame(0).await?;
        poll::until(&format!("{state} to be shown"), SOON, async || {
            let shown = self
                .page
                .execute("return document.documentElement.dataset.shown", Vec::new())
                .await?;
            Ok((shown == json!(state)).then_some(()))
        })
        .await?;
        self.page
            .execute_async(
                "document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(arguments[0])));",
                Vec::new(),
            )
            .await?;
        self.page.enter_parent_frame().await?;
        let image = frame.screenshot().await?;
        std::fs::write(dir.join(picture.name()), image)?;
        Ok(())
    }

    /// Makes the page as high as the frame: the engine misplaces the picture of an element in a higher one.
    async fn resize(&self, height: u32) -> Result<()> {
        poll::until("the browser's window to take its size", SOON, async || {
            let inner = self.page.execute("return innerHeight", Vec::new()).await?;
            let missing = i64::from(height) - inner.as_i64().context("the page has no height")?;
            if missing == 0 {
                return Ok(Some(()));
            }
            let (_, outer) = self.page.get_window_size().await?;
            let outer = u32::try_from(outer.saturating_add_signed(missing))?;
            self.page.set_window_size(WIDTH, outer).await?;
            Ok(None)
        })
        .await
    }

    /// Ends the browser.
    ///
    /// # Errors
    /// The driver's.
    pub async fn close(self) -> Result<()> {
        Ok(self.page.close().await?)
    }
}

async fn up(process: &mut Process, port: u16) -> Result<()> {
    poll::until("a local server", SOON, async || {
        ensure!(process.runs()?, "a server ended; {}", process.log().display());
        Ok(TcpStream::connect(("127.0.0.1", port)).await.ok().map(drop))
    })
    .await
}
