//! Takes in what a CIBA server hands over when it has to ask somebody (protocol section 9): `oidc-provider`'s
//! `triggerAuthenticationDevice` with its parameters as strings, as they came from the client.
//!
//! Invariants: the answer never waits for the person; the same `auth_ref` of the same client is the same transaction;
//! `auth_ref` is given back in the callback and shown to nobody else.

use countersign_protocol::{
    AuthorizationDetails, Context, ErrorCode, Origin, Requires, Risk,
    json::{self, JsonError},
    wire::MAX_BODY,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    service::{Ask, Asked, Refusal, ShownClient, sha256},
    store::IdempotencyKey,
};

/// A CIBA server's authentication, handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "auth_ref": "7b1f6a1e",
    "sub": "amelie",
    "client": { "id": "treasury", "name": "Treasury Portal" },
    "params": { "acr_values": "urn:example:high", "binding_message": "Invoice 2026-114" },
    "callback_url": "https://idp.example.com/countersign/callback"
}))]
pub struct Authentication {
    /// The caller's own reference. Not the `auth_req_id`: that is a secret between provider and client.
    #[schema(min_length = 1, max_length = 128)]
    pub auth_ref: String,
    /// The person, by the name they were enrolled with.
    #[schema(min_length = 1, max_length = 128)]
    pub sub: String,
    /// The application that started the authentication, as the person sees it.
    pub client: CibaClient,
    /// The request's parameters.
    pub params: Params,
    /// Where the result is sent; one of the addresses registered for the caller.
    #[schema(max_length = 2048)]
    pub callback_url: String,
}

/// An application of the identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CibaClient {
    /// Its client id at the provider.
    #[schema(min_length = 1, max_length = 128)]
    pub id: String,
    /// The name that the person sees.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
}

/// Parameters of a CIBA request (OpenID CIBA Core section 7.1, RFC 9396), as strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Levels, separated by spaces, in order of preference: the first one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acr_values: Option<String>,
    /// A sentence for the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_message: Option<String>,
    /// A JSON array (RFC 9396).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<String>,
    /// A JSON object: the circumstances (protocol section 4.3) and, optionally, `requires`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_context: Option<String>,
    /// Seconds, in decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested_expiry: Option<String>,
}

/// The answer: somebody is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Started {
    /// The transaction.
    #[schema(value_type = String)]
    pub txn: String,
    /// The code to be shown where the action started, if one is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_code: Option<String>,
    /// When the approval expires, in seconds since the Unix epoch.
    pub expires_at: i64,
}

impl From<Asked> for Started {
    fn from(asked: Asked) -> Self {
        Self {
            txn: asked.txn.to_string(),
            match_code: asked.match_code,
            expires_at: asked.expires_at,
        }
    }
}

/// The circumstances, and what the person has to do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestContext {
    origin: Option<Origin>,
    place: Option<String>,
    ip: Option<String>,
    agent: Option<String>,
    started_at: Option<i64>,
    risk: Option<Risk>,
    #[serde(default)]
    hints: Vec<String>,
    requires: Option<Requires>,
}

impl RequestContext {
    fn split(self) -> (Option<Context>, Option<Requires>) {
        let Self {
            origin,
            place,
            ip,
            agent,
            started_at,
            risk,
            hints,
            requires,
        } = self;
        let context = Context {
            origin,
            place,
            ip,
            agent,
            started_at,
            risk,
            hints,
        };
        ((context != Context::default()).then_some(context), requires)
    }
}

/// Reads the body of a request.
///
/// # Errors
/// `invalid_request` with what is wrong, `too_large`.
pub fn read(body: &[u8]) -> Result<Ask, Refusal> {
    let parsed: Authentication = json::from_slice(body, MAX_BODY).map_err(|error| match error {
        JsonError::TooLong { limit } => {
            Refusal::new(ErrorCode::TooLarge, format!("the body is over {limit} bytes"))
        }
        JsonError::Syntax(_) | JsonError::Form(_) => invalid("body", &error),
    })?;
    let Authentication {
        auth_ref,
        sub,
        client,
        params,
        callback_url,
    } = parsed;
    if !(1..=128).contains(&auth_ref.chars().count()) {
        return Err(invalid("auth_ref", "it must have 1 to 128 characters"));
    }
    let details = params
        .authorization_details
        .as_deref()
        .map(AuthorizationDetails::parse)
        .transpose();
    let (context, requires) = match params.request_context.as_deref() {
        Some(text) => json::from_slice::<RequestContext>(text.as_bytes(), MAX_BODY)
            .map_err(|error| invalid("params.request_context", error))?
            .split(),
        None => (None, None),
    };
    Ok(Ask {
        user: sub,
        shown_client: Some(ShownClient {
            id: client.id,
            name: client.name,
        }),
        acr: params
            .acr_values
            .as_deref()
            .and_then(|values| values.split(' ').find(|v| !v.is_empty()))
            .map(str::to_owned),
        binding_message: params.binding_message,
        authorization_details: details.map_err(|error| invalid("params.authorization_details", error))?,
        context,
        requires,
        expires_in: params.requested_expiry.as_deref().map(seconds).transpose()?,
        callback_url: Some(callback_url),
        idempotency: Some(IdempotencyKey {
            key: format!("ciba:{auth_ref}"),
            body_hash: sha256(body),
        }),
        auth_ref: Some(auth_ref),
    })
}

