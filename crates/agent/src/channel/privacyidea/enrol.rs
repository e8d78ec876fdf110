//! Enrolment: the link says everything but the server's key, which comes with the answer and is pinned then.

use countersign_agent_api::{CertificateCheck, Reports};
use countersign_privacyidea::{
    PushLink, TlsCheck, Unlock,
    reply::{self, ReplyError},
};
use countersign_protocol::{Issuer, LinkError};
use url::Url;

use super::{PrivacyIdea, exchange, request::plain, ties::Ties};
use crate::{
    channel::{self, Binding, Enrolled, EnrolmentError, Offer, Terms},
    keystore::DeviceKey,
    net::{Connection, NetError, Trust},
};

/// Where a server is found behind its own address.
const PATH: &str = "/ttype/push";

/// The longest name shown, in characters.
pub(super) const MAX_NAME: usize = 64;

/// The longest account label, in characters.
const MAX_ACCOUNT: usize = 128;

/// What the link offers. The server would not say more: it is only looked at whether it is the one that the link names.
pub(super) async fn preview(server: &PrivacyIdea, link: &str) -> Result<Offer, EnrolmentError> {
    let (offer, url) = offered(link, server.clock.now())?;
    Connection::open(&server.net, &url).await?;
    Ok(offer)
}

/// What the link offers at `now`, and at which address.
pub(super) fn offered(link: &str, now: i64) -> Result<(Offer, Url), EnrolmentError> {
    let link = PushLink::parse(link.trim()).map_err(EnrolmentError::InvalidPushLink)?;
    match link.unlock {
        Unlock::NotAsked => {}
        Unlock::Asked => return Err(EnrolmentError::NeedsUnlock),
    }
    let issuer = issuer(&link.url)?;
    let url = link.url.clone();
    let offer = Offer {
        issuer_name: plain(&link.issuer, MAX_NAME).unwrap_or_else(|| issuer.host().to_owned()),
        account: plain(&link.label, MAX_ACCOUNT).unwrap_or_else(|| link.serial.to_string()),
        issuer,
        fingerprint: String::new(),
        delivers_code: false,
        // From now, since the link does not say when it was made: the server decides.
        expires_at: now.saturating_add(i64::from(link.ttl).saturating_mul(60)),
        trust: Trust::default(),
        check: check(link.tls),
        terms: Terms::PrivacyIdea(Box::new(link)),
    };
    Ok((offer, url))
}

/// What a link says about the certificate.
pub(super) fn check(tls: TlsCheck) -> CertificateCheck {
    match tls {
        TlsCheck::Wanted => CertificateCheck::Wanted,
        TlsCheck::Waived => CertificateCheck::Waived,
    }
}

pub(super) async fn enrol(
    server: &PrivacyIdea,
    offer: &Offer,
    link: &PushLink,
    key: &DeviceKey,
    device_name: &str,
) -> Result<Enrolled, EnrolmentError> {
    let form = link.enrolment(key.rsa()?, device_name);
    let answer = exchange::post(&server.net, &link.url, &form).await?;
    let status = answer.status.as_u16();
    let server_key = reply::enrolled(status, &answer.body).map_err(|error| refused(error, &offer.issuer))?;
    let time = reply::time(&answer.body);
    let ties = Ties {
        serial: link.serial.clone(),
        url: link.url.clone(),
        server_key,
        answered: Vec::new(),
        reports: Reports::NotSaid,
        poll_seconds: None,
    };
    Ok(Enrolled {
        binding: Binding {
            issuer: offer.issuer.clone(),
            account: offer.account.clone(),
            key: key.clone(),
            trust: Trust::default(),
            offset: time.map_or(0, |time| time.saturating_sub(server.clock.now())),
            ties: channel::Ties::PrivacyIdea(Box::new(ties)),
        },
        issuer_name: offer.issuer_name.clone(),
        otp: None,
    })
}

/// The server's address, as people and other accounts know it.
pub(super) fn issuer(url: &Url) -> Result<Issuer, EnrolmentError> {
    let path = url.path().strip_suffix(PATH).unwrap_or(url.path());
    let mut address = url.clone();
    address.set_path("");
    let address = format!("{}{path}", address.as_str().trim_end_matches('/'));
    Issuer::parse(address.trim_end_matches('/'))
        .map_err(|error| EnrolmentError::InvalidLink(LinkError::Issuer(error)))
}

fn refused(error: ReplyError, issuer: &Issuer) -> EnrolmentError {
    match error {
        ReplyError::NotAccepted | ReplyError::NotFound => EnrolmentError::Refused,
        ReplyError::Status(status) => {
            let host = issuer.host().to_owned();
            NetError::Status { host, status }.into()
        }
        ReplyError::Key(_) => EnrolmentError::BadAnswer("its key is not acceptable"),
        ReplyError::Clock { .. }
        | ReplyError::Unproven
        | ReplyError::PollingDenied
        | ReplyError::Server { .. } => EnrolmentError::BadAnswer("it reports an error of its own"),
        ReplyError::NotUnderstood => EnrolmentError::BadAnswer("its answer cannot be read"),
    }
}
