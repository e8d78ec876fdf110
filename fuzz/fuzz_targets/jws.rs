//! Any text is refused or read as a message, whatever its type, without a panic; none verifies against a key that signed nothing.

#![no_main]

use countersign_protocol::jws::{verify, verify_with_embedded_key};
use countersign_protocol::{
    ApprovalDecision, ApprovalEnrol, ApprovalKeys, ApprovalProof, ApprovalReceipt, ApprovalRequest, ApprovalResult,
    ApprovalRotate, ApprovalTime, Claims, Evidence, Expect, Jwk, KeySet,
};
use libfuzzer_sys::fuzz_target;

fn refuse<C: Claims>(token: &str, keys: &KeySet, expect: &Expect<'_>) {
    assert!(verify::<C>(token, keys, expect).is_err());
}

fuzz_target!(|data: &[u8]| {
    let Ok(token) = std::str::from_utf8(data) else {
        let _ = Evidence::parse(data);
        return;
    };
    let keys = KeySet::from_iter([Jwk::from_ed25519([7; 32])]);
    let expect = Expect { issuer: None, audience: "https://approve.example", now: 1_800_000_000 };
    refuse::<ApprovalRequest>(token, &keys, &expect);
    refuse::<ApprovalDecision>(token, &keys, &expect);
    refuse::<ApprovalReceipt>(token, &keys, &expect);
    refuse::<ApprovalResult>(token, &keys, &expect);
    refuse::<ApprovalProof>(token, &keys, &expect);
    refuse::<ApprovalRotate>(token, &keys, &expect);
    refuse::<ApprovalKeys>(token, &keys, &expect);
    refuse::<ApprovalTime>(token, &keys, &expect);
    let _ = verify_with_embedded_key::<ApprovalEnrol>(token, &expect);
    let _ = Jwk::from_json(token);
    if let Ok(evidence) = Evidence::parse(data) {
        let _ = evidence.verify();
    }
});
