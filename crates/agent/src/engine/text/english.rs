//! English.

use super::{Span, catalogue::Catalogue};
use crate::plural::{exactly_one, one_other};

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "Review",
    deny: "Deny",
    approve: "Approve",
    deny_all: "Deny all",
    show: "Show",
    not_me: "This wasn’t me",
    report_too: "Report it as well",
    unlock: "Unlock…",
    check: "Check",

    request: "Approval request",
    open_it: "Open it to see what is asked.",
    asks: |client| format!("{client} asks for approval"),
    this_computer: "This computer",
    another_device: "Another device",
    several: |count| {
        let requests = one_other(exactly_one(count), "request", "requests");
        format!("{count} approval {requests}")
    },
    one_by_one: "Open them one by one.",
    oldest: |client| format!("Oldest: {client}"),
    oldest_asks: |client, what| format!("Oldest: {client}, {what}"),

    held: "Requests held back",
    held_many: "Many arrived at once. Nothing was approved.",
    held_count: |count| {
        let requests = one_other(exactly_one(count), "request", "requests");
        format!("{count} {requests} held back")
    },
    held_from: |client| format!("From {client} within one minute. Nothing was approved."),

    answered: "Already answered",
    answered_elsewhere: "Another device of yours answered first.",
    already_approved: "Already approved",
    already_denied: "Already denied",
    about: |who, what| format!("{who}: {what}"),
    expired: "A request expired",
    nothing_approved: "Nothing was approved.",
    expired_at: |client, time| format!("{client}, {time}. Nothing was approved."),
    denied: "Denied",
    details_in_app: "Open Countersign for details.",

    unsent: "Answer not sent yet",
    no_connection: "There is no connection.",
    approval_unsent: "Approval not sent yet",
    denial_unsent: "Denial not sent yet",
    report_unsent: "Report not sent yet",
    time_left: |host, left| format!("No connection to {host}. {left} left."),
    not_approved: "Not approved",
    see_why: "Open it to see why.",
    wrong_code: "The code did not match.",
    attempts_left: |count| {
        let attempts = one_other(exactly_one(count), "attempt", "attempts");
        format!("The code did not match. {count} {attempts} left on this account.")
    },
    too_many_codes: "Too many wrong codes. Ask an administrator to unlock the account.",
    not_sent: "It could not be sent in time. If this is still wanted, answer again.",
    not_taken: "Answer not taken",
    unclear: "Unclear whether your answer counted",

    account_removed: "An account was removed",
    see_which: "Open Countersign to see which.",
    removed_by: |issuer| format!("{issuer} removed this computer"),
    no_longer_approves: |account| format!("It can no longer approve for {account}."),
    contents_changed: "Accounts or codes changed",
    changed_by: |issuer| format!("Changed by {issuer}"),
    parts_added: |count| format!("Added: {count}."),
    parts_removed: |names| format!("Removed: {names}."),
    locked_out: "Countersign is locked out",
    unlock_keyring: "Unlock your keyring to answer requests.",
    keyring_locked: "The keyring is locked. Your accounts are still there.",
    keyring_missing: "No keyring service answers. Your accounts are still there.",
    key_missing: "A key is not in the keyring. Restore the keyring, or enrol again.",
    keyring_hanging: "The keyring does not answer. Your accounts are still there.",
    offline: "Countersign is offline",
    out_of_reach: "Requests cannot reach this computer.",
    no_connection_to: |issuer| format!("No connection to {issuer}"),
    trying_since: |time| format!("Since {time}. Trying again by itself."),
    check_clock: "Check your clock",
    codes_refused: "Codes may be refused.",
    clock_wrong: "The clock is wrong",
    clock_behind: |by| format!("Clock is {by} behind"),
    clock_ahead: |by| format!("Clock is {by} ahead"),
    only_codes_refused: "Codes may be refused. Approvals are not affected.",
    span: |span| match span {
        Span::Minutes(count) => format!("{count} {}", one_other(exactly_one(count), "minute", "minutes")),
        Span::Hours(count) => format!("{count} {}", one_other(exactly_one(count), "hour", "hours")),
        Span::Days(count) => format!("{count} {}", one_other(exactly_one(count), "day", "days")),
    },

    pay: |amount, payee| format!("Send {amount} to {payee}"),
    pay_amount: |amount| format!("Send {amount}"),
    access: |resource| format!("Open {resource}"),
    export: |dataset| format!("Export {dataset}"),
    deploy: |service| format!("Deploy {service}"),
    deploy_to: |service, environment| format!("Deploy {service} to {environment}"),
    sign_in: "Confirm that you are signing in",

    full_stop: ".",
    between: " ",
    sum: |sum| sum.currency_first(",", "."),
};
