//! What an administrator's QR code or link offers: `pia://container/…`.

use std::fmt;

use jiff::Timestamp;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{ContainerPublicKey, Operation, Server, call::url_safe};
use crate::{
    Serial, TlsCheck,
    link::{LinkError, begins, bounded, optional, read, required, serial, ttl},
};

/// The name of this app at a server, beside the device's own.
const BRAND: &str = "Countersign";

/// A link that hands over a container. Its texts are a stranger's.
#[derive(Clone, PartialEq, Eq)]
pub struct ContainerLink {
    /// The server.
    pub server: Server,
    /// The container.
    pub serial: Serial,
    /// The name the server gives itself.
    pub issuer: String,
    /// For how many minutes after it was made the link can be used.
    pub ttl: u32,
    /// When it was made, in seconds, by the server's clock.
    pub made_at: i64,
    /// What the link says about the server's certificate.
    pub tls: TlsCheck,
    /// Whether the person has to know something.
    pub passphrase: Passphrase,
    nonce: Zeroizing<String>,
    time: String,
}

/// Whether whoever uses the link has to know something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passphrase {
    /// No.
    NotAsked,
    /// A word that the administrator has told, or the person's password at the server.
    Asked,
}

impl ContainerLink {
    /// Whether a text is such a link by its beginning, so that what is wrong with it should be said.
    pub fn is_meant(text: &str) -> bool {
        begins(text, "pia://container/")
    }

    /// Reads a link. Parameters that are not known are left alone: newer servers add some.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let link = read(text, Self::is_meant)?;
        for (name, only) in [("key_algorithm", "secp384r1"), ("hash_algorithm", "sha256")] {
            if !required(&link, name)?.eq_ignore_ascii_case(only) {
                return Err(LinkError::Version);
            }
        }
        let nonce = required(&link, "nonce")?;
        let plain = nonce.bytes().all(|b| b.is_ascii_alphanumeric());
        if !(16..=128).contains(&nonce.len()) || !plain {
            return Err(LinkError::Unacceptable("nonce"));
        }
        let time = time(&required(&link, "time")?)?;
        let made_at = time.1;
        let tls = match required(&link, "ssl_verify")?.as_str() {
            "True" => TlsCheck::Wanted,
            "False" => TlsCheck::Waived,
            _ => return Err(LinkError::Unacceptable("ssl_verify")),
        };
        let prompt = optional(&link, "passphrase")?.is_some_and(|prompt| !prompt.is_empty());
        let sent = optional(&link, "send_passphrase")?.is_some_and(|sent| sent.as_str() != "False");
        Ok(Self {
            server: Server::parse(&required(&link, "url")?)?,
            serial: serial(&link)?,
            issuer: bounded(required(&link, "issuer")?.to_string(), "issuer")?,
            ttl: ttl(&link)?,
            made_at,
            tls,
            passphrase: if prompt || sent {
                Passphrase::Asked
            } else {
                Passphrase::NotAsked
            },
            nonce,
            time: time.0,
        })
    }

    /// What the container's key signs to be registered. `device` is this computer's name.
    pub fn signing_input(&self, device: &str) -> Zeroizing<String> {
        let scope = self.server.scope(Operation::Register);
        let (nonce, time) = (&*self.nonce, &self.time);
        Zeroizing::new(format!("{nonce}|{time}|{}|{scope}|{BRAND}|{device}", self.serial))
    }

    /// The form that registers `key`, which has signed the [`ContainerLink::signing_input`].
    pub fn registration(&self, key: &ContainerPublicKey, device: &str, signature: &[u8]) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("container_serial", self.serial.as_str())
            .append_pair("public_client_key", &key.to_pem())
            .append_pair("device_brand", BRAND)
            .append_pair("device_model", device)
            .append_pair("signature", &url_safe(signature))
            .finish()
    }
}

