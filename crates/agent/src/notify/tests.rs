//! Against a real dunst and against a service of our own making, each in a session bus of its own.

use std::time::Duration;

use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::private_session::{assert_inside, process_of, run, shell};

const DUNST: &str = r##"
mkdir -p "$XDG_CONFIG_HOME/dunst"
cat > "$HOME/pick" <<'END'
#!/bin/sh
grep "^#$(cat "$HOME/choice") " | head -n 1
END
chmod +x "$HOME/pick"
printf '[global]\ndmenu = %s\n' "$HOME/pick" > "$XDG_CONFIG_HOME/dunst/dunstrc"
mkfifo "$HOME/display"
Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp 3>"$HOME/display" 2>/dev/null &
trap "kill $! 2>/dev/null" EXIT
DISPLAY=":$(cat "$HOME/display")"
export DISPLAY
dunst >/dev/null 2>&1 &
gdbus wait --session --timeout 20 org.freedesktop.Notifications
"##;

fn notification(id: &str) -> Notification {
    Notification {
        id: NotificationId(id.into()),
        title: "Approval request".into(),
        body: "Open it to see <b>what</b> is asked & by whom.".into(),
        actions: vec![(Action::Review, "Review".into()), (Action::Deny, "Deny".into())],
        urgency: Urgency::Normal,
        life: Life::Stays,
    }
}

fn notifier() -> (DesktopNotifier, mpsc::Receiver<NotificationEvent>) {
    DesktopNotifier::new(Box::new(crate::edge::random()))
}

async fn next(events: &mut mpsc::Receiver<NotificationEvent>) -> NotificationEvent {
    timeout(Duration::from_secs(20), events.recv())
        .await
        .expect("an event")
        .expect("a notifier")
}

fn acted(id: &str, action: Action) -> NotificationEvent {
    NotificationEvent::Acted {
        id: NotificationId(id.into()),
        turn: Turn(1),
        action,
    }
}

fn closed(id: &str) -> NotificationEvent {
    NotificationEvent::Closed {
        id: NotificationId(id.into()),
        turn: Turn(1),
    }
}

/// Emits `ActionInvoked` from another process, to everybody.
fn forge(number: u32, key: &str) {
    shell(&format!(
        "gdbus emit --session --object-path /org/freedesktop/Notifications \
         --signal org.freedesktop.Notifications.ActionInvoked 'uint32 {number}' '\"{key}\"'"
    ));
}

#[test]
fn what_a_person_does_in_dunst_arrives() {
    run("notify::tests::inside_dunst_actions", DUNST);
}

#[tokio::test]
#[ignore = "started by what_a_person_does_in_dunst_arrives"]
async fn inside_dunst_actions() {
    assert_inside();
    let (notifier, mut events) = notifier();
    notifier.show(Turn(1), notification("a")).await.unwrap();
    // The default action: a click on the notification itself.
    shell("dunstctl action 0");
    assert_eq!(next(&mut events).await, acted("a", Action::Review));

    notifier.show(Turn(1), notification("b")).await.unwrap();
    shell("printf Deny > \"$HOME/choice\"; dunstctl context");
    assert_eq!(next(&mut events).await, acted("b", Action::Deny));

    notifier.show(Turn(1), notification("c")).await.unwrap();
    shell("dunstctl close-all");
    assert_eq!(next(&mut events).await, closed("c"));

    // Replaced, not doubled; and taken away without an event of its own.
    notifier.show(Turn(1), notification("d")).await.unwrap();
    notifier.show(Turn(1), notification("d")).await.unwrap();
    assert_eq!(shell("dunstctl count displayed").trim(), "1");
    notifier.close(&NotificationId("d".into())).await;
    assert_eq!(shell("dunstctl count displayed").trim(), "0");
    notifier.show(Turn(1), notification("e")).await.unwrap();
    shell("dunstctl close-all");
    assert_eq!(next(&mut events).await, closed("e"));
}

#[test]
fn a_forged_signal_does_nothing() {
    run("notify::tests::inside_forged", DUNST);
}

#[tokio::test]
#[ignore = "started by a_forged_signal_does_nothing"]
async fn inside_forged() {
    assert_inside();
    let (notifier, mut events) = notifier();
    notifier.show(Turn(1), notification("a")).await.unwrap();
    let (number, keys) = notifier.on_bus(&NotificationId("a".into())).await.unwrap();
    // Guessed keys, and the right ones as an eavesdropper knows them.
    for key in ["deny", "default"]
        .into_iter()
        .chain(keys.iter().map(String::as_str))
    {
        forge(number, key);
        assert_eq!(next(&mut events).await, NotificationEvent::Forged, "{key}");
    }
    shell(&format!(
        "gdbus emit --session --object-path /org/freedesktop/Notifications \
         --signal org.freedesktop.Notifications.NotificationClosed 'uint32 {number}' 'uint32 2'"
    ));
    assert_eq!(next(&mut events).await, NotificationEvent::Forged);
    // The real one still counts.
    shell("dunstctl action 0");
    assert_eq!(next(&mut events).await, acted("a", Action::Review));
}

#[test]
fn a_service_that_ends_takes_its_notifications_along() {
    run("notify::tests::inside_service_ends", DUNST);
}

