//! Enrolment and rotation of the device key (sections 5.2 and 5.5).

use countersign_agent_api::CertificateCheck;
use countersign_protocol::{
    ApprovalEnrol, ApprovalRotate, DeviceDescription, EnrolmentLink, ErrorBody, ErrorCode, Issuer, Jti,
    RotateNew, fingerprint, text,
    wire::{
        Configuration, EnrolmentRequest, EnrolmentResponse, PreviewOffer, PreviewRequest, RotationRequest,
        RotationResponse,
    },
};
use http::{HeaderMap, Method};

use super::{
    Native,
    binding::{Binding, Endpoints},
    device::random,
    exchange::{self, ANSWER_LIMIT, Reply},
    verify::plain,
};
use crate::{
    channel::{Enrolled, EnrolmentError, Offer, Terms},
    keystore::{DeviceKey, Interaction},
    net::{Connection, NetError, Trust},
};

/// Validity of the messages made here, in seconds.
const LIFETIME: i64 = 120;

pub(super) async fn preview(native: &Native, link: &str) -> Result<Offer, EnrolmentError> {
    let link = EnrolmentLink::parse(link.trim()).map_err(EnrolmentError::InvalidLink)?;
    let url = exchange::url(&link.issuer.configuration_url())?;
    let mut connection = Connection::open(&native.net, &url).await?;
    let configuration = discover(&mut connection, &url, &link.issuer).await?;
    let offset = configuration.time.saturating_sub(native.clock.now());

    let body = PreviewRequest {
        code: link.code.clone(),
    };
    // One origin, as checked: the connection serves for both, unless a proxy closes it after each answer.
    let url = exchange::url(&configuration.enrolment_preview_endpoint)?;
    if !connection.is_usable() {
        connection = Connection::open(&native.net, &url).await?;
    }
    let answer = exchange::post_on(&mut connection, &url, &body).await?;
    let preview = match exchange::read::<PreviewOffer>(&answer, 200) {
        Reply::Done(preview) => preview,
        Reply::Refused(body) => return Err(refused(*body)),
        Reply::Unexpected(status) => return Err(unexpected(&link.issuer, status)),
    };
    if text::check(&preview.account, 128).is_err() || text::check(&preview.issuer_name, 64).is_err() {
        return Err(EnrolmentError::BadAnswer("a name in it is not plain text"));
    }
    Ok(Offer {
        issuer: link.issuer,
        issuer_name: preview.issuer_name,
        account: preview.account,
        fingerprint: configuration.keys.first().map(fingerprint).unwrap_or_default(),
        delivers_code: preview.otp,
        expires_at: preview.expires_at.saturating_sub(offset),
        trust: Trust::default(),
        check: CertificateCheck::Wanted,
        terms: Terms::Native(super::Terms {
            issuer_keys: configuration.keys,
            code: link.code,
            endpoints: Endpoints {
                stream: configuration.stream_endpoint,
                poll: configuration.poll_endpoint,
                decision: configuration.decision_endpoint,
                rotation: configuration.rotation_endpoint,
            },
            enrolment_endpoint: configuration.enrolment_endpoint,
            offset,
        }),
    })
}

