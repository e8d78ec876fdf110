//! What one channel knows: the binding, the clock offset, the nonce, where it is in the stream.

use countersign_protocol::{
    ApprovalProof, ErrorCode, Jti, KeySet,
    wire::{self, LateReport, ServerFrame},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use url::Url;

use super::{
    Native,
    binding::Binding,
    exchange,
    time::{ProvenTime, TimedCall},
    verify::{Refusal, Verifier},
};
use crate::{
    channel::{
        Answer, ChannelEvent, ChannelProblem, DecisionOutcome, FrameKind, Health, RejectReason, Rejection,
        Ties,
    },
    keystore::{Interaction, KeyStoreError},
    net::{self, NetError},
};

/// A nonce that no issuer gives: asks for one.
const NO_NONCE: &str = "none";
/// Smaller differences between the clocks are the network's.
const NOTEWORTHY_OFFSET: i64 = 2;

/// The engine does not listen any more.
#[derive(Debug)]
pub(super) struct Unwanted;

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody wants the channel any more.
    Unwanted,
    /// The issuer has revoked the device.
    Revoked,
    /// The key cannot be used.
    NoKey(KeyStoreError),
    /// Tried again later.
    Failed(ChannelProblem),
    /// A WebSocket did not come about in a way that suggests that somebody on the way does not like WebSockets.
    Blocked(ChannelProblem),
    /// Long polling has gone on for long enough: a WebSocket is worth another try.
    TryWebSocket,
}

impl From<Unwanted> for End {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}

impl From<KeyStoreError> for End {
    fn from(error: KeyStoreError) -> Self {
        Self::NoKey(error)
    }
}

impl From<NetError> for End {
    fn from(error: NetError) -> Self {
        Self::Failed(error.into())
    }
}

/// What a call is proven with.
#[derive(Debug)]
pub(super) struct Proof<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    /// The issuer's, if there is one yet.
    pub(super) nonce: Option<&'a str>,
    /// Issuer time.
    pub(super) now: i64,
    pub(super) interaction: Interaction,
}

impl Proof<'_> {
    /// The header (section 2.5), and what the proof is called.
    pub(super) async fn sign(
        self,
        native: &Native,
        binding: &Binding,
    ) -> Result<(HeaderMap, Jti), KeyStoreError> {
        let mut bare = self.url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let jti = Jti::from_random(random(&*native.rng)?);
        let claims = ApprovalProof {
            iss: binding.device_id.clone(),
            aud: binding.issuer.clone(),
            htm: self.method.to_owned(),
            htu: bare.into(),
            iat: self.now,
            jti: jti.clone(),
            nonce: self.nonce.unwrap_or(NO_NONCE).to_owned(),
        };
        let proof = native
            .keys
            .sign_jws(&binding.key, claims, self.interaction)
            .await?;
        let value = HeaderValue::from_str(&proof).map_err(|e| KeyStoreError::Failed(Box::new(e)))?;
        let name = HeaderName::from_bytes(wire::PROOF_HEADER.as_bytes())
            .map_err(|e| KeyStoreError::Failed(Box::new(e)))?;
        Ok((HeaderMap::from_iter([(name, value)]), jti))
    }
}

/// What a refused call is worth: each cure is tried once per session.
#[derive(Debug, Default)]
pub(super) struct Cures {
    nonce: bool,
    clock: bool,
}

/// One account's side of the channel.
pub(super) struct Device {
    pub(super) native: Native,
    pub(super) binding: Binding,
    pub(super) cursor: Option<String>,
    events: mpsc::Sender<ChannelEvent>,
    nonce: Option<String>,
    /// The call that was made last, until it is answered.
    call: Option<TimedCall>,
    /// Since the issuer has proven what time it is.
    proven: Option<ProvenTime>,
    rejected: u64,
}

impl Device {
    pub(super) fn new(native: Native, binding: Binding, events: mpsc::Sender<ChannelEvent>) -> Self {
        Self {
            native,
            binding,
            cursor: None,
            events,
            nonce: None,
            call: None,
            proven: None,
            rejected: 0,
        }
    }

    pub(super) async fn emit(&self, event: ChannelEvent) -> Result<(), Unwanted> {
        self.events.send(event).await.map_err(|_| Unwanted)
    }

    pub(super) async fn health(&self, health: Health) -> Result<(), Unwanted> {
        self.emit(ChannelEvent::Health(health)).await
    }

    /// Issuer time.
    pub(super) fn now(&self) -> i64 {
        self.native.clock.now().saturating_add(self.binding.offset)
    }

