//! JSON of unknown shape, read with a limit on its values, so that a small file cannot fill the memory.
//!
//! `serde_json` limits the depth (128). Texts are wiped when dropped: some are secrets.

use std::{cell::Cell, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::Invalid;

/// The most values in a document: 10,000 entries of 60 members and as many names beside them.
const MAX_VALUES: u32 = 1_000_000;

/// A JSON value. Of two members with one name the first counts.
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(Zeroizing<String>),
    Array(Vec<Json>),
    Object(Vec<(Box<str>, Json)>),
}

impl Json {
    /// `None` if it is not well formed, too deep or too large.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let budget = Cell::new(MAX_VALUES);
        let value = Value(&budget).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(value)
    }

    /// A member; `null` is as good as none.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        let (_, value) = members.iter().find(|(n, _)| **n == *name)?;
        (!matches!(value, Self::Null)).then_some(value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => None,
        }
    }

    /// A whole number that is no less than 0, also if it is written as text, as some apps do.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            // Exact below 2^53; counters beyond that are written by nobody.
            Self::Number(n) if n.fract() == 0.0 && (0.0..9_007_199_254_740_992.0).contains(n) => {
                Some(*n as u64)
            }
            Self::String(text) => text.parse().ok(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// A text member; empty if there is none.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Invalid> {
        self.get(name)
            .map_or(Ok(""), |value| value.as_str().ok_or(Invalid::WrongType(name)))
    }

    /// A member that is a whole number.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Invalid> {
        self.get(name)
            .filter(|value| value.as_str() != Some(""))
            .map(|value| value.as_u64().ok_or(Invalid::WrongType(name)))
            .transpose()
    }

    /// Whether a member is there and true, also as text.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.get(name) {
            Some(Self::Bool(flag)) => *flag,
            Some(Self::String(text)) => text.as_str() == "true",
            Some(Self::Null | Self::Number(_) | Self::Array(_) | Self::Object(_)) | None => false,
        }
    }

    /// The name by which to speak of an entry that cannot be read: the first of its members that is a text.
    pub(crate) fn name(&self, members: &[&str]) -> &str {
        members
            .iter()
            .filter_map(|member| self.get(member)?.as_str())
            .find(|text| !text.trim().is_empty())
            .unwrap_or("")
    }
}

/// Takes one from the budget for each value.
#[derive(Clone, Copy)]
struct Value<'a>(&'a Cell<u32>);

impl Value<'_> {
    fn spend<E: de::Error>(self) -> Result<(), E> {
        let left = self
            .0
            .get()
            .checked_sub(1)
            .ok_or_else(|| E::custom("too many values"))?;
        self.0.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(Zeroizing::new(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = access.next_key()? {
            members.push((name, access.next_value_seed(self)?));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_depth_and_form_are_limited() {
        assert!(Json::parse(b"[1,2,{\"a\":[null]}]").is_some());
        assert!(Json::parse(&[b'['; 10_000]).is_none());
        assert!(Json::parse(b"[] []").is_none());
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(Json::parse(many(MAX_VALUES as usize).as_bytes()).is_some());
        assert!(Json::parse(many(MAX_VALUES as usize + 1).as_bytes()).is_none());
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        let json =
            Json::parse(br#"{"a":6,"b":"30","c":-1,"d":1.5,"e":1e300,"f":"x","g":null,"h":"","i":8.0}"#)
                .unwrap();
        assert_eq!(json.number("a"), Ok(Some(6)));
        assert_eq!(json.number("b"), Ok(Some(30)));
        assert_eq!(json.number("i"), Ok(Some(8)));
        for wrong in ["c", "d", "e", "f"] {
            assert_eq!(json.number(wrong), Err(Invalid::WrongType(wrong)));
        }
        for none in ["g", "h", "z"] {
            assert_eq!(json.number(none), Ok(None));
        }
    }
}
