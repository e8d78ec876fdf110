//! A device as another implementer would write it, key in memory: enrols, polls, subscribes, decides.
//!
//! It can also send what a well-behaved device never would: [`decision_for`] gives the claims to be tampered with, and
//! [`Device::send`] sends any text as a decision.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result, bail, ensure};
use countersign_protocol::{
    Amr, ApprovalDecision, ApprovalEnrol, ApprovalProof, ApprovalRequest, ApprovalTime, Claims, DecidedOn,
    DeviceDescription, DeviceId, EnrolmentLink, ErrorBody, ErrorCode, Es256Key, Evidenced, Expect, Issuer,
    Jti, KeyProtection, KeySet, MatchCode, ProtectionLevel, STATEMENT_VERSION, Statement, Unverified,
    Verdict, jws, request_hash,
    wire::{
        Configuration, DecisionRequest, DecisionResponse, EnrolmentRequest, EnrolmentResponse, NONCE_HEADER,
        PROOF_HEADER, PollResponse, PreviewOffer, PreviewRequest, SUBPROTOCOL, ServerFrame,
    },
};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::HeaderValue, protocol::CloseFrame},
};

use crate::edge;

/// An enrolled device.
#[derive(Debug)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// The issuer's keys, as pinned at enrolment.
    pub issuer_keys: KeySet,
    /// What the issuer said about itself.
    pub configuration: Configuration,
    key: Arc<Es256Key>,
    http: reqwest::Client,
    /// Where the issuer's origin is really reached.
    base: String,
    nonce: Mutex<String>,
    counter: AtomicU64,
}

/// The gateway said no.
#[derive(Debug, Clone, thiserror::Error)]
#[error("refused with {status} {}: {}", .body.error, .body.message)]
pub struct Refused {
    /// The HTTP status.
    pub status: StatusCode,
    /// The answer.
    pub body: ErrorBody,
}

impl Device {
    /// Enrols by a link, as the protocol says (section 5.2).
    ///
    /// # Errors
    /// [`Refused`] inside, when the gateway says no.
    pub async fn enrol(http: &reqwest::Client, link: &str, name: &str) -> Result<Self> {
        let issuer = EnrolmentLink::parse(link)?.issuer;
        Self::enrol_at(http, link, name, issuer.as_str()).await
    }

    /// The same for an issuer that is reached elsewhere than its URL says: behind the proxy that ends TLS.
    ///
    /// # Errors
    /// As [`Device::enrol`].
    pub async fn enrol_at(http: &reqwest::Client, link: &str, name: &str, base: &str) -> Result<Self> {
        let link: EnrolmentLink = EnrolmentLink::parse(link)?;
        let reach = |url: &str| reach(url, link.issuer.as_str(), base);
        let configuration: Configuration = http
            .get(reach(&link.issuer.configuration_url()))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        configuration.check(&link.issuer)?;
        let preview = PreviewRequest {
            code: link.code.clone(),
        };
        let _: PreviewOffer = post(http, &reach(&configuration.enrolment_preview_endpoint), &preview).await?;

        let rng = edge::rng();
        let key = Arc::new(Es256Key::from_pkcs8(&Es256Key::generate_pkcs8(&rng)?, &rng)?);
        let now = edge::now();
        let enrol = ApprovalEnrol {
            aud: link.issuer.clone(),
            iat: now,
            exp: now + 60,
            jti: Jti::from_random(edge::random()),
            code: link.code,
            device: DeviceDescription {
                name: name.to_owned(),
                platform: "test".to_owned(),
                app_version: "0.1.0".to_owned(),
            },
            key_protection: PROTECTION,
            attestation: None,
        };
        let request = EnrolmentRequest {
            enrolment: jws::sign(&enrol, key.as_ref())?,
        };
        let enrolled: EnrolmentResponse =
            post(http, &reach(&configuration.enrolment_endpoint), &request).await?;
        ensure!(
            enrolled.keys == configuration.keys,
            "the keys at enrolment are not those of the configuration"
        );
        Ok(Self {
            id: enrolled.device_id,
            issuer_keys: enrolled.keys,
            configuration,
            key,
            http: http.clone(),
            base: base.to_owned(),
            nonce: Mutex::new("none-yet".to_owned()),
            counter: AtomicU64::new(0),
        })
    }

