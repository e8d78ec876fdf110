//! Any text is refused or read as a one-time code's link; what was read is written and read again as the same.

#![no_main]

use countersign_codes::{Details, export, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(details) = import::parse_link(text) {
        // A link has no place for tags, pin and note.
        let said = Details::new(details.issuer, details.account, details.kind, details.secret);
        assert_eq!(import::parse_link(&export::link(&said)), Ok(said));
    }
});
