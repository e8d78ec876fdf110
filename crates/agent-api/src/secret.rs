//! What a person types and nobody else is to read.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A password, or a text with secrets of one-time codes. Wiped when dropped, also where a call ends early; not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text. Whoever calls this must not keep a copy that is not wiped.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_crosses_as_text_and_is_not_shown() {
        let secret = SecretText::from("correct horse");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(json, "\"correct horse\"");
        assert_eq!(serde_json::from_str::<SecretText>(&json).unwrap(), secret);
        assert!(!format!("{secret:?}").contains("horse"));
    }
}
