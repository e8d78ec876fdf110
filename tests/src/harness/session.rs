//! A private desktop session; or, for the interactive demo, the person's own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};
use futures_util::StreamExt as _;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use zbus::{Connection, connection, fdo::DBusProxy, names::BusName};

use super::{Ca, Keyring, Logs, Paths, Process};

/// The size of the screen: a small laptop.
const SCREEN: &str = "1366x768x24";
/// The X server of a desktop with two screens. The one in `PATH` is a wrapper that some systems keep for consoles.
const XORG: &str = "/usr/lib/xorg/Xorg";
/// A laptop's screen, and a larger one to the right of it. Xvfb has no second output, and GTK looks at outputs.
const TWO_SCREENS: &str = r#"
Section "ServerFlags"
  Option "AutoAddDevices" "false"
EndSection
Section "Monitor"
  Identifier "left"
  HorizSync 5-1000
  VertRefresh 5-200
  Option "PreferredMode" "1280x800"
  Option "Primary" "true"
EndSection
Section "Monitor"
  Identifier "right"
  HorizSync 5-1000
  VertRefresh 5-200
  Option "Enable" "true"
  Option "PreferredMode" "1600x900"
  Option "Position" "1280 0"
EndSection
Section "Device"
  Identifier "screens"
  Driver "dummy"
  VideoRam 65536
  Option "Monitor-DUMMY0" "left"
  Option "Monitor-DUMMY1" "right"
EndSection
Section "Screen"
  Identifier "desktop"
  Device "screens"
  Monitor "left"
  DefaultDepth 24
  SubSection "Display"
    Virtual 2880 900
  EndSubSection
EndSection
"#;
/// How long a service may take to appear on the bus.
const SOON: Duration = Duration::from_secs(15);
/// The environment variable that names a directory in which the logs of every session are kept.
const KEEP_LOGS: &str = "COUNTERSIGN_KEEP_LOGS";
/// Where an organisation's settings for a session are.
const ORGANISATION: &str = "organisation";
/// What of our own environment the session gets.
const KEPT: [&str; 4] = ["PATH", "TMPDIR", "SSL_CERT_FILE", "RUST_LOG"];

/// The screens of a desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screens {
    /// No X server and no window manager.
    None,
    /// A small laptop's.
    One,
    /// 1280×800 at the left, which is the primary one, and 1600×900 at the right.
    Two,
}

/// What a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionOptions {
    /// X server and window manager.
    pub screens: Screens,
    /// A notification daemon; needs the display.
    pub notifications: bool,
    /// A keyring, unlocked. Without one the service is missing.
    pub keyring: bool,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            screens: Screens::One,
            notifications: true,
            keyring: true,
        }
    }
}

/// A running session. Its parts end when it is dropped, its directory goes with it.
#[derive(Debug)]
pub struct Session {
    notifier: Option<Process>,
    /// The keyring service.
    pub keyring: Keyring,
    display: Option<Display>,
    bus: Option<Process>,
    connection: Connection,
    environment: BTreeMap<String, OsString>,
    /// A private authority, whose certificate every part is told to trust.
    pub ca: Ca,
    /// Where programs and files are.
    pub paths: Paths,
    logs: Logs,
    dir: TempDir,
}

#[derive(Debug)]
struct Display {
    name: String,
    _window_manager: Process,
    _server: Process,
}

impl Session {
    /// Starts a session with everything in it.
    ///
    /// # Errors
    /// When a part does not start; its output is in the error.
    pub async fn start() -> Result<Self> {
        Self::with(SessionOptions::default()).await
    }

    /// Starts a session with these parts.
    ///
    /// # Errors
    /// When a part does not start; its output is in the error.
    pub async fn with(options: SessionOptions) -> Result<Self> {
        crate::wire::install_ring();
        let paths = Paths::find()?;
        let dir = tempfile::Builder::new().prefix("countersign-").tempdir()?;
        let at = |name: &str| dir.path().join(name);
        for name in ["home", "config", "data", "state", "cache", "run", "logs"] {
            fs::create_dir(at(name))?;
        }
        fs::set_permissions(at("run"), fs::Permissions::from_mode(0o700))?;
        let logs = Logs::new(at("logs"));
        let bus_address = format!("unix:path={}", at("run").join("bus").display());
        let mut environment = environment(dir.path(), &bus_address);

        let (bus, server) =
            tokio::try_join!(start_bus(dir.path(), &bus_address, &environment, &logs), async {
                start_display(options.screens, dir.path(), &environment, &logs).await
            })?;
        if let Some((name, _)) = &server {
            environment.insert("DISPLAY".to_owned(), name.into());
        }
        let connection = connection::Builder::address(bus_address.as_str())?
            .build()
            .await?;
        let mut keyring = Keyring::new(dir.path(), environment.clone(), logs.clone(), connection.clone());
        let (window_manager, notifier, ()) = tokio::try_join!(
            async {
                if server.is_some() {
                    start_window_manager(&environment, &logs).await.map(Some)
                } else {
                    Ok(None)
                }
            },
            async {
                if options.notifications {
                    start_notifier(dir.path(), &environment, &logs, &connection)
                        .await
                        .map(Some)
                } else {
                    Ok(None)
                }
            },
            async {
                if options.keyring {
                    keyring.start().await
                } else {
                    Ok(())
                }
            },
        )?;
        let display = server.zip(window_manager).map(|((name, server), wm)| Display {
            name,
            _window_manager: wm,
            _server: server,
        });
        let ca = Ca::new(dir.path(), "Alder test authority")?;
        Ok(Self {
            notifier,
            keyring,
            display,
            bus: Some(bus),
            connection,
            environment,
            ca,
            paths,
            logs,
            dir,
        })
    }

