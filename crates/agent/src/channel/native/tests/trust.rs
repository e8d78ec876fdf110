//! Who is believed to be the issuer, and by which way it is reached.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{
    super::super::{ChannelProblem, Health},
    Agent, FakeIssuer, NOW, connected, health,
    issuer::{Certificate, WebSockets, authority},
};
use crate::net::{NetError, Proxy, ProxyChoice, Untrusted};

async fn refusal(issuer: &FakeIssuer, agent: &Agent) -> Untrusted {
    let mut subscription = agent.subscribe(issuer);
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    let why = match health(&mut subscription).await {
        Health::Retrying {
            problem: ChannelProblem::Net(NetError::Untrusted { why, .. }),
            ..
        } => why,
        other => panic!("{other:?}"),
    };
    assert!(issuer.is_untouched().await);
    why
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_by_configuration() {
    let issuer = FakeIssuer::start().await;
    let trusting = Agent::trusting(&issuer).await;
    let mut subscription = trusting.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;

    let without = Agent::new(&[], ProxyChoice::Direct, NOW).await;
    assert_eq!(refusal(&issuer, &without).await, Untrusted::UnknownAuthority);
}

#[tokio::test]
async fn a_rogue_authority_is_refused() {
    let issuer = FakeIssuer::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.pem");
    std::fs::write(&path, authority().pem()).unwrap();
    let agent = Agent::new(&[path], ProxyChoice::Direct, NOW).await;
    assert_eq!(refusal(&issuer, &agent).await, Untrusted::UnknownAuthority);
}

#[tokio::test]
async fn bad_certificates_are_refused_by_name() {
    for (certificate, expected) in [
        (Certificate::Expired, Untrusted::Expired),
        (Certificate::NotYetValid, Untrusted::NotYetValid),
        (Certificate::OtherHost, Untrusted::WrongHost),
    ] {
        let issuer = FakeIssuer::with(WebSockets::Allowed, certificate).await;
        let agent = Agent::trusting(&issuer).await;
        assert_eq!(refusal(&issuer, &agent).await, expected);
    }
}

/// A proxy that reports the heads it is sent and, if `open`, lets the tunnel through.
pub(crate) async fn proxy(status: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (heads, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                heads.send(head).unwrap();
                client
                    .write_all(format!("HTTP/1.1 {status}\r\nVia: test\r\n\r\n").as_bytes())
                    .await
                    .unwrap();
                if status.starts_with("200") {
                    let mut upstream = TcpStream::connect(target).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
                }
            });
        }
    });
    (address, received)
}

#[tokio::test]
async fn a_proxy_is_tunnelled_through_with_its_credentials() {
    let issuer = FakeIssuer::start().await;
    let (address, mut heads) = proxy("200 Connection established").await;
    let choice = ProxyChoice::Fixed(Proxy::parse(&format!("http://mara:secret@{address}")).unwrap());
    let agent = Agent::new(&[issuer.ca_file()], choice, NOW).await;
    let mut subscription = agent.subscribe(&issuer);
    let mut socket = issuer.socket().await;
    socket.welcome().await;
    connected(&mut subscription).await;
    let head = heads.recv().await.unwrap();
    assert!(
        head.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", issuer.address())),
        "{head}"
    );
    let credentials = STANDARD.encode("mara:secret");
    assert!(
        head.contains(&format!("Proxy-Authorization: Basic {credentials}\r\n")),
        "{head}"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named() {
    let issuer = FakeIssuer::start().await;
    let (address, _heads) = proxy("407 Proxy Authentication Required").await;
    let choice = ProxyChoice::Fixed(Proxy::parse(&address).unwrap());
    let agent = Agent::new(&[issuer.ca_file()], choice, NOW).await;
    let mut subscription = agent.subscribe(&issuer);
    assert!(matches!(health(&mut subscription).await, Health::Connecting));
    match health(&mut subscription).await {
        Health::Retrying {
            problem: ChannelProblem::Net(NetError::ProxyRefused { status, .. }),
            ..
        } => {
            assert_eq!(status, 407);
        }
        other => panic!("{other:?}"),
    }
    assert!(issuer.is_untouched().await);
}
