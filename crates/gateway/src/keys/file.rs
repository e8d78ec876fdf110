//! The key file: the issuer's private keys and the secret from which others are derived, in one JSON file.
//!
//! Invariants: the file is never readable by others, and one that is gets refused; it is replaced as a whole (written
//! aside, synced, renamed) or not at all; a file that exists but makes no sense is left as it is.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    iter,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use countersign_protocol::{Es256Key, Jwk, Signer};
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyError, KeyRing, KeySource};
use crate::edge::{Rng, SystemRng};

/// How many keys are kept. Devices can be told of eight (docs/protocol.md, section 2.8).
pub const MAX_KEYS: usize = 8;

const FORMAT: &str = "countersign-gateway-keys";
const MAX_FILE: u64 = 64 * 1024;

/// The issuer's keys and secret in memory.
pub struct IssuerKeys {
    current: Es256Key,
    /// Newest first.
    older: Vec<Es256Key>,
    rotated: bool,
    secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self
            .public()
            .iter()
            .map(|key| key.thumbprint().to_string())
            .collect();
        f.debug_struct("IssuerKeys")
            .field("keys", &ids)
            .finish_non_exhaustive()
    }
}

impl KeyRing for IssuerKeys {
    fn current(&self) -> &dyn Signer {
        &self.current
    }

    fn oldest(&self) -> &dyn Signer {
        self.older.last().unwrap_or(&self.current)
    }

    fn public(&self) -> Vec<Jwk> {
        iter::once(&self.current)
            .chain(&self.older)
            .map(|key| key.public_key().clone())
            .collect()
    }

    fn rotated(&self) -> bool {
        self.rotated
    }

    fn secret(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let master = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_slice());
        let mut derived = Zeroizing::new([0; 32]);
        derived.copy_from_slice(hmac::sign(&master, purpose.as_bytes()).as_ref());
        derived
    }
}

/// One key as it is listed for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedKey {
    /// The RFC 7638 thumbprint.
    pub kid: String,
    /// When it was made, in seconds since the Unix epoch.
    pub created_at: i64,
    /// Whether it signs now. The others are kept so that devices which were offline can follow.
    pub active: bool,
    /// What people compare (docs/protocol.md, section 6).
    pub fingerprint: String,
}

/// The file on disk.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    rng: SystemRng,
}

/// The key file cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is none.
    #[error("there is no key file {}; make one with `countersign-gateway init`, or restore it from the backup", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{} exists already and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Others may read it.
    #[error("{} has mode {mode:03o}: others may read the keys. Run `chmod 600` on it, and rotate the keys if somebody may have", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It makes no sense. It was not changed.
    #[error("{} is damaged ({what}); restore it from the backup. It was not changed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, without any of its content.
        what: String,
    },
    /// It cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The key cannot be retired: unknown, or the only one, or the one that signs.
    #[error(
        "no older key has the id {0}; `countersign-gateway keys list` shows them. The active key is replaced with `keys rotate`"
    )]
    NotRetirable(String),
    /// No randomness, or the crypto library failed.
    #[error("no key could be made: {0}")]
    Crypto(String),
}

impl KeyFile {
    /// The file at this path, whether it exists or not.
    #[must_use]
    pub fn new(path: PathBuf, rng: SystemRng) -> Self {
        Self { path, rng }
    }

