//! What the app was asked to show.
//!
//! Invariants: arguments come from anywhere (a link on a web page, another program, the agent). Parsing them never does
//! anything; a link is only carried to the window, where the person decides. Links hold secrets, and every user of the computer can read
//! the arguments of a process: none is started here with a link among them.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::Command,
};

use countersign_agent_api::{Activation, RequestId};

use crate::{
    qr::{camera, reader},
    view::Hidden,
};

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: countersign                                opens the main window
       countersign --prompt [REQUEST] [--focus]   shows a waiting request; --focus lets it take the keyboard
       countersign --prompt REQUEST --report      asks whether to report a request that has just ended
       countersign 'countersign://enroll?...'     opens the main window to add an account;
                                                  so do 'otpauth://pipush/...' and 'pia://...'
       countersign 'otpauth://...'                opens the main window to add a one-time code
       countersign -                              the same with a link on standard input, where nobody else reads it";

/// The argument that says that the link is on standard input.
const ON_INPUT: &str = "-";

/// The longest link that adds an account, in bytes. The agent knows what each kind may hold.
const MAX_LINK: usize = 4096;
/// What such links begin with: our own, and those of privacyIDEA, whose PUSH tokens share a scheme with one-time codes.
const ACCOUNTS: [&str; 3] = ["countersign://", "otpauth://pipush/", "pia://"];
/// The longest link of one-time codes, in bytes: a batch of Google Authenticator's is long.
const MAX_CODES_LINK: usize = 16 * 1024;
/// What links of one-time codes begin with.
const CODES: [&str; 2] = ["otpauth://", "otpauth-migration://"];
/// The longest request id, in bytes.
const MAX_ID: usize = 64;

/// One start of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Launch {
    /// The main window, with this link in the form that adds an account.
    Main { link: Option<String> },
    /// The main window, with what this link of one-time codes would add.
    Codes { link: Hidden },
    /// The prompt, on this request or the oldest waiting one.
    Prompt {
        request: Option<RequestId>,
        activation: Activation,
    },
    /// The main window, with what the link on standard input would add.
    OnInput,
    /// No window: look for codes in a picture on standard input, for the app itself.
    ReadPicture,
    /// No window: look for codes through a camera, for the app itself.
    WatchCamera,
    /// The usage text.
    Help,
    /// The version.
    Version,
}

/// The arguments make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("unknown or surplus argument")]
    Unknown,
    #[error("not a request id")]
    RequestId,
    #[error("not an enrolment link")]
    Link,
    #[error("not a link of one-time codes")]
    CodesLink,
    #[error("there is no link on standard input")]
    NoLink,
}

/// What a start is asked for, as it came: arguments without the program's name, the link among them wherever it was.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked(Vec<String>);

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked(…)")
    }
}

impl From<Vec<String>> for Asked {
    fn from(arguments: Vec<String>) -> Self {
        Self(arguments)
    }
}

impl Asked {
    /// As this process was started.
    ///
    /// # Errors
    /// [`UsageError::Unknown`] if it is no text.
    pub(crate) fn of(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, UsageError> {
        let arguments = arguments.into_iter().map(OsString::into_string);
        let arguments = arguments.collect::<Result<_, _>>();
        arguments.map(Self).map_err(|_| UsageError::Unknown)
    }

    /// The same, or what the link asks for if it is on standard input.
    ///
    /// # Errors
    /// [`UsageError`] if there is no such link.
    pub(crate) fn with_input(self, input: impl Read) -> Result<Self, UsageError> {
        if self.0 != [ON_INPUT] {
            return Ok(self);
        }
        let mut link = String::new();
        let most = MAX_CODES_LINK as u64 + 2;
        input
            .take(most)
            .read_to_string(&mut link)
            .map_err(|_| UsageError::NoLink)?;
        link.truncate(link.trim_end_matches(['\r', '\n']).len());
        match parse(&[&link])? {
            Launch::Main { link: Some(_) } | Launch::Codes { .. } => Ok(Self(vec![link])),
            Launch::Main { link: None }
            | Launch::Prompt { .. }
            | Launch::OnInput
            | Launch::ReadPicture
            | Launch::WatchCamera
            | Launch::Help
            | Launch::Version => Err(UsageError::NoLink),
        }
    }

    /// What is to be shown.
    ///
    /// # Errors
    /// [`UsageError`]; nothing was done.
    pub(crate) fn launch(&self) -> Result<Launch, UsageError> {
        let arguments: Vec<&str> = self.0.iter().map(String::as_str).collect();
        parse(&arguments)
    }

    /// For another process of this app.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.0
    }

    /// Whether there is a link among the arguments.
    pub(crate) fn has_link(&self) -> bool {
        self.0.iter().any(|argument| argument.contains("://"))
    }