    pub(super) fn verifier(&self) -> Verifier<'_> {
        Verifier {
            binding: &self.binding,
            now: self.now(),
        }
    }

    /// The issuer said what time it is in answer to the last call, and perhaps signed it.
    pub(super) async fn learn_times(
        &mut self,
        time: i64,
        time_proof: Option<String>,
    ) -> Result<(), Unwanted> {
        let at = self.native.clock.moment();
        // Taken away: the same answer again is none.
        let call = self.call.take();
        self.learn_time(time).await?;
        let (Some(call), Some(time_proof)) = (call, time_proof) else {
            return Ok(());
        };
        match self.verifier().time(&time_proof, &call.proof) {
            Ok(time) => {
                self.proven = Some(ProvenTime { time, at });
                match call.answered(time, at) {
                    Some(time) => self.emit(ChannelEvent::SignedTime(time)).await,
                    None => Ok(()),
                }
            }
            Err(reason) => self.reject(FrameKind::Time, reason).await,
        }
    }

    /// The issuer said what time it is: as trustworthy as the connection.
    pub(super) async fn learn_time(&mut self, time: i64) -> Result<(), Unwanted> {
        let offset = time.saturating_sub(self.native.clock.now());
        if offset.abs_diff(self.binding.offset) < NOTEWORTHY_OFFSET as u64 {
            return Ok(());
        }
        self.binding.offset = offset;
        self.emit(ChannelEvent::Offset(offset)).await
    }

    pub(super) fn learn_nonce(&mut self, headers: &HeaderMap) {
        if let Some(nonce) = exchange::nonce(headers) {
            self.nonce = Some(nonce);
        }
    }

    /// The header that proves this call (section 2.5).
    pub(super) async fn proof(&mut self, method: &str, url: &Url) -> Result<HeaderMap, KeyStoreError> {
        let proof = Proof {
            method,
            url,
            nonce: self.nonce.as_deref(),
            now: self.now(),
            // Nobody asked for this call, so nobody is asked to unlock anything.
            interaction: Interaction::Forbidden,
        };
        let (headers, proof) = proof.sign(&self.native, &self.binding).await?;
        let made = self.native.clock.moment();
        self.call = Some(TimedCall { proof, made });
        Ok(headers)
    }

    /// Reads the refusal of a call with a proof. `Ok` means: try again at once.
    pub(super) async fn cure(&mut self, answer: &net::Answer, cures: &mut Cures) -> Result<(), End> {
        self.learn_nonce(&answer.headers);
        let body = match exchange::read::<serde::de::IgnoredAny>(answer, 0) {
            exchange::Reply::Refused(body) => body,
            exchange::Reply::Done(_) | exchange::Reply::Unexpected(_) => {
                let host = self.binding.issuer.host().to_owned();
                let status = answer.status.as_u16();
                return Err(End::Blocked(NetError::Status { host, status }.into()));
            }
        };
        if let Some(time) = body.time {
            self.learn_time(time).await?;
        }
        match body.error {
            ErrorCode::UseNonce if !cures.nonce => {
                cures.nonce = true;
                Ok(())
            }
            ErrorCode::Stale if !cures.clock => {
                cures.clock = true;
                Ok(())
            }
            ErrorCode::DeviceRevoked => Err(End::Revoked),
            ErrorCode::UseNonce | ErrorCode::Stale | ErrorCode::Unauthorized | ErrorCode::InvalidMessage => {
                Err(End::Failed(ChannelProblem::ProofRefused))
            }
            error @ (ErrorCode::RateLimited | ErrorCode::Internal | ErrorCode::Unavailable) => {
                Err(End::Failed(ChannelProblem::Issuer(error)))
            }
            error @ (ErrorCode::InvalidRequest
            | ErrorCode::NotAllowed
            | ErrorCode::Locked
            | ErrorCode::InvalidCode
            | ErrorCode::WrongCode
            | ErrorCode::NotFound
            | ErrorCode::AlreadyDecided
            | ErrorCode::Replayed
            | ErrorCode::CounterRegression
            | ErrorCode::IdempotencyConflict
            | ErrorCode::Expired
            | ErrorCode::TooLarge
            | ErrorCode::NoDevice) => Err(End::Blocked(ChannelProblem::Issuer(error))),
        }
    }

    /// Passes on what a frame says, once it is verified. Answers to own decisions are not handled here: they are returned.
    pub(super) async fn on_frame(&mut self, frame: ServerFrame) -> Result<Option<DecisionFrame>, End> {
        match frame {
            ServerFrame::Welcome {
                time,
                time_proof,
                cursor,
                heartbeat: _,
            } => {
                self.learn_times(time, time_proof).await?;
                self.cursor = Some(cursor);
            }
            ServerFrame::Request { request, cursor } => {
                match self.verifier().request(request) {
                    Ok(request) => self.emit(ChannelEvent::Request(Box::new(request))).await?,
                    Err(reason) => self.reject(FrameKind::Request, reason).await?,
                }
                self.cursor = Some(cursor);
            }
            ServerFrame::Closed { receipt, cursor } => {
                match self.verifier().receipt(receipt, None) {
                    Ok(receipt) => self.emit(ChannelEvent::Closed(Box::new(receipt))).await?,
                    Err(reason) => self.reject(FrameKind::Receipt, reason).await?,
                }
                self.cursor = Some(cursor);
            }
            ServerFrame::Keys { keys } => match self.introduced(&keys) {
                Ok(keys) if keys == self.binding.issuer_keys => {}
                Ok(keys) => {
                    self.binding.issuer_keys = keys;
                    let ties = Box::new(Ties::Native(self.binding.ties()));
                    self.emit(ChannelEvent::TiesChanged(ties)).await?;
                }
                Err(reason) => self.reject(FrameKind::Keys, reason).await?,
            },
            ServerFrame::Receipt { txn, receipt, report } => {
                return Ok(Some(DecisionFrame {
                    txn: Some(txn),
                    says: Says::taken(receipt, report),
                }));
            }
            ServerFrame::Refused {
                txn,
                error,
                message,
                attempts_left,
                receipt,
            } => {
                let refusal = Refusal {
                    error,
                    message,
                    attempts_left,
                    receipt,
                };
                return Ok(Some(DecisionFrame {
                    txn,
                    says: Says::Refused(refusal),
                }));
            }
            ServerFrame::Revoked {} => return Err(End::Revoked),
        }
        Ok(None)
    }

    /// A new key set: as fresh as the issuer has proven the time, and not only said it (section 2.8).
    fn introduced(&self, token: &str) -> Result<KeySet, RejectReason> {
        let proven = self.proven.ok_or(RejectReason::Unproven)?;
        let now = proven.now(self.native.clock.moment());
        Verifier {
            now,
            ..self.verifier()
        }
        .keys(token)
    }

    /// What the issuer's word on a decision means.
    pub(super) async fn judge(&mut self, says: Says, answer: &Answer) -> Result<DecisionOutcome, Unwanted> {
        match says {
            Says::Recorded(token) => {
                match self.verifier().own_receipt(token, &answer.txn, &answer.decision) {
                    Ok(receipt) => Ok(DecisionOutcome::Recorded(Box::new(receipt))),
                    Err(reason) => {
                        self.reject(FrameKind::Receipt, reason).await?;
                        Ok(DecisionOutcome::NotDelivered(ChannelProblem::Protocol(
                            "its receipt does not verify",
                        )))
                    }
                }
            }
            Says::Reported(token) => match self.verifier().receipt(token, Some(&answer.txn)) {
                Ok(receipt) => Ok(DecisionOutcome::Reported(Box::new(receipt))),
                Err(reason) => {
                    self.reject(FrameKind::Receipt, reason).await?;
                    Ok(DecisionOutcome::NotDelivered(ChannelProblem::Protocol(
                        "its receipt does not verify",
                    )))
                }
            },
            Says::Refused(refusal) => {
                let (outcome, rejected) = self.verifier().refusal(refusal, &answer.txn);
                if let Some(reason) = rejected {
                    self.reject(FrameKind::Receipt, reason).await?;
                }
                Ok(outcome)
            }
        }
    }

    async fn reject(&mut self, frame: FrameKind, reason: RejectReason) -> Result<(), Unwanted> {
        self.rejected += 1;
        tracing::warn!(issuer = %self.binding.issuer, ?frame, ?reason, "a message of the issuer was dropped");
        self.emit(ChannelEvent::Rejected(Rejection {
            frame,
            reason,
            total: self.rejected,
        }))
        .await
    }
}

/// The issuer's word on a decision of this device.
#[derive(Debug)]
pub(super) struct DecisionFrame {
    /// Which transaction; absent if the issuer could not read the decision.
    pub(super) txn: Option<countersign_protocol::Txn>,
    pub(super) says: Says,
}

/// Yes, with a receipt, or no.
#[derive(Debug)]
pub(super) enum Says {
    /// The receipt, unverified.
    Recorded(String),
    /// It had ended and the report of it was taken; the receipt of the ending, unverified.
    Reported(String),
    /// The refusal, with an unverified receipt perhaps.
    Refused(Refusal),
}

impl Says {
    pub(super) fn taken(receipt: String, report: Option<LateReport>) -> Self {
        match report {
            None => Self::Recorded(receipt),
            Some(LateReport::Taken) => Self::Reported(receipt),
        }
    }
}

/// Sixteen random bytes.
pub(super) fn random(rng: &dyn ring::rand::SecureRandom) -> Result<[u8; 16], KeyStoreError> {
    let mut bits = [0; 16];
    rng.fill(&mut bits)
        .map_err(|_| KeyStoreError::Message(countersign_protocol::SignError::Unavailable))?;
    Ok(bits)
}
