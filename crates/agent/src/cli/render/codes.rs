//! One-time codes on a terminal.

use std::io::{self, Write as _};

use countersign_agent_api::{
    BackupsView, CodeEntry, CodeId, CodeKind, ImportStage, ImportStanding, ImportView, ShownCode,
};
use rustix::termios::tcgetwinsize;
use serde::Serialize;

use super::{json, line, note};
use crate::{
    cli::{CliError, Exit, args::Output},
    statement_text::{instant, plain},
};

/// The most rows of a preview.
const MAX_ROWS: usize = 20;

/// An entry with its code, for programs.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a CodeId,
    issuer: &'a str,
    account: &'a str,
    tags: &'a [String],
    pinned: bool,
    #[serde(flatten)]
    kind: CodeKind,
    /// None: it follows a counter.
    code: Option<&'a str>,
    next: Option<&'a str>,
    /// Milliseconds since 1970 by this computer's clock.
    until_ms: Option<i64>,
}

/// Entries with their codes.
pub(in crate::cli) fn codes(
    entries: &[CodeEntry],
    codes: &[ShownCode],
    now_ms: i64,
    output: Output,
) -> Result<Exit, CliError> {
    match output {
        Output::Json => {
            let rows: Vec<Row<'_>> = entries
                .iter()
                .map(|entry| {
                    let shown = of(entry, codes);
                    Row {
                        id: &entry.id,
                        issuer: &entry.issuer,
                        account: &entry.account,
                        tags: &entry.tags,
                        pinned: entry.pinned,
                        kind: entry.kind,
                        code: shown.map(|shown| shown.code.as_str()),
                        next: shown.and_then(|shown| shown.next.as_deref()),
                        until_ms: shown.and_then(|shown| shown.until_ms),
                    }
                })
                .collect();
            return json(&rows);
        }
        Output::Text => {
            if entries.is_empty() {
                line("There are no one-time codes. Add one with `countersign-agent codes add`.");
            }
            for entry in entries {
                line(&code_line(entry, of(entry, codes), now_ms));
            }
        }
    }
    Ok(Exit::Done)
}

/// An entry in one line, without its code.
pub(in crate::cli) fn entry_line(entry: &CodeEntry) -> String {
    name(&entry.issuer, &entry.account)
}

fn of<'a>(entry: &CodeEntry, codes: &'a [ShownCode]) -> Option<&'a ShownCode> {
    codes.iter().find(|shown| shown.id == entry.id)
}

fn code_line(entry: &CodeEntry, shown: Option<&ShownCode>, now_ms: i64) -> String {
    let code = shown.map_or_else(|| "counter".to_owned(), |shown| grouped(&shown.code));
    let left = shown
        .and_then(|shown| shown.until_ms)
        .map_or_else(String::new, |until| {
            let seconds = (until - now_ms).max(0).unsigned_abs().div_ceil(1000);
            format!("{seconds} s")
        });
    format!("{code:<13} {left:>5}  {}", entry_line(entry))
}

/// In two halves: people read and type them so.
fn grouped(code: &str) -> String {
    match code.split_at_checked(code.len().div_ceil(2)) {
        Some((first, second)) if code.len() >= 6 && code.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{first} {second}")
        }
        Some(_) | None => code.to_owned(),
    }
}

fn name(issuer: &str, account: &str) -> String {
    match (issuer, account) {
        ("", "") => "(no name)".to_owned(),
        (issuer, "") => plain(issuer),
        ("", account) => plain(account),
        (issuer, account) => format!("{}  {}", plain(issuer), plain(account)),
    }
}

/// A screen of one's own: what was on the terminal is back when this is dropped.
pub(in crate::cli) struct Screen;

impl Screen {
    /// Also hides the cursor.
    pub(in crate::cli) fn new() -> Self {
        write("\x1b[?1049h\x1b[?25l");
        Self
    }

    /// How many entries fit.
    pub(in crate::cli) fn rows(&self) -> usize {
        size().0.saturating_sub(2).max(1)
    }

