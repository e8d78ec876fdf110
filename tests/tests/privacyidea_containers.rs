//! Containers of tokens, against a real server. Run with
//! `cargo test -p countersign-tests --test privacyidea_containers -- --ignored --nocapture`.

use anyhow::{Context, Result, ensure};
use countersign_privacyidea::{
    Serial,
    container::{
        self, ContainerKey, ContainerLink, Contents, ContentsError, Extra, Operation, Policies, Question,
        Server, Session as Sealing,
    },
    reply::ReplyError,
};
use countersign_tests::{
    edge,
    harness::{Ca, PrivacyIdea},
    wire::http_client,
};

/// A device with its one container.
struct Device {
    http: reqwest::Client,
    key: ContainerKey,
    server: Server,
    serial: Serial,
}

impl Device {
    async fn register(http: &reqwest::Client, link: &ContainerLink) -> Result<(Self, Policies)> {
        let key = ContainerKey::from_pkcs8(&ContainerKey::generate_pkcs8(&edge::rng())?, &edge::rng())?;
        let signature = key.sign(link.signing_input("desk").as_bytes())?;
        let form = link.registration(key.public_key(), "desk", &signature);
        let device = Self {
            http: http.clone(),
            key,
            server: link.server.clone(),
            serial: link.serial.clone(),
        };
        let (status, body) = device.post(Operation::Register, form).await?;
        Ok((device, Policies::registered(status, &body)?))
    }

    async fn post(&self, operation: Operation, form: String) -> Result<(u16, Vec<u8>)> {
        let answer = self
            .http
            .post(self.server.at(operation)?)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
    }

    async fn signed(&self, operation: Operation, extra: Option<&Extra>) -> Result<Vec<u8>> {
        let form = container::question(&self.server, &self.serial, operation);
        let (status, body) = self.post(Operation::Question, form).await?;
        let question = Question::read(status, &body)?;
        let input = question.signing_input(&self.server, &self.serial, operation, extra);
        Ok(self.key.sign(input.as_bytes())?)
    }

    /// The answer to a synchronisation, changed by `tamper` on its way.
    async fn synchronise(
        &self,
        held: &[&str],
        tamper: fn(Vec<u8>) -> Vec<u8>,
    ) -> Result<Result<Contents, ContentsError>> {
        let session = Sealing::new(&edge::rng())?;
        let held = held.iter().map(|serial| Serial::try_from((*serial).to_owned()));
        let held = held.collect::<Result<Vec<_>, _>>()?;
        let extra = Extra::new(&session, &self.serial, &held);
        let signature = self.signed(Operation::Synchronise, Some(&extra)).await?;
        let form = container::synchronise(&self.serial, &extra, &signature);
        let (status, body) = self.post(Operation::Synchronise, form).await?;
        Ok(session.open(status, &tamper(body), &self.serial))
    }

    async fn holds(&self, held: &[&str]) -> Result<Contents> {
        Ok(self.synchronise(held, |body| body).await??)
    }
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn a_real_server_understands_every_message_about_a_container() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let ca = Ca::new(dir.path(), "Alder internal CA")?;
    let server = PrivacyIdea::start(&dir.path().join("privacyidea"), &ca, dir.path()).await?;
    let http = http_client(ca.pem())?;
    let made = server.container().await?;
    let link = server.container_link(&made, false).await?;
    let link = ContainerLink::parse(&link).with_context(|| link.clone())?;
    assert!((link.made_at - edge::now()).abs() < 30);
    let (device, policies) = Device::register(&http, &link).await?;
    assert_eq!(
        policies,
        Policies {
            rollover: true,
            unregister: true
        }
    );
    assert_eq!(server.registration(&made).await?.as_deref(), Some("registered"));
    ensure!(
        Device::register(&http, &link).await.is_err(),
        "the link worked twice"
    );

    // Empty, then filled, then one is taken out.
    assert_eq!(device.holds(&[]).await?.add.len(), 0);
    let totp = server.token_in(&made, "totp").await?;
    let hotp = server.token_in(&made, "hotp").await?;
    let push = server.token_in(&made, "push").await?;
    let all = device.holds(&[]).await?;
    assert_eq!((all.add.len(), all.keep.len()), (3, 0));
    for (kind, serial) in [("totp", &totp), ("hotp", &hotp), ("pipush", &push)] {
        let begins = format!("otpauth://{kind}/");
        let found = all.add.iter().find(|link| link.starts_with(&begins));
        let found = found.with_context(|| format!("there is no {kind}"))?;
        ensure!(
            found.contains(&format!("serial={serial}")),
            "a link does not name its token"
        );
    }
    let one = device.holds(&[&totp, &hotp]).await?;
    assert_eq!((one.add.len(), one.keep.len()), (1, 2));
    server.take_out(&made, &hotp).await?;
    let one = device.holds(&[&totp, &hotp]).await?;
    assert_eq!(one.keep.iter().map(Serial::as_str).collect::<Vec<_>>(), [&totp]);

    // What is changed on the way is refused.
    let tampered = device.synchronise(&[], |body| {
        let text = String::from_utf8_lossy(&body).into_owned();
        text.replacen(
            "\"container_dict_server\": \"",
            "\"container_dict_server\": \"AAAA",
            1,
        )
        .into_bytes()
    });
    assert_eq!(tampered.await?.err(), Some(ContentsError::Sealed));

    // The next key, asked for by this one: everything comes anew, and this one counts no more.
    let signature = device.signed(Operation::RollOver, None).await?;
    let form = container::roll_over(&device.serial, &signature);
    let (status, body) = device.post(Operation::RollOver, form).await?;
    let next = container::rolled_over(status, &body, &device.serial)?;
    let (second, _) = Device::register(&http, &next).await?;
    let anew = second.holds(&[&totp]).await?;
    assert_eq!((anew.add.len(), anew.keep.len()), (2, 0));
    let refused = device.synchronise(&[], |body| body).await?.err();
    assert_eq!(refused, Some(ContentsError::Reply(ReplyError::Unproven)));

    // Given back.
    let signature = second.signed(Operation::Unregister, None).await?;
    let form = container::unregister(&second.serial, &signature);
    let (status, body) = second.post(Operation::Unregister, form).await?;
    container::unregistered(status, &body)?;
    assert_eq!(server.registration(&made).await?, None);
    let gone = second.signed(Operation::Synchronise, None).await.err();
    let gone = gone.context("an unregistered container was asked something")?;
    assert_eq!(gone.downcast_ref(), Some(&ReplyError::NotFound));
    Ok(())
}
