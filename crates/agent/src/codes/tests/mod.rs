//! The task as a whole, with real files, keys in memory, and the test's own clock and clipboard.

mod backups;
mod entries;
mod gnome_keyring;
mod imports;
mod vaults;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use countersign_agent_api::{
    ApiError, CodeAlgorithm, CodeEntry, CodeId, CodeKind, CodesPage, CodesReply, CodesRequest, DeliveredCode,
    ErrorCode, ImportSource, ImportStage, ImportView, NewCode, ShownCode, VaultState, VaultView,
};
use tokio::sync::{mpsc, oneshot, watch};
use zeroize::Zeroizing;

use super::*;
use crate::{
    edge::{self, Clock},
    engine::Call,
    ipc::ConnectionId,
    keystore::{KeyStore, Keys, Limits, MemoryKeyStore},
    state_dir::StateDir,
};

/// Where the clock starts.
const NOW: i64 = 1_800_000_000;

/// The secret of RFC 6238's vectors.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

pub(super) const TOTP: CodeKind = CodeKind::Totp {
    algorithm: CodeAlgorithm::Sha1,
    digits: 8,
    period: 30,
};

const HOTP: CodeKind = CodeKind::Hotp {
    algorithm: CodeAlgorithm::Sha1,
    digits: 6,
    counter: 0,
};

/// RFC 4226's codes of the counters from 0.
const COUNTED: [&str; 4] = ["755224", "287082", "359152", "969429"];

/// Set by the test; goes on steadily meanwhile.
#[derive(Debug)]
struct TestClock {
    now_ms: AtomicI64,
    steady: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.now_ms() / 1000
    }

    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn steady_ms(&self) -> i64 {
        self.steady.load(Ordering::Relaxed) * 1000
    }
}

impl TestClock {
    fn pass(&self, seconds: i64) {
        self.set(self.now_ms() + seconds * 1000);
        self.steady.fetch_add(seconds, Ordering::Relaxed);
    }

    /// As a person does it.
    fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }
}

/// What a test has of the world outside.
pub(super) struct Around {
    clock: Arc<TestClock>,
    clipboard: Arc<MemoryClipboard>,
    issuer_time: watch::Sender<Option<IssuerTime>>,
}

pub(super) fn parts(home: &tempfile::TempDir, store: Arc<dyn KeyStore>) -> (Parts, Around) {
    let clock = Arc::new(TestClock {
        now_ms: AtomicI64::new(NOW * 1000),
        steady: AtomicI64::new(77),
    });
    let limits = Limits {
        silent: Duration::from_secs(5),
        interactive: Duration::from_secs(5),
    };
    let clipboard = Arc::new(MemoryClipboard::default());
    let (issuer_time, told) = watch::channel(None);
    let parts = Parts {
        clock: Arc::clone(&clock) as Arc<dyn Clock>,
        rng: Arc::new(edge::random()),
        keys: Keys::new(store, limits),
        clipboard: Arc::clone(&clipboard) as Arc<dyn Clipboard>,
        state: Arc::new(StateDir::open(&home.path().join("data")).unwrap()),
        told,
    };
    let around = Around {
        clock,
        clipboard,
        issuer_time,
    };
    (parts, around)
}

pub(super) fn adding(issuer: &str, kind: CodeKind) -> CodesRequest {
    CodesRequest::Add {
        entry: NewCode {
            issuer: issuer.into(),
            account: "ada".into(),
            secret: SECRET.into(),
            kind,
        },
    }
}

/// One agent's task of codes, and what is around it.
struct Desk {
    home: tempfile::TempDir,
    store: Arc<dyn KeyStore>,
    clock: Arc<TestClock>,
    clipboard: Arc<MemoryClipboard>,
    issuer_time: watch::Sender<Option<IssuerTime>>,
    codes: Codes,
    outputs: mpsc::Receiver<Output>,
    /// What was told last.
    news: Option<News>,
    calls: u64,
}

impl Desk {
    fn new() -> (Self, Arc<MemoryKeyStore>) {
        let store = Arc::new(MemoryKeyStore::new());
        (Self::with(Arc::clone(&store) as Arc<dyn KeyStore>), store)
    }

    fn with(store: Arc<dyn KeyStore>) -> Self {
        Self::at(tempfile::tempdir().unwrap(), store)
    }

    fn at(home: tempfile::TempDir, store: Arc<dyn KeyStore>) -> Self {
        let (parts, around) = parts(&home, Arc::clone(&store));
        let (codes, outputs) = Codes::start(parts);
        Self {
            home,
            store,
            clock: around.clock,
            clipboard: around.clipboard,
            issuer_time: around.issuer_time,
            codes,
            outputs,
            news: None,
            calls: 0,
        }
    }

