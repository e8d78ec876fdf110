//! Who may vouch for a server, and who decides that.

use countersign_agent_api::{CertificateCheck, TrustChoice};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::{server::Certified, *};
use crate::{
    channel::native::test_proxy,
    net::{CertificateSummary, Connection, NetError, Presented, PresentedKind, Proxy, Untrusted},
};

/// A computer that knows only public authorities.
fn stranger() -> Computer {
    Computer::with(&[], ProxyChoice::Direct, 0)
}

async fn presented(computer: &Computer, link: &str) -> (Presented, CertificateCheck) {
    match computer.protocols.preview(link, None).await {
        Err(EnrolmentError::Unknown(presented, check)) => (*presented, check),
        other => panic!("{other:?}"),
    }
}

fn only(presented: &Presented) -> CertificateSummary {
    let mut summaries = presented.trust.summaries();
    assert_eq!(summaries.len(), 1);
    summaries.remove(0)
}

fn this(presented: &Presented) -> TrustChoice {
    let sha256 = only(presented).sha256;
    TrustChoice::Presented { sha256 }
}

#[tokio::test]
async fn an_unknown_authority_counts_for_the_account_it_was_trusted_for() {
    let server = FakeServer::start().await;
    let computer = stranger();
    let (shown, check) = presented(&computer, &server.link()).await;
    assert_eq!(
        (shown.kind, check),
        (PresentedKind::Authority, CertificateCheck::Wanted)
    );
    assert_eq!(only(&shown).subject.as_deref(), Some("Alder internal CA"));

    let choice = this(&shown);
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&choice))
        .await
        .unwrap();
    let key = computer.key().await;
    let binding = computer
        .protocols
        .enrol(&offer, &key, "desk")
        .await
        .unwrap()
        .binding;
    assert_eq!(binding.trust, shown.trust);
    let kept = serde_json::to_string(&binding).unwrap();
    let binding: Binding = serde_json::from_str(&kept).unwrap();
    let mut line = Line::open(&computer, binding.clone());
    server.challenge(1, None);
    let request = line.request().await;
    let outcome = computer.answer(&line, &request, decision(Verdict::Approve)).await;
    assert!(matches!(outcome, DecisionOutcome::Taken { .. }), "{outcome:?}");

    // Nobody else trusts it: the next link is asked about again, and so is the account without what it kept.
    presented(&computer, &server.link()).await;
    let mut line = Line::open(
        &computer,
        Binding {
            trust: Trust::default(),
            ..binding
        },
    );
    line.health(|health| {
        matches!(
            health,
            Health::Retrying {
                problem: ChannelProblem::Net(NetError::Untrusted { .. }),
                ..
            }
        )
    })
    .await;
}

#[tokio::test]
async fn another_certificate_than_the_one_that_was_judged_is_asked_about_again() {
    let (server, other) = (FakeServer::start().await, FakeServer::start().await);
    let computer = stranger();
    let (judged, _) = presented(&computer, &server.link()).await;
    let refused = computer
        .protocols
        .preview(&other.link(), Some(&this(&judged)))
        .await;
    assert!(matches!(refused, Err(EnrolmentError::Unknown(..))), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_vouches_for_itself_is_trusted_as_it_is() {
    let server = FakeServer::with(Certified::ByItself).await;
    let computer = stranger();
    let (shown, _) = presented(&computer, &server.link()).await;
    assert_eq!(shown.kind, PresentedKind::Server);
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&this(&shown)))
        .await
        .unwrap();
    let key = computer.key().await;
    let binding = computer
        .protocols
        .enrol(&offer, &key, "desk")
        .await
        .unwrap()
        .binding;
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
}

