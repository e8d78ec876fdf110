//! The X display without WebDriver: windows by their title, keys and screenshots, by `xdotool` and `import`.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

use super::poll;

/// How long a window may take to come or go.
const SOON: Duration = Duration::from_secs(15);

/// One X display.
#[derive(Debug, Clone)]
pub struct Desktop {
    display: String,
}

/// A window on it, by its X id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowId(String);

impl Desktop {
    /// The display with this name, such as `:7`.
    pub fn new(display: impl Into<String>) -> Self {
        Self {
            display: display.into(),
        }
    }

    /// Waits for a visible window with this title.
    ///
    /// # Errors
    /// When none comes.
    pub async fn window(&self, title: &str) -> Result<WindowId> {
        poll::until(&format!("a window titled “{title}”"), SOON, async || {
            Ok(self.windows(title).await?.into_iter().next())
        })
        .await
    }

    /// Waits until no visible window has this title.
    ///
    /// # Errors
    /// When one stays.
    pub async fn gone(&self, title: &str) -> Result<()> {
        poll::until(
            &format!("the window titled “{title}” to go"),
            SOON,
            async || Ok(self.windows(title).await?.is_empty().then_some(())),
        )
        .await
    }

    /// The visible windows whose title contains this, now.
    ///
    /// # Errors
    /// When `xdotool` cannot be run.
    pub async fn windows(&self, title: &str) -> Result<Vec<WindowId>> {
        // It ends with 1 when nothing is found.
        let output = self
            .command("xdotool")
            .args(["search", "--onlyvisible", "--name", title])
            .output()
            .await?;
        ensure!(
            output.status.code().is_some_and(|c| c <= 1),
            "xdotool: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|id| WindowId(id.to_owned()))
            .collect())
    }

