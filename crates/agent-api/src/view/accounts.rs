//! Accounts: what they are, how they are reached, and what is offered before there is one.

use serde::{Deserialize, Serialize};

use super::{AccountId, DeliveredCode, KeyringState};

data! {
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
}
