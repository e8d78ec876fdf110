//! The sample bank as a browser sees it: log in at the provider, pay, wait for the step-up.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{COOKIE, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use serde_json::{Value, json};

/// The most redirects between log-in and account page.
const MAX_REDIRECTS: usize = 10;

/// A logged-in browser at the bank.
#[derive(Debug)]
pub struct Bank {
    url: String,
    browser: Browser,
}

/// A step-up that the bank waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUp {
    /// The bank's id of it.
    pub id: String,
    /// The code on the bank's page, if one is to be typed.
    pub match_code: Option<String>,
    /// The reference on the bank's page, which is part of the binding message.
    pub reference: String,
}

impl Bank {
    /// Logs in with a password, by way of the provider's own page.
    ///
    /// # Errors
    /// When the bank does not know the person afterwards.
    pub async fn log_in(url: &str, user: &str, password: &str) -> Result<Self> {
        let mut browser = Browser::new()?;
        let page = browser.open(Method::GET, &format!("{url}/log-in"), None).await?;
        let form = [("user", user), ("password", password)];
        let body = Body::Form(form.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec());
        browser
            .open(Method::POST, page.url().as_str(), Some(body))
            .await?;
        let mut bank = Self {
            url: url.to_owned(),
            browser,
        };
        let session = bank.session().await?;
        ensure!(
            session["user"] == user,
            "the bank knows {session} after the log-in"
        );
        Ok(bank)
    }

    /// What the page shows of the session: user, balance, limit.
    ///
    /// # Errors
    /// When the bank does not answer.
    pub async fn session(&mut self) -> Result<Value> {
        Ok(self.call(Method::GET, "/session", None).await?.1)
    }

    /// Pays; a step-up is expected.
    ///
    /// # Errors
    /// When the bank answers anything else.
    pub async fn pay_with_step_up(&mut self, amount: &str) -> Result<StepUp> {
        let payment = json!({
            "amount": amount,
            "payee": "Meridian Supplies GmbH",
            "iban": "DE89370400440532013000",
            "reference": "INV-2026-0417",
        });
        let (status, answer) = self.call(Method::POST, "/payments", Some(payment)).await?;
        step_up(status, &answer)
    }

    /// Asks for the statements, for which the person only confirms; a step-up is expected.
    ///
    /// # Errors
    /// When the bank answers anything else.
    pub async fn statements_with_step_up(&mut self) -> Result<StepUp> {
        let (status, answer) = self.call(Method::POST, "/statements", Some(json!({}))).await?;
        step_up(status, &answer)
    }

    /// Waits until the step-up has ended: `{state, body?, message?, trace}`.
    ///
    /// # Errors
    /// When it is still pending after two of the bank's waits.
    pub async fn ended(&mut self, step_up: &StepUp) -> Result<Value> {
        let path = format!("/step-ups/{}", step_up.id);
        for _ in 0..2 {
            let (_, answer) = self.call(Method::GET, &path, None).await?;
            if answer["state"] != "pending" {
                return Ok(answer);
            }
        }
        bail!("the bank still waits for the step-up")
    }

    async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Result<(StatusCode, Value)> {
        let url = format!("{}{path}", self.url);
        let response = self.browser.open(method, &url, body.map(Body::Json)).await?;
        Ok((response.status(), response.json().await?))
    }
}

fn step_up(status: StatusCode, answer: &Value) -> Result<StepUp> {
    ensure!(
        status == StatusCode::ACCEPTED,
        "the bank did not ask for a step-up but answered {status}: {answer}"
    );
    let step_up = &answer["step_up"];
    let text = |name: &str| step_up[name].as_str().map(str::to_owned);
    Ok(StepUp {
        id: text("id").context("the step-up has no id")?,
        match_code: text("match_code"),
        reference: text("reference").context("the step-up has no reference")?,
    })
}

enum Body {
    Json(Value),
    Form(Vec<(String, String)>),
}

/// Follows redirects and keeps each origin's cookies.
#[derive(Debug)]
struct Browser {
    http: reqwest::Client,
    cookies: HashMap<String, HashMap<String, String>>,
}

impl Browser {
    fn new() -> Result<Self> {
        crate::wire::install_ring();
        Ok(Self {
            http: reqwest::Client::builder().redirect(Policy::none()).build()?,
            cookies: HashMap::new(),
        })
    }

    async fn open(&mut self, method: Method, url: &str, body: Option<Body>) -> Result<Response> {
        let mut url = Url::parse(url)?;
        let mut response = self.send(method, &url, body).await?;
        for _ in 0..MAX_REDIRECTS {
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let to = response
                .headers()
                .get(LOCATION)
                .context("a redirect to nowhere")?
                .to_str()?;
            url = url.join(to)?;
            response = self.send(Method::GET, &url, None).await?;
        }
        bail!("more than {MAX_REDIRECTS} redirects, the last one to {url}")
    }

    async fn send(&mut self, method: Method, url: &Url, body: Option<Body>) -> Result<Response> {
        let jar = self
            .cookies
            .entry(url.origin().ascii_serialization())
            .or_default();
        let cookies: Vec<String> = jar
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self.http.request(method, url.clone());
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        request = match body {
            None => request,
            Some(Body::Json(json)) => request.json(&json),
            Some(Body::Form(fields)) => request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(
                    url::form_urlencoded::Serializer::new(String::new())
                        .extend_pairs(fields)
                        .finish(),
                ),
        };
        let response = request.send().await?;
        for set in response.headers().get_all(SET_COOKIE) {
            let pair = set.to_str()?.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}
