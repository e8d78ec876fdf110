//! What the engine is told, and what it asks for.

use countersign_agent_api::{
    AccountId, ApiError, CodeId, CodesRequest, DeliveredCode, Event as FrontEndEvent, HistoryFilter,
    KeyProtection, RecordsCursor, Reply, Request, RequestId, Role, SettingChange, SettingsView, TrustChoice,
    Window,
};
use countersign_protocol::wire::OtpLink;
use zeroize::Zeroizing;

use crate::{
    accounts::{Account, Accounts, Outbox},
    channel::{
        Answer, Binding, ChannelEvent, Decision, DecisionOutcome, Enrolled, EnrolmentError, Offer, Polled,
        Signed, VerifiedRequest,
    },
    codes::News,
    history::Record,
    ipc::ConnectionId,
    keystore::{DeviceKey, Interaction, KeyKind, KeyRef, KeyStoreError},
    launch::{LaunchError, Launched},
    notify::{Notification, NotificationEvent, NotificationId, NotifyError, Turn},
    state_dir::StateError,
};

use super::text::Language;

/// What the engine is told at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the person or the organisation has set; [`Event::SettingChanged`] replaces it.
    pub chosen: SettingsView,
    /// The language of the desktop session.
    pub language: Language,
    /// The time zone of instants in notifications.
    pub time_zone: jiff::tz::TimeZone,
    /// How this computer is named to issuers unless the person says otherwise.
    pub device_name: String,
    /// What protects a key made now.
    pub key_protection: countersign_protocol::KeyProtection,
    /// Every how many seconds issuers are asked that do not call by themselves.
    pub poll_seconds: u16,
}

/// One call of a front end, to be answered once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Who called.
    pub connection: ConnectionId,
    /// The id to echo.
    pub id: u64,
}

/// What happened. Everything that comes from outside is verified and typed before it gets here.
#[derive(Debug)]
pub enum Event {
    /// First of all: start what is to run.
    Started,
    /// The instant of [`super::Engine::next_wake`] has come.
    Tick,
    /// A front end greeted.
    Connected(ConnectionId, Role),
    /// A front end is gone.
    Disconnected(ConnectionId),
    /// A front end calls.
    Called(Call, Request),
    /// Something came from an issuer, or the way to it changed.
    Channel(AccountId, ChannelEvent),
    /// [`Effect::Save`] was carried out.
    Saved(Then, Result<(), StateError>),
    /// [`Effect::Sign`] was carried out.
    Signed(RequestId, Result<Signed, KeyStoreError>),
    /// [`Effect::Deliver`] has an outcome.
    Delivered(RequestId, DecisionOutcome),
    /// [`Effect::FindRecord`] has an answer.
    Found(Call, String, Box<Result<Option<Record>, ApiError>>),
    /// [`Effect::SignReport`] was carried out.
    ReportSigned(RequestId, Result<Signed, KeyStoreError>),
    /// [`Effect::DeliverReport`] has an outcome.
    ReportDelivered(RequestId, DecisionOutcome),
    /// A person acted in a notification, or it is gone.
    Notification(NotificationEvent),
    /// [`Effect::Notify`] did not work.
    NotShown(NotificationId, Turn, NotifyError),
    /// [`Effect::Launch`] was carried out.
    Launched(Window, Option<Call>, Result<Launched, LaunchError>),
    /// The app that was started is gone.
    AppEnded,
    /// [`Effect::Preview`] has an answer.
    Previewed(Call, Box<Result<Offer, EnrolmentError>>),
    /// [`Effect::ReserveKey`] was carried out.
    KeyReserved(KeyPurpose, Result<KeyRef, KeyStoreError>),
    /// [`Effect::CreateKey`] was carried out.
    KeyCreated(KeyPurpose, KeyRef, Result<DeviceKey, KeyStoreError>),
    /// [`Effect::Enrol`] has an answer.
    Enrolled(Box<Enrolment>, DeviceKey, Box<Result<Enrolled, EnrolmentError>>),
    /// [`Effect::Rotate`] has an answer.
    Rotated(Rotation, DeviceKey, Result<(), EnrolmentError>),
    /// [`Effect::RevokeDevice`] has an answer.
    DeviceRevoked(Call, AccountId, Result<(), EnrolmentError>),
    /// [`Effect::ChangeSetting`] was carried out.
    SettingChanged(Call, Box<Result<Changed, ApiError>>),
    /// [`Effect::KeepCode`] was carried out.
    CodeKept(Call, AccountId, DeliveredCode),
    /// [`Effect::KeepPart`] was carried out; what the code is called.
    PartKept(Origin, Result<Option<String>, ApiError>),
    /// [`Effect::DropPart`] was carried out; what the code was called, if there was one.
    PartDropped(Origin, Result<Option<String>, ApiError>),
    /// [`Effect::TakeLeave`] was carried out: these keys are nobody's any more.
    LeaveTaken(Vec<KeyRef>, Result<(), EnrolmentError>),
    /// [`Effect::DeleteKey`] was carried out.
    KeyDeleted(KeyRef, Result<(), KeyStoreError>),
    /// [`Effect::ProbeKeyring`] was carried out.
    KeyringProbed(Result<(), KeyStoreError>),
    /// Something about the vault of one-time codes is different.
    Vault(Box<News>),
}

