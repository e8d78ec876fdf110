//! Accept and reject cases for evidence files (section 10).

use countersign_protocol::{Evidence, Signer as _, Statement, decision_hash, request_hash};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::forge::Forge;
use crate::format::{Outcome, kind};
use crate::messages::{DECISION, DEVICE, ISSUER, Kind, NOW, RECEIPT, REQUEST};

/// One evidence file and what an auditor makes of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EvidenceCase {
    /// What is particular about it.
    pub(crate) name: String,
    /// The file.
    pub(crate) file: Value,
    /// Hash of the statement that was shown, if the file verifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) statement_hash: Option<String>,
    /// Why it is refused, if it is: the variant of `EvidenceError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

impl EvidenceCase {
    /// Verifies the file: the hash of the statement shown, or the kind of error.
    pub(crate) fn run(&self) -> Result<String, String> {
        let report = Evidence::parse(self.file.to_string().as_bytes())
            .and_then(|evidence| evidence.verify())
            .map_err(|error| kind(&error))?;
        Ok(report.statement.hash().to_owned())
    }
}

/// The parts of a story, before they are signed.
struct Story {
    request: Value,
    decision: Option<Value>,
    receipt: Value,
    issuer_key: &'static str,
    device_key: &'static str,
}

/// Makes all cases and asks the implementation for its answers.
pub(crate) fn cases(forge: &Forge) -> Outcome<Vec<EvidenceCase>> {
    let mut cases = Vec::new();
    let mut add = |name: &str, file: Value| {
        cases.push(EvidenceCase {
            name: name.to_owned(),
            file,
            statement_hash: None,
            refused: None,
        })
    };
    add("approved here", file(forge, |_| {})?);
    add(
        "decided elsewhere",
        file(forge, |story| {
            story.decision = None;
            story.receipt["decided_by"] = json!("dev_ICEiIyQlJicoKSorLC0uLw");
            story.receipt["decision_hash"] = json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        })?,
    );
    add(
        "expired",
        file(forge, |story| {
            story.decision = None;
            for claim in ["decided_by", "device_name", "decision_hash", "acr", "amr"] {
                story.receipt.as_object_mut().map(|receipt| receipt.remove(claim));
            }
            story.receipt["outcome"] = json!("expired");
        })?,
    );
    for (name, alter) in alterations() {
        add(name, file(forge, alter)?);
    }
    let valid = file(forge, |_| {})?;
    for (name, member, value) in [
        ("another format", "format", json!("evidence")),
        ("another version", "version", json!(2)),
        ("unknown member", "comment", json!("trust me")),
        (
            "issuer keys of a stranger",
            "issuer_keys",
            json!([forge.key("stranger").public_key()]),
        ),
        (
            "device key of a stranger",
            "device_key",
            json!(forge.key("stranger").public_key()),
        ),
        ("another issuer named", "issuer", json!("https://other.example")),
        (
            "another device named",
            "device_id",
            json!("dev_ICEiIyQlJicoKSorLC0uLw"),
        ),
        (
            "receipt in the request's place",
            "request",
            valid["receipt"].clone(),
        ),
    ] {
        let mut file = valid.clone();
        file[member] = value;
        add(name, file);
    }
    let mut without_decision = valid;
    without_decision
        .as_object_mut()
        .map(|file| file.remove("decision"));
    add("the decision is left out", without_decision);
    for case in &mut cases {
        match case.run() {
            Ok(hash) => case.statement_hash = Some(hash),
            Err(error) => case.refused = Some(error),
        }
    }
    Ok(cases)
}

