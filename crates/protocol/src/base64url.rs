//! Base64url without padding, canonical only: one text for each byte string, so a signature cannot be re-spelt.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` for padding, another alphabet, white space or non-zero trailing bits.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes exactly `N` bytes.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    encode(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// Whether `text` is what [`sha256`] returns for some input.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 43 && decode_array::<32>(text).is_some()
}

pub(crate) fn is_alphabet(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_decodes() {
        assert_eq!(decode("AQ").as_deref(), Some(&[1u8][..]));
        for other in ["AQ==", "AR", "AQ ", "A", "+/+/", "AQ\n"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }

    #[test]
    fn hash_of_nothing_is_the_known_one() {
        assert_eq!(sha256(b""), "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert!(is_sha256(&sha256(b"")));
        assert!(!is_sha256("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV"));
    }
}
