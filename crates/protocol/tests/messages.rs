//! Facts about messages between parties, keys and frames that one token alone cannot show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's panic is its report"
)]

use countersign_protocol::jws::{sign, verify, verify_with_embedded_key};
use countersign_protocol::wire::{Configuration, ConfigurationError, DeviceFrame, LateReport, ServerFrame};
use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalProof, ApprovalRequest, ApprovalRotate, ClaimsError, Client, Context,
    DecidedOn, DecisionMismatch, DeviceId, ErrorCode, Es256Key, Evidenced, Expect, Issuer, Jti, Jwk,
    KeyProtection, KeySet, Match, MatchCode, Nonce, ProtectionLevel, Reason, Requires, RotateNew, SignError,
    Signer, Statement, Surface, Txn, Verdict, Verification, VerifyError, fingerprint, request_hash,
};
use ring::rand::SystemRandom;

const NOW: i64 = 1_800_000_000;

fn key() -> Es256Key {
    #[allow(clippy::disallowed_methods, reason = "a test is the edge")]
    let rng = SystemRandom::new();
    Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng).unwrap(), &rng).unwrap()
}

fn pinned(key: &Es256Key) -> KeySet {
    KeySet::from_iter([key.public_key().clone()])
}

fn issuer() -> Issuer {
    Issuer::parse("https://approve.example").unwrap()
}

fn request() -> ApprovalRequest {
    ApprovalRequest {
        iss: issuer(),
        aud: DeviceId::from_random([1; 16]),
        sub: "ada@example.com".into(),
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
        binding_message: Some("Pay 5 EUR".into()),
        authorization_details: None,
        context: Some(Context {
            hints: vec!["New payee".into()],
            ..Context::default()
        }),
        requires: Requires::default(),
    }
}

fn decision(request: &ApprovalRequest, token: &str) -> ApprovalDecision {
    ApprovalDecision {
        iss: request.aud.clone(),
        aud: request.iss.clone(),
        iat: NOW + 5,
        exp: NOW + 65,
        jti: Jti::from_random([5; 16]),
        txn: request.txn.clone(),
        nonce: request.nonce.clone(),
        verdict: Verdict::Approve,
        reason: None,
        match_code: Some(MatchCode::parse("042517").unwrap()),
        request_hash: request_hash(token),
        statement_hash: Statement::from_request(request).unwrap().hash().to_owned(),
        statement_version: 1,
        locale: "en".into(),
        amr: vec![Amr::Swk, Amr::User],
        key_protection: KeyProtection {
            level: ProtectionLevel::Sw,
            evidence: Evidenced::Claimed,
        },
        surface: DecidedOn::Window,
        shown_at: NOW + 1,
        counter: 1,
    }
}

#[test]
fn nothing_is_signed_that_nobody_would_accept() {
    let mut request = request();
    request.exp = request.iat + 601;
    assert!(matches!(
        sign(&request, &key()),
        Err(SignError::Claims(ClaimsError::Invalid { claim: "exp", .. }))
    ));
    request.exp = NOW + 120;
    request.client.name = "Bank\u{202e}".into();
    assert!(matches!(
        sign(&request, &key()),
        Err(SignError::Claims(ClaimsError::Text {
            claim: "client.name",
            ..
        }))
    ));
}

#[test]
fn a_request_over_16_kib_is_not_signed() {
    let mut request = request();
    let detail = format!(r#"{{"type":"x","a":"{0}","b":"{0}"}}"#, "é".repeat(1000));
    let details = format!("[{}]", [detail.as_str(); 4].join(","));
    request.authorization_details =
        Some(countersign_protocol::AuthorizationDetails::parse(&details).unwrap());
    assert!(Statement::from_request(&request).is_ok());
    assert!(matches!(
        sign(&request, &key()),
        Err(SignError::TooLong { limit: 16_384 })
    ));
}

/// A key holder that returns what it likes.
struct Broken(Es256Key, usize);

impl Signer for Broken {
    fn public_key(&self) -> &Jwk {
        self.0.public_key()
    }

    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![0; self.1])
    }
}

