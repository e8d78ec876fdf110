//! Two thousand one-time codes: opening, showing, finding, and the memory they take, beside KeePassXC and bare loops.

use std::{fmt::Write as _, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use countersign_agent_api::{
    CodeEntry, CodesPage, CodesReply, CodesRequest, ImportSource, ImportStage, MAX_CODES, Reply, Request,
    Role,
};
use ring::hmac;
use tokio::{io::AsyncWriteExt as _, time::Instant};

use super::{
    Figure, Report,
    figure::{milliseconds, quantile},
};
use crate::{
    front::{Desktop, Watch},
    harness::{Agent, AgentOptions, Process, Session, pss_kib},
};

const ENTRIES: usize = 2_000;
const ROUNDS: usize = 7;
/// How often a code of every entry is asked for, and how often something is searched.
const TURNS: usize = 10;
/// The secret of every entry, in Base32 and as bytes (RFC 6238).
const SECRET: (&str, &[u8]) = ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", b"12345678901234567890");
/// What KeePassXC's file is encrypted under.
const PASSWORD: &str = "pw\n";

/// All figures of one-time codes.
///
/// # Errors
/// When a part does not do what it should.
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
    let mut agent = Agent::with(session, "bench", AgentOptions::default()).await?;
    let dir = tempfile::tempdir()?;
    import(&agent.watch(Role::Terminal).await?, dir.path()).await?;
    let peer = match keepassxc(session, dir.path()).await {
        Ok(()) => Some(dir.path()),
        Err(error) => {
            eprintln!("  keepassxc cannot be measured: {error:#}");
            None
        }
    };
    report.all("opening", opens(session, &mut agent, peer).await)?;
    report.all("showing", shows(&agent).await)?;
    report.all("finding", finds(&agent).await)?;
    report.all("memory", memory(session, &agent, peer).await)
}

fn issuer(index: usize) -> String {
    format!("Service {index}")
}

fn account(index: usize) -> String {
    format!("user{index}@example.com")
}

async fn codes(watch: &Watch, call: CodesRequest) -> Result<CodesReply> {
    let Reply::Codes(reply) = watch.call(Request::Codes { call }).await? else {
        bail!("the agent answered something else");
    };
    Ok(reply)
}

async fn import(watch: &Watch, dir: &Path) -> Result<()> {
    let mut links = String::new();
    for index in 0..ENTRIES {
        // Each its own secret: two entries with one are a duplicate.
        let secret = format!("{}{}", &SECRET.0[..24], base32_of(index));
        writeln!(
            links,
            "otpauth://totp/{}:{}?secret={secret}",
            issuer(index).replace(' ', "%20"),
            account(index)
        )?;
    }
    let path = dir.join("links.txt");
    std::fs::write(&path, links)?;
    let source = ImportSource::File {
        path: path.display().to_string(),
    };
    let CodesReply::Import(found) = codes(watch, CodesRequest::PreviewImport { source }).await? else {
        bail!("no preview");
    };
    ensure!(
        matches!(found.stage, ImportStage::Ready { new, .. } if new as usize == ENTRIES),
        "not all {ENTRIES} links can be imported"
    );
    codes(watch, CodesRequest::ApplyImport { import: found.id }).await?;
    Ok(())
}

/// Eight Base32 digits of their own.
fn base32_of(index: usize) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    (0..8)
        .map(|place| char::from(digits[(index >> (5 * place)) & 31]))
        .collect()
}

/// All entries, page by page, as the window would if somebody scrolled to the end.
async fn list(watch: &Watch) -> Result<Vec<CodeEntry>> {
    let mut entries = Vec::new();
    loop {
        let page = page(watch, "", entries.len(), MAX_CODES).await?;
        ensure!(!page.entries.is_empty(), "the list ends before its end");
        entries.extend(page.entries);
        if entries.len() >= page.total as usize {
            return Ok(entries);
        }
    }
}

async fn page(watch: &Watch, query: &str, from: usize, limit: u32) -> Result<CodesPage> {
    let call = CodesRequest::List {
        query: query.to_owned(),
        tag: None,
        from: u32::try_from(from)?,
        limit,
    };
    let CodesReply::Page(page) = codes(watch, call).await? else {
        bail!("no page of codes");
    };
    Ok(page)
}

/// From the first call to a vault that is closed to all its entries, key from the keyring included.
async fn opens(session: &Session, agent: &mut Agent, peer: Option<&Path>) -> Result<[Figure; 1]> {
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        agent.stop().await?;
        agent.run(session).await?;
        let watch = agent.watch(Role::Terminal).await?;
        let start = Instant::now();
        let entries = list(&watch).await?;
        ours.push(milliseconds(start.elapsed()));
        ensure!(entries.len() == ENTRIES, "{} entries were listed", entries.len());
        if let Some(dir) = peer {
            let start = Instant::now();
            let listed = keepassxc_cli(session, &["ls", "-q", "codes.kdbx"], dir, PASSWORD).await?;
            others.push(milliseconds(start.elapsed()));
            ensure!(
                listed.lines().count() == ENTRIES,
                "KeePassXC lists something else"
            );
        }
    }
    Ok([Figure::new(
        "codes_open_and_list_p50",
        quantile(&ours, 0.5).context("no samples")?,
        "ms",
        "keepassxc-cli ls, key derivation of 0.1 s",
        quantile(&others, 0.5),
    )])
}

