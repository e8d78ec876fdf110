//! Registration, rollover and the end of it: what a person asks for.

use countersign_privacyidea::{
    container::{self, ContainerLink, Extra, Operation, Passphrase, Question},
    reply::ReplyError,
};
use countersign_protocol::ErrorCode;

use super::Ties;
use crate::{
    channel::{
        self, Binding, Enrolled, EnrolmentError, Offer, Terms,
        privacyidea::{
            PrivacyIdea,
            enrol::{self, MAX_NAME},
            exchange,
            request::plain,
        },
    },
    keystore::{DeviceKey, Interaction, KeyStoreError},
    net::{Answer, Connection, NetError, Trust},
};

/// Why a server has not done what was asked.
#[derive(Debug)]
pub(super) enum Failure {
    Key(KeyStoreError),
    Net(NetError),
    Reply(ReplyError),
    /// An address that this release has not written.
    Address,
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        Self::Key(error)
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl From<ReplyError> for Failure {
    fn from(error: ReplyError) -> Self {
        Self::Reply(error)
    }
}

/// What the link offers. The server would not say more: it is only looked at whether it is the one that the link names.
pub(in crate::channel) async fn preview(server: &PrivacyIdea, link: &str) -> Result<Offer, EnrolmentError> {
    let link = ContainerLink::parse(link.trim()).map_err(EnrolmentError::InvalidPushLink)?;
    match link.passphrase {
        Passphrase::NotAsked => {}
        Passphrase::Asked => return Err(EnrolmentError::NeedsPassphrase),
    }
    let url = link.server.url().map_err(EnrolmentError::InvalidPushLink)?;
    let issuer = enrol::issuer(&url)?;
    Connection::open(&server.net, &url).await?;
    let now = server.clock.now();
    Ok(Offer {
        issuer_name: plain(&link.issuer, MAX_NAME).unwrap_or_else(|| issuer.host().to_owned()),
        account: link.serial.to_string(),
        issuer,
        fingerprint: String::new(),
        delivers_code: false,
        // From now, since this computer's clock may not be the server's: the server decides.
        expires_at: now.saturating_add(i64::from(link.ttl).saturating_mul(60)),
        trust: Trust::default(),
        check: enrol::check(link.tls),
        terms: Terms::Container(Box::new(link)),
    })
}

pub(in crate::channel) async fn register(
    server: &PrivacyIdea,
    offer: &Offer,
    link: &ContainerLink,
    key: &DeviceKey,
    device_name: &str,
) -> Result<Enrolled, EnrolmentError> {
    take_over(server, link, key, device_name)
        .await
        .map_err(|failure| told(failure, offer.issuer.host()))?;
    let ties = Ties {
        serial: link.serial.clone(),
        server: link.server.clone(),
        device: device_name.to_owned(),
    };
    Ok(Enrolled {
        binding: Binding {
            issuer: offer.issuer.clone(),
            account: offer.account.clone(),
            key: key.clone(),
            trust: Trust::default(),
            offset: 0,
            ties: channel::Ties::Container(Box::new(ties)),
        },
        issuer_name: offer.issuer_name.clone(),
        otp: None,
    })
}

/// Has the server make a link for the next key, and follows it: all tokens come anew after that.
pub(in crate::channel) async fn roll_over(
    server: &PrivacyIdea,
    binding: &Binding,
    ties: &Ties,
    new: &DeviceKey,
) -> Result<(), EnrolmentError> {
    let rolled = async {
        let asked = Asked {
            server,
            ties,
            key: &binding.key,
            interaction: Interaction::Allowed,
        };
        let signature = asked.signature(Operation::RollOver, None).await?;
        let form = container::roll_over(&ties.serial, &signature);
        let answer = asked.post(Operation::RollOver, &form).await?;
        let link = container::rolled_over(answer.status.as_u16(), &answer.body, &ties.serial)?;
        match link.passphrase {
            // A link to another address would have to be agreed to like a new account.
            Passphrase::NotAsked if link.server == ties.server => {}
            Passphrase::NotAsked | Passphrase::Asked => return Err(ReplyError::NotUnderstood.into()),
        }
        take_over(server, &link, new, &ties.device).await
    };
    rolled
        .await
        .map_err(|failure| told(failure, binding.issuer.host()))
}

/// Has the server forget the key.
pub(in crate::channel) async fn unregister(
    server: &PrivacyIdea,
    binding: &Binding,
    ties: &Ties,
    other_key: Option<&DeviceKey>,
) -> Result<(), EnrolmentError> {
    let by = |key| async move {
        let asked = Asked {
            server,
            ties,
            key,
            interaction: Interaction::Allowed,
        };
        let signature = asked.signature(Operation::Unregister, None).await?;
        let form = container::unregister(&ties.serial, &signature);
        let answer = asked.post(Operation::Unregister, &form).await?;
        container::unregistered(answer.status.as_u16(), &answer.body)?;
        Ok(())
    };
    let result = match (by(&binding.key).await, other_key) {
        (Err(Failure::Reply(ReplyError::Unproven)), Some(other)) => by(other).await,
        (result, _) => result,
    };
    match result {
        // It knows of none: that is what was wanted.
        Ok(()) | Err(Failure::Reply(ReplyError::NotFound)) => Ok(()),
        Err(failure) => Err(told(failure, binding.issuer.host())),
    }
}

/// Registers a key by a link.
async fn take_over(
    server: &PrivacyIdea,
    link: &ContainerLink,
    key: &DeviceKey,
    device_name: &str,
) -> Result<(), Failure> {
    let input = link.signing_input(device_name).as_bytes().to_vec();
    let signature = server.keys.sign(key, input, Interaction::Allowed).await?;
    let form = link.registration(key.p384()?, device_name, &signature);
    let url = link
        .server
        .at(Operation::Register)
        .map_err(|_| Failure::Address)?;
    let answer = exchange::post(&server.net, &url, &form).await?;
    Ok(container::registered(answer.status.as_u16(), &answer.body)?)
}

/// One thing asked of a server with one key.
pub(super) struct Asked<'a> {
    pub(super) server: &'a PrivacyIdea,
    pub(super) ties: &'a Ties,
    pub(super) key: &'a DeviceKey,
    pub(super) interaction: Interaction,
}

