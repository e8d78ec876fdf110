//! What the Countersign agent and its front ends (desktop app, terminal) say to each other.
//!
//! One Unix socket, `$XDG_RUNTIME_DIR/countersign/agent.sock`, mode 0600; both ends check the peer's uid. Frames are a
//! 32-bit big-endian length and that many bytes of JSON ([`frame`]). A connection starts with [`Request::Hello`]; then
//! requests and replies match by id, and after [`Request::Subscribe`] events are interleaved.
//!
//! Invariants: no key, token or secret crosses this boundary except what the person types, the one-time codes on display, and one
//! entry's QR code when it is asked for. Nothing here is
//! an approval protocol: the agent verified and parsed everything before a front end sees it. Instants are
//! integer seconds since the Unix epoch **of this computer's clock**: the agent has already applied the issuer's offset.

pub mod client;
pub mod frame;
mod language;
mod secret;
pub mod socket;
mod view;

pub use language::{ByLanguage, Language, session_locale};
pub use secret::SecretText;
pub use view::*;

use serde::{Deserialize, Serialize};

/// The version of this interface. A front end and an agent of different versions refuse each other with
/// [`ErrorCode::IncompatibleVersion`].
pub const API_VERSION: u32 = 1;

/// What a front end sends: one request under an id of its choosing, echoed in the reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// Chosen by the front end; unique among its calls in flight.
    pub id: u64,
    /// What is asked.
    pub request: Request,
}

/// What the agent sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// The answer to the call with this id.
    Reply {
        /// The call's id.
        id: u64,
        /// What was asked for.
        reply: Box<Reply>,
    },
    /// The call with this id failed.
    Failed {
        /// The call's id.
        id: u64,
        /// Why.
        error: ApiError,
    },
    /// Something changed (only after [`Request::Subscribe`]).
    Event {
        /// What changed.
        event: Box<Event>,
    },
}

