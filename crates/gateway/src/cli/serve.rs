//! `serve`: puts the parts together, runs them, and ends them in order.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ::http::header;
use axum::{Router, middleware, routing::get};
use tokio::{
    net::TcpListener,
    signal::unix::{self, SignalKind},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use super::{CliError, CliResult, admin};
use crate::{
    callback,
    config::{Config, Transport},
    edge::{Rng, SystemClock, SystemRng},
    hooks::{self, Hooks},
    http,
    logging::{self, RequestLog},
    metrics::{self, Metrics},
    openapi,
    server::{self, Acceptance, Ended, Server, TimeLimits},
    service::{Gateway, Happening, Observer, Parts, Settings},
    store::{CommitObserver, Store, sqlite::SqliteStore},
};

/// How long a worker may go on after the server ended.
const WORKER_LIMIT: Duration = Duration::from_secs(5);

/// Connections to the metrics address: a scraper or two.
const METRICS_CONNECTIONS: usize = 16;

pub(super) fn run(config: Config) -> CliResult {
    logging::start(config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::io("start"))?;
    runtime.block_on(serve(config))
}

async fn serve(config: Config) -> CliResult {
    let mut signals = Signals::new()?;
    let metrics = Arc::new(Metrics::new());
    let rng: Arc<dyn Rng> = Arc::new(SystemRng::new());
    let (acceptance, certificate) = acceptance(&config)?;
    // Bound before anything else starts, so that a taken port stops us while nothing has happened.
    let listener = bind(config.listen).await?;
    let metrics_listener = match config.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };

    let (stop, stopped) = watch::channel(false);
    let mut workers = Workers::default();
    let (hooks, hook_worker) = hooks::channel(config.enrolled_hook.clone());
    let observer: Arc<dyn CommitObserver> = metrics.clone();
    let store = admin::open_store(&config, |path| SqliteStore::open_observed(path, observer))?;
    let gateway = Gateway::start(Parts {
        store: Arc::clone(&store),
        keys: Arc::new(admin::key_file(&config)),
        clock: Arc::new(SystemClock),
        rng: Arc::clone(&rng),
        observer: Arc::new(Observers {
            metrics: Arc::clone(&metrics),
            hooks,
        }),
        settings: Settings {
            issuer: config.issuer.clone(),
            name: config.name.clone(),
            limits: config.limits,
        },
    })
    .await?;
    let callbacks = callback::Worker::new(
        Arc::clone(&gateway),
        callback::client(config.callback_ca.as_deref())?,
        Arc::clone(&rng),
        Arc::clone(&metrics),
    );
    workers.start(hook_worker.run(until(&stopped)));
    workers.start(Arc::clone(&gateway).run_timers(until(&stopped)));
    workers.start(callbacks.run(until(&stopped)));
    if let Some(listener) = metrics_listener {
        log_listening("metrics_listening", &listener);
        workers.start(serve_metrics(
            listener,
            Arc::clone(&metrics),
            store,
            until(&stopped),
        ));
    }

    let log = RequestLog {
        metrics: Arc::clone(&metrics),
        rng,
    };
    let router = http::router(Arc::clone(&gateway))
        .merge(openapi::router(&config.issuer))
        .layer(middleware::from_fn_with_state(log, logging::request_log));
    log_listening("listening", &listener);
    let connections = config.limits.connections;
    let server = Server {
        listener,
        acceptance,
        router,
        connections,
        limits: TimeLimits::default(),
        metrics,
    };
    let server = tokio::spawn(server.run(until(&stopped)));

    while let Signal::Reload = signals.next().await {
        reload(&config, certificate.as_ref());
    }
    tracing::info!(event = "stopping", "finishing what is running");
    let _ = stop.send(true);
    gateway.shut_down();
    match server.await {
        Ok(Ended::Drained) => {}
        Ok(Ended::Cut(connections)) => {
            tracing::warn!(
                event = "connections_cut",
                connections,
                "connections that did not end in time were cut"
            );
        }
        Err(error) => tracing::error!(event = "server_failed", %error, "the server failed"),
    }
    workers.join().await;
    tracing::info!(event = "stopped", "stopped");
    Ok(())
}

async fn bind(address: SocketAddr) -> CliResult<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(CliError::io(format!("listen on {address}")))
}

fn log_listening(event: &'static str, listener: &TcpListener) {
    if let Ok(addr) = listener.local_addr() {
        tracing::info!(event, %addr, "listening");
    }
}

type Certificate = watch::Sender<Arc<rustls::ServerConfig>>;

/// How connections are received, and where a renewed certificate goes.
fn acceptance(config: &Config) -> CliResult<(Acceptance, Option<Certificate>)> {
    match &config.transport {
        Transport::Tls { cert, key } => {
            let (sender, receiver) = watch::channel(server::load_tls(cert, key)?);
            Ok((Acceptance::Tls(receiver), Some(sender)))
        }
        Transport::BehindProxy { trusted } => Ok((
            Acceptance::Plain {
                trusted: trusted.as_slice().into(),
            },
            None,
        )),
    }
}

/// Reads the certificate again. One that cannot be used leaves the old one in use.
fn reload(config: &Config, certificate: Option<&Certificate>) {
    let (Some(certificate), Transport::Tls { cert, key }) = (certificate, &config.transport) else {
        return;
    };
    match server::load_tls(cert, key) {
        Ok(renewed) => {
            certificate.send_replace(renewed);
            tracing::info!(event = "certificate_reloaded", "the certificate was read again");
        }
        Err(error) => {
            tracing::error!(event = "certificate_rejected", %error, "the certificate was not replaced");
        }
    }
}

async fn serve_metrics(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    store: Arc<dyn Store>,
    until: impl Future<Output = ()>,
) {
    let known = Arc::new(AtomicU64::new(0));
    let answer = async move || {
        // Without the store there is still everything else to tell.
        if let Ok(changes) = store.changes(known.load(Ordering::Relaxed)).await {
            known.fetch_max(changes.seq, Ordering::Relaxed);
            metrics.audit_sequence(changes.seq);
        }
        ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.render())
    };
    let server = Server {
        listener,
        acceptance: Acceptance::Open,
        router: Router::new().route("/metrics", get(answer)),
        connections: METRICS_CONNECTIONS,
        limits: TimeLimits {
            drain: Duration::from_secs(1),
            ..TimeLimits::default()
        },
        // Its own connections are not what is measured.
        metrics: Arc::new(Metrics::new()),
    };
    server.run(until).await;
}

/// Metrics and hooks are told what happens.
#[derive(Debug)]
struct Observers {
    metrics: Arc<Metrics>,
    hooks: Hooks,
}

impl Observer for Observers {
    fn observe(&self, happening: &Happening<'_>) {
        self.metrics.observe(happening);
        self.hooks.observe(happening);
    }
}

/// Resolves when the gateway is to stop.
fn until(stopped: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stopped = stopped.clone();
    async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }
}

/// What runs beside the server.
#[derive(Debug, Default)]
struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    fn start(&mut self, worker: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(worker));
    }

    /// Waits for all of them, each for a limited time.
    async fn join(self) {
        for worker in self.0 {
            if timeout(WORKER_LIMIT, worker).await.is_err() {
                tracing::warn!(event = "worker_cut", "a worker did not end in time");
            }
        }
    }
}

/// What the operating system asks of us.
enum Signal {
    Stop,
    Reload,
}

struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    fn new() -> CliResult<Self> {
        let listen = |kind| unix::signal(kind).map_err(CliError::io("listen for signals"));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}
