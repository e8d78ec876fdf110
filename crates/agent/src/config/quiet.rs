//! Quiet hours as they are written: `22:00-07:00`, or `off`.

use countersign_agent_api::QuietHours;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Written for none, so that an organisation can set that, too.
const OFF: &str = "off";

pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<QuietHours>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == OFF {
        return Ok(None);
    }
    let invalid = || D::Error::custom("write quiet hours as 22:00-07:00, or off");
    parse(&text).map(Some).ok_or_else(invalid)
}

pub(super) fn write(hours: Option<QuietHours>) -> String {
    let Some(QuietHours { from, until }) = hours else {
        return OFF.to_owned();
    };
    let [from, until] = [from, until].map(|at| format!("{:02}:{:02}", at / 60, at % 60));
    format!("{from}-{until}")
}

fn parse(text: &str) -> Option<QuietHours> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    (from != until).then_some(QuietHours { from, until })
}

/// Minutes since midnight of `HH:MM`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str, below: u16| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| digits && *n < below)
    };
    let (hours, minutes) = (number(hours, 24)?, number(minutes, 60)?);
    Some(hours * 60 + minutes)
}
