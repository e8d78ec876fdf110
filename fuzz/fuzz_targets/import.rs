//! Any file is refused, needs a password, or has items that can be previewed. Passwords are not tried: they take too long.

#![no_main]

use countersign_codes::{Codes, Import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    if let Ok(Import::Found(found)) = Import::read(file) {
        let preview = found.preview(&Codes::default());
        assert_eq!(preview.standings.len(), found.items.len());
        assert_eq!(preview.new + preview.duplicate + preview.invalid, found.items.len());
    }
});