impl Asked<'_> {
    /// Answers the server's question before an operation.
    pub(super) async fn signature(
        &self,
        operation: Operation,
        extra: Option<&Extra>,
    ) -> Result<Vec<u8>, Failure> {
        let Ties { serial, server, .. } = self.ties;
        let form = container::question(server, serial, operation);
        let answer = self.post(Operation::Question, &form).await?;
        let question = Question::read(answer.status.as_u16(), &answer.body)?;
        let input = question.signing_input(server, serial, operation, extra);
        let signed = self
            .server
            .keys
            .sign(self.key, input.into_bytes(), self.interaction);
        Ok(signed.await?)
    }

    pub(super) async fn post(&self, operation: Operation, form: &str) -> Result<Answer, Failure> {
        let url = self.ties.server.at(operation).map_err(|_| Failure::Address)?;
        Ok(exchange::post(&self.server.net, &url, form).await?)
    }
}

fn told(failure: Failure, host: &str) -> EnrolmentError {
    match failure {
        Failure::Key(error) => error.into(),
        Failure::Net(error) => error.into(),
        Failure::Address => EnrolmentError::BadAnswer("its address is not acceptable"),
        Failure::Reply(error) => match error {
            ReplyError::NotAccepted | ReplyError::NotFound | ReplyError::Unproven => EnrolmentError::Refused,
            ReplyError::PollingDenied => EnrolmentError::Issuer {
                error: ErrorCode::NotAllowed,
                message: "a policy of the server does not allow this. Ask its administrator".to_owned(),
            },
            ReplyError::Server { code } => EnrolmentError::Issuer {
                error: ErrorCode::NotAllowed,
                message: format!("it says no (error {code}). Ask its administrator for a new link"),
            },
            ReplyError::Status(status) => {
                let host = host.to_owned();
                NetError::Status { host, status }.into()
            }
            ReplyError::Clock { .. } | ReplyError::Key(_) | ReplyError::NotUnderstood => {
                EnrolmentError::BadAnswer("its answer cannot be read")
            }
        },
    }
}
