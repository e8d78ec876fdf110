//! Six months later: what was approved is proven with the file alone.

use anyhow::{Result, ensure};
use countersign_agent_api::{Reply, Request};

use super::Stage;

pub(super) async fn receipt_verified_offline(stage: &mut Stage) -> Result<()> {
    let (_, view) = stage.approved_payment().await?;
    let Reply::Evidence(evidence) = stage
        .watch
        .call(Request::Evidence { id: view.id.clone() })
        .await?
    else {
        anyhow::bail!("no evidence for {}", view.id)
    };
    let fingerprint = stage
        .watch
        .accounts
        .first()
        .map(|a| a.fingerprint.clone())
        .unwrap_or_default();

    // Gateway and agent are gone.
    stage.gateway.stop().await?;
    stage.agent.stop().await?;
    let file = stage.session.dir().join("evidence.json");
    let path = file.to_string_lossy().into_owned();
    std::fs::write(&file, &evidence)?;
    let good = stage.agent.terminal(&stage.session, &["verify", &path]).await?;
    let text = String::from_utf8_lossy(&good.stdout).into_owned();
    ensure!(
        good.status.success(),
        "verify: {text}{}",
        String::from_utf8_lossy(&good.stderr)
    );
    for part in ["4250.00", "Meridian Supplies GmbH", &fingerprint] {
        ensure!(
            text.contains(part),
            "the verification does not show {part}:\n{text}"
        );
    }

    // Each signed part, changed in one character, is found out.
    let parsed: serde_json::Value = serde_json::from_str(&evidence)?;
    for part in ["request", "decision", "receipt"] {
        let mut forged = parsed.clone();
        let jws = forged[part].as_str().unwrap_or_default();
        let (head, signature) = jws.split_at(jws.rfind('.').map_or(0, |dot| dot + 1));
        let first = if signature.starts_with('A') { "B" } else { "A" };
        forged[part] = format!("{head}{first}{}", &signature[1..]).into();
        std::fs::write(&file, forged.to_string())?;
        let bad = stage.agent.terminal(&stage.session, &["verify", &path]).await?;
        ensure!(!bad.status.success(), "a forged {part} was accepted");
    }
    Ok(())
}
