//! What people and organisations set.

use serde::{Deserialize, Serialize};

data! {
    /// What is set on this computer, and what of it only the organisation can change.
    pub struct SettingsView {
        /// What is in force.
        pub values: Settings,
        /// What cannot be changed here.
        pub locked: Vec<SettingKey>,
        /// Who has locked it, in its own words.
        pub locked_by: Option<String>,
    }

    /// The values.
    pub struct Settings {
        /// The agent starts with the desktop session.
        pub start_at_login: bool,
        /// How much notifications say.
        pub notifications: NotificationPrivacy,
        /// When the prompt opens by itself.
        pub open_prompt: OpenPrompt,
        /// When requests of low risk wait without a notification.
        pub quiet_hours: Option<QuietHours>,
        /// Light or dark.
        pub appearance: Appearance,
        /// BCP 47 tag of the interface's language; none: the desktop's.
        pub language: Option<String>,
        /// `http://[user:password@]host:port`; none: the environment's. A password is shown as `***`.
        pub proxy: Option<String>,
        /// PEM files with further trusted certification authorities: absolute paths.
        pub ca_files: Vec<String>,
        /// One-time codes are drawn as dots until one is asked for.
        pub hide_codes: bool,
        /// After how many seconds a copied code is taken off the clipboard, 5 to 600; none: never.
        pub clear_clipboard: Option<u16>,
    }

    /// One setting.
    #[derive(Copy, Hash)]
    #[serde(rename_all = "snake_case")]
    pub enum SettingKey {
        /// [`Settings::start_at_login`].
        StartAtLogin,
        /// [`Settings::notifications`].
        Notifications,
        /// [`Settings::open_prompt`].
        OpenPrompt,
        /// [`Settings::quiet_hours`].
        QuietHours,
        /// [`Settings::appearance`].
        Appearance,
        /// [`Settings::language`].
        Language,
        /// [`Settings::proxy`].
        Proxy,
        /// [`Settings::ca_files`].
        CaFiles,
        /// [`Settings::hide_codes`].
        HideCodes,
        /// [`Settings::clear_clipboard`].
        ClearClipboard,
    }

    /// How much a notification says.
    #[derive(Copy, Default)]
    #[serde(rename_all = "snake_case")]
    pub enum NotificationPrivacy {
        /// That something is asked, not what.
        #[default]
        Private,
        /// Who asks and what.
        Detailed,
    }

    /// When the prompt opens by itself.
    #[derive(Copy, Default)]
    #[serde(rename_all = "snake_case")]
    pub enum OpenPrompt {
        /// On every request that is to be answered in it, without taking the keyboard.
        #[default]
        Always,
        /// When the person asks for it, or when there is no notification service.
        OnReview,
    }

    /// A part of the day, by this computer's clock and time zone. It may go over midnight.
    #[derive(Copy)]
    pub struct QuietHours {
        /// Minutes since midnight, 0 to 1439.
        pub from: u16,
        /// Minutes since midnight, 0 to 1439, not the same as `from`.
        pub until: u16,
    }

    /// Light or dark.
    #[derive(Copy, Default)]
    #[serde(rename_all = "snake_case")]
    pub enum Appearance {
        /// As the desktop.
        #[default]
        System,
        /// Light.
        Light,
        /// Dark.
        Dark,
    }
}

/// One setting with its new value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "bindings", derive(ts_rs::TS), ts(export))]
#[serde(tag = "key", content = "value", rename_all = "snake_case")]
pub enum SettingChange {
    /// [`Settings::start_at_login`].
    StartAtLogin(bool),
    /// [`Settings::notifications`].
    Notifications(NotificationPrivacy),
    /// [`Settings::open_prompt`].
    OpenPrompt(OpenPrompt),
    /// [`Settings::quiet_hours`].
    QuietHours(Option<QuietHours>),
    /// [`Settings::appearance`].
    Appearance(Appearance),
    /// [`Settings::language`].
    Language(Option<String>),
    /// [`Settings::proxy`].
    Proxy(Option<String>),
    /// [`Settings::ca_files`].
    CaFiles(Vec<String>),
    /// [`Settings::hide_codes`].
    HideCodes(bool),
    /// [`Settings::clear_clipboard`].
    ClearClipboard(Option<u16>),
}

impl std::fmt::Debug for SettingChange {
    /// Without the value: a proxy has a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::StartAtLogin(_) => "StartAtLogin",
            Self::Notifications(_) => "Notifications",
            Self::OpenPrompt(_) => "OpenPrompt",
            Self::QuietHours(_) => "QuietHours",
            Self::Appearance(_) => "Appearance",
            Self::Language(_) => "Language",
            Self::Proxy(_) => "Proxy",
            Self::CaFiles(_) => "CaFiles",
            Self::HideCodes(_) => "HideCodes",
            Self::ClearClipboard(_) => "ClearClipboard",
        };
        f.debug_tuple(name).finish_non_exhaustive()
    }
}
