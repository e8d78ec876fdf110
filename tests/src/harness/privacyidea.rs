//! A real privacyIDEA server, of a release that `tests/privacyidea` pins, with TLS by a private authority.
//!
//! It needs Python 3.10 or newer with `venv` (older releases: 3.10 or 3.11) and, the first time, the package index. What is installed is verified by hash and kept in
//! `${XDG_CACHE_HOME:-~/.cache}/countersign`; so is the freshly initialised database that each server starts from.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{Ca, Process, free_port, kept::Kept};

/// The one administrator.
const ADMINISTRATOR: &str = "admin";

/// Where each request is noted: its method and its path.
const REQUESTS: &str = "requests.log";

/// The parts of an initialised server.
const PARTS: [&str; 5] = [
    "enckey",
    "private.pem",
    "public.pem",
    "privacyidea.sqlite",
    "complete",
];

/// The releases that are tested against, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Release {
    /// 3.10.2: no reasons, no codes to type, no containers.
    R3_10_2,
    /// 3.13.4: containers, and codes to type.
    R3_13_4,
    /// 3.14: reasons, too.
    #[default]
    R3_14,
}

impl Release {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::R3_10_2, Self::R3_13_4, Self::R3_14];

    /// As its makers call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::R3_10_2 => "3.10.2",
            Self::R3_13_4 => "3.13.4",
            Self::R3_14 => "3.14",
        }
    }

    /// Where it is kept, in the cache.
    fn directory(self) -> String {
        match self {
            // Each newest one takes the place of the one before.
            Self::R3_14 => "privacyidea".to_owned(),
            Self::R3_10_2 | Self::R3_13_4 => format!("privacyidea-{}", self.name()),
        }
    }

    /// What is pinned: when it changes, what is kept is made anew.
    fn requirements(self) -> &'static str {
        match self {
            Self::R3_10_2 => include_str!("../../privacyidea/3.10.2.txt"),
            Self::R3_13_4 => include_str!("../../privacyidea/3.13.4.txt"),
            Self::R3_14 => include_str!("../../privacyidea/3.14.txt"),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct PrivacyIdea {
    /// Its URL, without a final slash.
    pub url: String,
    address: SocketAddr,
    dir: PathBuf,
    logs: PathBuf,
    environment: PathBuf,
    http: reqwest::Client,
    token: String,
    process: Option<Process>,
}

/// A PUSH token that waits for its device.
#[derive(Debug, Clone)]
pub struct PushEnrolment {
    /// What is in the QR code.
    pub link: String,
    /// The token.
    pub serial: String,
    /// The QR code as the server draws it, PNG.
    pub picture: Vec<u8>,
}

impl PrivacyIdea {
    /// Starts one of the newest release in `dir`, which lets PUSH tokens enrol and poll.
    ///
    /// # Errors
    /// As for [`PrivacyIdea::of`].
    pub async fn start(dir: &Path, ca: &Ca, logs: &Path) -> Result<Self> {
        Self::of(Release::default(), dir, ca, logs).await
    }

    /// The same, of this release.
    ///
    /// # Errors
    /// When Python is missing, what is pinned cannot be installed, or it does not start.
    pub async fn of(release: Release, dir: &Path, ca: &Ca, logs: &Path) -> Result<Self> {
        let environment = environment(release).await?;
        let template = template(&environment);
        fs::create_dir_all(dir)?;
        for part in PARTS {
            fs::copy(template.join(part), dir.join(part))?;
        }
        let config = configuration(dir)?;
        let tls = ca.issue(&dir.join("tls"), &["127.0.0.1", "localhost"])?;
        ensure!(
            tls.cert.is_file() && config.is_file(),
            "the server has no certificate or configuration"
        );
        let port = free_port()?;
        let mut server = Self {
            url: format!("https://127.0.0.1:{port}"),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            dir: dir.to_owned(),
            logs: logs.to_owned(),
            environment,
            http: crate::wire::unpooled_client(ca.pem())?,
            token: String::new(),
            process: None,
        };
        server.serve().await?;
        server.token = server.log_in().await?;
        server.usual_policies(&server.url).await?;
        Ok(server)
    }

    /// Puts the policies of a server that devices know by this URL in place of whatever policies there are.
    ///
    /// # Errors
    /// When the server refuses them.
    pub async fn usual_policies(&self, url: &str) -> Result<()> {
        let all = self.call(Method::GET, "/policy/", None).await?;
        for policy in all["result"]["value"].as_array().into_iter().flatten() {
            self.no_policy(policy["name"].as_str().context("a policy has no name")?)
                .await?;
        }
        let push = format!(
            "push_firebase_configuration=poll only, push_registration_url={url}/ttype/push, push_ttl=10, push_ssl_verify=1"
        );
        self.policy("enrolment", "enrollment", &push).await?;
        self.policy(
            "asking",
            "authentication",
            "push_allow_polling=allow, push_title_on_mobile=Alder portal, push_text_on_mobile=Log in to the portal",
        )
        .await
    }

    /// Starts the server, again if it was stopped.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn serve(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the server runs already");
        let config = self.dir.join("pi.cfg");
        // The application turns the server's own log of requests off.
        let requests = format!(
            "def pre_request(worker, request):\n    with open({:?}, 'a') as log:\n        print(request.method, request.path, file=log)\n",
            self.dir.join(REQUESTS)
        );
        fs::write(self.dir.join("requests.py"), requests)?;
        let mut command = python(&self.environment, "gunicorn");
        command
            .args([
                "--workers",
                "1",
                "--threads",
                "8",
                "--bind",
                &self.address.to_string(),
            ])
            .arg("--certfile")
            .arg(self.dir.join("tls/cert.pem"))
            .arg("--keyfile")
            .arg(self.dir.join("tls/key.pem"))
            .arg("--config")
            .arg(self.dir.join("requests.py"))
            .arg(format!(
                "privacyidea.app:create_app(config_name='production', config_file='{}', silent=True)",
                config.display()
            ));
        let mut process = Process::start("privacyidea", command, &self.logs)?;
        let listens = |line: &str| line.contains("Booting worker").then_some(());
        process.line("it listened", listens).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends the server.
    ///
    /// # Errors
    /// When it does not run, or does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        let process = self.process.take().context("the server does not run")?;
        process.stop().await?;
        Ok(())
    }

    /// Sets a policy, in place of one of the same name.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn policy(&self, name: &str, scope: &str, action: &str) -> Result<()> {
        let policy = json!({
            "scope": scope, "action": action, "active": true,
            "realm": "", "user": "", "resolver": "", "client": "", "adminrealm": "", "adminuser": "",
        });
        self.call(Method::POST, &format!("/policy/{name}"), Some(policy))
            .await?;
        Ok(())
    }

    /// Takes a policy away.
    ///
    /// # Errors
    /// When there is none.
    pub async fn no_policy(&self, name: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("/policy/{name}"), None)
            .await?;
        Ok(())
    }

    /// Makes a PUSH token.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn token(&self) -> Result<PushEnrolment> {
        let asked = json!({"type": "push", "genkey": 1, "pin": "pin"});
        let answer = self.call(Method::POST, "/token/init", Some(asked)).await?;
        let text = |value: &Value| {
            value
                .as_str()
                .map(str::to_owned)
                .context("a text is missing in the answer")
        };
        let picture = text(&answer["detail"]["pushurl"]["img"])?;
        let picture = picture.strip_prefix("data:image/png;base64,");
        Ok(PushEnrolment {
            link: text(&answer["detail"]["pushurl"]["value"])?,
            picture: STANDARD.decode(picture.context("the QR code is no PNG picture")?)?,
            serial: text(&answer["detail"]["serial"])?,
        })
    }

    /// Disables a token.
    ///
    /// # Errors
    /// When there is none.
    pub async fn disable_token(&self, serial: &str) -> Result<()> {
        let token = json!({"serial": serial});
        self.call(Method::POST, "/token/disable", Some(token)).await?;
        Ok(())
    }

    /// Enables a token again.
    ///
    /// # Errors
    /// When there is none.
    pub async fn enable_token(&self, serial: &str) -> Result<()> {
        let token = json!({"serial": serial});
        self.call(Method::POST, "/token/enable", Some(token)).await?;
        Ok(())
    }

    /// Deletes a token.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_token(&self, serial: &str) -> Result<()> {
        self.call(Method::DELETE, &format!("/token/{serial}"), None)
            .await?;
        Ok(())
    }

    /// Has a challenge sent to a token: its transaction, and what is shown where it was started.
    ///
    /// # Errors
    /// When the server sends none.
    pub async fn trigger(&self, serial: &str) -> Result<(String, String)> {
        let asked = json!({"serial": serial});
        let answer = self
            .call(Method::POST, "/validate/triggerchallenge", Some(asked))
            .await?;
        let text = |name: &str| answer["detail"][name].as_str().map(str::to_owned);
        let transaction = text("transaction_id").context("no challenge was sent")?;
        Ok((transaction, text("message").unwrap_or_default()))
    }

    /// What the relying side hears of a transaction: `accept`, `declined`, `pending`.
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn status(&self, transaction: &str) -> Result<String> {
        let path = format!("/validate/polltransaction?transaction_id={transaction}");
        let answer = self.call(Method::GET, &path, None).await?;
        let status = answer["detail"]["challenge_status"].as_str();
        Ok(status.context("the transaction has no status")?.to_owned())
    }

    /// What the audit log says of a transaction's answer.
    ///
    /// # Errors
    /// When it says nothing.
    pub async fn audited(&self, transaction: &str) -> Result<String> {
        let path = format!("/audit/?action_detail=*{transaction}*&page_size=20");
        let answer = self.call(Method::GET, &path, None).await?;
        let entries = answer["result"]["value"]["auditdata"]
            .as_array()
            .into_iter()
            .flatten();
        let details: Vec<&str> = entries
            .filter_map(|entry| entry["action_detail"].as_str())
            .collect();
        ensure!(!details.is_empty(), "the audit log says nothing of {transaction}");
        Ok(details.join("\n"))
    }

    /// Whether somebody who has started a transaction, and types this, is let in.
    ///
    /// # Errors
    /// When the server does not say.
    pub async fn lets_in(&self, serial: &str, transaction: &str, typed: &str) -> Result<bool> {
        let asked = json!({"serial": serial, "transaction_id": transaction, "pass": typed});
        let answer = self.call(Method::POST, "/validate/check", Some(asked)).await?;
        answer["result"]["value"].as_bool().context("no answer")
    }

    /// How often it was polled since it was made.
    ///
    /// # Errors
    /// When its log cannot be read.
    pub fn polls(&self) -> Result<usize> {
        let log = fs::read_to_string(self.dir.join(REQUESTS))?;
        Ok(log.lines().filter(|line| *line == "GET /ttype/push").count())
    }

    async fn log_in(&self) -> Result<String> {
        let asked = json!({"username": ADMINISTRATOR, "password": ADMINISTRATOR});
        let answer = self.call(Method::POST, "/auth", Some(asked)).await?;
        let token = answer["result"]["value"]["token"].as_str();
        Ok(token.context("the administrator got no token")?.to_owned())
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("Authorization", &self.token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer: Value = request.send().await?.json().await?;
        ensure!(
            answer["result"]["status"] == true,
            "{path} was answered with {}",
            answer["result"]["error"]
        );
        Ok(answer)
    }
}

