//! What is refused for its form: header, encoding, signature.

use countersign_protocol::Signer as _;
use serde_json::{Value, json};

use super::{Cases, remove, request_like};
use crate::forge::encode;
use crate::format::Outcome;
use crate::messages::{ENROL, KEYS, REQUEST, ROTATE_NEW, TIME};

impl Cases<'_> {
    pub(super) fn headers(&mut self) -> Outcome<()> {
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
        })?;
        self.with_header("typ of keys", &TIME, |header| header["typ"] = json!(KEYS.typ))
    }

    pub(super) fn encodings(&mut self) -> Outcome<()> {
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

    pub(super) fn signatures(&mut self) -> Outcome<()> {
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
        let header = self.header_of(&TIME).to_string();
        let token = self.forge.token(
            header.as_bytes(),
            (TIME.claims)().to_string().as_bytes(),
            "stranger",
        )?;
        self.add("signed by a stranger under the issuer's kid", &TIME, token);
        Ok(())
    }
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
