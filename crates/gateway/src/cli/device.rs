//! `device …`

use std::io::Write;

use clap::{Args, Subcommand};
use countersign_protocol::DeviceId;
use serde_json::{Value, json};

use super::{
    CliError, CliResult,
    admin::{Admin, with_store},
    output::{self, Format},
};
use crate::{
    audit::Event,
    config::Config,
    store::{Device, Revoked},
};

/// Enrolled devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List devices, revoked ones too
    List(List),
    /// Revoke a device: its connection closes, its signatures are refused from now on
    Revoke(Revoke),
}

/// Devices to be listed.
#[derive(Debug, Args)]
pub struct List {
    /// Only those of this user
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// A device to be revoked.
#[derive(Debug, Args)]
pub struct Revoke {
    /// Its id (dev_…)
    device: DeviceId,
}

impl DeviceCommand {
    pub(super) fn run(self, config: Config, out: &mut dyn Write) -> CliResult {
        match self {
            Self::List(list) => with_store(config, async |admin| {
                let devices = admin.store.devices(list.user.as_deref()).await?;
                if list.format.json {
                    return Ok(output::json(
                        out,
                        &devices.iter().map(as_json).collect::<Vec<_>>(),
                    )?);
                }
                table(&devices, out)
            }),
            Self::Revoke(Revoke { device }) => {
                with_store(config, async |admin| revoke(&admin, &device, out).await)
            }
        }
    }
}

pub(super) async fn revoke(admin: &Admin, device: &DeviceId, out: &mut dyn Write) -> CliResult {
    let entry = admin.entry(Event::DeviceRevoked).device(device);
    match admin.store.revoke_device(device, admin.now, entry).await? {
        Revoked::Now => Ok(writeln!(out, "revoked {device}")?),
        Revoked::Before(at) => Ok(writeln!(
            out,
            "{device} is revoked since {}",
            output::instant(at)
        )?),
        Revoked::Unknown => Err(CliError::Refused(format!(
            "there is no device {device}; `countersign-gateway device list` shows them"
        ))),
    }
}

pub(super) fn table(devices: &[Device], out: &mut dyn Write) -> CliResult {
    let rows: Vec<[String; 6]> = devices
        .iter()
        .map(|device| {
            [
                device.id.to_string(),
                device.user.clone(),
                device.name.clone(),
                device.platform.clone(),
                output::instant(device.enrolled_at),
                device.revoked_at.map_or_else(|| "no".to_owned(), output::instant),
            ]
        })
        .collect();
    Ok(output::table(
        out,
        ["DEVICE", "USER", "NAME", "PLATFORM", "ENROLLED", "REVOKED"],
        &rows,
        "no devices",
    )?)
}

pub(super) fn as_json(device: &Device) -> Value {
    json!({
        "device_id": device.id,
        "user": device.user,
        "account": device.account,
        "name": device.name,
        "platform": device.platform,
        "app_version": device.app_version,
        "key_id": device.key.thumbprint(),
        "key_protection": device.key_protection,
        "enrolled_at": device.enrolled_at,
        "revoked_at": device.revoked_at,
    })
}
