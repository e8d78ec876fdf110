//! Every text in every language, with values as people have them.

use countersign_protocol::{
    ApprovalRequest, AuthorizationDetails, Client, Context, DeviceId, Issuer, Jti, Nonce, Requires, Txn,
};

use super::*;
use crate::channel::{VerifiedRequest, native};

const PRIVACIES: [Privacy; 2] = [Privacy::Private, Privacy::Detailed];

const BUTTONS: [Action; 7] = [
    Action::Review,
    Action::Deny,
    Action::Approve,
    Action::DenyAll,
    Action::Show,
    Action::Unlock,
    Action::Check,
];

/// One of each kind that has a sentence, and one that has none.
const DETAILS: [&str; 6] = [
    r#"[{"type":"payment_initiation","instructedAmount":{"amount":"4250.00","currency":"EUR"},
        "creditorName":"Meridian Supplies GmbH"}]"#,
    r#"[{"type":"access","resource":"Payroll database"}]"#,
    r#"[{"type":"data_export","dataset":"Customers 2026"}]"#,
    r#"[{"type":"deployment","service":"billing-api","environment":"production"}]"#,
    r#"[{"type":"sign_in","application":"Engineering Wiki"}]"#,
    r#"[{"type":"something_else"}]"#,
];

fn claims(details: &str) -> ApprovalRequest {
    ApprovalRequest {
        iss: Issuer::parse("https://id.alder.example").unwrap(),
        aud: DeviceId::from_random([1; 16]),
        sub: "mara.lindqvist@alder.example".into(),
        iat: 1_795_357_938,
        exp: 1_795_358_058,
        jti: Jti::from_random([1; 16]),
        txn: Txn::from_random([1; 16]),
        nonce: Nonce::from_random([1; 16]),
        client: Client {
            id: "treasury".into(),
            name: "Treasury Portal".into(),
        },
        acr: None,
        binding_message: None,
        authorization_details: Some(AuthorizationDetails::parse(details).unwrap()),
        context: Some(Context {
            origin: Some(Origin::AnotherDevice),
            ..Context::default()
        }),
        requires: Requires::default(),
    }
}

fn request(claims: ApprovalRequest) -> VerifiedRequest {
    let statement = Statement::from_request(&claims).unwrap();
    native::verified(String::new(), claims, statement)
}

/// Every notification there is, worded so.
fn all(wording: Wording) -> Vec<Text> {
    let mut texts = Vec::new();
    for details in DETAILS {
        let request = request(claims(details));
        let asked = Asked {
            claims: &request.claims,
            statement: &request.statement,
        };
        texts.push(wording.request(asked));
        texts.extend([2, 3, 11, 100].map(|count| wording.several(count, asked)));
        let outcomes = [
            Outcome::Approved,
            Outcome::Denied,
            Outcome::Reported,
            Outcome::Locked,
        ];
        texts.extend(outcomes.map(|outcome| wording.elsewhere(outcome, "Mara’s workstation", asked)));
        texts.push(wording.expired(asked, request.claims.iat + 120, &TimeZone::UTC));
        texts.push(wording.denied(asked));
    }
    texts.extend([1, 2, 3, 47, 100].map(|count| wording.held_back(count, "Backup Console")));
    for verdict in [Verdict::Approve, Verdict::Deny, Verdict::Report] {
        texts.extend([Some(41), None].map(|left| wording.unsent(verdict, "id.alder.example", left)));
    }
    let attempts = [None, Some(0), Some(1), Some(2), Some(5)];
    texts.extend(attempts.map(|left| wording.refused(Why::WrongCode(left))));
    texts.push(wording.refused(Why::TooManyCodes));
    texts.push(wording.refused(Why::NotSent));
    texts.push(wording.refused(Why::Said("It was decided before this answer arrived.")));
    texts.push(wording.revoked("Alder Group", "mara.lindqvist@alder.example"));
    let keyrings = [
        KeyringState::Locked,
        KeyringState::Missing,
        KeyringState::Empty,
        KeyringState::Hanging,
    ];
    texts.extend(keyrings.map(|keyring| wording.locked_out(keyring)));
    let outages = [None, Some(("Kestrel Energy", claims(DETAILS[0]).iat))];
    texts.extend(outages.map(|only| wording.offline(only, &TimeZone::UTC)));
    texts.push(wording.clock(ClockTrouble::Wrong));
    let seconds = [301, -301, 3600, -7200, 11 * 3600, 3 * 86_400, -100 * 86_400];
    texts.extend(seconds.map(|seconds| wording.clock(ClockTrouble::Off(seconds))));
    texts
}

fn wordings() -> impl Iterator<Item = Wording> {
    Language::ALL
        .into_iter()
        .flat_map(|language| PRIVACIES.map(|privacy| Wording { language, privacy }))
}

