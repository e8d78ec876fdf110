//! A relying side: asks for approvals and hears how they ended (docs/protocol.md, section 9).

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A client of the gateway's `/v1/approvals`.
#[derive(Debug, Clone)]
pub struct RelyingSide {
    http: reqwest::Client,
    base: String,
    secret: String,
}

/// An accepted approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The transaction.
    pub txn: String,
    /// What is shown where the action started, if a code is required.
    pub match_code: Option<String>,
    /// When it ends.
    pub expires_at: i64,
}

impl Asked {
    /// The code, which this approval must have.
    ///
    /// # Errors
    /// When it has none.
    pub fn code(&self) -> Result<&str> {
        self.match_code
            .as_deref()
            .context("the approval came without a match code")
    }

    /// Another code of the same length.
    ///
    /// # Errors
    /// When the approval has none.
    pub fn wrong_code(&self) -> Result<String> {
        let code = self.code()?;
        let last = if code.ends_with('0') { "1" } else { "0" };
        Ok(format!("{}{last}", &code[..code.len() - 1]))
    }
}

impl RelyingSide {
    /// A relying side with this secret at the gateway with this URL.
    pub fn new(http: reqwest::Client, gateway: &str, secret: &str) -> Self {
        Self {
            http,
            base: gateway.to_owned(),
            secret: secret.to_owned(),
        }
    }

    /// Asks, and expects to be accepted.
    ///
    /// # Errors
    /// When the gateway refuses; its answer is in the error.
    pub async fn ask(&self, body: &Value) -> Result<Asked> {
        let (status, answer) = self.call(Method::POST, "/v1/approvals", Some(body)).await?;
        ensure!(
            status == StatusCode::CREATED,
            "asking was answered with {status}: {answer}"
        );
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Asked {
            txn: text("txn").context("the answer has no txn")?,
            match_code: text("match_code"),
            expires_at: answer
                .get("expires_at")
                .and_then(Value::as_i64)
                .context("the answer has no expires_at")?,
        })
    }

    /// Waits up to a minute for the end and gives what the gateway says about it.
    ///
    /// # Errors
    /// When it did not end.
    pub async fn ended(&self, txn: &str) -> Result<Value> {
        let (status, answer) = self
            .call(Method::GET, &format!("/v1/approvals/{txn}?wait=60"), None)
            .await?;
        ensure!(
            status == StatusCode::OK,
            "reading {txn} was answered with {status}: {answer}"
        );
        ensure!(
            answer["state"] != "pending",
            "{txn} is still pending after a minute"
        );
        Ok(answer)
    }

    /// The state now, without waiting.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn state(&self, txn: &str) -> Result<String> {
        let (status, answer) = self
            .call(Method::GET, &format!("/v1/approvals/{txn}"), None)
            .await?;
        ensure!(
            status == StatusCode::OK,
            "reading {txn} was answered with {status}: {answer}"
        );
        Ok(answer["state"]
            .as_str()
            .context("the answer has no state")?
            .to_owned())
    }

    /// Cancels, and gives the state after it.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub async fn cancel(&self, txn: &str) -> Result<String> {
        let (status, answer) = self
            .call(Method::DELETE, &format!("/v1/approvals/{txn}"), None)
            .await?;
        ensure!(
            status == StatusCode::OK,
            "cancelling {txn} was answered with {status}: {answer}"
        );
        Ok(answer["state"]
            .as_str()
            .context("the answer has no state")?
            .to_owned())
    }

    /// Any call, with the answer as it comes.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.secret);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        let answer =
            serde_json::from_str(&text).with_context(|| format!("{status} without JSON: {text:?}"))?;
        Ok((status, answer))
    }

    /// A payment of 4,250.00 EUR by this user: a code of six digits in the window, as by default.
    pub fn payment(user: &str) -> Value {
        json!({
            "user": user,
            "acr": "urn:alder:acr:approved",
            "binding_message": "Payment INV-2026-0417",
            "authorization_details": [{
                "type": "payment_initiation",
                "instructedAmount": { "amount": "4250.00", "currency": "EUR" },
                "creditorName": "Meridian Supplies GmbH",
                "creditorAccount": { "iban": "DE89370400440532013000" },
                "remittanceInformationUnstructured": "INV-2026-0417",
            }],
            "context": {
                "origin": "another_device",
                "place": "Rotterdam, Netherlands",
                "ip": "203.0.113.24",
                "agent": "Firefox 145 on Windows",
                "risk": "high",
                "hints": ["First payment to this payee", "New location"],
            },
        })
    }

    /// A low-risk sign-in that may be approved from the notification: no code, any surface.
    pub fn sign_in(user: &str) -> Value {
        json!({
            "user": user,
            "acr": "urn:alder:acr:confirmed",
            "authorization_details": [{
                "type": "sign_in",
                "application": "Engineering Wiki",
                "access": "Read and write pages",
                "valid_for": 28_800,
            }],
            "context": { "origin": "this_device", "place": "Gothenburg, Sweden", "risk": "low" },
            "requires": { "match": { "type": "none" }, "verification": "none", "surface": "any" },
        })
    }
}