/// The requests of a front end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// First on every connection. Answered with [`Reply::Hello`].
    Hello {
        /// [`API_VERSION`] of the front end.
        version: u32,
        /// What kind of front end this is.
        role: Role,
    },
    /// Sends an [`Event::Requests`] and [`Event::Accounts`] at once and then one after every change.
    Subscribe,
    /// [`Reply::Status`].
    Status,
    /// [`Reply::Accounts`].
    Accounts,
    /// [`Reply::Requests`]: pending and just-ended requests, oldest first, as many as a frame holds.
    Requests,
    /// [`Reply::Request`] or [`ErrorCode::NotFound`].
    ShowRequest {
        /// Which request.
        id: RequestId,
    },
    /// The front end has put the whole statement on screen (the first time counts).
    Shown {
        /// Which request.
        id: RequestId,
    },
    /// A person's explicit answer. [`Reply::Request`] with the state it leads to; the end comes as an event.
    Decide {
        /// Which request.
        id: RequestId,
        /// The answer.
        verdict: Verdict,
        /// What the person typed, if the request asks for a code. Digits only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        match_code: Option<String>,
        /// Why, with deny or report.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// BCP 47 tag of the language the statement was shown in.
        locale: String,
        /// The statement hash of the [`RequestView`] that was on screen: an answer to anything else is refused.
        statement_hash: String,
    },
    /// *This wasn't me*, of a request that has ended: its outcome stays. Possible for a day after the end.
    /// [`Reply::Entry`] once the issuer has taken the report.
    Report {
        /// Which request.
        id: RequestId,
        /// BCP 47 tag of the language the statement was shown in.
        locale: String,
    },
    /// Puts the code of an ended request on the clipboard ([`RequestState::Ended::code`]), as [`CodesRequest::Copy`] does with
    /// others. [`Reply::Codes`].
    CopyCode {
        /// Which request.
        id: RequestId,
    },
    /// Takes back an answer that was signed but not yet sent ([`RequestState::Queued`]).
    Withdraw {
        /// Which request.
        id: RequestId,
    },
    /// Shows the requests of one client that were held back (burst or report) like any others. [`Reply::Requests`].
    ReleaseHeldBack {
        /// Which account.
        account: AccountId,
        /// From [`HeldBack::client_id`].
        client_id: String,
    },
    /// [`Reply::History`], newest first.
    History {
        /// At most this many entries (the agent caps it at 500, and at what a frame holds: [`HistoryPage::more`]).
        limit: u32,
        /// Only entries older than this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<RequestId>,
        /// Only entries that pass.
        #[serde(default)]
        filter: HistoryFilter,
    },
    /// [`Reply::Evidence`]: the signed evidence file of an ended request.
    Evidence {
        /// Which request.
        id: RequestId,
    },
    /// [`Reply::Records`]: entries with their evidence, newest first, as many as a frame holds. For exports: however much there
    /// is, each part is read once.
    Records {
        /// [`RecordsPage::next`] of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<RecordsCursor>,
        /// Only entries that pass.
        #[serde(default)]
        filter: HistoryFilter,
    },
    /// Reads an enrolment link and asks the issuer what it offers. Changes nothing. [`Reply::Offer`], or [`Reply::Untrusted`] if that takes
    /// a certificate which nobody here trusts: then a person has to decide, and the call is made again with what they trust.
    PreviewEnrolment {
        /// The link as pasted.
        link: String,
        /// What the person trusts for this account, beside what everybody trusts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trust: Option<TrustChoice>,
    },
    /// The person agreed to the offer. Makes the key and binds. [`Reply::Enrolled`].
    AcceptEnrolment {
        /// From [`EnrolmentOffer::id`].
        offer: String,
        /// How this computer is named to the issuer.
        device_name: String,
    },
    /// Forgets an offer. [`Reply::Done`].
    CancelEnrolment {
        /// From [`EnrolmentOffer::id`].
        offer: String,
    },
    /// Asks the account's issuer now what there is, in place of when it is due. [`Reply::Account`]; what comes of it comes as an event.
    Refresh {
        /// Which account.
        account: AccountId,
    },
    /// Makes a new device key and has the issuer replace the old one. [`Reply::Account`].
    RotateKey {
        /// Which account.
        account: AccountId,
    },
    /// Gives an account a name of the person's own, or takes it away. [`Reply::Account`].
    RenameAccount {
        /// Which account.
        account: AccountId,
        /// 1 to 64 characters of plain text.
        name: Option<String>,
    },
    /// How often an issuer is asked that does not call by itself: [`AccountView::polling`]. [`Reply::Account`].
    SetPolling {
        /// Which account.
        account: AccountId,
        /// Every so many seconds; none: as is usual here.
        seconds: Option<u16>,
    },
    /// Asks all issuers now and not when a wait is over: the computer has woken, or somebody wants to know. [`Reply::Done`].
    CheckNow,
    /// Has the issuer revoke this computer for an account, at once and for good: for a key that may be in other hands. The
    /// account stays, as revoked. [`Reply::Account`].
    RevokeDevice {
        /// Which account.
        account: AccountId,
    },
    /// Deletes the account and its key from this computer. The issuer is not told. [`Reply::Done`].
    RemoveAccount {
        /// Which account.
        account: AccountId,
    },
    /// [`Reply::Diagnostics`].
    Diagnostics,
    /// One-time codes. [`Reply::Codes`].
    Codes {
        /// What is asked of them.
        call: CodesRequest,
    },
    /// [`Reply::Settings`].
    Settings,
    /// Changes one setting. [`Reply::Settings`] with what is in force then.
    ChangeSetting {
        /// Which, and to what.
        change: SettingChange,
    },
    /// Holds back notifications and unasked windows until then, or no longer; a burst, a locked keyring and a removed account are
    /// told all the same. Requests still arrive and wait.
    /// [`Reply::Status`].
    Mute {
        /// Until when; at most 24 hours ahead.
        until: Option<i64>,
    },
    /// Opens the desktop app (or brings it to front). [`Reply::Done`].
    OpenApp {
        /// Which window.
        window: Window,
    },
    /// Ends the agent in good order. [`Reply::Done`].
    Shutdown,
}

impl std::fmt::Debug for Request {
    /// The variant's name only: what a person typed never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Hello { .. } => "Hello",
            Self::Subscribe => "Subscribe",
            Self::Status => "Status",
            Self::Accounts => "Accounts",
            Self::Requests => "Requests",
            Self::ShowRequest { .. } => "ShowRequest",
            Self::Shown { .. } => "Shown",
            Self::Decide { .. } => "Decide",
            Self::Report { .. } => "Report",
            Self::CopyCode { .. } => "CopyCode",
            Self::Withdraw { .. } => "Withdraw",
            Self::ReleaseHeldBack { .. } => "ReleaseHeldBack",
            Self::History { .. } => "History",
            Self::Evidence { .. } => "Evidence",
            Self::Records { .. } => "Records",
            Self::PreviewEnrolment { .. } => "PreviewEnrolment",
            Self::AcceptEnrolment { .. } => "AcceptEnrolment",
            Self::CancelEnrolment { .. } => "CancelEnrolment",
            Self::Refresh { .. } => "Refresh",
            Self::RotateKey { .. } => "RotateKey",
            Self::RenameAccount { .. } => "RenameAccount",
            Self::SetPolling { .. } => "SetPolling",
            Self::CheckNow => "CheckNow",
            Self::RevokeDevice { .. } => "RevokeDevice",
            Self::RemoveAccount { .. } => "RemoveAccount",
            Self::Diagnostics => "Diagnostics",
            Self::Codes { .. } => "Codes",
            Self::Settings => "Settings",
            Self::ChangeSetting { .. } => "ChangeSetting",
            Self::Mute { .. } => "Mute",
            Self::OpenApp { .. } => "OpenApp",
            Self::Shutdown => "Shutdown",
        };
        f.write_str(name)
    }
}