pub(super) async fn enrol(
    native: &Native,
    offer: &Offer,
    terms: &super::Terms,
    key: &DeviceKey,
    device_name: &str,
) -> Result<Enrolled, EnrolmentError> {
    let now = native.clock.now().saturating_add(terms.offset);
    let claims = ApprovalEnrol {
        aud: offer.issuer.clone(),
        iat: now,
        exp: now.saturating_add(LIFETIME),
        jti: Jti::from_random(random(&*native.rng)?),
        code: terms.code.clone(),
        device: DeviceDescription {
            name: device_name.to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        key_protection: native.keys.protection(),
        attestation: None,
    };
    let enrolment = native.keys.sign_jws(key, claims, Interaction::Allowed).await?;
    let answer = exchange::post(
        &native.net,
        &terms.enrolment_endpoint,
        &EnrolmentRequest { enrolment },
    )
    .await?;
    let response = match exchange::read::<EnrolmentResponse>(&answer, 201) {
        Reply::Done(response) => response,
        Reply::Refused(body) => return Err(refused(*body)),
        Reply::Unexpected(status) => return Err(unexpected(&offer.issuer, status)),
    };
    if response.keys != terms.issuer_keys {
        return Err(EnrolmentError::BadAnswer(
            "its keys are not those whose fingerprint was shown",
        ));
    }
    if response.account != offer.account {
        return Err(EnrolmentError::BadAnswer(
            "it is for another account than the one shown",
        ));
    }
    if response.otp.is_some() && !offer.delivers_code {
        return Err(EnrolmentError::BadAnswer(
            "it delivers a one-time code that was not announced",
        ));
    }
    let offset = response.time.saturating_sub(native.clock.now());
    let binding = Binding {
        issuer: offer.issuer.clone(),
        device_id: response.device_id,
        account: response.account,
        issuer_keys: response.keys,
        endpoints: terms.endpoints.clone(),
        key: key.clone(),
        offset,
    };
    Ok(Enrolled {
        binding: binding.into(),
        issuer_name: offer.issuer_name.clone(),
        otp: response.otp,
    })
}

pub(super) async fn rotate(
    native: &Native,
    binding: &Binding,
    new: &DeviceKey,
) -> Result<(), EnrolmentError> {
    let now = native.clock.now().saturating_add(binding.offset);
    let exp = now.saturating_add(LIFETIME);
    let inner = RotateNew {
        iss: binding.device_id.clone(),
        aud: binding.issuer.clone(),
        iat: now,
        exp,
        jti: Jti::from_random(random(&*native.rng)?),
        key_protection: native.keys.protection(),
    };
    let outer = ApprovalRotate {
        iss: binding.device_id.clone(),
        aud: binding.issuer.clone(),
        iat: now,
        exp,
        jti: Jti::from_random(random(&*native.rng)?),
        new: native.keys.sign_jws(new, inner, Interaction::Allowed).await?,
    };
    let rotation = native
        .keys
        .sign_jws(&binding.key, outer, Interaction::Allowed)
        .await?;
    let answer = exchange::post(
        &native.net,
        &binding.endpoints.rotation,
        &RotationRequest { rotation },
    )
    .await?;
    match exchange::read::<RotationResponse>(&answer, 200) {
        Reply::Done(response)
            if response.kid == *new.es256()?.thumbprint() && response.device_id == binding.device_id =>
        {
            Ok(())
        }
        Reply::Done(_) => Err(EnrolmentError::BadAnswer(
            "it has taken another key than the new one",
        )),
        Reply::Refused(body) => Err(refused(*body)),
        Reply::Unexpected(status) => Err(unexpected(&binding.issuer, status)),
    }
}

async fn discover(
    connection: &mut Connection,
    url: &url::Url,
    issuer: &Issuer,
) -> Result<Configuration, EnrolmentError> {
    let answer = connection
        .send(Method::GET, url, HeaderMap::new(), Vec::new(), ANSWER_LIMIT)
        .await?;
    let configuration = match exchange::read::<Configuration>(&answer, 200) {
        Reply::Done(configuration) => configuration,
        Reply::Refused(body) => return Err(refused(*body)),
        Reply::Unexpected(200) => return Err(EnrolmentError::BadAnswer("its configuration cannot be read")),
        Reply::Unexpected(status) => return Err(unexpected(issuer, status)),
    };
    configuration
        .check(issuer)
        .map_err(EnrolmentError::Configuration)?;
    if configuration.keys.is_empty() {
        return Err(EnrolmentError::BadAnswer("its configuration has no keys"));
    }
    Ok(configuration)
}

pub(super) fn refused(body: ErrorBody) -> EnrolmentError {
    if body.error == ErrorCode::InvalidCode {
        return EnrolmentError::Refused;
    }
    EnrolmentError::Issuer {
        error: body.error,
        message: plain(body.message),
    }
}

pub(super) fn unexpected(issuer: &Issuer, status: u16) -> EnrolmentError {
    NetError::Status {
        host: issuer.host().to_owned(),
        status,
    }
    .into()
}
