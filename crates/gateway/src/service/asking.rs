//! A relying side asks for an approval.

use std::{sync::Arc, time::Duration};

use countersign_protocol::{
    ApprovalRequest, AuthorizationDetails, Client as RequestClient, Context, ErrorCode, Nonce, Requires,
    SignError, Statement, Timestamp, Txn, request_hash, text, wire::ServerFrame,
};

use super::{
    Gateway, Happening, Refusal, ServiceError, ServiceResult, delivering::Cursor, issuing::Issuing, pending,
};
use crate::{
    audit::{Actor, Entry, Event},
    store::{
        Accepted, Approval, ApprovalState, Client, ClientKind, Device, IdempotencyKey, Idempotent,
        NewApproval, NewRequest, StoreError,
    },
};

/// The shortest and the longest life of an approval, in seconds (protocol section 9).
const LIVES: std::ops::RangeInclusive<i64> = 10..=600;
/// The longest name of a user, in characters.
const MAX_USER: usize = 128;
/// What a relying side is told to wait when the user has too many pending approvals.
const PENDING_RETRY: Duration = Duration::from_secs(10);

/// A relying side's wish to have somebody asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Who is asked, as the relying side names them.
    pub user: String,
    /// The client that the person sees, if it is not the one that asks: only identity providers may say.
    pub shown_client: Option<ShownClient>,
    /// The level asked for.
    pub acr: Option<String>,
    /// A text for the person.
    pub binding_message: Option<String>,
    /// RFC 9396 details.
    pub authorization_details: Option<AuthorizationDetails>,
    /// The circumstances.
    pub context: Option<Context>,
    /// What the person has to do. A six digit code in the window unless said otherwise.
    pub requires: Option<Requires>,
    /// Seconds, within the configured limit; the configured default unless said.
    pub expires_in: Option<i64>,
    /// Where the result is sent; has to be registered for the client.
    pub callback_url: Option<String>,
    /// The caller's own reference, given back in the callback.
    pub auth_ref: Option<String>,
    /// So that asking again is not asking twice.
    pub idempotency: Option<IdempotencyKey>,
}

/// A client as the person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownClient {
    /// Its id, 1–128 characters.
    pub id: String,
    /// Its name, 1–64 characters.
    pub name: String,
}

