//! One app for each agent: a second start hands over what it is asked for, and ends.
//!
//! Invariants: what is asked for is taken by exactly one of the two, also when the first is about to end: it refuses then, and the second
//! takes its place. It goes over the session bus, so that no link is an argument of a process that stays. Without a session bus every start
//! is on its own. What another start says is as untrusted as any argument, and can only open windows. A start gives up after
//! the first call that is not answered within [`PATIENCE`], and after [`ATTEMPTS`] that are refused, with a [`PAUSE`] between them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc::{self, error::TrySendError};
use zbus::{
    blocking::{Connection, connection::Builder},
    fdo::{self, RequestNameFlags, RequestNameReply},
    interface,
};

use crate::{
    args::{Asked, Launch},
    shell::Input,
};

const PATH: &str = "/io/countersign/app";
const INTERFACE: &str = "io.countersign.App";
/// So often a start turns to an app that is about to end, or busy opening windows.
const ATTEMPTS: u32 = 5;
/// Between two attempts: by then an app that is about to end has ended, also on a busy computer.
const PAUSE: Duration = Duration::from_millis(200);
/// The other one takes what it is told from a thread of its own: this is long.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that is asked for and has no window yet.
const MOST_PENDING: usize = 16;

/// Who shows what this start is asked for.
#[derive(Debug)]
pub(crate) enum Claim {
    /// This one: it is the app.
    First(Instance),
    /// Another one, which was there.
    HandedOver,
}

/// Another copy has the name and does not take what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    /// It goes on saying no, or nothing.
    #[error("another copy of the app does not answer. End it, then open Countersign again")]
    Busy,
    /// It does not know what this one knows.
    #[error("the open window is of another release of Countersign. Close it, then open Countersign again")]
    OtherRelease,
}

/// That this process is the app.
#[derive(Debug)]
pub(crate) struct Instance {
    bus: Option<(Connection, String)>,
    handed_over: HandedOver,
}

/// What other starts asked for, until there is a window for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandedOver(Arc<Mutex<Pending>>);

#[derive(Debug)]
enum Pending {
    /// In this order.
    Asked(Vec<Asked>),
    Closed,
}

impl Default for Pending {
    fn default() -> Self {
        Self::Asked(Vec::new())
    }
}

/// Claims the app, or hands over what this start is asked for. What others ask for later goes to `inputs`. `pause` is called between two
/// attempts.
///
/// # Errors
/// [`NotTaken`]; nothing is on screen then.
pub(crate) fn claim(
    bus: zbus::Result<Builder<'_>>,
    name: String,
    asked: &Asked,
    inputs: mpsc::Sender<Input>,
    mut pause: impl FnMut(),
) -> Result<Claim, NotTaken> {
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
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            pause();
        }
        match bus.request_name_with_flags(name.as_str(), RequestNameFlags::DoNotQueue.into()) {
            Ok(RequestNameReply::Exists | RequestNameReply::InQueue) | Err(zbus::Error::NameTaken) => {}
            Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) | Err(_) => {
                let bus = Some((bus, name));
                return Ok(Claim::First(Instance { bus, handed_over }));
            }
        }
        let told = bus.call_method(
            Some(name.as_str()),
            PATH,
            Some(INTERFACE),
            "Open",
            &(asked.arguments(),),
        );
        match told.map_err(fdo::Error::from) {
            Ok(_) => return Ok(Claim::HandedOver),
            // It makes sense to this release, or this start would not have come so far.
            Err(fdo::Error::InvalidArgs(_)) => return Err(NotTaken::OtherRelease),
            // There is no answer: what it was told it may still take.
            Err(fdo::Error::ZBus(_)) => return Err(NotTaken::Busy),
            // It has ended meanwhile, is about to, or has no room now.
            Err(_) => {}
        }
    }
    Err(NotTaken::Busy)
}

/// Waits a moment: nothing tells when another app has ended or has room again.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the edge, before there is a window"
)]
pub(crate) fn pause() {
    std::thread::sleep(PAUSE);
}

impl Instance {
    /// What others ask for.
    pub(crate) fn handed_over(&self) -> HandedOver {
        self.handed_over.clone()
    }

    /// The app ends: from here on another start is on its own. What was asked for and has no window yet.
    pub(crate) fn end(self) -> Vec<Asked> {
        let pending = self.handed_over.close();
        if let Some((bus, name)) = self.bus {
            // It goes with the connection, too.
            let _ = bus.release_name(name.as_str());
        }
        pending
    }
}

