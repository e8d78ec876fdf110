//! Row 29: a copy of the gateway's database approves nothing and logs nobody in.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use countersign_protocol::{EnrolmentLink, ErrorCode};
use countersign_tests::{
    harness::USER,
    wire::{Device, RelyingSide},
};
use reqwest::{Method, StatusCode};
use rusqlite::{Connection, OpenFlags, types::ValueRef};

use crate::ground::{Ground, refusal};

#[tokio::test]
async fn a_copied_database_approves_nothing_and_logs_nobody_in() -> Result<()> {
    let ground = Ground::start().await?;
    let device = ground.device(USER).await?;
    let (asked, _) = ground.payment(&device).await?;
    let link = ground
        .gateway
        .enrolment_link(&ground.session, "somebody@alder.example")
        .await?;
    let offer = EnrolmentLink::parse(&link)?.code;

    let dump = dump(&ground.gateway.data_dir().join("gateway.db"))?;
    ensure!(dump.len() > 20, "the dump has only {} values", dump.len());
    let keys = std::fs::read_to_string(ground.gateway.data_dir().join("keys.json"))?;
    let mut secrets: Vec<String> = strings(&serde_json::from_str(&keys)?);
    // Public keys are long too, and belong into the database.
    secrets.retain(|s| s.len() >= 40 && !ground_is_public(&device, s));
    ensure!(!secrets.is_empty(), "the key file holds no secret");
    secrets.extend([ground.secret.clone(), offer.as_str().to_owned()]);
    for secret in &secrets {
        ensure!(
            !dump.iter().any(|value| value.contains(secret.as_str())),
            "a secret is in the database as it is"
        );
    }
    ensure!(
        !dump.iter().any(|value| value == asked.code().unwrap_or_default()),
        "a match code is in the database"
    );

    // Whoever has the copy tries everything in it that could be a secret.
    let mut tried = 0;
    for value in dump
        .iter()
        .filter(|v| (20..=128).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_graphic()))
    {
        for bearer in [value.clone(), format!("cs_{value}")] {
            let thief = RelyingSide::new(ground.http.clone(), &ground.gateway.url, &bearer);
            let (status, answer) = thief
                .call(Method::GET, &format!("/v1/approvals/{}", asked.txn), None)
                .await?;
            ensure!(
                status == StatusCode::UNAUTHORIZED,
                "a value of the database logs in: {status} {answer}"
            );
        }
        if let Ok(link) = link_with(&ground.gateway.url, value) {
            let code = refusal(Device::enrol(&ground.http, &link, "thief").await)?;
            ensure!(
                code == ErrorCode::InvalidCode,
                "a value of the database enrols: {code}"
            );
        }
        tried += 1;
    }
    ensure!(tried > 5, "only {tried} values were tried");
    ensure!(
        ground.relying.state(&asked.txn).await? == "pending",
        "the approval was touched"
    );
    Ok(())
}

fn ground_is_public(device: &Device, text: &str) -> bool {
    device
        .issuer_keys
        .iter()
        .any(|key| key.to_json().contains(text) || key.thumbprint().as_str() == text)
}

fn link_with(issuer: &str, code: &str) -> Result<String> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("issuer", issuer)
        .append_pair("code", code)
        .finish();
    let link = format!("countersign://enroll?{query}");
    EnrolmentLink::parse(&link)?;
    Ok(link)
}

/// Every value of every table, as text; binary ones in hexadecimal and in base64url.
fn dump(database: &Path) -> Result<Vec<String>> {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut values = Vec::new();
    for table in tables {
        let mut all = db.prepare(&format!("SELECT * FROM \"{table}\"")).context(table)?;
        let columns = all.column_count();
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                match row.get_ref(column)? {
                    ValueRef::Null | ValueRef::Real(_) => {}
                    ValueRef::Integer(number) => values.push(number.to_string()),
                    ValueRef::Text(text) => values.push(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(blob) => {
                        values.push(blob.iter().map(|byte| format!("{byte:02x}")).collect());
                        values.push(URL_SAFE_NO_PAD.encode(blob));
                        values.push(String::from_utf8_lossy(blob).into_owned());
                    }
                }
            }
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn strings(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::String(text) => vec![text.clone()],
        serde_json::Value::Array(items) => items.iter().flat_map(strings).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(strings).collect(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Vec::new(),
    }
}
