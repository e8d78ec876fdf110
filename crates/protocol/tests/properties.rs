//! Facts that hold for every input.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's panic is its report"
)]

use std::sync::LazyLock;

use countersign_protocol::jws::{sign, verify};
use countersign_protocol::wire::{DeviceFrame, ServerFrame};
use countersign_protocol::{
    ApprovalProof, ApprovalRequest, AuthorizationDetails, Client, Context, DeviceId, EnrolmentCode,
    EnrolmentLink, Es256Key, Evidence, Expect, Issuer, Jti, Jwk, KeySet, Match, MatchCode, Nonce, Requires,
    Signer, Statement, Txn, Unverified, jcs, json, text,
};
use proptest::prelude::*;
use ring::rand::SystemRandom;

const NOW: i64 = 1_800_000_000;

#[allow(clippy::disallowed_methods, reason = "a test is the edge")]
static KEY: LazyLock<Es256Key> = LazyLock::new(|| {
    let rng = SystemRandom::new();
    Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng).unwrap(), &rng).unwrap()
});

fn keys() -> KeySet {
    [KEY.public_key().clone()].into_iter().collect()
}

fn request(sub: String, details: Option<AuthorizationDetails>) -> ApprovalRequest {
    ApprovalRequest {
        iss: Issuer::parse("https://approve.example").unwrap(),
        aud: DeviceId::from_random([1; 16]),
        sub,
        iat: NOW,
        exp: NOW + 120,
        jti: Jti::from_random([2; 16]),
        txn: Txn::from_random([3; 16]),
        nonce: Nonce::from_random([4; 16]),
        client: Client {
            id: "bank".into(),
            name: "Example Bank".into(),
        },
        acr: None,
        binding_message: None,
        authorization_details: details,
        context: Some(Context::default()),
        requires: Requires::default(),
    }
}

fn expect(request: &ApprovalRequest) -> Expect<'_> {
    Expect {
        issuer: Some(request.iss.as_str()),
        audience: request.aud.as_str(),
        now: NOW,
    }
}

/// Letters of several scripts, as plain text.
fn plain_text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9äßéЖ中😀,.<>&\"'-]{1,40}"
}

