use super::*;
use crate::text::Label;

fn secret(text: &str) -> Secret {
    Secret::from_bytes(text.as_bytes().to_vec()).unwrap()
}

fn digits(count: u64) -> Digits {
    Digits::new(count).unwrap()
}

fn details(kind: Kind) -> Details {
    Details::new(Label::default(), Label::default(), kind, secret("12345678901234567890"))
}

fn timed(details: &Details, now_ms: u64) -> TimedCode {
    match details.display(now_ms) {
        Display::Timed(timed) => timed,
        Display::OnRequest { .. } => panic!("codes by time were expected"),
    }
}

#[test]
fn codes_by_counter_are_those_of_rfc_4226_appendix_d() {
    let secret = secret("12345678901234567890");
    let codes: Vec<String> = (0..10)
        .map(|counter| hotp(&secret, Algorithm::Sha1, Digits::SIX, counter).as_str().to_owned())
        .collect();
    assert_eq!(
        codes,
        [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"
        ]
    );
}

#[test]
fn codes_by_time_are_those_of_rfc_6238_appendix_b() {
    let seeds = [
        (Algorithm::Sha1, "12345678901234567890"),
        (Algorithm::Sha256, "12345678901234567890123456789012"),
        (
            Algorithm::Sha512,
            "1234567890123456789012345678901234567890123456789012345678901234",
        ),
    ];
    for (time, expected) in [
        (59_u64, ["94287082", "46119246", "90693936"]),
        (1_111_111_109, ["07081804", "68084774", "25091201"]),
        (1_111_111_111, ["14050471", "67062674", "99943326"]),
        (1_234_567_890, ["89005924", "91819424", "93441116"]),
        (2_000_000_000, ["69279037", "90698825", "38618901"]),
        (20_000_000_000, ["65353130", "77737706", "47863826"]),
    ] {
        for ((algorithm, seed), expected) in seeds.iter().zip(expected) {
            let code = hotp(&secret(seed), *algorithm, digits(8), time / 30);
            assert_eq!(code.as_str(), expected, "{algorithm:?} at {time}");
        }
    }
}

#[test]
fn ten_digits_have_leading_zeros() {
    let code = hotp(&secret("12345678901234567890"), Algorithm::Sha1, digits(10), 0);
    // 1284755224 is the truncated value in RFC 4226, appendix D.
    assert_eq!(code.as_str(), "1284755224");
    let code = hotp(&secret("12345678901234567890"), Algorithm::Sha1, digits(10), 9);
    assert_eq!(code.as_str(), "0645520489");
}

#[test]
fn the_next_code_comes_when_the_period_ends() {
    let details = details(Kind::TOTP);
    let early = timed(&details, 30_000);
    assert_eq!((early.remaining_ms, early.period_ms), (30_000, 30_000));
    let late = timed(&details, 59_999);
    assert_eq!(late.remaining_ms, 1);
    assert_eq!((early.code.as_str(), late.next.as_str()), ("287082", "359152"));
    let after = timed(&details, 60_000);
    assert_eq!((after.code, after.remaining_ms), (late.next, 30_000));
}

#[test]
fn the_end_of_time_is_no_panic() {
    for kind in [
        Kind::TOTP,
        Kind::Steam,
        Kind::Totp {
            algorithm: Algorithm::Sha512,
            digits: digits(10),
            period: Period::new(1).unwrap(),
        },
    ] {
        assert!(timed(&details(kind), u64::MAX).remaining_ms >= 1);
    }
}

#[test]
fn a_counter_shows_no_code_by_itself() {
    let kind = Kind::Hotp {
        algorithm: Algorithm::Sha1,
        digits: Digits::SIX,
        counter: 7,
    };
    assert_eq!(details(kind).display(0), Display::OnRequest { counter: 7 });
}

#[test]
fn a_steam_code_has_its_own_alphabet() {
    // Computed with samples/otp.py.
    assert_eq!(steam(&secret("12345678901234567890"), 1).as_str(), "VWV23");
    assert_eq!(timed(&details(Kind::Steam), 30_000).code.as_str(), "VWV23");
}

#[test]
fn debug_shows_no_code() {
    assert!(!format!("{:?}", details(Kind::TOTP).display(59_000)).contains("287082"));
}
