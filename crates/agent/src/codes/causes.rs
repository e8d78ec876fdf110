//! Why something of codes cannot be used, each with the name that front ends translate it by.
//!
//! Invariant: the windows have a text for each name, with the values that are given here.

use std::{error::Error, io};

use countersign_agent_api::Cause;
use countersign_codes::{
    SecretError,
    import::{Field, ImportError, Invalid},
    vault::{FileError, OpenError, ReadError},
};

use super::open::Nameless;
use crate::{state_dir::StateError, wording::sentence};

/// Why an entry of a file cannot be kept.
pub(super) fn entry(reason: &Invalid) -> Cause {
    let said = |name| cause(name, reason);
    match reason {
        Invalid::NotALink => said("entry.not_a_link"),
        Invalid::BadLink => said("entry.bad_link"),
        Invalid::Twice(name) => said("entry.twice").with("name", name),
        Invalid::NoSecret | Invalid::Secret(SecretError::Empty) => said("entry.no_secret"),
        Invalid::Secret(SecretError::TooLong) => said("entry.secret_long"),
        Invalid::Secret(SecretError::NotBase32) => said("entry.not_base32"),
        Invalid::Kind(kind) => said("entry.kind").with("kind", kind),
        Invalid::Algorithm(algorithm) => said("entry.algorithm").with("algorithm", algorithm),
        Invalid::Digits(digits) => said("entry.digits").with("digits", digits),
        Invalid::Period(seconds) => said("entry.period").with("seconds", seconds),
        Invalid::TooLong { field, limit } => said(match field {
            Field::Issuer => "entry.issuer_long",
            Field::Account => "entry.account_long",
            Field::Tag => "entry.tag_long",
            Field::Note => "entry.note_long",
        })
        .with("limit", limit),
        Invalid::TooManyTags => said("entry.many_tags"),
        Invalid::WrongType(name) => said("entry.wrong_type").with("name", name),
        Invalid::InTrash => said("entry.in_trash"),
    }
}

/// Why a file cannot be imported.
pub(super) fn import(error: &ImportError) -> Cause {
    let said = |name| cause(name, error);
    match error {
        ImportError::TooLarge => said("import.too_large"),
        ImportError::Empty => said("import.empty"),
        ImportError::Unknown => said("import.unknown"),
        ImportError::Archive => said("import.archive"),
        ImportError::Picture => said("import.picture"),
        ImportError::Damaged { format, .. } => said("import.damaged").with("format", format),
        ImportError::Json => said("import.json"),
        ImportError::Version(format) => said("import.version").with("format", format),
        ImportError::AccountBound => said("import.account_bound"),
        ImportError::NoPassword(format) => said("import.no_password").with("format", format),
        ImportError::TooCostly(format) => said("import.too_costly").with("format", format),
        ImportError::WrongPassword(format) => said("import.wrong_password").with("format", format),
        ImportError::OutOfMemory => said("import.memory"),
        ImportError::TooMany => said("import.many"),
        ImportError::Nothing => said("import.nothing"),
    }
}

/// Why a vault file cannot be read.
pub(super) fn vault(error: &ReadError) -> Cause {
    let said = |name| cause(name, error);
    match error {
        ReadError::File(FileError::Io { .. }) => said("vault.io"),
        ReadError::File(FileError::TooLarge(_)) => said("vault.too_large"),
        ReadError::Open(OpenError::NotAVault) => said("vault.not_a_vault"),
        ReadError::Open(OpenError::Damaged) => said("vault.damaged"),
        ReadError::Open(OpenError::WrongKey) => said("vault.other_key"),
        ReadError::Open(OpenError::Forged) => said("vault.forged"),
        ReadError::Open(OpenError::Newer { .. }) => said("vault.newer"),
        ReadError::Open(OpenError::Content(_)) => said("vault.content"),
    }
}

/// Why it is not known whether there is a vault file.
pub(super) fn looked(error: &io::Error) -> Cause {
    cause("vault.io", error)
}

/// Why what is kept beside the vault cannot be read.
pub(super) fn kept(error: &StateError) -> Cause {
    let name = match error {
        StateError::Newer { .. } => "vault.newer",
        StateError::Corrupt { .. } => "vault.damaged",
        StateError::TooLarge(_) => "vault.too_large",
        StateError::Io { .. } | StateError::ForeignOwner(_) | StateError::NoHome | StateError::InUse(_) => {
            "vault.io"
        }
    };
    cause(name, error)
}

/// A vault that nobody knows the key of.
pub(super) fn nameless() -> Cause {
    cause("vault.nameless", &Nameless)
}

fn cause(name: &str, error: &dyn Error) -> Cause {
    Cause::new(name, sentence(error))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use countersign_codes::{Label, import::Format};

    use super::*;

    const MESSAGES: &str = include_str!("../../../../ui/src/messages/en.ts");

    #[test]
    fn the_windows_have_a_text_for_every_cause_with_its_values() {
        let label = || Label::new("x").unwrap();
        let long = |field| Invalid::TooLong { field, limit: 9 };
        let entries = [
            Invalid::NotALink,
            Invalid::BadLink,
            Invalid::Twice("secret"),
            Invalid::NoSecret,
            Invalid::Secret(SecretError::TooLong),
            Invalid::Secret(SecretError::NotBase32),
            Invalid::Kind(label()),
            Invalid::Algorithm(label()),
            Invalid::Digits(5),
            Invalid::Period(0),
            long(Field::Issuer),
            long(Field::Account),
            long(Field::Tag),
            long(Field::Note),
            Invalid::TooManyTags,
            Invalid::WrongType("secret"),
            Invalid::InTrash,
        ];
        let format = Format::Aegis;
        let imports = [
            ImportError::TooLarge,
            ImportError::Empty,
            ImportError::Unknown,
            ImportError::Archive,
            ImportError::Picture,
            ImportError::Damaged { format, what: "" },
            ImportError::Json,
            ImportError::Version(format),
            ImportError::AccountBound,
            ImportError::NoPassword(format),
            ImportError::TooCostly(format),
            ImportError::WrongPassword(format),
            ImportError::OutOfMemory,
            ImportError::TooMany,
            ImportError::Nothing,
        ];
        let vaults = [
            OpenError::NotAVault,
            OpenError::Damaged,
            OpenError::WrongKey,
            OpenError::Forged,
            OpenError::Newer { found: 2 },
        ];
        let causes = entries.iter().map(entry).chain(imports.iter().map(import));
        let causes = causes.chain(vaults.map(|error| vault(&error.into())));
        for cause in causes.chain([nameless(), looked(&ErrorKind::NotFound.into())]) {
            let name = format!("\"cause.{}\":", cause.finding);
            let (_, after) = MESSAGES
                .split_once(&name)
                .unwrap_or_else(|| panic!("{name} is missing"));
            let (text, _) = after.split_once("\",\n").unwrap();
            let mut wanted: Vec<&str> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('}')?.0))
                .collect();
            wanted.sort_unstable();
            let given: Vec<&String> = cause.values.keys().collect();
            assert_eq!(given, wanted, "{name}");
        }
    }
}
