//! `client …`

use std::io::Write;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use countersign_protocol::text;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    CliError, CliResult,
    admin::{Admin, with_store},
    output::{self, Format},
};
use crate::{
    audit::Event,
    callback,
    config::Config,
    edge::Rng,
    service::sha256,
    store::{Client, ClientKind},
};

/// Relying sides.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Register a relying side and print its secret, once
    Add(Add),
    /// List relying sides
    List(Format),
    /// Remove a relying side; its secret ends at once
    Remove(Remove),
}

/// A relying side to be registered.
#[derive(Debug, Args)]
pub struct Add {
    /// Its id, the audience of its results: 1 to 128 letters, digits, and . _ ~ : / -
    id: String,
    /// The name that people see, up to 64 characters
    #[arg(long)]
    name: String,
    /// It may name the application that the person sees, as identity providers do
    #[arg(long)]
    identity_provider: bool,
    /// An address that may be called back; https, or http on this computer. May be repeated
    #[arg(long = "callback-url", value_name = "URL")]
    callback_urls: Vec<String>,
    #[command(flatten)]
    format: Format,
}

/// A relying side to be removed.
#[derive(Debug, Args)]
pub struct Remove {
    /// Its id
    id: String,
}

impl ClientCommand {
    pub(super) fn run(self, config: Config, out: &mut dyn Write) -> CliResult {
        match self {
            Self::Add(add) => with_store(config, async |admin| add.run(&admin, out).await),
            Self::List(format) => with_store(config, async |admin| list(&admin, format, out).await),
            Self::Remove(Remove { id }) => with_store(config, async |admin| {
                let entry = admin.entry(Event::ClientRemoved).client(&id);
                if !admin.store.remove_client(&id, entry).await? {
                    return Err(unknown(&id));
                }
                Ok(writeln!(out, "removed {id}")?)
            }),
        }
    }
}

impl Add {
    async fn run(self, admin: &Admin, out: &mut dyn Write) -> CliResult {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._~:/-".contains(&b);
        if !(1..=128).contains(&self.id.len()) || !self.id.bytes().all(plain) {
            return Err(CliError::Refused(format!(
                "{:?} cannot be an id: 1 to 128 letters, digits, and . _ ~ : / - are allowed",
                self.id
            )));
        }
        text::check(&self.name, 64)
            .map_err(|e| CliError::Refused(format!("the name cannot be shown to people: {e}")))?;
        for url in &self.callback_urls {
            callback::check_url(url).map_err(|e| CliError::Refused(format!("{url}: {e}")))?;
        }
        let random = Zeroizing::new((&admin.rng as &dyn Rng).bytes::<32>()?);
        let secret = Zeroizing::new(format!("cs_{}", BASE64_URL_SAFE_NO_PAD.encode(*random)));
        let kind = match self.identity_provider {
            true => ClientKind::IdentityProvider,
            false => ClientKind::Application,
        };
        let client = Client {
            id: self.id.clone(),
            name: self.name,
            secret_hash: sha256(secret.as_bytes()),
            kind,
            callback_urls: self.callback_urls,
            created_at: admin.now,
        };
        let entry = admin
            .entry(Event::ClientAdded)
            .client(&self.id)
            .detail("identity_provider", self.identity_provider)
            .detail("callback_urls", client.callback_urls.clone());
        if !admin.store.add_client(client, entry).await? {
            let id = &self.id;
            return Err(CliError::Refused(format!(
                "there is a client {id} already; remove it first for a new secret"
            )));
        }
        if self.format.json {
            return Ok(output::json(out, &json!({ "id": self.id, "secret": *secret }))?);
        }
        writeln!(out, "client  {}\nsecret  {}", self.id, *secret)?;
        writeln!(
            out,
            "The secret is shown only now. The client sends it as `Authorization: Bearer …`."
        )?;
        Ok(())
    }
}

async fn list(admin: &Admin, format: Format, out: &mut dyn Write) -> CliResult {
    let clients = admin.store.clients().await?;
    if format.json {
        let list: Vec<_> = clients
            .iter()
            .map(|client| {
                json!({
                    "id": client.id,
                    "name": client.name,
                    "identity_provider": client.kind == ClientKind::IdentityProvider,
                    "callback_urls": client.callback_urls,
                    "created_at": client.created_at,
                })
            })
            .collect();
        return Ok(output::json(out, &list)?);
    }
    let rows: Vec<[String; 5]> = clients
        .into_iter()
        .map(|client| {
            let kind = match client.kind {
                ClientKind::Application => "application",
                ClientKind::IdentityProvider => "identity provider",
            };
            let since = output::instant(client.created_at);
            [
                client.id,
                client.name,
                kind.to_owned(),
                since,
                client.callback_urls.join(" "),
            ]
        })
        .collect();
    let nothing = "no clients; register one with `countersign-gateway client add`";
    Ok(output::table(
        out,
        ["ID", "NAME", "KIND", "SINCE", "CALLBACKS"],
        &rows,
        nothing,
    )?)
}

fn unknown(id: &str) -> CliError {
    CliError::Refused(format!(
        "there is no client {id}; `countersign-gateway client list` shows them"
    ))
}
