//! Row 28 for a foreign server: what its links, its tokens and its containers hold is nowhere but in the keyring and in the vault.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    CodesReply, CodesRequest, ExportForm, HistoryFilter, Reply, Request, RequestState, Verdict,
};
use countersign_tests::{
    front::{SOON, Watch},
    harness::contents,
};
use url::Url;

use super::{CODE, Desk};

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn secrets_of_tokens_and_containers_stay_where_they_belong() -> Result<()> {
    let mut desk = Desk::set_up().await?;
    let token = desk.server.token().await?;
    desk.agent.enrol(&token.link).await?;
    let container = desk.server.container().await?;
    for kind in ["totp", "hotp", "push"] {
        desk.server.token_in(&container, kind).await?;
    }
    let registration = desk.server.container_link(&container, false).await?;
    desk.agent.enrol(&registration).await?;
    let filled = |w: &Watch| {
        let found = w.accounts.iter().find_map(|account| account.collection)?;
        (found.accounts == 1 && found.codes == 2).then_some(())
    };
    desk.watch.until("what the container holds", SOON, filled).await?;
    desk.server.policy("code", "authentication", CODE).await?;
    let (_, _, view) = desk.asked().await?;
    desk.watch.decide(&view, Verdict::Approve, None).await?;
    let RequestState::Ended {
        code: Some(to_type), ..
    } = desk.ended(&view).await?
    else {
        bail!("there is no code to type");
    };

    let mut secrets = vec![
        (
            "an enrolment credential",
            of(&token.link, "enrollment_credential")?,
        ),
        ("a container's nonce", of(&registration, "nonce")?),
    ];
    // A container's key, one for each PUSH token, and that of the vault.
    let keys = desk.session.keyring.secrets().await?;
    ensure!(keys.len() >= 5, "only {} keys are in the keyring", keys.len());
    secrets.extend(keys.into_iter().map(|key| ("a private key", key)));
    let codes = exported(&desk).await?;
    ensure!(codes.len() == 2, "{} codes have come", codes.len());
    secrets.extend(codes.into_iter().map(|secret| ("a code's secret", secret)));
    let searched: Vec<(&str, &str)> = secrets
        .iter()
        .map(|(what, text)| (*what, text.as_str()))
        .collect();

    // Two digits are found by chance; as a text of their own they are not.
    let to_type = format!("\"{to_type}\"");
    let mut kept = searched.clone();
    kept.push(("the code to type", &to_type));
    let found = desk.session.logs().holding(&kept)?;
    ensure!(found.is_empty(), "secrets in logs: {found:?}");
    let (files, socket) = (contents(desk.agent.dir())?, said(&desk).await?);
    // What is no secret is found where it is looked for.
    ensure!(files.contains(&desk.serial) && socket.contains(&desk.serial));
    for (what, secret) in &kept {
        ensure!(!files.contains(secret), "{what} is in the agent's files");
    }
    for (what, secret) in &searched {
        ensure!(!socket.contains(secret), "{what} went over the agent's socket");
    }
    Ok(())
}

/// What a link says of this.
fn of(link: &str, name: &str) -> Result<String> {
    let link = Url::parse(link)?;
    let mut pairs = link.query_pairs();
    let (_, value) = pairs
        .find(|(key, _)| key == name)
        .with_context(|| format!("the link has no {name}"))?;
    Ok(value.into_owned())
}

/// The secrets of all one-time codes, as a person can have them.
async fn exported(desk: &Desk) -> Result<Vec<String>> {
    let file = desk.session.dir().join("codes.txt");
    let call = CodesRequest::Export {
        path: file.display().to_string(),
        form: ExportForm::Links,
    };
    desk.watch.call(Request::Codes { call }).await?;
    let links = std::fs::read_to_string(&file)?;
    links.lines().map(|link| of(link, "secret")).collect()
}

/// What front ends are told, all in one.
async fn said(desk: &Desk) -> Result<String> {
    let history = Request::History {
        limit: 500,
        before: None,
        filter: HistoryFilter::default(),
    };
    let call = CodesRequest::List {
        query: String::new(),
        tag: None,
        from: 0,
        limit: 100,
    };
    let list = desk.watch.call(Request::Codes { call }).await?;
    ensure!(matches!(&list, Reply::Codes(CodesReply::Page(page)) if page.total == 2));
    let mut said = String::new();
    for reply in [
        list,
        desk.watch.call(history).await?,
        desk.watch.call(Request::Accounts).await?,
        desk.watch.call(Request::Status).await?,
    ] {
        said.push_str(&serde_json::to_string(&reply)?);
    }
    said.push_str(&serde_json::to_string(&desk.watch.requests)?);
    Ok(said)
}
