//! The device has itself revoked (section 5.6).

use countersign_protocol::{
    ErrorCode,
    wire::{DEVICE_PATH, RevocationResponse},
};
use http::Method;

use super::{
    Native,
    binding::Binding,
    device::Proof,
    enrol::{refused, unexpected},
    exchange::{self, ANSWER_LIMIT, Reply},
};
use crate::{
    channel::EnrolmentError,
    keystore::{DeviceKey, Interaction},
    net::Connection,
};

/// The first call asks for a nonce, the second may find the clock wrong, the third counts.
const CALLS: usize = 3;

pub(super) async fn revoke(
    native: &Native,
    binding: &Binding,
    other_key: Option<&DeviceKey>,
) -> Result<(), EnrolmentError> {
    let result = prove(native, binding).await;
    let (Err(error), Some(other)) = (&result, other_key) else {
        return result;
    };
    if !is_about_key(error) {
        return result;
    }
    let other = Binding {
        key: other.clone(),
        ..binding.clone()
    };
    prove(native, &other).await
}

/// Whether another key may do better.
fn is_about_key(error: &EnrolmentError) -> bool {
    match error {
        EnrolmentError::Issuer { error, .. } => {
            matches!(error, ErrorCode::Unauthorized | ErrorCode::InvalidMessage)
        }
        EnrolmentError::Key(_) => true,
        EnrolmentError::InvalidLink(_)
        | EnrolmentError::InvalidPushLink(_)
        | EnrolmentError::NeedsUnlock
        | EnrolmentError::NeedsPassphrase
        | EnrolmentError::Unknown(..)
        | EnrolmentError::InvalidTrust(_)
        | EnrolmentError::TrustNotAllowed
        | EnrolmentError::Refused
        | EnrolmentError::Net(_)
        | EnrolmentError::Configuration(_)
        | EnrolmentError::BadAnswer(_) => false,
    }
}

/// Asks with the binding's key.
async fn prove(native: &Native, binding: &Binding) -> Result<(), EnrolmentError> {
    let url = exchange::url(&format!("{}{DEVICE_PATH}", binding.issuer))?;
    let mut connection = Connection::open(&native.net, &url).await?;
    let mut nonce = None;
    let mut offset = binding.offset;
    for call in 1..=CALLS {
        if !connection.is_usable() {
            connection = Connection::open(&native.net, &url).await?;
        }
        let proof = Proof {
            method: "DELETE",
            url: &url,
            nonce: nonce.as_deref(),
            now: native.clock.now().saturating_add(offset),
            interaction: Interaction::Allowed,
        };
        let (headers, _) = proof.sign(native, binding).await?;
        let answer = connection
            .send(Method::DELETE, &url, headers, Vec::new(), ANSWER_LIMIT)
            .await?;
        nonce = exchange::nonce(&answer.headers);
        match exchange::read::<RevocationResponse>(&answer, 200) {
            Reply::Done(RevocationResponse {}) => return Ok(()),
            // An issuer that does not look at a revoked device's calls any more: it is as it should be.
            Reply::Refused(body) if body.error == ErrorCode::DeviceRevoked => return Ok(()),
            Reply::Refused(body) => {
                let curable = matches!(body.error, ErrorCode::UseNonce | ErrorCode::Stale);
                if !curable || call == CALLS {
                    return Err(refused(*body));
                }
                if let Some(time) = body.time {
                    offset = time.saturating_sub(native.clock.now());
                }
            }
            Reply::Unexpected(status) => return Err(unexpected(&binding.issuer, status)),
        }
    }
    Err(EnrolmentError::BadAnswer("it asks for one proof after the other"))
}
