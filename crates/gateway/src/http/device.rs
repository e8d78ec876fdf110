//! What devices call (protocol section 5). The WebSocket is in [`super::stream`].

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, Request, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use countersign_protocol::{
    ErrorCode, Issuer, PublishedJwk,
    json::{self, JsonError},
    wire::{
        Configuration, DecisionRequest, DecisionResponse, EnrolmentRequest, MAX_BODY, MAX_POLL_WAIT,
        NONCE_HEADER, PROOF_HEADER, PROTOCOL_VERSION, PreviewRequest, RevocationResponse, RotationRequest,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    body, path,
    reply::{answer, failure},
};
use crate::service::{Caller, Cursor, Gateway, Refusal, ServiceResult, Taken};

/// What a poll waits when it does not say, in seconds.
const DEFAULT_WAIT: u32 = 25;

type Posted = Result<Bytes, BytesRejection>;

/// Gives every answer the nonce for the next proof.
pub(super) async fn give_nonce(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    if let Ok(nonce) = HeaderValue::from_str(&gateway.nonce()) {
        response.headers_mut().insert(NONCE_HEADER, nonce);
    }
    response
}

/// `GET /.well-known/countersign-configuration`
pub(super) async fn configuration(State(gateway): State<Arc<Gateway>>) -> Response {
    let issuer = gateway.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    Json(Configuration {
        issuer: issuer.clone(),
        name: gateway.settings().name.clone(),
        protocol_versions: vec![PROTOCOL_VERSION],
        keys: gateway.keys(),
        time: gateway.now(),
        enrolment_preview_endpoint: at(path::PREVIEW),
        enrolment_endpoint: at(path::ENROLMENT),
        stream_endpoint: stream_url(issuer),
        poll_endpoint: at(path::POLL),
        decision_endpoint: at(path::DECISIONS),
        rotation_endpoint: at(path::ROTATION),
    })
    .into_response()
}

/// The issuer's keys for those who verify results and evidence (RFC 7517 section 5).
#[derive(Debug, Serialize)]
struct JwkSet<'a> {
    keys: Vec<PublishedJwk<'a>>,
}

/// `GET /.well-known/jwks.json`
pub(super) async fn jwks(State(gateway): State<Arc<Gateway>>) -> Response {
    let keys = gateway.keys();
    Json(JwkSet {
        keys: keys.iter().map(PublishedJwk::from).collect(),
    })
    .into_response()
}

/// `POST /v1/device/enrolment/preview`
pub(super) async fn preview(State(gateway): State<Arc<Gateway>>, request: Posted) -> Response {
    let result = async { gateway.preview(&read::<PreviewRequest>(request)?.code).await }.await;
    answer(StatusCode::OK, result, Some(gateway.now()))
}

/// `POST /v1/device/enrolment`
pub(super) async fn enrol(State(gateway): State<Arc<Gateway>>, request: Posted) -> Response {
    let result = async { gateway.enrol(&read::<EnrolmentRequest>(request)?.enrolment).await }.await;
    answer(StatusCode::CREATED, result, Some(gateway.now()))
}

/// `GET /v1/device/poll`
pub(super) async fn poll(
    State(gateway): State<Arc<Gateway>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let caller = prove(
            &gateway,
            &headers,
            "GET",
            &[&format!("{}{}", gateway.issuer(), path::POLL)],
        )
        .await?;
        let query = Query::parse(query.as_deref(), MAX_POLL_WAIT)?;
        let wait = Duration::from_secs(query.wait.unwrap_or(DEFAULT_WAIT).into());
        gateway.poll(&caller, query.cursor, wait).await
    }
    .await;
    answer(StatusCode::OK, result, Some(gateway.now()))
}

/// `POST /v1/device/decisions`
pub(super) async fn decide(State(gateway): State<Arc<Gateway>>, request: Posted) -> Response {
    let decision = match read::<DecisionRequest>(request) {
        Ok(request) => request.decision,
        Err(error) => return failure(&error.into(), Some(gateway.now())),
    };
    let result = gateway.decide(&decision).await.result;
    answer(
        StatusCode::OK,
        result.map(|Taken { receipt, report }| DecisionResponse { receipt, report }),
        Some(gateway.now()),
    )
}

/// `POST /v1/device/rotation`
pub(super) async fn rotate(State(gateway): State<Arc<Gateway>>, request: Posted) -> Response {
    let result = async { gateway.rotate(&read::<RotationRequest>(request)?.rotation).await }.await;
    answer(StatusCode::OK, result, Some(gateway.now()))
}

/// `DELETE /v1/device`
pub(super) async fn revoke(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    let url = format!("{}{}", gateway.issuer(), path::DEVICE);
    let result = async {
        let proof = proof(&headers)?;
        gateway.revoke_oneself(proof, "DELETE", &[&url]).await?;
        Ok(RevocationResponse {})
    }
    .await;
    answer(StatusCode::OK, result, Some(gateway.now()))
}

/// Where the WebSocket is, as the configuration says it.
pub(super) fn stream_url(issuer: &Issuer) -> String {
    format!(
        "{}{}",
        issuer.as_str().replacen("https://", "wss://", 1),
        path::STREAM
    )
}

/// Who makes a call, by its proof.
pub(super) async fn prove(
    gateway: &Gateway,
    headers: &HeaderMap,
    method: &str,
    urls: &[&str],
) -> ServiceResult<Caller> {
    gateway.prove(proof(headers)?, method, urls).await
}

/// The proof that a call comes with.
fn proof(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut proofs = headers.get_all(PROOF_HEADER).iter();
    let (Some(proof), None) = (proofs.next(), proofs.next()) else {
        return Err(Refusal::new(
            ErrorCode::UseNonce,
            format!("send one {PROOF_HEADER} with the nonce of {NONCE_HEADER}"),
        ));
    };
    proof.to_str().map_err(|_| {
        Refusal::new(
            ErrorCode::Unauthorized,
            format!("{PROOF_HEADER} is not a compact JWS"),
        )
    })
}

/// The query of a subscription.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) cursor: Option<Cursor>,
    pub(super) wait: Option<u32>,
}

impl Query {
    /// Reads it. What is not known is refused, so that a misspelt parameter is noticed.
    pub(super) fn parse(text: Option<&str>, longest_wait: u32) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal::new(ErrorCode::InvalidRequest, message);
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            let first = match name.as_ref() {
                "cursor" => query.cursor.replace(value.parse()?).is_none(),
                "wait" => {
                    let seconds = value.parse().ok().filter(|seconds| *seconds <= longest_wait);
                    let seconds = seconds
                        .ok_or_else(|| invalid(format!("`wait` must be 0 to {longest_wait} seconds")))?;
                    query.wait.replace(seconds).is_none()
                }
                _ => return Err(invalid("the query has an unknown parameter".to_owned())),
            };
            if !first {
                return Err(invalid(format!("`{name}` is given twice")));
            }
        }
        Ok(query)
    }
}

fn read<T: DeserializeOwned>(request: Posted) -> Result<T, Refusal> {
    json::from_slice(&body(request)?, MAX_BODY).map_err(|error| match error {
        JsonError::TooLong { limit } => Refusal::new(
            ErrorCode::TooLarge,
            format!("the body is longer than {limit} bytes"),
        ),
        JsonError::Syntax(_) | JsonError::Form(_) => Refusal::new(
            ErrorCode::InvalidRequest,
            format!("the body is not what is expected here: {error}"),
        ),
    })
}
