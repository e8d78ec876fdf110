//! Any text is refused or read as a link; what was read is written and read again as the same.

#![no_main]

use countersign_protocol::EnrolmentLink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(link) = EnrolmentLink::parse(text) {
        assert!(link.issuer.as_str().starts_with("https://"));
        assert_eq!(EnrolmentLink::parse(&link.to_string()).as_ref(), Ok(&link));
    }
});
