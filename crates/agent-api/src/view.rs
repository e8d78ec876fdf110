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

mod codes;
mod history;
mod settings;

pub use codes::{
    BackupPlan, BackupsView, CodeAlgorithm, CodeEdit, CodeEntry, CodeId, CodeKind, CodesClock, CodesPage,
    CodesReply, CodesRequest, DeliveredCode, ExportForm, ImportRow, ImportSource, ImportStage,
    ImportStanding, ImportView, MAX_CODES, NewCode, QrPicture, ShownCode, VaultState, VaultView,
};
pub use history::{HistoryEntry, HistoryFilter, HistoryPage, HistoryRecord, RecordsCursor, RecordsPage};
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

    /// The person's answer.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Verdict {
        /// Yes.
        Approve,
        /// No.
        Deny,
        /// No, and the administrators should see it.
        Report,
    }

    /// Why not.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Reason {
        /// The person did not start this.
        NotMe,
        /// The person no longer wants it.
        ChangedMind,
        /// A detail is wrong.
        WrongDetails,
        /// Anything else.
        Other,
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

    /// A client whose requests are held back.
    pub struct HeldBack {
        /// For which account.
        pub account: AccountId,
        /// Which of the issuer's clients, for programs: two may have one name.
        pub client_id: String,
        /// Who asks.
        pub client_name: String,
        /// Why.
        pub cause: HeldCause,
        /// How many requests.
        pub count: u32,
        /// Until when further ones are held back.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub until: i64,
    }

    /// Why a client is held back.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum HeldCause {
        /// It asked too often at once.
        Burst,
        /// The person reported it.
        Report,
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

    /// One account.
    pub struct AccountView {
        /// Its id.
        pub id: AccountId,
        /// The person's own name for it.
        pub name: Option<String>,
        /// The issuer's name, as shown at enrolment.
        pub issuer_name: String,
        /// Host (and port, unless 443) of the issuer.
        pub issuer_host: String,
        /// The account label the issuer uses.
        pub account: String,
        /// The issuer's key fingerprint: eight groups of four hexadecimal digits.
        pub fingerprint: String,
        /// What protects this account's key.
        pub key_protection: KeyProtection,
        /// Whether the key can be used now.
        pub key: KeyringState,
        /// What the issuer's protocol can do.
        pub capabilities: Capabilities,
        /// What it has brought along, if it brings something: then nothing is asked through the account itself.
        pub collection: Option<CollectionView>,
        /// The connection now.
        pub connection: Connection,
        /// Issuer time − this computer's clock, in seconds.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub clock_offset: i64,
        /// When it was added.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub added_at: i64,
        /// What is trusted for this account alone, beside what everybody trusts.
        pub trusted: Vec<CertificateView>,
        /// How often the issuer is asked, if it does not call by itself.
        pub polling: Option<PollingView>,
    }

    /// How often an issuer is asked while something happens; less often when nothing did for a while.
    #[derive(Copy)]
    pub struct PollingView {
        /// What is in force, in seconds.
        pub seconds: u16,
        /// What the person has chosen for this account.
        pub chosen: Option<u16>,
        /// What is usual here.
        pub usual: u16,
        /// The least that can be chosen.
        pub least: u16,
        /// The most that can be chosen.
        pub most: u16,
    }

    /// A certificate, as people judge it.
    pub struct CertificateView {
        /// Whose it is, in the words of who issued it, if it says so.
        pub name: Option<String>,
        /// Who issued it, in their own words, if it says so.
        pub issuer: Option<String>,
        /// The SHA-256 of the whole certificate: 32 pairs of hexadecimal digits with colons between them.
        pub sha256: String,
        /// Since when it is good.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub not_before: i64,
        /// Until when it is good.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub not_after: i64,
    }

    /// A server with a certificate that nobody here trusts yet.
    pub struct UntrustedServer {
        /// The server.
        pub host: String,
        /// What would be trusted.
        pub kind: CertificateKind,
        /// That certificate.
        pub certificate: CertificateView,
        /// What the link says about checking it.
        pub check: CertificateCheck,
    }

    /// Whose certificate it is.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum CertificateKind {
        /// Of an authority, which may issue others.
        Authority,
        /// The server's own, and no other.
        Server,
    }

    /// What an enrolment link says about checking the server's certificate. It is checked whatever the link says.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum CertificateCheck {
        /// Nothing, or that it is to be checked.
        Wanted,
        /// That it need not be checked.
        Waived,
    }

    /// What a person trusts for one account.
    #[serde(tag = "type", rename_all = "snake_case")]
    pub enum TrustChoice {
        /// What the server presented, if it is still this.
        Presented {
            /// From [`CertificateView::sha256`].
            sha256: String,
        },
        /// Certificates of their own.
        Pem {
            /// As PEM text.
            text: String,
        },
    }

    /// What came of reading an enrolment link.
    #[serde(tag = "type", content = "value", rename_all = "snake_case")]
    pub enum Preview {
        /// What the issuer offers.
        Offer(EnrolmentOffer),
        /// Nothing yet: first a certificate has to be trusted.
        Untrusted(UntrustedServer),
    }

    /// What an account has brought along.
    #[derive(Copy)]
    pub struct CollectionView {
        /// How many accounts.
        pub accounts: u32,
        /// How many one-time codes.
        pub codes: u32,
        /// How many things that cannot be used here.
        pub unusable: u32,
    }

    /// Whether further accounts and one-time codes come with an account.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Brings {
        /// No.
        Account,
        /// Yes: the issuer adds and removes them from then on.
        Collection,
    }

    /// What a protocol can do; what it cannot is told to the person.
    #[derive(Copy)]
    pub struct Capabilities {
        /// The issuer signs its requests.
        pub signed_requests: bool,
        /// The answer is signed over the text shown.
        pub signs_statement: bool,
        /// Whether a refusal can carry a report.
        pub reports: Reports,
        /// The issuer says when a request ends.
        pub has_expiry: bool,
        /// This computer can have itself revoked ([`crate::Request::RevokeDevice`]).
        pub can_revoke: bool,
        /// An answer that could not be sent can be taken back: it has not left, or should it have arrived, another one changes nothing.
        pub can_withdraw: bool,
        /// The issuer replaces this computer's key ([`crate::Request::RotateKey`]).
        pub can_rotate: bool,
    }

    /// Whether an issuer takes reports.
    #[derive(Copy, Default)]
    #[serde(rename_all = "snake_case")]
    pub enum Reports {
        /// It does.
        Taken,
        /// It does not.
        NotTaken,
        /// It says so with each request, and has sent none yet.
        #[default]
        NotSaid,
    }

    /// How a key is kept, and how far that is proven.
    #[derive(Copy)]
    pub struct KeyProtection {
        /// The level.
        pub level: KeyProtectionLevel,
        /// Whether the issuer has proof of it (attestation) or only this app's word.
        pub attested: bool,
    }

    /// NIST-style levels; see the security notes.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum KeyProtectionLevel {
        /// OS keystore.
        Sw,
        /// OS keystore, wrapped under a passphrase.
        SwPin,
        /// Hardware.
        Hw,
        /// Hardware with PIN.
        HwPin,
        /// Hardware with biometrics.
        HwUv,
    }

    /// The way to the issuer.
    #[serde(tag = "state", rename_all = "snake_case")]
    pub enum Connection {
        /// First attempt under way.
        Connecting,
        /// Subscribed.
        Connected {
            /// By which transport.
            transport: Transport,
            /// Since when.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            since: i64,
        },
        /// Not subscribed; tried again by itself.
        Retrying {
            /// When it is tried again.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            at: i64,
            /// One sentence for people.
            problem: String,
            /// The same for programs: [`crate::ErrorCode::Unreachable`], for example.
            cause: crate::ErrorCode,
        },
        /// The issuer has revoked this device.
        Revoked,
        /// The key cannot be used, so nothing is tried.
        NoKey,
    }

    /// How frames arrive.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Transport {
        /// WebSocket.
        Websocket,
        /// Long poll.
        LongPoll,
        /// Asking every few seconds.
        Poll,
    }

    /// One request, ready to be shown.
    pub struct RequestView {
        /// Its id.
        pub id: RequestId,
        /// The issuer's transaction id, for people who compare logs.
        pub txn: String,
        /// The account it is for.
        pub account: AccountId,
        /// The issuer's name.
        pub issuer_name: String,
        /// The issuer's host.
        pub issuer_host: String,
        /// The account label.
        pub account_label: String,
        /// Who asks.
        pub client_name: String,
        /// The statement: every line, in signing order. All of it must be shown before an approval.
        pub lines: Vec<Line>,
        /// Base64url SHA-256 of the statement, the hash that is signed.
        pub statement_hash: String,
        /// The `authorization_details` as sent, pretty-printed, or empty.
        pub raw_details: String,
        /// What an approval needs.
        pub requires: Requires,
        /// What the issuer's protocol can do.
        pub capabilities: Capabilities,
        /// What protects the key that signs.
        pub key_protection: KeyProtection,
        /// When the issuer made it.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub issued_at: i64,
        /// When it ends, if the issuer says so.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub expires_at: Option<i64>,
        /// Where it stands.
        pub state: RequestState,
        /// Why the last attempt did not count, if there was one.
        pub problem: Option<Problem>,
    }

    /// One line of a statement (docs/protocol.md, section 4).
    pub struct Line {
        /// The registered key, or `field`.
        pub key: String,
        /// The literal field name, if `key` is `field`.
        pub name: Option<String>,
        /// The value.
        pub value: LineValue,
    }

    /// A typed value; the front end formats it by locale.
    #[serde(tag = "type", content = "value", rename_all = "snake_case")]
    pub enum LineValue {
        /// Shown as it is.
        Text(String),
        /// A sum of money.
        Amount {
            /// Decimal digits; never recomputed.
            amount: String,
            /// ISO 4217.
            currency: String,
        },
        /// Seconds since the epoch.
        Instant(#[cfg_attr(feature = "bindings", ts(type = "number"))] i64),
        /// Seconds.
        Duration(#[cfg_attr(feature = "bindings", ts(type = "number"))] i64),
        /// A whole number.
        Count(#[cfg_attr(feature = "bindings", ts(type = "number"))] i64),
        /// Yes or no.
        Flag(bool),
        /// Several texts.
        List(Vec<String>),
    }

    /// What an approval needs.
    pub struct Requires {
        /// The match code.
        pub matching: Matching,
        /// Whether a PIN or biometric is asked.
        pub verification: Verification,
        /// Where it may be approved.
        pub surface: Surface,
    }

    /// How the person ties the prompt to where they started.
    #[serde(tag = "type", rename_all = "snake_case")]
    pub enum Matching {
        /// Not at all.
        None,
        /// Type this many digits.
        Code {
            /// How many.
            digits: u8,
        },
        /// Pick one (foreign protocols).
        Choice {
            /// What there is to pick from.
            options: Vec<String>,
        },
    }

    /// User verification on the device.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Verification {
        /// None.
        None,
        /// Somebody is there.
        Presence,
        /// It is the right person.
        User,
    }

    /// Where an approval may be given.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum Surface {
        /// Anywhere, also in a notification.
        Any,
        /// In the prompt window (or the terminal's full statement).
        Window,
    }

    /// Where a request stands on this computer.
    #[serde(tag = "name", rename_all = "snake_case")]
    pub enum RequestState {
        /// Waiting for the person.
        Pending,
        /// The answer is on its way.
        Sending {
            /// The answer.
            verdict: Verdict,
        },
        /// The answer is signed; there is no connection.
        Queued {
            /// The answer.
            verdict: Verdict,
            /// When it is tried again.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            retry_at: i64,
        },
        /// It is over.
        Ended {
            /// How.
            outcome: Outcome,
            /// When, by the issuer's receipt or this computer's clock.
            #[cfg_attr(feature = "bindings", ts(type = "number"))]
            at: i64,
            /// Whether this computer's answer decided it.
            by_this_device: bool,
            /// The name of the device that decided, if another one did.
            device_name: Option<String>,
            /// Whether a receipt is kept and verified.
            receipt: ReceiptState,
            /// Until when requests of this client are held back (after a report).
            #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
            muted_until: Option<i64>,
            /// What to type where the action started; without it the approval is of no use.
            code: Option<String>,
            /// When the person reported it after its end, and the issuer took the report.
            #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
            reported_at: Option<i64>,
        },
    }

    /// How a request ended.
    #[derive(Copy, Hash)]
    #[serde(rename_all = "snake_case")]
    pub enum Outcome {
        /// Approved.
        Approved,
        /// Denied.
        Denied,
        /// Denied and reported.
        Reported,
        /// Taken back by who asked.
        Cancelled,
        /// Not answered in time.
        Expired,
        /// Ended by too many wrong codes.
        Locked,
        /// The issuer did not take this computer's answer, takes no other, and does not say why.
        NotTaken,
        /// This computer's answer was sent more than once. Whether the issuer took it is not known.
        Unclear,
    }

    /// The evidence kept.
    #[derive(Copy)]
    #[serde(rename_all = "snake_case")]
    pub enum ReceiptState {
        /// None (yet).
        None,
        /// Signed by a pinned key and consistent with what was shown.
        Verified,
        /// It does not verify.
        Invalid,
    }

    /// Why an answer did not count; the request is still pending.
    #[serde(tag = "type", rename_all = "snake_case")]
    pub enum Problem {
        /// The code does not match.
        WrongCode {
            /// Attempts left on this account, if the issuer says so.
            attempts_left: Option<u32>,
        },
        /// The key could not be used.
        Key {
            /// Which way.
            state: KeyringState,
        },
        /// The issuer refused it.
        Refused {
            /// One sentence for people.
            message: String,
        },
        /// It could not be sent in time, has certainly not left, and is not sent any more.
        NotSent,
    }

    /// An enrolment offer, before anything is made.
    pub struct EnrolmentOffer {
        /// Names the offer in the next call. Not the enrolment code.
        pub id: String,
        /// The issuer's name, in its own words.
        pub issuer_name: String,
        /// Host (and port, unless 443).
        pub issuer_host: String,
        /// The account label.
        pub account: String,
        /// The issuer's key fingerprint. Empty if it has none to show before.
        pub fingerprint: String,
        /// Whether further accounts and one-time codes come with it.
        pub brings: Brings,
        /// What will protect the key here.
        pub key_protection: KeyProtection,
        /// How this computer would be named.
        pub device_name: String,
        /// Whether a one-time code comes with the account and is added to the others.
        pub delivers_code: bool,
        /// When the offer ends.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub expires_at: i64,
        /// What will be trusted for this account alone.
        pub trusted: Vec<CertificateView>,
        /// What the link says about checking the server's certificate.
        pub check: CertificateCheck,
    }

    /// An account that was added, with what came with it.
    pub struct EnrolledView {
        /// The account.
        pub account: AccountView,
        /// Its one-time code.
        pub code: DeliveredCode,
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
