//! One HTTP call to the issuer and what its answer means.

use std::time::Duration;

use countersign_protocol::{
    ErrorBody, json,
    wire::{MAX_BODY, NONCE_HEADER},
};
use http::{HeaderMap, Method};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::net::{Answer, Connection, Net, NetError};

/// How long the issuer may take for an answer that it need not wait for.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// An answer, read.
#[derive(Debug)]
pub(super) enum Reply<T> {
    /// What was asked for.
    Done(T),
    /// The issuer's own error.
    Refused(Box<ErrorBody>),
    /// Something that no issuer says: a proxy or another server answered, most likely.
    Unexpected(u16),
}

/// Reads an answer; `success` is the status that comes with what was asked for.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer, success: u16) -> Reply<T> {
    let status = answer.status.as_u16();
    if status == success {
        return json::from_slice(&answer.body, MAX_BODY).map_or(Reply::Unexpected(status), Reply::Done);
    }
    match json::from_slice::<ErrorBody>(&answer.body, MAX_BODY) {
        Ok(body) if body.error.http_status() == status => Reply::Refused(Box::new(body)),
        Ok(_) | Err(_) => Reply::Unexpected(status),
    }
}

/// The nonce for the next proof, if the answer has one.
pub(super) fn nonce(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(NONCE_HEADER)?.to_str().ok()?;
    let fits = (1..=128).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| value.to_owned())
}

/// Parses an endpoint that was checked when it was learnt.
pub(super) fn url(endpoint: &str) -> Result<Url, NetError> {
    Url::parse(endpoint).map_err(|_| NetError::InvalidUrl(endpoint.to_owned()))
}

/// Posts JSON on a connection of its own.
pub(super) async fn post<B: Serialize>(net: &Net, endpoint: &str, body: &B) -> Result<Answer, NetError> {
    let url = url(endpoint)?;
    let mut connection = Connection::open(net, &url).await?;
    post_on(&mut connection, &url, body).await
}

/// Posts JSON on an open connection.
pub(super) async fn post_on<B: Serialize>(
    connection: &mut Connection,
    url: &Url,
    body: &B,
) -> Result<Answer, NetError> {
    let body = serde_json::to_vec(body).map_err(|_| NetError::InvalidUrl(url.path().to_owned()))?;
    connection
        .send(Method::POST, url, HeaderMap::new(), body, ANSWER_LIMIT)
        .await
}
