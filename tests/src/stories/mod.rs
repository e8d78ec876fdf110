//! The stories: each one a thing that somebody does or suffers, played with real parts from beginning to end.
//!
//! Invariants: every story has a session of its own; it waits for events, never for time to pass (except where time itself
//! is the story: expiry); nothing is tried again.

mod clipboard;
mod codes;
mod codes_camera;
mod codes_import;
mod codes_vault;
mod codes_window;
mod decisions;
mod desktop;
mod desktop_qr;
mod desktop_reader;
mod desktop_tray;
mod enrolment;
mod evidence;
mod keyrings;
mod network;
mod notifications;
mod oidc;
mod privacyidea;
mod privacyidea_container;
mod privacyidea_enrolment;
mod privacyidea_hostile;
mod privacyidea_trouble;
mod reporting;
mod runner;
mod shared;
mod shipped;
mod stage;
mod upkeep;
mod window_accounts;
mod window_activity;
mod window_adding;
mod window_axe;
mod window_diagnostics;
mod window_prompt;
mod window_queue;
mod window_settings;
mod window_versions;

pub use runner::{Report, run};
pub use shared::{CompanyServer, Shared};
pub use stage::{Between, OpenPrompt, Push, Setup, Stage, Theme, connected, connected_within, enrol};

use std::pin::Pin;

use anyhow::Result;

use crate::harness::Release;

/// What a story does on its stage.
type Play = for<'a> fn(&'a mut Stage) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

/// One story.
#[derive(Debug, Clone, Copy)]
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// What it needs.
    pub setup: fn() -> Setup,
    play: Play,
}

macro_rules! stories {
    ($($module:ident :: $name:ident $(, $setup:expr)?;)*) => {
        /// All of them, in the order in which they are told.
        pub const STORIES: &[Story] = &[$(Story {
            name: stringify!($name),
            setup: || stories!(@setup $($setup)?),
            play: |stage| Box::pin($module::$name(stage)),
        },)*];
    };
    (@setup) => { Setup::default() };
    (@setup $setup:expr) => { $setup };
}

stories! {
    oidc::oidc_step_up_approved, oidc::with_bank();
    oidc::ping_mode, oidc::with_bank_notified();
    oidc::denied, Setup { theme: Theme::Dark, ..oidc::with_bank() };
    oidc::reported, oidc::with_bank();
    oidc::expired, oidc::with_short_patience();
    decisions::cancelled_by_relying_side;
    decisions::wrong_code_then_right;
    decisions::too_many_wrong_codes, decisions::with_three_tries();
    notifications::approved_from_notification, notifications::on_review();
    notifications::high_risk_not_approvable_from_notification, notifications::with_own_app();
    decisions::approved_in_terminal;
    decisions::two_devices_race;
    network::agent_offline_then_back, network::with_relay();
    network::gateway_restarted_mid_request;
    network::long_poll_only, network::with_proxy();
    enrolment::enrol_by_link, enrolment::not_enrolled();
    enrolment::device_revoked;
    upkeep::revoked_by_its_person;
    upkeep::settings_changed_while_running;
    upkeep::found_in_the_history;
    evidence::receipt_verified_offline;
    desktop::prompt_leaves_the_keyboard_alone;
    desktop::web_process_killed, notifications::with_own_app();
    desktop::agent_restarted_under_window;
    desktop::deep_link_opens_form;
    desktop::main_window_remembered;
    shipped::automation_refused_when_shipped;
    desktop_tray::tray_shows_and_opens, notifications::on_review();
    desktop_qr::qr_from_file, enrolment::not_enrolled();
    desktop_qr::qr_from_clipboard, enrolment::not_enrolled();
    desktop_qr::qr_from_screen, enrolment::not_enrolled();
    desktop_reader::prompt_in_a_screen_reader;
    window_activity::main_window_activity, notifications::on_review();
    window_accounts::main_window_accounts, notifications::on_review();
    window_settings::main_window_settings, window_settings::private();
    window_diagnostics::main_window_diagnostics;
    window_adding::main_window_adds_account, enrolment::not_enrolled();
    window_queue::several_requests_wait;
    reporting::reported_after_elsewhere, notifications::on_review();
    window_prompt::long_right_to_left_at_200_percent, window_prompt::twice_as_large();
    window_prompt::prompt_without_notifications, window_prompt::without_notifications();
    window_prompt::prompt_on_the_screen_with_the_pointer, window_prompt::two_screens();
    window_axe::axe_in_the_real_window, notifications::on_review();
    window_versions::two_versions_refuse_each_other;
    keyrings::keyring_locked;
    keyrings::keyring_missing;
    keyrings::keyring_empty_while_enrolled;
    codes_window::codes_copied_and_accepted, enrolment::not_enrolled();
    codes_window::codes_offline_after_restart, enrolment::not_enrolled();
    codes_window::codes_counter_survives_kill, enrolment::not_enrolled();
    codes::codes_terminal, enrolment::not_enrolled();
    codes::codes_leave_the_clipboard, enrolment::not_enrolled();
    codes::codes_come_with_an_enrolment, enrolment::not_enrolled();
    codes_import::import_plain_files, enrolment::not_enrolled();
    codes_import::import_encrypted_files, enrolment::not_enrolled();
    codes_import::import_batch_of_qr_codes, enrolment::not_enrolled();
    codes_camera::import_codes_held_before_a_camera, enrolment::not_enrolled();
    codes_vault::vault_locked_keyring, enrolment::not_enrolled();
    codes_vault::vault_damaged_or_gone, enrolment::not_enrolled();
    codes_vault::vault_exported_wiped_restored, enrolment::not_enrolled();
    privacyidea_enrolment::privacyidea_enrolled_by_qr, privacyidea::direct();
    privacyidea::privacyidea_approved, privacyidea::direct();
    privacyidea::privacyidea_declined_with_reason, privacyidea::since(Release::R3_14);
    privacyidea::privacyidea_choice_right, privacyidea::direct();
    privacyidea::privacyidea_choice_wrong, privacyidea::direct();
    privacyidea::privacyidea_code_to_type, privacyidea::since(Release::R3_13_4);
    privacyidea_hostile::privacyidea_tampered_refused, privacyidea::meddled();
    privacyidea_hostile::privacyidea_replay_not_answered, privacyidea::meddled();
    privacyidea_trouble::privacyidea_server_down, privacyidea::meddled();
    privacyidea_trouble::privacyidea_server_slow, privacyidea::meddled();
    privacyidea_trouble::privacyidea_server_answers_500, privacyidea::meddled();
    privacyidea_trouble::privacyidea_server_answers_10_mb, privacyidea::meddled();
    privacyidea_trouble::privacyidea_clock_off, privacyidea_trouble::five_minutes_slow();
    privacyidea_trouble::privacyidea_token_disabled, privacyidea::direct();
    privacyidea_trouble::privacyidea_token_deleted, privacyidea::direct();
    privacyidea_enrolment::privacyidea_killed_while_enrolling, privacyidea::meddled();
    privacyidea_enrolment::privacyidea_two_servers, privacyidea::direct();
    privacyidea_container::privacyidea_container, privacyidea::since(Release::R3_13_4);
}
