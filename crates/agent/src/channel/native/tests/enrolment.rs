//! Enrolment, rotation and self-revocation.

use countersign_agent_api::ErrorCode as ApiCode;
use countersign_protocol::{
    ApprovalEnrol, ApprovalRotate, EnrolmentCode, EnrolmentLink, ErrorCode, Expect, Issuer, KeySet,
    Signer as _, jws,
    wire::{
        Configuration, DEVICE_PATH, EnrolmentRequest, EnrolmentResponse, PreviewOffer, PreviewRequest,
        RevocationResponse, RotationRequest, RotationResponse,
    },
};

use super::{
    super::super::{EnrolmentError, IssuerProtocol as _, Offer},
    ACCOUNT, Agent, FakeIssuer, NOW, device,
    issuer::new_key,
};
use crate::keystore::{Interaction, KeyKind, KeyRef};

const CODE: &str = "abcdefghijklmnopqrstuv";

fn link(issuer: &FakeIssuer) -> String {
    EnrolmentLink {
        issuer: issuer.issuer(),
        code: EnrolmentCode::parse(CODE).unwrap(),
    }
    .to_string()
}

pub(crate) fn configuration(issuer: &FakeIssuer) -> Configuration {
    let at = |path: &str| format!("{}{path}", issuer.url());
    Configuration {
        issuer: issuer.issuer(),
        name: "Alder Group".into(),
        protocol_versions: vec![1],
        keys: issuer.keys(),
        time: NOW + 30,
        enrolment_preview_endpoint: at("/preview"),
        enrolment_endpoint: at("/enrol"),
        stream_endpoint: at("/stream").replace("https:", "wss:"),
        poll_endpoint: at("/poll"),
        decision_endpoint: at("/decision"),
        rotation_endpoint: at("/rotation"),
    }
}

/// A one-time code that comes with the enrolment.
const OTP: &str = "otpauth://totp/Alder:mara?secret=GEZDGNBVGY3TQOJQ";

fn offered() -> PreviewOffer {
    PreviewOffer {
        account: ACCOUNT.into(),
        issuer_name: "Alder Group".into(),
        expires_at: NOW + 630,
        otp: false,
    }
}

async fn previewed(
    agent: &Agent,
    issuer: &FakeIssuer,
    configuration: Configuration,
    offer: PreviewOffer,
) -> Result<Offer, EnrolmentError> {
    let link = link(issuer);
    let serve = async {
        issuer
            .call("/.well-known/countersign-configuration")
            .await
            .answer(200, &configuration);
        let call = issuer.call("/preview").await;
        assert_eq!(call.query, "");
        assert_eq!(call.json::<PreviewRequest>().code.as_str(), CODE);
        call.answer(200, &offer);
    };
    tokio::select! {
        biased;
        result = agent.protocols.preview(&link, None) => result,
        () = async { serve.await; std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test]
async fn an_offer_is_previewed_and_accepted() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let with_code = PreviewOffer {
        otp: true,
        ..offered()
    };
    let offer = previewed(&agent, &issuer, configuration(&issuer), with_code)
        .await
        .unwrap();
    assert!(offer.delivers_code);
    assert_eq!(
        (offer.account.as_str(), offer.issuer_name.as_str()),
        (ACCOUNT, "Alder Group")
    );
    // By this computer's clock, which is 30 s behind.
    assert_eq!(offer.expires_at, NOW + 600);
    assert!(!format!("{offer:?}").contains(CODE));

    let serve = async {
        let call = issuer.call("/enrol").await;
        let token = call.json::<EnrolmentRequest>().enrolment;
        let expect = Expect {
            issuer: None,
            audience: &issuer.url(),
            now: NOW + 30,
        };
        let (claims, key) = jws::verify_with_embedded_key::<ApprovalEnrol>(&token, &expect).unwrap();
        assert_eq!(key, *agent.key.es256().unwrap());
        assert_eq!(
            (claims.code.as_str(), claims.device.name.as_str()),
            (CODE, "Workstation")
        );
        let response = EnrolmentResponse {
            device_id: device(),
            account: ACCOUNT.into(),
            issuer_name: "Alder Group".into(),
            keys: issuer.keys(),
            time: NOW + 30,
            otp: Some(OTP.to_owned().try_into().unwrap()),
        };
        call.answer(201, &response);
    };
    let (enrolled, ()) = tokio::join!(agent.protocols.enrol(&offer, &agent.key, "Workstation"), serve);
    let expected = super::super::super::Binding {
        offset: 30,
        ..agent.binding(&issuer)
    };
    let enrolled = enrolled.unwrap();
    assert_eq!(enrolled.binding, expected);
    assert_eq!(enrolled.otp.as_ref().map(|otp| otp.expose()), Some(OTP));
    assert!(!format!("{enrolled:?}").contains("GEZDGNBV"));
}

#[tokio::test]
async fn a_configuration_that_is_not_the_issuers_own_is_refused() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let mut somebody_elses = configuration(&issuer);
    somebody_elses.issuer = Issuer::parse("https://id.kestrel.example").unwrap();
    let mut elsewhere = configuration(&issuer);
    elsewhere.decision_endpoint = "https://collector.example/decision".into();
    let mut unencrypted = configuration(&issuer);
    unencrypted.stream_endpoint = unencrypted.stream_endpoint.replace("wss:", "ws:");
    let mut future = configuration(&issuer);
    future.protocol_versions = vec![2];
    for wrong in [somebody_elses, elsewhere, unencrypted, future] {
        let error = previewed(&agent, &issuer, wrong, offered()).await.unwrap_err();
        assert!(matches!(error, EnrolmentError::Configuration(_)), "{error:?}");
        assert_eq!(error.code(), ApiCode::BadAnswer);
    }
}

