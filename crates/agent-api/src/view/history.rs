//! What has ended.

use serde::{Deserialize, Serialize};

use super::{AccountId, Line, Outcome, ReceiptState, RequestId};

data! {
    /// Which history entries are wanted. What is left out is not looked at.
    #[derive(Default)]
    #[serde(default, deny_unknown_fields)]
    pub struct HistoryFilter {
        /// Somewhere in the names, labels and values shown, whatever the case; at most 256 characters.
        pub text: Option<String>,
        /// Ended like this.
        pub outcome: Option<Outcome>,
        /// Of this account.
        pub account: Option<AccountId>,
    }

    /// Some entries of the history, newest first.
    pub struct HistoryPage {
        /// At most as many as were asked for, and fewer if they are long: a page has its place in one frame.
        pub entries: Vec<HistoryEntry>,
        /// Whether older ones may follow.
        pub more: bool,
    }

    /// Where the next page of records begins. Of use only to the agent that gave it.
    pub struct RecordsCursor {
        /// In which part of the history.
        pub part: String,
        /// How many of its entries were given, counted from its newest.
        pub given: u32,
    }

    /// An entry with what proves it.
    pub struct HistoryRecord {
        /// What people are shown.
        pub entry: HistoryEntry,
        /// The evidence file's JSON text; none where there was no receipt.
        pub evidence: Option<String>,
    }

    /// Some records of the history, newest first.
    pub struct RecordsPage {
        /// As many as a frame holds; may be none although more follow.
        pub records: Vec<HistoryRecord>,
        /// Where to go on; none at the end.
        pub next: Option<RecordsCursor>,
    }

    /// One ended request.
    pub struct HistoryEntry {
        /// Its id.
        pub id: RequestId,
        /// The issuer's transaction id.
        pub txn: String,
        /// When it ended.
        #[cfg_attr(feature = "bindings", ts(type = "number"))]
        pub at: i64,
        /// The account it was for.
        pub account: AccountId,
        /// The account's issuer name.
        pub issuer_name: String,
        /// The account label.
        pub account_label: String,
        /// Who asked.
        pub client_name: String,
        /// The statement as it was shown.
        pub lines: Vec<Line>,
        /// How it ended.
        pub outcome: Outcome,
        /// Whether this computer's answer decided it.
        pub by_this_device: bool,
        /// The device that decided, if another one did.
        pub device_name: Option<String>,
        /// The evidence kept.
        pub receipt: ReceiptState,
        /// When the person reported it after its end, and the issuer took the report.
        #[cfg_attr(feature = "bindings", ts(type = "number | null"))]
        pub reported_at: Option<i64>,
    }
}