/// Something that an account brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The account.
    pub account: AccountId,
    /// Its name at the issuer.
    pub name: String,
}

/// Why something is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A front end has called and waits for it.
    Call(Call),
    /// An account brings it along, as the person agreed to when that was added.
    Origin(Origin),
}

impl From<Call> for Cause {
    fn from(call: Call) -> Self {
        Self::Call(call)
    }
}

/// An enrolment that the person agreed to.
#[derive(Debug)]
pub struct Enrolment {
    /// Why, and who waits for it.
    pub cause: Cause,
    /// What was agreed to.
    pub offer: Offer,
    /// Under which id the person was shown it, if they were: it is theirs again if nothing comes of it before anything is sent.
    pub offered_as: Option<String>,
    /// How this computer is named.
    pub device_name: String,
}

/// A rotation under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Who waits for it.
    pub call: Call,
    /// Whose key.
    pub account: AccountId,
    /// Which kind of key.
    pub kind: KeyKind,
}

/// What is in force after a setting was changed.
#[derive(Debug)]
pub struct Changed {
    /// All settings.
    pub settings: SettingsView,
    /// Whether issuers are reached in another way from now on.
    pub way: Way,
}

/// The way to issuers after a setting was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As before.
    Same,
    /// Another one: connections begin anew.
    New,
}

/// What a new key is for.
#[derive(Debug)]
pub enum KeyPurpose {
    /// A new account.
    Enrolment(Box<Enrolment>),
    /// A new key for an account.
    Rotation(Rotation),
}

impl KeyPurpose {
    /// Which kind of key it takes.
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Enrolment(enrolment) => enrolment.offer.key_kind(),
            Self::Rotation(rotation) => rotation.kind,
        }
    }

    /// Why it is made, and who waits for it.
    pub(super) fn cause(&self) -> Cause {
        match self {
            Self::Enrolment(enrolment) => enrolment.cause.clone(),
            Self::Rotation(rotation) => rotation.call.into(),
        }
    }
}

/// What comes after a document is saved (or could not be).
#[derive(Debug)]
pub enum Then {
    /// Nothing waits for it.
    Nothing,
    /// The counter is on disk: sign.
    Sign(RequestId, Option<Call>),
    /// The counter is on disk: sign the report.
    SignReport(RequestId),
    /// The signed decision is on disk: send.
    Deliver(RequestId),
    /// That this is the answer is on disk: hand it over.
    HandOver(RequestId),
    /// The reference is on disk as that of a spare key: make the key.
    CreateKey(KeyPurpose, KeyRef),
    /// The account is on disk: it exists.
    AddAccount(Cause, AccountId, Option<OtpLink>),
    /// The device that was given anew is on disk, in place of this one.
    ReplaceBinding(Cause, Box<Account>),
    /// The new key is remembered with the account: have the issuer replace the old one.
    Rotate(Rotation, DeviceKey),
    /// The new key is the account's: use it.
    UseNewKey(Rotation),
    /// The account is no longer on disk.
    RemoveAccount(Cause, Box<Account>),
    /// The account's issuer is asked in another rhythm than this one.
    Repoll(Call, AccountId, Polled),
    /// The account has another name than this one.
    RenameAccount(Call, AccountId, Option<String>),
}

/// A document to save, as it is at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Snapshot {
    /// All accounts.
    Accounts(Accounts),
    /// Answers on their way.
    Outbox(Outbox),
}

/// A decision to sign.
#[derive(Debug, Clone)]
pub struct SignOrder {
    /// Which request.
    pub request: RequestId,
    /// With which account's key, by which protocol.
    pub binding: Binding,
    /// What it answers.
    pub source: VerifiedRequest,
    /// What was decided.
    pub decision: Decision,
}

