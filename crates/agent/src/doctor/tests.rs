//! Diagnostics against a real issuer's address, an address where nobody is, a proxy, and a bus of the test's own.

use countersign_agent_api::{
    AccountId, AccountView, Capabilities, Connection, KeyProtection, KeyProtectionLevel, Reports, Transport,
};
use countersign_protocol::KeySet;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::{
    channel::{
        Binding, Ties,
        native::{FakeIssuer, TestAgent, configuration},
    },
    net::{Proxy, ProxyChoice, Routes, client_config},
    private_session,
};

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> i64 {
        1_795_000_000
    }
}

fn doctor(agent: &TestAgent, issuer: &FakeIssuer, proxy: ProxyChoice) -> Doctor {
    let tls = client_config(&[issuer.ca_file()]).unwrap();
    Doctor {
        keys: agent.keys.clone(),
        net: Net::new(tls, Routes::new(proxy, |_| None).unwrap()),
        clock: Arc::new(StoppedClock),
        app: AppCommand {
            program: "countersign".into(),
            args: Vec::new(),
            allow_automation: false,
        },
        state: "/home/mara/.local/share/countersign".into(),
    }
}

fn facts(binding: Binding) -> AccountFacts {
    let view = AccountView {
        id: AccountId("a1".into()),
        name: None,
        issuer_name: "Alder Group".into(),
        issuer_host: binding.issuer.host().to_owned(),
        account: binding.account.clone(),
        fingerprint: String::new(),
        key_protection: KeyProtection {
            level: KeyProtectionLevel::Sw,
            attested: false,
        },
        key: KeyringState::Ready,
        capabilities: Capabilities {
            signed_requests: true,
            signs_statement: true,
            reports: Reports::Taken,
            has_expiry: true,
            can_revoke: true,
            can_withdraw: true,
            can_rotate: true,
        },
        collection: None,
        trusted: Vec::new(),
        polling: None,
        connection: Connection::Connected {
            transport: Transport::Websocket,
            since: 0,
        },
        clock_offset: 0,
        added_at: 0,
    };
    AccountFacts {
        view,
        binding,
        rejected: 2,
    }
}

/// Each check of the account: what of the name is its own, and what was found.
fn found(checks: &[Check]) -> Vec<(&str, &str)> {
    let of_account = checks.iter().filter(|check| check.account.is_some());
    of_account
        .map(|check| {
            (
                check.name.strip_prefix("issuer.a1.").unwrap(),
                check.finding.as_str(),
            )
        })
        .collect()
}

async fn with_answer(status: u16, body: &impl serde::Serialize) -> Vec<Check> {
    let issuer = FakeIssuer::start().await;
    let agent = TestAgent::trusting(&issuer).await;
    let doctor = doctor(&agent, &issuer, ProxyChoice::Direct);
    let facts = facts(agent.binding(&issuer));
    let serve = async {
        let call = issuer.call("/.well-known/countersign-configuration").await;
        call.answer(status, body);
    };
    let (checks, ()) = tokio::join!(account::diagnose(&doctor, &facts), serve);
    checks
}

