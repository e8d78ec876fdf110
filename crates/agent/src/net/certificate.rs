//! What people want to know of a certificate that was accepted: who issued it, and until when it is good. Nothing is decided
//! by this: `rustls` has verified the certificate before.

use countersign_protocol::text;
use jiff::{civil::DateTime, tz::TimeZone};
use ring::digest;

/// Some facts of a certificate (RFC 5280, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// The common name of whose it is, or its organisation's. Many servers have none.
    pub subject: Option<String>,
    /// The issuer's common name, or its organisation's.
    pub issuer: Option<String>,
    /// What people compare: the SHA-256 of all of it, as other tools write it.
    pub sha256: String,
    /// The instant before which it is not good yet.
    pub not_before: i64,
    /// The instant after which it is not good any more.
    pub not_after: i64,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
/// 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// The longest name that is shown, in characters.
const MAX_NAME: usize = 64;

impl CertificateSummary {
    /// Reads it from DER; `None` if that is not a certificate as they usually are.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (certificate, _) = expect(der, SEQUENCE)?;
        let (signed, _) = expect(certificate, SEQUENCE)?;
        let (tag, _, rest) = next(signed)?;
        let serial_on = if tag == VERSION { rest } else { signed };
        let (_, _, rest) = next(serial_on)?;
        let (_, rest) = expect(rest, SEQUENCE)?;
        let (issuer, rest) = expect(rest, SEQUENCE)?;
        let (validity, rest) = expect(rest, SEQUENCE)?;
        let (subject, _) = expect(rest, SEQUENCE)?;
        let (not_before, not_after) = {
            let (tag, time, rest) = next(validity)?;
            let (later_tag, later, _) = next(rest)?;
            (instant(tag, time)?, instant(later_tag, later)?)
        };
        let name = |of| attribute(of, COMMON_NAME).or_else(|| attribute(of, ORGANISATION));
        Some(Self {
            subject: name(subject),
            issuer: name(issuer),
            sha256: fingerprint(der),
            not_before,
            not_after,
        })
    }
}

/// Whether it says that it may issue others (RFC 5280, section 4.2.1.9).
pub(super) fn is_authority(der: &[u8]) -> bool {
    basic_constraints(der)
        .and_then(|constraints| expect(constraints, BOOLEAN))
        .is_some_and(|(authority, _)| authority == [0xff])
}

/// The content of that extension.
fn basic_constraints(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut signed, _) = expect(certificate, SEQUENCE)?;
    let mut extensions = loop {
        let (tag, content, rest) = next(signed)?;
        if tag == EXTENSIONS {
            break expect(content, SEQUENCE)?.0;
        }
        signed = rest;
    };
    loop {
        let (extension, rest) = expect(extensions, SEQUENCE)?;
        let (id, value) = expect(extension, OBJECT_ID)?;
        if id == BASIC_CONSTRAINTS {
            let value = expect(value, BOOLEAN).map_or(value, |(_critical, value)| value);
            let (value, _) = expect(value, OCTETS)?;
            return Some(expect(value, SEQUENCE)?.0);
        }
        extensions = rest;
    }
}

/// `AB:CD:…`
fn fingerprint(der: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, der);
    let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Tag, content and what follows.
fn next(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, length], rest) = input.split_first_chunk()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // More than four bytes of length are not a certificate.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// The content of the next element, if it has this tag.
fn expect(input: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, content, rest) = next(input)?;
    (tag == wanted).then_some((content, rest))
}

/// The value of an attribute in a name.
fn attribute(mut name: &[u8], wanted: &[u8]) -> Option<String> {
    while let Some((set, rest)) = expect(name, SET) {
        let (pair, _) = expect(set, SEQUENCE)?;
        let (id, value) = expect(pair, OBJECT_ID)?;
        if id == wanted {
            let (_, text, _) = next(value)?;
            let text = std::str::from_utf8(text).ok()?;
            return text::check(text, MAX_NAME).is_ok().then(|| text.to_owned());
        }
        name = rest;
    }
    None
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, section 4.1.2.5).
fn instant(tag: u8, time: &[u8]) -> Option<i64> {
    let time = std::str::from_utf8(time).ok()?;
    let time = match tag {
        UTC_TIME => {
            let century = if time.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{time}")
        }
        GENERALIZED_TIME => time.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;

    fn certificate(name: (DnType, &str), year: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["id.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "SE");
        params.distinguished_name.push(name.0, name.1);
        params.not_before = rcgen::date_time_ymd(2025, 3, 1);
        params.not_after = rcgen::date_time_ymd(year, 3, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn an_authority_is_one_that_says_so() {
        let made = |is_ca| {
            let mut params = CertificateParams::new(vec!["id.example".to_owned()]).unwrap();
            params.is_ca = is_ca;
            let key = KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().der().to_vec()
        };
        let authority = made(IsCa::Ca(BasicConstraints::Unconstrained));
        assert!(is_authority(&authority));
        assert!(is_authority(&made(IsCa::Ca(BasicConstraints::Constrained(0)))));
        assert!(!is_authority(&made(IsCa::ExplicitNoCa)));
        assert!(!is_authority(&made(IsCa::NoCa)));
        for end in 0..authority.len() {
            assert!(!is_authority(&authority[..end]));
        }
    }

    #[test]
    fn issuer_and_end_are_read() {
        let summary = |name, year| CertificateSummary::read(&certificate(name, year)).unwrap();
        let soon = summary((DnType::CommonName, "Example Root"), 2027);
        assert_eq!(soon.issuer.as_deref(), Some("Example Root"));
        assert_eq!(soon.subject.as_deref(), Some("Example Root"));
        assert_eq!((soon.not_before, soon.not_after), (1_740_787_200, 1_803_859_200));
        assert_eq!(soon.sha256.len(), 95);
        let later = summary((DnType::OrganizationName, "Example Ltd"), 2060);
        assert_eq!(
            (later.issuer.as_deref(), later.not_after),
            (Some("Example Ltd"), 2_845_324_800)
        );
    }

    #[test]
    fn what_is_cut_off_anywhere_is_not_read() {
        let whole = certificate((DnType::CommonName, "Example Root"), 2027);
        for length in 0..whole.len() {
            assert_eq!(CertificateSummary::read(&whole[..length]), None, "{length}");
        }
    }
}
