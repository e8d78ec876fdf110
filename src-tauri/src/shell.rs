//! The app's state, and what follows from each thing that happens: a pure function, without windows or sockets.
//!
//! Invariants: snapshots of the agent are passed on whole and unchanged; after the connection is lost they stay, marked as
//! such, until the agent says otherwise; nothing here answers a request.

use countersign_agent_api::{Activation, Appearance, Event, Window};

use crate::{
    accent::Accent,
    args::Launch,
    view::{AgentLink, CodesLink, MainView, OpenedLink, Page, PromptTarget, PromptView},
};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// The way to the agent changed.
    Link(AgentLink),
    /// The agent told something.
    Agent(Event),
    /// The main window shows this page now.
    Page(Page),
    /// The form has the link of this opening.
    LinkTaken(u32),
    /// The desktop's accent colour, once it has been asked, and after each change.
    Accent(Option<Accent>),
    /// A window is asked for: by the person, by another start of the app or from within.
    Open(Launch),
}

/// What has to be done about it, in this order.
#[allow(clippy::large_enum_variant, reason = "short-lived, and few at a time")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Tell the prompt, if it is open.
    TellPrompt(PromptView),
    /// Tell the main window, if it is open.
    TellMain(MainView),
    /// Open the prompt, or show it if it is open.
    ShowPrompt(Activation),
    /// Open the main window, or bring it to front.
    ShowMain,
    /// Have the desktop's own dialogs light or dark.
    Appear(Appearance),
}

/// The state.
#[derive(Debug)]
pub(crate) struct Shell {
    prompt: PromptView,
    main: MainView,
    openings: u32,
}

impl Default for Shell {
    fn default() -> Self {
        let agent = AgentLink::Connecting;
        Self {
            prompt: PromptView {
                agent: agent.clone(),
                requests: Vec::new(),
                settings: None,
                accent: None,
                target: PromptTarget {
                    request: None,
                    activation: Activation::Unasked,
                    opening: 0,
                },
            },
            main: MainView {
                agent,
                requests: Vec::new(),
                accounts: Vec::new(),
                status: None,
                settings: None,
                accent: None,
                vault: None,
                link: None,
                codes_link: None,
                page: None,
            },
            openings: 0,
        }
    }
}

impl Shell {
    /// The prompt's snapshot now.
    pub(crate) fn prompt(&self) -> &PromptView {
        &self.prompt
    }

    /// The main window's snapshot now.
    pub(crate) fn main(&self) -> &MainView {
        &self.main
    }

    /// Takes one input.
    pub(crate) fn apply(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Link(link) => {
                self.prompt.agent = link.clone();
                self.main.agent = link;
                vec![self.tell_prompt(), self.tell_main()]
            }
            Input::Agent(Event::Requests(requests)) => {
                self.prompt.requests.clone_from(&requests);
                self.main.requests = requests;
                vec![self.tell_prompt(), self.tell_main()]
            }
            Input::Agent(Event::Accounts(accounts)) => {
                self.main.accounts = accounts;
                vec![self.tell_main()]
            }
            Input::Agent(Event::Status(status)) => {
                self.main.status = Some(status);
                vec![self.tell_main()]
            }
            Input::Agent(Event::Settings(settings)) => {
                let appearance = settings.values.appearance;
                self.prompt.settings = Some(settings.clone());
                self.main.settings = Some(settings);
                vec![Effect::Appear(appearance), self.tell_prompt(), self.tell_main()]
            }
            Input::Agent(Event::Vault(vault)) => {
                self.main.vault = Some(vault);
                vec![self.tell_main()]
            }
            Input::Agent(Event::Open(Window::Main)) => self.open(Launch::Main { link: None }),
            Input::Agent(Event::Open(Window::Prompt { request, activation })) => {
                self.open(Launch::Prompt { request, activation })
            }
            Input::Page(page) => {
                self.main.page = Some(page);
                vec![self.tell_main()]
            }
            Input::LinkTaken(opening) => {
                // A newer link may have come since.
                let enrolment = self.main.link.take_if(|link| link.opening == opening).is_some();
                let codes = self.main.codes_link.take_if(|link| link.opening == opening);
                if !enrolment && codes.is_none() {
                    return Vec::new();
                }
                vec![self.tell_main()]
            }
            Input::Accent(accent) => {
                self.prompt.accent = accent;
                self.main.accent = accent;
                vec![self.tell_prompt(), self.tell_main()]
            }
            Input::Open(launch) => self.open(launch),
        }
    }

    fn open(&mut self, launch: Launch) -> Vec<Effect> {
        match launch {
            Launch::Main { link } => {
                if let Some(text) = link {
                    self.openings += 1;
                    self.main.link = Some(OpenedLink {
                        text,
                        opening: self.openings,
                    });
                }
                vec![self.tell_main(), Effect::ShowMain]
            }
            Launch::Codes { link } => {
                self.openings += 1;
                self.main.codes_link = Some(CodesLink {
                    text: link,
                    opening: self.openings,
                });
                vec![self.tell_main(), Effect::ShowMain]
            }
            Launch::Prompt { request, activation } => {
                self.openings += 1;
                self.prompt.target = PromptTarget {
                    request,
                    activation,
                    opening: self.openings,
                };
                vec![self.tell_prompt(), Effect::ShowPrompt(activation)]
            }
            Launch::OnInput | Launch::ReadPicture | Launch::WatchCamera | Launch::Help | Launch::Version => {
                Vec::new()
            }
        }
    }

    fn tell_prompt(&self) -> Effect {
        Effect::TellPrompt(self.prompt.clone())
    }

    fn tell_main(&self) -> Effect {
        Effect::TellMain(self.main.clone())
    }
}

