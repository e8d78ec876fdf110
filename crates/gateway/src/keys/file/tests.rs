//! The key file: who may read it, what is refused, what a rotation leaves.

use super::*;

fn key_file() -> (tempfile::TempDir, KeyFile) {
    let directory = tempfile::tempdir().unwrap();
    let file = KeyFile::new(directory.path().join("keys.json"), SystemRng::new());
    (directory, file)
}

#[test]
fn a_new_file_holds_one_key_and_only_its_owner_reads_it() {
    let (directory, file) = key_file();
    file.create(1_000).unwrap();
    let mode = fs::metadata(&file.path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let listed = file.list().unwrap();
    assert_eq!(
        (listed.len(), listed[0].active, listed[0].created_at),
        (1, true, 1_000)
    );
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    let before = fs::read(&file.path).unwrap();
    assert!(matches!(file.create(2), Err(KeyFileError::Exists(_))));
    assert_eq!(fs::read(&file.path).unwrap(), before);
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(file.read(), Err(KeyFileError::Exposed { mode: found, .. }) if found == mode));
    }
}

#[test]
fn a_missing_file_is_not_recreated() {
    let (_directory, file) = key_file();
    assert!(matches!(file.read(), Err(KeyFileError::Missing(_))));
    assert!(matches!(file.rotate(1), Err(KeyFileError::Missing(_))));
    assert!(!file.path.exists());
}

#[test]
fn a_damaged_file_is_left_as_it_is_and_not_quoted() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    let text = fs::read_to_string(&file.path).unwrap();
    for damaged in [
        String::new(),
        text.replace("\"secret\": \"", "\"secret\": \"*canary*"),
        text.replace(FORMAT, "x"),
    ] {
        fs::write(&file.path, &damaged).unwrap();
        let error = file.rotate(2).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(fs::read_to_string(&file.path).unwrap(), damaged);
    }
}

#[test]
fn rotation_keeps_older_keys_and_the_secret() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    let before = file.read().unwrap();
    let stamp = file.stamp().unwrap();
    assert_eq!(file.rotate(2).unwrap(), None);
    assert_ne!(file.stamp(), Some(stamp));
    let after = file.read().unwrap();
    assert_eq!(after.public().len(), 2);
    assert_ne!(
        after.current().public_key().thumbprint(),
        before.current().public_key().thumbprint()
    );
    assert_eq!(
        after.oldest().public_key().thumbprint(),
        before.current().public_key().thumbprint()
    );
    assert_eq!(*after.secret("codes"), *before.secret("codes"));
    assert_ne!(*after.secret("codes"), *after.secret("nonces"));
}

#[test]
fn the_ninth_key_drops_the_oldest() {
    let (_directory, file) = key_file();
    file.create(0).unwrap();
    let oldest = file.list().unwrap()[0].kid.clone();
    for now in 1..8 {
        assert_eq!(file.rotate(now).unwrap(), None);
    }
    assert_eq!(file.rotate(8).unwrap(), Some(oldest));
    assert_eq!(file.list().unwrap().len(), MAX_KEYS);
}

#[test]
fn only_an_older_key_can_be_retired() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    file.rotate(2).unwrap();
    let listed = file.list().unwrap();
    assert!(matches!(
        file.retire(&listed[0].kid),
        Err(KeyFileError::NotRetirable(_))
    ));
    assert!(matches!(
        file.retire("unknown"),
        Err(KeyFileError::NotRetirable(_))
    ));
    file.retire(&listed[1].kid).unwrap();
    assert_eq!(file.list().unwrap(), listed[..1]);
}

#[test]
fn nothing_private_is_in_the_debug_form() {
    let (_directory, file) = key_file();
    file.create(1).unwrap();
    let text = fs::read_to_string(&file.path).unwrap();
    let content: serde_json::Value = serde_json::from_str(&text).unwrap();
    let shown = format!("{:?}", file.read().unwrap());
    assert!(shown.contains("IssuerKeys"));
    assert!(!shown.contains(content["secret"].as_str().unwrap()));
    assert!(!shown.contains(content["keys"][0]["pkcs8"].as_str().unwrap()));
}
