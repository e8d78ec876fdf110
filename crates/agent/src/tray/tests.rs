//! Against a watcher and host of our own making, in a session bus of its own.

use std::collections::HashMap;

use countersign_agent_api::{
    API_VERSION, AgentInfo, Call, HeldBack, HeldCause, KeyringState, Message as Frame, Reply, StatusView,
    frame,
};
use tokio::net::{UnixListener, UnixStream};
use zbus::{
    Proxy, interface,
    zvariant::{OwnedValue, Value},
};

use super::{look::Entry, *};
use crate::{
    edge::SystemClock,
    private_session::{assert_inside, run as in_session},
};

const SOON: Duration = Duration::from_secs(20);

fn status(pending: u32) -> StatusView {
    StatusView {
        agent_version: "0.1.0".into(),
        pending,
        accounts: 1,
        keyring: KeyringState::Ready,
        held_back: Vec::new(),
        muted_until: None,
    }
}

fn labels(look: &Look) -> Vec<String> {
    let words = |entry| match entry {
        Entry::Text(words) => words,
        Entry::Button(words, _) => words.to_owned(),
        Entry::Separator => "—".to_owned(),
    };
    look.menu().into_iter().map(words).collect()
}

#[test]
fn the_menu_offers_what_can_be_done_now() {
    let calm = Look::new(&status(0), Language::English, &TimeZone::UTC);
    let list = [
        "No requests",
        "Open Countersign",
        "—",
        "Mute for 1 hour",
        "—",
        "Quit",
    ];
    assert_eq!(labels(&calm), list);
    let muted = StatusView {
        muted_until: Some(1_795_370_400),
        ..status(2)
    };
    let list = [
        "2 requests wait",
        "Muted until 18:00",
        "Review next request",
        "Open Countersign",
        "—",
        "Unmute",
        "—",
        "Quit",
    ];
    assert_eq!(
        labels(&Look::new(&muted, Language::English, &TimeZone::UTC)),
        list
    );
}

#[test]
fn the_menu_is_in_the_persons_language() {
    let german = Look::new(&status(1), Language::German, &TimeZone::UTC);
    let list = [
        "1 Anfrage wartet",
        "Nächste Anfrage prüfen",
        "Countersign öffnen",
        "—",
        "1 Stunde stummschalten",
        "—",
        "Beenden",
    ];
    assert_eq!(labels(&german), list);
    let headlines = [0, 1, 2, 3, 11, 100]
        .map(|count| Look::new(&status(count), Language::Arabic, &TimeZone::UTC).headline());
    assert_eq!(
        headlines,
        [
            "لا طلبات",
            "طلب واحد منتظر",
            "طلبان منتظران",
            "3 طلبات منتظرة",
            "11 طلبًا منتظرًا",
            "100 طلب منتظر"
        ]
    );
}

#[test]
fn the_icon_asks_for_attention_only_when_something_waits_and_nobody_muted_it() {
    use look::Urgency;
    let urgency = |status: &StatusView| Look::new(status, Language::English, &TimeZone::UTC).urgency;
    assert_eq!(urgency(&status(0)), Urgency::Calm);
    assert_eq!(urgency(&status(1)), Urgency::Urgent);
    let muted = StatusView {
        muted_until: Some(0),
        ..status(1)
    };
    assert_eq!(urgency(&muted), Urgency::Waiting);
    let locked = StatusView {
        keyring: KeyringState::Locked,
        ..status(0)
    };
    assert_eq!(urgency(&locked), Urgency::Urgent);
    let burst = HeldBack {
        account: countersign_agent_api::AccountId("a".into()),
        client_id: "backup".into(),
        client_name: "Backup Console".into(),
        cause: HeldCause::Burst,
        count: 47,
        until: 0,
    };
    let held_back = StatusView {
        held_back: vec![burst],
        ..status(0)
    };
    assert_eq!(urgency(&held_back), Urgency::Urgent);
    assert_eq!(
        Look::new(&held_back, Language::English, &TimeZone::UTC).details(),
        "47 held back"
    );
}

