//! The JSON Canonicalization Scheme (RFC 8785): the one text of a JSON value that hashes are made over.

use serde::Serialize;

/// The canonical UTF-8 text of `value`.
///
/// # Errors
/// Only for values that JSON cannot hold (a map whose keys are no strings, a number that is not finite).
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    serde_json_canonicalizer::to_vec(value)
}

/// Like [`to_vec`], as a string.
///
/// # Errors
/// As [`to_vec`].
pub fn to_string<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}
