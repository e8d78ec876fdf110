//! One valid payload of each type, from which the cases are made.

use serde_json::{Value, json};

/// The present in all cases.
pub(crate) const NOW: i64 = 1_800_000_000;
/// The issuer in all cases.
pub(crate) const ISSUER: &str = "https://approve.example";
/// The device in all cases.
pub(crate) const DEVICE: &str = "dev_AAECAwQFBgcICQoLDA0ODw";
/// The transaction in all cases.
pub(crate) const TXN: &str = "txn_EBESExQVFhcYGRobHB0eHw";

/// Any hash.
const HASH: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

/// A type of message: how cases call it, its `typ`, and who signs it for whom.
pub(crate) struct Kind {
    /// How cases call it.
    pub(crate) name: &'static str,
    /// Its `typ`.
    pub(crate) typ: &'static str,
    /// The signing key.
    pub(crate) key: &'static str,
    /// The `iss` expected.
    pub(crate) issuer: Option<&'static str>,
    /// The `aud` expected.
    pub(crate) audience: &'static str,
    /// Whether the key is in the header.
    pub(crate) embeds_key: bool,
    /// A valid payload.
    pub(crate) claims: fn() -> Value,
}

const fn kind(name: &'static str, typ: &'static str, claims: fn() -> Value) -> Kind {
    Kind {
        name,
        typ,
        key: "device",
        issuer: Some(DEVICE),
        audience: ISSUER,
        embeds_key: false,
        claims,
    }
}

const fn from_issuer(kind: Kind, audience: &'static str) -> Kind {
    Kind {
        key: "issuer",
        issuer: Some(ISSUER),
        audience,
        ..kind
    }
}

/// `approval-request+jwt`
pub(crate) const REQUEST: Kind = from_issuer(kind("request", "approval-request+jwt", request), DEVICE);
/// `approval-decision+jwt`
pub(crate) const DECISION: Kind = kind("decision", "approval-decision+jwt", decision);
/// `approval-receipt+jwt`
pub(crate) const RECEIPT: Kind = from_issuer(kind("receipt", "approval-receipt+jwt", receipt), DEVICE);
/// `approval-result+jwt`
pub(crate) const RESULT: Kind = from_issuer(kind("result", "approval-result+jwt", result), "bank");
/// `approval-proof+jwt`
pub(crate) const PROOF: Kind = kind("proof", "approval-proof+jwt", proof);
/// `approval-enrol+jwt`
pub(crate) const ENROL: Kind = Kind {
    issuer: None,
    embeds_key: true,
    ..kind("enrol", "approval-enrol+jwt", enrol)
};
/// `approval-rotate+jwt`, signed by the old key.
pub(crate) const ROTATE: Kind = kind("rotate", "approval-rotate+jwt", rotate);
/// `approval-rotate+jwt`, signed by the new key.
pub(crate) const ROTATE_NEW: Kind = Kind {
    key: "device_next",
    embeds_key: true,
    ..kind("rotate-new", "approval-rotate+jwt", rotate_new)
};
/// `approval-keys+jwt`
pub(crate) const KEYS: Kind = from_issuer(kind("keys", "approval-keys+jwt", issuer_keys), DEVICE);

/// `approval-time+jwt`
pub(crate) const TIME: Kind = from_issuer(kind("time", "approval-time+jwt", time), DEVICE);

/// All types.
pub(crate) const ALL: [&Kind; 10] = [
    &REQUEST,
    &DECISION,
    &RECEIPT,
    &RESULT,
    &PROOF,
    &ENROL,
    &ROTATE,
    &ROTATE_NEW,
    &KEYS,
    &TIME,
];

