//! A PUSH token's device, as thin as it can be: it polls when told to, and keeps nothing.

use anyhow::{Context as _, Result, ensure};
use countersign_privacyidea::{
    Answer, Challenge, PushLink, RsaKey, Serial, ServerKey, poll,
    reply::{self, Answered, ReplyError},
};
use url::Url;

use crate::edge;

/// A device with its one token.
#[derive(Debug)]
pub struct PushDevice {
    http: reqwest::Client,
    key: RsaKey,
    server: ServerKey,
    serial: Serial,
    url: Url,
}

impl PushDevice {
    /// Binds a new key by a link.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn enrol(http: &reqwest::Client, link: &str) -> Result<Self> {
        let link = PushLink::parse(link)?;
        let seed = [edge::random(), edge::random()].concat();
        let seed: &[u8; 32] = seed.as_slice().try_into()?;
        let key = RsaKey::from_pkcs8(&RsaKey::generate_pkcs8(seed)?)?;
        let form = link.enrolment(key.public_key(), "Countersign").to_string();
        let (status, body) = post(http, &link.url, form).await?;
        let server = reply::enrolled(status, &body)?;
        let http = http.clone();
        Ok(Self {
            http,
            key,
            server,
            serial: link.serial,
            url: link.url,
        })
    }

    fn sign(&self, text: &str) -> Result<Vec<u8>> {
        Ok(self.key.sign(text.as_bytes(), &edge::rng())?)
    }

    /// Polls as if it were `later` seconds later.
    ///
    /// # Errors
    /// When the server cannot be reached, or lists what does not verify.
    pub async fn poll(&self, later: i64) -> Result<Result<Vec<Challenge>, ReplyError>> {
        let at = poll::timestamp(edge::now() + later);
        let signature = self.sign(&poll::signing_input(&self.serial, &at))?;
        let mut url = self.url.clone();
        url.set_query(Some(&poll::query(&self.serial, &at, &signature)));
        let answer = self.http.get(url).send().await?;
        let (status, body) = (answer.status().as_u16(), answer.bytes().await?);
        let waiting = match reply::challenges(status, &body) {
            Ok(waiting) => waiting,
            Err(error) => return Ok(Err(error)),
        };
        let verify = |text: &String| Challenge::verify(text, &self.server, &self.serial, &self.url);
        Ok(Ok(waiting.iter().map(verify).collect::<Result<_, _>>()?))
    }

    /// The one challenge that waits.
    ///
    /// # Errors
    /// When none waits, or several.
    pub async fn only(&self) -> Result<Challenge> {
        let mut waiting = self.poll(0).await??;
        ensure!(waiting.len() == 1, "{} challenges wait", waiting.len());
        waiting.pop().context("none waits")
    }

    /// Answers a challenge.
    ///
    /// # Errors
    /// When the server does not say what became of it.
    pub async fn answer(&self, challenge: &Challenge, answer: &Answer) -> Result<Answered> {
        let signature = self.sign(&challenge.signing_input(answer)?)?;
        let (status, body) = post(&self.http, challenge.url(), challenge.form(answer, &signature)).await?;
        Ok(reply::answered(status, &body)?)
    }
}

async fn post(http: &reqwest::Client, url: &Url, form: String) -> Result<(u16, Vec<u8>)> {
    let answer = http
        .post(url.clone())
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}
