//! What is sealed is opened; whatever else is told apart: damage, a wrong key, a newer release.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::*;
use crate::{entry::Kind, testing};

fn key() -> VaultKey {
    VaultKey::from_bytes(&[7; 32]).unwrap()
}

fn sealed() -> Vec<u8> {
    seal(&testing::codes(), &key(), &testing::rng()).unwrap()
}

/// With a checksum that holds.
fn rechecked(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - CHECKSUM);
    let checksum = digest::digest(&digest::SHA256, &bytes);
    bytes.extend_from_slice(checksum.as_ref());
    bytes
}

#[test]
fn what_is_sealed_is_opened() {
    let codes = testing::codes();
    let bytes = seal(&codes, &key(), &testing::rng()).unwrap();
    assert_eq!(open(&bytes, &key()).unwrap().entries(), codes.entries());
}

#[test]
fn nothing_of_the_content_is_readable() {
    let bytes = sealed();
    for word in [
        "Beispiel",
        "ada@example.com",
        "GEZDGNBVGY3TQOJQ",
        "secret",
        "totp",
    ] {
        assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "{word}");
    }
}

#[test]
fn each_write_has_its_own_nonce() {
    let nonce = |bytes: &[u8]| bytes[HEADER - aead::NONCE..HEADER].to_vec();
    assert_ne!(nonce(&sealed()), nonce(&sealed()));
}

#[test]
fn one_entry_more_does_not_show_in_the_length() {
    let empty = seal(&Codes::default(), &key(), &testing::rng()).unwrap();
    assert_eq!(empty.len(), sealed().len());
}

#[test]
fn a_wrong_key_is_told_from_damage() {
    let other = VaultKey::from_bytes(&[8; 32]).unwrap();
    assert!(matches!(open(&sealed(), &other), Err(OpenError::WrongKey)));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let whole = sealed();
    // All of the header, and some of the rest.
    for place in (0..HEADER)
        .chain((HEADER..whole.len()).step_by(97))
        .chain([whole.len() - 1])
    {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        let error = open(&bytes, &key()).unwrap_err();
        if place < MAGIC.len() {
            assert!(matches!(error, OpenError::NotAVault), "{place}");
        } else {
            assert!(matches!(error, OpenError::Damaged), "{place}");
        }
    }
}

#[test]
fn a_changed_header_is_noticed_even_with_a_new_checksum() {
    let mut nonce = sealed();
    nonce[HEADER - 1] ^= 1;
    assert!(matches!(open(&rechecked(nonce), &key()), Err(OpenError::Forged)));
    let mut check = sealed();
    check[MAGIC.len() + 2] ^= 1;
    assert!(matches!(
        open(&rechecked(check), &key()),
        Err(OpenError::WrongKey)
    ));
    let mut older = sealed();
    older[MAGIC.len() + 1] = 0;
    assert!(matches!(open(&rechecked(older), &key()), Err(OpenError::Forged)));
    let mut content = sealed();
    content[HEADER] ^= 1;
    assert!(matches!(
        open(&rechecked(content), &key()),
        Err(OpenError::Forged)
    ));
}

#[test]
fn every_length_is_refused_but_the_right_one() {
    let whole = sealed();
    for length in (0..200).chain([HEADER, whole.len() - 33, whole.len() - 1]) {
        assert!(open(&whole[..length], &key()).is_err(), "{length}");
    }
    let mut longer = whole;
    longer.push(0);
    assert!(matches!(open(&longer, &key()), Err(OpenError::Damaged)));
    assert!(matches!(open(b"", &key()), Err(OpenError::NotAVault)));
}

#[test]
fn a_newer_release_is_told_from_damage() {
    let mut bytes = sealed();
    bytes[MAGIC.len() + 1] = 2;
    assert!(matches!(
        open(&rechecked(bytes), &key()),
        Err(OpenError::Newer { found: 2 })
    ));
}

