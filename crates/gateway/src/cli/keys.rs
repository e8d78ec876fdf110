//! `keys …`

use std::io::Write;

use clap::{Args, Subcommand};

use super::{
    CliResult,
    admin::{self, Admin, with_store},
    output::{self, Format},
};
use crate::{audit::Event, config::Config, keys::ListedKey};

/// The issuer's signing keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// List the keys and their fingerprints
    List(Format),
    /// Make a new signing key; the older ones stay, so that devices can follow
    Rotate(Format),
    /// Remove an older key; devices that never saw a newer one must be enrolled again
    Retire(Retire),
}

/// A key to be removed.
#[derive(Debug, Args)]
pub struct Retire {
    /// Its id
    kid: String,
}

impl KeysCommand {
    pub(super) fn run(self, config: Config, out: &mut dyn Write) -> CliResult {
        match self {
            Self::List(format) => {
                let keys = admin::key_file(&config).list()?;
                if format.json {
                    return Ok(output::json(out, &keys)?);
                }
                table(&keys, out)
            }
            Self::Rotate(format) => with_store(config, async |admin| rotate(&admin, format, out).await),
            Self::Retire(Retire { kid }) => with_store(config, async |admin| {
                admin::key_file(&admin.config).retire(&kid)?;
                let entry = admin.entry(Event::KeysRotated).detail("kid", kid.as_str());
                admin.store.audit(entry).await?;
                Ok(writeln!(out, "retired {kid}")?)
            }),
        }
    }
}

async fn rotate(admin: &Admin, format: Format, out: &mut dyn Write) -> CliResult {
    let file = admin::key_file(&admin.config);
    let dropped = file.rotate(admin.now)?;
    let keys = file.list()?;
    let active = keys.iter().find(|key| key.active).map(|key| key.kid.clone());
    let entry = admin
        .entry(Event::KeysRotated)
        .detail("kid", active)
        .detail("dropped", dropped.clone());
    admin.store.audit(entry).await?;
    if format.json {
        return Ok(output::json(out, &keys)?);
    }
    table(&keys, out)?;
    if let Some(kid) = dropped {
        writeln!(
            out,
            "The oldest key, {kid}, was dropped: devices that saw none of the newer ones must be enrolled again."
        )?;
    }
    Ok(())
}

fn table(keys: &[ListedKey], out: &mut dyn Write) -> CliResult {
    let rows: Vec<[String; 4]> = keys
        .iter()
        .map(|key| {
            let use_ = if key.active { "signs" } else { "kept" };
            [
                key.kid.clone(),
                use_.to_owned(),
                output::instant(key.created_at),
                key.fingerprint.clone(),
            ]
        })
        .collect();
    Ok(output::table(
        out,
        ["KEY", "USE", "SINCE", "FINGERPRINT"],
        &rows,
        "no keys",
    )?)
}