    /// Starts `program` for the same, without the link among its arguments.
    ///
    /// # Errors
    /// If the system has no way to hand it over.
    pub(crate) fn command(&self, program: &Path) -> io::Result<Command> {
        let mut command = Command::new(program);
        match self.0.as_slice() {
            [link] if self.has_link() => {
                let (mut link_in, link_out) = UnixStream::pair()?;
                // What has no room is an error: nobody reads yet.
                link_in.set_nonblocking(true)?;
                link_in.write_all(link.as_bytes())?;
                command.arg(ON_INPUT).stdin(OwnedFd::from(link_out));
            }
            arguments => {
                command.args(arguments);
            }
        }
        Ok(command)
    }
}

/// Nothing is done.
fn parse(arguments: &[&str]) -> Result<Launch, UsageError> {
    match arguments {
        [] => Ok(Launch::Main { link: None }),
        [ON_INPUT] => Ok(Launch::OnInput),
        [reader::ARGUMENT] => Ok(Launch::ReadPicture),
        [camera::ARGUMENT] => Ok(Launch::WatchCamera),
        ["--help" | "-h"] => Ok(Launch::Help),
        ["--version" | "-V"] => Ok(Launch::Version),
        ["--prompt"] => Ok(prompt(None, Activation::Unasked)),
        ["--prompt", "--focus"] => Ok(prompt(None, Activation::Asked)),
        ["--prompt", id] => Ok(prompt(Some(request_id(id)?), Activation::Unasked)),
        ["--prompt", id, "--focus"] => Ok(prompt(Some(request_id(id)?), Activation::Asked)),
        ["--prompt", id, "--report"] => Ok(prompt(Some(request_id(id)?), Activation::ToReport)),
        [link] if is_account_link(link) || link.starts_with("countersign:") => Ok(Launch::Main {
            link: Some(enrolment_link(link)?),
        }),
        [link] if link.starts_with("otpauth") => Ok(Launch::Codes {
            link: codes_link(link)?,
        }),
        _ => Err(UsageError::Unknown),
    }
}

/// Whether a text is a link that adds an account, by its beginning.
pub(crate) fn is_account_link(text: &str) -> bool {
    ACCOUNTS.iter().any(|start| {
        text.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    })
}

fn prompt(request: Option<RequestId>, activation: Activation) -> Launch {
    Launch::Prompt { request, activation }
}

fn request_id(id: &str) -> Result<RequestId, UsageError> {
    let fits = (1..=MAX_ID).contains(&id.len())
        && !id.starts_with('-')
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits {
        Ok(RequestId(id.to_owned()))
    } else {
        Err(UsageError::RequestId)
    }
}

/// Only the outer shape: the agent parses the link once the person asks for its offer.
fn enrolment_link(link: &str) -> Result<String, UsageError> {
    let fits = is_account_link(link) && link.len() <= MAX_LINK && link.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(link.to_owned())
    } else {
        Err(UsageError::Link)
    }
}

/// Only the outer shape: the agent reads the link, and the person sees what it would add. Labels may be in any script.
fn codes_link(link: &str) -> Result<Hidden, UsageError> {
    let fits = CODES.iter().any(|scheme| link.starts_with(scheme))
        && link.len() <= MAX_CODES_LINK
        && !link.chars().any(char::is_control);
    if fits {
        Ok(Hidden(link.to_owned()))
    } else {
        Err(UsageError::CodesLink)
    }
}