#[tokio::test]
async fn only_an_authority_at_the_end_of_a_chain_is_one() {
    for (certified, kind) in [
        (Certified::ByAuthority, PresentedKind::Authority),
        (Certified::ByItself, PresentedKind::Server),
        (Certified::ByAStranger, PresentedKind::Server),
        (Certified::Twice, PresentedKind::Server),
    ] {
        let server = FakeServer::with(certified).await;
        let (shown, _) = presented(&stranger(), &server.link()).await;
        assert_eq!(shown.kind, kind, "{certified:?}");
    }
}

/// The certificate of a server, whether or not it says that it is an authority, and a newer one that its key has signed.
async fn issued_by_its_own_key(is_ca: IsCa) -> (FakeServer, FakeServer) {
    let params = |is_ca| {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.is_ca = is_ca;
        params
    };
    let dir = || tempfile::tempdir().unwrap();
    let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let [pair, other] = &keys;
    let pinned = params(is_ca).self_signed(pair).unwrap().der().clone();
    let issuer = Issuer::new(params(is_ca), pair);
    let newer = params(IsCa::NoCa).signed_by(other, &issuer).unwrap();
    let chain = vec![newer.der().clone(), pinned.clone()];
    (
        FakeServer::presenting(vec![pinned], pair, dir()).await,
        FakeServer::presenting(chain, other, dir()).await,
    )
}

#[tokio::test]
async fn the_key_of_a_trusted_server_issues_nothing() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let (server, imitation) = issued_by_its_own_key(is_ca).await;
        let computer = stranger();
        let (shown, _) = presented(&computer, &server.link()).await;
        let kept = serde_json::to_string(&shown.trust).unwrap();
        for trust in [shown.trust, serde_json::from_str(&kept).unwrap()] {
            let net = computer.protocols.net.trusting(&trust);
            Connection::open(&net, &server.url()).await.unwrap();
            let refused = Connection::open(&net, &imitation.url()).await;
            assert!(matches!(refused, Err(NetError::Untrusted { .. })));
        }
    }
}

/// An authority vouches for others too: what was opened under that is nothing for whom it is only this one server.
#[tokio::test]
async fn accounts_that_trust_one_certificate_as_different_things_do_not_share_a_connection() {
    let (server, _) = issued_by_its_own_key(IsCa::Ca(BasicConstraints::Unconstrained)).await;
    let computer = stranger();
    let (shown, _) = presented(&computer, &server.link()).await;
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&this(&shown)))
        .await
        .unwrap();
    let key = computer.key().await;
    let itself = computer
        .protocols
        .enrol(&offer, &key, "desk")
        .await
        .unwrap()
        .binding;
    let kept = serde_json::to_string(&itself.trust).unwrap();
    let trust: Trust = serde_json::from_str(&kept.replace("\"server\"", "\"authority\"")).unwrap();
    assert_eq!(trust.summaries(), itself.trust.summaries());
    assert_ne!(trust, itself.trust);
    let authority = Binding {
        trust,
        ..itself.clone()
    };
    let before = server.connections();
    let mut lines: Vec<Line> = [&itself, &authority, &itself, &authority]
        .map(|binding| Line::open(&computer, binding.clone()))
        .into();
    for line in &mut lines {
        line.health(|health| matches!(health, Health::Connected(_))).await;
    }
    assert_eq!(server.connections(), before + 2);
}