#[test]
fn a_signature_of_another_form_is_not_sent() {
    for length in [0, 63, 65, 71] {
        assert!(
            matches!(
                sign(&request(), &Broken(key(), length)),
                Err(SignError::InvalidSignature)
            ),
            "{length}"
        );
    }
}

#[test]
fn a_decision_answers_its_request_and_no_other() {
    let request = request();
    let token = sign(&request, &key()).unwrap();
    let hash = request_hash(&token);
    let statement = Statement::from_request(&request).unwrap();
    let good = decision(&request, &token);
    assert_eq!(good.check_answers(&request, &hash, &statement), Ok(()));

    type Change = fn(&mut ApprovalDecision);
    let cases: [(Change, DecisionMismatch); 10] = [
        (
            |d| d.iss = DeviceId::from_random([9; 16]),
            DecisionMismatch::Parties,
        ),
        (
            |d| d.aud = Issuer::parse("https://other.example").unwrap(),
            DecisionMismatch::Parties,
        ),
        (|d| d.txn = Txn::from_random([9; 16]), DecisionMismatch::Txn),
        (|d| d.nonce = Nonce::from_random([9; 16]), DecisionMismatch::Nonce),
        (
            |d| d.request_hash = d.statement_hash.clone(),
            DecisionMismatch::RequestHash,
        ),
        (
            |d| d.statement_hash = d.request_hash.clone(),
            DecisionMismatch::StatementHash,
        ),
        (|d| d.match_code = None, DecisionMismatch::MatchCode),
        (
            |d| d.match_code = Some(MatchCode::parse("04251").unwrap()),
            DecisionMismatch::MatchCode,
        ),
        (|d| d.surface = DecidedOn::Notification, DecisionMismatch::Surface),
        (|d| d.verdict = Verdict::Deny, DecisionMismatch::MatchCode),
    ];
    for (change, mismatch) in cases {
        let mut changed = good.clone();
        change(&mut changed);
        assert_eq!(changed.check_answers(&request, &hash, &statement), Err(mismatch));
    }
}

#[test]
fn a_refusal_needs_no_code_and_may_come_from_a_notification() {
    let request = request();
    let token = sign(&request, &key()).unwrap();
    let statement = Statement::from_request(&request).unwrap();
    for verdict in [Verdict::Deny, Verdict::Report] {
        let refusal = ApprovalDecision {
            verdict,
            match_code: None,
            reason: Some(Reason::NotMe),
            surface: DecidedOn::Notification,
            ..decision(&request, &token)
        };
        assert_eq!(
            refusal.check_answers(&request, &request_hash(&token), &statement),
            Ok(())
        );
        assert!(sign(&refusal, &key()).is_ok());
    }
}

#[test]
fn a_low_risk_request_may_be_approved_from_a_notification() {
    let mut request = request();
    request.requires = Requires {
        matching: Match::None,
        verification: Verification::None,
        surface: Surface::Any,
    };
    let token = sign(&request, &key()).unwrap();
    let statement = Statement::from_request(&request).unwrap();
    let approval = ApprovalDecision {
        match_code: None,
        surface: DecidedOn::Notification,
        ..decision(&request, &token)
    };
    assert_eq!(
        approval.check_answers(&request, &request_hash(&token), &statement),
        Ok(())
    );
}