fn seconds(text: &str) -> Result<i64, Refusal> {
    let digits = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(seconds) if digits => Ok(seconds),
        Ok(_) | Err(_) => Err(invalid(
            "params.requested_expiry",
            "it must be a number of seconds in decimal",
        )),
    }
}

fn invalid(what: &str, problem: impl std::fmt::Display) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, format!("{what}: {problem}"))
}

#[cfg(test)]
mod tests {
    use countersign_protocol::{Match, Surface, Verification};
    use serde_json::{Value, json};

    use super::*;

    fn body() -> Value {
        json!({
            "auth_ref": "4f1c",
            "sub": "amelie",
            "client": { "id": "bank", "name": "Bank" },
            "params": {
                "acr_values": "urn:example:high urn:example:low",
                "binding_message": "K7 42",
                "authorization_details": "[{\"type\":\"payment_initiation\",\"creditorName\":\"A\"}]",
                "request_context": "{\"ip\":\"192.0.2.1\",\"risk\":\"low\",\"requires\":{\"match\":{\"type\":\"none\"},\"verification\":\"none\",\"surface\":\"any\"}}",
                "requested_expiry": "60"
            },
            "callback_url": "http://127.0.0.1:3000/cb"
        })
    }

    fn read_with(change: impl FnOnce(&mut Value)) -> Result<Ask, Refusal> {
        let mut body = body();
        change(&mut body);
        read(body.to_string().as_bytes())
    }

    fn refused(change: impl FnOnce(&mut Value)) -> String {
        let refusal = read_with(change).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InvalidRequest);
        refusal.message
    }

    #[test]
    fn strings_from_the_client_become_typed_values() {
        let ask = read_with(|_| {}).unwrap();
        assert_eq!(ask.user, "amelie");
        assert_eq!(ask.shown_client.unwrap().name, "Bank");
        assert_eq!(ask.acr.as_deref(), Some("urn:example:high"));
        assert_eq!(ask.authorization_details.unwrap().iter().count(), 1);
        assert_eq!(ask.context.unwrap().risk, Some(Risk::Low));
        let requires = Requires {
            matching: Match::None,
            verification: Verification::None,
            surface: Surface::Any,
        };
        assert_eq!(ask.requires, Some(requires));
        assert_eq!(ask.expires_in, Some(60));
        assert_eq!(ask.auth_ref.as_deref(), Some("4f1c"));
        assert_eq!(ask.idempotency.unwrap().key, "ciba:4f1c");
    }

    #[test]
    fn without_parameters_the_defaults_apply() {
        let ask = read_with(|body| body["params"] = json!({})).unwrap();
        assert!(
            ask.acr.is_none() && ask.context.is_none() && ask.requires.is_none() && ask.expires_in.is_none()
        );
    }

    #[test]
    fn a_context_that_only_says_what_is_required_is_no_context() {
        let only = "{\"requires\":{\"match\":{\"type\":\"code\",\"digits\":6},\"verification\":\"none\",\"surface\":\"window\"}}";
        let ask = read_with(|body| body["params"]["request_context"] = json!(only)).unwrap();
        assert_eq!((ask.context, ask.requires), (None, Some(Requires::default())));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(
            refused(|b| b["params"]["requested_expiry"] = json!("1e3"))
                .starts_with("params.requested_expiry")
        );
        assert!(
            refused(|b| b["params"]["requested_expiry"] = json!("+60"))
                .starts_with("params.requested_expiry")
        );
        assert!(
            refused(|b| b["params"]["authorization_details"] = json!("{}"))
                .starts_with("params.authorization_details")
        );
        assert!(
            refused(|b| b["params"]["request_context"] = json!("{\"colour\":1}"))
                .starts_with("params.request_context")
        );
        assert!(refused(|b| b["auth_ref"] = json!("")).starts_with("auth_ref"));
        assert!(refused(|b| b["params"]["scope"] = json!("openid")).starts_with("body"));
        assert!(refused(|b| b["params"]["binding_message"] = json!(7)).starts_with("body"));
    }
}
