//! What a language has to say. A text that is missing, or one that leaves out a value, does not compile.

use countersign_agent_api::ByLanguage;

use super::{Language, Span, Sum, arabic, english, french, german, japanese, spanish};

static TEXTS: ByLanguage<Catalogue> = ByLanguage {
    english: english::TEXTS,
    german: german::TEXTS,
    french: french::TEXTS,
    spanish: spanish::TEXTS,
    japanese: japanese::TEXTS,
    arabic: arabic::TEXTS,
};

/// The texts in this language.
pub(super) fn of(language: Language) -> &'static Catalogue {
    TEXTS.of(language)
}

/// All texts of notifications in one language. Functions put values in: names are quoted as they come.
pub(super) struct Catalogue {
    // Buttons.
    pub(super) review: &'static str,
    pub(super) deny: &'static str,
    pub(super) approve: &'static str,
    pub(super) deny_all: &'static str,
    pub(super) show: &'static str,
    pub(super) not_me: &'static str,
    pub(super) report_too: &'static str,
    pub(super) unlock: &'static str,
    pub(super) check: &'static str,

    // A request, or several.
    pub(super) request: &'static str,
    pub(super) open_it: &'static str,
    /// Title, with who asks.
    pub(super) asks: fn(client: &str) -> String,
    pub(super) this_computer: &'static str,
    pub(super) another_device: &'static str,
    pub(super) several: fn(count: u64) -> String,
    pub(super) one_by_one: &'static str,
    pub(super) oldest: fn(client: &str) -> String,
    pub(super) oldest_asks: fn(client: &str, what: &str) -> String,

    // A burst.
    pub(super) held: &'static str,
    pub(super) held_many: &'static str,
    pub(super) held_count: fn(count: u64) -> String,
    pub(super) held_from: fn(client: &str) -> String,

    // Over.
    pub(super) answered: &'static str,
    pub(super) answered_elsewhere: &'static str,
    pub(super) already_approved: &'static str,
    pub(super) already_denied: &'static str,
    /// Who, and what it is about.
    pub(super) about: fn(who: &str, what: &str) -> String,
    pub(super) expired: &'static str,
    pub(super) nothing_approved: &'static str,
    pub(super) expired_at: fn(client: &str, time: &str) -> String,
    pub(super) denied: &'static str,
    pub(super) details_in_app: &'static str,

    // An answer that cannot be sent, or did not count.
    pub(super) unsent: &'static str,
    pub(super) no_connection: &'static str,
    pub(super) approval_unsent: &'static str,
    pub(super) denial_unsent: &'static str,
    pub(super) report_unsent: &'static str,
    pub(super) time_left: fn(host: &str, left: &str) -> String,
    pub(super) not_approved: &'static str,
    pub(super) see_why: &'static str,
    pub(super) wrong_code: &'static str,
    pub(super) attempts_left: fn(count: u64) -> String,
    pub(super) too_many_codes: &'static str,
    pub(super) not_sent: &'static str,
    pub(super) not_taken: &'static str,
    pub(super) unclear: &'static str,

    // Accounts, keys and connections.
    pub(super) account_removed: &'static str,
    pub(super) see_which: &'static str,
    pub(super) removed_by: fn(issuer: &str) -> String,
    pub(super) no_longer_approves: fn(account: &str) -> String,
    /// An issuer added or removed accounts and codes.
    pub(super) contents_changed: &'static str,
    /// Title, with the issuer.
    pub(super) changed_by: fn(issuer: &str) -> String,
    /// A sentence.
    pub(super) parts_added: fn(count: u64) -> String,
    /// A sentence, with what they were called.
    pub(super) parts_removed: fn(names: &str) -> String,
    pub(super) locked_out: &'static str,
    pub(super) unlock_keyring: &'static str,
    pub(super) keyring_locked: &'static str,
    pub(super) keyring_missing: &'static str,
    pub(super) key_missing: &'static str,
    pub(super) keyring_hanging: &'static str,
    pub(super) offline: &'static str,
    pub(super) out_of_reach: &'static str,
    pub(super) no_connection_to: fn(issuer: &str) -> String,
    pub(super) trying_since: fn(time: &str) -> String,
    pub(super) check_clock: &'static str,
    pub(super) codes_refused: &'static str,
    pub(super) clock_wrong: &'static str,
    /// Title, with how far.
    pub(super) clock_behind: fn(by: &str) -> String,
    pub(super) clock_ahead: fn(by: &str) -> String,
    pub(super) only_codes_refused: &'static str,
    /// How long, as it stands in a title.
    pub(super) span: fn(span: Span) -> String,

    // What is asked, in one sentence without its full stop.
    pub(super) pay: fn(amount: &str, payee: &str) -> String,
    pub(super) pay_amount: fn(amount: &str) -> String,
    pub(super) access: fn(resource: &str) -> String,
    pub(super) export: fn(dataset: &str) -> String,
    pub(super) deploy: fn(service: &str) -> String,
    pub(super) deploy_to: fn(service: &str, environment: &str) -> String,
    pub(super) sign_in: &'static str,

    /// Ends a sentence, and what stands between it and the next one.
    pub(super) full_stop: &'static str,
    pub(super) between: &'static str,
    /// A sum of money, its digits unchanged.
    pub(super) sum: fn(&Sum<'_>) -> String,
}
