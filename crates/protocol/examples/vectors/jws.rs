//! Accept and reject cases for compact JWS (section 2).

use std::collections::BTreeMap;

use countersign_protocol::Signer as _;
use serde_json::{Value, json};

use crate::forge::{Forge, encode};
use crate::format::{JwsCase, Outcome, TestKey};
use crate::messages::{
    ALL, DECISION, ENROL, KEYS, Kind, NOW, PROOF, RECEIPT, REQUEST, RESULT, ROTATE, ROTATE_NEW,
};

/// Makes all cases and asks the implementation for its answers.
pub(crate) fn cases(forge: &Forge, keys: &BTreeMap<String, TestKey>) -> Outcome<Vec<JwsCase>> {
    let mut cases = Cases {
        forge,
        cases: Vec::new(),
    };
    cases.valid()?;
    cases.headers()?;
    cases.encodings()?;
    cases.signatures()?;
    cases.payloads()?;
    cases.claims()?;
    let mut cases = cases.cases;
    for case in &mut cases {
        match case.run(keys) {
            Ok(claims) => case.claims = Some(claims),
            Err(error) => case.refused = Some(crate::format::kind(&error)),
        }
    }
    Ok(cases)
}

struct Cases<'a> {
    forge: &'a Forge,
    cases: Vec<JwsCase>,
}

