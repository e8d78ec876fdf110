//! Sealing records into the chain, and verifying an export of it.

use std::{collections::BTreeMap, io::BufRead};

use countersign_protocol::{DeviceId, Timestamp, Txn};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::Entry;

/// What comes before the first record.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line that [`verify`] reads, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// A sealed record as it is stored and exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedRecord {
    /// Its place in the chain, from 1.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
    /// The whole record, in RFC 8785 form, without line break.
    pub line: String,
}

/// What a verified export says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many records there are.
    pub records: u64,
    /// The first record's `seq`. 1 means that the export goes back to the beginning.
    pub first: u64,
    /// The `seq` of the last record.
    pub last: u64,
    /// The last record's hash: whoever kept it earlier can compare.
    pub head: String,
}

/// Why an export is not the log.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// It cannot be read.
    #[error("the export cannot be read")]
    Read(#[from] std::io::Error),
    /// A line is no record.
    #[error("line {line} is not an audit record: {what}")]
    Malformed {
        /// From 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A record's content does not have its hash: it was changed.
    #[error("record {seq} was changed: its content does not have its hash")]
    Changed {
        /// The record.
        seq: u64,
    },
    /// A record does not follow the one before: something was left out, put in or moved.
    #[error("record {seq} does not follow the record before it: records were removed, inserted or moved")]
    Broken {
        /// The record.
        seq: u64,
    },
    /// There is nothing in it.
    #[error("the export holds no records")]
    Empty,
}

/// A record without its hash. The members are in the order of RFC 8785, and all of them are strings, integers below
/// 2^53, and arrays and objects of such with members in order: so the usual form is the canonical one.
#[derive(Serialize)]
struct Unsealed<'a> {
    actor: String,
    details: &'a BTreeMap<&'static str, Value>,
    event: &'static str,
    prev: &'a str,
    seq: u64,
    subject: UnsealedSubject<'a>,
    time: Timestamp,
}

#[derive(Serialize)]
struct UnsealedSubject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a DeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<&'a Txn>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

/// Seals an entry as the record `seq` after the one with hash `prev`.
///
/// # Errors
/// When the entry cannot be written as JSON, which none in this crate is.
pub fn seal(entry: &Entry, seq: u64, prev: &str) -> Result<ExportedRecord, serde_json::Error> {
    let unsealed = Unsealed {
        actor: entry.actor.to_text(),
        details: &entry.details,
        event: entry.event.as_str(),
        prev,
        seq,
        subject: UnsealedSubject {
            client: entry.subject.client.as_deref(),
            device: entry.subject.device.as_ref(),
            txn: entry.subject.txn.as_ref(),
            user: entry.subject.user.as_deref(),
        },
        time: entry.time,
    };
    let mut line = serde_json::to_string(&unsealed)?;
    let hash = hash_of(&line);
    // `hash` belongs before `prev`. Nothing after that holds an unescaped quotation mark before the word.
    let place = line.rfind(r#","prev":""#).unwrap_or(line.len());
    line.insert_str(place, &format!(r#","hash":"{hash}""#));
    Ok(ExportedRecord { seq, hash, line })
}

/// Verifies exported records, one JSON object a line, in order. An export may start anywhere in the chain.
///
/// # Errors
/// At the first record that was changed or does not follow.
pub fn verify(export: impl BufRead) -> Result<Verified, ChainError> {
    let mut export = export;
    let mut verified: Option<Verified> = None;
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = std::io::Read::take(&mut export, MAX_LINE).read_until(b'\n', &mut text)?;
        if read == 0 {
            break;
        }
        let malformed = |what| ChainError::Malformed { line, what };
        let mut record: Value = serde_json::from_slice(&text).map_err(|_| malformed("it is not JSON"))?;
        let members = record
            .as_object_mut()
            .ok_or_else(|| malformed("it is not an object"))?;
        let Some(Value::String(hash)) = members.remove("hash") else {
            return Err(malformed("it has no hash"));
        };
        let seq = members
            .get("seq")
            .and_then(Value::as_u64)
            .ok_or_else(|| malformed("it has no seq"))?;
        let prev = members
            .get("prev")
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("it has no prev"))?;
        let follows = match &verified {
            Some(before) => seq == before.last + 1 && prev == before.head,
            None => (seq == 1) == (prev == GENESIS),
        };
        if !follows {
            return Err(ChainError::Broken { seq });
        }
        if hash_of(&canonical(&record)) != hash {
            return Err(ChainError::Changed { seq });
        }
        verified = Some(match verified {
            Some(before) => Verified {
                records: before.records + 1,
                last: seq,
                head: hash,
                ..before
            },
            None => Verified {
                records: 1,
                first: seq,
                last: seq,
                head: hash,
            },
        });
    }
    verified.ok_or(ChainError::Empty)
}

fn hash_of(canonical: &str) -> String {
    let digest = digest(&SHA256, canonical.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in digest.as_ref() {
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(half.into(), 16));
        }
    }
    text
}

