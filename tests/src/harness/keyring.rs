//! The keyring service of a session, in every state a person's may be in.

use std::{collections::BTreeMap, ffi::OsString, fs, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use tokio::io::AsyncWriteExt as _;
use zbus::{Connection, zvariant::OwnedObjectPath};

use super::{
    Logs, Process,
    session::{command, wait_for_name},
};

const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const PASSWORD: &[u8] = b"a keyring password";

/// The keyring service; none runs until it is started.
#[derive(Debug)]
pub struct Keyring {
    process: Option<Process>,
    files: PathBuf,
    environment: BTreeMap<String, OsString>,
    logs: Logs,
    connection: Connection,
}

impl Keyring {
    pub(super) fn new(
        dir: &std::path::Path,
        environment: BTreeMap<String, OsString>,
        logs: Logs,
        connection: Connection,
    ) -> Self {
        Self {
            process: None,
            files: dir.join("data/keyrings"),
            environment,
            logs,
            connection,
        }
    }

    /// Starts it, unlocked, with what it held before.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&mut self) -> Result<()> {
        let mut command = command("gnome-keyring-daemon", &self.environment);
        command
            .args(["--foreground", "--unlock", "--components=secrets"])
            .stdin(Stdio::piped());
        let mut process = Process::start("keyring", command, self.logs.dir())?;
        let mut stdin = process.stdin().context("the keyring has no standard input")?;
        stdin.write_all(PASSWORD).await?;
        drop(stdin);
        wait_for_name(&self.connection, NAME).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Locks it: everything is still there, nothing can be read.
    ///
    /// # Errors
    /// When it does not lock.
    pub async fn lock(&self) -> Result<()> {
        let collection = self.default_collection().await?;
        let message = self
            .connection
            .call_method(Some(NAME), PATH, Some(SERVICE), "Lock", &vec![&collection])
            .await?;
        let (locked, _): (Vec<OwnedObjectPath>, OwnedObjectPath) = message.body().deserialize()?;
        ensure!(locked.contains(&collection), "the keyring did not lock");
        Ok(())
    }

    /// Unlocks it, as a person does who types the password at log-in.
    ///
    /// # Errors
    /// When it does not come up again.
    pub async fn unlock(&mut self) -> Result<()> {
        self.stop().await?;
        self.start().await
    }

    /// Ends the service: there is none then.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Starts over with an empty keyring, as after a reset profile.
    ///
    /// # Errors
    /// When it does not come up again.
    pub async fn start_empty(&mut self) -> Result<()> {
        self.stop().await?;
        fs::remove_dir_all(&self.files)?;
        self.start().await
    }

    /// Stops it from answering: it holds its name and is silent. [`Keyring::unlock`] ends that.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn hang(&self) -> Result<()> {
        self.process
            .as_ref()
            .context("the keyring does not run")?
            .signal(rustix::process::Signal::STOP)
    }

    /// How many secrets it holds.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn items(&self) -> Result<usize> {
        let collection = self.default_collection().await?;
        let properties = zbus::fdo::PropertiesProxy::new(&self.connection, NAME, collection).await?;
        let name = "org.freedesktop.Secret.Collection".try_into()?;
        let items: Vec<OwnedObjectPath> = properties.get(name, "Items").await?.try_into()?;
        Ok(items.len())
    }

    /// The agent's secrets, as it has them.
    ///
    /// # Errors
    /// When there is none.
    pub async fn secrets(&self) -> Result<Vec<String>> {
        let mut search = command("secret-tool", &self.environment);
        search.args(["search", "--all", "service", "countersign"]);
        let found = search.output().await?;
        let text = String::from_utf8_lossy(&found.stdout);
        let secrets = text.lines().filter_map(|line| line.strip_prefix("secret = "));
        let secrets: Vec<String> = secrets.map(str::to_owned).collect();
        let error = String::from_utf8_lossy(&found.stderr);
        ensure!(!secrets.is_empty(), "no key in the keyring: {text}{error}");
        Ok(secrets)
    }

    async fn default_collection(&self) -> Result<OwnedObjectPath> {
        let message = self
            .connection
            .call_method(Some(NAME), PATH, Some(SERVICE), "ReadAlias", &"default")
            .await?;
        let path: OwnedObjectPath = message.body().deserialize()?;
        ensure!(path.as_str() != "/", "the keyring has no default collection");
        Ok(path)
    }
}
