//! Accept and reject cases for compact JWS (section 2): what is common, and what is accepted.

mod content;
mod form;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::forge::Forge;
use crate::format::{JwsCase, Outcome, TestKey};
use crate::messages::{ALL, DECISION, Kind, NOW, PROOF, RECEIPT, REQUEST, RESULT};

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
}

fn request_like(alter: impl FnOnce(&mut Value)) -> String {
    let mut claims = (REQUEST.claims)();
    alter(&mut claims);
    claims.to_string()
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