#[tokio::test]
async fn names_that_are_not_plain_text_are_refused() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    for account in ["", "mara\u{202e}moc.elpmaxe", "mara\nadmin"] {
        let offer = PreviewOffer {
            account: account.into(),
            ..offered()
        };
        let error = previewed(&agent, &issuer, configuration(&issuer), offer)
            .await
            .unwrap_err();
        assert!(matches!(error, EnrolmentError::BadAnswer(_)), "{error:?}");
    }
}

#[tokio::test]
async fn links_that_are_not_acceptable_send_nothing() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let good = link(&issuer);
    for bad in [
        good.replace("https", "http"),
        good.replace("countersign://", "https://"),
        format!("{good}&code={CODE}"),
        String::new(),
    ] {
        let error = agent.protocols.preview(&bad, None).await.unwrap_err();
        assert_eq!(error.code(), ApiCode::InvalidLink, "{bad}");
    }
    assert!(issuer.is_untouched().await);
}

#[tokio::test]
async fn a_used_or_expired_code_is_refused_as_such() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let link = link(&issuer);
    let serve = async {
        issuer
            .call("/.well-known/countersign-configuration")
            .await
            .answer(200, &configuration(&issuer));
        issuer.call("/preview").await.refuse(ErrorCode::InvalidCode);
    };
    let (result, ()) = tokio::join!(agent.protocols.preview(&link, None), serve);
    let error = result.unwrap_err();
    assert!(matches!(error, EnrolmentError::Refused));
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn other_keys_than_those_shown_end_the_enrolment() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let offer = previewed(&agent, &issuer, configuration(&issuer), offered())
        .await
        .unwrap();
    let serve = async {
        let response = EnrolmentResponse {
            device_id: device(),
            account: ACCOUNT.into(),
            issuer_name: "Alder Group".into(),
            keys: KeySet::from_iter([new_key().public_key().clone()]),
            time: NOW,
            otp: None,
        };
        issuer.call("/enrol").await.answer(201, &response);
    };
    let (result, ()) = tokio::join!(agent.protocols.enrol(&offer, &agent.key, "Workstation"), serve);
    assert!(matches!(result.unwrap_err(), EnrolmentError::BadAnswer(_)));
}

#[tokio::test]
async fn a_code_that_was_not_announced_ends_the_enrolment() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let offer = previewed(&agent, &issuer, configuration(&issuer), offered())
        .await
        .unwrap();
    assert!(!offer.delivers_code);
    let serve = async {
        let response = EnrolmentResponse {
            device_id: device(),
            account: ACCOUNT.into(),
            issuer_name: "Alder Group".into(),
            keys: issuer.keys(),
            time: NOW,
            otp: Some(OTP.to_owned().try_into().unwrap()),
        };
        issuer.call("/enrol").await.answer(201, &response);
    };
    let (result, ()) = tokio::join!(agent.protocols.enrol(&offer, &agent.key, "Workstation"), serve);
    let error = result.unwrap_err();
    assert!(matches!(error, EnrolmentError::BadAnswer(_)), "{error:?}");
    assert!(error.outcome_unknown(), "the issuer has this computer already");
}

