//! `user …`

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CliError, CliResult,
    admin::{Admin, with_store},
    device,
    output::{self, Format},
};
use crate::{audit::Event, config::Config, store::User};

/// People who can be asked.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List people
    List(Format),
    /// Show one person and their devices
    Show(Show),
    /// Let a person who typed too many wrong codes approve again
    Unlock(Unlock),
    /// Revoke all devices of a person: nobody can be asked in their name until one is enrolled again
    Revoke(Revoke),
}

/// A person to be shown.
#[derive(Debug, Args)]
pub struct Show {
    /// The name that relying sides use
    user: String,
    #[command(flatten)]
    format: Format,
}

/// A person to be unlocked.
#[derive(Debug, Args)]
pub struct Unlock {
    /// The name that relying sides use
    user: String,
}

/// A person to be cut off.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The name that relying sides use
    user: String,
}

impl UserCommand {
    pub(super) fn run(self, config: Config, out: &mut dyn Write) -> CliResult {
        match self {
            Self::List(format) => with_store(config, async |admin| list(&admin, format, out).await),
            Self::Show(show) => with_store(config, async |admin| show.run(&admin, out).await),
            Self::Unlock(Unlock { user }) => with_store(config, async |admin| {
                let entry = admin.entry(Event::UserUnlocked).user(&user);
                if !admin.store.unlock_user(&user, entry).await? {
                    return Err(unknown(&user));
                }
                Ok(writeln!(out, "unlocked {user}")?)
            }),
            Self::Revoke(Revoke { user }) => with_store(config, async |admin| {
                admin.store.user(&user).await?.ok_or_else(|| unknown(&user))?;
                for device in admin
                    .store
                    .devices(Some(&user))
                    .await?
                    .iter()
                    .filter(|d| d.revoked_at.is_none())
                {
                    device::revoke(&admin, &device.id, out).await?;
                }
                Ok(())
            }),
        }
    }
}

impl Show {
    async fn run(self, admin: &Admin, out: &mut dyn Write) -> CliResult {
        let user = admin
            .store
            .user(&self.user)
            .await?
            .ok_or_else(|| unknown(&self.user))?;
        let devices = admin.store.devices(Some(&self.user)).await?;
        if self.format.json {
            let mut value = as_json(&user);
            value["devices"] = devices.iter().map(device::as_json).collect();
            return Ok(output::json(out, &value)?);
        }
        writeln!(out, "user         {}", user.id)?;
        writeln!(out, "since        {}", output::instant(user.created_at))?;
        writeln!(out, "wrong codes  {}", user.wrong_codes)?;
        writeln!(out, "locked       {}", locked(&user))?;
        writeln!(out)?;
        device::table(&devices, out)
    }
}

async fn list(admin: &Admin, format: Format, out: &mut dyn Write) -> CliResult {
    let users = admin.store.users().await?;
    if format.json {
        return Ok(output::json(out, &users.iter().map(as_json).collect::<Vec<_>>())?);
    }
    let rows: Vec<[String; 4]> = users
        .into_iter()
        .map(|user| {
            [
                locked(&user),
                output::instant(user.created_at),
                user.wrong_codes.to_string(),
                user.id,
            ]
        })
        .map(|[locked, since, wrong_codes, id]| [id, since, wrong_codes, locked])
        .collect();
    let nothing = "no users; the first `countersign-gateway enrolment create` for somebody makes one";
    Ok(output::table(
        out,
        ["USER", "SINCE", "WRONG CODES", "LOCKED"],
        &rows,
        nothing,
    )?)
}

fn locked(user: &User) -> String {
    user.locked_at
        .map_or_else(|| "no".to_owned(), |at| format!("since {}", output::instant(at)))
}

fn as_json(user: &User) -> Value {
    json!({
        "user": user.id,
        "created_at": user.created_at,
        "wrong_codes": user.wrong_codes,
        "locked_at": user.locked_at,
    })
}

pub(super) fn unknown(user: &str) -> CliError {
    CliError::Refused(format!(
        "there is no user {user}; `countersign-gateway user list` shows them"
    ))
}