/// Any JSON, by generating text: duplicates and all.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("JSON has no infinity", |value| value.is_finite())
            .prop_map(|value| format!("{value:e}")),
        ".{0,12}".prop_map(|value| serde_json::to_string(&value).unwrap()),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-c]{0,2}", inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_is_the_same(sub in plain_text()) {
        let request = request(sub, None);
        let token = sign(&request, &*KEY).unwrap();
        prop_assert_eq!(verify::<ApprovalRequest>(&token, &keys(), &expect(&request)).unwrap(), request);
    }

    #[test]
    fn a_message_with_any_character_changed_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let request = request("ada".into(), None);
        let token = sign(&request, &*KEY).unwrap();
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(verify::<ApprovalRequest>(&changed, &keys(), &expect(&request)).is_err());
        }
    }

    #[test]
    fn a_message_cut_or_lengthened_is_refused(at in any::<prop::sample::Index>(), extra in "[A-Za-z0-9_.=-]{1,4}") {
        let request = request("ada".into(), None);
        let token = sign(&request, &*KEY).unwrap();
        let at = at.index(token.len());
        prop_assert!(verify::<ApprovalRequest>(&token[..at], &keys(), &expect(&request)).is_err());
        let longer = format!("{}{extra}{}", &token[..at], &token[at..]);
        prop_assert!(verify::<ApprovalRequest>(&longer, &keys(), &expect(&request)).is_err());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Unverified::<ApprovalRequest>::parse(&text);
        let _ = Unverified::<ApprovalProof>::parse(&text);
        let _ = ServerFrame::parse(&bytes);
        let _ = DeviceFrame::parse(&bytes);
        let _ = Evidence::parse(&bytes);
        let _ = EnrolmentLink::parse(&text);
        let _ = Jwk::from_json(&text);
        let _ = AuthorizationDetails::parse(&text);
        let _ = text::check(&text, 100);
    }

    #[test]
    fn any_json_gives_one_statement_or_a_refusal(members in prop::collection::vec(("[a-z]{1,3}", json_text()), 0..5)) {
        let members: String = members.into_iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
        let Ok(details) = AuthorizationDetails::parse(&format!("[{{\"type\":\"access\"{members}}}]")) else {
            return Ok(());
        };
        let request = request("ada".into(), Some(details));
        let Ok(statement) = Statement::from_request(&request) else {
            return Ok(());
        };
        let token = serde_json::to_string(&request).unwrap();
        let again: ApprovalRequest = json::from_slice(token.as_bytes(), usize::MAX).unwrap();
        let statement_again = Statement::from_request(&again).unwrap();
        prop_assert_eq!(statement.canonical(), statement_again.canonical());
        prop_assert!(statement.lines().len() <= 64);
        let value: serde_json::Value = serde_json::from_slice(statement.canonical()).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(statement.canonical()), jcs::to_string(&value).unwrap());
    }

    #[test]
    fn every_member_of_an_unknown_type_is_shown(members in prop::collection::btree_map("[a-z]{1,8}", plain_text(), 0..20)) {
        let mut object = serde_json::json!(members);
        object["type"] = "unknown".into();
        let details = AuthorizationDetails::parse(&format!("[{object}]")).unwrap();
        let statement = Statement::from_request(&request("ada".into(), Some(details))).unwrap();
        for (name, value) in members.iter().filter(|(name, _)| *name != "type") {
            let value = countersign_protocol::LineValue::Text(value.clone());
            prop_assert!(statement.lines().iter().any(|line| line.name.as_ref() == Some(name) && line.value == value));
        }
    }

    #[test]
    fn a_duplicate_name_is_refused_at_any_depth(json in json_text()) {
        // serde_json's own map keeps the last of two members: a text survives the trip exactly if it had none.
        let loose: serde_json::Value = match serde_json::from_str(&json) {
            Ok(value) => value,
            Err(_) => return Ok(()),
        };
        if let Ok(strict) = serde_json::from_str::<json::Json>(&json) {
            let count = |text: &str| text.matches(':').count();
            let written = serde_json::to_string(&strict).unwrap();
            prop_assert_eq!(count(&written), count(&json));
            prop_assert_eq!(count(&serde_json::to_string(&loose).unwrap()), count(&json));
        }
    }

    #[test]
    fn plain_text_is_accepted_and_loses_nothing_to_a_control(before in "[a-z]{1,9}", control in "\\PC", after in "[a-z]{1,9}") {
        prop_assert!(text::check(&before, 9).is_ok());
        let c = control.chars().next().unwrap();
        let mixed = format!("{before}{c}{after}");
        if c.is_control() {
            prop_assert_eq!(text::check(&mixed, 100), Err(text::TextError::Forbidden(c)));
        }
    }

    #[test]
    fn a_link_is_read_as_it_was_written(host in "[a-z]{1,12}\\.example", port in 1024u16.., path in "(/[a-z0-9._~-]{1,8}x){0,2}", code in any::<[u8; 16]>()) {
        let link = EnrolmentLink {
            issuer: Issuer::parse(&format!("https://{host}:{port}{path}")).unwrap(),
            code: EnrolmentCode::from_random(code),
        };
        prop_assert_eq!(EnrolmentLink::parse(&link.to_string()).unwrap(), link);
    }

    #[test]
    fn a_match_code_has_the_digits_asked_for(digits in 2u8..=8, random in any::<[u8; 16]>()) {
        let code = MatchCode::from_random(digits, random).unwrap();
        prop_assert_eq!(code.digits(), usize::from(digits));
        prop_assert_eq!(format!("{code:?}"), "MatchCode(redacted)");
    }

    #[test]
    fn identifiers_made_of_random_bits_parse(random in any::<[u8; 16]>()) {
        let device = DeviceId::from_random(random);
        prop_assert_eq!(&DeviceId::parse(device.as_str()).unwrap(), &device);
        let txn = Txn::from_random(random);
        prop_assert_eq!(&Txn::parse(txn.as_str()).unwrap(), &txn);
        prop_assert!(Txn::parse(device.as_str()).is_err());
    }
}

#[test]
fn only_a_request_without_code_and_with_any_surface_may_be_approved_from_a_notification() {
    use countersign_protocol::Surface::{Any, Window};
    let combinations = [
        (Match::None, Any, true),
        (Match::None, Window, false),
        (Match::Code { digits: 2 }, Any, false),
        (Match::Code { digits: 6 }, Window, false),
    ];
    for (matching, surface, allowed) in combinations {
        let requires = Requires {
            matching,
            surface,
            ..Requires::default()
        };
        assert_eq!(requires.allows_notification(), allowed, "{requires:?}");
    }
}
