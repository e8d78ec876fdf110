//! What each window is shown: one whole snapshot per window, sent again after every change.

use countersign_agent_api::{
    AccountView, Activation, RequestId, RequestView, SettingsView, StatusView, VaultView,
};
use serde::{Deserialize, Serialize};

use crate::accent::Accent;

/// The event that carries a window's new snapshot.
pub(crate) const VIEW_EVENT: &str = "view";

/// The prompt's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PromptView {
    /// The way to the agent.
    pub(crate) agent: AgentLink,
    /// Waiting and just-ended requests, oldest first.
    pub(crate) requests: Vec<RequestView>,
    /// What is set, once the agent has said.
    pub(crate) settings: Option<SettingsView>,
    /// The desktop's accent colour, where it has one.
    pub(crate) accent: Option<Accent>,
    /// What the prompt was last opened for.
    pub(crate) target: PromptTarget,
}

/// What the prompt was opened for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct PromptTarget {
    /// This request, or the oldest waiting one.
    pub(crate) request: Option<RequestId>,
    /// Whether the person asked for it.
    pub(crate) activation: Activation,
    /// Grows each time the prompt is opened: a repeated opening is told from a repeated snapshot.
    pub(crate) opening: u32,
}

/// The main window's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct MainView {
    /// The way to the agent.
    pub(crate) agent: AgentLink,
    /// Waiting and just-ended requests, oldest first.
    pub(crate) requests: Vec<RequestView>,
    /// All accounts.
    pub(crate) accounts: Vec<AccountView>,
    /// The agent as a whole, once it has said.
    pub(crate) status: Option<StatusView>,
    /// What is set, once the agent has said.
    pub(crate) settings: Option<SettingsView>,
    /// The desktop's accent colour, where it has one.
    pub(crate) accent: Option<Accent>,
    /// The vault of one-time codes, once the agent has said.
    pub(crate) vault: Option<VaultView>,
    /// An enrolment link that the app was opened with, until the form has it.
    pub(crate) link: Option<OpenedLink>,
    /// A link of one-time codes that the app was opened with, until the page has it.
    pub(crate) codes_link: Option<CodesLink>,
    /// The page to begin with: the one that was shown last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub(crate) page: Option<Page>,
}

/// A page of the main window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Page {
    /// What waits.
    Requests,
    /// One-time codes.
    Codes,
    /// What ended.
    Activity,
    /// Accounts.
    Accounts,
    /// Settings.
    Settings,
    /// Diagnostics.
    Diagnostics,
}

/// An enrolment link from outside: untrusted text for the form, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct OpenedLink {
    /// The link as it came.
    pub(crate) text: String,
    /// Grows with each link.
    pub(crate) opening: u32,
}

/// A link of one-time codes from outside. The page is told that there is one; its text goes to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct CodesLink {
    /// Holds a secret: it never reaches a page.
    #[serde(skip)]
    #[cfg_attr(test, ts(skip))]
    pub(crate) text: Hidden,
    /// Grows with each link.
    pub(crate) opening: u32,
}

/// A text that holds a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// The way to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum AgentLink {
    /// First attempts under way.
    Connecting,
    /// Snapshots are current.
    Connected,
    /// It was connected; the snapshots are of before. Tried again by itself.
    Lost,
    /// No agent answers. Tried again by itself.
    NotRunning {
        /// Why it could not be started, if that was tried.
        problem: Option<String>,
    },
    /// An agent answers that this app cannot talk to.
    Refused {
        /// For people: what happened and what to do next.
        message: String,
    },
}