impl HandedOver {
    /// There is a window for this: once, however often it was asked for.
    pub(crate) fn shown(&self, launch: &Launch) {
        if let Pending::Asked(pending) = &mut *self.lock()
            && let Some(at) = pending
                .iter()
                .position(|asked| asked.launch().as_ref() == Ok(launch))
        {
            pending.remove(at);
        }
    }

    fn put(&self, asked: Asked) -> fdo::Result<()> {
        match &mut *self.lock() {
            Pending::Asked(pending) if pending.len() < MOST_PENDING => {
                pending.push(asked);
                Ok(())
            }
            Pending::Asked(_) => Err(no_room()),
            Pending::Closed => Err(ending()),
        }
    }

    fn close(&self) -> Vec<Asked> {
        match std::mem::replace(&mut *self.lock(), Pending::Closed) {
            Pending::Asked(pending) => pending,
            Pending::Closed => Vec::new(),
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
        let launch = opening(&asked)?;
        let place = self.inputs.try_reserve().map_err(|error| match error {
            TrySendError::Full(()) => no_room(),
            TrySendError::Closed(()) => ending(),
        })?;
        self.handed_over.put(asked)?;
        place.send(Input::Open(launch));
        Ok(())
    }
}

/// What opens a window, and nothing else.
fn opening(asked: &Asked) -> fdo::Result<Launch> {
    let launch = asked
        .launch()
        .map_err(|error| fdo::Error::InvalidArgs(error.to_string()))?;
    match launch {
        Launch::Main { .. } | Launch::Codes { .. } | Launch::Prompt { .. } => Ok(launch),
        Launch::OnInput | Launch::ReadPicture | Launch::WatchCamera | Launch::Help | Launch::Version => {
            Err(fdo::Error::InvalidArgs("it opens no window".into()))
        }
    }
}

fn no_room() -> fdo::Error {
    fdo::Error::LimitsExceeded("windows are being opened already".into())
}

fn ending() -> fdo::Error {
    fdo::Error::Failed("the app is ending".into())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Child, Command, Stdio},
    };

    use super::*;
    use crate::{
        qr::{camera, reader},
        view::Hidden,
    };

    const NAME: &str = "io.countersign.app.test";
    const LINK: &str = "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ";
    /// Of the queue.
    const ROOM: usize = 4;

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

        fn claim(&self, asked: &Asked) -> (Result<Claim, NotTaken>, mpsc::Receiver<Input>) {
            self.claim_after(asked, || {})
        }

        fn claim_after(
            &self,
            asked: &Asked,
            pause: impl FnMut(),
        ) -> (Result<Claim, NotTaken>, mpsc::Receiver<Input>) {
            let (inputs, received) = mpsc::channel(ROOM);
            let bus = Builder::address(self.address.as_str());
            (claim(bus, NAME.to_owned(), asked, inputs, pause), received)
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

    fn asked(arguments: &[&str]) -> Asked {
        Asked::from(
            arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    fn link() -> Asked {
        asked(&[LINK])
    }

    fn prompt(id: usize) -> Asked {
        asked(&["--prompt", &format!("r{id}")])
    }

    fn opened(received: &mut mpsc::Receiver<Input>) -> Launch {
        let Ok(Input::Open(launch)) = received.try_recv() else {
            panic!("nothing was opened");
        };
        launch
    }

    #[test]
    fn a_second_start_hands_over_what_it_is_asked_for() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        assert!(matches!(bus.claim(&link()).0, Ok(Claim::HandedOver)));
        let launch = opened(&mut received);
        let link = Hidden(LINK.to_owned());
        assert_eq!(launch, Launch::Codes { link });
        first.handed_over().shown(&launch);
        assert_eq!(first.end(), []);
    }

    #[test]
    fn what_has_no_window_when_the_app_ends_is_not_lost() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        for id in 0..3 {
            assert!(matches!(bus.claim(&prompt(id)).0, Ok(Claim::HandedOver)));
        }
        assert_eq!(prompt(0).launch(), Ok(opened(&mut received)));
        // The second one's window comes first.
        first.handed_over().shown(&opened(&mut received));
        assert_eq!(first.end(), [prompt(0), prompt(2)]);
    }

    #[test]
    fn what_was_asked_for_twice_is_shown_twice() {
        let handed_over = HandedOver::default();
        for _ in 0..2 {
            handed_over.put(link()).unwrap();
        }
        handed_over.shown(&link().launch().unwrap());
        assert_eq!(handed_over.close(), [link()]);
    }

    #[test]
    fn a_start_that_meets_one_that_ended_takes_its_place() {
        let bus = Bus::start();
        let (first, _received) = bus.first();
        first.end();
        let _second = bus.first();
    }

    #[test]
    fn a_start_that_meets_one_that_is_about_to_end_takes_its_place() {
        let bus = Bus::start();
        let (first, _received) = bus.first();
        first.handed_over().close();
        let mut first = Some(first);
        let ends = || drop(first.take().map(Instance::end));
        assert!(matches!(bus.claim_after(&link(), ends).0, Ok(Claim::First(_))));
    }

    #[test]
    fn an_app_that_takes_nothing_is_named_after_a_few_attempts() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        first.handed_over().close();
        let mut pauses = 0;
        let claimed = bus.claim_after(&link(), || pauses += 1).0;
        assert_eq!(claimed.err(), Some(NotTaken::Busy));
        assert_eq!(pauses, ATTEMPTS - 1);
        assert!(received.try_recv().is_err());
    }

    #[test]
    fn what_the_open_app_does_not_know_is_said_at_once_to_be_of_another_release() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        let newer = asked(&["--of-next-year"]);
        let claimed = bus.claim_after(&newer, || panic!("it is tried again")).0;
        assert_eq!(claimed.err(), Some(NotTaken::OtherRelease));
        assert!(received.try_recv().is_err());
        assert_eq!(first.end(), []);
    }

    #[test]
    fn only_what_opens_a_window_is_taken() {
        let (inputs, mut received) = mpsc::channel(ROOM);
        let handed_over = HandedOver::default();
        let door = Door {
            inputs,
            handed_over: handed_over.clone(),
        };
        for other in [
            "-",
            "-h",
            "--help",
            "-V",
            "--version",
            reader::ARGUMENT,
            camera::ARGUMENT,
            "otpauth://totp/\n",
        ] {
            let refused = door.open(vec![other.to_owned()]);
            assert!(matches!(refused, Err(fdo::Error::InvalidArgs(_))), "{other}");
        }
        assert!(received.try_recv().is_err());
        for taken in [
            &[][..],
            &["countersign://enroll"],
            &[LINK],
            &["--prompt", "r0", "--focus"],
        ] {
            door.open(asked(taken).arguments().to_vec()).unwrap();
            assert_eq!(asked(taken).launch(), Ok(opened(&mut received)));
        }
        assert_eq!(handed_over.close().len(), 4);
    }

    #[test]
    fn what_has_no_room_is_refused_and_not_put_aside() {
        let bus = Bus::start();
        let (first, mut received) = bus.first();
        for id in 0..ROOM {
            assert!(matches!(bus.claim(&prompt(id)).0, Ok(Claim::HandedOver)));
        }
        assert_eq!(bus.claim(&link()).0.err(), Some(NotTaken::Busy));
        let mut shown = 0;
        let makes_room = || {
            first.handed_over().shown(&opened(&mut received));
            shown += 1;
        };
        assert!(matches!(
            bus.claim_after(&link(), makes_room).0,
            Ok(Claim::HandedOver)
        ));
        assert_eq!(shown, 1);
        let kept: Vec<Asked> = (1..ROOM).map(prompt).chain([link()]).collect();
        assert_eq!(first.end(), kept);
    }

    #[test]
    fn what_waits_for_windows_has_a_limit() {
        let handed_over = HandedOver::default();
        for id in 0..MOST_PENDING {
            handed_over.put(prompt(id)).unwrap();
        }
        let refused = handed_over.put(link());
        assert!(matches!(refused, Err(fdo::Error::LimitsExceeded(_))));
        assert_eq!(handed_over.close().len(), MOST_PENDING);
    }

    #[test]
    fn without_a_session_bus_every_start_is_the_app() {
        let (inputs, _received) = mpsc::channel(ROOM);
        let bus = Builder::address("unix:path=/nonexistent/bus");
        let claimed = claim(bus, NAME.to_owned(), &link(), inputs, || {});
        assert!(matches!(claimed, Ok(Claim::First(_))));
    }
}