#[test]
fn a_file_that_cannot_be_opened_is_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("codes.vault");
    assert!(read(&path, &key()).unwrap().is_none());
    for bytes in [Vec::new(), b"something else".to_vec(), sealed()[..500].to_vec()] {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(read(&path, &key()), Err(ReadError::Open(_))));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(read(&path, &key()), Err(ReadError::File(_))));
}

#[test]
fn a_failed_write_keeps_the_old_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("codes.vault");
    write(&path, &testing::codes(), &key(), &testing::rng()).unwrap();
    let before = fs::read(&path).unwrap();
    // A directory in the temporary file's place makes every attempt fail, whoever runs the test.
    fs::create_dir(home.path().join("codes.vault.new")).unwrap();
    assert!(matches!(
        write(&path, &Codes::default(), &key(), &testing::rng()),
        Err(WriteError::File(_))
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("codes.vault");
    write(&path, &testing::codes(), &key(), &testing::rng()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{:?}", key()), "VaultKey(..)");
}

/// Not a test by itself: the process that the next test kills. It advances a counter for ever and says each code after its
/// counter was written.
#[test]
fn child_that_advances_a_counter() {
    let Some(path) = std::env::var_os("COUNTERSIGN_CODES_KILLED_VAULT") else {
        return;
    };
    let path = Path::new(&path);
    let mut codes = read(path, &key()).unwrap().unwrap();
    let id = codes.entries()[0].id;
    loop {
        let Kind::Hotp { counter, .. } = codes.get(id).unwrap().details.kind else {
            panic!("the entry has a counter");
        };
        let pending = codes.advance(id).unwrap();
        let written = write(path, &codes, &key(), &testing::rng()).unwrap();
        println!("used {counter} {}", pending.reveal(&written).unwrap().as_str());
    }
}

#[test]
fn kill_9_loses_no_counter_and_leaves_no_half_vault() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("codes.vault");
    let mut codes = Codes::default();
    let hotp = Kind::Hotp {
        algorithm: crate::Algorithm::Sha1,
        digits: crate::Digits::SIX,
        counter: 0,
    };
    codes
        .add(
            testing::details("Door", "ada", hotp, "JBSWY3DPEHPK3PXP"),
            1,
            &testing::rng(),
        )
        .unwrap();
    write(&path, &codes, &key(), &testing::rng()).unwrap();
    let mut last_used = None;
    for round in 0..40 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "vault::tests::child_that_advances_a_counter",
                "--nocapture",
            ])
            .env("COUNTERSIGN_CODES_KILLED_VAULT", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut used = |line: String| {
            if let Some(said) = line.split("used ").nth(1) {
                let counter: u64 = said.split(' ').next().unwrap().parse().unwrap();
                assert!(
                    last_used.is_none_or(|last| counter > last),
                    "{counter} was used twice"
                );
                last_used = Some(counter);
            }
        };
        // Each round is killed at another place.
        for line in lines.by_ref().take(4 + round % 13) {
            used(line);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The pipe's last line may be cut off; what was said before counts.
        let mut rest: Vec<String> = lines.collect();
        rest.pop();
        rest.into_iter().for_each(&mut used);
        let codes = read(&path, &key()).unwrap().unwrap();
        let Kind::Hotp { counter, .. } = codes.entries()[0].details.kind else {
            panic!("the entry has a counter");
        };
        assert!(
            last_used.is_some_and(|last| counter > last),
            "a shown code's counter was lost"
        );
    }
}

/// `docs/vault.md` is enough to write another reader: this one is in JavaScript.
#[test]
fn another_implementation_reads_the_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("codes.vault");
    let codes = testing::codes();
    write(&path, &codes, &key(), &testing::rng()).unwrap();
    let key = crate::hex::encode(&[7; 32]);
    let text = testing::output("node", "read-vault.mjs", &[path.to_str().unwrap(), &key], "");
    assert_eq!(
        content::decode(text.as_bytes()).unwrap().entries(),
        codes.entries()
    );
}