fn request() -> Value {
    json!({
        "iss": ISSUER, "aud": DEVICE, "sub": "ada@example.com", "iat": NOW, "exp": NOW + 120, "jti": "request-1",
        "txn": TXN, "nonce": "ICEiIyQlJicoKSorLC0uLw", "client": {"id": "bank", "name": "Example Bank"},
        "acr": "urn:example:stepup", "binding_message": "Pay 4250.00 EUR to Müller GmbH",
        "authorization_details": [{
            "type": "payment_initiation", "instructedAmount": {"amount": "4250.00", "currency": "EUR"},
            "creditorName": "Müller GmbH", "creditorAccount": {"iban": "DE02100100109307118603"},
        }],
        "context": {
            "origin": "another_device", "place": "Vienna, Austria", "ip": "2001:db8::7", "agent": "Firefox, Linux",
            "started_at": NOW - 5, "risk": "high", "hints": ["First payment to this payee"],
        },
        "requires": {"match": {"type": "code", "digits": 6}, "verification": "none", "surface": "window"},
    })
}

fn decision() -> Value {
    json!({
        "iss": DEVICE, "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": "decision-1", "txn": TXN,
        "nonce": "ICEiIyQlJicoKSorLC0uLw", "verdict": "approve", "match_code": "042517", "request_hash": HASH,
        "statement_hash": HASH, "statement_version": 1, "locale": "de-AT", "amr": ["swk", "user"],
        "key_protection": {"level": "sw", "evidence": "claimed"}, "surface": "window", "shown_at": NOW - 8,
        "counter": 7,
    })
}

fn receipt() -> Value {
    json!({
        "iss": ISSUER, "aud": [DEVICE, "bank"], "iat": NOW, "jti": "receipt-1", "txn": TXN, "outcome": "approved",
        "decided_by": DEVICE, "device_name": "Ada's laptop", "decision_hash": HASH, "request_hash": HASH,
        "statement_hash": HASH, "acr": "urn:example:stepup", "amr": ["swk", "user"],
    })
}

fn result() -> Value {
    json!({
        "iss": ISSUER, "aud": "bank", "iat": NOW, "jti": "result-1", "txn": TXN, "sub": "ada", "outcome": "approved",
        "verdict": "approve", "request_hash": HASH, "statement_hash": HASH, "acr": "urn:example:stepup",
        "amr": ["swk", "user"], "auth_time": NOW, "key_protection": {"level": "sw", "evidence": "claimed"},
        "authorization_details": [{"type": "sign_in", "application": "Admin portal"}],
    })
}

fn proof() -> Value {
    json!({
        "iss": DEVICE, "aud": ISSUER, "htm": "GET", "htu": "https://approve.example/device/v1/stream", "iat": NOW,
        "jti": "proof-1", "nonce": "1800000000.AAECAwQFBgcICQoLDA0ODw",
    })
}

fn enrol() -> Value {
    json!({
        "aud": ISSUER, "iat": NOW, "exp": NOW + 300, "jti": "enrol-1", "code": "MDEyMzQ1Njc4OTo7PD0-Pw",
        "device": {"name": "Ada's laptop", "platform": "Debian GNU/Linux 12", "app_version": "0.1.0"},
        "key_protection": {"level": "sw", "evidence": "claimed"},
    })
}

fn rotate() -> Value {
    json!({
        "iss": DEVICE, "aud": ISSUER, "iat": NOW, "exp": NOW + 300, "jti": "rotate-1", "new": "e30.e30.e30",
    })
}

fn rotate_new() -> Value {
    json!({
        "iss": DEVICE, "aud": ISSUER, "iat": NOW, "exp": NOW + 300, "jti": "rotate-new-1",
        "key_protection": {"level": "hw", "evidence": "claimed"},
    })
}

fn issuer_keys() -> Value {
    json!({
        "iss": ISSUER, "aud": DEVICE, "iat": NOW, "jti": "keys-1",
        "keys": [{
            "crv": "Ed25519", "kty": "OKP", "x": "cyFzs9buLS8TTDRp9otV3x1eBErG-cwOojrxoSyeIJs",
        }],
    })
}

fn time() -> Value {
    json!({"iss": ISSUER, "aud": DEVICE, "iat": NOW, "jti": "time-1", "proof_jti": "proof-1"})
}
