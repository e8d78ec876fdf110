//! Against entries and units in directories of their own.

use std::os::unix::fs::symlink;

use super::*;

struct Computer {
    root: tempfile::TempDir,
    autostart: Autostart,
}

fn computer() -> Computer {
    let root = tempfile::tempdir().unwrap();
    let autostart = Autostart {
        config_home: root.path().join("home/.config"),
        program: "/opt/countersign/countersign-agent".into(),
        config_dirs: vec![root.path().join("etc/xdg")],
        unit_dirs: vec![root.path().join("etc/systemd/user")],
    };
    Computer { root, autostart }
}

impl Computer {
    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn want(&self, directory: &str) -> PathBuf {
        let wants = self
            .root
            .path()
            .join(directory)
            .join("graphical-session.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink(
            "/usr/lib/systemd/user/countersign-agent.service",
            wants.join(UNIT),
        )
        .unwrap();
        wants.join(UNIT)
    }

    fn packaged_entry(&self) {
        let entry = include_str!("../../../../packaging/autostart/countersign-agent.desktop");
        self.write("etc/xdg/autostart/countersign-agent.desktop", entry);
    }
}

#[test]
fn nothing_starts_where_nothing_is_set() {
    assert!(!computer().autostart.is_enabled().unwrap());
}

#[test]
fn on_writes_an_entry_that_starts_this_program_and_off_removes_it() {
    let computer = computer();
    computer.autostart.set(true).unwrap();
    assert!(computer.autostart.is_enabled().unwrap());
    let entry = fs::read_to_string(computer.autostart.own_entry()).unwrap();
    assert!(
        entry.contains("\nExec=\"/opt/countersign/countersign-agent\" run\n"),
        "{entry}"
    );
    computer.autostart.set(false).unwrap();
    assert!(!computer.autostart.is_enabled().unwrap());
    assert!(!computer.autostart.own_entry().exists());
}

#[test]
fn the_systems_entry_is_hidden_and_shown_again() {
    let computer = computer();
    computer.packaged_entry();
    assert!(computer.autostart.is_enabled().unwrap());
    computer.autostart.set(false).unwrap();
    assert!(!computer.autostart.is_enabled().unwrap());
    let entry = fs::read_to_string(computer.autostart.own_entry()).unwrap();
    assert!(entry.contains("\nHidden=true\n"), "{entry}");
    computer.autostart.set(true).unwrap();
    assert!(computer.autostart.is_enabled().unwrap());
    assert!(!computer.autostart.own_entry().exists());
}

#[test]
fn an_enabled_unit_starts_the_agent_and_no_entry_is_added() {
    let computer = computer();
    let link = computer.want("home/.config/systemd/user");
    assert!(computer.autostart.is_enabled().unwrap());
    computer.autostart.set(true).unwrap();
    assert!(!computer.autostart.own_entry().exists());
    computer.autostart.set(false).unwrap();
    assert!(!computer.autostart.is_enabled().unwrap());
    assert!(link.symlink_metadata().is_err());
}

#[test]
fn a_unit_enabled_for_everybody_is_masked_and_unmasked() {
    let computer = computer();
    let link = computer.want("etc/systemd/user");
    computer.autostart.set(false).unwrap();
    assert!(!computer.autostart.is_enabled().unwrap());
    assert!(link.symlink_metadata().is_ok(), "the system's file was touched");
    assert_eq!(
        fs::read_link(computer.autostart.own_unit()).unwrap(),
        Path::new("/dev/null")
    );
    computer.autostart.set(true).unwrap();
    assert!(computer.autostart.is_enabled().unwrap());
    assert!(computer.autostart.own_unit().symlink_metadata().is_err());
    assert!(!computer.autostart.own_entry().exists());
}

#[test]
fn a_unit_and_an_entry_are_both_turned_off() {
    let computer = computer();
    computer.packaged_entry();
    computer.want("home/.config/systemd/user");
    computer.autostart.set(false).unwrap();
    assert!(!computer.autostart.is_enabled().unwrap());
}

#[test]
fn an_entry_turned_off_by_the_desktop_is_off() {
    let computer = computer();
    for key in ["Hidden=true", "X-GNOME-Autostart-enabled=false"] {
        let text = format!("[Desktop Entry]\nType=Application\nExec=x\n{key}\n[Desktop Action a]\nName=a\n");
        computer.write("home/.config/autostart/countersign-agent.desktop", &text);
        assert!(!computer.autostart.is_enabled().unwrap(), "{key}");
    }
    let text = "[Desktop Entry]\nExec=x\n[Desktop Action a]\nHidden=true\n";
    computer.write("home/.config/autostart/countersign-agent.desktop", text);
    assert!(
        computer.autostart.is_enabled().unwrap(),
        "a key of another group counted"
    );
}