#[tokio::test]
async fn every_hop_to_the_issuer_is_looked_at_in_its_order() {
    let issuer = FakeIssuer::start().await;
    let agent = TestAgent::trusting(&issuer).await;
    let doctor = doctor(&agent, &issuer, ProxyChoice::Direct);
    let facts = facts(agent.binding(&issuer));
    let serve = async {
        let call = issuer.call("/.well-known/countersign-configuration").await;
        call.answer(200, &configuration(&issuer));
    };
    let (checks, ()) = tokio::join!(account::diagnose(&doctor, &facts), serve);
    assert_eq!(
        found(&checks),
        [
            ("name", "name.known"),
            ("tcp", "tcp.connected"),
            ("tls", "tls.trusted"),
            ("http", "http.ready"),
            ("channel", "channel.connected"),
            ("clock", "clock.right"),
            ("frames", "frames.dropped"),
            ("key", "key.usable"),
        ]
    );
    let tls = &checks[2];
    assert_eq!(tls.values["authority"], "rcgen self signed cert");
    assert!(
        tls.values["days"].parse::<i64>().unwrap() > 1_000,
        "{:?}",
        tls.values
    );
    for check in &checks {
        for value in check.values.values() {
            assert!(
                check.detail.contains(value) || check.name.ends_with(".name"),
                "{check:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_issuer_that_answers_otherwise_is_named() {
    let issuer = FakeIssuer::start().await;
    for (status, finding) in [(200, "http.not_an_issuer"), (502, "http.not_an_issuer")] {
        let checks = with_answer(status, &configuration(&issuer)).await;
        assert_eq!(found(&checks)[3], ("http", finding), "of another issuer");
    }
    let checks = with_answer(200, &"<h1>Log in to the hotel</h1>").await;
    assert_eq!(found(&checks)[3], ("http", "http.not_an_issuer"));
}

#[tokio::test]
async fn an_issuer_with_other_keys_is_named() {
    let issuer = FakeIssuer::start().await;
    let agent = TestAgent::trusting(&issuer).await;
    let doctor = doctor(&agent, &issuer, ProxyChoice::Direct);
    let mut binding = agent.binding(&issuer);
    let Ties::Native(ties) = &mut binding.ties else {
        panic!("another protocol")
    };
    ties.issuer_keys = KeySet::from_iter([agent.key.es256().unwrap().clone()]);
    let facts = facts(binding);
    let serve = async {
        let call = issuer.call("/.well-known/countersign-configuration").await;
        call.answer(200, &configuration(&issuer));
    };
    let (checks, ()) = tokio::join!(account::diagnose(&doctor, &facts), serve);
    assert_eq!(found(&checks)[3], ("http", "http.other_keys"));
}

#[tokio::test]
async fn what_lies_behind_a_hop_that_fails_is_not_tried() {
    let issuer = FakeIssuer::start().await;
    let agent = TestAgent::trusting(&issuer).await;
    let mut doctor = doctor(&agent, &issuer, ProxyChoice::Direct);
    let mut binding = agent.binding(&issuer);
    doctor.net = Net::new(client_config(&[]).unwrap(), Routes::default());
    let checks = account::diagnose(&doctor, &facts(binding.clone())).await;
    assert_eq!(
        found(&checks)[1..4],
        [
            ("tcp", "tcp.connected"),
            ("tls", "tls.unknown_authority"),
            ("http", "hop.not_reached"),
        ]
    );
    assert_eq!(checks[3].state, CheckState::Skipped);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    binding.issuer = countersign_protocol::Issuer::parse(&format!("https://{address}")).unwrap();
    let checks = account::diagnose(&doctor, &facts(binding)).await;
    assert_eq!(
        found(&checks)[..4],
        [
            ("name", "name.known"),
            ("tcp", "tcp.unreachable"),
            ("tls", "hop.not_reached"),
            ("http", "hop.not_reached"),
        ]
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_named_without_its_password() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = proxy.local_addr().unwrap();
    let refuse = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        assert!(String::from_utf8_lossy(&head[..read]).contains("Proxy-Authorization: Basic"));
        stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").await.unwrap();
    };
    let issuer = FakeIssuer::start().await;
    let agent = TestAgent::trusting(&issuer).await;
    let choice = Proxy::parse(&format!("http://mara:c4n4ry@{address}")).unwrap();
    let doctor = doctor(&agent, &issuer, ProxyChoice::Fixed(choice));
    let facts = facts(agent.binding(&issuer));
    let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "http://mara:c4n4ry@proxy".into());
    let (checks, ()) = tokio::join!(doctor.diagnose(vec![facts], None, variable), refuse);
    assert_eq!(
        found(&checks)[..5],
        [
            ("name", "name.known"),
            ("tcp", "tcp.connected"),
            ("proxy", "proxy.refused"),
            ("tls", "hop.not_reached"),
            ("http", "hop.not_reached"),
        ]
    );
    let text = serde_json::to_string(&checks).unwrap();
    assert!(text.contains(&address.to_string()));
    for secret in ["c4n4ry", "bWFyYTpjNG40cnk", agent.key.reference.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn every_finding_is_documented() {
    let documentation = include_str!("../../../../docs/agent.md");
    let sources = [
        include_str!("mod.rs"),
        include_str!("desktop.rs"),
        include_str!("account.rs"),
        include_str!("codes.rs"),
        include_str!("../cli/session.rs"),
    ];
    let is_finding = |text: &&str| {
        let parts: Vec<_> = text.split('.').collect();
        let word =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        parts.len() == 2 && parts.iter().all(word)
    };
    let findings: Vec<_> = sources
        .iter()
        .flat_map(|text| text.split('"'))
        .filter(is_finding)
        .collect();
    assert!(findings.len() > 40, "{findings:?}");
    for finding in findings {
        assert!(documentation.contains(&format!("`{finding}`")), "{finding}");
    }
}

const INSIDE: &str = "doctor::tests::inside_a_session";

#[test]
fn what_the_desktop_offers_is_told() {
    private_session::run(INSIDE, "");
}

struct FakeNotifications(Vec<String>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl FakeNotifications {
    fn get_server_information(&self) -> (String, String, String, String) {
        ("toast".into(), "example".into(), "1.2".into(), "1.2".into())
    }

    fn get_capabilities(&self) -> Vec<String> {
        self.0.clone()
    }
}

struct FakeWatcher(bool);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl FakeWatcher {
    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        self.0
    }
}

#[tokio::test]
#[ignore = "the test above starts it"]
async fn inside_a_session() {
    private_session::assert_inside();
    let findings = async || {
        let checks = desktop::diagnose().await;
        let findings = checks.into_iter().map(|check| check.finding);
        findings.collect::<Vec<_>>()
    };
    assert_eq!(findings().await, ["notifications.missing", "tray.missing"]);
    for (abilities, has_host, wanted) in [
        (vec!["body"], false, ["notifications.no_buttons", "tray.no_host"]),
        (
            vec!["body", "actions"],
            true,
            ["notifications.ready", "tray.ready"],
        ),
    ] {
        let abilities = abilities.into_iter().map(str::to_owned).collect();
        let services = zbus::connection::Builder::session()
            .unwrap()
            .serve_at("/org/freedesktop/Notifications", FakeNotifications(abilities))
            .unwrap()
            .serve_at("/StatusNotifierWatcher", FakeWatcher(has_host))
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .name("org.kde.StatusNotifierWatcher")
            .unwrap()
            .build()
            .await
            .unwrap();
        assert_eq!(findings().await, wanted);
        services.close().await.unwrap();
    }
}
