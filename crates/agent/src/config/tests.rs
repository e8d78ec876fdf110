//! Both files: what is accepted, what is locked, and what a change leaves as it was.

use std::fs;

use countersign_agent_api::{ErrorCode, SettingChange, SettingKey};

use super::*;
use crate::channel::OwnTrust;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("agent.toml"))
}

/// A person's and an organisation's directory.
struct Files {
    home: tempfile::TempDir,
    files: ConfigFiles,
}

impl Files {
    fn new(own: Option<&str>, managed: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let [config, xdg] = ["config", "xdg"].map(|name| home.path().join(name));
        let files = ConfigFiles::find(None, |name| match name {
            "XDG_CONFIG_HOME" => Some(config.clone().into()),
            "XDG_CONFIG_DIRS" => Some(xdg.clone().into()),
            _ => None,
        });
        for (dir, name, text) in [(&config, "agent.toml", own), (&xdg, "managed.toml", managed)] {
            if let Some(text) = text {
                fs::create_dir_all(dir.join("countersign")).unwrap();
                fs::write(dir.join("countersign").join(name), text).unwrap();
            }
        }
        Self { home, files }
    }

    fn own(&self) -> String {
        fs::read_to_string(self.home.path().join("config/countersign/agent.toml")).unwrap()
    }

    fn change(&self, change: SettingChange) -> Result<Effective, ErrorCode> {
        let changed = self.files.change(&change, |_| Ok(()));
        changed.map_err(|error| error.answer().code)
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = parse("").unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.keyring.timeout(), Duration::from_secs(60));
    assert_eq!(config.notifications.privacy, NotificationPrivacy::Private);
    assert_eq!(config.app.open_prompt, OpenPrompt::Always);
    assert_eq!(Files::new(None, None).files.load().unwrap(), Effective::default());
}

#[test]
fn the_example_in_the_documentation_is_valid_and_shows_every_key() {
    let text = include_str!("../../../../docs/examples/agent.toml");
    let config = parse(text).unwrap();
    assert_eq!(
        config.network.proxy.as_deref(),
        Some("http://proxy.example.com:3128")
    );
    assert_eq!(
        config.network.ca_files,
        [PathBuf::from("/etc/ssl/certs/example-corp.pem")]
    );
    assert_eq!(config.network.own_trust, OwnTrust::Ask);
    assert_eq!(config.network.poll_seconds, 3);
    assert_eq!(config.app.command.unwrap(), ["/opt/countersign/bin/countersign"]);
    assert_eq!(config.app.open_prompt, OpenPrompt::OnReview);
    assert_eq!(config.app.appearance, Appearance::Dark);
    assert_eq!(config.app.language.as_deref(), Some("de"));
    assert_eq!(config.notifications.privacy, NotificationPrivacy::Detailed);
    let night = QuietHours {
        from: 22 * 60,
        until: 7 * 60,
    };
    assert_eq!(config.notifications.quiet_hours, Some(night));
    assert_eq!(config.keyring.timeout_seconds, 60);
    assert_eq!(config.history.keep_months, 24);
    assert!(config.codes.hide);
    assert_eq!(config.codes.clear_clipboard, Some(20));
}

#[test]
fn the_organisations_example_in_the_documentation_is_valid_and_locks_what_it_sets() {
    let text = include_str!("../../../../docs/examples/managed.toml");
    let effective = Files::new(None, Some(text)).files.load().unwrap();
    assert_eq!(effective.organisation.as_deref(), Some("Example Corporation"));
    assert_eq!(effective.config.app.start_at_login, Some(true));
    assert_eq!(effective.config.notifications.quiet_hours, None);
    let locked = [
        SettingKey::StartAtLogin,
        SettingKey::Notifications,
        SettingKey::QuietHours,
        SettingKey::Proxy,
        SettingKey::CaFiles,
    ];
    assert_eq!(effective.locked, locked);
    assert_eq!(effective.config.network.own_trust, OwnTrust::Refuse);
    assert_eq!(effective.config.network.poll_seconds, 5);
}

#[test]
fn unknown_keys_are_refused() {
    for text in [
        "locale = \"en\"",
        "[network]\nca_file = []",
        "[notification]\nprivacy = \"private\"",
        "[app]\nx=1",
        "organisation = \"Alder\"",
    ] {
        assert!(matches!(parse(text), Err(ConfigError::Parse { .. })), "{text}");
    }
}