impl fmt::Debug for ContainerLink {
    /// Without the nonce: who has it can register.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerLink")
            .field("server", &self.server)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// An instant as the server writes it, which is part of what is signed, and in seconds.
pub(super) fn time(text: &str) -> Result<(String, i64), LinkError> {
    let refused = LinkError::Unacceptable("time");
    let plain = text.len() <= 40 && text.bytes().all(|b| b.is_ascii_digit() || b"-+:.TZ".contains(&b));
    let instant: Timestamp = text.parse().map_err(|_| refused)?;
    if plain {
        Ok((text.to_owned(), instant.as_second()))
    } else {
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::MAX_LINK;

    /// As a server of release 3.14 makes it.
    const LINK: &str = "pia://container/SMPH0000A1B2?issuer=Alder%20Group&ttl=10&nonce=c238392af49250804c25bbd7d86408839e91fe97\
                        &time=2026-11-22T20%3A48%3A00.158319%2B00%3A00&url=https%3A//id.alder.example/&serial=SMPH0000A1B2\
                        &key_algorithm=secp384r1&hash_algorithm=SHA256&ssl_verify=True&passphrase=&send_passphrase=False";

    #[test]
    fn a_servers_link_is_read() {
        let link = ContainerLink::parse(LINK).unwrap();
        assert_eq!(link.server.as_str(), "https://id.alder.example/");
        assert_eq!(link.serial.as_str(), "SMPH0000A1B2");
        assert_eq!(link.issuer, "Alder Group");
        assert_eq!((link.ttl, link.made_at), (10, 1_795_380_480));
        assert_eq!(
            (link.tls, link.passphrase),
            (TlsCheck::Wanted, Passphrase::NotAsked)
        );
        assert_eq!(
            *link.signing_input("tern"),
            "c238392af49250804c25bbd7d86408839e91fe97|2026-11-22T20:48:00.158319+00:00|SMPH0000A1B2|\
             https://id.alder.example/container/register/finalize|Countersign|tern"
        );
        assert!(!format!("{link:?}").contains("c238"));
    }

    #[test]
    fn a_link_that_asks_for_a_passphrase_says_so() {
        for asks in [
            LINK.replace("passphrase=&", "passphrase=Favourite%20bird&"),
            LINK.replace("send_passphrase=False", "send_passphrase=True"),
        ] {
            assert_eq!(ContainerLink::parse(&asks).unwrap().passphrase, Passphrase::Asked);
        }
        let waived = LINK.replace("ssl_verify=True", "ssl_verify=False");
        assert_eq!(ContainerLink::parse(&waived).unwrap().tls, TlsCheck::Waived);
    }

    #[test]
    fn a_link_with_something_else_in_it_is_refused() {
        use LinkError::{Missing, NotPush, TooLong, Twice, Unacceptable, Version};
        let cases = [
            (LINK.replace("pia://container/", "pia://pipush/"), NotPush),
            (LINK.replace("pia://container/", "pia://container:1/"), NotPush),
            (format!("{LINK}#x"), NotPush),
            (format!("{LINK}&x={}", "y".repeat(MAX_LINK)), TooLong),
            (LINK.replace("secp384r1", "secp521r1"), Version),
            (
                LINK.replace("hash_algorithm=SHA256", "hash_algorithm=SHA512"),
                Version,
            ),
            (LINK.replace("&ssl_verify=True", ""), Missing("ssl_verify")),
            (
                LINK.replace("ssl_verify=True", "ssl_verify=maybe"),
                Unacceptable("ssl_verify"),
            ),
            (format!("{LINK}&url=https%3A//evil.example/"), Twice("url")),
            (LINK.replace("https%3A", "http%3A"), Unacceptable("url")),
            (
                LINK.replace("serial=SMPH0000A1B2", "serial=SMPH%7C0"),
                Unacceptable("serial"),
            ),
            (
                LINK.replace("nonce=c238392af", "nonce=c2%7C"),
                Unacceptable("nonce"),
            ),
            (
                LINK.replace("nonce=c238392af49250804c25bbd7d864", "nonce="),
                Unacceptable("nonce"),
            ),
            (LINK.replace("time=2026", "time=26"), Unacceptable("time")),
            (LINK.replace("ttl=10", "ttl=0"), Unacceptable("ttl")),
        ];
        for (text, error) in cases {
            assert_eq!(ContainerLink::parse(&text), Err(error), "{text}");
        }
    }
}
