//! When the clipboard is cleared, as it is written: seconds, or `never`.

use serde::{Deserialize, Deserializer, de::Error as _};
use toml_edit::Value;

/// Written for none, so that an organisation can set that, too.
const NEVER: &str = "never";

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Seconds(u16),
    Word(String),
}

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let invalid = || D::Error::custom("write clear_clipboard as seconds, or \"never\"");
    match Written::deserialize(deserializer).map_err(|_| invalid())? {
        Written::Seconds(seconds) => Ok(Some(seconds)),
        Written::Word(word) if word == NEVER => Ok(None),
        Written::Word(_) => Err(invalid()),
    }
}

pub(super) fn write(seconds: Option<u16>) -> Value {
    match seconds {
        Some(seconds) => i64::from(seconds).into(),
        None => NEVER.into(),
    }
}
