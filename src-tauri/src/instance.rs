//! One app for each agent: a second start hands over what it is asked for, and ends.
//!
//! Invariants: what is asked for is taken by exactly one of the two, also when the first is about to end: it refuses then, and the second
//! takes its place. It goes over the session bus, so that no link is an argument of a process that stays. Without a session bus every start
//! is on its own. What another start says is as untrusted as any argument.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;
use zbus::{
    blocking::{Connection, connection::Builder},
    fdo::{self, RequestNameFlags, RequestNameReply},
    interface,
};

use crate::{args::Asked, shell::Input};

const PATH: &str = "/io/countersign/app";
const INTERFACE: &str = "io.countersign.App";
/// So often a start meets another one that has just ended.
const ATTEMPTS: u32 = 5;
/// The other one takes what it is told from a thread of its own: this is long.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who shows what this start is asked for.
#[derive(Debug)]
pub(crate) enum Claim {
    /// This one: it is the app.
    First(Instance),
    /// Another one, which was there.
    HandedOver,
}

/// Another copy has the name and does not take what it is told.
#[derive(Debug, thiserror::Error)]
#[error("another copy of the app does not answer. End it, then open Countersign again")]
pub(crate) struct Busy;

/// That this process is the app.
#[derive(Debug)]
pub(crate) struct Instance {
    bus: Option<(Connection, String)>,
    handed_over: HandedOver,
}

/// What another start asked for, until there is a window for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedOver(Arc<Mutex<Pending>>);

#[derive(Debug, Default)]
enum Pending {
    #[default]
    Nothing,
    Asked(Asked),
    Closed,
}

/// Claims the app, or hands over what this start is asked for. What others ask for later goes to `inputs`.
///
/// # Errors
/// [`Busy`]; nothing is on screen then.
pub(crate) fn claim(
    bus: zbus::Result<Builder<'_>>,
    name: String,
    asked: &Asked,
    inputs: mpsc::Sender<Input>,
) -> Result<Claim, Busy> {
    let handed_over = HandedOver::default();
    let door = Door {
        inputs,
        handed_over: handed_over.clone(),
    };
    let connected = bus.and_then(|bus| bus.method_timeout(PATIENCE).serve_at(PATH, door)?.build());
    let Ok(bus) = connected else {
        return Ok(Claim::First(Instance {
            bus: None,
            handed_over,
        }));
    };
    for _ in 0..ATTEMPTS {
        match bus.request_name_with_flags(name.as_str(), RequestNameFlags::DoNotQueue.into()) {
            Ok(RequestNameReply::Exists | RequestNameReply::InQueue) | Err(zbus::Error::NameTaken) => {}
            Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) | Err(_) => {
                let bus = Some((bus, name));
                return Ok(Claim::First(Instance { bus, handed_over }));
            }
        }
        // If it has ended meanwhile, or is about to, its place is free.
        let told = bus.call_method(
            Some(name.as_str()),
            PATH,
            Some(INTERFACE),
            "Open",
            &(asked.arguments(),),
        );
        if told.is_ok() {
            return Ok(Claim::HandedOver);
        }
    }
    Err(Busy)
}

impl Instance {
    /// What others ask for.
    pub(crate) fn handed_over(&self) -> HandedOver {
        self.handed_over.clone()
    }

    /// The app ends: from here on another start is on its own. What was asked for and has no window yet.
    pub(crate) fn end(self) -> Option<Asked> {
        let pending = self.handed_over.close();
        if let Some((bus, name)) = self.bus {
            // It goes with the connection, too.
            let _ = bus.release_name(name.as_str());
        }
        pending
    }
}

impl HandedOver {
    /// There is a window for it.
    pub(crate) fn shown(&self) {
        let mut pending = self.lock();
        if matches!(*pending, Pending::Asked(_)) {
            *pending = Pending::Nothing;
        }
    }

    fn put(&self, asked: Asked) -> fdo::Result<()> {
        let mut pending = self.lock();
        match *pending {
            Pending::Nothing | Pending::Asked(_) => {
                *pending = Pending::Asked(asked);
                Ok(())
            }
            Pending::Closed => Err(fdo::Error::Failed("the app is ending".into())),
        }
    }

