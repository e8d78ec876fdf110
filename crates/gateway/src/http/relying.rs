//! What relying sides call (protocol section 9).

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use countersign_protocol::{
    Amr, ApprovalResult, AuthorizationDetails, Context, ErrorCode, KeyProtection, Requires, Timestamp, Txn,
    Verdict,
    json::{self, JsonError},
    wire::MAX_BODY,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body,
    device::Query,
    reply::answer,
    schema::{ContextSchema, Failure, RequiresSchema},
};
use crate::{
    ciba,
    service::{Ask, Asked, Gateway, Outcome, Refusal, ServiceResult, ShownClient, sha256},
    store::{Client, IdempotencyKey},
};

/// The longest wait for an outcome, in seconds.
const MAX_WAIT: u32 = 60;
/// How often a client that does not wait should ask, in seconds.
const INTERVAL: u32 = 2;

/// Whom to ask and what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "user": "amelie",
    "acr": "urn:example:high",
    "binding_message": "Invoice 2026-114",
    "authorization_details": [{
        "type": "payment_initiation",
        "instructedAmount": { "amount": "4250.00", "currency": "EUR" },
        "creditorName": "Alder Supplies",
        "creditorAccount": { "iban": "DE75512108001245126199" },
    }],
}))]
pub(crate) struct NewApproval {
    /// The person, by the name they were enrolled with.
    #[schema(min_length = 1, max_length = 128)]
    user: String,
    /// The level asked for.
    #[schema(min_length = 1, max_length = 128, nullable = false)]
    acr: Option<String>,
    /// A text for the person.
    #[schema(min_length = 1, max_length = 256, nullable = false)]
    binding_message: Option<String>,
    /// What it is about (RFC 9396): 1 to 8 objects with a `type`.
    #[schema(value_type = Vec<Object>, min_items = 1, max_items = 8, nullable = false, required = false)]
    authorization_details: Option<AuthorizationDetails>,
    /// The circumstances.
    #[schema(value_type = ContextSchema, nullable = false, required = false)]
    context: Option<Context>,
    /// What the person has to do: by default type a six digit code, in the window.
    #[schema(value_type = RequiresSchema, nullable = false, required = false)]
    requires: Option<Requires>,
    /// Seconds until it expires; 120 by default.
    #[schema(minimum = 10, maximum = 600, nullable = false)]
    expires_in: Option<i64>,
    /// Where the result is sent; one of the addresses registered for the client.
    #[schema(max_length = 2048, nullable = false)]
    callback_url: Option<String>,
    /// The application that the person sees; only for identity providers.
    #[schema(min_length = 1, max_length = 64, nullable = false)]
    client_name: Option<String>,
}

/// Somebody is asked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Created {
    /// The transaction.
    txn: String,
    /// The code to show where the action started, if one is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    match_code: Option<String>,
    /// When it expires, in seconds since the Unix epoch.
    expires_at: Timestamp,
    /// How often to ask for the outcome without `wait`, in seconds.
    interval: u32,
}

impl From<Asked> for Created {
    fn from(asked: Asked) -> Self {
        Self {
            txn: asked.txn.to_string(),
            match_code: asked.match_code,
            expires_at: asked.expires_at,
            interval: INTERVAL,
        }
    }
}

/// Where an approval stands. The members after `expires_at` are there when it has ended; those from `acr` to
/// `authorization_details` only if it was approved.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// The transaction.
    txn: String,
    /// `pending`, or the outcome: `approved`, `denied`, `reported`, `cancelled`, `expired`, `locked`.
    state: &'static str,
    /// When it expires or would have, in seconds since the Unix epoch.
    expires_at: Timestamp,
    /// The signed result: a compact JWS of type `approval-result+jwt`. Verify this; the rest is for convenience.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    result: Option<String>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iss: Option<String>,
    /// This client's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    aud: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    iat: Option<Timestamp>,
    /// The id of the signed result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    jti: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sub: Option<String>,
    /// As `state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    outcome: Option<&'static str>,
    /// What the person said, if a device decided: `approve`, `deny` or `report`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, nullable = false, required = false)]
    verdict: Option<Verdict>,
    /// The hash of the request that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_hash: Option<String>,
    /// The hash of the statement that was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    statement_hash: Option<String>,
    /// The level reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    acr: Option<String>,
    /// How the person was authenticated (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<String>, nullable = false, required = false)]
    amr: Option<Vec<Amr>>,
    /// When the person decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    auth_time: Option<Timestamp>,
    /// How the device's key is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false, required = false)]
    key_protection: Option<KeyProtection>,
    /// What was granted: exactly what was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Object>, nullable = false, required = false)]
    authorization_details: Option<AuthorizationDetails>,
    /// When the person said, after it had ended, that it was not them; whatever the outcome. Not in the signed result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reported_at: Option<Timestamp>,
}

