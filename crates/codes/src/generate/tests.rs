//! The values of RFC 4226 and RFC 6238, and the edges of time.

use super::*;
use crate::text::Label;

fn secret(text: &str) -> Secret {
    Secret::from_bytes(text.as_bytes().to_vec()).unwrap()
}

fn digits(count: u64) -> Digits {
    Digits::new(count).unwrap()
}

fn details(kind: Kind) -> Details {
    Details::new(
        Label::default(),
        Label::default(),
        kind,
        secret("12345678901234567890"),
    )
}

fn timed(details: &Details, now_ms: u64) -> TimedCode {
    match details.shown_at(now_ms) {
        Shown::Timed(timed) => timed,
        Shown::OnRequest { .. } => panic!("codes by time were expected"),
    }
}

#[test]
fn codes_by_counter_are_those_of_rfc_4226_appendix_d() {
    let secret = secret("12345678901234567890");
    let codes: Vec<String> = (0..10)
        .map(|counter| {
            hotp(&secret, Algorithm::Sha1, Digits::SIX, counter)
                .as_str()
                .to_owned()
        })
        .collect();
    assert_eq!(
        codes,
        [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489"
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
    assert_eq!(details(kind).shown_at(0), Shown::OnRequest { counter: 7 });
}

#[test]
fn a_steam_code_has_its_own_alphabet() {
    // Computed with samples/otp.py.
    assert_eq!(steam(&secret("12345678901234567890"), 1).as_str(), "PV9M4");
    assert_eq!(timed(&details(Kind::Steam), 30_000).code.as_str(), "PV9M4");
}

#[test]
fn debug_shows_no_code() {
    assert!(!format!("{:?}", details(Kind::TOTP).shown_at(59_000)).contains("287082"));
}

/// The same random numbers each time (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn secret(&mut self) -> Secret {
        let length = 1 + self.below(100);
        let bytes: Vec<u8> = (0..length).map(|_| self.next() as u8).collect();
        Secret::from_bytes(bytes).unwrap()
    }

    fn algorithm(&mut self) -> Algorithm {
        [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][self.below(3) as usize]
    }
}

#[test]
fn oathtool_agrees_on_2000_random_parameters() {
    let mut random = Seeded(4226);
    for _ in 0..2000 {
        let secret = random.secret();
        let algorithm = random.algorithm();
        let digits = digits(6 + random.below(3));
        let seconds = random.below(1 << 33);
        let period = Period::new(1 + random.below(86_400)).unwrap();
        // oathtool has HOTP with SHA-1 alone.
        let (ours, args) = if random.below(4) == 0 {
            let counter = random.next() >> 1;
            let ours = hotp(&secret, Algorithm::Sha1, digits, counter);
            (ours, vec!["--hotp".to_owned(), format!("--counter={counter}")])
        } else {
            let kind = Kind::Totp {
                algorithm,
                digits,
                period,
            };
            let details = Details::new(Label::default(), Label::default(), kind, secret.clone());
            let ours = timed(&details, seconds * 1000 + random.below(1000)).code;
            let mode = format!("--totp={}", algorithm.name().to_lowercase());
            let step = format!("--time-step-size={}s", period.seconds());
            (ours, vec![mode, step, format!("--now=@{seconds}")])
        };
        let theirs = std::process::Command::new("oathtool")
            .args(&args)
            .arg(format!("--digits={}", digits.get()))
            .arg(crate::hex::encode(secret.expose()))
            .output()
            .expect("this test needs oathtool");
        assert!(theirs.status.success(), "{args:?}: {theirs:?}");
        assert_eq!(
            ours.as_str(),
            String::from_utf8_lossy(&theirs.stdout).trim_end(),
            "{args:?}"
        );
    }
}

#[test]
fn python_agrees_on_5000_random_parameters_of_all_kinds() {
    use std::fmt::Write;
    let mut random = Seeded(6238);
    let (mut input, mut ours) = (String::new(), String::new());
    for _ in 0..5000 {
        let (secret, counter) = (random.secret(), random.next());
        let (kind, algorithm, length, code) = if random.below(3) == 0 {
            ("steam", Algorithm::Sha1, 5, steam(&secret, counter))
        } else {
            let (algorithm, digits) = (random.algorithm(), digits(6 + random.below(5)));
            (
                "hotp",
                algorithm,
                digits.get(),
                hotp(&secret, algorithm, digits, counter),
            )
        };
        let secret = crate::hex::encode(secret.expose());
        writeln!(input, "{kind} {} {length} {counter} {secret}", algorithm.name()).unwrap();
        writeln!(ours, "{}", code.as_str()).unwrap();
    }
    assert_eq!(crate::testing::output("python3", "otp.py", &[], &input), ours);
}
