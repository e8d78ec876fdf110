//! The little of DER (X.690) that RSA keys need: definite lengths, sequences and non-negative integers.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// The `AlgorithmIdentifier` of RSA keys (RFC 8017, appendix A.1), complete.
pub(crate) const RSA_ENCRYPTION: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// An element with this tag around `content`. What is written may be secret: no copy of it stays behind.
pub(crate) fn element(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(content.len() + 10));
    out.push(tag);
    let length = content.len().to_be_bytes();
    match trim(&length) {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A sequence of elements.
pub(crate) fn sequence(elements: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut content = Zeroizing::new(Vec::with_capacity(elements.iter().map(|e| e.len()).sum()));
    for part in elements {
        content.extend_from_slice(part);
    }
    element(SEQUENCE, &content)
}

/// A non-negative integer, from its big-endian bytes.
pub(crate) fn integer(magnitude: &[u8]) -> Zeroizing<Vec<u8>> {
    let trimmed = trim(magnitude);
    let mut content = Zeroizing::new(Vec::with_capacity(trimmed.len() + 1));
    if trimmed.first().is_none_or(|first| first & 0x80 != 0) {
        content.push(0);
    }
    content.extend_from_slice(trimmed);
    element(INTEGER, &content)
}

/// Without leading zeros.
pub(crate) fn trim(magnitude: &[u8]) -> &[u8] {
    let first = magnitude.iter().position(|b| *b != 0).unwrap_or(magnitude.len());
    &magnitude[first..]
}

/// Reads elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The content of the next element, which is a sequence.
    pub(crate) fn sequence(&mut self) -> Option<Self> {
        self.element(SEQUENCE).map(Self)
    }

    /// The magnitude of the next element, which is a positive integer in its shortest form.
    pub(crate) fn integer(&mut self) -> Option<&'a [u8]> {
        let content = self.element(INTEGER)?;
        match content {
            [0, first, ..] if first & 0x80 != 0 => content.get(1..),
            [first, ..] if (1..0x80).contains(first) => Some(content),
            _ => None,
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let length = if *first < 0x80 {
            usize::from(*first)
        } else {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            let length = bytes.iter().try_fold(0_usize, |length, byte| {
                Some(length.checked_mul(256)? + usize::from(*byte))
            })?;
            // The shortest form is the only one.
            (length >= 0x80 && bytes.first() != Some(&0)).then_some(length)?
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_form_where_a_short_one_does_is_refused() {
        assert!(Reader::new(&[0x30, 0x81, 0x01, 0x05]).sequence().is_none());
        assert!(Reader::new(&[0x30, 0x80]).sequence().is_none());
        assert!(Reader::new(&[0x02, 0x02, 0x00, 0x01]).integer().is_none());
        assert!(Reader::new(&[0x02, 0x01, 0x80]).integer().is_none());
    }

    proptest! {
        #[test]
        fn a_written_integer_is_read(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let written = integer(&bytes);
            let mut reader = Reader::new(&written);
            let read = reader.integer();
            if bytes.iter().all(|b| *b == 0) {
                prop_assert_eq!(read, None);
            } else {
                prop_assert_eq!(read, Some(trim(&bytes)));
                prop_assert!(reader.end().is_some());
            }
        }
    }
}
