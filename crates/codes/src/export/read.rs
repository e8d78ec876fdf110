//! Reading our own export back.

use super::{FORMAT, VERSION, header};
use crate::{
    aead, content,
    import::{Format, ImportError, Item, Json, Sealed, base64, kdf::Kdf},
};

pub(crate) struct Export {
    kdf: Kdf,
    nonce: [u8; aead::NONCE],
    aad: String,
    content: Vec<u8>,
}

/// Reads the envelope.
pub(crate) fn sealed(json: &Json) -> Result<Export, ImportError> {
    debug_assert_eq!(json.get("format").and_then(Json::as_str), Some(FORMAT));
    if json.get("version").and_then(Json::as_u64) != Some(VERSION) {
        return Err(ImportError::Version(Format::Countersign));
    }
    let members = |name| json.get(name).ok_or(damaged(name));
    let (kdf, cipher) = (members("kdf")?, members("cipher")?);
    let text = |object: &Json, name| {
        object
            .get(name)
            .and_then(Json::as_str)
            .map(str::to_owned)
            .ok_or(damaged(name))
    };
    let number = |name| kdf.get(name).and_then(Json::as_u64).ok_or(damaged(name));
    if text(kdf, "algorithm")? != "argon2id" || text(cipher, "algorithm")? != "aes-256-gcm" {
        return Err(ImportError::Version(Format::Countersign));
    }
    let (memory_kib, passes, lanes) = (number("memory_kib")?, number("passes")?, number("lanes")?);
    let (salt, nonce) = (text(kdf, "salt")?, text(cipher, "nonce")?);
    let salt_bytes = base64::decode(&salt).ok_or(damaged("salt"))?;
    Ok(Export {
        kdf: Kdf::argon2id(memory_kib, passes, lanes, &salt_bytes)
            .map_err(|_| ImportError::TooCostly(Format::Countersign))?,
        nonce: base64::decode_array(&nonce).ok_or(damaged("nonce"))?,
        aad: header(memory_kib, passes, lanes, &salt, &nonce),
        content: json
            .get("content")
            .and_then(Json::as_str)
            .and_then(base64::decode)
            .ok_or(damaged("content"))?
            .to_vec(),
    })
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::Countersign,
        what,
    }
}

impl Sealed for Export {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let text = aead::open(&key, self.nonce, self.aad.as_bytes(), &self.content)
            .map_err(|_| ImportError::WrongPassword(Format::Countersign))?;
        let codes = content::decode(&text)?;
        let items = codes
            .entries()
            .iter()
            .map(|entry| Item::Valid(Box::new(entry.details.clone())));
        Ok(items.collect())
    }
}