/// An accepted wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The transaction.
    pub txn: Txn,
    /// The code to be shown where the action started, if one is required.
    pub match_code: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl Gateway {
    /// Asks a person: every device of theirs is sent a request of its own.
    ///
    /// # Errors
    /// As section 9 of the protocol says.
    pub async fn ask(&self, client: &Client, ask: Ask) -> ServiceResult<Asked> {
        let result = self.try_ask(client, ask).await;
        if let Err(error) = &result {
            self.refused("approval", error.code());
        }
        result
    }

    async fn try_ask(&self, client: &Client, ask: Ask) -> ServiceResult<Asked> {
        let issuing = self.issuing();
        if let Some(asked) = &ask.idempotency
            && let Some(earlier) = self.parts.store.idempotent(&client.id, &asked.key).await?
        {
            return self.repeat(&issuing, asked, earlier).await;
        }
        let lifetime = self.check_ask(client, &ask)?;
        let devices = self.devices_of(client, &ask.user).await?;
        let now = self.now();
        let draft = Draft {
            txn: issuing.txn(self.parts.clock.now_ms())?,
            shown: ask.shown_client.unwrap_or_else(|| ShownClient {
                id: client.id.clone(),
                name: client.name.clone(),
            }),
            acr: ask.acr,
            binding_message: ask.binding_message,
            authorization_details: ask.authorization_details,
            context: ask.context,
            requires: ask.requires.unwrap_or_default(),
            now,
            expires_at: now + lifetime,
        };
        // All of it is known to be showable before it counts against the user's limit.
        let mut drafts = Vec::with_capacity(devices.len());
        for device in devices.iter() {
            drafts.push(self.draft(&issuing, &draft, device)?);
        }
        if let Err(seconds) = self.requests.take(&ask.user, self.parts.clock.now_ms()) {
            return Err(self.refuse_ask(client, &ask.user, rate_limited(seconds)).await);
        }
        let requests = drafts
            .into_iter()
            .map(|(request, statement_hash)| sign(&issuing, &request, statement_hash))
            .collect::<ServiceResult<Vec<_>>>()?;
        let approval = Approval {
            txn: draft.txn,
            user: ask.user,
            client: client.id.clone(),
            acr: draft.acr,
            authorization_details: draft
                .authorization_details
                .as_ref()
                .map(details_json)
                .transpose()?,
            requires: draft.requires,
            created_at: now,
            expires_at: draft.expires_at,
            callback_url: ask.callback_url,
            auth_ref: ask.auth_ref,
            state: ApprovalState::Pending,
        };
        let new = NewApproval {
            approval: approval.clone(),
            idempotency: ask.idempotency.clone(),
            max_pending: self.parts.settings.limits.pending_per_user,
            requests: requests.clone(),
        };
        match (self.parts.store.accept(new).await?, &ask.idempotency) {
            (Accepted::Made { seq }, _) => {
                let asked = Asked {
                    match_code: code(&issuing, &approval.txn, approval.requires),
                    txn: approval.txn.clone(),
                    expires_at: approval.expires_at,
                };
                self.expires(approval.expires_at);
                let recipients = requests.iter().map(NewRequest::recipient).collect();
                self.pending.add(pending::Accepted { approval, recipients });
                self.deliver(requests, seq);
                Ok(asked)
            }
            (Accepted::Repeated(earlier), Some(asked)) => self.repeat(&issuing, asked, earlier).await,
            (Accepted::Repeated(_), None) => {
                Err(StoreError::Corrupt("a repetition of a request without a key".to_owned()).into())
            }
            (Accepted::TooManyPending, _) => {
                let seconds = u32::try_from(PENDING_RETRY.as_secs()).unwrap_or(u32::MAX);
                Err(self
                    .refuse_ask(client, &approval.user, too_many_pending(seconds))
                    .await)
            }
            (Accepted::Locked, _) => Err(self.refuse_ask(client, &approval.user, locked()).await),
        }
    }

    /// What can be said about a wish without knowing the user; gives the approval's life in seconds.
    fn check_ask(&self, client: &Client, ask: &Ask) -> ServiceResult<i64> {
        let invalid = |message: String| Err(Refusal::new(ErrorCode::InvalidRequest, message).into());
        text::check(&ask.user, MAX_USER)
            .map_err(|error| Refusal::new(ErrorCode::InvalidRequest, format!("the user's name {error}")))?;
        let limits = &self.parts.settings.limits;
        let lifetime = ask.expires_in.unwrap_or(limits.expires_default);
        let longest = limits.expires_max.min(*LIVES.end());
        if !(*LIVES.start()..=longest).contains(&lifetime) {
            return invalid(format!(
                "`expires_in` must be {} to {longest} seconds",
                LIVES.start()
            ));
        }
        if let Some(url) = &ask.callback_url
            && !client.callback_urls.contains(url)
        {
            return invalid(
                "`callback_url` is not registered for this client; ask the administrator".to_owned(),
            );
        }
        match (client.kind, &ask.shown_client) {
            (ClientKind::Application, Some(_)) => Err(Refusal::new(
                ErrorCode::NotAllowed,
                "this client may not name another one; ask the administrator to register it as an identity provider",
            )
            .into()),
            (ClientKind::Application, None) | (ClientKind::IdentityProvider, _) => Ok(lifetime),
        }
    }

    /// The devices that can answer. One that another process revokes may be among them for as long as it takes to
    /// notice; whether the user is locked is for the store to say.
    async fn devices_of(&self, client: &Client, user: &str) -> ServiceResult<Arc<Vec<Device>>> {
        let missing = match self.devices_of_users.get(&user.to_owned()) {
            Ok(devices) => return Ok(devices),
            Err(missing) => missing,
        };
        let found = self.parts.store.user_with_devices(user).await?;
        let Some((_, devices)) = found.filter(|(_, devices)| !devices.is_empty()) else {
            let refusal = Refusal::new(
                ErrorCode::NoDevice,
                "the user has no device that can answer; enrol one first",
            );
            return Err(self.refuse_ask(client, user, refusal).await);
        };
        let devices = Arc::new(devices);
        self.devices_of_users.put(missing, user.to_owned(), &devices);
        Ok(devices)
    }

    /// The request for one device, and the hash of what that device will show.
    fn draft(
        &self,
        issuing: &Issuing,
        draft: &Draft,
        device: &Device,
    ) -> ServiceResult<(ApprovalRequest, String)> {
        let request = ApprovalRequest {
            iss: self.issuer().clone(),
            aud: device.id.clone(),
            sub: device.account.clone(),
            iat: draft.now,
            exp: draft.expires_at,
            jti: issuing.jti()?,
            txn: draft.txn.clone(),
            nonce: Nonce::from_random(self.parts.rng.bytes()?),
            client: RequestClient {
                id: draft.shown.id.clone(),
                name: draft.shown.name.clone(),
            },
            acr: draft.acr.clone(),
            binding_message: draft.binding_message.clone(),
            authorization_details: draft.authorization_details.clone(),
            context: draft.context.clone(),
            requires: draft.requires,
        };
        let invalid = |message: String| Refusal::new(ErrorCode::InvalidRequest, message);
        countersign_protocol::Claims::check(&request).map_err(|error| invalid(error.to_string()))?;
        let statement = Statement::from_request(&request).map_err(|error| invalid(error.to_string()))?;
        let hash = statement.hash().to_owned();
        Ok((request, hash))
    }

    fn deliver(&self, requests: Vec<NewRequest>, seq: u64) {
        let cursor = Cursor::Streamed(seq).to_string();
        let mut reached = 0;
        for NewRequest { device, jws, .. } in requests {
            let frame = ServerFrame::Request {
                request: jws,
                cursor: cursor.clone(),
            };
            reached += usize::from(self.hub.send(&device, &frame));
        }
        self.observe(&Happening::Asked { reached });
    }

    async fn repeat(
        &self,
        issuing: &Issuing,
        asked: &IdempotencyKey,
        earlier: Idempotent,
    ) -> ServiceResult<Asked> {
        if earlier.body_hash != asked.body_hash {
            return Err(Refusal::new(
                ErrorCode::IdempotencyConflict,
                "this idempotency key was used for another request; use a new one",
            )
            .into());
        }
        let approval = self.parts.store.approval(&earlier.txn).await?;
        let approval =
            approval.ok_or_else(|| StoreError::Corrupt(format!("{} is named but not there", earlier.txn)))?;
        Ok(Asked {
            match_code: code(issuing, &approval.txn, approval.requires),
            txn: approval.txn,
            expires_at: approval.expires_at,
        })
    }

    async fn refuse_ask(&self, client: &Client, user: &str, refusal: Refusal) -> ServiceError {
        let entry = Entry::new(
            self.now(),
            Actor::Client(client.id.clone()),
            Event::ApprovalRefused,
        )
        .client(&client.id)
        .user(user);
        self.audit_refusal(entry, &refusal).await;
        refusal.into()
    }
}