#[tokio::test]
async fn an_enrolment_without_an_answer_has_an_unknown_outcome() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let offer = previewed(&agent, &issuer, configuration(&issuer), offered())
        .await
        .unwrap();
    let serve = async { issuer.call("/enrol").await.cut() };
    let (result, ()) = tokio::join!(agent.protocols.enrol(&offer, &agent.key, "Workstation"), serve);
    let error = result.unwrap_err();
    assert!(error.outcome_unknown(), "{error:?}");
    assert_eq!(error.code(), ApiCode::Unreachable);
}

#[tokio::test]
async fn a_rotation_is_proven_by_both_keys() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let binding = agent.binding(&issuer);
    let new = agent
        .keys
        .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
        .await
        .unwrap();
    for right in [true, false] {
        let serve = async {
            let call = issuer.call("/rotation").await;
            let token = call.json::<RotationRequest>().rotation;
            let old_keys = KeySet::from_iter([agent.key.es256().unwrap().clone()]);
            let (device, url) = (device(), issuer.url());
            let expect = Expect {
                issuer: Some(device.as_str()),
                audience: &url,
                now: NOW,
            };
            let outer: ApprovalRotate = jws::verify(&token, &old_keys, &expect).unwrap();
            let (_, key) = outer.new_key(NOW).unwrap();
            assert_eq!(key, *new.es256().unwrap());
            let kid = if right {
                key.thumbprint().clone()
            } else {
                agent.key.es256().unwrap().thumbprint().clone()
            };
            call.answer(
                200,
                &RotationResponse {
                    device_id: device,
                    kid,
                },
            );
        };
        let (result, ()) = tokio::join!(agent.protocols.rotate(&binding, &new), serve);
        assert_eq!(result.is_ok(), right, "{result:?}");
    }
}

#[tokio::test]
async fn a_revocation_is_proven_even_by_a_clock_that_is_wrong() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    for offset in [0, 86_400] {
        let mut binding = agent.binding(&issuer);
        binding.offset = offset;
        let serve = async {
            let call = issuer.call(DEVICE_PATH).await;
            assert_eq!((call.query.as_str(), call.body.as_str()), ("", ""));
            call.answer(200, &RevocationResponse {});
        };
        let (result, ()) = tokio::join!(agent.protocols.revoke(&binding, None), serve);
        result.unwrap();
    }
}

#[tokio::test]
async fn a_device_that_is_revoked_already_has_what_it_wants() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    issuer.refuse(ErrorCode::DeviceRevoked);
    agent
        .protocols
        .revoke(&agent.binding(&issuer), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_revocation_that_is_refused_or_not_answered_is_not_taken_for_done() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let binding = agent.binding(&issuer);
    let serve = async { issuer.call(DEVICE_PATH).await.cut() };
    let (result, ()) = tokio::join!(agent.protocols.revoke(&binding, None), serve);
    assert!(result.unwrap_err().outcome_unknown());
    for error in [ErrorCode::Unavailable, ErrorCode::UseNonce, ErrorCode::Stale] {
        issuer.refuse(error);
        assert!(agent.protocols.revoke(&binding, None).await.is_err(), "{error}");
    }
}

#[tokio::test]
async fn after_an_unfinished_rotation_whichever_key_the_issuer_has_revokes() {
    let issuer = FakeIssuer::start().await;
    let agent = Agent::trusting(&issuer).await;
    let other = agent
        .keys
        .create(&KeyRef::drawn(), KeyKind::Es256, Interaction::Forbidden)
        .await
        .unwrap();
    let binding = agent.binding(&issuer);
    for known in [&binding.key, &other] {
        issuer.know(known.es256().unwrap());
        let serve = async { issuer.call(DEVICE_PATH).await.answer(200, &RevocationResponse {}) };
        let (result, ()) = tokio::join!(agent.protocols.revoke(&binding, Some(&other)), serve);
        result.unwrap();
    }
    assert!(agent.protocols.revoke(&binding, None).await.is_err());
}
