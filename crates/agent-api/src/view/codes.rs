//! One-time codes: what front ends ask and are shown. Secrets never cross, but for what a person types in, the code on display, and the
//! drawn QR code of one entry when it is asked for.

use serde::{Deserialize, Serialize};

use crate::{ApiError, SecretText};

id! {
    /// One entry of the vault: 32 hexadecimal digits.
    CodeId
}

/// The most entries that [`CodesRequest::List`] gives at once, and that [`CodesRequest::Show`] takes.
pub const MAX_CODES: u32 = 200;

/// What is asked of the vault of one-time codes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum CodesRequest {
    /// [`CodesReply::Page`]: entries in the person's order (pinned ones first), or the best match first.
    List {
        /// What is searched for: issuer, account, tag. Empty: all. At most 256 characters.
        query: String,
        /// Only with this tag.
        tag: Option<String>,
        /// How many to leave out from the beginning.
        from: u32,
        /// At most so many; [`MAX_CODES`] caps it.
        limit: u32,
    },
    /// [`CodesReply::Shown`]: the codes of these entries now. Counter-based entries and unknown ones are left out.
    Show {
        /// At most [`MAX_CODES`].
        ids: Vec<CodeId>,
    },
    /// Puts the code (of a counter-based entry: the last one shown) on the clipboard and takes it off again. [`CodesReply::Copied`].
    Copy {
        /// Which.
        id: CodeId,
    },
    /// The next code of a counter-based entry; the counter is on disk before it is answered. [`CodesReply::Shown`] with that one.
    Advance {
        /// Which.
        id: CodeId,
    },
    /// Adds one that was typed in. [`CodesReply::Entry`].
    Add {
        /// What was typed.
        entry: NewCode,
    },
    /// Changes what an entry is called. [`CodesReply::Entry`].
    Edit {
        /// Which.
        id: CodeId,
        /// The new values, all of them.
        edit: CodeEdit,
    },
    /// Moves an entry to a place among those pinned alike. [`CodesReply::Done`].
    Move {
        /// Which.
        id: CodeId,
        /// Directly before this one; none: to the end.
        before: Option<CodeId>,
    },
    /// Deletes an entry. Until [`CodesReply::Removed`] says, it can be had back. A copy is on disk in backups only.
    Remove {
        /// Which.
        id: CodeId,
    },
    /// Puts a deleted entry back where it was. [`CodesReply::Entry`].
    Restore {
        /// Which.
        id: CodeId,
    },
    /// The entry as a QR code for another device. [`CodesReply::Qr`].
    Qr {
        /// Which.
        id: CodeId,
    },
    /// Reads what is to be imported. Changes nothing. [`CodesReply::Import`].
    PreviewImport {
        /// Where from.
        source: ImportSource,
    },
    /// Gives the password of an encrypted import. Takes seconds. [`CodesReply::Import`].
    UnlockImport {
        /// From [`ImportView::id`].
        import: String,
        /// As typed.
        password: SecretText,
    },
    /// Adds all that is new, or nothing. [`CodesReply::Imported`].
    ApplyImport {
        /// From [`ImportView::id`].
        import: String,
    },
    /// Forgets an import. [`CodesReply::Done`].
    CancelImport {
        /// From [`ImportView::id`].
        import: String,
    },
    /// Writes all entries to a file that only this user can read. Takes seconds. [`CodesReply::Done`].
    Export {
        /// Absolute path. A file there is replaced.
        path: String,
        /// In which format.
        form: ExportForm,
    },
    /// Sets up, changes or (none) ends the regular encrypted backups. [`CodesReply::Vault`].
    SetBackups {
        /// The new values.
        plan: Option<BackupPlan>,
    },
    /// Makes a backup now. Takes seconds. [`CodesReply::Vault`].
    BackUp,
    /// Uses a clock correction that is beyond what is applied by itself, until the agent ends. [`CodesReply::Vault`].
    CorrectClock {
        /// The [`CodesClock::Off`] offset that the person was shown, in seconds.
        offset: i64,
    },
    /// [`CodesReply::Vault`].
    Vault,
}

impl std::fmt::Debug for CodesRequest {
    /// The variant's name only: what a person typed never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List { .. } => "List",
            Self::Show { .. } => "Show",
            Self::Copy { .. } => "Copy",
            Self::Advance { .. } => "Advance",
            Self::Add { .. } => "Add",
            Self::Edit { .. } => "Edit",
            Self::Move { .. } => "Move",
            Self::Remove { .. } => "Remove",
            Self::Restore { .. } => "Restore",
            Self::Qr { .. } => "Qr",
            Self::PreviewImport { .. } => "PreviewImport",
            Self::UnlockImport { .. } => "UnlockImport",
            Self::ApplyImport { .. } => "ApplyImport",
            Self::CancelImport { .. } => "CancelImport",
            Self::Export { .. } => "Export",
            Self::SetBackups { .. } => "SetBackups",
            Self::BackUp => "BackUp",
            Self::CorrectClock { .. } => "CorrectClock",
            Self::Vault => "Vault",
        })
    }
}

