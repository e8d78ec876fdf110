//! What a configuration file may say, and what is said of one that may not.

use ipnet::IpNet;

use super::{
    read::{DATA_DIR_VARIABLE, TLS_CERT_VARIABLE, TLS_KEY_VARIABLE},
    *,
};

const MINIMAL: &str = r#"
issuer = "https://approve.example.com"
name = "Example"
data_dir = "data"
listen = "127.0.0.1:0"
behind_proxy = true
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/countersign"), &|_| None)
}

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Err(ConfigError::Invalid(problems)) => problems.into_iter().map(|p| p.key).collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn the_example_is_valid_and_states_the_defaults() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.limits, Limits::default());
    assert_eq!(
        config.log,
        Log {
            format: LogFormat::Json,
            level: tracing::Level::INFO
        }
    );
    assert!(matches!(config.transport, Transport::Tls { .. }));
}

/// Uncommenting every setting of the example gives only settings that exist.
#[test]
fn every_commented_setting_of_the_example_exists() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("#") {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(uncommented, EXAMPLE);
    let found = match parse(&uncommented) {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("TLS beside behind_proxy must be refused, got {other:?}"),
    };
    assert_eq!(found.into_iter().map(|p| p.key).collect::<Vec<_>>(), ["tls"]);
}

#[test]
fn a_minimal_file_takes_the_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/countersign/data"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.metrics, Some(([127, 0, 0, 1], 9464).into()));
    assert_eq!(config.enrolled_hook, None);
}

#[test]
fn all_problems_are_named_at_once() {
    let found = problems(
        r#"
        issuer = "http://approve.example.com"
        name = "two\nlines"
        listen = "somewhere"
        colour = "blue"
        [tls]
        cert = "a.pem"
        [limits]
        wrong_codes = 11
        expires_max = 60
        pending = 3
        [log]
        format = "xml"
        level = 3
        [hooks]
        enrolled = ["mail"]
        "#,
    );
    let expected = [
        "issuer",
        "name",
        "data_dir",
        "listen",
        "tls.key",
        "limits.wrong_codes",
        "limits.expires_default",
        "limits.pending",
        "log.format",
        "log.level",
        "hooks.enrolled",
        "colour",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_empty_file_names_everything_that_is_required() {
    assert_eq!(problems(""), ["issuer", "name", "data_dir", "listen", "tls"]);
}

#[test]
fn a_syntax_error_says_where_it_is() {
    let error = parse("issuer = https://approve.example.com").unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn an_issuer_that_devices_could_read_in_two_ways_is_refused() {
    for issuer in [
        "https://approve.example.com/",
        "https://Approve.example.com",
        "https://approve.example.com?a",
    ] {
        assert_eq!(
            problems(&MINIMAL.replace("https://approve.example.com", issuer)),
            ["issuer"],
            "{issuer}"
        );
    }
}

#[test]
fn plain_http_beyond_loopback_needs_named_proxies() {
    let open = MINIMAL.replace("127.0.0.1:0", "0.0.0.0:8080");
    assert_eq!(problems(&open), ["trusted_proxies"]);
    let named = format!("{open}trusted_proxies = [\"10.0.0.5\", \"10.1.0.0/16\"]");
    let Transport::BehindProxy { trusted } = parse(&named).unwrap().transport else {
        panic!("TLS")
    };
    assert_eq!(
        trusted,
        [
            "10.0.0.5/32".parse::<IpNet>().unwrap(),
            "10.1.0.0/16".parse().unwrap()
        ]
    );
}

#[test]
fn the_environment_replaces_paths_only() {
    let env = |name: &str| match name {
        DATA_DIR_VARIABLE => Some(OsString::from("/srv/data")),
        TLS_CERT_VARIABLE => Some(OsString::from("/run/cert.pem")),
        TLS_KEY_VARIABLE => Some(OsString::from("/run/key.pem")),
        other => panic!("{other} was looked up"),
    };
    let text = MINIMAL.replace("behind_proxy = true", "");
    let config = Config::parse(&text, Path::new("/etc"), &env).unwrap();
    assert_eq!(config.data_dir, Path::new("/srv/data"));
    assert_eq!(
        config.transport,
        Transport::Tls {
            cert: "/run/cert.pem".into(),
            key: "/run/key.pem".into()
        }
    );
}

#[test]
fn files_that_are_missing_are_named_with_their_key() {
    let directory = tempfile::tempdir().unwrap();
    let text = MINIMAL.replace(
        "behind_proxy = true",
        "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"",
    );
    let config = Config::parse(&text, directory.path(), &|_| None).unwrap();
    let keys: Vec<String> = config.check_files().into_iter().map(|p| p.key).collect();
    assert_eq!(keys, ["tls.cert", "tls.key", "data_dir"]);
}
