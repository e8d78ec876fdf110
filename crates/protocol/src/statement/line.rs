//! One line: a label's key and a typed value. Language-neutral; the device localises both.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// One line of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The registered key, or `field`.
    pub key: &'static str,
    /// The literal name of the field, exactly if `key` is `field`.
    pub name: Option<String>,
    /// The value.
    pub value: LineValue,
}

/// A typed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineValue {
    /// Shown as it is.
    Text(String),
    /// A sum of money.
    Amount {
        /// Decimal digits, shown unchanged.
        amount: String,
        /// ISO 4217 code.
        currency: String,
    },
    /// Seconds since 1970-01-01T00:00:00Z.
    Instant(i64),
    /// Seconds, at least 0.
    Duration(i64),
    /// A whole number.
    Count(i64),
    /// Yes or no.
    Flag(bool),
    /// 1 to 16 texts.
    List(Vec<String>),
}

impl LineValue {
    /// The `type` of the line.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Amount { .. } => "amount",
            Self::Instant(_) => "instant",
            Self::Duration(_) => "duration",
            Self::Count(_) => "count",
            Self::Flag(_) => "flag",
            Self::List(_) => "list",
        }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Line", 4)?;
        members.serialize_field("key", self.key)?;
        if let Some(name) = &self.name {
            members.serialize_field("name", name)?;
        }
        members.serialize_field("type", self.value.type_name())?;
        members.serialize_field("value", &self.value)?;
        members.end()
    }
}

impl Serialize for LineValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Amount { amount, currency } => {
                let mut members = serializer.serialize_struct("Amount", 2)?;
                members.serialize_field("amount", amount)?;
                members.serialize_field("currency", currency)?;
                members.end()
            }
            Self::Instant(number) | Self::Duration(number) | Self::Count(number) => {
                serializer.serialize_i64(*number)
            }
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => items.serialize(serializer),
        }
    }
}
