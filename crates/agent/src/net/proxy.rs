//! Which way out a host takes: directly, or through an HTTP proxy by `CONNECT`.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::{Host, Url};
use zeroize::Zeroizing;

/// The configured way out.
#[derive(Debug, Clone, Default)]
pub enum ProxyChoice {
    /// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment, in either case.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one, for everything.
    Fixed(Proxy),
}

/// An HTTP proxy. `Debug` leaves out its credentials.
#[derive(Clone)]
pub struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authorization: Option<Arc<Zeroizing<String>>>,
}

/// A text that is no usable proxy.
#[derive(Debug, thiserror::Error)]
#[error("not a usable proxy: write it as http://host:port or http://user:password@host:port")]
pub struct InvalidProxy;

impl Proxy {
    /// Reads `http://[user[:password]@]host[:port]`; the scheme may be left out. The port is 80 unless given.
    ///
    /// # Errors
    /// [`InvalidProxy`], also for proxies spoken to by TLS or SOCKS.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let url = Url::parse(&with_scheme).map_err(|_| InvalidProxy)?;
        if url.scheme() != "http" || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err(InvalidProxy);
        }
        let host = dialable(&url.host().ok_or(InvalidProxy)?);
        let port = url.port_or_known_default().ok_or(InvalidProxy)?;
        Ok(Self {
            host,
            port,
            authorization: basic(&url)?.map(Arc::new),
        })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

/// A host as resolvers and sockets want it: an IPv6 address without brackets.
pub(super) fn dialable(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    }
}

fn basic(url: &Url) -> Result<Option<Zeroizing<String>>, InvalidProxy> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user = percent_decoded(url.username())?;
    let password = percent_decoded(url.password().unwrap_or_default())?;
    let pair = Zeroizing::new(format!("{}:{}", *user, *password));
    Ok(Some(Zeroizing::new(format!(
        "Basic {}",
        STANDARD.encode(pair.as_bytes())
    ))))
}

fn percent_decoded(text: &str) -> Result<Zeroizing<String>, InvalidProxy> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let (digits, tail) = tail.split_at_checked(2).ok_or(InvalidProxy)?;
            let digits = std::str::from_utf8(digits).map_err(|_| InvalidProxy)?;
            out.push(u8::from_str_radix(digits, 16).map_err(|_| InvalidProxy)?);
            rest = tail;
        } else {
            out.push(first);
        }
    }
    if out.iter().any(u8::is_ascii_control) {
        return Err(InvalidProxy);
    }
    std::str::from_utf8(&out)
        .map(|s| Zeroizing::new(s.to_owned()))
        .map_err(|_| InvalidProxy)
}

/// The choice with the environment read: what [`super::Net`] asks for every host.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    proxy: Option<Proxy>,
    except: Vec<String>,
}

impl Routes {
    /// Settles the choice. `variable` reads the environment.
    ///
    /// # Errors
    /// [`InvalidProxy`] if the environment names one that is not usable: silently going direct would be wrong.
    pub fn new(choice: ProxyChoice, variable: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidProxy> {
        let read = |names: [&str; 2]| names.into_iter().filter_map(&variable).find(|v| !v.is_empty());
        match choice {
            ProxyChoice::Direct => Ok(Self::default()),
            ProxyChoice::Fixed(proxy) => Ok(Self {
                proxy: Some(proxy),
                except: Vec::new(),
            }),
            ProxyChoice::Environment => {
                let text = read(["https_proxy", "HTTPS_PROXY"]).or_else(|| read(["all_proxy", "ALL_PROXY"]));
                let proxy = text.map(|t| Proxy::parse(&t)).transpose()?;
                let except = read(["no_proxy", "NO_PROXY"]).unwrap_or_default();
                let except = except
                    .split(',')
                    .map(|e| e.trim().to_ascii_lowercase())
                    .filter(|e| !e.is_empty());
                Ok(Self {
                    proxy,
                    except: except.collect(),
                })
            }
        }
    }

    /// The proxy for this host, if it takes one.
    pub fn to(&self, host: &str) -> Option<&Proxy> {
        let host = host.to_ascii_lowercase();
        let excepted = self.except.iter().any(|entry| {
            let name = entry
                .strip_prefix("*.")
                .or_else(|| entry.strip_prefix('.'))
                .unwrap_or(entry);
            entry == "*" || host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        });
        self.proxy.as_ref().filter(|_| !excepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(https: &'static str, except: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| match name {
            "HTTPS_PROXY" => Some(https.to_owned()),
            "no_proxy" => Some(except.to_owned()),
            _ => None,
        }
    }

    #[test]
    fn credentials_become_a_basic_header_and_never_show() {
        let proxy = Proxy::parse("http://mara:p%40ss@proxy.example:3128").unwrap();
        assert_eq!(
            proxy.authorization.as_ref().unwrap().as_str(),
            "Basic bWFyYTpwQHNz"
        );
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:3128)");
    }

    #[test]
    fn proxies_by_tls_or_socks_are_refused() {
        for text in [
            "https://proxy.example",
            "socks5://proxy.example:1080",
            "http://",
            "http://p.example/path",
            "http://a%0d%0a:b@p",
        ] {
            assert!(Proxy::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn excepted_hosts_go_direct() {
        let routes = Routes::new(
            ProxyChoice::Environment,
            environment("proxy.example:8080", "localhost, .corp.example,127.0.0.1"),
        )
        .unwrap();
        assert!(routes.to("id.example").is_some());
        assert!(routes.to("notcorp.example").is_some());
        for host in [
            "localhost",
            "LOCALHOST",
            "id.corp.example",
            "corp.example",
            "127.0.0.1",
        ] {
            assert!(routes.to(host).is_none(), "{host}");
        }
    }

    #[test]
    fn an_unusable_proxy_in_the_environment_is_an_error() {
        assert!(Routes::new(ProxyChoice::Environment, environment("socks5://p:1", "")).is_err());
    }

    #[test]
    fn a_direct_choice_ignores_the_environment() {
        let routes = Routes::new(ProxyChoice::Direct, environment("proxy.example:8080", "")).unwrap();
        assert!(routes.to("id.example").is_none());
    }
}