#[test]
fn a_rotation_is_signed_by_both_keys() {
    let (old, new, stranger) = (key(), key(), key());
    let device = DeviceId::from_random([1; 16]);
    let inner = RotateNew {
        iss: device.clone(),
        aud: issuer(),
        iat: NOW,
        exp: NOW + 300,
        jti: Jti::from_random([6; 16]),
        key_protection: KeyProtection {
            level: ProtectionLevel::Sw,
            evidence: Evidenced::Claimed,
        },
    };
    let outer = |new: String| ApprovalRotate {
        iss: device.clone(),
        aud: issuer(),
        iat: NOW,
        exp: NOW + 300,
        jti: Jti::from_random([7; 16]),
        new,
    };
    let expect = Expect {
        issuer: Some(device.as_str()),
        audience: "https://approve.example",
        now: NOW,
    };
    let verify_outer = |token: &str| verify::<ApprovalRotate>(token, &pinned(&old), &expect);

    let token = sign(&outer(sign(&inner, &new).unwrap()), &old).unwrap();
    let (_, key) = verify_outer(&token).unwrap().new_key(NOW).unwrap();
    assert_eq!(key, *new.public_key());

    let by_stranger = sign(&outer(sign(&inner, &new).unwrap()), &stranger).unwrap();
    assert!(matches!(verify_outer(&by_stranger), Err(VerifyError::UnknownKey)));

    let for_other_device = RotateNew {
        iss: DeviceId::from_random([9; 16]),
        ..inner
    };
    let token = sign(&outer(sign(&for_other_device, &new).unwrap()), &old).unwrap();
    assert!(matches!(
        verify_outer(&token).unwrap().new_key(NOW),
        Err(VerifyError::Issuer)
    ));
}

#[test]
fn a_key_in_the_header_never_verifies_another_type() {
    let key = key();
    let token = sign(&request(), &key).unwrap();
    let request = request();
    let expect = Expect {
        issuer: None,
        audience: request.aud.as_str(),
        now: NOW,
    };
    assert!(matches!(
        verify_with_embedded_key::<ApprovalRequest>(&token, &expect),
        Err(VerifyError::KeySource)
    ));
}

#[test]
fn a_message_from_the_wrong_time_is_stale_and_any_other_fault_is_not() {
    let key = key();
    let request = request();
    let token = sign(&request, &key).unwrap();
    let verify_at = |now, audience: &str| {
        verify::<ApprovalRequest>(
            &token,
            &pinned(&key),
            &Expect {
                issuer: None,
                audience,
                now,
            },
        )
        .unwrap_err()
        .code()
    };
    assert_eq!(verify_at(NOW + 180, request.aud.as_str()), ErrorCode::Stale);
    assert_eq!(verify_at(NOW - 61, request.aud.as_str()), ErrorCode::Stale);
    assert_eq!(verify_at(NOW, "dev_other"), ErrorCode::InvalidMessage);
}

#[test]
fn a_proof_verifies_as_what_was_signed() {
    let key = key();
    let proof = ApprovalProof {
        iss: DeviceId::from_random([1; 16]),
        aud: issuer(),
        htm: "GET".into(),
        htu: "https://approve.example/device/v1/poll".into(),
        iat: NOW,
        jti: Jti::from_random([8; 16]),
        nonce: "n".into(),
    };
    let token = sign(&proof, &key).unwrap();
    let expect = Expect {
        issuer: None,
        audience: "https://approve.example",
        now: NOW,
    };
    assert_eq!(
        verify::<ApprovalProof>(&token, &pinned(&key), &expect).unwrap(),
        proof
    );
}

#[test]
fn a_fingerprint_is_eight_groups_of_the_thumbprint() {
    let example = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    // Of the thumbprint in RFC 8037, appendix A.3.
    assert_eq!(
        fingerprint(&Jwk::from_json(example).unwrap()),
        "90FA CAFE A9B1 5566 9854 0F70 C011 7A22"
    );
}

#[test]
fn error_codes_are_written_as_their_names() {
    for code in ErrorCode::ALL {
        assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        assert!((400..=503).contains(&code.http_status()));
    }
}

