//! One message of libsodium's `crypto_secretstream_xchacha20poly1305`, the last one: what Ente Auth encrypts with.
//!
//! `ring` has neither XChaCha20 nor Poly1305 by itself, and a secretstream is no plain AEAD.

use chacha20::{
    ChaCha20, R20,
    cipher::{KeyIvInit, StreamCipher, StreamCipherSeek},
    hchacha,
};
use poly1305::{Poly1305, universal_hash::KeyInit};
use zeroize::Zeroizing;

use super::kdf::Key;

/// The length of the header in bytes.
pub(super) const HEADER: usize = 24;

const BLOCK: usize = 64;
const MAC: usize = 16;
/// The tag of the last message of a stream.
const FINAL: u8 = 3;

/// Decrypts a stream of one message. `None` if it is not authentic, or not the last one.
pub(super) fn open(key: &Key, header: &[u8; HEADER], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (body, mac) = sealed.split_last_chunk::<MAC>()?;
    let (tag, ciphertext) = body.split_first()?;
    let (input, nonce_end) = header.split_first_chunk::<16>()?;
    let subkey = Zeroizing::new(<[u8; 32]>::from(hchacha::<R20>(
        &(**key).into(),
        &(*input).into(),
    )));
    // The message counter, which starts at 1, and the rest of the header.
    let mut nonce = [0; 12];
    nonce[0] = 1;
    nonce[4..].copy_from_slice(nonce_end);
    let mut cipher = ChaCha20::new(&(*subkey).into(), &nonce.into());

    let mut first = Zeroizing::new([0; BLOCK]);
    cipher.apply_keystream(&mut *first);
    let mut block = [0; BLOCK];
    block[0] = *tag;
    cipher.apply_keystream(&mut block);
    let tag_read = block[0];
    block[0] = *tag;

    let mut authenticated = Vec::with_capacity(BLOCK + ciphertext.len() + 2 * MAC);
    authenticated.extend_from_slice(&block);
    authenticated.extend_from_slice(ciphertext);
    // libsodium pads by this much; it is not what would fill a block, and it cannot be changed any more.
    authenticated.resize(authenticated.len() + ciphertext.len() % MAC, 0);
    authenticated.extend_from_slice(&0_u64.to_le_bytes());
    authenticated.extend_from_slice(&((BLOCK + ciphertext.len()) as u64).to_le_bytes());
    let (poly_key, _) = first.split_first_chunk::<32>()?;
    let expected = Poly1305::new(&(*poly_key).into()).compute_unpadded(&authenticated);
    // The file and the password are the person's own: there is nobody who could learn from the time this takes.
    if expected[..] != mac[..] || tag_read != FINAL {
        return None;
    }
    let mut text = Zeroizing::new(ciphertext.to_vec());
    cipher.try_seek(2 * BLOCK as u64).ok()?;
    cipher.apply_keystream(&mut text);
    Some(text)
}
