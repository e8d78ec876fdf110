//! The way to one issuer and back, hop by hop.

use std::time::Duration;

use countersign_agent_api::{AccountId, Check, Connection, Transport};
use countersign_protocol::{
    json,
    wire::{CONFIGURATION_PATH, Configuration, MAX_BODY},
};
use http::{HeaderMap, Method};
use url::Url;

use super::{Doctor, Found, keyring};
use crate::{
    channel::{Binding, Ties},
    engine::AccountFacts,
    keystore::{Interaction, KeyStoreError},
    net::{Answer, CertificateSummary, Connection as NetConnection, Hop, NetError, Trace, Untrusted},
    wording::sentence,
};

/// A difference between the clocks worth telling, in seconds.
const CLOCK_WARNING: i64 = 60;

/// A certificate that ends in fewer days is worth telling.
const FEW_DAYS: i64 = 14;

/// How long the issuer may take for its configuration.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

const DAY: i64 = 86_400;

pub(super) async fn diagnose(doctor: &Doctor, facts: &AccountFacts) -> Vec<Check> {
    let way = explore(doctor, &facts.binding).await;
    let host = &facts.view.issuer_host;
    let issuer = &facts.view.issuer_name;
    let now = doctor.clock.now();
    let mut account = Account::new(&facts.view.id);
    account.push("name", &format!("Address of {host}"), name(&way, host));
    account.push("tcp", &format!("Way to {host}"), tcp(&way, host));
    if way.trace.proxy.is_some() {
        account.push("proxy", "Proxy", proxy(&way));
    }
    account.push("tls", &format!("Certificate of {host}"), tls(&way, host, now));
    account.push(
        "http",
        &format!("Answer of {host}"),
        configuration(&way, &facts.binding),
    );
    account.push(
        "channel",
        &format!("Connection to {issuer}"),
        channel(&facts.view.connection),
    );
    account.push(
        "clock",
        &format!("Clock against {issuer}"),
        clock(facts.binding.offset),
    );
    account.push("frames", &format!("Messages of {issuer}"), frames(facts.rejected));
    account.push(
        "key",
        &format!("Key for {issuer}"),
        key(doctor, &facts.binding).await,
    );
    account.checks
}

/// The checks of one account.
struct Account<'a> {
    id: &'a AccountId,
    checks: Vec<Check>,
}

impl<'a> Account<'a> {
    fn new(id: &'a AccountId) -> Self {
        let checks = Vec::new();
        Self { id, checks }
    }

    fn push(&mut self, name: &str, title: &str, found: Found) {
        let name = format!("issuer.{}.{name}", self.id);
        self.checks.push(Check {
            account: Some(self.id.clone()),
            ..found.into_check(&name, title)
        });
    }
}

/// What was seen on the way.
struct Way {
    trace: Trace,
    answer: Result<Answer, NetError>,
}

async fn explore(doctor: &Doctor, binding: &Binding) -> Way {
    let mut trace = Trace::default();
    let net = doctor.net.trusting(&binding.trust);
    let answer = async {
        let text = match &binding.ties {
            Ties::Native(_) => format!("{}{CONFIGURATION_PATH}", binding.issuer),
            Ties::PrivacyIdea(ties) => ties.url.to_string(),
            // What every such server answers to everybody.
            Ties::Container(_) => format!("{}/ttype/push", binding.issuer),
        };
        let url = Url::parse(&text).map_err(|_| NetError::InvalidUrl(text))?;
        let mut connection = NetConnection::open_traced(&net, &url, &mut trace).await?;
        connection
            .send(Method::GET, &url, HeaderMap::new(), Vec::new(), ANSWER_LIMIT)
            .await
    };
    let answer = answer.await;
    Way { trace, answer }
}

impl Way {
    /// What to say of a hop that was not passed: it failed, or was not reached.
    fn stopped_at(&self, hop: Hop, failed: &'static str, host: &str) -> Option<Found> {
        if self.trace.hop > hop {
            return None;
        }
        match &self.answer {
            Err(error) if self.trace.hop == hop => {
                Some(Found::failed(failed, sentence(error)).with("host", host))
            }
            Ok(_) | Err(_) => Some(not_reached()),
        }
    }

    /// Who is dialled: the proxy, or the issuer itself.
    fn dialled<'a>(&'a self, host: &'a str) -> &'a str {
        self.trace.proxy.as_deref().unwrap_or(host)
    }
}

fn not_reached() -> Found {
    Found::skipped("hop.not_reached", "Not tried: see above.")
}

fn name(way: &Way, host: &str) -> Found {
    let host = way.dialled(host);
    way.stopped_at(Hop::Name, "name.unknown", host)
        .unwrap_or_else(|| {
            let count = way.trace.addresses;
            let words = if count == 1 {
                "one address"
            } else {
                "several addresses"
            };
            Found::passed("name.known", format!("{host} has {words}."))
                .with("host", host)
                .with("addresses", count)
        })
}

fn tcp(way: &Way, host: &str) -> Found {
    let host = way.dialled(host);
    way.stopped_at(Hop::Tcp, "tcp.unreachable", host)
        .unwrap_or_else(|| {
            Found::passed("tcp.connected", format!("{host} takes connections.")).with("host", host)
        })
}

fn proxy(way: &Way) -> Found {
    let host = way.trace.proxy.as_deref().unwrap_or_default();
    way.stopped_at(Hop::Proxy, "proxy.refused", host)
        .unwrap_or_else(|| {
            Found::passed(
                "proxy.passed",
                format!("The proxy {host} lets this computer through."),
            )
            .with("host", host)
        })
}