    /// The session of the person at this computer: their display, bus, keyring and notifications. Nothing is started, and
    /// only the directory with our own files goes in the end.
    ///
    /// # Errors
    /// When there is no session bus.
    pub async fn of_this_desktop() -> Result<Self> {
        crate::wire::install_ring();
        let dir = tempfile::Builder::new().prefix("countersign-demo-").tempdir()?;
        let logs = Logs::new(dir.path().join("logs"));
        fs::create_dir(logs.dir())?;
        let connection = Connection::session().await.context("there is no session bus")?;
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let environment: BTreeMap<String, OsString> = std::env::vars_os().filter_map(named).collect();
        Ok(Self {
            notifier: None,
            keyring: Keyring::new(dir.path(), environment.clone(), logs.clone(), connection.clone()),
            display: None,
            bus: None,
            connection,
            environment,
            ca: Ca::new(dir.path(), "Countersign demo authority")?,
            paths: Paths::find()?,
            logs,
            dir,
        })
    }

    /// The session's directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where an organisation's settings for this session are: one of its `XDG_CONFIG_DIRS`.
    pub fn organisation(&self) -> PathBuf {
        self.dir.path().join(ORGANISATION)
    }

    /// Files with codes of other apps.
    pub fn samples(&self) -> PathBuf {
        self.paths.samples()
    }

    /// What its processes printed.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Where the session bus listens.
    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("run/bus").display())
    }

    /// A connection to the session bus.
    pub fn bus(&self) -> &Connection {
        &self.connection
    }

    /// The X display, such as `:7`.
    ///
    /// # Errors
    /// When the session was started without one.
    pub fn display(&self) -> Result<&str> {
        Ok(&self.display.as_ref().context("this session has no display")?.name)
    }

    /// The file from which the notification daemon's menu takes the label to choose.
    pub fn pick(&self) -> PathBuf {
        self.dir.path().join("pick")
    }

    /// A command in this session: its environment and nothing of ours.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        command(program, &self.environment)
    }

    /// Ends the session bus, as a crash would.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill_bus(&self) -> Result<()> {
        let bus = self.bus.as_ref().context("this session's bus is not ours")?;
        bus.signal(rustix::process::Signal::KILL)
    }

    /// Ends the notification daemon.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop_notifier(&mut self) -> Result<()> {
        match self.notifier.take() {
            Some(notifier) => notifier.kill().await,
            None => Ok(()),
        }
    }

    /// Starts the notification daemon again.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_notifier(&mut self) -> Result<()> {
        self.notifier =
            Some(start_notifier(self.dir.path(), &self.environment, &self.logs, &self.connection).await?);
        Ok(())
    }

    /// Saves the whole screen as `<name>.png` among the screenshots.
    ///
    /// # Errors
    /// When there is no display.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let to = self.paths.screenshots()?.join(format!("{name}.png"));
        crate::front::Desktop::new(self.display()?)
            .screenshot(&to)
            .await?;
        Ok(to)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(dir) = std::env::var_os(KEEP_LOGS) {
            let name = self.dir.path().file_name().unwrap_or_default();
            if let Err(e) = self.logs.save(&PathBuf::from(dir).join(name)) {
                eprintln!("the logs cannot be kept: {e:#}");
            }
        }
    }
}

/// A command with exactly this environment.
pub(super) fn command(
    program: impl AsRef<std::ffi::OsStr>,
    environment: &BTreeMap<String, OsString>,
) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(environment).stdin(Stdio::null());
    command
}