/// What the vault answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum CodesReply {
    /// Done.
    Done,
    /// To [`CodesRequest::List`].
    Page(CodesPage),
    /// Codes to show.
    Shown(Vec<ShownCode>),
    /// The code is on the clipboard.
    Copied {
        /// When it is taken off again, in seconds since 1970; none: never, the person set it so.
        until: Option<i64>,
    },
    /// One entry, as it is now.
    Entry(CodeEntry),
    /// It is deleted.
    Removed {
        /// Until when [`CodesRequest::Restore`] works, in seconds since 1970.
        undo_until: i64,
    },
    /// To [`CodesRequest::Qr`].
    Qr(QrPicture),
    /// What an import would do.
    Import(ImportView),
    /// What an import did.
    Imported {
        /// How many were added.
        added: u32,
    },
    /// The vault as a whole.
    Vault(VaultView),
}

impl std::fmt::Debug for CodesReply {
    /// The variant's name only: codes never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Page(_) => "Page",
            Self::Shown(_) => "Shown",
            Self::Copied { .. } => "Copied",
            Self::Entry(_) => "Entry",
            Self::Removed { .. } => "Removed",
            Self::Qr(_) => "Qr",
            Self::Import(_) => "Import",
            Self::Imported { .. } => "Imported",
            Self::Vault(_) => "Vault",
        })
    }
}