    /// Paints the entries that fit.
    pub(in crate::cli) fn paint(&self, entries: &[CodeEntry], codes: &[ShownCode], now_ms: i64) {
        let (_, columns) = size();
        let rows = self.rows();
        let mut text = "\x1b[H".to_owned();
        for entry in entries.iter().take(rows) {
            let line: String = code_line(entry, of(entry, codes), now_ms)
                .chars()
                .take(columns)
                .collect();
            text.push_str(&line);
            text.push_str("\x1b[K\n");
        }
        let hidden = entries.len().saturating_sub(rows);
        if hidden > 0 {
            text.push_str(&format!("… and {hidden} more\x1b[K"));
        }
        text.push_str("\x1b[J");
        write(&text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        write("\x1b[?25h\x1b[?1049l");
    }
}

/// Rows and columns. Some terminals say 0 of what they do not know.
fn size() -> (usize, usize) {
    let (rows, columns) = tcgetwinsize(io::stdout()).map_or((0, 0), |size| (size.ws_row, size.ws_col));
    let known = |size: u16, otherwise| if size == 0 { otherwise } else { usize::from(size) };
    (known(rows, 24), known(columns, 80))
}

fn write(text: &str) {
    let mut out = io::stdout();
    // A terminal that went away is no reason to fail.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A code is on the clipboard.
pub(in crate::cli) fn copied(until: Option<i64>, now: i64, output: Output) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Copied {
        until: Option<i64>,
    }
    if output == Output::Json {
        return json(&Copied { until });
    }
    match until {
        Some(until) => note(&format!(
            "Copied. It is cleared in {} seconds.",
            (until - now).max(0)
        )),
        None => note("Copied."),
    }
    Ok(Exit::Done)
}

/// An entry was added.
pub(in crate::cli) fn added(entry: &CodeEntry, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(entry);
    }
    line(&format!("Added {}.", entry_line(entry)));
    Ok(Exit::Done)
}

/// What an import would do.
pub(in crate::cli) fn import(view: &ImportView) {
    let ImportStage::Ready {
        new,
        duplicate,
        invalid,
        rows,
        missing_parts: _,
    } = &view.stage
    else {
        return;
    };
    line(&format!(
        "{}: {new} new, {duplicate} there already, {invalid} that cannot be kept.",
        plain(&view.format)
    ));
    for row in rows.iter().take(MAX_ROWS) {
        let standing = match &row.standing {
            ImportStanding::New => "new".to_owned(),
            ImportStanding::Duplicate => "there".to_owned(),
            ImportStanding::Invalid { reason } => format!("no: {}", plain(&reason.text)),
        };
        line(&format!("  {standing:<6} {}", name(&row.issuer, &row.account)));
    }
    let all = new + duplicate + invalid;
    let hidden = usize::try_from(all)
        .unwrap_or(usize::MAX)
        .saturating_sub(MAX_ROWS);
    if hidden > 0 {
        line(&format!("  … and {hidden} more"));
    }
}

/// A batch is added as a whole or not at all.
pub(in crate::cli) fn missing_parts(missing: u32) {
    note(&format!(
        "{missing} more QR codes belong to this batch. Nothing was added: import all its links together."
    ));
}

/// What an import did.
pub(in crate::cli) fn imported(view: &ImportView, added: u32, output: Output) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Imported<'a> {
        format: &'a str,
        added: u32,
    }
    if output == Output::Json {
        let format = view.format.as_str();
        return json(&Imported { format, added });
    }
    line(&format!("Added {added}."));
    Ok(Exit::Done)
}

/// How the backups go.
pub(in crate::cli) fn backups(backups: Option<&BackupsView>, output: Output) -> Result<Exit, CliError> {
    if output == Output::Json {
        return json(&backups);
    }
    let Some(backups) = backups else {
        line("There are no regular backups.");
        return Ok(Exit::Done);
    };
    line(&format!("Backups go to {}.", plain(&backups.folder)));
    if let Some(at) = backups.last_at {
        line(&format!("The last one was made {}.", instant(at)));
    }
    if let Some(problem) = &backups.problem {
        line(&format!("The last attempt failed: {}", plain(&problem.message)));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(issuer: &str, account: &str) -> CodeEntry {
        CodeEntry {
            id: CodeId("a".repeat(32)),
            issuer: issuer.into(),
            account: account.into(),
            kind: CodeKind::Steam,
            tags: Vec::new(),
            note: String::new(),
            pinned: false,
        }
    }

    fn shown(code: &str) -> ShownCode {
        ShownCode {
            id: CodeId("a".repeat(32)),
            code: code.into(),
            next: None,
            until_ms: Some(10_500),
        }
    }

    #[test]
    fn a_line_has_code_time_left_and_name() {
        let entry = entry("Example", "ada");
        for (code, line) in [
            ("123456", "123 456        10 s  Example  ada"),
            ("1234567", "1234 567       10 s  Example  ada"),
            ("0123456789", "01234 56789    10 s  Example  ada"),
            ("5HV7K", "5HV7K          10 s  Example  ada"),
        ] {
            assert_eq!(code_line(&entry, Some(&shown(code)), 1000), line);
        }
        assert_eq!(code_line(&entry, None, 1000), "counter              Example  ada");
    }

    #[test]
    fn names_from_outside_cannot_control_the_terminal() {
        let line = code_line(&entry("\x1b[2J\u{202e}evil", "a\nb"), None, 0);
        assert!(!line.contains(['\x1b', '\n', '\u{202e}']), "{line:?}");
    }
}
