//! A one-time code's link that waits in an enrolment offer to be delivered (protocol section 5.2).
//!
//! Invariant: it is kept only encrypted under a key made from the offer's code, and the database has only that code's hash. So a copy
//! of the database makes nobody's codes.

use countersign_protocol::{EnrolmentCode, wire::OtpLink};
use ring::{aead, hkdf};
use zeroize::Zeroizing;

const SALT: &[u8] = b"countersign enrolment otp";

/// Seals a link for the holder of the code. `None` only if `ring` fails.
pub fn seal(code: &EnrolmentCode, link: &OtpLink) -> Option<Vec<u8>> {
    let mut bytes = link.expose().as_bytes().to_vec();
    key(code)?
        .seal_in_place_append_tag(nonce(), aead::Aad::empty(), &mut bytes)
        .ok()?;
    Some(bytes)
}

/// Opens what was sealed. `None` if it is something else.
pub fn open(code: &EnrolmentCode, sealed: &[u8]) -> Option<OtpLink> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let key = key(code)?;
    let text = key.open_in_place(nonce(), aead::Aad::empty(), &mut bytes).ok()?;
    OtpLink::try_from(std::str::from_utf8(text).ok()?.to_owned()).ok()
}

fn key(code: &EnrolmentCode) -> Option<aead::LessSafeKey> {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT);
    let secret = salt.extract(code.as_str().as_bytes());
    let key = secret.expand(&[], &aead::AES_256_GCM).ok()?;
    Some(aead::LessSafeKey::new(key.into()))
}

/// Each key seals one text, so one nonce does.
fn nonce() -> aead::Nonce {
    aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_opens_what_was_sealed() {
        let [code, other] = [1, 2].map(|number| EnrolmentCode::from_random([number; 16]));
        let link = OtpLink::try_from("otpauth://totp/x?secret=GEZDGNBV".to_owned()).unwrap();
        let mut sealed = seal(&code, &link).unwrap();
        assert_eq!(open(&code, &sealed), Some(link));
        assert_eq!(open(&other, &sealed), None);
        sealed[3] ^= 1;
        assert_eq!(open(&code, &sealed), None);
    }
}
