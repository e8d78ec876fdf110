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
