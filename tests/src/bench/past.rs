//! An agent's history, written as the agent writes it: `history/2026-11.001.jsonl` among its data.

use std::{fs, path::Path};

use anyhow::Result;
use countersign_agent_api::{AccountView, HistoryEntry, Line, LineValue, Outcome, ReceiptState, RequestId};
use serde_json::json;

/// How many requests have ended.
pub(super) const ENTRIES: u32 = 1000;
/// A letter that is in as many of them as [`MATCHES`], and nowhere else in what is shown.
pub(super) const LETTER: &str = "z";
/// Less than the window shows at first.
pub(super) const MATCHES: u32 = ENTRIES / 10;
/// 2026-11-01; the last one ends within the month.
const FIRST: i64 = 1_793_491_200;
/// Between one and the next, in seconds.
const APART: i64 = 1800;

/// Writes the history of an agent that does not run.
///
/// # Errors
/// The system's.
pub(super) fn write(agent: &Path, account: &AccountView) -> Result<()> {
    let dir = agent.join("data/countersign/history");
    fs::create_dir_all(&dir)?;
    let mut text = String::new();
    for at in 0..ENTRIES {
        let record = json!({ "entry": entry(at, account), "account": account.id, "evidence": null });
        text += &json!({ "v": 1, "record": record }).to_string();
        text.push('\n');
    }
    Ok(fs::write(dir.join("2026-11.001.jsonl"), text)?)
}

fn entry(at: u32, account: &AccountView) -> HistoryEntry {
    let payee = match at % (ENTRIES / MATCHES) {
        0 => "Zephyr Freight Ltd",
        _ => "Meridian Supplies GmbH",
    };
    let line = |key: &str, value| Line {
        key: key.to_owned(),
        name: None,
        value,
    };
    let amount = LineValue::Amount {
        amount: format!("{at}.50"),
        currency: "EUR".to_owned(),
    };
    HistoryEntry {
        id: RequestId(format!("past-{at}")),
        txn: format!("txn-{at}"),
        at: FIRST + i64::from(at) * APART,
        account: account.id.clone(),
        issuer_name: account.issuer_name.clone(),
        account_label: account.account.clone(),
        client_name: "Treasury Portal".to_owned(),
        lines: vec![
            line("action", LineValue::Text("payment_initiation".to_owned())),
            line("payment.amount", amount),
            line("payment.payee", LineValue::Text(payee.to_owned())),
            line("payment.reference", LineValue::Text(format!("INV-{at}"))),
        ],
        outcome: Outcome::Approved,
        by_this_device: true,
        device_name: None,
        receipt: ReceiptState::Verified,
        reported_at: None,
    }
}