/// What is to be done. Carried out in order; an effect that takes time does not hold up the next.
#[allow(clippy::large_enum_variant, reason = "short-lived: carried out at once")]
#[derive(Debug)]
pub enum Effect {
    /// Answer a call.
    Reply(Call, Result<Reply, ApiError>),
    /// Tell a front end.
    Publish(ConnectionId, FrontEndEvent),
    /// Write a document durably, then [`Event::Saved`], before any effect after this one.
    Save(Snapshot, Then),
    /// Append to the history.
    Record(Box<Record>),
    /// Sign a decision, with a dialog if need be, then [`Event::Signed`].
    Sign(Box<SignOrder>),
    /// Hand a signed decision to the account's channel, then [`Event::Delivered`].
    Deliver(RequestId, AccountId, Answer),
    /// Look up an ended request that a front end wants to report in this language, then [`Event::Found`].
    FindRecord(Call, RequestId, String),
    /// As [`Effect::Sign`], then [`Event::ReportSigned`].
    SignReport(Box<SignOrder>),
    /// As [`Effect::Deliver`], then [`Event::ReportDelivered`].
    DeliverReport(RequestId, AccountId, Answer),
    /// Show or replace a notification.
    Notify(Turn, Notification),
    /// Take one away.
    CloseNotification(NotificationId),
    /// Start the app, then [`Event::Launched`].
    Launch(Window, Option<Call>),
    /// Start the account's channel, in place of one that runs.
    Subscribe(AccountId, Box<Binding>),
    /// End the account's channel.
    Unsubscribe(AccountId),
    /// Have the account's channel try now.
    Retry(AccountId),
    /// Ask an issuer what a link offers, then [`Event::Previewed`].
    Preview(Call, Zeroizing<String>, Option<TrustChoice>),
    /// Draw a reference for a key, then [`Event::KeyReserved`].
    ReserveKey(KeyPurpose),
    /// Make a key under this reference, then [`Event::KeyCreated`].
    CreateKey(KeyPurpose, KeyRef),
    /// Bind a key, then [`Event::Enrolled`].
    Enrol(Box<Enrolment>, DeviceKey),
    /// Have the issuer replace a key, then [`Event::Rotated`].
    Rotate(Rotation, Box<Binding>, DeviceKey),
    /// Have the issuer revoke this device, by the key it accepts of these two, then [`Event::DeviceRevoked`].
    RevokeDevice(Call, AccountId, Box<Binding>, Option<DeviceKey>),
    /// Change a setting on disk, then [`Event::SettingChanged`].
    ChangeSetting(Call, SettingChange),
    /// Delete a key that is certainly nobody's, then [`Event::KeyDeleted`].
    DeleteKey(KeyRef, Interaction),
    /// Ask whether the keystore works, then [`Event::KeyringProbed`].
    ProbeKeyring(Interaction),
    /// Answer a call for history.
    ReadHistory {
        /// Who asks.
        call: Call,
        /// How many entries.
        limit: u32,
        /// Only older ones.
        before: Option<RequestId>,
        /// Which ones.
        filter: HistoryFilter,
    },
    /// Answer a call for records, from there on.
    ReadRecords(Call, Option<RecordsCursor>, HistoryFilter),
    /// Answer a call for evidence.
    ReadEvidence(Call, RequestId),
    /// Answer a call for diagnostics.
    Diagnose(Call, Vec<AccountFacts>),
    /// Have the one-time code kept that came with an account, then [`Event::CodeKept`].
    KeepCode(Call, AccountId, OtpLink),
    /// Have a one-time code kept that an account brings along, under this id, then [`Event::PartKept`].
    KeepPart(Origin, CodeId, OtpLink),
    /// Have it dropped, then [`Event::PartDropped`].
    DropPart(Origin, CodeId),
    /// Tell the account's channel what is held of what it brings along.
    Hold(AccountId, Vec<String>),
    /// Tell an issuer, if it can be told, that this device is gone, then [`Event::LeaveTaken`].
    TakeLeave(Box<Binding>, Option<DeviceKey>),
    /// Have a call about one-time codes answered.
    Codes {
        /// Who asks.
        call: Call,
        /// What.
        request: CodesRequest,
        /// After how many seconds a copied code is taken off the clipboard.
        clear_after: Option<u16>,
    },
    /// Put a code on the clipboard, and answer the call.
    CopyCode {
        /// Who asks.
        call: Call,
        /// What to type where the action started.
        code: Zeroizing<String>,
        /// After how many seconds it is taken off.
        clear_after: Option<u16>,
    },
    /// End the agent.
    Stop,
}

/// What the diagnostics need to know of an account.
#[derive(Debug, Clone)]
pub struct AccountFacts {
    /// As it is shown.
    pub view: countersign_agent_api::AccountView,
    /// Its ties.
    pub binding: Binding,
    /// Frames that were dropped because they did not verify, since the start.
    pub rejected: u64,
}

/// The same for front ends.
pub(super) fn protection_view(protection: countersign_protocol::KeyProtection) -> KeyProtection {
    use countersign_agent_api::KeyProtectionLevel as View;
    use countersign_protocol::{Evidenced, ProtectionLevel as Level};
    KeyProtection {
        level: match protection.level {
            Level::Sw => View::Sw,
            Level::SwPin => View::SwPin,
            Level::Hw => View::Hw,
            Level::HwPin => View::HwPin,
            Level::HwUv => View::HwUv,
        },
        attested: protection.evidence == Evidenced::Attested,
    }
}
