//! Verifies an exported receipt with nothing but the file: no agent, no network, no account.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use countersign_protocol::{Evidence, EvidenceError, EvidenceReport, MAX_EVIDENCE};

/// Who the issuer keys in the file are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// A fingerprint that came from the issuer in another way.
    Fingerprint(String),
    /// Nobody: the reader compares it.
    Unchecked,
}

/// A file that proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFileError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It does not verify.
    #[error("the receipt does not verify: {0}")]
    Evidence(#[from] EvidenceError),
    /// It verifies, by somebody else's keys.
    #[error("the keys in the file are not the issuer's: they have the fingerprint {found}")]
    OtherIssuer {
        /// The fingerprint in the file.
        found: String,
    },
}

/// A verified file.
#[derive(Debug)]
pub struct Verified {
    /// The file as it was read.
    pub evidence: Evidence,
    /// What it says.
    pub report: EvidenceReport,
}

/// Reads and verifies a file.
///
/// # Errors
/// The first thing that does not hold.
pub fn file(path: &Path, trust: &Trust) -> Result<Verified, VerifyFileError> {
    let read = || {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_EVIDENCE).unwrap_or(u64::MAX);
        std::fs::File::open(path)?
            .take(limit + 1)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| VerifyFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let evidence = Evidence::parse(&bytes)?;
    let report = evidence.verify()?;
    match trust {
        Trust::Fingerprint(expected) if !same_fingerprint(expected, &report.fingerprint) => {
            Err(VerifyFileError::OtherIssuer {
                found: report.fingerprint,
            })
        }
        Trust::Fingerprint(_) | Trust::Unchecked => Ok(Verified { evidence, report }),
    }
}

/// Spaces and case are for reading.
fn same_fingerprint(a: &str, b: &str) -> bool {
    let bare = |text: &str| {
        text.chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_ascii_uppercase())
            .collect::<String>()
    };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An evidence file out of the vectors that other implementations are checked with, and its issuer's fingerprint.
    fn good() -> (tempfile::TempDir, PathBuf, String) {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../vectors/evidence.json")).unwrap();
        let text = vectors[0]["file"].to_string();
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("receipt.json");
        std::fs::write(&path, &text).unwrap();
        let evidence = Evidence::parse(text.as_bytes()).unwrap();
        let fingerprint = countersign_protocol::fingerprint(evidence.issuer_keys.first().unwrap());
        (home, path, fingerprint)
    }

    #[test]
    fn a_file_verifies_with_nothing_but_itself() {
        let (_home, path, fingerprint) = good();
        let verified = file(&path, &Trust::Unchecked).unwrap();
        assert_eq!(verified.report.fingerprint, fingerprint);
        assert!(verified.report.decision.is_some());
    }

    #[test]
    fn the_issuers_fingerprint_is_compared_whatever_its_spelling() {
        let (_home, path, fingerprint) = good();
        for spelling in [
            fingerprint.clone(),
            fingerprint.replace(' ', ""),
            fingerprint.to_lowercase(),
        ] {
            file(&path, &Trust::Fingerprint(spelling)).unwrap();
        }
        for other in ["", "0000", fingerprint.get(..35).unwrap()] {
            let refused = file(&path, &Trust::Fingerprint(other.to_owned()));
            assert!(
                matches!(refused, Err(VerifyFileError::OtherIssuer { .. })),
                "{other}"
            );
        }
    }

    #[test]
    fn a_changed_file_proves_nothing() {
        let (_home, path, _) = good();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [
            ("\"receipt\":\"ey", "\"receipt\":\"fy"),
            ("dev_", "dev-"),
            ("\"version\":1", "\"version\":2"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            std::fs::write(&path, changed).unwrap();
            assert!(
                matches!(file(&path, &Trust::Unchecked), Err(VerifyFileError::Evidence(_))),
                "{from}"
            );
        }
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        assert!(matches!(
            file(Path::new("/dev/zero"), &Trust::Unchecked),
            Err(VerifyFileError::Evidence(_))
        ));
    }
}