    /// Another device that the issuer knows by this id, with the same key.
    ///
    /// # Errors
    /// When it is not a device id.
    pub fn twin(&self, id: &str) -> Result<Self> {
        let nonce = self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Self {
            id: DeviceId::parse(id)?,
            issuer_keys: self.issuer_keys.clone(),
            configuration: self.configuration.clone(),
            key: Arc::clone(&self.key),
            http: self.http.clone(),
            base: self.base.clone(),
            nonce: Mutex::new(nonce),
            counter: AtomicU64::new(0),
        })
    }

    /// The issuer.
    pub fn issuer(&self) -> &Issuer {
        &self.configuration.issuer
    }

    /// The device's key.
    pub fn key(&self) -> &Es256Key {
        &self.key
    }

    /// One long poll, whose answer has the time, signed for this very poll.
    ///
    /// # Errors
    /// [`Refused`] inside, when the gateway says no.
    pub async fn poll(&self, wait: u32, cursor: Option<&str>) -> Result<PollResponse> {
        let endpoint = &self.configuration.poll_endpoint;
        let cursor = cursor.map_or_else(String::new, |c| format!("&cursor={c}"));
        let mut tried = false;
        loop {
            let proof = self.proof(&Method::GET, endpoint)?;
            let response = self
                .http
                .get(format!("{}?wait={wait}{cursor}", self.reach(endpoint)))
                .header(PROOF_HEADER, &proof)
                .send()
                .await?;
            self.keep_nonce(response.headers());
            match answer(response).await {
                Err(e) if !tried && is(&e, ErrorCode::UseNonce) => tried = true,
                other => {
                    let polled: PollResponse = other?;
                    self.check_time(polled.time_proof.as_deref(), &proof)?;
                    return Ok(polled);
                }
            }
        }
    }

    /// The time is signed, and in answer to the call with this proof.
    fn check_time(&self, time_proof: Option<&str>, proof: &str) -> Result<()> {
        let time: ApprovalTime = self.opened(time_proof.context("the gateway does not sign its time")?)?;
        let proof = Unverified::<ApprovalProof>::parse(proof)?;
        ensure!(
            time.proof_jti == proof.untrusted_claims().jti,
            "the time is in answer to another call"
        );
        Ok(())
    }

    /// Waits for the request of this transaction and verifies it.
    ///
    /// # Errors
    /// When it does not come within a minute.
    pub async fn request(&self, txn: &str) -> Result<(String, ApprovalRequest)> {
        let mut cursor = None;
        for _ in 0..6 {
            let polled = self.poll(10, cursor.as_deref()).await?;
            for frame in polled.frames {
                if let ServerFrame::Request { request, .. } = frame {
                    let claims = self.verified(&request)?;
                    if claims.txn.as_str() == txn {
                        return Ok((request, claims));
                    }
                }
            }
            cursor = Some(polled.cursor);
        }
        bail!("no request for {txn} came")
    }

    /// Verifies a request against the pinned keys.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verified(&self, request: &str) -> Result<ApprovalRequest> {
        self.opened(request)
    }

    /// A message for this device, verified against the pinned keys.
    fn opened<C: Claims>(&self, message: &str) -> Result<C> {
        let expect = Expect {
            issuer: Some(self.issuer().as_str()),
            audience: self.id.as_str(),
            now: edge::now(),
        };
        Ok(jws::verify(message, &self.issuer_keys, &expect)?)
    }

    /// The WebSocket, once it is open.
    ///
    /// # Errors
    /// When the gateway does not open one.
    pub async fn stream(&self, tls: Arc<rustls::ClientConfig>) -> Result<Frames> {
        let endpoint = &self.configuration.stream_endpoint;
        // A proof needs a current nonce; a poll gives one.
        self.poll(0, None).await?;
        let mut request = self.reach(endpoint).into_client_request()?;
        let proof = self.proof(&Method::GET, endpoint)?;
        request
            .headers_mut()
            .insert(PROOF_HEADER, HeaderValue::from_str(&proof)?);
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SUBPROTOCOL));
        let connector = Some(Connector::Rustls(tls));
        let (stream, _) = connect_async_tls_with_config(request, None, true, connector).await?;
        Ok(Frames(stream))
    }

    /// Signs a decision on a request that verified, with the next counter.
    ///
    /// # Errors
    /// When the request has no statement, or the code no digits.
    pub fn sign(&self, request: &str, verdict: Verdict, code: Option<&str>) -> Result<String> {
        Ok(jws::sign(
            &self.decision(request, verdict, code)?,
            self.key.as_ref(),
        )?)
    }

    /// The claims of such a decision.
    ///
    /// # Errors
    /// As [`Device::sign`].
    pub fn decision(&self, request: &str, verdict: Verdict, code: Option<&str>) -> Result<ApprovalDecision> {
        let claims = self.verified(request)?;
        decision_for(
            request,
            &claims,
            verdict,
            code,
            self.counter.fetch_add(1, Ordering::Relaxed) + 1,
        )
    }

    /// Sends any text as a decision.
    ///
    /// # Errors
    /// [`Refused`] inside, when the gateway says no.
    pub async fn send(&self, decision: &str) -> Result<DecisionResponse> {
        let body = DecisionRequest {
            decision: decision.to_owned(),
        };
        post(
            &self.http,
            &self.reach(&self.configuration.decision_endpoint),
            &body,
        )
        .await
    }

    /// Signs and sends.
    ///
    /// # Errors
    /// As [`Device::sign`] and [`Device::send`].
    pub async fn decide(
        &self,
        request: &str,
        verdict: Verdict,
        code: Option<&str>,
    ) -> Result<DecisionResponse> {
        self.send(&self.sign(request, verdict, code)?).await
    }

    /// A proof for one call.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn proof(&self, method: &Method, url: &str) -> Result<String> {
        let proof = ApprovalProof {
            iss: self.id.clone(),
            aud: self.issuer().clone(),
            htm: method.as_str().to_owned(),
            htu: url.to_owned(),
            iat: edge::now(),
            jti: Jti::from_random(edge::random()),
            nonce: self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        Ok(jws::sign(&proof, self.key.as_ref())?)
    }

    fn reach(&self, url: &str) -> String {
        reach(url, self.issuer().as_str(), &self.base)
    }

    fn keep_nonce(&self, headers: &reqwest::header::HeaderMap) {
        if let Some(nonce) = headers.get(NONCE_HEADER).and_then(|n| n.to_str().ok()) {
            nonce.clone_into(&mut self.nonce.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// An issuer's URL, or its WebSocket's, with the origin replaced by where it is really reached.
fn reach(url: &str, issuer: &str, base: &str) -> String {
    if let Some(path) = url.strip_prefix(issuer) {
        return format!("{base}{path}");
    }
    let socket = |origin: &str| origin.replacen("http", "ws", 1);
    match url.strip_prefix(&socket(issuer)) {
        Some(path) => format!("{}{path}", socket(base)),
        None => url.to_owned(),
    }
}

const PROTECTION: KeyProtection = KeyProtection {
    level: ProtectionLevel::Sw,
    evidence: Evidenced::Claimed,
};

/// The claims of a decision on this request.
///
/// # Errors
/// When the request has no statement, or the code no digits.
pub fn decision_for(
    request: &str,
    claims: &ApprovalRequest,
    verdict: Verdict,
    code: Option<&str>,
    counter: u64,
) -> Result<ApprovalDecision> {
    let now = edge::now();
    Ok(ApprovalDecision {
        iss: claims.aud.clone(),
        aud: claims.iss.clone(),
        iat: now,
        exp: now + 60,
        jti: Jti::from_random(edge::random()),
        txn: claims.txn.clone(),
        nonce: claims.nonce.clone(),
        verdict,
        reason: None,
        match_code: code.map(MatchCode::parse).transpose()?,
        request_hash: request_hash(request),
        statement_hash: Statement::from_request(claims)?.hash().to_owned(),
        statement_version: STATEMENT_VERSION,
        locale: "en".to_owned(),
        amr: vec![Amr::Swk, Amr::User],
        key_protection: PROTECTION,
        surface: DecidedOn::Window,
        shown_at: now,
        counter,
    })
}

/// An open WebSocket.
#[derive(Debug)]
pub struct Frames(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Frames {
    /// The next frame; `Err` of the close code when the gateway closes.
    ///
    /// # Errors
    /// When the connection breaks without a close frame.
    pub async fn next(&mut self) -> Result<Result<ServerFrame, u16>> {
        loop {
            match self
                .0
                .next()
                .await
                .context("the connection ended without a close frame")?
            {
                Ok(Message::Text(text)) => return Ok(Ok(ServerFrame::parse(text.as_bytes())?)),
                Ok(Message::Close(frame)) => {
                    return Ok(Err(frame.map_or(1005, |CloseFrame { code, .. }| code.into())));
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(Message::Binary(_) | Message::Frame(_)) => {
                    bail!("the gateway sent something else than text")
                }
                Err(e) => return Err(tungstenite_error(e)),
            }
        }
    }

    /// Sends any text as a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: String) -> Result<()> {
        self.0.send(Message::text(text)).await.map_err(tungstenite_error)
    }

    /// The close code that ends the connection; frames before it are read.
    ///
    /// # Errors
    /// When the connection breaks without a close frame.
    pub async fn closed(&mut self) -> Result<u16> {
        loop {
            if let Err(code) = self.next().await? {
                return Ok(code);
            }
        }
    }
}

fn tungstenite_error(error: tungstenite::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("the WebSocket broke")
}

/// Whether an error is the gateway's refusal with this code.
pub(super) fn is(error: &anyhow::Error, code: ErrorCode) -> bool {
    error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.body.error == code)
}

async fn post<T: DeserializeOwned>(http: &reqwest::Client, url: &str, body: &impl Serialize) -> Result<T> {
    answer(http.post(url).json(body).send().await?).await
}

async fn answer<T: DeserializeOwned>(response: reqwest::Response) -> Result<T> {
    let status = response.status();
    let body = response.text().await?;
    if status.is_success() {
        return serde_json::from_str(&body).with_context(|| format!("not understood: {body}"));
    }
    let body =
        serde_json::from_str(&body).with_context(|| format!("{status} without an error body: {body:?}"))?;
    Err(Refused { status, body }.into())
}
