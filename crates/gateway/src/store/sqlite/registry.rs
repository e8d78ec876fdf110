//! Relying sides, users, offers and devices in SQLite.

use countersign_protocol::{DeviceId, Jwk, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{
    column::{get, hash, json, kind, kind_text, parsed, signed, to_json, unsigned},
    error::StoreErrorExt as _,
    execute, log, one, rows,
};
use crate::{
    audit::{self, Entry},
    store::{Client, Device, DeviceRotation, Hash, NewDevice, Offer, Revoked, StoreError, StoreResult, User},
};

pub(super) fn add_client(db: &Connection, client: &Client, entry: &Entry) -> StoreResult<bool> {
    let added = execute(
        db,
        "INSERT INTO clients (id, name, secret_hash, kind, callback_urls, created_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        params![
            client.id,
            client.name,
            client.secret_hash,
            kind_text(client.kind),
            to_json(&client.callback_urls)?,
            client.created_at
        ],
    )?;
    if added == 1 {
        log::append(db, entry)?;
    }
    Ok(added == 1)
}

pub(super) fn clients(db: &Connection) -> StoreResult<Vec<Client>> {
    rows(db, "SELECT * FROM clients ORDER BY id", [], client)
}

pub(super) fn remove_client(db: &Connection, id: &str, entry: &Entry) -> StoreResult<bool> {
    let removed = execute(db, "DELETE FROM clients WHERE id = ?1", [id])?;
    if removed == 1 {
        log::append(db, entry)?;
    }
    Ok(removed == 1)
}

pub(super) fn client_by_secret(db: &Connection, secret_hash: &Hash) -> StoreResult<Option<Client>> {
    one(
        db,
        "SELECT * FROM clients WHERE secret_hash = ?1",
        [secret_hash],
        client,
    )
}

pub(super) fn users(db: &Connection) -> StoreResult<Vec<User>> {
    rows(db, "SELECT * FROM users ORDER BY id", [], user_row)
}

pub(super) fn user(db: &Connection, id: &str) -> StoreResult<Option<User>> {
    one(db, "SELECT * FROM users WHERE id = ?1", [id], user_row)
}

pub(super) fn unlock_user(db: &Connection, id: &str, entry: &Entry) -> StoreResult<bool> {
    let unlocked = execute(
        db,
        "UPDATE users SET wrong_codes = 0, locked_at = NULL WHERE id = ?1",
        [id],
    )?;
    if unlocked == 1 {
        log::append(db, entry)?;
    }
    Ok(unlocked == 1)
}

pub(super) fn add_offer(db: &Connection, offer: &Offer, entry: &Entry) -> StoreResult<()> {
    execute(
        db,
        "INSERT INTO users (id, created_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
        params![offer.user, offer.created_at],
    )?;
    execute(
        db,
        "INSERT INTO offers (code_hash, user_id, account, created_at, expires_at, otp)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            offer.code_hash,
            offer.user,
            offer.account,
            offer.created_at,
            offer.expires_at,
            offer.otp
        ],
    )?;
    log::append(db, entry)?;
    Ok(())
}

pub(super) fn offer(db: &Connection, code_hash: &Hash, now: Timestamp) -> StoreResult<Option<Offer>> {
    one(
        db,
        "SELECT * FROM offers WHERE code_hash = ?1 AND used_by IS NULL AND expires_at > ?2",
        params![code_hash, now],
        |row| {
            Ok(Offer {
                code_hash: hash(row, "code_hash")?,
                user: get(row, "user_id")?,
                account: get(row, "account")?,
                created_at: get(row, "created_at")?,
                expires_at: get(row, "expires_at")?,
                otp: get(row, "otp")?,
            })
        },
    )
}

pub(super) fn enrol(db: &Connection, code_hash: &Hash, new: &NewDevice) -> StoreResult<Option<Device>> {
    let Some(offer) = offer(db, code_hash, new.now)? else {
        return Ok(None);
    };
    execute(
        db,
        "UPDATE offers SET used_by = ?1, otp = NULL WHERE code_hash = ?2 AND used_by IS NULL",
        params![new.id.as_str(), code_hash],
    )?;
    let device = Device {
        id: new.id.clone(),
        user: offer.user,
        account: offer.account,
        key: new.key.clone(),
        name: new.name.clone(),
        platform: new.platform.clone(),
        app_version: new.app_version.clone(),
        key_protection: new.key_protection,
        counter: 0,
        enrolled_at: new.now,
        revoked_at: None,
    };
    execute(
        db,
        "INSERT INTO devices (id, user_id, account, key, name, platform, app_version, key_protection, enrolled_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            device.id.as_str(),
            device.user,
            device.account,
            device.key.to_json(),
            device.name,
            device.platform,
            device.app_version,
            to_json(&device.key_protection)?,
            device.enrolled_at
        ],
    )?;
    log::append(db, &audit::enrolled(&device))?;
    Ok(Some(device))
}

