use proptest::prelude::*;

use super::*;

/// As a server of release 3.14 makes it.
const LINK: &str = "otpauth://pipush/PIPU0000AA0A?url=https%3A//id.alder.example/ttype/push&ttl=10&issuer=Alder%20Group\
                    &enrollment_credential=ea73cc79cacf5677a63cc48d54b0217dd1cff692&v=1&serial=PIPU0000AA0A&sslverify=1\
                    &poll_only=True";

#[test]
fn a_servers_link_is_read() {
    for link in [LINK.to_owned(), LINK.replace("otpauth:", "pia:")] {
        let link = PushLink::parse(&link).unwrap();
        assert_eq!(link.url.as_str(), "https://id.alder.example/ttype/push");
        assert_eq!(link.serial.as_str(), "PIPU0000AA0A");
        assert_eq!(link.label, "PIPU0000AA0A");
        assert_eq!(link.issuer, "Alder Group");
        assert_eq!(link.ttl, 10);
        assert_eq!(link.tls, TlsCheck::Wanted);
        assert_eq!(link.unlock, Unlock::NotAsked);
    }
}

#[test]
fn what_a_policy_adds_is_read() {
    let link = PushLink::parse(&format!("{LINK}&pin=True&image=https%3A//x/y.png")).unwrap();
    assert_eq!(link.unlock, Unlock::Asked);
    let link = PushLink::parse(&LINK.replace("sslverify=1", "sslverify=0")).unwrap();
    assert_eq!(link.tls, TlsCheck::Waived);
    let link =
        PushLink::parse(&LINK.replace("pipush/PIPU0000AA0A", "pipush/am%C3%A9lie%20+%26%2B%3D1")).unwrap();
    assert_eq!(link.label, "amélie +&+=1");
}

#[test]
fn a_link_with_something_else_in_it_is_refused() {
    use LinkError::{Missing, NotPush, TooLong, Twice, Unacceptable, Version};
    let cases = [
        (LINK.replace("pipush", "totp"), NotPush),
        (LINK.replace("otpauth://pipush/", "otpauth://pipush:1/"), NotPush),
        (LINK.replace("otpauth://", "otpauth://me@"), NotPush),
        (format!("{LINK}#x"), NotPush),
        (format!("{LINK}&x={}", "y".repeat(MAX_LINK)), TooLong),
        (LINK.replace("v=1", "v=2"), Version),
        (LINK.replace("&v=1", ""), Missing("v")),
        (LINK.replace("&sslverify=1", ""), Missing("sslverify")),
        (
            LINK.replace("sslverify=1", "sslverify=2"),
            Unacceptable("sslverify"),
        ),
        (format!("{LINK}&sslverify=0"), Twice("sslverify")),
        (format!("{LINK}&url=https%3A//evil.example/"), Twice("url")),
        (LINK.replace("https%3A", "http%3A"), Unacceptable("url")),
        (
            LINK.replace("id.alder.example", "me:secret@id.alder.example"),
            Unacceptable("url"),
        ),
        (
            LINK.replace("ttype/push", "ttype/push%3Fa%3Db"),
            Unacceptable("url"),
        ),
        (
            LINK.replace("serial=PIPU0000AA0A", "serial=PIPU%7C0"),
            Unacceptable("serial"),
        ),
        (LINK.replace("ttl=10", "ttl=0"), Unacceptable("ttl")),
        (LINK.replace("ttl=10", "ttl=soon"), Unacceptable("ttl")),
        (
            LINK.replace("ea73cc79cacf5677a63cc48d54b0217dd1cff692", "short"),
            Unacceptable("enrollment_credential"),
        ),
        (
            LINK.replace("pipush/PIPU0000AA0A", "pipush/"),
            Unacceptable("label"),
        ),
        (
            LINK.replace("Alder%20Group", &"x".repeat(129)),
            Unacceptable("issuer"),
        ),
    ];
    for (link, expected) in cases {
        assert_eq!(PushLink::parse(&link), Err(expected), "{link}");
    }
}

#[test]
fn debugging_does_not_show_the_credential() {
    let link = PushLink::parse(LINK).unwrap();
    assert!(!format!("{link:?}").contains("ea73cc79"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}") {
        let _ = PushLink::parse(&text);
        let _ = PushLink::parse(&format!("otpauth://pipush/{text}"));
    }
}
