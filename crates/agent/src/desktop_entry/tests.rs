//! Against directories of their own, checked with the desktop's own tools.

use std::process::Command;

use super::*;

const APP: &str = "/opt/my apps/countersign";

struct Home {
    root: tempfile::TempDir,
    entry: DesktopEntry,
}

fn home() -> Home {
    let root = tempfile::tempdir().unwrap();
    let entry = DesktopEntry::new(&root.path().join("data"), &root.path().join("config"));
    Home { root, entry }
}

impl Home {
    fn list(&self) -> PathBuf {
        self.root.path().join("config/mimeapps.list")
    }

    fn files(&self) -> usize {
        fn count(dir: &Path) -> usize {
            fs::read_dir(dir).map_or(0, |entries| {
                entries
                    .map(|entry| entry.unwrap().path())
                    .map(|path| if path.is_dir() { count(&path) } else { 1 })
                    .sum()
            })
        }
        count(self.root.path())
    }
}

#[test]
fn the_desktop_opens_our_links_with_the_app_until_it_is_removed() {
    let home = home();
    home.entry.install(Path::new(APP)).unwrap();
    let text = fs::read_to_string(home.entry.entry()).unwrap();
    assert!(
        text.contains("\nExec=\"/opt/my apps/countersign\" %u\n"),
        "{text}"
    );
    assert!(
        text.contains("\nExec=\"/opt/my apps/countersign\" --prompt --focus\n"),
        "{text}"
    );
    let valid = Command::new("desktop-file-validate")
        .arg(home.entry.entry())
        .output()
        .unwrap();
    assert!(
        valid.status.success(),
        "{}",
        String::from_utf8_lossy(&valid.stdout)
    );
    let list = fs::read_to_string(home.list()).unwrap();
    assert_eq!(
        list,
        "[Default Applications]\nx-scheme-handler/countersign=io.countersign.app.desktop\n"
    );
    home.entry.install(Path::new(APP)).unwrap();
    assert_eq!(
        fs::read_to_string(home.list()).unwrap(),
        list,
        "a second time changes nothing"
    );
    home.entry.remove().unwrap();
    assert_eq!(
        fs::read_to_string(home.list()).unwrap(),
        "[Default Applications]\n"
    );
    assert_eq!(home.files(), 1, "only the list is left");
    home.entry.remove().unwrap();
}

#[test]
fn other_associations_stay_as_they_are() {
    let before = "# mine\n[Added Associations]\ntext/plain=a.desktop;\n\n[Default Applications]\ntext/html = b.desktop\n";
    let after = with_handler(before, Some(ENTRY_NAME));
    let line = "x-scheme-handler/countersign=io.countersign.app.desktop\n";
    assert_eq!(
        after,
        before.replace(
            "[Default Applications]\n",
            &format!("[Default Applications]\n{line}")
        )
    );
    assert_eq!(with_handler(&after, None), before);
    let foreign = "[Default Applications]\nx-scheme-handler/countersign=other.desktop\n";
    assert_eq!(with_handler(foreign, None), foreign);
    assert_eq!(
        with_handler(foreign, Some(ENTRY_NAME)),
        format!("[Default Applications]\n{line}")
    );
}

#[test]
fn a_list_that_cannot_be_read_is_left_as_it_is() {
    let home = home();
    fs::create_dir_all(home.list().parent().unwrap()).unwrap();
    fs::write(home.list(), [0xff, 0xfe]).unwrap();
    home.entry.install(Path::new(APP)).unwrap_err();
    assert_eq!(fs::read(home.list()).unwrap(), [0xff, 0xfe]);
}

#[test]
fn odd_paths_are_quoted_and_impossible_ones_refused() {
    let quote = |path: &str| exec_argument(Path::new(path)).ok();
    assert_eq!(quote("/a b/50%").as_deref(), Some("\"/a b/50%%\""));
    assert_eq!(quote("/a$`\"").as_deref(), Some(r#""/a\\$\\`\\"""#));
    assert_eq!(quote("/a\\b").as_deref(), Some(r#""/a\\\\b""#));
    for bad in ["relative/path", "/a\nExec=evil", "/a=b"] {
        assert_eq!(quote(bad), None, "{bad:?}");
    }
}

#[test]
fn the_list_keeps_its_permissions() {
    let home = home();
    fs::create_dir_all(home.list().parent().unwrap()).unwrap();
    fs::write(home.list(), "").unwrap();
    fs::set_permissions(home.list(), fs::Permissions::from_mode(0o600)).unwrap();
    home.entry.install(Path::new(APP)).unwrap();
    assert_eq!(
        fs::metadata(home.list()).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_program_whose_file_was_replaced_is_not_entered() {
    let home = home();
    let refused = home
        .entry
        .install(Path::new("/opt/countersign (deleted)"))
        .unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(home.files(), 0);
}