fn environment(dir: &Path, bus_address: &str) -> BTreeMap<String, OsString> {
    let mut environment: BTreeMap<String, OsString> = KEPT
        .iter()
        .filter_map(|&name| Some((name.to_owned(), std::env::var_os(name)?)))
        .collect();
    for (name, sub) in [
        ("HOME", "home"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_RUNTIME_DIR", "run"),
    ] {
        environment.insert(name.to_owned(), dir.join(sub).into());
    }
    for (name, value) in [
        ("DBUS_SESSION_BUS_ADDRESS", bus_address),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("GDK_BACKEND", "x11"),
        ("NO_AT_BRIDGE", "1"),
        ("LIBGL_ALWAYS_SOFTWARE", "1"),
    ] {
        environment.insert(name.to_owned(), value.into());
    }
    // An organisation may set something for this session, without touching the computer.
    let configuration = format!("{}:/etc/xdg", dir.join(ORGANISATION).display());
    environment.insert("XDG_CONFIG_DIRS".to_owned(), configuration.into());
    environment
}

/// A bus without activation: what was not started is missing.
async fn start_bus(
    dir: &Path,
    address: &str,
    environment: &BTreeMap<String, OsString>,
    logs: &Logs,
) -> Result<Process> {
    let config = dir.join("bus.conf");
    fs::write(
        &config,
        format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#
        ),
    )?;
    let mut command = command("dbus-daemon", environment);
    command
        .arg("--config-file")
        .arg(&config)
        .args(["--nofork", "--nopidfile", "--print-address=1"]);
    let mut bus = Process::start("bus", command, logs.dir())?;
    bus.line("it printed its address", |line| {
        line.starts_with("unix:").then_some(())
    })
    .await?;
    Ok(bus)
}

async fn start_display(
    screens: Screens,
    dir: &Path,
    environment: &BTreeMap<String, OsString>,
    logs: &Logs,
) -> Result<Option<(String, Process)>> {
    let mut command = match screens {
        Screens::None => return Ok(None),
        Screens::One => {
            let mut command = command("Xvfb", environment);
            command.args(["-screen", "0", SCREEN]);
            command
        }
        Screens::Two => {
            let config = dir.join("xorg.conf");
            fs::write(&config, TWO_SCREENS)?;
            let mut command = command(XORG, environment);
            command.arg("-config").arg(&config);
            command.arg("-logfile").arg(logs.dir().join("xorg.log"));
            // No console of the computer's is taken.
            command.args(["-novtswitch", "-sharevts"]);
            command
        }
    };
    command.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset"]);
    let mut server = Process::start("display", command, logs.dir())?;
    let number = server
        .line("it named its display", |line| line.parse::<u16>().ok())
        .await?;
    Ok(Some((format!(":{number}"), server)))
}

async fn start_window_manager(environment: &BTreeMap<String, OsString>, logs: &Logs) -> Result<Process> {
    let mut command = command("openbox", environment);
    command.args(["--sm-disable", "--startup", "echo windows are managed"]);
    let mut manager = Process::start("window-manager", command, logs.dir())?;
    manager
        .line("it managed windows", |line| {
            (line == "windows are managed").then_some(())
        })
        .await?;
    Ok(manager)
}

async fn start_notifier(
    dir: &Path,
    environment: &BTreeMap<String, OsString>,
    logs: &Logs,
    connection: &Connection,
) -> Result<Process> {
    let (pick, menu, config) = (dir.join("pick"), dir.join("menu"), dir.join("dunstrc"));
    // A person's choice in the daemon's menu: the entry with the label that the test wrote down.
    let script = format!(
        "#!/bin/sh\nexec grep --fixed-strings --max-count=1 -- \"#$(cat '{}') \"\n",
        pick.display()
    );
    let mut file = fs::File::create(&menu)?;
    file.write_all(script.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o700))?;
    drop(file);
    fs::write(
        &config,
        format!(
            "[global]\nfont = DejaVu Sans 10\nwidth = 360\norigin = top-right\nfollow = none\nidle_threshold = 0\n\
             history_length = 100\ndmenu = {}\n[urgency_low]\ntimeout = 0\n[urgency_normal]\ntimeout = 0\n\
             [urgency_critical]\ntimeout = 0\n",
            menu.display()
        ),
    )?;
    let mut command = command("dunst", environment);
    command.arg("-config").arg(&config);
    let notifier = Process::start("notifier", command, logs.dir())?;
    wait_for_name(connection, "org.freedesktop.Notifications").await?;
    Ok(notifier)
}

/// Waits until somebody owns this bus name.
pub(super) async fn wait_for_name(connection: &Connection, name: &'static str) -> Result<()> {
    let bus = DBusProxy::new(connection).await?;
    // Subscribed before it is asked, so that it cannot appear in between.
    let mut changes = bus.receive_name_owner_changed_with_args(&[(0, name)]).await?;
    if bus.name_has_owner(BusName::try_from(name)?).await? {
        return Ok(());
    }
    let owned = async {
        while let Some(change) = changes.next().await {
            if change.args()?.new_owner().is_some() {
                return anyhow::Ok(());
            }
        }
        anyhow::bail!("the bus is gone")
    };
    timeout(SOON, owned)
        .await
        .with_context(|| format!("nobody took the name {name} on the bus"))?
}