/// The installed server with an initialised database in it, made if need be.
async fn environment(release: Release) -> Result<PathBuf> {
    let environment = cache()?.join(release.directory());
    let kept = Kept::alone(&environment).await?;
    let requirements = release.requirements();
    if !kept.is_of(requirements) || !template(&environment).join("complete").is_file() {
        let new = kept.begin()?;
        install(release, &new).await?;
        initialise(&new).await?;
        kept.finish(requirements)?;
    }
    Ok(environment)
}

async fn install(release: Release, environment: &Path) -> Result<()> {
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(environment);
    run(make)
        .await
        .context("a real privacyIDEA server needs Python 3.10 or newer with venv (Debian: python3-venv)")?;
    let wanted = environment.join("wanted.txt");
    fs::write(&wanted, release.requirements())?;
    let mut install = python(environment, "pip");
    install
        .args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
        ])
        .arg(&wanted);
    run(install).await.with_context(|| {
        let release = release.name();
        format!("privacyIDEA {release} cannot be installed; is the package index reachable?")
    })
}

/// An initialised database and its keys: each server starts with a copy.
async fn initialise(environment: &Path) -> Result<()> {
    let template = template(environment);
    fs::create_dir_all(&template)?;
    let config = configuration(&template)?;
    let steps: [&[&str]; 4] = [
        &["setup", "create_enckey"],
        &["setup", "create_audit_keys"],
        &["setup", "create_tables"],
        &["admin", "add", ADMINISTRATOR, "-p", ADMINISTRATOR],
    ];
    for step in steps {
        let mut manage = python(environment, "pi-manage");
        manage.env("PRIVACYIDEA_CONFIGFILE", &config).args(step);
        run(manage).await?;
    }
    fs::write(template.join("complete"), "")?;
    Ok(())
}

