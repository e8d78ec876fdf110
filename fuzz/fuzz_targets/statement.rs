//! Any details and texts are refused or shown: no line holds a character that hides or reorders, and nothing depends on
//! how the request was spelt. Input: details, message and context, with U+0000 between them.

#![no_main]

use countersign_protocol::{
    ApprovalRequest, AuthorizationDetails, Claims, Client, Context, DeviceId, Issuer, Jti, LineValue, Nonce, Requires,
    Statement, Txn,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(3, '\0');
    let mut next = || parts.next().unwrap_or_default();
    let (details, message, context) = (next(), next(), next());
    let details = match details {
        "" => None,
        details => match AuthorizationDetails::parse(details) {
            Ok(details) => Some(details),
            Err(_) => return,
        },
    };
    let request = ApprovalRequest {
        iss: Issuer::parse("https://approve.example").expect("a valid issuer"),
        aud: DeviceId::from_random([1; 16]),
        sub: "ada".to_owned(),
        iat: 1_800_000_000,
        exp: 1_800_000_120,
        jti: Jti::from_random([2; 16]),
        txn: Txn::from_random([3; 16]),
        nonce: Nonce::from_random([4; 16]),
        client: Client { id: "bank".to_owned(), name: "Example Bank".to_owned() },
        acr: None,
        binding_message: Some(message.to_owned()).filter(|message| !message.is_empty()),
        authorization_details: details,
        context: context.parse::<Context>().ok(),
        requires: Requires::default(),
    };
    if request.check().is_err() {
        return;
    }
    let Ok(statement) = Statement::from_request(&request) else {
        return;
    };
    assert!(statement.lines().len() <= 64);
    for line in statement.lines() {
        let hidden = |text: &str| text.is_empty() || text.contains(|c: char| c.is_control() || c == '\u{202e}');
        assert!(!line.name.as_deref().is_some_and(hidden));
        match &line.value {
            LineValue::Text(text) => assert!(!hidden(text)),
            LineValue::List(items) => assert!(!items.is_empty() && !items.iter().any(|item| hidden(item))),
            LineValue::Amount { .. }
            | LineValue::Instant(_)
            | LineValue::Duration(_)
            | LineValue::Count(_)
            | LineValue::Flag(_) => {}
        }
    }
    let respelt = serde_json::to_vec_pretty(&request).expect("a request can be written");
    let again: ApprovalRequest = serde_json::from_slice(&respelt).expect("a written request can be read");
    assert_eq!(Statement::from_request(&again).as_ref(), Ok(&statement));
});
