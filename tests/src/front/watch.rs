//! The agent as a subscribed front end sees it.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use countersign_agent_api::{
    AccountView, Event, Outcome, ReceiptState, Reply, Request, RequestId, RequestState, RequestView, Role,
    StatusView, Verdict, Window,
    client::{Client, ClientError},
};
use tokio::{sync::mpsc, time::timeout};

/// How long a story waits for an event that is due at once.
pub const SOON: Duration = Duration::from_secs(15);

/// A connection to the agent with the newest snapshot of everything it told.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    events: mpsc::Receiver<Event>,
    /// Pending and just-ended requests.
    pub requests: Vec<RequestView>,
    /// All accounts.
    pub accounts: Vec<AccountView>,
    /// The agent, once it has said.
    pub status: Option<StatusView>,
    /// Windows that the agent asked an app to open.
    pub opened: Vec<Window>,
}

impl Watch {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// When no agent answers there.
    pub async fn connect(socket: &Path, role: Role) -> Result<Self> {
        let (client, events) = Client::connect(socket, role).await?;
        client.call(Request::Subscribe).await?;
        let (requests, accounts, opened) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self {
            client,
            events,
            requests,
            accounts,
            status: None,
            opened,
        })
    }

    /// Takes events until `seen` gives something, looking at what is known already first.
    ///
    /// # Errors
    /// When nothing came for `limit` or the agent is gone; the last snapshot is in the error.
    pub async fn until<T>(
        &mut self,
        what: &str,
        limit: Duration,
        mut seen: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T> {
        let waited = timeout(limit, async {
            loop {
                if let Some(seen) = seen(self) {
                    return anyhow::Ok(seen);
                }
                let event = self
                    .events
                    .recv()
                    .await
                    .context("the agent closed the connection")?;
                self.take(event);
            }
        })
        .await;
        match waited {
            Ok(result) => result.with_context(|| format!("while waiting for {what}")),
            Err(_) => bail!(
                "the agent was waited for in vain: {what}\n  requests: {:?}\n  accounts: {:?}\n  status: {:?}",
                self.requests,
                self.accounts,
                self.status
            ),
        }
    }

    /// Waits for a pending request with this transaction id.
    ///
    /// # Errors
    /// As [`Watch::until`].
    pub async fn pending(&mut self, txn: &str) -> Result<RequestView> {
        let what = format!("a pending request for {txn}");
        self.until(&what, SOON, |w| {
            w.requests
                .iter()
                .find(|r| r.txn == txn && r.state == RequestState::Pending)
                .cloned()
        })
        .await
    }

    /// Waits for any pending request.
    ///
    /// # Errors
    /// As [`Watch::until`].
    pub async fn any_pending(&mut self) -> Result<RequestView> {
        self.until("any pending request", SOON, |w| {
            w.requests
                .iter()
                .find(|r| r.state == RequestState::Pending)
                .cloned()
        })
        .await
    }

    /// Waits until the request with this transaction id has ended, and gives it as it is then.
    ///
    /// # Errors
    /// As [`Watch::until`].
    pub async fn ended(&mut self, txn: &str) -> Result<RequestView> {
        let what = format!("the end of {txn}");
        self.until(&what, SOON, |w| {
            w.requests
                .iter()
                .find(|r| r.txn == txn && matches!(r.state, RequestState::Ended { .. }))
                .cloned()
        })
        .await
    }

    /// One call.
    ///
    /// # Errors
    /// The agent's error, typed.
    pub async fn call(&self, request: Request) -> Result<Reply, ClientError> {
        self.client.call(request).await
    }

    /// Answers a request as a front end does: over the statement that it was given.
    ///
    /// # Errors
    /// The agent's error, typed.
    pub async fn decide(
        &self,
        view: &RequestView,
        verdict: Verdict,
        code: Option<&str>,
    ) -> Result<(), ClientError> {
        self.call(Request::Shown { id: view.id.clone() }).await?;
        let decide = Request::Decide {
            id: view.id.clone(),
            verdict,
            match_code: code.map(str::to_owned),
            reason: None,
            locale: "en-GB".to_owned(),
            statement_hash: view.statement_hash.clone(),
        };
        self.call(decide).await.map(drop)
    }

    /// Waits until the request is over, and checks that it is over like this.
    ///
    /// # Errors
    /// As [`Watch::until`], and when it ended otherwise.
    pub async fn ended_as(&mut self, txn: &str, wanted: Outcome) -> Result<RequestView> {
        let view = self.ended(txn).await?;
        let RequestState::Ended { outcome, receipt, .. } = &view.state else {
            bail!("not ended: {view:?}")
        };
        ensure!(
            *outcome == wanted,
            "{txn} ended as {outcome:?}, not as {wanted:?}"
        );
        ensure!(
            *receipt == ReceiptState::Verified,
            "the receipt of {txn} is {receipt:?}"
        );
        Ok(view)
    }

    /// The request now, by asking for it.
    ///
    /// # Errors
    /// The agent's.
    pub async fn show(&self, id: &RequestId) -> Result<RequestView> {
        let reply = self.client.call(Request::ShowRequest { id: id.clone() }).await?;
        let Reply::Request(view) = reply else {
            bail!("the agent answered {reply:?} to ShowRequest")
        };
        Ok(view)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Requests(requests) => self.requests = requests,
            Event::Accounts(accounts) => self.accounts = accounts,
            Event::Status(status) => self.status = Some(status),
            Event::Settings(_) | Event::Vault(_) => {}
            Event::Open(window) => self.opened.push(window),
        }
    }
}