macro_rules! typed {
    ($($(#[$attribute:meta])* $visibility:vis $keyword:ident $name:ident $body:tt)*) => {
        $(
            #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
            $(#[$attribute])*
            $visibility $keyword $name $body

            impl std::fmt::Debug for $name {
                /// The name only: this holds a secret.
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str(concat!(stringify!($name), "(…)"))
                }
            }
        )*
    };
}

typed! {
    /// A code on display.
    pub struct ShownCode {
        /// Of which entry.
        pub id: CodeId,
        /// The code.
        pub code: String,
        /// The one after it, for an entry that follows the clock.
        pub next: Option<String>,
        /// Until when the code is the current one, in milliseconds since 1970 by this computer's clock; none: it follows a counter.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub until_ms: Option<i64>,
    }

    /// An entry that a person types in.
    #[serde(deny_unknown_fields)]
    pub struct NewCode {
        /// Who the code is for.
        pub issuer: String,
        /// Whose it is.
        pub account: String,
        /// Base32, spaces and hyphens allowed.
        #[cfg_attr(feature = "bindings", ts(type = "string"))]
        pub secret: SecretText,
        /// How codes are made.
        pub kind: CodeKind,
    }

    /// How an export is written.
    #[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
    pub enum ExportForm {
        /// Our own format, encrypted.
        Encrypted {
            /// At least one character.
            #[cfg_attr(feature = "bindings", ts(type = "string"))]
            password: SecretText,
        },
        /// For Aegis, encrypted.
        Aegis {
            /// At least one character.
            #[cfg_attr(feature = "bindings", ts(type = "string"))]
            password: SecretText,
        },
        /// `otpauth://` links, not encrypted.
        Links,
    }

    /// Regular encrypted backups.
    #[serde(deny_unknown_fields)]
    pub struct BackupPlan {
        /// Absolute path of the folder they go to.
        pub folder: String,
        /// What they are encrypted under; none: as before.
        #[cfg_attr(feature = "bindings", ts(type = "string | null"))]
        pub password: Option<SecretText>,
    }

    /// Where an import comes from.
    #[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
    pub enum ImportSource {
        /// A file.
        File {
            /// Absolute path.
            path: String,
        },
        /// Links, or the text of QR codes, one a line. At most 256 KiB.
        Text {
            /// The text.
            #[cfg_attr(feature = "bindings", ts(type = "string"))]
            text: SecretText,
        },
    }

    /// A QR code, drawn black on white with a quiet zone around it.
    pub struct QrPicture {
        /// Modules in a row, and rows.
        pub width: u32,
        /// Row by row: `1` is black.
        pub modules: String,
    }
}

data! {
    /// What became of a one-time code that comes with an account. The account is there in any case.
    #[serde(tag = "state", rename_all = "snake_case")]
    pub enum DeliveredCode {
        /// None came.
        None,
        /// It is among the codes.
        Kept {
            /// What it is called.
            name: String,
        },
        /// It is not among the codes yet. [`CodesRequest::ApplyImport`] tries it again, for ten minutes.
        Waiting {
            /// What it is called.
            name: String,
            /// As which import.
            import: String,
            /// Why not.
            error: ApiError,
        },
        /// It is lost: only the issuer can give another one.
        Lost {
            /// Why.
            error: ApiError,
        },
    }

    /// How codes are made.
    #[derive(Copy)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    pub enum CodeKind {
        /// By the clock, RFC 6238.
        Totp {
            /// The hash.
            algorithm: CodeAlgorithm,
            /// 6 to 10.
            digits: u8,
            /// Seconds.
            period: u32,
        },
        /// By a counter, RFC 4226.
        Hotp {
            /// The hash.
            algorithm: CodeAlgorithm,
            /// 6 to 10.
            digits: u8,
            /// The counter of the next code.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            counter: u64,
        },
        /// Steam Guard.
        Steam,
    }

    /// The hash under a code.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum CodeAlgorithm {
        /// HMAC-SHA-1.
        Sha1,
        /// HMAC-SHA-256.
        Sha256,
        /// HMAC-SHA-512.
        Sha512,
    }

    /// One entry, without its secret.
    pub struct CodeEntry {
        /// Its id.
        pub id: CodeId,
        /// Who the code is for. May be empty.
        pub issuer: String,
        /// Whose it is. May be empty.
        pub account: String,
        /// How codes are made.
        pub kind: CodeKind,
        /// The person's groups.
        pub tags: Vec<String>,
        /// The person's note.
        pub note: String,
        /// Kept at the top.
        pub pinned: bool,
    }

    /// What a person changes of an entry.
    #[serde(deny_unknown_fields)]
    pub struct CodeEdit {
        /// Who the code is for.
        pub issuer: String,
        /// Whose it is.
        pub account: String,
        /// The person's groups.
        pub tags: Vec<String>,
        /// The person's note.
        pub note: String,
        /// Kept at the top.
        pub pinned: bool,
    }

    /// Some entries.
    pub struct CodesPage {
        /// At most as many as were asked for, and fewer if they are long: a page has its place in one frame.
        pub entries: Vec<CodeEntry>,
        /// How many there are in all with this query and tag.
        pub total: u32,
        /// [`VaultView::revision`] that this belongs to.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub revision: u64,
    }

    /// The vault as a whole.
    pub struct VaultView {
        /// Whether it can be used.
        pub state: VaultState,
        /// How many entries there are, if that is known.
        pub entries: Option<u32>,
        /// All tags, sorted.
        pub tags: Vec<String>,
        /// Another one after every change of the entries.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub revision: u64,
        /// Whether codes will be accepted, as far as the clock goes.
        pub clock: CodesClock,
        /// The regular backups.
        pub backups: Option<BackupsView>,
    }

    /// Whether the vault can be used. Locked is not absent.
    #[serde(tag = "name", rename_all = "snake_case")]
    pub enum VaultState {
        /// Not looked at yet: it is opened when it is first needed.
        Closed,
        /// It can be used. There may be nothing in it.
        Open,
        /// The key cannot be had: the keyring is in this state. The codes are still there.
        NoKey {
            /// Which.
            keyring: super::KeyringState,
        },
        /// The file is there and cannot be read; it is left as it is.
        Unreadable {
            /// What is wrong.
            problem: Box<super::Cause>,
            /// Where it is.
            path: String,
        },
        /// The vault was there and its file is gone.
        Gone {
            /// Where it was.
            path: String,
        },
    }

    /// This computer's clock beside that of an issuer that signs its time.
    #[serde(tag = "state", rename_all = "snake_case")]
    pub enum CodesClock {
        /// No issuer has told the time.
        Unknown,
        /// Near enough.
        Right,
        /// Off by a little: codes are corrected by it.
        Corrected {
            /// True time − this computer's clock, in seconds.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            offset: i64,
            /// By whose clock.
            issuer_name: String,
        },
        /// Off by so much that nothing is corrected unless the person says so ([`CodesRequest::CorrectClock`]).
        Off {
            /// True time − this computer's clock, in seconds.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            offset: i64,
            /// By whose clock.
            issuer_name: String,
        },
        /// No issuer has told the time, but it is before this release was made.
        Wrong,
    }

    /// The regular backups.
    pub struct BackupsView {
        /// Where they go.
        pub folder: String,
        /// When the last one was made.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub last_at: Option<i64>,
        /// Before then none is made by itself; after it the next one, once something has changed.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub next_at: Option<i64>,
        /// Why the last attempt failed, if it did.
        pub problem: Option<Box<ApiError>>,
    }

    /// An import before it is done.
    pub struct ImportView {
        /// Names it in the next calls.
        pub id: String,
        /// What wrote the file: `Aegis`, for example.
        pub format: String,
        /// What is known.
        pub stage: ImportStage,
    }

    /// How far an import is.
    #[serde(tag = "stage", rename_all = "snake_case")]
    pub enum ImportStage {
        /// It is encrypted: [`CodesRequest::UnlockImport`].
        Locked,
        /// It can be applied.
        Ready {
            /// How many would be added.
            new: u32,
            /// How many are there already, or twice in the file.
            duplicate: u32,
            /// How many cannot be kept.
            invalid: u32,
            /// How many more QR codes of the batch there are: all have to be read together.
            missing_parts: u32,
            /// The first entries of the file, at most 500.
            rows: Vec<ImportRow>,
        },
    }

    /// One entry of a file.
    pub struct ImportRow {
        /// Who the code is for.
        pub issuer: String,
        /// Whose it is.
        pub account: String,
        /// What would become of it.
        pub standing: ImportStanding,
    }

    /// What would become of an entry of a file.
    #[serde(tag = "standing", rename_all = "snake_case")]
    pub enum ImportStanding {
        /// It would be added.
        New,
        /// It is there already, or comes twice: it is left out.
        Duplicate,
        /// It cannot be kept.
        Invalid {
            /// Why.
            reason: super::Cause,
        },
    }
}
