//! What is refused for its content: the payload's JSON, and claims that break a rule.

use serde_json::{Value, json};

use super::{Cases, remove};
use crate::format::Outcome;
use crate::messages::{
    DECISION, ENROL, KEYS, Kind, NOW, PROOF, RECEIPT, REQUEST, RESULT, ROTATE, ROTATE_NEW, TIME,
};

impl Cases<'_> {
    fn payload_text(&mut self, name: &str, kind: &Kind, payload: &[u8]) -> Outcome<()> {
        let token = self
            .forge
            .token(self.header_of(kind).to_string().as_bytes(), payload, kind.key)?;
        self.add(name, kind, token);
        Ok(())
    }

    pub(super) fn payloads(&mut self) -> Outcome<()> {
        let valid = (REQUEST.claims)().to_string();
        let replaced = |from: &str, to: &str| {
            assert!(valid.contains(from), "the valid request has {from}");
            valid.replacen(from, to, 1)
        };
        for (name, payload) in [
            ("claim twice", replaced("{\"acr\"", "{\"sub\":\"eve\",\"acr\"")),
            (
                "claim twice, once escaped",
                replaced("{\"acr\"", "{\"s\\u0075b\":\"eve\",\"acr\""),
            ),
            (
                "nested claim twice",
                replaced("\"name\":", "\"name\":\"Evil\",\"name\":"),
            ),
            (
                "detail's member twice",
                replaced("\"currency\":", "\"currency\":\"USD\",\"currency\":"),
            ),
            ("unknown claim", replaced("{\"acr\"", "{\"admin\":true,\"acr\"")),
            (
                "unknown member of client",
                replaced("\"name\":", "\"logo\":\"x\",\"name\":"),
            ),
            (
                "null for an absent claim",
                replaced("\"acr\":\"urn:example:stepup\"", "\"acr\":null"),
            ),
            ("instant a string", replaced("1800000120", "\"1800000120\"")),
            ("instant with a fraction", replaced("1800000120", "1800000120.5")),
            ("instant of 2^53", replaced("1800000120", "9007199254740992")),
            ("instant beyond a double", replaced("1800000120", "1e999")),
            (
                "client an array",
                replaced(
                    "{\"id\":\"bank\",\"name\":\"Example Bank\"}",
                    "[\"bank\",\"Example Bank\"]",
                ),
            ),
            (
                "detail with a number of 2^53",
                replaced("\"creditorName\":", "\"n\":9007199254740992,\"creditorName\":"),
            ),
            ("lone surrogate", replaced("Example Bank", "\\ud800")),
            ("single quotes", valid.replace('"', "'")),
            ("comment", replaced("{\"acr\"", "/**/{\"acr\"")),
            ("two documents", format!("{valid}{valid}")),
            ("array", format!("[{valid}]")),
            ("empty", String::new()),
        ] {
            self.payload_text(name, &REQUEST, payload.as_bytes())?;
        }
        let mut bytes = valid.into_bytes();
        let at = bytes
            .windows(4)
            .position(|window| window == b"Bank")
            .unwrap_or_default();
        bytes[at] = 0xff;
        self.payload_text("not UTF-8", &REQUEST, &bytes)
    }

    pub(super) fn claims(&mut self) -> Outcome<()> {
        let token = self.token_of(&REQUEST)?;
        for (name, now) in [
            ("60 s after the end", NOW + 180),
            ("61 s before its making", NOW - 61),
        ] {
            self.add(name, &REQUEST, token.clone()).now = now;
        }
        self.add("for another device", &REQUEST, token.clone()).audience =
            "dev_ICEiIyQlJicoKSorLC0uLw".into();
        self.add("from another issuer", &REQUEST, token).issuer =
            Some("https://approve.example/tenant".into());
        for (kind, claim, value) in [
            (&REQUEST, "exp", json!(NOW)),
            (&REQUEST, "exp", json!(NOW + 601)),
            (&REQUEST, "iat", json!(-1)),
            (&REQUEST, "iss", json!("http://approve.example")),
            (&REQUEST, "iss", json!("https://approve.example/")),
            (&REQUEST, "iss", json!("https://APPROVE.example")),
            (&REQUEST, "aud", json!(["dev_AAECAwQFBgcICQoLDA0ODw"])),
            (&REQUEST, "sub", json!("")),
            (&REQUEST, "sub", json!("x".repeat(129))),
            (&REQUEST, "jti", json!("a b")),
            (&REQUEST, "jti", json!("x".repeat(65))),
            (&REQUEST, "txn", json!("EBESExQVFhcYGRobHB0eHw")),
            (&REQUEST, "txn", json!("txn_EBESExQVFhcYGRobHB0eHx")),
            (&REQUEST, "nonce", json!("ICEiIyQlJicoKSorLC0uLx")),
            (&REQUEST, "client", json!({"id": "bank"})),
            (&REQUEST, "client", json!({"id": "bank", "name": "x".repeat(65)})),
            (
                &REQUEST,
                "client",
                json!({"id": "bank", "name": "Bank\u{202e}knaB"}),
            ),
            (&REQUEST, "binding_message", json!("line\nbreak")),
            (&REQUEST, "binding_message", json!("x".repeat(257))),
            (&REQUEST, "authorization_details", json!([])),
            (&REQUEST, "authorization_details", json!({"type": "access"})),
            (&REQUEST, "authorization_details", json!([{"type": 1}])),
            (&REQUEST, "authorization_details", json!([{"resource": "x"}])),
            (
                &REQUEST,
                "authorization_details",
                json!(vec![json!({"type": "a"}); 9]),
            ),
            (&REQUEST, "context", json!({"ip": "example.com"})),
            (&REQUEST, "context", json!({"risk": "extreme"})),
            (&REQUEST, "context", json!({"hints": ["a", "b", "c", "d", "e"]})),
            (&REQUEST, "context", json!({"weather": "rain"})),
            (
                &REQUEST,
                "requires",
                json!({"verification": "none", "surface": "any"}),
            ),
            (
                &REQUEST,
                "requires",
                requires(json!({"type": "code", "digits": 1})),
            ),
            (
                &REQUEST,
                "requires",
                requires(json!({"type": "code", "digits": 9})),
            ),
            (&REQUEST, "requires", requires(json!({"type": "code"}))),
            (
                &REQUEST,
                "requires",
                requires(json!({"type": "none", "digits": 6})),
            ),
            (&REQUEST, "requires", requires(json!(["none"]))),
            (
                &REQUEST,
                "requires",
                requires(json!({"type": "choice", "options": ["12", "34"]})),
            ),
            (&DECISION, "exp", json!(NOW + 61)),
            (&DECISION, "verdict", json!(true)),
            (&DECISION, "verdict", json!("APPROVE")),
            (&DECISION, "reason", json!("other")),
            (&DECISION, "match_code", json!(42517)),
            (&DECISION, "match_code", json!("04251x")),
            (&DECISION, "match_code", json!("１２３４５６")),
            (
                &DECISION,
                "request_hash",
                json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV"),
            ),
            (&DECISION, "statement_version", json!(2)),
            (&DECISION, "locale", json!("de_AT")),
            (&DECISION, "amr", json!([])),
            (&DECISION, "amr", json!(["user"])),
            (&DECISION, "amr", json!(["user", "swk"])),
            (&DECISION, "amr", json!(["swk", "swk", "user"])),
            (&DECISION, "amr", json!(["hwk", "user"])),
            (&DECISION, "amr", json!(["phr", "swk"])),
            (&DECISION, "key_protection", json!({"level": "sw"})),
            (&DECISION, "surface", json!("any")),
            (&DECISION, "shown_at", json!(NOW + 2)),
            (&DECISION, "counter", json!(0)),
            (&RECEIPT, "aud", json!("dev_AAECAwQFBgcICQoLDA0ODw")),
            (&RECEIPT, "aud", json!([])),
            (
                &RECEIPT,
                "aud",
                json!(["dev_AAECAwQFBgcICQoLDA0ODw", "a", "b", "c", "d"]),
            ),
            (&RECEIPT, "aud", json!(["bank"])),
            (&RECEIPT, "outcome", json!("denied")),
            (&RECEIPT, "outcome", json!("pending")),
            (&RECEIPT, "iat", json!(NOW + 61)),
            (&RECEIPT, "exp", json!(NOW + 60)),
            (&RESULT, "verdict", json!("deny")),
            (&RESULT, "outcome", json!("expired")),
            (&RESULT, "aud", json!("shop")),
            (&PROOF, "iat", json!(NOW - 61)),
            (&PROOF, "iat", json!(NOW + 61)),
            (&PROOF, "htm", json!("get")),
            (
                &PROOF,
                "htu",
                json!("https://approve.example/device/v1/stream?cursor=1"),
            ),
            (&PROOF, "nonce", json!("")),
            (&ENROL, "exp", json!(NOW + 301)),
            (&ENROL, "code", json!("short")),
            (&ENROL, "iss", json!("dev_AAECAwQFBgcICQoLDA0ODw")),
            (&ENROL, "attestation", json!("x".repeat(8193))),
            (&ROTATE, "exp", json!(NOW + 301)),
            (&ROTATE, "iss", json!("dev_ICEiIyQlJicoKSorLC0uLw")),
            (&ROTATE_NEW, "new", json!("e30.e30.e30")),
            (&KEYS, "keys", json!([])),
            (&KEYS, "keys", json!([{"kty": "oct", "k": "AAAA"}])),
            (&TIME, "iat", json!(NOW - 61)),
            (&TIME, "iat", json!(NOW + 61)),
            (&TIME, "iat", json!(-1)),
            (&TIME, "iat", json!("1800000000")),
            (&TIME, "iss", json!("https://approve.example/tenant")),
            (&TIME, "aud", json!("dev_ICEiIyQlJicoKSorLC0uLw")),
            (&TIME, "aud", json!(["dev_AAECAwQFBgcICQoLDA0ODw"])),
            (&TIME, "proof_jti", json!("a b")),
            (&TIME, "proof_jti", Value::Null),
            (&TIME, "time", json!(NOW)),
        ] {
            let shown: String = value.to_string().chars().take(60).collect();
            self.altered(&format!("{claim} {shown}"), kind, |claims| claims[claim] = value)?;
        }
        for (kind, claim) in [
            (&REQUEST, "nonce"),
            (&REQUEST, "requires"),
            (&DECISION, "statement_hash"),
            (&RECEIPT, "decision_hash"),
            (&RESULT, "verdict"),
            (&TIME, "iat"),
            (&TIME, "jti"),
            (&TIME, "proof_jti"),
        ] {
            self.altered(&format!("no {claim}"), kind, |claims| remove(claims, claim))?;
        }
        self.altered("denied with a match code", &DECISION, |claims| {
            claims["verdict"] = json!("deny")
        })?;
        Ok(())
    }
}

fn requires(matching: Value) -> Value {
    json!({"match": matching, "verification": "none", "surface": "window"})
}