#[tokio::test]
#[ignore = "started by a_service_that_ends_takes_its_notifications_along"]
async fn inside_service_ends() {
    assert_inside();
    let (notifier, mut events) = notifier();
    notifier.show(Turn(1), notification("a")).await.unwrap();
    shell(&format!("kill {}", process_of("org.freedesktop.Notifications")));
    assert_eq!(next(&mut events).await, closed("a"));
    assert!(matches!(
        notifier.show(Turn(1), notification("b")).await,
        Err(NotifyError::NoService)
    ));
    shell("dunst >/dev/null 2>&1 & gdbus wait --session --timeout 20 org.freedesktop.Notifications");
    notifier.show(Turn(1), notification("c")).await.unwrap();
    shell("dunstctl action 0");
    assert_eq!(next(&mut events).await, acted("c", Action::Review));
}

#[test]
fn no_service_is_said_at_once() {
    run("notify::tests::inside_no_service", "");
    run(
        "notify::tests::inside_no_service",
        "export DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent/bus",
    );
}

#[tokio::test]
#[ignore = "started by no_service_is_said_at_once"]
async fn inside_no_service() {
    assert_inside();
    let (notifier, _events) = notifier();
    let shown = notifier.show(Turn(1), notification("a")).await;
    assert!(matches!(shown, Err(NotifyError::NoService)), "{shown:?}");
}

/// A notification service as GNOME Shell behaves: it answers from another connection of the same process.
mod two_connections {
    use std::sync::Mutex;

    use super::*;

    type Sent = (String, u32, String, String, String, Vec<String>);

    struct Service {
        sent: Mutex<mpsc::UnboundedSender<Sent>>,
        markup: bool,
    }

    #[zbus::interface(name = "org.freedesktop.Notifications")]
    impl Service {
        fn get_capabilities(&self) -> Vec<&str> {
            if self.markup {
                vec!["actions", "body", "body-markup"]
            } else {
                vec!["actions", "body"]
            }
        }

        #[allow(clippy::too_many_arguments, reason = "the specification's arguments")]
        fn notify(
            &self,
            app: String,
            replaces: u32,
            icon: String,
            title: String,
            body: String,
            actions: Vec<String>,
            _hints: std::collections::HashMap<String, zbus::zvariant::OwnedValue>,
            _expiry: i32,
        ) -> u32 {
            self.sent
                .lock()
                .unwrap()
                .send((app, replaces, icon, title, body, actions))
                .unwrap();
            41
        }

        fn close_notification(&self, _number: u32) {}
    }

    async fn service(markup: bool) -> (zbus::Connection, mpsc::UnboundedReceiver<Sent>) {
        let (sent, received) = mpsc::unbounded_channel();
        let connection = zbus::connection::Builder::session()
            .unwrap()
            .serve_at(
                "/org/freedesktop/Notifications",
                Service {
                    sent: Mutex::new(sent),
                    markup,
                },
            )
            .unwrap()
            .name("org.freedesktop.Notifications")
            .unwrap()
            .build()
            .await
            .unwrap();
        (connection, received)
    }

    #[test]
    fn a_second_connection_of_the_service_counts() {
        run("notify::tests::two_connections::inside_second", "");
    }

    #[tokio::test]
    #[ignore = "started by a_second_connection_of_the_service_counts"]
    async fn inside_second() {
        assert_inside();
        let (_service, mut sent) = service(true).await;
        let (notifier, mut events) = notifier();
        notifier.show(Turn(1), notification("a")).await.unwrap();
        let (app, replaces, _icon, title, _body, actions) = sent.recv().await.unwrap();
        assert_eq!(
            (app.as_str(), replaces, title.as_str()),
            ("Countersign", 0, "Approval request")
        );
        assert_eq!(
            (actions[1].as_str(), actions[3].as_str(), actions[5].as_str()),
            ("Review", "Review", "Deny")
        );

        // The same words from another process first.
        forge(41, &actions[4]);
        assert_eq!(next(&mut events).await, NotificationEvent::Forged);
        let second = zbus::Connection::session().await.unwrap();
        second
            .emit_signal(
                None::<&str>,
                "/org/freedesktop/Notifications",
                "org.freedesktop.Notifications",
                "ActionInvoked",
                &(41u32, actions[4].as_str()),
            )
            .await
            .unwrap();
        assert_eq!(next(&mut events).await, acted("a", Action::Deny));
    }

    #[test]
    fn markup_is_escaped_only_where_it_is_read() {
        run("notify::tests::two_connections::inside_markup", "");
    }

    #[tokio::test]
    #[ignore = "started by markup_is_escaped_only_where_it_is_read"]
    async fn inside_markup() {
        assert_inside();
        for (markup, expected) in [
            (
                true,
                "Open it to see &lt;b&gt;what&lt;/b&gt; is asked &amp; by whom.",
            ),
            (false, "Open it to see <b>what</b> is asked & by whom."),
        ] {
            let (service, mut sent) = service(markup).await;
            let (notifier, _events) = notifier();
            notifier.show(Turn(1), notification("a")).await.unwrap();
            assert_eq!(sent.recv().await.unwrap().4, expected);
            service
                .release_name("org.freedesktop.Notifications")
                .await
                .unwrap();
        }
    }
}