impl From<Outcome> for Standing {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pending { txn, expires_at } => Self {
                txn: txn.to_string(),
                state: "pending",
                expires_at,
                ..Self::default()
            },
            Outcome::Ended {
                expires_at,
                claims,
                result,
                reported_at,
            } => {
                let ApprovalResult {
                    iss,
                    aud,
                    iat,
                    jti,
                    txn,
                    sub,
                    outcome,
                    verdict,
                    request_hash,
                    statement_hash,
                    acr,
                    amr,
                    auth_time,
                    key_protection,
                    authorization_details,
                } = *claims;
                Self {
                    txn: txn.to_string(),
                    state: outcome.as_str(),
                    expires_at,
                    result: Some(result),
                    iss: Some(iss.to_string()),
                    aud: Some(aud),
                    iat: Some(iat),
                    jti: Some(jti.to_string()),
                    sub: Some(sub),
                    outcome: Some(outcome.as_str()),
                    verdict,
                    request_hash,
                    statement_hash,
                    acr,
                    amr,
                    auth_time,
                    key_protection,
                    authorization_details,
                    reported_at,
                }
            }
        }
    }
}

/// Asks somebody to approve.
#[utoipa::path(
    post, path = "/v1/approvals", tag = "approvals", operation_id = "create_approval",
    security(("client_secret" = [])),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 128 visible ASCII characters: the same key and body again give the same answer.",
        min_length = 1, max_length = 128, pattern = "^[!-~]+$")),
    request_body = NewApproval,
    responses(
        (status = 201, description = "Somebody is asked.", body = Created),
        (status = 400, description = "`invalid_request`: the message names the field.", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 403, description = "`not_allowed`, or `locked` after too many wrong codes.", body = Failure),
        (status = 409, description = "`idempotency_conflict`", body = Failure),
        (status = 413, description = "`too_large`", body = Failure),
        (status = 422, description = "`no_device`: the user has no device that can answer.", body = Failure),
        (status = 429, description = "`rate_limited`: see `Retry-After`.", body = Failure),
        (status = 503, description = "`unavailable`: try again.", body = Failure),
    ),
)]
pub(crate) async fn create(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    request: Result<Bytes, BytesRejection>,
) -> Response {
    let result = async {
        let client = authenticate(&gateway, &headers).await?;
        let bytes = body(request)?;
        let ask = read_ask(&client, &headers, &bytes)?;
        gateway.ask(&client, ask).await.map(Created::from)
    }
    .await;
    answer(StatusCode::CREATED, result, None)
}

/// Where an approval stands; with `wait` as soon as it has ended.
#[utoipa::path(
    get, path = "/v1/approvals/{txn}", tag = "approvals", operation_id = "read_approval",
    security(("client_secret" = [])),
    params(
        ("txn" = String, Path, description = "The transaction."),
        ("wait" = Option<u32>, Query, description = "Seconds to wait for the end.", minimum = 0, maximum = 60),
    ),
    responses(
        (status = 200, description = "Where it stands.", body = Standing),
        (status = 400, description = "`invalid_request`", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 404, description = "`not_found`: no such approval of this client.", body = Failure),
        (status = 503, description = "`unavailable`: try again.", body = Failure),
    ),
)]
pub(crate) async fn read(
    State(gateway): State<Arc<Gateway>>,
    Path(txn): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let client = authenticate(&gateway, &headers).await?;
        let query = Query::parse(query.as_deref(), MAX_WAIT)?;
        let wait = Duration::from_secs(query.wait.unwrap_or(0).into());
        gateway
            .outcome(&client, &parse_txn(&txn)?, wait)
            .await
            .map(Standing::from)
    }
    .await;
    answer(StatusCode::OK, result, None)
}

