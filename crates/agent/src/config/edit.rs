//! Changing one setting in the person's file: everything else in it stays as it was written, comments too.
//!
//! Invariants: the new text is checked by what reads it before it replaces the old; a file that cannot be read or understood is
//! never written; what the organisation has set is not changed.

use std::{fs, path::Path};

use countersign_agent_api::{
    ApiError, Appearance, ErrorCode, NotificationPrivacy, OpenPrompt, SettingChange, SettingKey,
};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::{
    Config, ConfigError, MASK, clipboard,
    files::{ConfigFiles, Effective, KEYS},
    masked, quiet,
};
use crate::{
    state_dir::{self, StateError},
    wording::sentence,
};

/// A setting was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The organisation has set it.
    #[error("this is set by {}", .0.as_deref().unwrap_or("your organisation"))]
    Locked(Option<String>),
    /// The value cannot be used.
    #[error("this value cannot be used: {0}")]
    Invalid(String),
    /// The configuration as it is cannot be used, so it is not touched.
    #[error("{}. The file is left as it is: correct it, then try again", trimmed(.0))]
    Unreadable(#[source] ConfigError),
    /// There is no place for the file.
    #[error("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for settings")]
    NoPlace,
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] StateError),
    /// Start at log-in could not be changed.
    #[error("start at log-in could not be changed. Check the permissions of the autostart folder")]
    Autostart(#[source] std::io::Error),
}

impl ChangeError {
    /// The same for callers of the agent.
    pub fn answer(&self) -> ApiError {
        let code = match self {
            Self::Locked(_) => ErrorCode::Locked,
            Self::Invalid(_) => ErrorCode::InvalidValue,
            Self::Unreadable(_) | Self::NoPlace | Self::Write(_) | Self::Autostart(_) => ErrorCode::Storage,
        };
        ApiError::new(code, sentence(self))
    }
}

/// An error's text, to go on after it.
fn trimmed(error: &ConfigError) -> String {
    error.to_string().trim_end().trim_end_matches('.').to_owned()
}

impl ConfigFiles {
    /// Changes one setting in the person's file. `accept` may refuse what would then be in force.
    ///
    /// # Errors
    /// [`ChangeError`]; the file is as it was then. Start at log-in is not in it: that is [`ChangeError::Invalid`].
    pub fn change(
        &self,
        change: &SettingChange,
        accept: impl FnOnce(&Config) -> Result<(), String>,
    ) -> Result<Effective, ChangeError> {
        let present = self.load().map_err(ChangeError::Unreadable)?;
        present.check_unlocked(setting(change))?;
        let own = self.own.as_ref().ok_or(ChangeError::NoPlace)?;
        let text = self
            .own_text()
            .map_err(ChangeError::Unreadable)?
            .unwrap_or_default();
        let Some(text) = edited(&text, change, &present.config)? else {
            return Ok(present);
        };
        // What reads it checks it, before it is the file.
        let effective = self
            .merged(Some(&text))
            .map_err(|error| ChangeError::Invalid(trimmed(&error)))?;
        accept(&effective.config).map_err(ChangeError::Invalid)?;
        write(own.path(), &text)?;
        Ok(effective)
    }
}

impl Effective {
    /// Whether the person may change this.
    ///
    /// # Errors
    /// [`ChangeError::Locked`].
    pub fn check_unlocked(&self, key: SettingKey) -> Result<(), ChangeError> {
        if self.locked.contains(&key) {
            return Err(ChangeError::Locked(self.organisation.clone()));
        }
        Ok(())
    }
}

/// Which setting a change is of.
pub(super) fn setting(change: &SettingChange) -> SettingKey {
    match change {
        SettingChange::StartAtLogin(_) => SettingKey::StartAtLogin,
        SettingChange::Notifications(_) => SettingKey::Notifications,
        SettingChange::OpenPrompt(_) => SettingKey::OpenPrompt,
        SettingChange::QuietHours(_) => SettingKey::QuietHours,
        SettingChange::Appearance(_) => SettingKey::Appearance,
        SettingChange::Language(_) => SettingKey::Language,
        SettingChange::Proxy(_) => SettingKey::Proxy,
        SettingChange::CaFiles(_) => SettingKey::CaFiles,
        SettingChange::HideCodes(_) => SettingKey::HideCodes,
        SettingChange::ClearClipboard(_) => SettingKey::ClearClipboard,
    }
}

/// The text with the change in it; `None` if there is nothing to change.
fn edited(text: &str, change: &SettingChange, present: &Config) -> Result<Option<String>, ChangeError> {
    let value: Option<Value> = match change {
        SettingChange::StartAtLogin(_) => {
            return Err(ChangeError::Invalid("it is not kept in this file".to_owned()));
        }
        SettingChange::Notifications(privacy) => Some(
            match privacy {
                NotificationPrivacy::Private => "private",
                NotificationPrivacy::Detailed => "detailed",
            }
            .into(),
        ),
        SettingChange::OpenPrompt(open) => Some(
            match open {
                OpenPrompt::Always => "always",
                OpenPrompt::OnReview => "on_review",
            }
            .into(),
        ),
        SettingChange::QuietHours(hours) => hours.map(|hours| quiet::write(Some(hours)).into()),
        SettingChange::Appearance(appearance) => Some(
            match appearance {
                Appearance::System => "system",
                Appearance::Light => "light",
                Appearance::Dark => "dark",
            }
            .into(),
        ),
        SettingChange::Language(language) => language.as_deref().map(Value::from),
        SettingChange::Proxy(Some(proxy)) if proxy.contains(&format!(":{MASK}@")) => {
            // The password as it is shown: only good for what is in force.
            if present.network.proxy.as_deref().map(masked).as_ref() == Some(proxy) {
                return Ok(None);
            }
            return Err(ChangeError::Invalid("type the proxy's password".to_owned()));
        }
        SettingChange::Proxy(proxy) => proxy.as_deref().map(Value::from),
        SettingChange::CaFiles(files) => {
            (!files.is_empty()).then(|| Value::Array(files.iter().map(String::as_str).collect::<Array>()))
        }
        SettingChange::HideCodes(hide) => Some((*hide).into()),
        SettingChange::ClearClipboard(seconds) => Some(clipboard::write(*seconds)),
    };
    let key = setting(change);
    let Some((_, section, name)) = KEYS.iter().find(|(known, _, _)| *known == key) else {
        return Ok(None);
    };
    let unexpected = || ChangeError::Invalid(format!("[{section}] is not written as a section"));
    let mut document: DocumentMut = text.parse().map_err(|_| unexpected())?;
    let section = document
        .entry(section)
        .or_insert_with(|| Item::Table(Table::new()));
    set(section.as_table_like_mut().ok_or_else(unexpected)?, name, value);
    Ok(Some(document.to_string()))
}

/// Sets or removes a value; a comment beside it stays.
fn set(section: &mut dyn TableLike, name: &str, value: Option<Value>) {
    match (section.get_mut(name).and_then(Item::as_value_mut), value) {
        (Some(present), Some(mut value)) => {
            *value.decor_mut() = present.decor().clone();
            *present = value;
        }
        (None, Some(value)) => {
            section.insert(name, Item::Value(value));
        }
        (_, None) => {
            section.remove(name);
        }
    }
}

/// Replaces the file, or what a link in its place leads to.
fn write(path: &Path, text: &str) -> Result<(), StateError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = target.parent().unwrap_or(Path::new("/"));
    if !dir.is_dir() {
        state_dir::create_private_dir(dir)?;
    }
    state_dir::replace(&target, text.as_bytes())
}