    /// Gives a window the keyboard, as a click on its title bar does, and waits until the window manager knows: it would take
    /// the desktop for idle otherwise, and give the keyboard to the next window that comes.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn focus(&self, window: &WindowId) -> Result<()> {
        self.xdotool(&["windowfocus", "--sync", &window.0]).await?;
        poll::until("the window to be the active one", SOON, async || {
            let output = self.command("xdotool").arg("getactivewindow").output().await?;
            let active = String::from_utf8_lossy(&output.stdout).trim() == window.0;
            Ok(active.then_some(()))
        })
        .await
    }

    /// The window that has the keyboard, if one has.
    ///
    /// # Errors
    /// When `xdotool` cannot be run.
    pub async fn focused(&self) -> Result<Option<WindowId>> {
        let output = self.command("xdotool").arg("getwindowfocus").output().await?;
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !id.is_empty()).then_some(WindowId(id)))
    }

    /// Presses keys, by their X names, one after another, at whatever has the keyboard.
    ///
    /// # Errors
    /// When `xdotool` fails.
    pub async fn keys(&self, names: &[&str]) -> Result<()> {
        self.xdotool(&[&["key", "--delay", "20"], names].concat()).await
    }

    /// Types text at whatever has the keyboard.
    ///
    /// # Errors
    /// When `xdotool` fails.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.xdotool(&["type", "--delay", "20", text]).await
    }

    /// Turns the mouse wheel towards the person over the middle of a window, so many notches, at this distance in ms.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn wheel(&self, window: &WindowId, notches: u32, apart: u32) -> Result<()> {
        let (_, _, width, height) = self.geometry(window).await?;
        let (x, y) = ((width / 2).to_string(), (height / 2).to_string());
        self.xdotool(&["mousemove", "--window", &window.0, &x, &y])
            .await?;
        let (notches, apart) = (notches.to_string(), apart.to_string());
        self.xdotool(&["click", "--repeat", &notches, "--delay", &apart, "5"])
            .await
    }

    /// Moves the pointer into the corner of the screen, where no window is.
    ///
    /// # Errors
    /// When `xdotool` fails.
    pub async fn move_pointer_away(&self) -> Result<()> {
        self.move_pointer((0, 0)).await
    }

    /// Moves the pointer: from the left and upper edge of all screens together.
    ///
    /// # Errors
    /// When `xdotool` fails.
    pub async fn move_pointer(&self, to: (i32, i32)) -> Result<()> {
        self.xdotool(&["mousemove", &to.0.to_string(), &to.1.to_string()])
            .await
    }

    /// How many pixels of a window have exactly this colour (red, green, blue): what can be known of a page that no WebDriver
    /// drives.
    ///
    /// # Errors
    /// When `import` fails.
    pub async fn pixels(&self, window: &WindowId, colour: [u8; 3]) -> Result<usize> {
        let arguments = ["-silent", "-window", &window.0, "-depth", "8", "rgb:-"];
        let output = self.command("import").args(arguments).output().await?;
        ensure!(
            output.status.success(),
            "import: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output
            .stdout
            .chunks_exact(3)
            .filter(|pixel| *pixel == colour)
            .count())
    }

    /// A window's left and upper edge, width and height.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn geometry(&self, window: &WindowId) -> Result<(i32, i32, i32, i32)> {
        let output = self
            .command("xdotool")
            .args(["getwindowgeometry", "--shell", &window.0])
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let value = |name: &str| -> Result<i32> {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            Ok(value.with_context(|| format!("no {name} in {text:?}"))?.parse()?)
        };
        Ok((value("X")?, value("Y")?, value("WIDTH")?, value("HEIGHT")?))
    }

    /// Moves a window, and gives it this size, as its person does.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn place(&self, window: &WindowId, corner: (i32, i32), size: (i32, i32)) -> Result<()> {
        // First where it has the room: what is beyond the edge is not painted.
        self.move_window(window, corner).await?;
        let (width, height) = (size.0.to_string(), size.1.to_string());
        self.xdotool(&["windowsize", "--sync", &window.0, &width, &height])
            .await
    }

    /// Moves a window, as its person does.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn move_window(&self, window: &WindowId, corner: (i32, i32)) -> Result<()> {
        let (x, y) = (corner.0.to_string(), corner.1.to_string());
        self.xdotool(&["windowmove", "--sync", &window.0, &x, &y]).await
    }

    /// What panels leave of the screen: left and upper edge, width, height.
    ///
    /// # Errors
    /// When the window manager does not say.
    pub async fn work_area(&self) -> Result<(i32, i32, i32, i32)> {
        let output = self
            .command("xprop")
            .args(["-root", "_NET_WORKAREA"])
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<i32> = text
            .split(['=', ',', ' ', '\n'])
            .filter_map(|word| word.parse().ok())
            .collect();
        match numbers[..] {
            [x, y, width, height, ..] => Ok((x, y, width, height)),
            _ => bail!("no work area in {text:?}"),
        }
    }

    /// The whole screen: left and upper edge, width, height.
    ///
    /// # Errors
    /// When `xdotool` fails.
    pub async fn screen(&self) -> Result<(i32, i32, i32, i32)> {
        let output = self.command("xdotool").arg("getdisplaygeometry").output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<i32> = text
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        match numbers[..] {
            [width, height] => Ok((0, 0, width, height)),
            _ => bail!("no size of the screen in {text:?}"),
        }
    }

    /// Which of these windows is above the others.
    ///
    /// # Errors
    /// When the window manager does not say.
    pub async fn top<'a>(&self, windows: &[&'a WindowId]) -> Result<Option<&'a WindowId>> {
        let output = self
            .command("xprop")
            .args(["-root", "_NET_CLIENT_LIST_STACKING"])
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let stack: Vec<u64> = text
            .split(['#', ',', ' ', '\n'])
            .filter_map(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok())
            .collect();
        let height = |window: &WindowId| {
            let id = window.0.parse::<u64>().ok()?;
            stack.iter().position(|&at| at == id)
        };
        Ok(windows.iter().copied().max_by_key(|window| height(window)))
    }

    /// Saves the whole screen as PNG.
    ///
    /// # Errors
    /// When `import` fails.
    pub async fn screenshot(&self, to: &Path) -> Result<()> {
        let output = self
            .command("import")
            .args(["-window", "root"])
            .arg(to)
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "import: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    async fn xdotool(&self, arguments: &[&str]) -> Result<()> {
        let output = self.command("xdotool").args(arguments).output().await?;
        if !output.status.success() {
            bail!(
                "xdotool {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("DISPLAY", &self.display)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// Whether a process with this id is still there.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn runs(pid: u32) -> Result<bool> {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    // A zombie has ended; only its parent has not looked yet.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next())
        .context("unreadable /proc")?;
    Ok(state != 'Z')
}