#[test]
fn frames_are_read_as_they_were_written() {
    let txn = Txn::from_random([3; 16]);
    let frames = [
        ServerFrame::Welcome {
            time: NOW,
            time_proof: None,
            cursor: "7".into(),
            heartbeat: 30,
        },
        ServerFrame::Welcome {
            time: NOW,
            time_proof: Some("a.b.c".into()),
            cursor: "7".into(),
            heartbeat: 30,
        },
        ServerFrame::Request {
            request: "a.b.c".into(),
            cursor: "8".into(),
        },
        ServerFrame::Closed {
            receipt: "a.b.c".into(),
            cursor: "9".into(),
        },
        ServerFrame::Receipt {
            txn: txn.clone(),
            receipt: "a.b.c".into(),
            report: None,
        },
        ServerFrame::Receipt {
            txn: txn.clone(),
            receipt: "a.b.c".into(),
            report: Some(LateReport::Taken),
        },
        ServerFrame::Refused {
            txn: Some(txn),
            error: ErrorCode::WrongCode,
            message: "The code is wrong.".into(),
            attempts_left: Some(3),
            receipt: None,
        },
        ServerFrame::Keys { keys: "a.b.c".into() },
        ServerFrame::Revoked {},
    ];
    for frame in frames {
        assert_eq!(
            ServerFrame::parse(frame.to_json().unwrap().as_bytes()).unwrap(),
            frame
        );
    }
    let frame = DeviceFrame::Decision {
        decision: "a.b.c".into(),
    };
    assert_eq!(
        DeviceFrame::parse(br#"{"type":"decision","decision":"a.b.c"}"#).unwrap(),
        frame
    );
}

#[test]
fn other_frames_are_refused() {
    let long = format!(r#"{{"type":"decision","decision":"{}"}}"#, "x".repeat(65_536));
    for frame in [
        "",
        "[]",
        r#"["decision",{"decision":"a.b.c"}]"#,
        r#"{"decision":"a.b.c"}"#,
        r#"{"type":"approve","decision":"a.b.c"}"#,
        r#"{"type":"decision","type":"decision","decision":"a.b.c"}"#,
        r#"{"type":"decision","decision":"a.b.c","decision":"d.e.f"}"#,
        r#"{"type":"decision","decision":null}"#,
        &long,
    ] {
        assert!(
            DeviceFrame::parse(frame.as_bytes()).is_err(),
            "{}",
            &frame[..frame.len().min(60)]
        );
    }
}

fn configuration() -> Configuration {
    let at = |path: &str| format!("https://approve.example/device/v1/{path}");
    Configuration {
        issuer: issuer(),
        name: "Example Approvals".into(),
        protocol_versions: vec![1],
        keys: pinned(&key()),
        time: NOW,
        enrolment_preview_endpoint: at("preview"),
        enrolment_endpoint: at("enrol"),
        stream_endpoint: "wss://approve.example/device/v1/stream".into(),
        poll_endpoint: at("poll"),
        decision_endpoint: at("decision"),
        rotation_endpoint: at("rotation"),
    }
}

#[test]
fn a_configuration_is_the_issuers_own() {
    assert_eq!(configuration().check(&issuer()), Ok(()));
    let other = Issuer::parse("https://approve.example/tenant").unwrap();
    assert_eq!(configuration().check(&other), Err(ConfigurationError::Issuer));
    let newer = Configuration {
        protocol_versions: vec![2],
        ..configuration()
    };
    assert_eq!(newer.check(&issuer()), Err(ConfigurationError::Version));
}

#[test]
fn an_endpoint_elsewhere_is_refused() {
    for elsewhere in [
        "https://attacker.example/decision",
        "https://approve.example:8443/decision",
        "http://approve.example/decision",
        "https://user@approve.example/decision",
        "https://approve.example.attacker.example/decision",
        "/decision",
        "",
    ] {
        let moved = Configuration {
            decision_endpoint: elsewhere.into(),
            ..configuration()
        };
        let expected = ConfigurationError::Endpoint {
            endpoint: "decision_endpoint",
        };
        assert_eq!(moved.check(&issuer()), Err(expected), "{elsewhere}");
    }
}

#[test]
fn secrets_are_not_in_debug_output() {
    let request = request();
    let token = sign(&request, &key()).unwrap();
    assert!(!format!("{:?}", decision(&request, &token)).contains("042517"));
    let wrong = r#"{"type":"decision","decision":{"match_code":"042517"}}"#;
    let error = DeviceFrame::parse(wrong.as_bytes()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("042517"));
}