#[test]
fn how_far_a_clock_is_off_is_said_in_a_unit_that_people_use() {
    for (seconds, title) in [
        (301, "Clock is 5 minutes behind"),
        (-90, "Clock is 1 minute ahead"),
        (7199, "Clock is 119 minutes behind"),
        (7200, "Clock is 2 hours behind"),
        (-2 * 86_400, "Clock is 2 days ahead"),
        (i64::MIN, "Clock is 106751991167300 days ahead"),
    ] {
        let wording = Wording {
            language: Language::English,
            privacy: Privacy::Detailed,
        };
        assert_eq!(wording.clock(ClockTrouble::Off(seconds)).0, title);
    }
}

#[test]
fn ordinary_values_fit_in_every_language() {
    for wording in wordings() {
        for (title, body) in all(wording) {
            assert!(title.chars().count() <= TITLE && body.chars().count() <= BODY);
            assert!(!title.is_empty() && !body.is_empty());
            assert!(
                !title.contains('…') && !body.contains('…'),
                "{wording:?} cuts: {title} / {body}"
            );
        }
    }
}

#[test]
fn long_names_are_cut_within_the_limits_in_every_language() {
    let mut claims = claims(DETAILS[0]);
    claims.client.name = "Zahlungsverkehrsfreigabeportal ".repeat(4).trim_end().to_owned();
    let request = request(claims);
    let asked = Asked {
        claims: &request.claims,
        statement: &request.statement,
    };
    for language in Language::ALL {
        let privacy = Privacy::Detailed;
        let wording = Wording { language, privacy };
        let (title, body) = wording.request(asked);
        assert!(title.chars().count() <= TITLE && body.chars().count() <= BODY);
        // The name is cut, not what is said about it.
        assert!(title.contains('…'), "{language:?}: {title}");
        let asks = (catalogue::of(language).asks)("\0");
        assert!(asks.split('\0').all(|part| title.contains(part)), "{title}");
    }
}

#[test]
fn private_texts_name_nobody_in_any_language() {
    for language in Language::ALL {
        let privacy = Privacy::Private;
        for (title, body) in all(Wording { language, privacy }) {
            for name in [
                "Treasury", "Meridian", "4250", "4,250", "Mara", "alder", "Alder", "Backup",
            ] {
                assert!(!format!("{title} {body}").contains(name), "{title} / {body}");
            }
        }
    }
}

#[test]
fn every_language_has_its_own_words() {
    for language in Language::ALL.into_iter().filter(|l| *l != Language::English) {
        for privacy in PRIVACIES {
            let english = Wording {
                language: Language::English,
                privacy,
            };
            let wording = Wording { language, privacy };
            for (translated, original) in all(wording).into_iter().zip(all(english)) {
                assert_ne!(translated.0, original.0, "{language:?}");
                // A detailed body may be made of nothing but names.
                if privacy == Privacy::Private {
                    assert_ne!(translated.1, original.1, "{language:?}");
                }
            }
            for button in BUTTONS {
                assert_ne!(wording.button(button), english.button(button), "{language:?}");
            }
        }
    }
}

#[test]
fn a_payment_reads_as_the_language_writes_it() {
    let request = request(claims(DETAILS[0]));
    let asked = Asked {
        claims: &request.claims,
        statement: &request.statement,
    };
    let body = |language| {
        let privacy = Privacy::Detailed;
        Wording { language, privacy }.request(asked).1
    };
    assert_eq!(
        body(Language::English),
        "Send €4,250.00 to Meridian Supplies GmbH. Another device."
    );
    assert_eq!(
        body(Language::German),
        "4.250,00\u{a0}€ an Meridian Supplies GmbH überweisen. Anderes Gerät."
    );
    assert_eq!(
        body(Language::Japanese),
        "Meridian Supplies GmbH に €4,250.00 を送金。別のデバイス。"
    );
    assert_eq!(
        body(Language::Arabic),
        "إرسال \u{2068}4,250.00\u{a0}€\u{2069} إلى \u{2068}Meridian Supplies GmbH\u{2069}. جهاز آخر."
    );
}

#[test]
fn counts_take_the_form_that_the_language_has_for_them() {
    let title = |language, count| {
        let privacy = Privacy::Detailed;
        Wording { language, privacy }.held_back(count, "X").0
    };
    assert_eq!(title(Language::English, 1), "1 request held back");
    assert_eq!(title(Language::English, 2), "2 requests held back");
    assert_eq!(title(Language::French, 1), "1 demande retenue");
    assert_eq!(title(Language::Spanish, 2), "2 solicitudes retenidas");
    assert_eq!(
        [1, 2, 3, 11, 100].map(|count| title(Language::Arabic, count)),
        [
            "حُجز طلب واحد",
            "حُجز طلبان",
            "حُجزت 3 طلبات",
            "حُجز 11 طلبًا",
            "حُجز 100 طلب"
        ]
    );
}
