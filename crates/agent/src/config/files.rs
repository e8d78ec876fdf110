//! Where the configuration is, and how the two files become one.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use countersign_agent_api::{SettingKey, Settings, SettingsView};
use countersign_protocol::text;

use super::{Config, ConfigError, masked};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The longest name of an organisation, in characters.
const MAX_ORGANISATION: usize = 64;

/// The settings that front ends know, with their places in the files.
pub(super) const KEYS: [(SettingKey, &str, &str); 10] = [
    (SettingKey::StartAtLogin, "app", "start_at_login"),
    (SettingKey::Notifications, "notifications", "privacy"),
    (SettingKey::OpenPrompt, "app", "open_prompt"),
    (SettingKey::QuietHours, "notifications", "quiet_hours"),
    (SettingKey::Appearance, "app", "appearance"),
    (SettingKey::Language, "app", "language"),
    (SettingKey::Proxy, "network", "proxy"),
    (SettingKey::CaFiles, "network", "ca_files"),
    (SettingKey::HideCodes, "codes", "hide"),
    (SettingKey::ClearClipboard, "codes", "clear_clipboard"),
];

/// The files. Nothing is read before [`ConfigFiles::load`].
#[derive(Debug, Clone)]
pub struct ConfigFiles {
    pub(super) own: Option<Own>,
    managed: Vec<PathBuf>,
}

/// The person's file.
#[derive(Debug, Clone)]
pub(super) enum Own {
    /// Named on the command line: it has to be there.
    Named(PathBuf),
    /// At its usual place, or not there at all.
    Usual(PathBuf),
}

impl Own {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Usual(path) => path,
        }
    }
}

/// What is in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// The values.
    pub config: Config,
    /// What the organisation has set.
    pub locked: Vec<SettingKey>,
    /// Its name, in its own words.
    pub organisation: Option<String>,
}

impl Effective {
    /// The same for front ends.
    pub fn view(&self, start_at_login: bool) -> SettingsView {
        let Config {
            network,
            app,
            notifications,
            keyring: _,
            history: _,
            codes,
        } = &self.config;
        SettingsView {
            values: Settings {
                start_at_login,
                notifications: notifications.privacy,
                open_prompt: app.open_prompt,
                quiet_hours: notifications.quiet_hours,
                appearance: app.appearance,
                language: app.language.clone(),
                proxy: network.proxy.as_deref().map(masked),
                ca_files: network.ca_files.iter().map(|p| p.display().to_string()).collect(),
                hide_codes: codes.hide,
                clear_clipboard: codes.clear_clipboard,
            },
            locked: self.locked.clone(),
            locked_by: self.organisation.clone(),
        }
    }
}

impl ConfigFiles {
    /// `named` (from the command line), or `$XDG_CONFIG_HOME/countersign/agent.toml`; and `countersign/managed.toml` of
    /// `$XDG_CONFIG_DIRS`, by default `/etc/xdg`. `variable` reads the environment.
    pub fn find(named: Option<PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let usual = || Some(config_home(&variable)?.join("countersign/agent.toml"));
        let own = named.map(Own::Named).or_else(|| usual().map(Own::Usual));
        let dirs = variable("XDG_CONFIG_DIRS").filter(|dirs| !dirs.is_empty());
        let dirs = dirs.unwrap_or_else(|| "/etc/xdg".into());
        let managed = std::env::split_paths(&dirs)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join("countersign/managed.toml"))
            .collect();
        Self { own, managed }
    }

    /// Reads and checks both files; where both set a value, the organisation's counts.
    ///
    /// # Errors
    /// Every [`ConfigError`]; an absent file is one only if it was named.
    pub fn load(&self) -> Result<Effective, ConfigError> {
        self.merged(self.own_text()?.as_deref())
    }

    /// The same, with this text in place of the person's file.
    pub(super) fn merged(&self, own: Option<&str>) -> Result<Effective, ConfigError> {
        let mut values = match (&self.own, own) {
            (Some(own), Some(text)) => {
                let config = Config::parse(text, own.path())?;
                if config.app.start_at_login.is_some() {
                    return Err(ConfigError::Value {
                        key: "app.start_at_login",
                        problem: "only an organisation sets this here. Use the app's settings".to_owned(),
                    });
                }
                table(text, own.path())?
            }
            (Some(_) | None, _) => toml::Table::new(),
        };
        let mut effective = Effective::default();
        if let Some((path, text)) = self.managed_text()? {
            let mut managed = table(&text, &path)?;
            effective.organisation = organisation(managed.remove("organisation"))?;
            read(managed.clone(), &path)?;
            effective.locked = KEYS
                .iter()
                .filter(|(_, section, key)| managed.get(*section).is_some_and(|s| s.get(key).is_some()))
                .map(|(setting, _, _)| *setting)
                .collect();
            overlay(&mut values, managed);
            effective.config = read(values, &path)?;
        } else if let Some(own) = &self.own {
            effective.config = read(values, own.path())?;
        }
        Ok(effective)
    }

    /// The text of the person's file; `None` if there is none and none was named.
    pub(super) fn own_text(&self) -> Result<Option<String>, ConfigError> {
        let Some(own) = &self.own else { return Ok(None) };
        match (own, text_of(own.path())?) {
            (Own::Named(path), None) => Err(ConfigError::Read {
                path: path.clone(),
                source: io::ErrorKind::NotFound.into(),
            }),
            (Own::Named(_) | Own::Usual(_), text) => Ok(text),
        }
    }

    /// The organisation's file: the first there is.
    fn managed_text(&self) -> Result<Option<(PathBuf, String)>, ConfigError> {
        for path in &self.managed {
            if let Some(text) = text_of(path)? {
                return Ok(Some((path.clone(), text)));
            }
        }
        Ok(None)
    }
}

/// `$XDG_CONFIG_HOME`, by default `~/.config`.
pub fn config_home(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    set("XDG_CONFIG_HOME")
        .filter(|p| p.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".config")))
}

fn text_of(path: &Path) -> Result<Option<String>, ConfigError> {
    let failed = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let mut text = String::new();
    file.take(MAX_FILE + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(text))
}

fn table(text: &str, path: &Path) -> Result<toml::Table, ConfigError> {
    text.parse()
        .map_err(|error| ConfigError::parse(&error, text, path))
}

fn read(table: toml::Table, path: &Path) -> Result<Config, ConfigError> {
    let config: Config = table
        .try_into()
        .map_err(|error| ConfigError::parse(&error, "", path))?;
    config.check()?;
    Ok(config)
}

fn organisation(value: Option<toml::Value>) -> Result<Option<String>, ConfigError> {
    let Some(value) = value else { return Ok(None) };
    let name = value
        .as_str()
        .filter(|name| text::check(name, MAX_ORGANISATION).is_ok());
    name.map(|name| Some(name.to_owned()))
        .ok_or_else(|| ConfigError::Value {
            key: "organisation",
            problem: "give a name of 1 to 64 plain characters".to_owned(),
        })
}

fn overlay(values: &mut toml::Table, over: toml::Table) {
    for (section, value) in over {
        match (values.get_mut(&section), value) {
            (Some(toml::Value::Table(under)), toml::Value::Table(over)) => under.extend(over),
            (_, value) => {
                values.insert(section, value);
            }
        }
    }
}
