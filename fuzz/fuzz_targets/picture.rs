//! Any file, and any grey pixels, have codes or none; reading them ends.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the app uses all of it")]
#[path = "../../src-tauri/src/qr/codes.rs"]
mod codes;

fuzz_target!(|data: &[u8]| {
    let picture = match data {
        [0, width, luma @ ..] => codes::Picture::grey(usize::from(*width), luma.to_vec()),
        file => codes::Picture::decode(file),
    };
    if let Ok(picture) = picture {
        codes::texts(&picture);
    }
});