/// Codes that front ends are given, this one and the next, beside the two HMACs each in a bare loop.
async fn shows(agent: &Agent) -> Result<[Figure; 1]> {
    let watch = agent.watch(Role::Terminal).await?;
    let ids: Vec<_> = list(&watch).await?.into_iter().map(|entry| entry.id).collect();
    let (mut ours, mut floor) = (Duration::ZERO, Duration::ZERO);
    for turn in 0..TURNS {
        let start = Instant::now();
        for ids in ids.chunks(MAX_CODES as usize) {
            let call = CodesRequest::Show { ids: ids.to_vec() };
            let CodesReply::Shown(shown) = codes(&watch, call).await? else {
                bail!("no codes");
            };
            ensure!(shown.len() == ids.len(), "codes are missing");
        }
        ours += start.elapsed();
        let start = Instant::now();
        for index in 0..ENTRIES * 2 {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.1);
            std::hint::black_box(hmac::sign(&key, &(turn * ENTRIES + index).to_be_bytes()));
        }
        floor += start.elapsed();
    }
    let per_second = |time: Duration| (ENTRIES * TURNS) as f64 / time.as_secs_f64();
    Ok([Figure::new(
        "codes_shown_per_second",
        per_second(ours),
        "codes/s",
        "bare HMACs",
        Some(per_second(floor)),
    )])
}

/// From a search to the first entries found, beside looking for the words in all names in a bare loop.
async fn finds(agent: &Agent) -> Result<[Figure; 2]> {
    let watch = agent.watch(Role::Terminal).await?;
    let names: Vec<String> = (0..ENTRIES)
        .map(|i| format!("{} {}", issuer(i), account(i)))
        .collect();
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        // As it is typed.
        let wanted = format!("user{}", 150 + turn);
        for typed in 1..=wanted.len() {
            let query = &wanted[..typed];
            let start = Instant::now();
            let found = page(&watch, query, 0, 100).await?;
            ours.push(milliseconds(start.elapsed()));
            let start = Instant::now();
            let scanned = names
                .iter()
                .filter(|name| name.to_lowercase().contains(query))
                .count();
            floor.push(milliseconds(start.elapsed()));
            ensure!(
                found.total > 0 && scanned >= found.total as usize,
                "{query} finds {} entries, a bare loop {scanned}",
                found.total
            );
        }
    }
    let figure = |name, share| -> Result<Figure> {
        let value = quantile(&ours, share).context("no samples")?;
        Ok(Figure::new(
            name,
            value,
            "ms",
            "a bare loop over the names",
            quantile(&floor, share),
        ))
    };
    Ok([
        figure("codes_filter_p50", 0.5)?,
        figure("codes_filter_p99", 0.99)?,
    ])
}

/// The agent with the vault open, beside KeePassXC with the same entries.
async fn memory(session: &Session, agent: &Agent, peer: Option<&Path>) -> Result<[Figure; 1]> {
    list(&agent.watch(Role::Terminal).await?).await?;
    let mib = |pid| anyhow::Ok(pss_kib(pid)? as f64 / 1024.0);
    let ours = mib(agent.process()?.pid())?;
    let other = match peer {
        Some(dir) => {
            let process = keepassxc_window(session, dir).await?;
            let other = mib(process.pid())?;
            process.stop().await?;
            Some(other)
        }
        None => None,
    };
    Ok([Figure::new("agent_codes_pss", ours, "MiB", "keepassxc", other)])
}

/// A database with the same entries, its key derivation as quick as KeePassXC makes it.
async fn keepassxc(session: &Session, dir: &Path) -> Result<()> {
    let mut number = 0_u128;
    let mut uuid = || {
        number += 1;
        STANDARD.encode(number.to_be_bytes())
    };
    let mut xml = format!(
        "<?xml version=\"1.0\"?><KeePassFile><Meta/><Root><Group><UUID>{}</UUID><Name>Root</Name>",
        uuid()
    );
    for index in 0..ENTRIES {
        let (issuer, account) = (issuer(index), account(index));
        write!(xml, "<Entry><UUID>{}</UUID>", uuid())?;
        let otp = format!("otpauth://totp/{account}?secret={}", SECRET.0);
        for (key, value) in [("Title", issuer), ("UserName", account), ("otp", otp)] {
            write!(xml, "<String><Key>{key}</Key><Value>{value}</Value></String>")?;
        }
        xml.push_str("</Entry>");
    }
    xml.push_str("</Group></Root></KeePassFile>");
    std::fs::write(dir.join("entries.xml"), xml)?;
    let arguments = ["import", "-q", "-p", "-t", "100", "entries.xml", "codes.kdbx"];
    keepassxc_cli(session, &arguments, dir, &PASSWORD.repeat(2)).await?;
    Ok(())
}

async fn keepassxc_cli(session: &Session, arguments: &[&str], dir: &Path, input: &str) -> Result<String> {
    let mut child = session
        .command("keepassxc-cli")
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    child
        .stdin
        .take()
        .context("no standard input")?
        .write_all(input.as_bytes())
        .await?;
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "keepassxc-cli {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// KeePassXC's window with the database open.
async fn keepassxc_window(session: &Session, dir: &Path) -> Result<Process> {
    let mut command = session.command("keepassxc");
    let settings = dir.join("keepassxc.ini");
    // No question about looking for new versions in front of it.
    std::fs::write(
        &settings,
        "[GUI]\nCheckForUpdates=false\nCheckForUpdatesNextCheck=0\n[General]\nUpdateCheckMessageShown=true\n",
    )?;
    std::fs::write(dir.join("password"), PASSWORD)?;
    command
        .arg("--config")
        .arg(&settings)
        .args(["--pw-stdin", "codes.kdbx"])
        .current_dir(dir)
        .stdin(std::fs::File::open(dir.join("password"))?);
    let process = Process::start("keepassxc", command, session.logs().dir())?;
    Desktop::new(session.display()?)
        .window("codes.kdbx - KeePassXC")
        .await?;
    Ok(process)
}