#[tokio::test]
async fn a_certificate_of_another_host_or_time_cannot_be_trusted() {
    for (certified, reason) in [
        (Certified::ForAnother, Untrusted::WrongHost),
        (Certified::LongAgo, Untrusted::Expired),
    ] {
        let server = FakeServer::with(certified).await;
        for computer in [stranger(), Computer::new(&server, 0)] {
            let refused = computer.protocols.preview(&server.link(), None).await;
            assert!(
                matches!(&refused, Err(EnrolmentError::Net(NetError::Untrusted { why, .. })) if *why == reason),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn certificates_of_a_file_count_if_they_vouch_for_the_server() {
    let (server, other) = (FakeServer::start().await, FakeServer::start().await);
    let computer = stranger();
    let pem = |server: &FakeServer| TrustChoice::Pem {
        text: std::fs::read_to_string(server.ca_file()).unwrap(),
    };
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&pem(&server)))
        .await;
    assert_eq!(offer.unwrap().trust.summaries().len(), 1);
    let refused = computer
        .protocols
        .preview(&server.link(), Some(&pem(&other)))
        .await;
    assert!(
        matches!(&refused, Err(EnrolmentError::Net(NetError::Untrusted { .. }))),
        "{refused:?}"
    );
    let nothing = TrustChoice::Pem { text: "no".into() };
    let refused = computer.protocols.preview(&server.link(), Some(&nothing)).await;
    assert!(
        matches!(refused, Err(EnrolmentError::InvalidTrust(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_organisation_can_forbid_it() {
    let server = FakeServer::start().await;
    let mut computer = stranger();
    let (shown, _) = presented(&computer, &server.link()).await;
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&this(&shown)))
        .await
        .unwrap();
    let key = computer.key().await;
    let before = computer.protocols.enrol(&offer, &key, "desk").await.unwrap();
    computer.protocols.own_trust = OwnTrust::Refuse;
    let refused = computer.protocols.preview(&server.link(), None).await;
    assert!(
        matches!(&refused, Err(EnrolmentError::Net(NetError::Untrusted { .. }))),
        "{refused:?}"
    );
    let text = std::fs::read_to_string(server.ca_file()).unwrap();
    let refused = computer
        .protocols
        .preview(&server.link(), Some(&TrustChoice::Pem { text }))
        .await;
    assert!(
        matches!(refused, Err(EnrolmentError::TrustNotAllowed)),
        "{refused:?}"
    );
    // Nor does what was trusted before count any more: neither for what is added now nor for what is here.
    let refused = computer.protocols.enrol(&offer, &key, "desk").await;
    assert!(
        matches!(refused, Err(EnrolmentError::Net(NetError::Untrusted { .. }))),
        "{refused:?}"
    );
    let mut line = Line::open(&computer, before.binding);
    line.health(|health| {
        matches!(
            health,
            Health::Retrying {
                problem: ChannelProblem::Net(NetError::Untrusted { .. }),
                ..
            }
        )
    })
    .await;
}

#[tokio::test]
async fn a_link_that_waives_the_check_is_checked_all_the_same() {
    let server = FakeServer::start().await;
    let link = server.link().replace("sslverify=1", "sslverify=0");
    let (_, check) = presented(&stranger(), &link).await;
    assert_eq!(check, CertificateCheck::Waived);
    let offer = Computer::new(&server, 0)
        .protocols
        .preview(&link, None)
        .await
        .unwrap();
    assert_eq!(offer.check, CertificateCheck::Waived);
}

#[tokio::test]
async fn everything_goes_through_the_proxy() {
    let server = FakeServer::start().await;
    let (address, mut heads) = test_proxy("200 Connection established").await;
    let proxy = ProxyChoice::Fixed(Proxy::parse(&address).unwrap());
    let computer = Computer::with(&[], proxy, 0);
    let (shown, _) = presented(&computer, &server.link()).await;
    let choice = this(&shown);
    let offer = computer
        .protocols
        .preview(&server.link(), Some(&choice))
        .await
        .unwrap();
    let key = computer.key().await;
    let binding = computer
        .protocols
        .enrol(&offer, &key, "desk")
        .await
        .unwrap()
        .binding;
    let mut line = Line::open(&computer, binding);
    line.health(|health| matches!(health, Health::Connected(_))).await;
    let to_server = format!("CONNECT {} HTTP/1.1\r\n", server.address());
    let mut tunnels = 0;
    while let Ok(head) = heads.try_recv() {
        assert!(head.starts_with(&to_server), "{head}");
        tunnels += 1;
    }
    // What is presented is looked at, tried and asked with; then enrolment and the poll.
    assert!(tunnels >= 5, "{tunnels} connections");
}