impl Cases<'_> {
    fn add(&mut self, name: &str, kind: &Kind, token: String) -> &mut JwsCase {
        self.cases.push(JwsCase {
            name: format!("{}: {name}", kind.name),
            message: kind.name.to_owned(),
            keys: if kind.embeds_key {
                Vec::new()
            } else {
                vec![kind.key.to_owned()]
            },
            issuer: kind.issuer.map(str::to_owned),
            audience: kind.audience.to_owned(),
            now: NOW,
            token,
            claims: None,
            refused: None,
        });
        let last = self.cases.len() - 1;
        &mut self.cases[last]
    }

    fn header_of(&self, kind: &Kind) -> Value {
        if kind.embeds_key {
            self.forge.embedding_header(kind.typ, kind.key)
        } else {
            self.forge.header(kind.typ, kind.key)
        }
    }

    fn token_of(&self, kind: &Kind) -> Outcome<String> {
        self.signed(
            kind,
            &self.header_of(kind).to_string(),
            &(kind.claims)().to_string(),
        )
    }

    fn signed(&self, kind: &Kind, header: &str, payload: &str) -> Outcome<String> {
        self.forge.token(header.as_bytes(), payload.as_bytes(), kind.key)
    }

    fn valid(&mut self) -> Outcome<()> {
        for kind in ALL {
            let token = self.token_of(kind)?;
            self.add("valid", kind, token);
        }
        let header = self.forge.header(REQUEST.typ, "issuer_ed25519").to_string();
        let payload = request_like(|_| {});
        let token = self
            .forge
            .token(header.as_bytes(), payload.as_bytes(), "issuer_ed25519")?;
        self.add("EdDSA with Ed25519", &REQUEST, token).keys = vec!["issuer_ed25519".into(), "issuer".into()];
        let token = self.token_of(&REQUEST)?;
        self.add("two keys pinned, the second signs", &REQUEST, token.clone())
            .keys = vec!["issuer_next".into(), "issuer".into()];
        for (name, now) in [
            ("59 s after the end", NOW + 179),
            ("60 s before its making", NOW - 60),
        ] {
            self.add(name, &REQUEST, token.clone()).now = now;
        }
        self.altered("no optional claims", &REQUEST, |claims| {
            for claim in ["acr", "binding_message", "authorization_details", "context"] {
                remove(claims, claim);
            }
        })?;
        self.altered("spaces and another order of members", &REQUEST, |_| {})?
            .token = self.signed(
            &REQUEST,
            &self.header_of(&REQUEST).to_string(),
            &reordered(&(REQUEST.claims)()),
        )?;
        self.altered("integer written with a fraction of zero", &PROOF, |_| {})?
            .token = self.signed(
            &PROOF,
            &self.header_of(&PROOF).to_string(),
            &(PROOF.claims)()
                .to_string()
                .replace("1800000000,", "1800000000.0,"),
        )?;
        self.altered("denied with a reason", &DECISION, |claims| {
            remove(claims, "match_code");
            claims["verdict"] = json!("deny");
            claims["reason"] = json!("wrong_details");
        })?;
        self.altered("hardware key", &DECISION, |claims| {
            claims["amr"] = json!(["hwk", "mfa", "pin", "user"]);
            claims["key_protection"] = json!({"level": "hw_pin", "evidence": "attested"});
        })?;
        self.altered("expired, nobody decided", &RECEIPT, |claims| {
            for claim in ["decided_by", "device_name", "decision_hash", "acr", "amr"] {
                remove(claims, claim);
            }
            claims["outcome"] = json!("expired");
        })?
        .now = NOW + 10 * 365 * 86_400;
        self.altered("locked", &RESULT, |claims| {
            let kept = ["iss", "aud", "iat", "jti", "txn", "sub"];
            *claims = kept
                .into_iter()
                .map(|claim| (claim.to_owned(), claims[claim].clone()))
                .collect();
            claims["outcome"] = json!("locked");
        })?;
        Ok(())
    }

    fn altered(&mut self, name: &str, kind: &Kind, alter: impl FnOnce(&mut Value)) -> Outcome<&mut JwsCase> {
        let mut claims = (kind.claims)();
        alter(&mut claims);
        let token = self.signed(kind, &self.header_of(kind).to_string(), &claims.to_string())?;
        Ok(self.add(name, kind, token))
    }

    fn with_header(&mut self, name: &str, kind: &Kind, alter: impl FnOnce(&mut Value)) -> Outcome<()> {
        let mut header = self.header_of(kind);
        alter(&mut header);
        self.with_header_text(name, kind, &header.to_string())
    }

    fn with_header_text(&mut self, name: &str, kind: &Kind, header: &str) -> Outcome<()> {
        let token = self.signed(kind, header, &(kind.claims)().to_string())?;
        self.add(name, kind, token);
        Ok(())
    }

    fn headers(&mut self) -> Outcome<()> {
        let stranger = serde_json::to_value(self.forge.key("stranger").public_key())?;
        let issuer = serde_json::to_value(self.forge.key("issuer").public_key())?;
        let alg_none = json!({"alg": "none", "typ": REQUEST.typ}).to_string();
        let token = format!(
            "{}.{}.",
            encode(alg_none.as_bytes()),
            encode((REQUEST.claims)().to_string().as_bytes())
        );
        self.add("alg none, no signature", &REQUEST, token);
        for alg in [
            "none", "HS256", "RS256", "PS256", "ES384", "ES256K", "es256", "Ed25519", "",
        ] {
            self.with_header(&format!("alg {alg:?}"), &REQUEST, |header| {
                header["alg"] = json!(alg)
            })?;
        }
        self.with_header("alg EdDSA for a P-256 key", &REQUEST, |header| {
            header["alg"] = json!("EdDSA")
        })?;
        self.with_header("no alg", &REQUEST, |header| remove(header, "alg"))?;
        for typ in [
            "JWT",
            "Approval-Request+JWT",
            "application/approval-request+jwt",
            "approval-decision+jwt",
            "",
        ] {
            self.with_header(&format!("typ {typ:?}"), &REQUEST, |header| {
                header["typ"] = json!(typ)
            })?;
        }
        self.with_header("no typ", &REQUEST, |header| remove(header, "typ"))?;
        for (member, value) in [
            ("crit", json!(["exp"])),
            ("crit", json!(["b64"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("b64", json!(true)),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("jwk", stranger.clone()),
            ("jwk", issuer.clone()),
            ("x5u", json!("https://attacker.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("x5t#S256", json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")),
            ("cty", json!("JWT")),
            ("zip", json!("DEF")),
            ("url", json!("https://approve.example")),
        ] {
            self.with_header(&format!("header has {member} {value}"), &REQUEST, |header| {
                header[member] = value
            })?;
        }
        self.with_header("no kid", &REQUEST, |header| remove(header, "kid"))?;
        self.with_header("kid null", &REQUEST, |header| header["kid"] = Value::Null)?;
        self.with_header("kid a number", &REQUEST, |header| header["kid"] = json!(1))?;
        self.with_header("kid a path", &REQUEST, |header| {
            header["kid"] = json!("../../../etc/passwd")
        })?;
        self.with_header("jwk in place of kid", &REQUEST, |header| {
            remove(header, "kid");
            header["jwk"] = issuer;
        })?;
        let header = self.header_of(&REQUEST).to_string();
        self.with_header_text(
            "alg twice",
            &REQUEST,
            &header.replacen('{', r#"{"alg":"ES256","#, 1),
        )?;
        self.with_header_text(
            "alg none, then ES256",
            &REQUEST,
            &header.replacen('{', r#"{"alg":"none","#, 1),
        )?;
        self.with_header_text(
            "alg twice, once escaped",
            &REQUEST,
            &header.replacen('{', r#"{"\u0061lg":"ES256","#, 1),
        )?;
        self.with_header_text("header an array", &REQUEST, r#"["ES256","approval-request+jwt"]"#)?;
        self.with_header_text(
            "header with a byte order mark",
            &REQUEST,
            &format!("\u{feff}{header}"),
        )?;
        self.with_header_text("bytes after the header", &REQUEST, &format!("{header}{{}}"))?;
        self.with_header_text(
            "header of 2 KiB",
            &REQUEST,
            &format!("{header}{}", " ".repeat(2048)),
        )?;
        self.with_header("kid in place of jwk", &ENROL, |header| {
            header["kid"] = json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
            remove(header, "jwk");
        })?;
        self.with_header("jwk is not the signing key", &ENROL, |header| {
            header["jwk"] = stranger
        })?;
        self.with_header("jwk with a private member", &ENROL, |header| {
            header["jwk"]["d"] = json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        })?;
        self.with_header("jwk of another curve", &ENROL, |header| {
            header["jwk"]["crv"] = json!("P-384")
        })?;
        self.with_header("jwk a symmetric key", &ENROL, |header| {
            header["jwk"] = json!({"kty": "oct", "k": "AAAA"})
        })?;
        self.with_header("jwk not on the curve", &ENROL, |header| {
            header["jwk"]["y"] = header["jwk"]["x"].clone();
        })?;
        self.with_header("kid beside jwk", &ENROL, |header| {
            header["kid"] = json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        })?;
        self.with_header("typ of enrolment", &ROTATE_NEW, |header| {
            header["typ"] = json!(ENROL.typ)
        })
    }

    fn encodings(&mut self) -> Outcome<()> {
        let token = self.token_of(&REQUEST)?;
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err("a compact JWS has three parts".into());
        };
        let trailing = |part: &str| format!("{}{}", &part[..part.len() - 1], next_in_alphabet(part));
        let json = json!({"protected": header, "payload": payload, "signature": signature}).to_string();
        for (name, token) in [
            ("empty", String::new()),
            ("two parts", format!("{header}.{payload}")),
            ("four parts", format!("{token}.{signature}")),
            (
                "five parts",
                format!("{header}.{payload}.{header}.{payload}.{signature}"),
            ),
            ("JSON serialisation", json),
            ("padding", format!("{header}.{payload}.{signature}==")),
            (
                "trailing bits in the signature",
                format!("{header}.{payload}.{}", trailing(signature)),
            ),
            ("line break at the end", format!("{token}\n")),
            ("space at the beginning", format!(" {token}")),
            ("other alphabet", token.replace('-', "+").replace('_', "/")),
            ("not ASCII", format!("{header}.{payload}.{signature}é")),
        ] {
            self.add(name, &REQUEST, token);
        }
        // Signed over the very text, so that only the spelling is wrong.
        for (name, header, payload) in [
            ("padded header, signed", format!("{header}="), payload.to_owned()),
            ("padded payload, signed", header.to_owned(), format!("{payload}=")),
            ("bits after the payload's last byte, signed", header.to_owned(), {
                let with_spaces = spaces_until_trailing_bits(&(REQUEST.claims)().to_string());
                let part = encode(with_spaces.as_bytes());
                format!("{}{}", &part[..part.len() - 1], next_in_alphabet(&part))
            }),
        ] {
            let input = format!("{header}.{payload}");
            let signature = encode(&self.forge.signature(&input, REQUEST.key)?);
            self.add(name, &REQUEST, format!("{input}.{signature}"));
        }
        let long = request_like(|claims| claims["binding_message"] = json!("x".repeat(16 * 1024)));
        let token = self.signed(&REQUEST, &self.header_of(&REQUEST).to_string(), &long)?;
        self.add("longer than 16 KiB", &REQUEST, token);
        Ok(())
    }

    fn signatures(&mut self) -> Outcome<()> {
        let token = self.token_of(&REQUEST)?;
        let (input, signature) = token.rsplit_once('.').ok_or("no signature")?;
        let raw = self.forge.signature(input, REQUEST.key)?;
        let mut flipped = raw.clone();
        flipped[10] ^= 1;
        let swapped = [&raw[32..], &raw[..32]].concat();
        let other_payload =
            encode(request_like(|claims| claims["sub"] = json!("eve@example.com")).as_bytes());
        let header = input.split('.').next().unwrap_or_default();
        for (name, token) in [
            ("DER signature", format!("{input}.{}", encode(&der(&raw)))),
            ("signature of 63 bytes", format!("{input}.{}", encode(&raw[..63]))),
            (
                "signature of 65 bytes",
                format!("{input}.{}", encode(&[&raw[..], &[0]].concat())),
            ),
            ("signature of zeros", format!("{input}.{}", encode(&[0; 64]))),
            ("no signature", format!("{input}.")),
            (
                "one bit of the signature flipped",
                format!("{input}.{}", encode(&flipped)),
            ),
            ("r and s swapped", format!("{input}.{}", encode(&swapped))),
            (
                "other payload, same signature",
                format!("{header}.{other_payload}.{signature}"),
            ),
        ] {
            self.add(name, &REQUEST, token);
        }
        let header = self.header_of(&REQUEST).to_string();
        let token = self.forge.token(
            header.as_bytes(),
            (REQUEST.claims)().to_string().as_bytes(),
            "stranger",
        )?;
        self.add("signed by a stranger under the issuer's kid", &REQUEST, token);
        let header = self.forge.header(REQUEST.typ, "stranger").to_string();
        let token = self.forge.token(
            header.as_bytes(),
            (REQUEST.claims)().to_string().as_bytes(),
            "stranger",
        )?;
        self.add("signed by a stranger", &REQUEST, token);
        let header = self.forge.header(REQUEST.typ, "device").to_string();
        let token = self.forge.token(
            header.as_bytes(),
            (REQUEST.claims)().to_string().as_bytes(),
            "device",
        )?;
        self.add("signed by the device itself", &REQUEST, token);
        let token = self.token_of(&REQUEST)?;
        self.add("the key is no longer pinned", &REQUEST, token).keys = vec!["issuer_next".into()];
        Ok(())
    }

    fn payload_text(&mut self, name: &str, kind: &Kind, payload: &[u8]) -> Outcome<()> {
        let token = self
            .forge
            .token(self.header_of(kind).to_string().as_bytes(), payload, kind.key)?;
        self.add(name, kind, token);
        Ok(())
    }

    fn payloads(&mut self) -> Outcome<()> {
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

    fn claims(&mut self) -> Outcome<()> {
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
        ] {
            self.altered(&format!("no {claim}"), kind, |claims| remove(claims, claim))?;
        }
        self.altered("denied with a match code", &DECISION, |claims| {
            claims["verdict"] = json!("deny")
        })?;
        Ok(())
    }
}

fn request_like(alter: impl FnOnce(&mut Value)) -> String {
    let mut claims = (REQUEST.claims)();
    alter(&mut claims);
    claims.to_string()
}

fn requires(matching: Value) -> Value {
    json!({"match": matching, "verification": "none", "surface": "window"})
}

fn remove(object: &mut Value, member: &str) {
    if let Some(members) = object.as_object_mut() {
        members.remove(member);
    }
}

/// The same members, in the opposite order and with spaces.
fn reordered(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten().rev();
    let members: Vec<String> = members
        .map(|(name, value)| format!("\n\t{} : {value}", json!(name)))
        .collect();
    format!("{{{} }}", members.join(" ,"))
}

/// The last character of `part` with its lowest bit flipped.
fn next_in_alphabet(part: &str) -> char {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = part
        .chars()
        .last()
        .and_then(|last| ALPHABET.find(last))
        .unwrap_or_default();
    ALPHABET.chars().nth(at ^ 1).unwrap_or('A')
}

/// `text` with spaces after it until its base64url has unused bits.
fn spaces_until_trailing_bits(text: &str) -> String {
    let mut text = text.to_owned();
    while text.len() % 3 != 1 {
        text.push(' ');
    }
    text
}

/// The ASN.1 form of a signature of r‖s.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let mut value: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        if value.first().is_some_and(|byte| *byte >= 0x80) {
            value.insert(0, 0);
        }
        [&[2, value.len() as u8][..], &value].concat()
    };
    let body = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, body.len() as u8][..], &body].concat()
}
