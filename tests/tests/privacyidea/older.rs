//! What servers of older releases understand, and where the agent is stricter than they are. `cargo xtask test --older` runs these.

use anyhow::{Result, ensure};
use countersign_agent_api::{Matching, Reports, Verdict};
use countersign_privacyidea::reply::Answered;
use countersign_tests::harness::Release;

use super::{Desk, messages::Bench};

#[tokio::test]
#[ignore = "needs Python 3.10 or 3.11; `cargo xtask test --older` runs it"]
async fn release_3_10_2_understands_every_message_that_it_knows() -> Result<()> {
    let bench = Bench::at(Release::R3_10_2).await?;
    bench.accepted_once().await?;
    bench.accepted_again(Answered::Taken).await?;
    bench.declined_not_for_good().await?;
    bench.told_the_time().await?;
    bench.given_a_choice().await?;
    bench.gone().await
}

#[tokio::test]
#[ignore = "needs Python 3.10 or 3.11; `cargo xtask test --older` runs it"]
async fn release_3_13_4_understands_every_message_that_it_knows() -> Result<()> {
    let bench = Bench::at(Release::R3_13_4).await?;
    bench.accepted_once().await?;
    bench.accepted_again(Answered::Taken).await?;
    bench.declined_not_for_good().await?;
    bench.told_the_time().await?;
    bench.given_a_choice().await?;
    bench.given_a_code().await?;
    bench.gone().await
}

#[tokio::test]
#[ignore = "needs Python 3.10 or 3.11; `cargo xtask test --older` runs it"]
async fn an_agent_answers_release_3_10_2() -> Result<()> {
    an_agent_answers(Release::R3_10_2).await
}

#[tokio::test]
#[ignore = "needs Python 3.10 or 3.11; `cargo xtask test --older` runs it"]
async fn an_agent_answers_release_3_13_4() -> Result<()> {
    an_agent_answers(Release::R3_13_4).await
}

async fn an_agent_answers(release: Release) -> Result<()> {
    let mut desk = Desk::at(release).await?;
    let (transaction, _, view) = desk.asked().await?;
    assert_eq!(view.requires.matching, Matching::None);
    desk.watch.decide(&view, Verdict::Approve, None).await?;
    desk.ended(&view).await?;
    assert_eq!(desk.server.status(&transaction).await?, "accept");

    // It takes no report: that is said before anything leaves, and the request goes on waiting.
    let (transaction, _, view) = desk.asked().await?;
    ensure!(
        view.capabilities.reports == Reports::NotTaken,
        "it is said to take reports"
    );
    let refused = desk.watch.decide(&view, Verdict::Report, None).await;
    ensure!(refused.is_err(), "it was reported");
    assert_eq!(desk.server.status(&transaction).await?, "pending");
    desk.watch.decide(&view, Verdict::Deny, None).await?;
    desk.ended(&view).await?;
    assert_eq!(desk.server.status(&transaction).await?, "declined");
    desk.choices().await
}
