//! `otpauth-migration://offline?data=…`: what Google Authenticator shows as QR codes, a protocol buffer in base64.
//!
//! A batch comes in several codes. Read all links together; a part that came twice counts once.

use std::collections::BTreeMap;

use super::{Invalid, Item, item, otpauth, raw};
use crate::secret::Secret;

/// More parts than any batch has: ten entries go into one code.
const MAX_PARTS: u64 = 1000;

/// One QR code.
pub(super) struct Part {
    items: Vec<Item>,
    batch: u64,
    size: u64,
    index: u64,
}

/// The parts seen so far.
#[derive(Default)]
pub(super) struct Batches(BTreeMap<u64, (u64, Vec<u64>)>);

impl Batches {
    /// The part's entries, unless it came before.
    pub(super) fn add(&mut self, part: Part) -> Vec<Item> {
        let (size, seen) = self.0.entry(part.batch).or_default();
        *size = part.size.max(*size);
        if part.size > 1 && seen.contains(&part.index) {
            return Vec::new();
        }
        seen.push(part.index);
        part.items
    }

    /// How many parts have not been seen.
    pub(super) fn missing(&self) -> u32 {
        let missing: u64 = self
            .0
            .values()
            .map(|(size, seen)| size.saturating_sub(seen.len() as u64))
            .sum();
        u32::try_from(missing).unwrap_or(u32::MAX)
    }
}

/// Reads what follows the scheme. `None` if it is no such link.
pub(super) fn read(rest: &str) -> Option<Part> {
    let data = otpauth::migration_data(rest)?;
    let mut part = Part {
        items: Vec::new(),
        batch: 0,
        size: 1,
        index: 0,
    };
    for field in Fields(&data) {
        match field? {
            (1, Value::Bytes(entry)) => part.items.push(read_entry(entry)?),
            (3, Value::Number(size)) => part.size = Some(size).filter(|size| *size <= MAX_PARTS)?.max(1),
            (4, Value::Number(index)) => part.index = index,
            (5, Value::Number(batch)) => part.batch = batch,
            // The version (2) has been 1 or 2 without a difference; others may be added.
            (_, Value::Bytes(_) | Value::Number(_) | Value::Fixed) => {}
        }
    }
    (part.index < part.size).then_some(part)
}

fn read_entry(bytes: &[u8]) -> Option<Item> {
    let (mut secret, mut name, mut issuer) = (&[][..], "", "");
    let (mut algorithm, mut digits, mut kind, mut counter) = (0, 0, 0, 0);
    for field in Fields(bytes) {
        match field? {
            (1, Value::Bytes(value)) => secret = value,
            (2, Value::Bytes(value)) => name = std::str::from_utf8(value).ok()?,
            (3, Value::Bytes(value)) => issuer = std::str::from_utf8(value).ok()?,
            (4, Value::Number(value)) => algorithm = value,
            (5, Value::Number(value)) => digits = value,
            (6, Value::Number(value)) => kind = value,
            (7, Value::Number(value)) => counter = value,
            (_, Value::Bytes(_) | Value::Number(_) | Value::Fixed) => {}
        }
    }
    let (issuer, account) = raw::split_label(name, issuer);
    let raw = raw::Raw {
        issuer,
        account,
        // In all three, 0 stands for "not said".
        kind: match kind {
            1 => "hotp",
            0 | 2 => "totp",
            _ => "",
        },
        algorithm: match algorithm {
            0 | 1 => "SHA1",
            2 => "SHA256",
            3 => "SHA512",
            4 => "MD5",
            _ => "unknown",
        },
        digits: match digits {
            0 | 1 => Some(6),
            2 => Some(8),
            other => Some(other),
        },
        counter: Some(counter),
        ..raw::Raw::default()
    };
    let secret = match secret {
        [] => Err(Invalid::NoSecret),
        bytes => Secret::from_bytes(bytes.to_vec()).map_err(Invalid::from),
    };
    Some(item(name, secret.and_then(|secret| raw.check(secret))))
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes that nothing here uses.
    Fixed,
}

/// The fields of a protocol buffer message; `None` where it is broken.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups are not written any more, 6 and 7 do not exist.
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits.checked_shl(shift)? >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};

    use super::*;

    fn read_bytes(bytes: &[u8]) -> Option<Part> {
        read(&format!("offline?data={}", BASE64_STANDARD.encode(bytes)))
    }

    #[test]
    fn a_batch_counts_its_parts() {
        // No entries; size 3, index i, batch 7.
        let part = |index| read_bytes(&[0x18, 3, 0x20, index, 0x28, 7]).unwrap();
        let mut batches = Batches::default();
        assert_eq!(batches.missing(), 0);
        batches.add(part(0));
        batches.add(part(0));
        assert_eq!(batches.missing(), 2);
        batches.add(part(2));
        batches.add(part(1));
        assert_eq!(batches.missing(), 0);
    }

    #[test]
    fn a_negative_batch_number_is_one_too() {
        let mut bytes = vec![0x18, 1, 0x20, 0, 0x28];
        bytes.extend([0xff; 9]);
        bytes.push(1);
        assert_eq!(read_bytes(&bytes).unwrap().batch, u64::MAX);
    }

    #[test]
    fn broken_messages_are_refused() {
        for bytes in [
            &[0x0a][..],
            &[0x0a, 5, 1],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0x18, 0xff],
            &[0x18, 2, 0x20, 2],
            &[0x18, 0xff, 0x7f],
            &[0x0b],
            &[0x0f],
            &[0x0a, 3, 0x12, 1, 0xff],
        ] {
            assert!(read_bytes(bytes).is_none(), "{bytes:?}");
        }
        assert!(read("offline?data=%%%").is_none());
        assert!(read("offline").is_none());
    }
}