    /// Makes the file with one new key.
    ///
    /// # Errors
    /// [`KeyFileError::Exists`] if there is one; it stays as it is.
    pub fn create(&self, now: i64) -> Result<(), KeyFileError> {
        let secret = self.random_secret()?;
        let content = Content {
            format: FORMAT.to_owned(),
            version: 1,
            secret,
            rotated: false,
            keys: vec![self.new_key(now)?],
        };
        let aside = self.write_aside(&content)?;
        // A hard link fails where a rename would silently replace.
        let linked = fs::hard_link(&aside, &self.path);
        let _ = fs::remove_file(&aside);
        match linked {
            Ok(()) => self.sync_directory(),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeyFileError::Exists(self.path.clone()))
            }
            Err(e) => Err(self.io("create", e)),
        }
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`KeyFileError`], all but `Exists` and `NotRetirable`.
    pub fn read(&self) -> Result<IssuerKeys, KeyFileError> {
        let content = self.content()?;
        let mut keys = content.keys.iter().map(|stored| self.parse_key(stored));
        let current = keys.next().ok_or_else(|| self.damaged("it holds no key"))??;
        let older = keys.collect::<Result<_, _>>()?;
        let secret: [u8; 32] = content
            .secret
            .0
            .as_slice()
            .try_into()
            .map_err(|_| self.damaged("the secret is not 32 bytes long"))?;
        Ok(IssuerKeys {
            current,
            older,
            rotated: content.rotated,
            secret: Zeroizing::new(secret),
        })
    }

    /// Lists the keys, the active one first.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn list(&self) -> Result<Vec<ListedKey>, KeyFileError> {
        let content = self.content()?;
        let listed = content.keys.iter().enumerate().map(|(index, stored)| {
            let key = self.parse_key(stored)?;
            let jwk = key.public_key();
            Ok(ListedKey {
                kid: jwk.thumbprint().to_string(),
                created_at: stored.created_at,
                active: index == 0,
                fingerprint: countersign_protocol::fingerprint(jwk),
            })
        });
        listed.collect()
    }

    /// Makes a new key the active one and keeps the others, up to [`MAX_KEYS`], so that the oldest can introduce it.
    /// Says which key was dropped for that, if any.
    ///
    /// # Errors
    /// Those of [`Self::read`], and of writing.
    pub fn rotate(&self, now: i64) -> Result<Option<String>, KeyFileError> {
        let _lock = self.lock()?;
        let mut content = self.content()?;
        content.rotated = true;
        content.keys.insert(0, self.new_key(now)?);
        let dropped = match content.keys.len() > MAX_KEYS {
            true => content.keys.pop(),
            false => None,
        };
        let dropped = dropped.map(|stored| self.parse_key(&stored)).transpose()?;
        self.replace(&content)?;
        Ok(dropped.map(|key| key.public_key().thumbprint().to_string()))
    }

    /// Removes an older key. Devices that know only this one must be enrolled again.
    ///
    /// # Errors
    /// [`KeyFileError::NotRetirable`] if no older key has this id.
    pub fn retire(&self, kid: &str) -> Result<(), KeyFileError> {
        let _lock = self.lock()?;
        let mut content = self.content()?;
        let index = self.list()?.iter().position(|key| key.kid == kid && !key.active);
        let index = index.ok_or_else(|| KeyFileError::NotRetirable(kid.to_owned()))?;
        content.keys.remove(index);
        self.replace(&content)
    }

    /// What changes whenever the file is replaced: for noticing a rotation without reading it.
    #[must_use]
    pub fn stamp(&self) -> Option<(u64, i64, i64)> {
        fs::metadata(&self.path)
            .ok()
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec()))
    }

    fn content(&self) -> Result<Content, KeyFileError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(KeyFileError::Missing(self.path.clone()));
            }
            Err(e) => return Err(self.io("read", e)),
        };
        let mode = file
            .metadata()
            .map_err(|e| self.io("read", e))?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Exposed {
                path: self.path.clone(),
                mode,
            });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
        file.take(MAX_FILE)
            .read_to_end(&mut text)
            .map_err(|e| self.io("read", e))?;
        let content: Content = serde_json::from_slice(&text).map_err(|e| {
            // serde_json's own words may quote the content; the place is enough.
            self.damaged(format!("line {}, column {}", e.line(), e.column()))
        })?;
        if content.format != FORMAT || content.version != 1 {
            return Err(self.damaged("it is not a key file of version 1"));
        }
        if content.keys.len() > MAX_KEYS {
            return Err(self.damaged(format!(
                "it holds {} keys, at most {MAX_KEYS} are known",
                content.keys.len()
            )));
        }
        Ok(content)
    }

    fn parse_key(&self, stored: &StoredKey) -> Result<Es256Key, KeyFileError> {
        Es256Key::from_pkcs8(&stored.pkcs8.0, self.rng.system_random())
            .map_err(|_| self.damaged("a key is not a P-256 key in PKCS#8"))
    }

    fn new_key(&self, now: i64) -> Result<StoredKey, KeyFileError> {
        let pkcs8 = Es256Key::generate_pkcs8(self.rng.system_random())
            .map_err(|e| KeyFileError::Crypto(e.to_string()))?;
        Ok(StoredKey {
            created_at: now,
            pkcs8: Secret(Zeroizing::new(pkcs8.to_vec())),
        })
    }

    fn random_secret(&self) -> Result<Secret, KeyFileError> {
        let mut secret = Zeroizing::new(vec![0; 32]);
        self.rng
            .fill(&mut secret)
            .map_err(|e| KeyFileError::Crypto(e.to_string()))?;
        Ok(Secret(secret))
    }

    fn replace(&self, content: &Content) -> Result<(), KeyFileError> {
        let owner = fs::metadata(&self.path).map_err(|e| self.io("read", e))?;
        let aside = self.write_aside(content)?;
        // An administrator's command runs as root; the server must still be able to read its keys.
        if let Err(e) = chown(&aside, Some(owner.uid()), Some(owner.gid())) {
            let _ = fs::remove_file(&aside);
            return Err(self.io("hand over", e));
        }
        if let Err(e) = fs::rename(&aside, &self.path) {
            let _ = fs::remove_file(&aside);
            return Err(self.io("replace", e));
        }
        self.sync_directory()
    }

    fn write_aside(&self, content: &Content) -> Result<PathBuf, KeyFileError> {
        let mut suffix = [0; 8];
        self.rng
            .fill(&mut suffix)
            .map_err(|e| KeyFileError::Crypto(e.to_string()))?;
        let aside = self
            .path
            .with_extension(format!("{}.tmp", BASE64_URL_SAFE_NO_PAD.encode(suffix)));
        let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer_pretty(&mut *text, content).map_err(|e| self.io("write", e.into()))?;
        text.push(b'\n');
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)
            .and_then(|mut file| {
                file.write_all(&text)?;
                file.sync_all()
            });
        match written {
            Ok(()) => Ok(aside),
            Err(e) => {
                let _ = fs::remove_file(&aside);
                Err(self.io("write", e))
            }
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn sync_directory(&self) -> Result<(), KeyFileError> {
        File::open(self.directory())
            .and_then(|dir| dir.sync_all())
            .map_err(|e| self.io("sync", e))
    }

    /// Held while the file is changed, so that two commands at once do not lose one of two keys.
    fn lock(&self) -> Result<File, KeyFileError> {
        let directory = File::open(self.directory()).map_err(|e| self.io("lock", e))?;
        directory.lock().map_err(|e| self.io("lock", e))?;
        Ok(directory)
    }

    fn io(&self, what: &'static str, source: io::Error) -> KeyFileError {
        KeyFileError::Io {
            what,
            path: self.path.clone(),
            source,
        }
    }

    fn damaged(&self, what: impl Into<String>) -> KeyFileError {
        KeyFileError::Damaged {
            path: self.path.clone(),
            what: what.into(),
        }
    }
}

impl KeySource for KeyFile {
    fn load(&self) -> Result<Arc<dyn KeyRing>, KeyError> {
        self.read()
            .map(|keys| Arc::new(keys) as Arc<dyn KeyRing>)
            .map_err(|e| KeyError(e.to_string()))
    }
}

/// What the file holds. Serialised with private parts: only ever into the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: String,
    version: u32,
    /// 32 bytes; others are derived from it. Not rotated: hashes in the database depend on it.
    secret: Secret,
    /// Whether there ever were other keys, which devices may still have pinned.
    #[serde(default)]
    rotated: bool,
    /// Newest first.
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    created_at: i64,
    pkcs8: Secret,
}

struct Secret(Zeroizing<Vec<u8>>);

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(deserializer)?;
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(&text);
        text.zeroize();
        // The decoder's words would quote a byte of the secret.
        decoded
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| serde::de::Error::custom("not base64url"))
    }
}

#[cfg(test)]
mod tests;
