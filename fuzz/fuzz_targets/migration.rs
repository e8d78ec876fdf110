//! Any bytes in place of a Google Authenticator batch are refused or read; what was read can be shown and exported.

#![no_main]

use base64::{Engine, prelude::BASE64_URL_SAFE};
use countersign_codes::{Import, QrModules, export, import::Item};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    let link = format!("otpauth-migration://offline?data={}", BASE64_URL_SAFE.encode(payload));
    if let Ok(Import::Found(found)) = Import::read(link.as_bytes()) {
        for item in found.items {
            if let Item::Valid(details) = item {
                let _ = details.shown_at(1_800_000_000_000);
                let _ = QrModules::of(&details);
                let _ = export::link(&details);
            }
        }
    }
});
