//! Every message of the protocol, said to a real server by a device that is as thin as it can be.

use anyhow::{Context, Result, bail, ensure};
use countersign_privacyidea::{
    Answer, Challenge, DeclineReason, DeclineReasons,
    reply::{Answered, ReplyError},
};
use countersign_tests::{
    edge,
    harness::{Ca, PrivacyIdea, PushEnrolment, Release},
    wire::{PushDevice as Device, unpooled_client},
};
use tempfile::TempDir;

use super::{CHOICE, CODE};

/// A server with one token, and the device that has it.
pub(super) struct Bench {
    server: PrivacyIdea,
    made: PushEnrolment,
    http: reqwest::Client,
    device: Device,
    _dir: TempDir,
}

impl Bench {
    pub(super) async fn at(release: Release) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let ca = Ca::new(dir.path(), "Alder internal CA")?;
        let server = PrivacyIdea::of(release, &dir.path().join("privacyidea"), &ca, dir.path()).await?;
        let http = unpooled_client(ca.pem())?;
        let made = server.token().await?;
        let device = Device::enrol(&http, &made.link).await?;
        ensure!(
            device.poll(0).await??.is_empty(),
            "something waits before anything was asked"
        );
        Ok(Self {
            server,
            made,
            http,
            device,
            _dir: dir,
        })
    }

    /// Something is asked: its transaction, what is shown where it was started, and the challenge.
    async fn asked(&self) -> Result<(String, String, Challenge)> {
        let (transaction, message) = self.server.trigger(&self.made.serial).await?;
        Ok((transaction, message, self.device.only().await?))
    }

    async fn answered(&self, challenge: &Challenge, answer: Answer) -> Result<Answered> {
        self.device.answer(challenge, &answer).await
    }

    pub(super) async fn accepted_once(&self) -> Result<()> {
        let (transaction, _, challenge) = self.asked().await?;
        assert_eq!(challenge.title(), "Alder portal");
        assert_eq!(challenge.question(), "Log in to the portal");
        assert_eq!(self.server.status(&transaction).await?, "pending");
        assert_eq!(self.answered(&challenge, Answer::Accept).await?, Answered::Taken);
        assert_eq!(self.server.status(&transaction).await?, "accept");
        Ok(())
    }

    pub(super) async fn accepted_again(&self, expected: Answered) -> Result<()> {
        let (_, _, challenge) = self.asked().await?;
        assert_eq!(self.answered(&challenge, Answer::Accept).await?, Answered::Taken);
        assert_eq!(self.answered(&challenge, Answer::Accept).await?, expected);
        Ok(())
    }

    pub(super) async fn declined_with_reasons(&self) -> Result<()> {
        for reason in [
            None,
            Some(DeclineReason::UnknownTrigger),
            Some(DeclineReason::Cancelled),
        ] {
            let (transaction, _, challenge) = self.asked().await?;
            assert_eq!(challenge.decline_reasons(), DeclineReasons::Understood);
            let answered = self.answered(&challenge, Answer::Decline(reason)).await?;
            assert_eq!(answered, Answered::Taken);
            let expected = match reason {
                Some(DeclineReason::Cancelled) => "cancelled",
                Some(DeclineReason::UnknownTrigger) | None => "declined",
            };
            assert_eq!(self.server.status(&transaction).await?, expected);
        }
        Ok(())
    }

    /// As older releases have it: no reasons, and a later yes counts. It is the device that must not say it.
    pub(super) async fn declined_not_for_good(&self) -> Result<()> {
        let (transaction, _, challenge) = self.asked().await?;
        assert_eq!(challenge.decline_reasons(), DeclineReasons::Unknown);
        let declined = self.answered(&challenge, Answer::Decline(None)).await?;
        assert_eq!(declined, Answered::Taken);
        assert_eq!(self.server.status(&transaction).await?, "declined");
        assert_eq!(self.answered(&challenge, Answer::Accept).await?, Answered::Taken);
        assert_eq!(self.server.status(&transaction).await?, "accept");
        Ok(())
    }

    /// A clock that is off is told, with the right time.
    pub(super) async fn told_the_time(&self) -> Result<()> {
        let off = self.device.poll(-600).await?;
        let Err(ReplyError::Clock { time: Some(time) }) = off else {
            bail!("a poll from the past was answered with {off:?}");
        };
        assert!((time - edge::now()).abs() < 30);
        Ok(())
    }

    pub(super) async fn given_a_choice(&self) -> Result<()> {
        self.server.policy("choice", "authentication", CHOICE).await?;
        let (transaction, message, challenge) = self.asked().await?;
        let options = challenge.options().context("there is nothing to choose from")?;
        let right = options.iter().find(|option| message.contains(option.as_str()));
        let right = right.context("none of the options is shown")?.clone();
        let wrong = options.iter().find(|option| **option != right);
        let wrong = wrong.context("one option")?.clone();
        assert_eq!(
            self.answered(&challenge, Answer::AcceptWith(wrong)).await?,
            Answered::NotTaken
        );
        assert_eq!(self.server.status(&transaction).await?, "pending");
        assert_eq!(
            self.answered(&challenge, Answer::AcceptWith(right)).await?,
            Answered::Taken
        );
        assert_eq!(self.server.status(&transaction).await?, "accept");
        self.server.no_policy("choice").await
    }

    pub(super) async fn given_a_code(&self) -> Result<()> {
        self.server.policy("code", "authentication", CODE).await?;
        let (_, _, challenge) = self.asked().await?;
        let shown = self.answered(&challenge, Answer::Accept).await?;
        assert!(
            matches!(&shown, Answered::TakenShow { code } if code.len() == 2),
            "{shown:?}"
        );
        self.server.no_policy("code").await
    }

    /// A link works once, and a deleted token cannot poll.
    pub(super) async fn gone(self) -> Result<()> {
        let again = Device::enrol(&self.http, &self.made.link).await.err();
        let again = again.context("the link worked twice")?;
        assert_eq!(again.downcast_ref(), Some(&ReplyError::NotFound), "{again:#}");
        self.server.delete_token(&self.made.serial).await?;
        assert_eq!(self.device.poll(0).await?, Err(ReplyError::Unproven));
        Ok(())
    }
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn a_real_server_understands_every_message() -> Result<()> {
    let bench = Bench::at(Release::R3_14).await?;
    bench.accepted_once().await?;
    bench.accepted_again(Answered::NotTaken).await?;
    bench.declined_with_reasons().await?;
    bench.told_the_time().await?;
    bench.given_a_choice().await?;
    bench.given_a_code().await?;
    bench.gone().await
}