/// Cancels an approval that is pending; tells where it stands.
#[utoipa::path(
    delete, path = "/v1/approvals/{txn}", tag = "approvals", operation_id = "cancel_approval",
    security(("client_secret" = [])),
    params(("txn" = String, Path, description = "The transaction.")),
    responses(
        (status = 200, description = "Where it stands now: `cancelled`, or how it had ended before.", body = Standing),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 404, description = "`not_found`: no such approval of this client.", body = Failure),
        (status = 503, description = "`unavailable`: try again.", body = Failure),
    ),
)]
pub(crate) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    Path(txn): Path<String>,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let client = authenticate(&gateway, &headers).await?;
        gateway
            .cancel(&client, &parse_txn(&txn)?)
            .await
            .map(Standing::from)
    }
    .await;
    answer(StatusCode::OK, result, None)
}

/// Takes in what a CIBA server hands over.
#[utoipa::path(
    post, path = "/v1/ciba/authentications", tag = "ciba", operation_id = "start_ciba_authentication",
    security(("client_secret" = [])),
    request_body = ciba::Authentication,
    responses(
        (status = 202, description = "Somebody is asked; the result goes to the callback.", body = ciba::Started),
        (status = 400, description = "`invalid_request`: the message names the field.", body = Failure),
        (status = 401, description = "`unauthorized`", body = Failure),
        (status = 403, description = "`not_allowed`, or `locked` after too many wrong codes.", body = Failure),
        (status = 409, description = "`idempotency_conflict`", body = Failure),
        (status = 413, description = "`too_large`", body = Failure),
        (status = 422, description = "`no_device`: the user has no device that can answer.", body = Failure),
        (status = 429, description = "`rate_limited`: see `Retry-After`.", body = Failure),
        (status = 503, description = "`unavailable`: try again.", body = Failure),
    ),
)]
pub(crate) async fn ciba(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    request: Result<Bytes, BytesRejection>,
) -> Response {
    let result = async {
        let client = authenticate(&gateway, &headers).await?;
        let ask = ciba::read(&body(request)?)?;
        gateway.ask(&client, ask).await.map(ciba::Started::from)
    }
    .await;
    answer(StatusCode::ACCEPTED, result, None)
}

/// The client whose secret a call bears (RFC 6750 section 2.1).
async fn authenticate(gateway: &Gateway, headers: &HeaderMap) -> ServiceResult<Arc<Client>> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let secret = match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().ok().and_then(|value| value.split_once(' ')),
        (Some(_), Some(_)) | (None, _) => None,
    };
    match secret {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("bearer") => {
            gateway.client(secret.trim()).await
        }
        Some(_) | None => Err(Refusal::new(
            ErrorCode::Unauthorized,
            "send `Authorization: Bearer` with the client secret",
        )
        .into()),
    }
}

fn read_ask(client: &Client, headers: &HeaderMap, bytes: &Bytes) -> Result<Ask, Refusal> {
    let new: NewApproval = json::from_slice(bytes, MAX_BODY).map_err(|error| match error {
        JsonError::TooLong { limit } => Refusal::new(
            ErrorCode::TooLarge,
            format!("the body is longer than {limit} bytes"),
        ),
        JsonError::Syntax(_) | JsonError::Form(_) => Refusal::new(
            ErrorCode::InvalidRequest,
            format!("the body is not an approval to ask for: {error}"),
        ),
    })?;
    let key = idempotency_key(headers)?;
    Ok(Ask {
        user: new.user,
        shown_client: new.client_name.map(|name| ShownClient {
            id: client.id.clone(),
            name,
        }),
        acr: new.acr,
        binding_message: new.binding_message,
        authorization_details: new.authorization_details,
        context: new.context,
        requires: new.requires,
        expires_in: new.expires_in,
        callback_url: new.callback_url,
        auth_ref: None,
        idempotency: key.map(|key| IdempotencyKey {
            key,
            body_hash: sha256(bytes),
        }),
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => match key.to_str() {
            Ok(key) if (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                // Keys of the CIBA interface have another beginning.
                Ok(Some(format!("key:{key}")))
            }
            Ok(_) | Err(_) => Err(Refusal::new(
                ErrorCode::InvalidRequest,
                "`Idempotency-Key` must be 1 to 128 visible ASCII characters",
            )),
        },
        (Some(_), Some(_)) => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            "send one `Idempotency-Key`",
        )),
    }
}

fn parse_txn(text: &str) -> Result<Txn, Refusal> {
    Txn::parse(text)
        .map_err(|_| Refusal::new(ErrorCode::NotFound, "there is no such approval of this client"))
}