fn tls(way: &Way, host: &str, now: i64) -> Found {
    let failed = match &way.answer {
        Err(NetError::Untrusted { why, .. }) => match why {
            Untrusted::UnknownAuthority => "tls.unknown_authority",
            Untrusted::Expired => "tls.expired",
            Untrusted::NotYetValid => "tls.not_yet_valid",
            Untrusted::WrongHost => "tls.wrong_host",
            Untrusted::Other => "tls.untrusted",
        },
        Ok(_) | Err(_) => "tls.failed",
    };
    if let Some(found) = way.stopped_at(Hop::Tls, failed, host) {
        return found;
    }
    let Some(CertificateSummary {
        issuer: Some(issuer),
        not_after,
        ..
    }) = &way.trace.certificate
    else {
        return Found::passed("tls.trusted", "Its certificate is trusted.");
    };
    let days = (not_after - now).div_euclid(DAY);
    let found = if days < FEW_DAYS {
        let detail =
            format!("Its certificate, by {issuer}, ends in {days} days. Tell the issuer's administrator.");
        Found::warning("tls.ends_soon", detail)
    } else {
        let detail = format!("Its certificate is trusted: by {issuer}, for {days} more days.");
        Found::passed("tls.trusted", detail)
    };
    found.with("authority", issuer).with("days", days)
}

fn configuration(way: &Way, binding: &Binding) -> Found {
    if way.trace.hop < Hop::Done {
        return not_reached();
    }
    let answer = match &way.answer {
        Ok(answer) => answer,
        Err(error) => return Found::failed("http.no_answer", sentence(error)),
    };
    let status = answer.status.as_u16();
    let ties = match &binding.ties {
        Ties::Native(ties) => ties,
        // Without a question it has nothing to say: only that it is there, and the right one.
        Ties::PrivacyIdea(_) | Ties::Container(_)
            if countersign_privacyidea::reply::time(&answer.body).is_some() =>
        {
            return Found::passed("http.answers", "The server answers.");
        }
        Ties::PrivacyIdea(_) | Ties::Container(_) => return not_an_issuer(status),
    };
    let read = json::from_slice::<Configuration>(&answer.body, MAX_BODY);
    match read {
        Ok(configuration) if status == 200 && configuration.check(&binding.issuer).is_ok() => {
            let pinned = |key| ties.issuer_keys.iter().any(|known| known == key);
            if configuration.keys.iter().any(pinned) {
                return Found::passed("http.ready", "The issuer answers, with a key that you accepted.");
            }
            Found::failed(
                "http.other_keys",
                "The issuer answers with none of the keys that you accepted. Ask its administrator before you enrol again.",
            )
        }
        Ok(_) | Err(_) => not_an_issuer(status),
    }
}

fn not_an_issuer(status: u16) -> Found {
    let detail = format!(
        "Something answers with status {status}, but not as an issuer does. Check the proxy setting."
    );
    Found::failed("http.not_an_issuer", detail).with("status", status)
}

fn channel(connection: &Connection) -> Found {
    match connection {
        Connection::Connected {
            transport: Transport::Websocket,
            ..
        } => Found::passed("channel.connected", "Connected. Requests arrive at once."),
        Connection::Connected {
            transport: Transport::LongPoll,
            ..
        } => Found::warning(
            "channel.long_poll",
            "Connected by long poll: something on the way blocks WebSockets. Requests still arrive at once.",
        ),
        Connection::Connected {
            transport: Transport::Poll,
            ..
        } => Found::passed("channel.poll", "Connected. The server is asked regularly."),
        Connection::Connecting => Found::warning("channel.connecting", "Connecting."),
        Connection::Retrying { problem, .. } => Found::failed(
            "channel.retrying",
            format!("{problem} It is tried again by itself."),
        )
        .with("problem", problem),
        Connection::Revoked => Found::failed(
            "channel.revoked",
            "The issuer has removed this computer. Remove the account and enrol again.",
        ),
        Connection::NoKey => {
            Found::skipped("channel.no_key", "Not tried: the key cannot be used, see below.")
        }
    }
}

fn clock(offset: i64) -> Found {
    let seconds = offset.abs();
    let found = if seconds < CLOCK_WARNING {
        Found::passed("clock.right", format!("{seconds} s apart."))
    } else {
        let (finding, way) = if offset > 0 {
            ("clock.behind", "behind")
        } else {
            ("clock.ahead", "ahead")
        };
        let detail = format!("This clock is {seconds} s {way}. Approvals are not affected.");
        Found::warning(finding, detail)
    };
    found.with("seconds", seconds)
}

fn frames(rejected: u64) -> Found {
    match rejected {
        0 => Found::passed("frames.verified", "Every message verified."),
        count => {
            let dropped = if count == 1 {
                "1 message did not verify and was dropped".to_owned()
            } else {
                format!("{count} messages did not verify and were dropped")
            };
            let detail = format!("{dropped}. Tell the issuer's administrator.");
            Found::warning("frames.dropped", detail).with("count", count)
        }
    }
}

async fn key(doctor: &Doctor, binding: &Binding) -> Found {
    let reference = &binding.key.reference;
    match doctor.keys.public_key(reference, Interaction::Forbidden).await {
        Ok(public) if public == binding.key.public => Found::passed("key.usable", "The key can be used."),
        Ok(_) => Found::failed("key.damaged", sentence(&KeyStoreError::Damaged)),
        Err(error) => keyring(Some(error.state())),
    }
}
