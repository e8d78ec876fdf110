//! AES-256-CBC with HMAC-SHA-256 over IV and ciphertext, the HMAC checked first: Bitwarden's "type 2". `ring` has no CBC.

use aes::{
    Aes256,
    cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7},
};
use ring::hmac;
use zeroize::Zeroizing;

use super::base64;

/// IV, ciphertext and MAC.
pub(super) struct CipherText {
    iv: [u8; 16],
    content: Vec<u8>,
    mac: [u8; 32],
}

/// Encryption key and MAC key.
pub(super) struct Keys {
    pub(super) encryption: Zeroizing<[u8; 32]>,
    pub(super) mac: Zeroizing<[u8; 32]>,
}

impl CipherText {
    /// Reads `2.<iv>|<ciphertext>|<mac>`, each in base64.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("2.")?.split('|');
        let parsed = Self {
            iv: base64::decode_array(parts.next()?)?,
            content: base64::decode(parts.next()?)?.to_vec(),
            mac: base64::decode_array(parts.next()?)?,
        };
        parts.next().is_none().then_some(parsed)
    }

    /// `None` if it is not authentic.
    pub(super) fn open(&self, keys: &Keys) -> Option<Zeroizing<Vec<u8>>> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*keys.mac);
        let authenticated = [&self.iv[..], &self.content].concat();
        hmac::verify(&key, &authenticated, &self.mac).ok()?;
        let mut text = Zeroizing::new(self.content.clone());
        let cipher = ::cbc::Decryptor::<Aes256>::new(&(*keys.encryption).into(), &self.iv.into());
        let length = cipher.decrypt_padded::<Pkcs7>(&mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}
