//! Ente Auth's encrypted export, version 1. Its plain export is a list of links.

use super::{
    Format, ImportError, Item, Sealed, base64,
    json::Json,
    kdf::{Kdf, Unacceptable},
    links,
    secretstream::{self, HEADER},
};

pub(super) struct Export {
    kdf: Kdf,
    header: [u8; HEADER],
    content: Vec<u8>,
}

pub(super) fn sealed(json: &Json) -> Result<Export, ImportError> {
    if json.get("version").and_then(Json::as_u64) != Some(1) {
        return Err(ImportError::Version(Format::Ente));
    }
    let params = json.get("kdfParams").unwrap_or(&Json::Null);
    let number = |name| {
        params
            .get(name)
            .and_then(Json::as_u64)
            .ok_or(damaged("kdfParams"))
    };
    let (bytes, passes) = (number("memLimit")?, number("opsLimit")?);
    let salt = params.get("salt").and_then(Json::as_str).and_then(base64::decode);
    let salt = salt.ok_or(damaged("salt"))?;
    let text = |name| json.get(name).and_then(Json::as_str);
    Ok(Export {
        // libsodium counts bytes and has one lane.
        kdf: Kdf::argon2id(bytes / 1024, passes, 1, &salt)
            .map_err(|Unacceptable| ImportError::TooCostly(Format::Ente))?,
        header: text("encryptionNonce")
            .and_then(base64::decode_array)
            .ok_or(damaged("encryptionNonce"))?,
        content: text("encryptedData")
            .and_then(base64::decode)
            .ok_or(damaged("encryptedData"))?
            .to_vec(),
    })
}

fn damaged(what: &'static str) -> ImportError {
    ImportError::Damaged {
        format: Format::Ente,
        what,
    }
}

impl Sealed for Export {
    fn unlock(&self, password: &str) -> Result<Vec<Item>, ImportError> {
        let key = self.kdf.derive(password).map_err(|_| ImportError::OutOfMemory)?;
        let text = secretstream::open(&key, &self.header, &self.content)
            .ok_or(ImportError::WrongPassword(Format::Ente))?;
        let text = std::str::from_utf8(&text).map_err(|_| damaged("encryptedData"))?;
        links::read(text).map(|links| links.items)
    }
}