/// The answers of the agent.
#[allow(clippy::large_enum_variant, reason = "short-lived, and boxed in a Message")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// To [`Request::Hello`].
    Hello(AgentInfo),
    /// To requests that only succeed or fail.
    Done,
    /// To [`Request::Status`].
    Status(StatusView),
    /// To [`Request::Accounts`].
    Accounts(Vec<AccountView>),
    /// One account, after a change to it.
    Account(AccountView),
    /// To [`Request::AcceptEnrolment`].
    Enrolled(EnrolledView),
    /// To [`Request::Requests`].
    Requests(Vec<RequestView>),
    /// One request.
    Request(RequestView),
    /// To [`Request::History`].
    History(HistoryPage),
    /// One ended request.
    Entry(HistoryEntry),
    /// To [`Request::Records`].
    Records(RecordsPage),
    /// To [`Request::Evidence`]: the file's JSON text (docs/protocol.md, section 10).
    Evidence(String),
    /// To [`Request::PreviewEnrolment`].
    Offer(EnrolmentOffer),
    /// To [`Request::PreviewEnrolment`], too.
    Untrusted(UntrustedServer),
    /// To [`Request::Diagnostics`], in the order a packet travels.
    Diagnostics(Vec<Check>),
    /// To [`Request::Codes`].
    Codes(CodesReply),
    /// What is in force.
    Settings(SettingsView),
}

/// What a subscribed front end is told. Each event is a whole snapshot: a lost or repeated one does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Event {
    /// All requests that are pending or ended within the last minute, oldest first. What a frame does not hold is left out:
    /// ended ones first, then the newest.
    Requests(Vec<RequestView>),
    /// All accounts.
    Accounts(Vec<AccountView>),
    /// The agent as a whole.
    Status(StatusView),
    /// What is set.
    Settings(SettingsView),
    /// The vault of one-time codes as a whole; its entries have changed if its revision has.
    Vault(VaultView),
    /// Show this window now.
    Open(Window),
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
#[error("{message}")]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one or two sentences, what happened and what to do next.
    pub message: String,
    /// What front ends need to say it in other languages, where the code alone tells too little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "bindings", ts(optional))]
    pub cause: Option<Box<Cause>>,
}

impl ApiError {
    /// An error with its text for people.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            cause: None,
        }
    }

    /// An error with the text of its cause.
    pub fn because(code: ErrorCode, cause: Cause) -> Self {
        Self {
            code,
            message: cause.text.clone(),
            cause: Some(Box::new(cause)),
        }
    }
}

impl Cause {
    /// A cause with its text for people.
    pub fn new(finding: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            finding: finding.into(),
            text: text.into(),
            values: std::collections::BTreeMap::new(),
        }
    }

    /// With a value that is in the text.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.values.insert(name.to_owned(), value.to_string());
        self
    }
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// App and agent are of different versions.
    IncompatibleVersion,
    /// The call is malformed or came before `hello`.
    InvalidCall,
    /// No such request, account or offer.
    NotFound,
    /// The request is no longer pending.
    NotPending,
    /// The statement on screen is not the one waiting.
    StatementChanged,
    /// The code is missing or has the wrong number of digits.
    CodeNeeded,
    /// The request does not allow an answer from this surface.
    SurfaceNotAllowed,
    /// Not an enrolment link, or one that is not acceptable.
    InvalidLink,
    /// The issuer refused the enrolment code (unknown, used or expired).
    OfferRefused,
    /// The issuer cannot be reached.
    Unreachable,
    /// The issuer's TLS certificate is not trusted.
    UntrustedCertificate,
    /// The issuer's answer makes no sense or does not verify.
    BadAnswer,
    /// This account exists already.
    AlreadyEnrolled,
    /// The keyring is locked. Accounts are still there.
    KeyringLocked,
    /// There is no keyring service.
    KeyringMissing,
    /// The keyring answers but this account's key is not in it.
    KeyMissing,
    /// The keyring did not answer in time.
    KeyringTimeout,
    /// State on disk cannot be read or written.
    Storage,
    /// The issuer refused the answer for good.
    Refused,
    /// The setting is locked by the organisation.
    Locked,
    /// The value is not acceptable.
    InvalidValue,
    /// The password does not open it.
    WrongPassword,
    /// The file is none of the known kinds, damaged, or over a limit.
    UnknownFormat,
    /// There is no clipboard to write to.
    ClipboardUnavailable,
    /// The desktop app cannot be started.
    AppUnavailable,
    /// The agent is shutting down, or a limit is reached.
    Unavailable,
}
