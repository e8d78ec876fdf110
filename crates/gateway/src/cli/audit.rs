//! `audit …`

use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    thread,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, CliResult,
    admin::{self, Admin, with_store},
    output::{self, Format},
};
use crate::{
    audit::{Event, Verified, verify},
    config::{Config, ConfigError},
};

/// Records that are read at once.
const PAGE: usize = 1000;

/// The audit log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write the records, one JSON object a line
    Export(Export),
    /// Verify that no record was changed, removed or inserted
    Verify(Verify),
}

/// What to export.
#[derive(Debug, Args)]
pub struct Export {
    /// Only records after this number
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// The file to write; it must not exist. Standard output unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What to verify.
#[derive(Debug, Args)]
pub struct Verify {
    /// An export, - for standard input. The gateway's own log unless given
    file: Option<PathBuf>,
    /// The hash that the last record must have, from an earlier verification
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
    #[command(flatten)]
    format: Format,
}

impl AuditCommand {
    /// Verifying an export needs no configuration.
    pub(super) fn run(
        self,
        load: impl FnOnce() -> Result<Config, ConfigError>,
        out: &mut dyn Write,
    ) -> CliResult {
        match self {
            Self::Export(export) => with_store(load()?, async |admin| export.run(&admin, out).await),
            Self::Verify(verify) => verify.run(load, out),
        }
    }
}

impl Export {
    async fn run(self, admin: &Admin, out: &mut dyn Write) -> CliResult {
        // First, so that the export tells of itself.
        admin
            .store
            .audit(admin.entry(Event::AuditExported).detail("after", self.after))
            .await?;
        let Some(path) = self.out else {
            return write_records(admin, self.after, out).await.map(|_| ());
        };
        let mut file = BufWriter::new(admin::create_new(&path)?);
        let last = write_records(admin, self.after, &mut file).await?;
        let synced = file
            .into_inner()
            .map_err(io::Error::from)
            .and_then(|file| file.sync_all());
        synced.map_err(CliError::io(format!("write {}", path.display())))?;
        Ok(writeln!(
            out,
            "exported records {} to {last} to {}",
            self.after + 1,
            path.display()
        )?)
    }
}

async fn write_records(admin: &Admin, after: u64, out: &mut dyn Write) -> CliResult<u64> {
    let mut last = after;
    loop {
        let page = admin.store.audit_records(last, PAGE).await?;
        for record in &page {
            writeln!(out, "{}", record.line)?;
            last = record.seq;
        }
        if page.len() < PAGE {
            return Ok(last);
        }
    }
}

impl Verify {
    fn run(self, load: impl FnOnce() -> Result<Config, ConfigError>, out: &mut dyn Write) -> CliResult {
        let verified = match &self.file {
            Some(path) if path.as_os_str() == "-" => verify(io::stdin().lock())?,
            Some(path) => verify(open(path)?)?,
            None => with_store(load()?, async |admin| verify_own(&admin).await)?,
        };
        if self.head.as_ref().is_some_and(|head| *head != verified.head) {
            return Err(CliError::Refused(format!(
                "the log ends with record {} and hash {}, not with the hash given: records were removed at the end, or it grew since",
                verified.last, verified.head
            )));
        }
        if self.format.json {
            let value = json!({
                "records": verified.records,
                "first": verified.first,
                "last": verified.last,
                "head": verified.head,
            });
            return Ok(output::json(out, &value)?);
        }
        writeln!(
            out,
            "{} records, {} to {}, unbroken",
            verified.records, verified.first, verified.last
        )?;
        writeln!(out, "head {}", verified.head)?;
        Ok(())
    }
}

/// Verifies while reading, so that the log need not fit into memory.
async fn verify_own(admin: &Admin) -> CliResult<Verified> {
    let (reader, mut writer) = io::pipe().map_err(CliError::io("make a pipe"))?;
    let verifier = thread::spawn(move || verify(BufReader::new(reader)));
    let written = write_records(admin, 0, &mut writer).await;
    drop(writer);
    let verified = verifier
        .join()
        .map_err(|_| CliError::Refused("the verification broke off".to_owned()))?;
    match (verified, written) {
        // What the verifier says comes first: after it found something, writing fails too.
        (Err(error), _) => Err(error.into()),
        (Ok(_), Err(error)) => Err(error),
        (Ok(verified), Ok(_)) => Ok(verified),
    }
}

fn open(path: &Path) -> CliResult<impl BufRead> {
    File::open(path)
        .map(BufReader::new)
        .map_err(CliError::io(format!("read {}", path.display())))
}
