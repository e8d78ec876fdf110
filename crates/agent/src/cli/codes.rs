//! One-time codes from the terminal.

use std::{
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use countersign_agent_api::{
    BackupPlan, CodeAlgorithm, CodeEntry, CodeId, CodeKind, CodesReply, CodesRequest, ErrorCode, ExportForm,
    ImportSource, ImportStage, ImportView, MAX_CODES, NewCode, Reply, Request, ShownCode,
    client::ClientError,
};
use zeroize::Zeroizing;

use super::{
    CliError, Exit,
    args::{BackupsCommand, CodesArgs, CodesCommand, ExportFormat, Output, PasswordFrom},
    password, render,
    session::{Session, unexpected},
};
use crate::edge::{Clock as _, SystemClock};

/// The longest text on standard input, in bytes.
const MAX_TEXT: u64 = 256 * 1024;

/// How often a password is asked for.
const ATTEMPTS: usize = 3;

/// Carries out a command.
pub(super) async fn execute(session: &Session, args: CodesArgs) -> Result<Exit, CliError> {
    let CodesArgs {
        query,
        copy,
        watch,
        command,
    } = args;
    let query = query.join(" ");
    match command {
        None if watch => self::watch(session, &query).await,
        None if copy => {
            let entry = only(session, &query).await?;
            copy_code(session, &entry.id).await
        }
        None => show(session, &query).await,
        Some(CodesCommand::Add { issuer, account }) => add(session, issuer, account).await,
        Some(CodesCommand::Next { entry, copy }) => next(session, &entry.join(" "), copy).await,
        Some(CodesCommand::Remove { entry, yes }) => remove(session, &entry.join(" "), yes).await,
        Some(CodesCommand::Import { file, password, yes }) => import(session, &file, &password, yes).await,
        Some(CodesCommand::Export {
            file,
            format,
            password,
            yes,
        }) => export(session, &file, format, &password, yes).await,
        Some(CodesCommand::Backups { command }) => backups(session, command).await,
    }
}

async fn call(session: &Session, call: CodesRequest) -> Result<CodesReply, CliError> {
    let Reply::Codes(reply) = session.call(Request::Codes { call }).await? else {
        return unexpected();
    };
    Ok(reply)
}

/// All entries that match.
async fn entries(session: &Session, query: &str) -> Result<Vec<CodeEntry>, CliError> {
    let mut entries: Vec<CodeEntry> = Vec::new();
    loop {
        let list = CodesRequest::List {
            query: query.to_owned(),
            tag: None,
            from: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            limit: MAX_CODES,
        };
        let CodesReply::Page(page) = call(session, list).await? else {
            return unexpected();
        };
        let is_last = page.entries.is_empty();
        entries.extend(page.entries);
        if is_last || entries.len() >= usize::try_from(page.total).unwrap_or(usize::MAX) {
            return Ok(entries);
        }
    }
}

/// The codes of these entries now.
async fn codes(session: &Session, entries: &[CodeEntry]) -> Result<Vec<ShownCode>, CliError> {
    let mut codes = Vec::new();
    for some in entries.chunks(usize::try_from(MAX_CODES).unwrap_or(usize::MAX)) {
        let ids = some.iter().map(|entry| entry.id.clone()).collect();
        let CodesReply::Shown(shown) = call(session, CodesRequest::Show { ids }).await? else {
            return unexpected();
        };
        codes.extend(shown);
    }
    Ok(codes)
}

/// The entry with this id, or the only one that matches.
async fn only(session: &Session, query: &str) -> Result<CodeEntry, CliError> {
    if query.trim().is_empty() {
        return Err(CliError::NoEntry);
    }
    let is_id = query.len() == 32 && query.bytes().all(|b| b.is_ascii_hexdigit());
    let mut found = if is_id {
        let all = entries(session, "").await?;
        all.into_iter().filter(|entry| entry.id.0 == query).collect()
    } else {
        entries(session, query).await?
    };
    if found.len() > 1 {
        for entry in &found {
            render::note(&render::entry_line(entry));
        }
        return Err(CliError::SeveralMatch);
    }
    found.pop().ok_or(CliError::NoMatch)
}

async fn show(session: &Session, query: &str) -> Result<Exit, CliError> {
    let found = entries(session, query).await?;
    if found.is_empty() && !query.is_empty() {
        return Err(CliError::NoMatch);
    }
    let codes = codes(session, &found).await?;
    render::codes(&found, &codes, SystemClock.now_ms(), session.output)
}

/// Paints once a second, on a screen of its own, until Ctrl+C.
async fn watch(session: &Session, query: &str) -> Result<Exit, CliError> {
    if !io::stdout().is_terminal() || session.output == Output::Json {
        return Err(CliError::NotATerminal);
    }
    let found = entries(session, query).await?;
    if found.is_empty() {
        return Err(CliError::NoMatch);
    }
    let end = tokio::signal::ctrl_c();
    tokio::pin!(end);
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let screen = render::Screen::new();
    let mut shown = Vec::new();
    loop {
        tokio::select! {
            _ = &mut end => return Ok(Exit::Done),
            _ = second.tick() => {}
        }
        let now_ms = SystemClock.now_ms();
        let is_over = |code: &ShownCode| code.until_ms.is_some_and(|until| until <= now_ms);
        if shown.is_empty() || shown.iter().any(is_over) {
            let visible = &found[..found.len().min(screen.rows())];
            shown = codes(session, visible).await?;
        }
        screen.paint(&found, &shown, now_ms);
    }
}

async fn copy_code(session: &Session, id: &CodeId) -> Result<Exit, CliError> {
    let copy = CodesRequest::Copy { id: id.clone() };
    let CodesReply::Copied { until } = call(session, copy).await? else {
        return unexpected();
    };
    render::copied(until, SystemClock.now_ms() / 1000, session.output)
}

async fn next(session: &Session, query: &str, copy: bool) -> Result<Exit, CliError> {
    let entry = only(session, query).await?;
    let advance = CodesRequest::Advance { id: entry.id.clone() };
    let CodesReply::Shown(shown) = call(session, advance).await? else {
        return unexpected();
    };
    let id = entry.id.clone();
    render::codes(&[entry], &shown, SystemClock.now_ms(), session.output)?;
    if copy {
        return copy_code(session, &id).await;
    }
    Ok(Exit::Done)
}

async fn add(session: &Session, issuer: String, account: String) -> Result<Exit, CliError> {
    let typed = if io::stdin().is_terminal() {
        password::ask("Link (otpauth://…) or secret, not shown: ")?
    } else {
        standard_input()?
    };
    if typed.contains("://") {
        let text = typed.into();
        let view = preview(session, ImportSource::Text { text }).await?;
        return apply(session, &view).await;
    }
    let kind = CodeKind::Totp {
        algorithm: CodeAlgorithm::Sha1,
        digits: 6,
        period: 30,
    };
    let entry = NewCode {
        issuer,
        account,
        secret: typed.trim().into(),
        kind,
    };
    let CodesReply::Entry(entry) = call(session, CodesRequest::Add { entry }).await? else {
        return unexpected();
    };
    render::added(&entry, session.output)
}

async fn remove(session: &Session, query: &str, yes: bool) -> Result<Exit, CliError> {
    let entry = only(session, query).await?;
    let question = format!(
        "Delete {}? Without it you may be locked out of the account. Type yes to delete it: ",
        render::entry_line(&entry)
    );
    if !yes && !render::ask_yes(&question)? {
        render::note("Nothing was deleted.");
        return Ok(Exit::Refused);
    }
    let CodesReply::Removed { .. } = call(session, CodesRequest::Remove { id: entry.id }).await? else {
        return unexpected();
    };
    render::note("Deleted.");
    Ok(Exit::Done)
}

async fn preview(session: &Session, source: ImportSource) -> Result<ImportView, CliError> {
    let CodesReply::Import(view) = call(session, CodesRequest::PreviewImport { source }).await? else {
        return unexpected();
    };
    Ok(view)
}

async fn import(session: &Session, file: &Path, from: &PasswordFrom, yes: bool) -> Result<Exit, CliError> {
    let source = if file == Path::new("-") {
        let text = standard_input()?.into();
        ImportSource::Text { text }
    } else {
        let path = path_text(file)?;
        ImportSource::File { path }
    };
    let view = preview(session, source).await?;
    let view = unlocked(session, view, from).await?;
    if session.output == Output::Text {
        render::import(&view);
    }
    let ImportStage::Ready {
        new, missing_parts, ..
    } = view.stage
    else {
        return unexpected();
    };
    if missing_parts > 0 {
        let import = view.id;
        call(session, CodesRequest::CancelImport { import }).await?;
        render::missing_parts(missing_parts);
        return Ok(Exit::Refused);
    }
    if new > 0 && !yes && !render::ask_yes("Type yes to add them: ")? {
        let import = view.id;
        call(session, CodesRequest::CancelImport { import }).await?;
        render::note("Nothing was added.");
        return Ok(Exit::Refused);
    }
    apply(session, &view).await
}

/// The import with its password given, if it needs one.
async fn unlocked(session: &Session, view: ImportView, from: &PasswordFrom) -> Result<ImportView, CliError> {
    if view.stage != ImportStage::Locked {
        return Ok(view);
    }
    let mut attempts = if from.password_file.is_some() { 1 } else { ATTEMPTS };
    loop {
        attempts -= 1;
        let password = password::read(from, &format!("Password of the {} export: ", view.format))?;
        let unlock = CodesRequest::UnlockImport {
            import: view.id.clone(),
            password: password.into(),
        };
        match call(session, unlock).await {
            Ok(CodesReply::Import(view)) => return Ok(view),
            Ok(_) => return unexpected(),
            Err(error) if attempts > 0 && is_wrong_password(&error) => render::problem(&error),
            Err(error) => return Err(error),
        }
    }
}

fn is_wrong_password(error: &CliError) -> bool {
    matches!(error, CliError::Client(ClientError::Api(error)) if error.code == ErrorCode::WrongPassword)
}

async fn apply(session: &Session, view: &ImportView) -> Result<Exit, CliError> {
    let import = view.id.clone();
    let CodesReply::Imported { added } = call(session, CodesRequest::ApplyImport { import }).await? else {
        return unexpected();
    };
    render::imported(view, added, session.output)
}

async fn export(
    session: &Session,
    file: &Path,
    format: ExportFormat,
    from: &PasswordFrom,
    yes: bool,
) -> Result<Exit, CliError> {
    let path = path_text(file)?;
    let warning = match format {
        ExportFormat::Links => Some("Whoever reads this file can make your codes: it is not encrypted."),
        ExportFormat::Encrypted | ExportFormat::Aegis => None,
    };
    let is_there = file.symlink_metadata().is_ok();
    if !yes && (warning.is_some() || is_there) {
        let replaced = is_there.then_some("The file that is there is replaced.");
        let reasons: Vec<&str> = warning.into_iter().chain(replaced).collect();
        if !render::ask_yes(&format!("{} Type yes to write it: ", reasons.join(" ")))? {
            render::note("Nothing was written.");
            return Ok(Exit::Refused);
        }
    }
    let new_password = || password::read_new(from, "Password for the export: ");
    let form = match format {
        ExportFormat::Encrypted => ExportForm::Encrypted {
            password: new_password()?.into(),
        },
        ExportFormat::Aegis => ExportForm::Aegis {
            password: new_password()?.into(),
        },
        ExportFormat::Links => ExportForm::Links,
    };
    let CodesReply::Done = call(session, CodesRequest::Export { path, form }).await? else {
        return unexpected();
    };
    render::note(&format!("Written to {}.", file.display()));
    Ok(Exit::Done)
}

async fn backups(session: &Session, command: BackupsCommand) -> Result<Exit, CliError> {
    let request = match command {
        BackupsCommand::To { folder, password } => {
            let folder = path_text(&folder)?;
            let password = password::read_new(&password, "Password for the backups: ")?;
            let password = Some(password.into());
            CodesRequest::SetBackups {
                plan: Some(BackupPlan { folder, password }),
            }
        }
        BackupsCommand::Now => CodesRequest::BackUp,
        BackupsCommand::Off => CodesRequest::SetBackups { plan: None },
    };
    let CodesReply::Vault(vault) = call(session, request).await? else {
        return unexpected();
    };
    render::backups(vault.backups.as_ref(), session.output)
}

fn path_text(path: &Path) -> Result<String, CliError> {
    let failed = |source| CliError::Io {
        doing: "use this path",
        source,
    };
    let path: PathBuf = std::path::absolute(path).map_err(failed)?;
    path.into_os_string()
        .into_string()
        .map_err(|_| failed(io::ErrorKind::InvalidFilename.into()))
}

fn standard_input() -> Result<Zeroizing<String>, CliError> {
    all_of(io::stdin())
}

/// Nothing of what is too long: a link that is cut in its secret would be one of other codes.
fn all_of(input: impl io::Read) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    input
        .take(MAX_TEXT + 1)
        .read_to_string(&mut text)
        .map_err(|source| CliError::Io {
            doing: "read standard input",
            source,
        })?;
    if text.len() as u64 > MAX_TEXT {
        return Err(CliError::TooMuchInput);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_is_read_is_refused_and_not_cut() {
        let most = "x".repeat(usize::try_from(MAX_TEXT).unwrap());
        assert_eq!(*all_of(most.as_bytes()).unwrap(), most);
        let more = most + "x";
        assert!(matches!(all_of(more.as_bytes()), Err(CliError::TooMuchInput)));
    }
}