    fn close(&self) -> Option<Asked> {
        match std::mem::replace(&mut *self.lock(), Pending::Closed) {
            Pending::Asked(asked) => Some(asked),
            Pending::Nothing | Pending::Closed => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Door {
    inputs: mpsc::Sender<Input>,
    handed_over: HandedOver,
}

#[interface(name = "io.countersign.App")]
impl Door {
    fn open(&self, arguments: Vec<String>) -> fdo::Result<()> {
        let asked = Asked::from(arguments);
        let launch = asked
            .launch()
            .map_err(|error| fdo::Error::InvalidArgs(error.to_string()))?;
        self.handed_over.put(asked)?;
        // A full queue means that windows are being opened already.
        let _ = self.inputs.try_send(Input::Open(launch));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
    };

    use super::*;
    use crate::{args::Launch, view::Hidden};

    const NAME: &str = "io.countersign.app.test";
    const LINK: &str = "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ";

    /// A session bus of its own.
    struct Bus {
        daemon: Child,
        address: String,
    }

    impl Bus {
        fn start() -> Self {
            let mut daemon = Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--print-address"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut address = String::new();
            let mut lines = BufReader::new(daemon.stdout.take().unwrap());
            lines.read_line(&mut address).unwrap();
            Self {
                daemon,
                address: address.trim_end().to_owned(),
            }
        }

        fn claim(&self, asked: &Asked) -> (Result<Claim, Busy>, mpsc::Receiver<Input>) {
            let (inputs, received) = mpsc::channel(4);
            let bus = Builder::address(self.address.as_str());
            (claim(bus, NAME.to_owned(), asked, inputs), received)
        }

        fn first(&self) -> (Instance, mpsc::Receiver<Input>) {
            let (Ok(Claim::First(first)), received) = self.claim(&Asked::default()) else {
                panic!("there is another one");
            };
            (first, received)
        }
    }

    impl Drop for Bus {
        fn drop(&mut self) {
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
    }

    fn link() -> Asked {
        Asked::from(vec![LINK.to_owned()])
    }

    #[test]
    fn a_second_start_hands_over_what_it_is_asked_for() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        assert!(matches!(bus.claim(&link()).0, Ok(Claim::HandedOver)));
        let Some(Input::Open(opened)) = received.blocking_recv() else {
            panic!("nothing was opened");
        };
        let link = Hidden(LINK.to_owned());
        assert_eq!(opened, Launch::Codes { link });
        first.handed_over().shown();
        assert_eq!(first.end(), None);
    }

    #[test]
    fn what_has_no_window_when_the_app_ends_is_not_lost() {
        let bus = Bus::start();
        let (first, _received) = bus.first();
        assert!(matches!(bus.claim(&link()).0, Ok(Claim::HandedOver)));
        assert_eq!(first.end(), Some(link()));
    }

    #[test]
    fn a_start_that_meets_one_that_ended_takes_its_place() {
        let bus = Bus::start();
        let (first, _received) = bus.first();
        first.end();
        let _second = bus.first();
    }

    #[test]
    fn an_app_that_takes_nothing_is_named() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        first.handed_over().close();
        assert!(matches!(bus.claim(&link()).0, Err(Busy)));
        assert!(received.try_recv().is_err());
    }

    #[test]
    fn what_makes_no_sense_is_not_taken() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        let hostile = Asked::from(vec!["otpauth://totp/\n".to_owned()]);
        assert!(matches!(bus.claim(&hostile).0, Err(Busy)));
        assert!(received.try_recv().is_err());
        assert_eq!(first.end(), None);
    }

    #[test]
    fn without_a_session_bus_every_start_is_the_app() {
        let (inputs, _received) = mpsc::channel(4);
        let bus = Builder::address("unix:path=/nonexistent/bus");
        let claimed = claim(bus, NAME.to_owned(), &link(), inputs);
        assert!(matches!(claimed, Ok(Claim::First(_))));
    }
}