pub(super) fn devices(db: &Connection, user: Option<&str>) -> StoreResult<Vec<Device>> {
    match user {
        Some(user) => rows(
            db,
            "SELECT * FROM devices WHERE user_id = ?1 ORDER BY enrolled_at, id",
            [user],
            device_row,
        ),
        None => rows(
            db,
            "SELECT * FROM devices ORDER BY enrolled_at, id",
            [],
            device_row,
        ),
    }
}

pub(super) fn device(db: &Connection, id: &DeviceId) -> StoreResult<Option<Device>> {
    one(
        db,
        "SELECT * FROM devices WHERE id = ?1",
        [id.as_str()],
        device_row,
    )
}

pub(super) fn user_with_devices(db: &Connection, id: &str) -> StoreResult<Option<(User, Vec<Device>)>> {
    let Some(user) = user(db, id)? else {
        return Ok(None);
    };
    let devices = rows(
        db,
        "SELECT * FROM devices WHERE user_id = ?1 AND revoked_at IS NULL ORDER BY enrolled_at, id",
        [id],
        device_row,
    )?;
    Ok(Some((user, devices)))
}

pub(super) fn revoke_device(
    db: &Connection,
    id: &DeviceId,
    now: Timestamp,
    entry: &Entry,
) -> StoreResult<Revoked> {
    let Some(device) = device(db, id)? else {
        return Ok(Revoked::Unknown);
    };
    if let Some(at) = device.revoked_at {
        return Ok(Revoked::Before(at));
    }
    execute(
        db,
        "UPDATE devices SET revoked_at = ?1 WHERE id = ?2",
        params![now, id.as_str()],
    )?;
    log::append(db, &entry.clone().device(id).user(&device.user))?;
    Ok(Revoked::Now)
}

pub(super) fn rotate_device(db: &Connection, rotation: &DeviceRotation, entry: &Entry) -> StoreResult<bool> {
    let rotated = execute(
        db,
        "UPDATE devices SET key = ?1, key_protection = ?2 WHERE id = ?3 AND key = ?4 AND revoked_at IS NULL",
        params![
            rotation.new.to_json(),
            to_json(&rotation.key_protection)?,
            rotation.device.as_str(),
            rotation.old.to_json()
        ],
    )?;
    if rotated == 1 {
        log::append(db, entry)?;
    }
    Ok(rotated == 1)
}

/// Counts a decision's counter as seen.
pub(super) fn count(db: &Connection, id: &DeviceId, counter: u64) -> StoreResult<()> {
    execute(
        db,
        "UPDATE devices SET counter = ?1 WHERE id = ?2",
        params![signed(counter), id.as_str()],
    )?;
    Ok(())
}

/// Forgets the wrong codes of a user. Writes nothing if there are none, as usual.
pub(super) fn forgive(db: &Connection, user: &str) -> StoreResult<()> {
    execute(
        db,
        "UPDATE users SET wrong_codes = 0 WHERE id = ?1 AND wrong_codes <> 0",
        [user],
    )?;
    Ok(())
}

/// Sets how many wrong codes a user typed, and since when they are locked.
pub(super) fn set_wrong_codes(
    db: &Connection,
    user: &str,
    wrong_codes: u32,
    locked_at: Option<Timestamp>,
) -> StoreResult<()> {
    execute(
        db,
        "UPDATE users SET wrong_codes = ?1, locked_at = ?2 WHERE id = ?3",
        params![wrong_codes, locked_at, user],
    )?;
    Ok(())
}

fn client(row: &Row<'_>) -> StoreResult<Client> {
    Ok(Client {
        id: get(row, "id")?,
        name: get(row, "name")?,
        secret_hash: hash(row, "secret_hash")?,
        kind: kind(&get::<String>(row, "kind")?)?,
        callback_urls: json(row, "callback_urls")?,
        created_at: get(row, "created_at")?,
    })
}

fn user_row(row: &Row<'_>) -> StoreResult<User> {
    Ok(User {
        id: get(row, "id")?,
        wrong_codes: unsigned(row, "wrong_codes")?,
        locked_at: get(row, "locked_at")?,
        created_at: get(row, "created_at")?,
    })
}

fn device_row(row: &Row<'_>) -> StoreResult<Device> {
    Ok(Device {
        id: parsed(row, "id")?,
        user: get(row, "user_id")?,
        account: get(row, "account")?,
        key: Jwk::from_json(&get::<String>(row, "key")?).map_err(|_| StoreError::corrupt("column key"))?,
        name: get(row, "name")?,
        platform: get(row, "platform")?,
        app_version: get(row, "app_version")?,
        key_protection: json(row, "key_protection")?,
        counter: unsigned(row, "counter")?,
        enrolled_at: get(row, "enrolled_at")?,
        revoked_at: get(row, "revoked_at")?,
    })
}