#[test]
fn a_click_is_a_call_that_answers_no_request() {
    let prompt = Request::OpenApp {
        window: Window::Prompt {
            request: None,
            activation: Activation::Asked,
        },
    };
    let main = Request::OpenApp { window: Window::Main };
    assert_eq!(wish(Click::Icon, 0, 0), main);
    assert_eq!(wish(Click::Icon, 1, 0), prompt);
    assert_eq!(wish(Click::Review, 1, 0), prompt);
    assert_eq!(wish(Click::Open, 1, 0), main);
    assert_eq!(wish(Click::Mute, 0, 100), Request::Mute { until: Some(3700) });
    assert_eq!(wish(Click::Unmute, 0, 100), Request::Mute { until: None });
    assert_eq!(wish(Click::Quit, 0, 0), Request::Shutdown);
}

/// The agent's end of the socket.
struct Agent {
    stream: UnixStream,
}

impl Agent {
    async fn greet(listener: &UnixListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut agent = Self { stream };
        let hello = agent.call().await;
        let info = AgentInfo {
            api_version: API_VERSION,
            agent_version: "0.1.0".into(),
        };
        agent.reply(hello.id, Reply::Hello(info)).await;
        let subscribe = agent.call().await;
        assert_eq!(subscribe.request, Request::Subscribe);
        agent.reply(subscribe.id, Reply::Done).await;
        agent
    }

    async fn call(&mut self) -> Call {
        timeout(SOON, frame::read(&mut self.stream))
            .await
            .unwrap()
            .unwrap()
    }

    async fn reply(&mut self, id: u64, reply: Reply) {
        let reply = Box::new(reply);
        frame::write(&mut self.stream, &Frame::Reply { id, reply })
            .await
            .unwrap();
    }

    async fn tell(&mut self, status: StatusView) {
        let event = Box::new(Event::Status(status));
        frame::write(&mut self.stream, &Frame::Event { event })
            .await
            .unwrap();
    }
}

struct Watcher(mpsc::UnboundedSender<String>);

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: String) {
        self.0.send(service).unwrap();
    }
}

/// A watcher on a bus connection of its own; dropping it is its end.
async fn watcher() -> (Connection, mpsc::UnboundedReceiver<String>) {
    let (sender, registered) = mpsc::unbounded_channel();
    let bus = Builder::session()
        .unwrap()
        .serve_at("/StatusNotifierWatcher", Watcher(sender))
        .unwrap()
        .name("org.kde.StatusNotifierWatcher")
        .unwrap()
        .build()
        .await
        .unwrap();
    (bus, registered)
}

type Entries = Vec<(i32, HashMap<String, OwnedValue>)>;
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

async fn entries(menu: &Proxy<'_>) -> Entries {
    menu.call("GetGroupProperties", &(Vec::<i32>::new(), Vec::<String>::new()))
        .await
        .unwrap()
}

async fn click(menu: &Proxy<'_>, label: &str) {
    let entries = entries(menu).await;
    let is_it = |properties: &HashMap<String, OwnedValue>| {
        properties
            .get("label")
            .is_some_and(|value| value.downcast_ref::<&str>().is_ok_and(|l| l == label))
    };
    let (id, _) = entries.iter().find(|(_, properties)| is_it(properties)).unwrap();
    let _: () = menu
        .call("Event", &(id, "clicked", Value::from(0), 0u32))
        .await
        .unwrap();
}

#[test]
fn a_host_that_comes_late_shows_the_icon_and_its_menu_works() {
    in_session("tray::tests::inside_a_host_that_comes_late", "");
}

