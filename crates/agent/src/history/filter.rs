//! Which entries are wanted: a text looks at everything that people see of an entry, in the terminal's words.

use countersign_agent_api::{AccountId, ApiError, ErrorCode, HistoryEntry, HistoryFilter, Outcome};

use crate::statement_text;

/// The longest text looked for, in characters.
const MAX_TEXT: usize = 256;

/// Whether a filter can be used.
///
/// # Errors
/// [`ErrorCode::InvalidValue`] for a text that is too long.
pub fn check(filter: &HistoryFilter) -> Result<(), ApiError> {
    if filter
        .text
        .as_ref()
        .is_some_and(|text| text.chars().count() > MAX_TEXT)
    {
        let text = format!("Look for at most {MAX_TEXT} characters.");
        return Err(ApiError::new(ErrorCode::InvalidValue, text));
    }
    Ok(())
}

/// A filter, ready to be used.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// In lower case.
    text: Option<String>,
    outcome: Option<Outcome>,
    account: Option<&'a AccountId>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(filter: &'a HistoryFilter) -> Self {
        let text = filter.text.as_deref().map(|text| text.trim().to_lowercase());
        Self {
            text: text.filter(|text| !text.is_empty()),
            outcome: filter.outcome,
            account: filter.account.as_ref(),
        }
    }

    pub(super) fn includes(&self, entry: &HistoryEntry) -> bool {
        self.outcome.is_none_or(|outcome| entry.outcome == outcome)
            && self.account.is_none_or(|account| entry.account == *account)
            && self.text.as_deref().is_none_or(|text| says(entry, text))
    }
}

/// Whether the text, in lower case, is somewhere in what is shown of the entry.
fn says(entry: &HistoryEntry, text: &str) -> bool {
    let found = |shown: &str| shown.to_lowercase().contains(text);
    let HistoryEntry {
        id,
        txn: _,
        at: _,
        account: _,
        issuer_name,
        account_label,
        client_name,
        lines,
        outcome: _,
        by_this_device: _,
        device_name,
        receipt: _,
        reported_at: _,
    } = entry;
    let names = [&id.0, issuer_name, account_label, client_name];
    names.into_iter().chain(device_name).any(|name| found(name))
        || lines.iter().any(|line| {
            found(&statement_text::label(line))
                || statement_text::values(&line.value)
                    .iter()
                    .any(|value| found(value))
                || statement_text::grouped(&line.value).is_some_and(|value| found(&value))
        })
}
