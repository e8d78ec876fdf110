//! Requests: what is asked, what it takes, and what became of it.

use serde::{Deserialize, Serialize};

use super::{AccountId, Capabilities, KeyProtection, KeyringState, RequestId};

data! {
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
}