#[test]
fn what_is_said_of_a_broken_file_names_the_place_and_shows_no_password() {
    const CANARY: &str = "canary7";
    let proxy = format!("http://mara:{CANARY}@proxy:3128");
    for (text, place) in [
        (format!("[network]\nproxy = {proxy}"), "line 2, column "),
        (format!("[network]\nproxy = \"{proxy}"), "line 2, column "),
        (
            format!("[network]\nproxy = \"{proxy}\" # \u{1}"),
            "line 2, column ",
        ),
        (format!("[network]\nproxi = \"{proxy}\""), "line 2, column 1"),
        (format!("network = \"{proxy}\""), "line 1, column "),
        (format!("\"{proxy}\" = 1"), "line 1, column 1"),
    ] {
        let error = parse(&text).unwrap_err();
        let managed = Files::new(Some(""), Some(&text)).files.load().unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
        for said in [
            format!("{error}"),
            format!("{error:?}"),
            format!("{managed}"),
            format!("{managed:?}"),
        ] {
            assert!(said.contains("is not valid") || said.contains("Parse"), "{said}");
            assert!(!said.contains(CANARY), "{said}");
        }
        let own = Files::new(Some(&text), None);
        let change = SettingChange::Appearance(Appearance::Dark);
        let answer = own.files.change(&change, |_| Ok(())).unwrap_err().answer();
        assert!(!answer.message.contains(CANARY), "{answer}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for text in [
        "[network]\nca_files = [\"corp.pem\"]",
        "[network]\npoll_seconds = 0",
        "[network]\npoll_seconds = 61",
        "[network]\nproxy = \"socks5://proxy:1080\"",
        "[app]\ncommand = []",
        "[app]\ncommand = [\"\"]",
        "[app]\nlanguage = \"en_GB\"",
        "[keyring]\ntimeout_seconds = 0",
        "[keyring]\ntimeout_seconds = 81",
        "[history]\nkeep_months = 0",
        "[codes]\nclear_clipboard = 4",
        "[codes]\nclear_clipboard = 601",
    ] {
        assert!(matches!(parse(text), Err(ConfigError::Value { .. })), "{text}");
    }
    for hours in [
        "22:00",
        "22:00-22:00",
        "24:00-07:00",
        "22:60-07:00",
        "2:00-7:00",
        "+1:00-07:00",
        "",
    ] {
        let text = format!("[notifications]\nquiet_hours = \"{hours}\"");
        assert!(matches!(parse(&text), Err(ConfigError::Parse { .. })), "{text}");
    }
}

#[test]
fn the_clipboard_is_cleared_after_seconds_or_never() {
    let parsed = |value: &str| parse(&format!("[codes]\nclear_clipboard = {value}"));
    assert_eq!(parsed("600").unwrap().codes.clear_clipboard, Some(600));
    assert_eq!(parsed("\"never\"").unwrap().codes.clear_clipboard, None);
    for wrong in ["\"off\"", "-1", "1.5", "true", "70000"] {
        assert!(matches!(parsed(wrong), Err(ConfigError::Parse { .. })), "{wrong}");
    }
}

#[test]
fn only_an_organisation_sets_start_at_login_in_a_file() {
    let files = Files::new(Some("[app]\nstart_at_login = true"), None);
    assert!(matches!(files.files.load(), Err(ConfigError::Value { .. })));
}

#[test]
fn what_the_organisation_sets_counts_and_is_not_changed() {
    let own = "[notifications]\nprivacy = \"detailed\"\n[app]\nappearance = \"dark\"\n";
    let managed = "organisation = \"Alder Group\"\n[notifications]\nprivacy = \"private\"\n";
    let files = Files::new(Some(own), Some(managed));
    let effective = files.files.load().unwrap();
    assert_eq!(
        effective.config.notifications.privacy,
        NotificationPrivacy::Private
    );
    assert_eq!(effective.config.app.appearance, Appearance::Dark);
    let view = effective.view(false);
    assert_eq!(view.locked, [SettingKey::Notifications]);
    assert_eq!(view.locked_by.as_deref(), Some("Alder Group"));
    assert_eq!(
        files.change(SettingChange::Notifications(NotificationPrivacy::Detailed)),
        Err(ErrorCode::Locked)
    );
    let changed = files
        .change(SettingChange::Appearance(Appearance::Light))
        .unwrap();
    assert_eq!(changed.config.notifications.privacy, NotificationPrivacy::Private);
    assert_eq!(files.own(), own.replace("dark", "light"));
}

#[test]
fn a_broken_file_of_the_organisation_stops_instead_of_being_left_out() {
    for managed in [
        "privacy",
        "[notification]\nx = 1",
        "organisation = \"\"",
        "organisation = 1",
    ] {
        assert!(Files::new(None, Some(managed)).files.load().is_err(), "{managed}");
    }
}

#[test]
fn a_change_leaves_everything_else_as_it_was_written() {
    let own = "# mine\n[network] # the way out\nproxy   = \"http://p:1\"   # at work\n\n[app]\nopen_prompt = \"always\"\n";
    let files = Files::new(Some(own), None);
    files
        .change(SettingChange::Proxy(Some("http://q:2".into())))
        .unwrap();
    assert_eq!(files.own(), own.replace("http://p:1", "http://q:2"));
    let night = QuietHours {
        from: 1320,
        until: 425,
    };
    let changed = files.change(SettingChange::QuietHours(Some(night))).unwrap();
    assert_eq!(changed.config.notifications.quiet_hours, Some(night));
    assert!(
        files.own().contains("quiet_hours = \"22:00-07:05\""),
        "{}",
        files.own()
    );
    assert!(files.own().starts_with(&own.replace("http://p:1", "http://q:2")));
    let changed = files.change(SettingChange::QuietHours(None)).unwrap();
    assert_eq!(changed.config.notifications.quiet_hours, None);
}

#[test]
fn every_setting_of_the_file_can_be_changed_and_taken_back() {
    let files = Files::new(None, None);
    for change in [
        SettingChange::Notifications(NotificationPrivacy::Detailed),
        SettingChange::OpenPrompt(OpenPrompt::OnReview),
        SettingChange::QuietHours(Some(QuietHours { from: 0, until: 1439 })),
        SettingChange::Appearance(Appearance::Dark),
        SettingChange::Language(Some("pt-BR".into())),
        SettingChange::Proxy(Some("http://proxy:3128".into())),
        SettingChange::CaFiles(vec!["/etc/ssl/corp.pem".into()]),
        SettingChange::HideCodes(true),
        SettingChange::ClearClipboard(None),
    ] {
        let before = files.files.load().unwrap();
        assert_ne!(files.change(change.clone()).unwrap(), before, "{change:?}");
    }
    for change in [
        SettingChange::Notifications(NotificationPrivacy::Private),
        SettingChange::OpenPrompt(OpenPrompt::Always),
        SettingChange::QuietHours(None),
        SettingChange::Appearance(Appearance::System),
        SettingChange::Language(None),
        SettingChange::Proxy(None),
        SettingChange::CaFiles(Vec::new()),
        SettingChange::HideCodes(false),
        SettingChange::ClearClipboard(Some(30)),
    ] {
        files.change(change).unwrap();
    }
    assert_eq!(files.files.load().unwrap(), Effective::default());
}

#[test]
fn a_refused_value_loses_nothing() {
    let own = "[app]\nlanguage = \"de\" # mother tongue\n";
    let files = Files::new(Some(own), None);
    for change in [
        SettingChange::Language(Some("not a language".into())),
        SettingChange::Proxy(Some("socks5://proxy:1080".into())),
        SettingChange::CaFiles(vec!["corp.pem".into()]),
        SettingChange::QuietHours(Some(QuietHours { from: 60, until: 60 })),
        SettingChange::QuietHours(Some(QuietHours {
            from: 1440,
            until: 60,
        })),
        SettingChange::ClearClipboard(Some(4)),
        SettingChange::StartAtLogin(true),
    ] {
        assert_eq!(
            files.change(change.clone()),
            Err(ErrorCode::InvalidValue),
            "{change:?}"
        );
    }
    let refused = files
        .files
        .change(&SettingChange::Language(None), |_| Err("no".to_owned()))
        .unwrap_err();
    assert_eq!(refused.answer().code, ErrorCode::InvalidValue);
    assert_eq!(files.own(), own);
}

#[test]
fn a_file_that_cannot_be_understood_is_explained_and_never_written() {
    for own in [
        "[app\nlanguage = \"de\"",
        "[app]\nlangauge = \"de\"",
        "[keyring]\ntimeout_seconds = 0",
    ] {
        let files = Files::new(Some(own), None);
        let refused = files
            .files
            .change(&SettingChange::Language(None), |_| Ok(()))
            .unwrap_err();
        assert_eq!(refused.answer().code, ErrorCode::Storage);
        assert!(refused.answer().message.contains("left as it is"), "{refused}");
        assert_eq!(files.own(), own);
    }
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let files = Files::new(Some(""), None);
    let link = files.home.path().join("config/countersign/agent.toml");
    let target = files.home.path().join("dotfiles.toml");
    fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    files.change(SettingChange::Language(Some("fr".into()))).unwrap();
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&target).unwrap().contains("language = \"fr\""));
}

#[test]
fn the_proxys_password_is_never_shown_and_need_not_be_typed_again() {
    let proxy = "http://mara:s3cret@proxy:3128";
    let files = Files::new(Some(&format!("[network]\nproxy = \"{proxy}\"\n")), None);
    let effective = files.files.load().unwrap();
    let shown = effective.view(false).values.proxy.unwrap();
    assert_eq!(shown, "http://mara:***@proxy:3128");
    assert!(!format!("{effective:?}").contains("s3cret"));
    let kept = files.change(SettingChange::Proxy(Some(shown))).unwrap();
    assert_eq!(kept.config.network.proxy.as_deref(), Some(proxy));
    let other = SettingChange::Proxy(Some("http://mara:***@other:3128".into()));
    assert!(!format!("{:?}", SettingChange::Proxy(Some(proxy.into()))).contains("s3cret"));
    assert_eq!(files.change(other), Err(ErrorCode::InvalidValue));
}