fn canonical(record: &Value) -> String {
    // A value of strings, integers and objects always has a canonical form; the plain one is the same but for order.
    serde_json_canonicalizer::to_string(record).unwrap_or_else(|_| record.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Event};

    fn log(count: u64) -> Vec<String> {
        let mut prev = GENESIS.to_owned();
        let mut lines = Vec::new();
        for seq in 1..=count {
            let entry = Entry::new(
                1_800_000_000,
                Actor::Client("bank".to_owned()),
                Event::ApprovalRequested,
            )
            .user("ada")
            .txn(&Txn::from_random([1; 16]))
            .detail("number", seq);
            let record = seal(&entry, seq, &prev).unwrap();
            prev = record.hash;
            lines.push(record.line);
        }
        lines
    }

    fn verified(lines: &[String]) -> Result<Verified, ChainError> {
        verify(lines.join("\n").as_bytes())
    }

    #[test]
    fn a_record_has_a_form_that_others_can_check() {
        let expected = concat!(
            r#"{"actor":"client:bank","details":{"number":1},"event":"approval.requested","#,
            r#""hash":"c2b4","prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
            r#""seq":1,"subject":{"txn":"txn_AQEBAQEBAQEBAQEBAQEBAQ","user":"ada"},"time":1800000000}"#,
        );
        let line = &log(1)[0];
        let hash = serde_json::from_str::<Value>(line).unwrap()["hash"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(line.replace(&hash, "c2b4"), expected);
        let unhashed = line.replace(&format!(r#""hash":"{hash}","#), "");
        let digest = digest(&SHA256, unhashed.as_bytes());
        assert_eq!(
            hash,
            digest
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        );
    }

    #[test]
    fn a_sealed_line_is_canonical_whatever_is_in_it() {
        for text in ["\u{7}\"\\ é\u{2028}", r#","prev":""#, ""] {
            let entry = Entry::new(0, Actor::Admin(text.to_owned()), Event::ClientAdded)
                .user(text)
                .client(text)
                .detail("prev", text)
                .detail("nested", serde_json::json!({ "a": [1, "x"], "prev": text }));
            let line = seal(&entry, 1, GENESIS).unwrap().line;
            assert_eq!(line, canonical(&serde_json::from_str(&line).unwrap()));
            assert_eq!(verify(line.as_bytes()).unwrap().last, 1);
        }
    }

    #[test]
    fn a_whole_log_and_any_stretch_of_it_verify() {
        let lines = log(5);
        let whole = verified(&lines).unwrap();
        assert_eq!((whole.records, whole.first, whole.last), (5, 1, 5));
        let stretch = verified(&lines[2..4]).unwrap();
        assert_eq!((stretch.records, stretch.first, stretch.last), (2, 3, 4));
        assert!(matches!(verified(&[]), Err(ChainError::Empty)));
    }

    #[test]
    fn a_changed_record_is_noticed() {
        for (what, with) in [
            ("ada", "eve"),
            ("bank", "shop"),
            (":1800000000", ":1800000001"),
            ("number", "amount"),
        ] {
            let mut lines = log(3);
            lines[1] = lines[1].replace(what, with);
            assert!(
                matches!(verified(&lines), Err(ChainError::Changed { seq: 2 })),
                "{what}"
            );
        }
    }

    #[test]
    fn a_record_left_out_put_in_or_moved_is_noticed() {
        let lines = log(4);
        let without = [lines[0].clone(), lines[2].clone()];
        let twice = [lines[0].clone(), lines[0].clone()];
        let swapped = [lines[0].clone(), lines[2].clone(), lines[1].clone()];
        for broken in [&without[..], &twice, &swapped] {
            assert!(
                matches!(verified(broken), Err(ChainError::Broken { .. })),
                "{broken:?}"
            );
        }
        let mut other = log(2);
        other[0] = seal(&Entry::new(0, Actor::Gateway, Event::AuditExported), 1, GENESIS)
            .unwrap()
            .line;
        assert!(matches!(verified(&other), Err(ChainError::Broken { seq: 2 })));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let long = format!("{{\"hash\":\"{}\"}}", "x".repeat(70_000));
        for line in [
            "x",
            "[]",
            "{}",
            r#"{"hash":"x"}"#,
            r#"{"hash":"x","seq":1}"#,
            &long,
        ] {
            assert!(
                matches!(
                    verify(line.as_bytes()),
                    Err(ChainError::Malformed { line: 1, .. })
                ),
                "{line}"
            );
        }
    }
}