type Alteration = (&'static str, fn(&mut Story));

fn alterations() -> Vec<Alteration> {
    const OTHER_HASH: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    fn decision(story: &mut Story) -> &mut Value {
        story.decision.get_or_insert(Value::Null)
    }
    vec![
        ("decision over another statement", |story| {
            decision(story)["statement_hash"] = json!(OTHER_HASH)
        }),
        ("decision over another request", |story| {
            decision(story)["request_hash"] = json!(OTHER_HASH)
        }),
        ("decision with another nonce", |story| {
            decision(story)["nonce"] = json!("MDEyMzQ1Njc4OTo7PD0-Pw")
        }),
        ("decision for another transaction", |story| {
            decision(story)["txn"] = json!("txn_MDEyMzQ1Njc4OTo7PD0-Pw")
        }),
        ("decision with a code of another length", |story| {
            decision(story)["match_code"] = json!("0425")
        }),
        ("approved from a notification", |story| {
            decision(story)["surface"] = json!("notification")
        }),
        ("decision from after the end", |story| {
            decision(story)["iat"] = json!(NOW + 180);
            decision(story)["exp"] = json!(NOW + 240);
        }),
        ("decision from before the request", |story| {
            decision(story)["iat"] = json!(NOW - 61);
            decision(story)["exp"] = json!(NOW - 1);
            decision(story)["shown_at"] = json!(NOW - 61);
        }),
        ("receipt for another decision", |story| {
            story.receipt["decision_hash"] = json!(OTHER_HASH)
        }),
        ("receipt for another request", |story| {
            story.receipt["request_hash"] = json!(OTHER_HASH)
        }),
        ("receipt for another statement", |story| {
            story.receipt["statement_hash"] = json!(OTHER_HASH)
        }),
        ("receipt for another transaction", |story| {
            story.receipt["txn"] = json!("txn_MDEyMzQ1Njc4OTo7PD0-Pw")
        }),
        ("receipt says denied", |story| {
            story.receipt["outcome"] = json!("denied");
            for claim in ["acr", "amr"] {
                story.receipt.as_object_mut().map(|receipt| receipt.remove(claim));
            }
        }),
        ("receipt from before the request", |story| {
            story.receipt["iat"] = json!(NOW - 61)
        }),
        ("request that cannot be shown", |story| {
            story.request["authorization_details"] = json!([{"type": "note", "text": "a\u{202e}b"}]);
        }),
        ("receipt by a stranger", |story| story.issuer_key = "stranger"),
        ("decision by another key", |story| {
            story.device_key = "device_next"
        }),
    ]
}

/// A file that verifies, but for what `alter` does.
fn file(forge: &Forge, alter: impl FnOnce(&mut Story)) -> Outcome<Value> {
    let mut story = Story {
        request: (REQUEST.claims)(),
        decision: Some((DECISION.claims)()),
        receipt: (RECEIPT.claims)(),
        issuer_key: "issuer",
        device_key: "device",
    };
    let sign = |kind: &Kind, claims: &Value, key: &str| {
        let header = forge.header(kind.typ, kind.key).to_string();
        forge.token(header.as_bytes(), claims.to_string().as_bytes(), key)
    };
    let unaltered = sign(&REQUEST, &story.request, "issuer")?;
    let shown = Statement::from_request(&serde_json::from_value(story.request.clone())?)?;
    let decision = story.decision.get_or_insert(Value::Null);
    decision["request_hash"] = json!(request_hash(&unaltered));
    decision["statement_hash"] = json!(shown.hash());
    story.receipt["request_hash"] = json!(request_hash(&unaltered));
    story.receipt["statement_hash"] = json!(shown.hash());
    story.receipt["decision_hash"] = Value::Null;
    alter(&mut story);
    let request = sign(&REQUEST, &story.request, "issuer")?;
    let decision = match &story.decision {
        Some(claims) => Some(sign(&DECISION, claims, story.device_key)?),
        None => None,
    };
    if story.receipt.get("decision_hash") == Some(&Value::Null) {
        story.receipt["decision_hash"] = json!(decision.as_deref().map(decision_hash));
    }
    let mut file = json!({
        "format": "countersign-evidence", "version": 1, "issuer": ISSUER, "issuer_name": "Example Approvals",
        "issuer_keys": [forge.key("issuer").public_key()], "device_id": DEVICE,
        "device_key": forge.key("device").public_key(), "request": request,
        "receipt": sign(&RECEIPT, &story.receipt, story.issuer_key)?,
    });
    if let Some(decision) = decision {
        file["decision"] = json!(decision);
    }
    Ok(file)
}