#[tokio::test]
#[ignore = "started by a_host_that_comes_late_shows_the_icon_and_its_menu_works"]
async fn inside_a_host_that_comes_late() {
    assert_inside();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let session = Session {
        language: Language::English,
        zone: TimeZone::UTC,
    };
    tokio::spawn(run(socket, Arc::new(SystemClock), session));
    let mut agent = Agent::greet(&listener).await;

    // Twice: the second watcher is a restarted one.
    for _ in 0..2 {
        let (_watcher, mut registered) = watcher().await;
        let item = timeout(SOON, registered.recv()).await.unwrap().unwrap();
        assert!(item.starts_with(':'), "{item}");
    }
    let (host, mut registered) = watcher().await;
    let name = timeout(SOON, registered.recv()).await.unwrap().unwrap();
    let item = Proxy::new(&host, name.clone(), item::PATH, "org.kde.StatusNotifierItem")
        .await
        .unwrap();
    let menu = Proxy::new(&host, name, "/MenuBar", "com.canonical.dbusmenu")
        .await
        .unwrap();
    let mut news = item.receive_signal("NewStatus").await.unwrap();
    let mut layouts = menu.receive_signal("LayoutUpdated").await.unwrap();

    agent.tell(status(2)).await;
    let changed = timeout(SOON, news.next()).await.unwrap().unwrap();
    assert_eq!(changed.body().deserialize::<&str>().unwrap(), "NeedsAttention");
    timeout(SOON, layouts.next()).await.unwrap().unwrap();
    let properties = zbus::fdo::PropertiesProxy::builder(&host)
        .destination(item.destination().to_owned())
        .unwrap()
        .path(item::PATH)
        .unwrap()
        .build()
        .await
        .unwrap();
    let all = properties
        .get_all(zbus::names::InterfaceName::try_from("org.kde.StatusNotifierItem").unwrap())
        .await
        .unwrap();
    let text = |name: &str| all[name].downcast_ref::<&str>().unwrap().to_owned();
    assert_eq!(text("Status"), "NeedsAttention");
    assert_eq!(text("IconName"), "io.countersign.app-attention");
    let (_, _, title, description) = item
        .get_property::<(String, Vec<(i32, i32, Vec<u8>)>, String, String)>("ToolTip")
        .await
        .unwrap();
    assert_eq!(
        (title.as_str(), description.as_str()),
        ("Countersign", "2 requests wait")
    );
    for (width, height, pixels) in item
        .get_property::<Vec<(i32, i32, Vec<u8>)>>("IconPixmap")
        .await
        .unwrap()
    {
        assert_eq!(pixels.len(), (width * height * 4) as usize);
    }
    assert_eq!(menu.get_property::<u32>("Version").await.unwrap(), 3);

    let (_, (root, _, children)): (u32, Layout) = menu
        .call("GetLayout", &(0, -1, Vec::<String>::new()))
        .await
        .unwrap();
    assert_eq!((root, children.len()), (0, entries(&menu).await.len()));

    // Other people's old menus do nothing; this one's do what they say.
    let stale = entries(&menu).await[1].0;
    agent.tell(status(1)).await;
    timeout(SOON, layouts.next()).await.unwrap().unwrap();
    let _: () = menu
        .call("Event", &(stale, "clicked", Value::from(0), 0u32))
        .await
        .unwrap();
    click(&menu, "Mute for 1 hour").await;
    let call = agent.call().await;
    assert!(
        matches!(call.request, Request::Mute { until: Some(_) }),
        "{:?}",
        call.request
    );
    agent.reply(call.id, Reply::Status(status(1))).await;
    click(&menu, "Review next request").await;
    let call = agent.call().await;
    assert_eq!(call.request, wish(Click::Review, 1, 0));
    agent.reply(call.id, Reply::Done).await;
    let _: () = item.call("Activate", &(0, 0)).await.unwrap();
    let call = agent.call().await;
    assert_eq!(call.request, wish(Click::Icon, 1, 0));
    agent.reply(call.id, Reply::Done).await;
    click(&menu, "Quit").await;
    assert_eq!(agent.call().await.request, Request::Shutdown);
}

#[test]
fn a_lost_connection_is_made_again() {
    in_session("tray::tests::inside_a_lost_connection", "");
}

#[tokio::test]
#[ignore = "started by a_lost_connection_is_made_again"]
async fn inside_a_lost_connection() {
    assert_inside();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let session = Session {
        language: Language::English,
        zone: TimeZone::UTC,
    };
    let (_watcher, mut registered) = watcher().await;
    tokio::spawn(run(socket, Arc::new(SystemClock), session));
    for _ in 0..2 {
        let agent = timeout(SOON, Agent::greet(&listener)).await.unwrap();
        timeout(SOON, registered.recv()).await.unwrap().unwrap();
        drop(agent);
    }
}

#[test]
fn the_menu_is_read_as_its_language_is() {
    let direction = |language| Look::new(&status(0), language, &TimeZone::UTC).text_direction();
    assert_eq!(direction(Language::Arabic), "rtl");
    assert_eq!(direction(Language::German), "ltr");
}