/// What the requests to all devices of the user have in common.
#[derive(Debug)]
struct Draft {
    txn: Txn,
    shown: ShownClient,
    acr: Option<String>,
    binding_message: Option<String>,
    authorization_details: Option<AuthorizationDetails>,
    context: Option<Context>,
    requires: Requires,
    now: Timestamp,
    expires_at: Timestamp,
}

fn sign(issuing: &Issuing, request: &ApprovalRequest, statement_hash: String) -> ServiceResult<NewRequest> {
    let jws = issuing.sign(request).map_err(|error| match error {
        SignError::Claims(error) => Refusal::new(ErrorCode::InvalidRequest, error.to_string()).into(),
        SignError::TooLong { limit } => Refusal::new(
            ErrorCode::TooLarge,
            format!("the signed request would be longer than {limit} bytes; send fewer details"),
        )
        .into(),
        error @ (SignError::Json(_)
        | SignError::KeyRejected
        | SignError::Unavailable
        | SignError::Signer(_)
        | SignError::InvalidSignature) => ServiceError::Sign(error),
    })?;
    Ok(NewRequest {
        device: request.aud.clone(),
        nonce: request.nonce.clone(),
        request_hash: request_hash(&jws),
        jws,
        statement_hash,
    })
}

fn code(issuing: &Issuing, txn: &Txn, requires: Requires) -> Option<String> {
    issuing
        .match_code(txn, requires.matching)
        .map(|code| code.as_str().to_owned())
}

fn details_json(details: &AuthorizationDetails) -> ServiceResult<String> {
    serde_json::to_string(details).map_err(|error| ServiceError::Sign(SignError::Json(error)))
}

fn locked() -> Refusal {
    Refusal::new(
        ErrorCode::Locked,
        "approvals of this user are locked after too many wrong codes; an administrator has to unlock them",
    )
}

fn rate_limited(seconds: u32) -> Refusal {
    Refusal {
        retry_after: Some(seconds),
        ..Refusal::new(
            ErrorCode::RateLimited,
            "this user was asked too often; try again later",
        )
    }
}

fn too_many_pending(seconds: u32) -> Refusal {
    Refusal {
        retry_after: Some(seconds),
        ..Refusal::new(
            ErrorCode::RateLimited,
            "too many approvals of this user are pending; wait for one to end",
        )
    }
}
