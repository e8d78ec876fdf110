//! AES-256-GCM with a 96-bit nonce: the cipher of our files and of most foreign ones.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// The length of a key in bytes.
pub(crate) const KEY: usize = 32;
/// The length of a nonce in bytes.
pub(crate) const NONCE: usize = NONCE_LEN;
/// The length of the tag that follows a ciphertext, in bytes.
pub(crate) const TAG: usize = 16;

/// What was to be opened was not sealed with this key, or was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

/// Encrypts; the tag follows the ciphertext. `None` only if the text is absurdly long.
pub(crate) fn seal(key: &[u8; KEY], nonce: [u8; NONCE], aad: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = Zeroizing::new(Vec::with_capacity(text.len() + TAG));
    sealed.extend_from_slice(text);
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::from(aad), &mut *sealed)
        .ok()?;
    Some(std::mem::take(&mut *sealed))
}

/// Decrypts ciphertext and tag.
pub(crate) fn open(
    key: &[u8; KEY],
    nonce: [u8; NONCE],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
    let mut text = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let length = cipher(key)
        .ok_or(NotAuthentic)?
        .open_in_place(nonce, Aad::from(aad), &mut text)
        .map_err(|_| NotAuthentic)?
        .len();
    text.truncate(length);
    Ok(text)
}

fn cipher(key: &[u8; KEY]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}
