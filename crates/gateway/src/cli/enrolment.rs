//! `enrolment …`

use std::{
    fs::File,
    io::{Read as _, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use countersign_protocol::{EnrolmentCode, EnrolmentLink, fingerprint, text, wire::OtpLink};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    CliError, CliResult,
    admin::{self, Admin, with_store},
    output::{self, Format},
    qr::{self, Image},
};
use crate::{
    audit::Event,
    config::Config,
    edge::Rng,
    keys::KeyRing,
    service::{otp, sha256},
    store::Offer,
};

/// Invitations to enrol a device.
#[derive(Debug, Subcommand)]
pub enum EnrolmentCommand {
    /// Make a link by which one device can be enrolled, once
    Create(Create),
}

/// An invitation to be made.
#[derive(Debug, Args)]
pub struct Create {
    /// The name that relying sides use for this person
    #[arg(long)]
    user: String,
    /// What the person sees as the account; the user's name unless said otherwise
    #[arg(long)]
    account: Option<String>,
    /// A file with an otpauth:// link of the same account, to be delivered with the enrolment; `-` for standard input
    #[arg(long, value_name = "FILE")]
    otp: Option<PathBuf>,
    /// Seconds that the link lives
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(i64).range(30..=600))]
    expires_in: i64,
    /// Draw the link as a QR image too
    #[arg(long, value_name = "KIND")]
    qr: Option<Image>,
    /// The file for the image; it must not exist
    #[arg(long, value_name = "FILE", required_if_eq_any([("qr", "png"), ("qr", "svg")]), requires = "qr")]
    out: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl EnrolmentCommand {
    pub(super) fn run(self, config: Config, out: &mut dyn Write) -> CliResult {
        match self {
            Self::Create(create) => with_store(config, async |admin| create.run(&admin, out).await),
        }
    }
}

impl Create {
    async fn run(self, admin: &Admin, out: &mut dyn Write) -> CliResult {
        let account = self.account.as_ref().unwrap_or(&self.user);
        for (what, value) in [("user", &self.user), ("account", account)] {
            text::check(value, 128)
                .map_err(|e| CliError::Refused(format!("the {what} cannot be shown to people: {e}")))?;
        }
        let keys = admin::key_file(&admin.config).read()?;
        let code = EnrolmentCode::from_random((&admin.rng as &dyn Rng).bytes::<16>()?);
        let code_hash = sha256(code.as_str().as_bytes());
        let otp = self.otp.as_deref().map(otp_link).transpose()?;
        let sealed = otp.as_ref().map(|otp| otp::seal(&code, otp).ok_or_else(no_seal));
        let sealed = sealed.transpose()?;
        let link = EnrolmentLink {
            issuer: admin.config.issuer.clone(),
            code,
        }
        .to_string();
        let expires_at = admin.now + self.expires_in;

        let offer = Offer {
            code_hash,
            user: self.user.clone(),
            account: account.clone(),
            created_at: admin.now,
            expires_at,
            otp: sealed,
        };
        let entry = admin
            .entry(Event::OfferCreated)
            .user(&self.user)
            .detail("expires_at", expires_at)
            .detail("delivers_otp", otp.is_some());
        admin.store.add_offer(offer, entry).await?;

        let image = self
            .qr
            .map(|kind| qr::draw(&link, kind))
            .transpose()
            .map_err(std::io::Error::from)?;
        if let (Some(path), Some(image)) = (&self.out, &image) {
            admin::write_new(path, image)?;
        }
        let fingerprint = fingerprint(keys.current().public_key());
        if self.format.json {
            let value = json!({
                "link": link,
                "user": self.user,
                "account": account,
                "expires_at": expires_at,
                "fingerprint": fingerprint,
            });
            return Ok(output::json(out, &value)?);
        }
        if let (None, Some(image)) = (&self.out, &image) {
            out.write_all(image)?;
        }
        writeln!(out, "link         {link}")?;
        writeln!(
            out,
            "valid until  {} (one device, once)",
            output::instant(expires_at)
        )?;
        writeln!(
            out,
            "fingerprint  {fingerprint} (the person compares it before they agree)"
        )?;
        Ok(())
    }
}

/// Reads the link that is delivered: never an argument, which everybody on the computer can read.
fn otp_link(path: &Path) -> Result<OtpLink, CliError> {
    let mut text = Zeroizing::new(String::new());
    let limit = OtpLink::MAX as u64 + 2;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_string(&mut text)?;
    } else {
        File::open(path)?.take(limit).read_to_string(&mut text)?;
    }
    OtpLink::try_from(text.trim().to_owned())
        .map_err(|error| CliError::Refused(format!("{}: {error}", path.display())))
}

fn no_seal() -> CliError {
    CliError::Refused("the link cannot be encrypted".to_owned())
}
