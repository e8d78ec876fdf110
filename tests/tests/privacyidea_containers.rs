//! Containers of tokens, against a real server. Run with
//! `cargo test -p countersign-tests --test privacyidea_containers -- --ignored --nocapture`.

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    AccountView, CodeEntry, CodesReply, CodesRequest, CollectionView, Reply, Request, Role, Verdict,
};
use countersign_privacyidea::{
    Serial,
    container::{
        self, ContainerKey, ContainerLink, Contents, ContentsError, Extra, Operation, Question, Server,
        Session as Sealing,
    },
    reply::ReplyError,
};
use countersign_tests::{
    edge,
    front::{SOON, Watch, poll},
    harness::{Agent, Ca, PrivacyIdea, Screens, Session, SessionOptions},
    wire::unpooled_client,
};

/// A device with its one container.
struct Device {
    http: reqwest::Client,
    key: ContainerKey,
    server: Server,
    serial: Serial,
}

impl Device {
    async fn register(http: &reqwest::Client, link: &ContainerLink) -> Result<Self> {
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
        container::registered(status, &body)?;
        Ok(device)
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
    let http = unpooled_client(ca.pem())?;
    let made = server.container().await?;
    let link = server.container_link(&made, false).await?;
    let link = ContainerLink::parse(&link).with_context(|| link.clone())?;
    assert!((link.made_at - edge::now()).abs() < 30);
    let device = Device::register(&http, &link).await?;
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
    let second = Device::register(&http, &next).await?;
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

/// An agent in a session of its own, with a container at a real server.
struct Desk {
    session: Session,
    server: PrivacyIdea,
    agent: Agent,
    watch: Watch,
    container: String,
    account: AccountView,
}

impl Desk {
    /// With a container that was filled before it was registered.
    async fn set_up() -> Result<Self> {
        let options = SessionOptions {
            screens: Screens::None,
            notifications: false,
            keyring: true,
        };
        let session = Session::with(options).await?;
        let dir = session.dir().join("privacyidea");
        let server = PrivacyIdea::start(&dir, &session.ca, session.logs().dir()).await?;
        let container = server.container().await?;
        for kind in ["totp", "hotp", "push"] {
            server.token_in(&container, kind).await?;
        }
        let agent = Agent::start(&session, "desk").await?;
        let link = server.container_link(&container, false).await?;
        let account = agent.enrol(&link).await?;
        assert_eq!(account.account, container);
        let watch = agent.watch(Role::App).await?;
        Ok(Self {
            session,
            server,
            agent,
            watch,
            container,
            account,
        })
    }

    /// Waits until so much has been brought along.
    async fn holds(&mut self, accounts: u32, codes: u32) -> Result<()> {
        let expected = CollectionView {
            accounts,
            codes,
            unusable: 0,
        };
        let id = self.account.id.clone();
        let there = |w: &Watch| {
            let account = w.accounts.iter().find(|account| account.id == id)?;
            (account.collection == Some(expected)).then_some(())
        };
        self.watch.until("what the container holds", SOON, there).await
    }

    async fn refresh(&mut self) -> Result<()> {
        let account = self.account.id.clone();
        self.watch.call(Request::Refresh { account }).await?;
        Ok(())
    }

    async fn codes(&self, call: CodesRequest) -> Result<CodesReply> {
        let Reply::Codes(reply) = self.watch.call(Request::Codes { call }).await? else {
            bail!("the codes did not answer");
        };
        Ok(reply)
    }

    async fn entries(&self) -> Result<Vec<CodeEntry>> {
        let list = CodesRequest::List {
            query: String::new(),
            tag: None,
            from: 0,
            limit: 100,
        };
        let CodesReply::Page(page) = self.codes(list).await? else {
            bail!("there is no list");
        };
        Ok(page.entries)
    }

    /// The next code of the one counter-based entry, which is the token's here.
    async fn next_code(&self) -> Result<String> {
        let entries = self.entries().await?;
        let hotp = entries
            .iter()
            .find(|entry| entry.account.starts_with("OATH"))
            .context("there is no HOTP code")?;
        let advance = CodesRequest::Advance { id: hotp.id.clone() };
        let CodesReply::Shown(shown) = self.codes(advance).await? else {
            bail!("there is no code");
        };
        Ok(shown.first().context("there is no code")?.code.clone())
    }

    /// A challenge to this token comes to this computer, and is approved.
    async fn approve(&mut self, token: &str) -> Result<()> {
        let (transaction, _) = self.server.trigger(token).await?;
        let view = self.watch.any_pending().await?;
        self.watch.call(Request::Shown { id: view.id.clone() }).await?;
        self.watch.decide(&view, Verdict::Approve, None).await?;
        self.watch.ended(&view.txn).await?;
        assert_eq!(self.server.status(&transaction).await?, "accept");
        Ok(())
    }
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn an_agent_keeps_in_step_with_a_container_of_a_real_server() -> Result<()> {
    let mut desk = Desk::set_up().await?;
    desk.holds(1, 2).await?;
    let entries = desk.entries().await?;
    assert_eq!(entries.len(), 2);
    let hotp = entries.iter().find(|entry| entry.account.starts_with("OATH"));
    let hotp = hotp.context("there is no HOTP code")?.account.clone();
    let code = desk.next_code().await?;
    ensure!(
        desk.server.accepts(&hotp, &code).await?,
        "the code is not the token's"
    );
    let push = desk
        .watch
        .accounts
        .iter()
        .find(|account| account.account.starts_with("PIPU"));
    let push = push.context("there is no PUSH token")?.account.clone();
    desk.approve(&push).await?;

    // One is added, two are taken out.
    let added = desk.server.token_in(&desk.container, "totp").await?;
    desk.server.take_out(&desk.container, &hotp).await?;
    desk.server.take_out(&desk.container, &push).await?;
    desk.refresh().await?;
    // As many codes as before, but not the same: it is they that are waited for.
    let swapped = async || {
        let names: Vec<String> = desk
            .entries()
            .await?
            .into_iter()
            .map(|entry| entry.account)
            .collect();
        Ok((names.contains(&added) && !names.contains(&hotp)).then_some(()))
    };
    poll::until("the other code", SOON, swapped).await?;
    desk.holds(0, 2).await?;
    assert_eq!(desk.watch.accounts.len(), 1);

    // Killed and started again: nothing is there twice.
    desk.agent.kill().await?;
    desk.agent.run(&desk.session).await?;
    desk.watch = desk.agent.watch(Role::App).await?;
    desk.server.token_in(&desk.container, "push").await?;
    desk.refresh().await?;
    desk.holds(1, 2).await?;
    assert_eq!(desk.entries().await?.len(), 2);
    Ok(())
}

#[tokio::test]
#[ignore = "needs Python; `cargo xtask test` runs it"]
async fn an_agent_rolls_a_container_over_and_gives_it_back() -> Result<()> {
    let mut desk = Desk::set_up().await?;
    desk.holds(1, 2).await?;
    let entries = desk.entries().await?;
    let hotp = entries.iter().find(|entry| entry.account.starts_with("OATH"));
    let hotp = hotp.context("there is no HOTP code")?.account.clone();

    // A new key: every token comes anew, in its place.
    let account = desk.account.id.clone();
    desk.watch.call(Request::RotateKey { account }).await?;
    desk.holds(0, 0).await?;
    desk.holds(1, 2).await?;
    let registration = desk.server.registration(&desk.container).await?;
    assert_eq!(registration.as_deref(), Some("registered"));
    let after = desk.next_code().await?;
    ensure!(
        desk.server.accepts(&hotp, &after).await?,
        "the code is not the token's"
    );
    assert_eq!(desk.entries().await?.len(), 2);
    let push = desk
        .watch
        .accounts
        .iter()
        .find(|account| account.account.starts_with("PIPU"));
    let push = push.context("there is no PUSH token")?.account.clone();
    desk.approve(&push).await?;

    // Removed here, and so forgotten there; what it has brought along stays.
    let account = desk.account.id.clone();
    desk.watch.call(Request::RemoveAccount { account }).await?;
    let forgotten = async || {
        let registration = desk.server.registration(&desk.container).await?;
        Ok(registration.is_none().then_some(()))
    };
    poll::until("the server to forget the device", SOON, forgotten).await?;
    assert_eq!(desk.entries().await?.len(), 2);
    desk.approve(&push).await?;
    Ok(())
}