fn template(environment: &Path) -> PathBuf {
    environment.join("template")
}

fn configuration(dir: &Path) -> Result<PathBuf> {
    let file = dir.join("pi.cfg");
    let at = dir.display();
    let text = format!(
        "SQLALCHEMY_DATABASE_URI = 'sqlite:///{at}/privacyidea.sqlite'\nSECRET_KEY = 'of a test'\nPI_PEPPER = 'of a test'\n\
         PI_ENCFILE = '{at}/enckey'\nPI_AUDIT_KEY_PRIVATE = '{at}/private.pem'\nPI_AUDIT_KEY_PUBLIC = '{at}/public.pem'\n\
         PI_LOGFILE = '{at}/privacyidea.log'\nPI_LOGLEVEL = 30\nSUPERUSER_REALM = ['administrators']\n"
    );
    fs::write(&file, text)?;
    Ok(file)
}

fn python(environment: &Path, program: &str) -> Command {
    let bin = environment.join("bin");
    let mut command = Command::new(bin.join("python"));
    // The program itself names the interpreter where it was installed, before it was put in its place.
    command.arg(bin.join(program));
    // What this machine has set for Python is not meant for the server.
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
    command
}

async fn run(mut command: Command) -> Result<()> {
    let output = command.output().await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{:?} failed: {said}", command.as_std());
    }
    Ok(())
}

fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    let directory = base.unwrap_or_else(env::temp_dir).join("countersign");
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