/// Whether a text is a link of one-time codes, which holds their secrets.
pub(crate) fn is_codes_link(text: &str) -> bool {
    CODES.iter().any(|scheme| {
        let begins = text.trim_start().as_bytes().get(..scheme.len());
        begins.is_some_and(|begins| begins.eq_ignore_ascii_case(scheme.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Launch, UsageError> {
        Asked::of(arguments.iter().map(OsString::from))?.launch()
    }

    fn on_input(input: &[u8]) -> Result<Asked, UsageError> {
        Asked::from(vec!["-".to_owned()]).with_input(input)
    }

    #[test]
    fn no_argument_opens_the_main_window() {
        assert_eq!(parsed(&[]), Ok(Launch::Main { link: None }));
    }

    #[test]
    fn a_prompt_takes_the_keyboard_only_when_told() {
        let id = Some(RequestId("k7f2".into()));
        assert_eq!(
            parsed(&["--prompt", "k7f2"]),
            Ok(prompt(id.clone(), Activation::Unasked))
        );
        assert_eq!(
            parsed(&["--prompt", "k7f2", "--focus"]),
            Ok(prompt(id, Activation::Asked))
        );
        assert_eq!(
            parsed(&["--prompt", "k7f2", "--report"]),
            Ok(prompt(Some(RequestId("k7f2".into())), Activation::ToReport))
        );
        assert_eq!(parsed(&["--prompt"]), Ok(prompt(None, Activation::Unasked)));
        assert_eq!(
            parsed(&["--prompt", "--focus"]),
            Ok(prompt(None, Activation::Asked))
        );
    }

    #[test]
    fn a_link_that_adds_an_account_is_only_carried_along() {
        for link in [
            "countersign://enroll?issuer=https%3A%2F%2Fid.alder.example&code=0123456789abcdefghijkl",
            "otpauth://pipush/PIPU0001?url=https%3A//id.alder.example/ttype/push&serial=PIPU0001&v=1",
            "OTPAUTH://PIPUSH/PIPU0001?v=1",
            "pia://pipush/PIPU0001?v=1",
            "pia://container/SMPH0001?v=1",
        ] {
            assert_eq!(
                parsed(&[link]),
                Ok(Launch::Main {
                    link: Some(link.into())
                })
            );
        }
    }

    #[test]
    fn only_the_beginning_tells_an_account_from_a_code() {
        for link in [
            "otpauth://totp/pipush?secret=GEZDGNBVGY3TQOJQ",
            "otpauth://hotp/pia://?secret=GEZDGNBVGY3TQOJQ",
        ] {
            assert!(matches!(parsed(&[link]), Ok(Launch::Codes { .. })), "{link}");
        }
    }

    #[test]
    fn a_link_of_codes_is_carried_along_and_never_printed() {
        for link in [
            "otpauth://totp/Köln:mara?secret=GEZDGNBVGY3TQOJQ",
            "otpauth-migration://offline?data=GEZDGNBVGY3TQOJQ",
        ] {
            let launch = parsed(&[link]).unwrap();
            assert!(!format!("{launch:?}").contains("GEZDGNBVGY3TQOJQ"));
            assert_eq!(
                launch,
                Launch::Codes {
                    link: Hidden(link.into())
                }
            );
        }
        let long = format!("otpauth://totp/{}", "a".repeat(MAX_CODES_LINK));
        for bad in [
            long.as_str(),
            "otpauth:totp",
            "otpauthx://totp",
            "otpauth://totp/\n",
        ] {
            assert_eq!(parsed(&[bad]), Err(UsageError::CodesLink));
        }
    }

    #[test]
    fn a_link_of_codes_is_known_however_it_is_written() {
        for link in [
            "otpauth://totp/a",
            "OTPAUTH://totp/a",
            " otpauth-migration://offline",
        ] {
            assert!(is_codes_link(link), "{link}");
        }
        for link in ["countersign://enroll?otpauth://", "otpauth:", "ötpauth://", ""] {
            assert!(!is_codes_link(link), "{link}");
        }
    }

    #[test]
    fn hostile_arguments_are_refused() {
        let long = format!("countersign://enroll?code={}", "a".repeat(MAX_LINK));
        for bad in [
            long.as_str(),
            "countersign:enroll",
            "countersign://a b",
            "countersign://\u{202e}",
            "countersign://\n",
            "otpauth://pipush/a b",
            "pia://pipush/\u{202e}",
        ] {
            assert_eq!(parsed(&[bad]), Err(UsageError::Link), "{bad}");
        }
        for bad in ["", "../x", "-x", "a b", &"a".repeat(MAX_ID + 1)] {
            assert_eq!(parsed(&["--prompt", bad]), Err(UsageError::RequestId), "{bad}");
        }
        for bad in [
            &["--prompt", "a", "b"][..],
            &["https://x"],
            &["--focus"],
            &["--prompt", "a", "--focus", "b"],
            &["--prompt", "a", "--focus", "--report"],
        ] {
            assert_eq!(parsed(bad), Err(UsageError::Unknown), "{bad:?}");
        }
        assert_eq!(
            Asked::of([OsString::from_vec(vec![0xff, 0xfe])]),
            Err(UsageError::Unknown)
        );
    }

    #[test]
    fn another_process_gets_a_link_but_not_among_its_arguments() {
        for link in [
            "otpauth://totp/Köln:mara?secret=GEZDGNBVGY3TQOJQ",
            "countersign://enroll?code=0123456789abcdefghijkl",
            &format!(
                "otpauth-migration://offline?data={}",
                "a".repeat(MAX_CODES_LINK - 33)
            ),
        ] {
            let asked = Asked::from(vec![link.to_owned()]);
            let mut cat = asked.command(Path::new("cat")).unwrap();
            assert_eq!(cat.get_args().collect::<Vec<_>>(), ["-"]);
            assert!(!format!("{cat:?}").contains(link));
            let told = cat.output().unwrap().stdout;
            assert_eq!(on_input(&told), Ok(asked));
        }
        let prompt = Asked::from(vec!["--prompt".to_owned(), "k7f2".to_owned()]);
        let again = prompt.command(Path::new("cat")).unwrap();
        assert_eq!(again.get_args().collect::<Vec<_>>(), ["--prompt", "k7f2"]);
    }

    #[test]
    fn only_a_link_is_taken_from_standard_input() {
        assert_eq!(parsed(&["-"]), Ok(Launch::OnInput));
        let line = "otpauth://totp/a?secret=GEZDGNBV\n";
        assert_eq!(
            on_input(line.as_bytes()),
            Ok(Asked::from(vec![line.trim_end().to_owned()]))
        );
        for other in ["", "-", "--prompt", "--help", "--read-picture"] {
            assert!(on_input(other.as_bytes()).is_err(), "{other}");
        }
        let long = format!("otpauth://totp/{}", "a".repeat(MAX_CODES_LINK));
        for bad in [long.as_str(), "otpauth://totp/a\notpauth://totp/b", "https://x"] {
            assert!(on_input(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(on_input(&[0xff, 0xfe]).is_err());
    }
}
