//! What a front end shows. Plain data: no behaviour, no protocol types.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// One request on this computer: short enough to type in a terminal, unique across accounts.
    RequestId
}
id! {
    /// One account on this computer.
    AccountId
}

macro_rules! data {
    ($($item:item)*) => {
        $(
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            #[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
            $item
        )*
    };
}

mod accounts;
mod codes;
mod history;
mod requests;
mod settings;

pub use accounts::{
    AccountView, Brings, Capabilities, CertificateCheck, CertificateKind, CertificateView, CollectionView,
    Connection, EnrolledView, EnrolmentOffer, KeyProtection, KeyProtectionLevel, PollingView, Preview,
    Reports, Transport, TrustChoice, UntrustedServer,
};
pub use codes::{
    BackupPlan, BackupsView, CodeAlgorithm, CodeEdit, CodeEntry, CodeId, CodeKind, CodesClock, CodesPage,
    CodesReply, CodesRequest, DeliveredCode, ExportForm, ImportRow, ImportSource, ImportStage,
    ImportStanding, ImportView, MAX_CODES, NewCode, QrPicture, ShownCode, VaultState, VaultView,
};
pub use history::{HistoryEntry, HistoryFilter, HistoryPage, HistoryRecord, RecordsCursor, RecordsPage};
pub use requests::{
    HeldBack, HeldCause, Line, LineValue, Matching, Outcome, Problem, Reason, ReceiptState, RequestState,
    RequestView, Requires, Surface, Verdict, Verification,
};
pub use settings::{
    Appearance, NotificationPrivacy, OpenPrompt, QuietHours, SettingChange, SettingKey, Settings,
    SettingsView,
};

data! {
    /// Why something does not work or cannot be used: a sentence, and what front ends need to say it in other languages.
    pub struct Cause {
        /// For programs and translations: `vault.damaged`, `import.archive` …
        pub finding: String,
        /// For people, in English.
        pub text: String,
        /// The values in the text, by name.
        pub values: std::collections::BTreeMap<String, String>,
    }

    /// What kind of front end is connected. Decides which surface an answer counts as.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Role {
        /// The desktop app: answers count as given in a window.
        App,
        /// The command line.
        Terminal,
    }

    /// A window of the desktop app.
    #[serde(tag = "name", rename_all = "snake_case")]
    pub enum Window {
        /// Requests and accounts.
        Main,
        /// The prompt, on this request or the oldest pending one.
        Prompt {
            /// Which request is to be shown first.
            request: Option<RequestId>,
            /// Whether the person asked for it.
            activation: Activation,
        },
    }

    /// Whether a window may take the keyboard when it comes up (app argument `--focus`).
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Activation {
        /// The person asked for it (Review): the window is activated.
        Asked,
        /// The same, to report a request that has ended: its confirm step is open (app argument `--report`).
        ToReport,
        /// It comes up by itself: whoever is typing keeps the keyboard.
        Unasked,
    }

    /// Who answers a `hello`.
    pub struct AgentInfo {
        /// `API_VERSION` of the agent.
        pub api_version: u32,
        /// The agent's release, for people.
        pub agent_version: String,
    }

    /// The agent as a whole.
    pub struct StatusView {
        /// The agent's release.
        pub agent_version: String,
        /// Number of pending requests.
        pub pending: u32,
        /// Number of accounts.
        pub accounts: u32,
        /// The keyring's state.
        pub keyring: KeyringState,
        /// Clients whose requests wait without being shown.
        pub held_back: Vec<HeldBack>,
        /// Until when nothing is notified, if the person wants it so.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub muted_until: Option<i64>,
    }

    /// Whether keys can be used. Locked is not absent.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum KeyringState {
        /// Not asked yet.
        Unknown,
        /// Keys can be read.
        Ready,
        /// Locked: the accounts are still there.
        Locked,
        /// No keyring service answers.
        Missing,
        /// The keyring answers, but an enrolled account's key is not in it.
        Empty,
        /// No answer in time.
        Hanging,
    }

    /// One line of the diagnostics.
    pub struct Check {
        /// What is checked, for programs: `keyring`, `notifications`, `issuer.<account>.tls` …
        pub name: String,
        /// What is checked, for people.
        pub title: String,
        /// How it went.
        pub state: CheckState,
        /// What was found and what to do next.
        pub detail: String,
        /// For which account.
        pub account: Option<AccountId>,
        /// What was found, for programs and translations: `keyring.locked`, `tls.untrusted` …
        pub finding: String,
        /// The values in `detail`, by name.
        pub values: std::collections::BTreeMap<String, String>,
    }

    /// How a check went.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum CheckState {
        /// As it should be.
        Passed,
        /// Works, with a limit worth knowing.
        Warning,
        /// Does not work.
        Failed,
        /// Could not be tried because an earlier one failed.
        Skipped,
    }
}
