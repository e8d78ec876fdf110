//! What an exported receipt proves.

use serde::Serialize;

use super::{json, line};
use crate::{
    cli::{CliError, Exit, args::Output},
    statement_text::{self, instant, plain},
    verify::{Trust, Verified},
};

pub(in crate::cli) fn verified(verified: &Verified, trust: &Trust, output: Output) -> Result<Exit, CliError> {
    #[derive(Serialize)]
    struct Report<'a> {
        verified: bool,
        issuer: &'a str,
        issuer_name: &'a str,
        fingerprint: &'a str,
        fingerprint_compared: bool,
        account: &'a str,
        outcome: &'a str,
        ended_at: i64,
        decided_by_this_device: bool,
        request: &'a countersign_protocol::ApprovalRequest,
        statement: &'a [countersign_protocol::Line],
        receipt: &'a countersign_protocol::ApprovalReceipt,
    }
    let report = &verified.report;
    let compared = *trust != Trust::Unchecked;
    if output == Output::Json {
        return json(&Report {
            verified: true,
            issuer: verified.evidence.issuer.as_str(),
            issuer_name: &verified.evidence.issuer_name,
            fingerprint: &report.fingerprint,
            fingerprint_compared: compared,
            account: &report.request.sub,
            outcome: report.receipt.outcome.as_str(),
            ended_at: report.receipt.iat,
            decided_by_this_device: report.decision.is_some(),
            request: &report.request,
            statement: report.statement.lines(),
            receipt: &report.receipt,
        });
    }
    line("The receipt verifies.");
    line("");
    line(&format!(
        "Issuer       {} ({})",
        plain(&verified.evidence.issuer_name),
        verified.evidence.issuer
    ));
    line(&format!("Fingerprint  {}", report.fingerprint));
    if !compared {
        line("             Compare it with a copy from the issuer, or give it with --issuer-fingerprint.");
    }
    line(&format!("Account      {}", plain(&report.request.sub)));
    line(&format!(
        "Outcome      {} at {}",
        report.receipt.outcome,
        instant(report.receipt.iat)
    ));
    match (&report.decision, &report.receipt.device_name) {
        (Some(decision), _) => line(&format!(
            "Decided      on this device at {}",
            instant(decision.iat)
        )),
        (None, Some(device)) => line(&format!("Decided      on {}", plain(device))),
        (None, None) => line("Decided      by nobody"),
    }
    line("");
    line("What was shown:");
    for text in statement_text::lines(&crate::engine::statement_lines(&report.statement)) {
        line(&text);
    }
    Ok(Exit::Done)
}