#[cfg(test)]
mod tests {
    use countersign_agent_api::{KeyringState, RequestId, StatusView};

    use super::*;
    use crate::view::Hidden;

    fn status() -> StatusView {
        StatusView {
            agent_version: "0.1.0".into(),
            pending: 0,
            accounts: 0,
            keyring: KeyringState::Ready,
            held_back: Vec::new(),
            muted_until: None,
        }
    }

    #[test]
    fn a_lost_connection_keeps_the_snapshots_and_says_so() {
        let mut shell = Shell::default();
        shell.apply(Input::Agent(Event::Status(status())));
        shell.apply(Input::Link(AgentLink::Lost));
        assert_eq!(shell.main().status, Some(status()));
        assert_eq!(shell.main().agent, AgentLink::Lost);
        assert_eq!(shell.prompt().agent, AgentLink::Lost);
    }

    #[test]
    fn the_accent_reaches_both_windows_and_is_taken_back() {
        let mut shell = Shell::default();
        let accent = Some(Accent {
            r: 33,
            g: 144,
            b: 164,
        });
        for accent in [accent, None] {
            let effects = shell.apply(Input::Accent(accent));
            assert_eq!((shell.prompt().accent, shell.main().accent), (accent, accent));
            assert_eq!(
                effects,
                [
                    Effect::TellPrompt(shell.prompt().clone()),
                    Effect::TellMain(shell.main().clone())
                ]
            );
        }
    }

    #[test]
    fn each_opening_is_told_from_the_last() {
        let mut shell = Shell::default();
        let launch = Launch::Prompt {
            request: Some(RequestId("a".into())),
            activation: Activation::Asked,
        };
        shell.apply(Input::Open(launch.clone()));
        let first = shell.prompt().target.clone();
        let effects = shell.apply(Input::Open(launch));
        assert_eq!(first.request, Some(RequestId("a".into())));
        assert_ne!(first.opening, shell.prompt().target.opening);
        assert_eq!(
            effects,
            [
                Effect::TellPrompt(shell.prompt().clone()),
                Effect::ShowPrompt(Activation::Asked)
            ]
        );
    }

    #[test]
    fn the_agent_can_open_a_prompt_that_leaves_the_keyboard_alone() {
        let mut shell = Shell::default();
        let window = Window::Prompt {
            request: None,
            activation: Activation::Unasked,
        };
        let effects = shell.apply(Input::Agent(Event::Open(window)));
        assert_eq!(effects.last(), Some(&Effect::ShowPrompt(Activation::Unasked)));
    }

    #[test]
    fn a_link_reaches_the_form_and_nothing_else() {
        let mut shell = Shell::default();
        let effects = shell.apply(Input::Open(Launch::Main {
            link: Some("countersign://enroll?x".into()),
        }));
        assert_eq!(
            effects,
            [Effect::TellMain(shell.main().clone()), Effect::ShowMain]
        );
        assert_eq!(
            shell.main().link.as_ref().map(|l| l.text.as_str()),
            Some("countersign://enroll?x")
        );
    }

    #[test]
    fn a_link_that_a_form_has_taken_does_not_come_back() {
        let mut shell = Shell::default();
        shell.apply(Input::Open(Launch::Main {
            link: Some("countersign://enroll?x".into()),
        }));
        let opening = shell.main().link.as_ref().unwrap().opening;
        let effects = shell.apply(Input::LinkTaken(opening));
        assert_eq!(shell.main().link, None);
        assert_eq!(effects, [Effect::TellMain(shell.main().clone())]);
        shell.apply(Input::Open(Launch::Main { link: None }));
        assert_eq!(shell.main().link, None);
    }

    #[test]
    fn a_link_of_codes_is_announced_without_its_secret_and_taken_once() {
        let mut shell = Shell::default();
        let effects = shell.apply(Input::Open(Launch::Codes {
            link: Hidden("otpauth://totp/a?secret=GEZDGNBV".into()),
        }));
        assert_eq!(effects.last(), Some(&Effect::ShowMain));
        let told = serde_json::to_string(shell.main()).unwrap();
        assert!(told.contains(r#""codes_link":{"opening":1}"#), "{told}");
        assert!(!format!("{told}{:?}", shell.main()).contains("GEZDGNBV"));
        assert_eq!(
            shell.apply(Input::LinkTaken(1)),
            [Effect::TellMain(shell.main().clone())]
        );
        assert_eq!(shell.main().codes_link, None);
    }

    #[test]
    fn a_link_that_came_since_stays_for_the_form() {
        let mut shell = Shell::default();
        for link in ["countersign://enroll?x", "countersign://enroll?y"] {
            shell.apply(Input::Open(Launch::Main {
                link: Some(link.into()),
            }));
        }
        let newest = shell.main().link.clone();
        let opening = newest.as_ref().unwrap().opening;
        assert_eq!(shell.apply(Input::LinkTaken(opening - 1)), []);
        assert_eq!(shell.main().link, newest);
    }
}
