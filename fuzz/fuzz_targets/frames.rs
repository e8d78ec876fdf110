//! Any bytes are refused or read as a frame; what was read is written and read again as the same.

#![no_main]

use countersign_protocol::json;
use countersign_protocol::wire::{Configuration, DeviceFrame, MAX_BODY, PollResponse, ServerFrame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = ServerFrame::parse(data) {
        let text = frame.to_json().expect("a frame can be written");
        assert_eq!(ServerFrame::parse(text.as_bytes()).expect("a written frame can be read"), frame);
    }
    if let Ok(frame) = DeviceFrame::parse(data) {
        let text = frame.to_json().expect("a frame can be written");
        assert_eq!(DeviceFrame::parse(text.as_bytes()).expect("a written frame can be read"), frame);
    }
    let _ = json::from_slice::<PollResponse>(data, MAX_BODY);
    if let Ok(configuration) = json::from_slice::<Configuration>(data, MAX_BODY) {
        let _ = configuration.check(&configuration.issuer);
    }
});
