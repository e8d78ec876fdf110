//! A gateway as an administrator meets it: the program, a directory, a process.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "for tests, each of which uses its part"
)]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use countersign_gateway::edge::{Clock, SystemClock, SystemRng};
use countersign_protocol::{
    ApprovalEnrol, DeviceDescription, EnrolmentLink, Es256Key, Evidenced, Jti, KeyProtection,
    ProtectionLevel, jws,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://127.0.0.1:8443";
/// Longer than anything takes that is not broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with these arguments and nothing of the environment.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-gateway"));
    command.env_clear().args(arguments);
    command
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A directory with a gateway in it.
pub(crate) struct Gateway {
    pub(crate) directory: tempfile::TempDir,
    authority: Option<Authority>,
}

impl Gateway {
    /// Nothing yet.
    pub(crate) fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            authority: None,
        }
    }

    /// One behind a proxy.
    pub(crate) fn plain() -> Self {
        let gateway = Self::empty();
        let ran = gateway.init(&["--behind-proxy"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        gateway.without_metrics();
        gateway
    }

    /// One with a certificate of a private authority.
    pub(crate) fn with_tls() -> Self {
        let mut gateway = Self::empty();
        gateway.renew_certificate();
        let (cert, key) = (gateway.path("cert.pem"), gateway.path("key.pem"));
        let ran = gateway.init(&[
            "--tls-cert",
            cert.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        gateway.without_metrics();
        gateway
    }

    pub(crate) fn init(&self, more: &[&str]) -> Ran {
        let data = self.path("data");
        let data = data.to_str().unwrap();
        let mut arguments = vec![
            "init",
            "--issuer",
            ISSUER,
            "--name",
            "Test",
            "--data-dir",
            data,
            "--listen",
            "127.0.0.1:0",
        ];
        arguments.extend(more);
        self.run(&arguments)
    }

    /// A port of its own would be taken by the next test.
    fn without_metrics(&self) {
        self.configure("#enabled = true", "enabled = false");
    }

    /// Changes a line of the configuration.
    pub(crate) fn configure(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from} is not in the configuration");
        fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    /// Another authority and a certificate by it, in the same files.
    pub(crate) fn renew_certificate(&mut self) {
        let authority = Authority::new();
        authority.issue(&self.path("cert.pem"), &self.path("key.pem"));
        self.authority = Some(authority);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("gateway.toml")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&["--config", self.config().to_str().unwrap()]);
        command.args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that succeeds.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    /// Runs a command that succeeds and prints JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// Runs a command that fails, and gives what it says.
    pub(crate) fn fails(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
        ran.err
    }

    /// Whether these bytes are anywhere in the data directory.
    pub(crate) fn data_holds(&self, needle: &str) -> bool {
        let files = fs::read_dir(self.path("data")).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| {
                bytes
                    .windows(needle.len())
                    .any(|window| window == needle.as_bytes())
            })
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        let mut child = self
            .command(&["serve"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut serving = Serving {
            child,
            lines,
            log: String::new(),
            address: String::new(),
        };
        serving.address = serving.event("listening")["addr"].as_str().unwrap().to_owned();
        serving
    }

    /// A client that trusts this gateway's authority and nobody else.
    pub(crate) fn client(&self) -> reqwest::Client {
        let mut roots = RootCertStore::empty();
        if let Some(authority) = &self.authority {
            roots.add(authority.certificate.der().clone()).unwrap();
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .build()
            .unwrap()
    }
}

/// A running server.
pub(crate) struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// All that it logged so far.
    pub(crate) log: String,
    pub(crate) address: String,
}

impl Serving {
    /// Waits for a log line with this event.
    pub(crate) fn event(&mut self, event: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|e| panic!("no {event}: {e}\n{}", self.log));
            self.log.push_str(&line);
            self.log.push('\n');
            let value: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if value["event"] == event {
                return value;
            }
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as a supervisor does, and gives its status and log.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        self.signal(rustix::process::Signal::TERM);
        let status = self.child.wait().unwrap();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.log.push_str(&line);
            self.log.push('\n');
        }
        (status, std::mem::take(&mut self.log))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Authority {
    certificate: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: rcgen::Issuer::new(params, key),
        }
    }

    fn issue(&self, cert: &Path, key: &Path) {
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        fs::write(cert, params.signed_by(&pair, &self.issuer).unwrap().pem()).unwrap();
        fs::write(key, pair.serialize_pem()).unwrap();
    }
}

/// What a device sends to be enrolled by this link.
pub(crate) fn enrolment(link: &str) -> Value {
    let link = EnrolmentLink::parse(link).unwrap();
    let rng = SystemRng::new();
    let pkcs8 = Es256Key::generate_pkcs8(rng.system_random()).unwrap();
    let key = Es256Key::from_pkcs8(&pkcs8, rng.system_random()).unwrap();
    let now = SystemClock.now();
    let claims = ApprovalEnrol {
        aud: link.issuer,
        iat: now,
        exp: now + 60,
        jti: Jti::from_random([1; 16]),
        code: link.code,
        device: DeviceDescription {
            name: "desk".to_owned(),
            platform: "Linux".to_owned(),
            app_version: "1.0".to_owned(),
        },
        key_protection: KeyProtection {
            level: ProtectionLevel::Sw,
            evidence: Evidenced::Claimed,
        },
        attestation: None,
    };
    json!({ "enrolment": jws::sign(&claims, &key).unwrap() })
}
