//! What the gateway counts, in the Prometheus text format.
//!
//! Invariants: no label holds anything that a stranger chooses (routes are templates, outcomes are our own words), so
//! the number of series is bounded; nothing here names a user, a device or a client.

use std::time::Duration;

use countersign_protocol::ErrorCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{
    service::{Happening, Observer},
    store::CommitObserver,
};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All counters. One exists per process; parts are given a reference.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_time: Family<RouteLabel, Histogram, fn() -> Histogram>,
    connections: Gauge,
    connections_refused: Family<ReasonLabel, Counter>,
    approvals_asked: Counter,
    approvals_ended: Family<OutcomeLabel, Counter>,
    answer_time: Histogram,
    late_reports: Counter,
    refusals: Family<RefusalLabels, Counter>,
    wrong_codes: Counter,
    users_locked: Counter,
    devices: Gauge,
    enrolments: Counter,
    callbacks: Family<ResultLabel, Counter>,
    commit_time: Histogram,
    commit_size: Histogram,
    audit_sequence: Gauge,
}

/// How a callback attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackResult {
    /// The receiver took it.
    Delivered,
    /// It will be tried again.
    Failed,
    /// It was given up.
    GivenUp,
}

/// Why a connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedConnection {
    /// As many as allowed are open.
    Limit,
    /// The peer is no trusted proxy.
    Peer,
    /// TLS was not agreed upon, or not in time.
    Handshake,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running version", build);

        let requests = Family::default();
        registry.register(
            "http_requests",
            "HTTP requests by route and status",
            requests.clone(),
        );
        let request_time = Family::new_with_constructor(request_seconds as fn() -> Histogram);
        let help = "Time until the answer, waiting included";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, request_time.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let connections_refused = Family::default();
        registry.register(
            "connections_refused",
            "Connections that were not served",
            connections_refused.clone(),
        );

        let approvals_asked = Counter::default();
        registry.register(
            "approvals_asked",
            "Approvals accepted from relying sides",
            approvals_asked.clone(),
        );
        let approvals_ended = Family::default();
        registry.register(
            "approvals_ended",
            "Approvals that ended, by outcome",
            approvals_ended.clone(),
        );
        let answer_time = Histogram::new([1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0]);
        let help = "Time from the acceptance of an approval to its end";
        registry.register_with_unit("approval_duration", help, Unit::Seconds, answer_time.clone());
        let late_reports = Counter::default();
        registry.register(
            "approvals_reported_late",
            "Reports of approvals that had ended",
            late_reports.clone(),
        );
        let refusals = Family::default();
        registry.register("refusals", "What was refused, and why", refusals.clone());
        let wrong_codes = Counter::default();
        registry.register("wrong_codes", "Wrong match codes", wrong_codes.clone());
        let users_locked = Counter::default();
        registry.register(
            "users_locked",
            "Users locked after too many wrong codes",
            users_locked.clone(),
        );
        let devices = Gauge::default();
        registry.register(
            "connected_devices",
            "Devices with an open connection",
            devices.clone(),
        );
        let enrolments = Counter::default();
        registry.register("enrolments", "Devices enrolled", enrolments.clone());
        let commit_time = Histogram::new(exponential_buckets(0.000_1, 2.0, 14));
        let help = "Time of one durable commit";
        registry.register_with_unit("commit_duration", help, Unit::Seconds, commit_time.clone());
        let commit_size = Histogram::new(exponential_buckets(1.0, 2.0, 7));
        registry.register(
            "commit_operations",
            "Operations in one durable commit",
            commit_size.clone(),
        );
        let audit_sequence = Gauge::default();
        registry.register(
            "audit_sequence",
            "Number of the newest audit record",
            audit_sequence.clone(),
        );
        let callbacks = Family::default();
        registry.register("callbacks", "Attempts to call back, by result", callbacks.clone());

        Self {
            registry,
            requests,
            request_time,
            connections,
            connections_refused,
            approvals_asked,
            approvals_ended,
            answer_time,
            late_reports,
            refusals,
            wrong_codes,
            users_locked,
            devices,
            enrolments,
            callbacks,
            commit_time,
            commit_size,
            audit_sequence,
        }
    }

    /// Everything as text. Empty if a value could not be written, which only a defect here can cause.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(_) => String::new(),
        }
    }

    /// One request was answered. `route` is the template, never the path as sent.
    pub fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels {
            method,
            route: route.to_owned(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.request_time
            .get_or_create(&RouteLabel {
                route: route.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    /// A connection was opened (+1) or closed (−1).
    pub fn connections(&self, change: i64) {
        self.connections.inc_by(change);
    }

    /// A connection was not served.
    pub fn connection_refused(&self, why: RefusedConnection) {
        let reason = match why {
            RefusedConnection::Limit => "limit",
            RefusedConnection::Peer => "peer",
            RefusedConnection::Handshake => "handshake",
        };
        self.connections_refused
            .get_or_create(&ReasonLabel { reason })
            .inc();
    }

    /// The audit log now ends with this record.
    pub fn audit_sequence(&self, sequence: u64) {
        self.audit_sequence
            .set(i64::try_from(sequence).unwrap_or(i64::MAX));
    }

    /// A callback was tried.
    pub fn callback(&self, result: CallbackResult) {
        let result = match result {
            CallbackResult::Delivered => "delivered",
            CallbackResult::Failed => "failed",
            CallbackResult::GivenUp => "given_up",
        };
        self.callbacks.get_or_create(&ResultLabel { result }).inc();
    }
}

impl CommitObserver for Metrics {
    fn committed(&self, operations: usize, took: Duration) {
        self.commit_time.observe(took.as_secs_f64());
        self.commit_size.observe(operations as f64);
    }
}

impl Observer for Metrics {
    fn observe(&self, happening: &Happening<'_>) {
        match happening {
            Happening::Asked { reached: _ } => {
                self.approvals_asked.inc();
            }
            Happening::Ended { outcome, after } => {
                self.approvals_ended
                    .get_or_create(&OutcomeLabel {
                        outcome: outcome.as_str(),
                    })
                    .inc();
                self.answer_time.observe(*after as f64);
            }
            Happening::ReportedLate => {
                self.late_reports.inc();
            }
            Happening::Refused { what, code } => {
                self.refusals
                    .get_or_create(&RefusalLabels {
                        what,
                        code: code.as_str(),
                    })
                    .inc();
                if *code == ErrorCode::WrongCode {
                    self.wrong_codes.inc();
                }
            }
            Happening::UserLocked => {
                self.users_locked.inc();
            }
            Happening::Enrolled(_) => {
                self.enrolments.inc();
            }
            Happening::Connected => {
                self.devices.inc();
            }
            Happening::Disconnected { after: _ } => {
                self.devices.dec();
            }
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn request_seconds() -> Histogram {
    Histogram::new([
        0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 60.0,
    ])
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    what: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[cfg(test)]
mod tests {
    use countersign_protocol::Outcome;

    use super::*;

    #[test]
    fn counted_things_appear_in_the_text() {
        let metrics = Metrics::new();
        metrics.request("GET", "/v1/approvals/{txn}", 200, Duration::from_millis(3));
        metrics.observe(&Happening::Ended {
            outcome: Outcome::Approved,
            after: 7,
        });
        metrics.observe(&Happening::Refused {
            what: "decision",
            code: ErrorCode::WrongCode,
        });
        metrics.observe(&Happening::Connected);
        metrics.observe(&Happening::Connected);
        metrics.observe(&Happening::Disconnected {
            after: Duration::from_secs(1),
        });
        metrics.callback(CallbackResult::Failed);
        metrics.committed(64, Duration::from_micros(800));
        metrics.audit_sequence(7);
        let text = metrics.render();
        for line in [
            "countersign_http_requests_total{method=\"GET\",route=\"/v1/approvals/{txn}\",status=\"200\"} 1",
            "countersign_http_request_duration_seconds_count{route=\"/v1/approvals/{txn}\"} 1",
            "countersign_approvals_ended_total{outcome=\"approved\"} 1",
            "countersign_approval_duration_seconds_sum 7.0",
            "countersign_refusals_total{what=\"decision\",code=\"wrong_code\"} 1",
            "countersign_wrong_codes_total 1",
            "countersign_connected_devices 1",
            "countersign_callbacks_total{result=\"failed\"} 1",
            "countersign_commit_operations_sum 64.0",
            "countersign_audit_sequence 7",
            concat!(
                "countersign_build_info{version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
        ] {
            assert!(text.contains(line), "{line} is missing from\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
