//! The schema of the HTTP interfaces, at `/openapi.json`. Operations and types are described where they are; here they are
//! put together.

use std::sync::Arc;

use axum::{Router, response::IntoResponse, routing::get};
use countersign_protocol::Issuer;
use http::header;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        RefOr, Server,
        link::LinkBuilder,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::http::{health, relying};

/// The interface of relying sides.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Countersign gateway",
        description = "Ask people on their own computers to approve what matters, and get a signed answer. \
            What devices call is in docs/protocol.md.",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT"),
        contact(name = "Countersign", url = "https://github.com/countersign/countersign"),
    ),
    paths(
        relying::create,
        relying::read,
        relying::cancel,
        relying::ciba,
        health::live,
        health::ready,
    ),
    tags(
        (name = "approvals", description = "Ask somebody, wait for the answer, take the question back"),
        (name = "ciba", description = "For OpenID providers with client-initiated backchannel authentication"),
        (name = "health", description = "For load balancers and supervisors"),
    ),
    modifiers(&ClientSecret, &FollowUps),
)]
struct Document;

struct ClientSecret;

impl Modify for ClientSecret {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The secret that `countersign-gateway client add` printed: `cs_…`",
            ));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("client_secret", SecurityScheme::Http(scheme.build()));
    }
}

/// What asking gives is what reading and cancelling take.
struct FollowUps;

impl Modify for FollowUps {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let asking = openapi
            .paths
            .paths
            .values_mut()
            .filter_map(|item| item.post.as_mut());
        for (status, response) in asking.flat_map(|operation| operation.responses.responses.iter_mut()) {
            let (RefOr::T(response), "201" | "202") = (response, status.as_str()) else {
                continue;
            };
            for operation in ["read_approval", "cancel_approval"] {
                let link = LinkBuilder::new()
                    .operation_id(operation)
                    .parameter("txn", "$response.body#/txn");
                response.links.insert(operation.to_owned(), link.build().into());
            }
        }
    }
}

/// Serves the document, without authentication: it holds nothing that is not public.
pub fn router(issuer: &Issuer) -> Router {
    let document: Arc<str> = document(issuer).into();
    let answer =
        async move || ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response();
    Router::new().route("/openapi.json", get(answer))
}

fn document(issuer: &Issuer) -> String {
    let mut document = Document::openapi();
    document.servers = Some(vec![Server::new(issuer.as_str())]);
    // Strings and maps always have a JSON form.
    document.to_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_operation_has_a_summary_and_those_of_clients_a_secret() {
        let issuer = Issuer::parse("https://approve.example.com").unwrap();
        let document: Value = serde_json::from_str(&document(&issuer)).unwrap();
        assert_eq!(document["servers"][0]["url"], "https://approve.example.com");
        let mut seen = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path}");
                assert_eq!(
                    operation["security"].is_array(),
                    path.starts_with("/v1/"),
                    "{method} {path}"
                );
                seen.push(format!("{method} {path}"));
            }
        }
        seen.sort();
        let expected = [
            "delete /v1/approvals/{txn}",
            "get /healthz",
            "get /readyz",
            "get /v1/approvals/{txn}",
            "post /v1/approvals",
            "post /v1/ciba/authentications",
        ];
        assert_eq!(seen, expected);
        assert_eq!(
            document["components"]["securitySchemes"]["client_secret"]["scheme"],
            "bearer"
        );
    }

    /// A reference to a type that is not there makes the document useless to generators.
    #[test]
    fn every_reference_leads_somewhere() {
        let issuer = Issuer::parse("https://approve.example.com").unwrap();
        let document: Value = serde_json::from_str(&document(&issuer)).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            assert!(
                document.pointer(reference.trim_start_matches('#')).is_some(),
                "{reference}"
            );
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        references.extend(value.get("$ref").and_then(Value::as_str).map(str::to_owned));
        let members = value.as_object().into_iter().flat_map(|members| members.values());
        let items = value.as_array().into_iter().flatten();
        members.chain(items).for_each(|inner| collect(inner, references));
    }
}