    /// Ends the task and starts another one.
    async fn restart(self) -> Self {
        let Self {
            home,
            store,
            codes,
            outputs,
            ..
        } = self;
        drop(outputs);
        codes.end().await;
        Self::at(home, store)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("data").join(name)
    }

    fn vault(&self) -> PathBuf {
        self.path(VAULT_FILE)
    }

    /// Sends a call without waiting for its answer.
    fn send(&mut self, request: CodesRequest) -> u64 {
        self.tell(|call| Inbox::Call {
            call,
            request,
            clear_after: Some(30),
        })
    }

    /// The same with what only the engine sends.
    fn tell(&mut self, message: impl FnOnce(Call) -> Inbox) -> u64 {
        self.calls += 1;
        let id = self.calls;
        let connection = ConnectionId(1);
        self.codes.tell(message(Call { connection, id })).unwrap();
        id
    }

    async fn answer(&mut self, id: u64) -> Result<CodesReply, ApiError> {
        loop {
            match self.outputs.recv().await.expect("the task is gone") {
                Output::Reply(call, result) if call.id == id => return result,
                Output::Reply(..) => {}
                Output::News(news) => self.news = Some(*news),
            }
        }
    }

    async fn call(&mut self, request: CodesRequest) -> Result<CodesReply, ApiError> {
        let id = self.send(request);
        self.answer(id).await
    }

    async fn refusal(&mut self, request: CodesRequest) -> ErrorCode {
        self.call(request).await.unwrap_err().code
    }

    async fn add(&mut self, issuer: &str, kind: CodeKind) -> CodeEntry {
        self.entry(adding(issuer, kind)).await
    }

    async fn entry(&mut self, request: CodesRequest) -> CodeEntry {
        match self.call(request).await.unwrap() {
            CodesReply::Entry(entry) => entry,
            other => panic!("{other:?}"),
        }
    }

    async fn page(&mut self, query: &str) -> CodesPage {
        let list = CodesRequest::List {
            query: query.into(),
            tag: None,
            from: 0,
            limit: 200,
        };
        match self.call(list).await.unwrap() {
            CodesReply::Page(page) => page,
            other => panic!("{other:?}"),
        }
    }

    /// The issuers in the order shown.
    async fn issuers(&mut self, query: &str) -> Vec<String> {
        let page = self.page(query).await;
        page.entries.into_iter().map(|entry| entry.issuer).collect()
    }

    async fn shown(&mut self, request: CodesRequest) -> Vec<ShownCode> {
        match self.call(request).await.unwrap() {
            CodesReply::Shown(shown) => shown,
            other => panic!("{other:?}"),
        }
    }

    async fn code(&mut self, id: &CodeId) -> String {
        let ids = vec![id.clone()];
        self.shown(CodesRequest::Show { ids }).await.remove(0).code
    }

    async fn advance(&mut self, id: &CodeId) -> String {
        let id = id.clone();
        self.shown(CodesRequest::Advance { id }).await.remove(0).code
    }

    async fn view(&mut self) -> VaultView {
        match self.call(CodesRequest::Vault).await.unwrap() {
            CodesReply::Vault(view) => view,
            other => panic!("{other:?}"),
        }
    }

    /// Why the vault cannot be read.
    async fn problem(&mut self) -> String {
        match self.view().await.state {
            VaultState::Unreadable { problem, .. } => problem.finding,
            other => panic!("{other:?}"),
        }
    }

    async fn inspect(&mut self) -> VaultView {
        let (answer, view) = oneshot::channel();
        self.codes.tell(Inbox::Inspect(answer)).unwrap();
        let outputs = async { while self.outputs.recv().await.is_some() {} };
        tokio::select! {
            view = view => view.unwrap(),
            () = outputs => panic!("the task is gone"),
        }
    }

    /// As with an enrolment.
    async fn keep(&mut self, link: &str) -> DeliveredCode {
        let (answer, kept) = oneshot::channel();
        let link = link.to_owned().try_into().unwrap();
        self.codes.tell(Inbox::Keep(link, answer)).unwrap();
        let outputs = async { while self.outputs.recv().await.is_some() {} };
        tokio::select! {
            kept = kept => kept.unwrap(),
            () = outputs => panic!("the task is gone"),
        }
    }

    async fn preview(&mut self, source: ImportSource) -> ImportView {
        match self.call(CodesRequest::PreviewImport { source }).await.unwrap() {
            CodesReply::Import(view) => view,
            other => panic!("{other:?}"),
        }
    }
}

fn typed(text: &str) -> ImportSource {
    ImportSource::Text { text: text.into() }
}

fn file(path: impl Into<PathBuf>) -> ImportSource {
    let path = path.into().display().to_string();
    ImportSource::File { path }
}
