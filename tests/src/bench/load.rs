//! Approvals through a real gateway over TLS, beside the floor, in rounds that take turns.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use countersign_protocol::{Verdict, wire::ServerFrame};
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::Instant;

use super::{
    Figure, Report, cpu,
    figure::{milliseconds, quantile},
    floor::FloorPair,
};
use crate::{
    harness::{Gateway, GatewayOptions, Process, Session},
    wire::{Device, Frames, RelyingSide, http_client},
};

/// How long the two legs of an approval took.
#[derive(Debug, Clone, Copy)]
pub struct Legs {
    /// From asking to the request's frame at the device: accepted, signed, committed, sent.
    pub accept_to_frame: Duration,
    /// From the signed decision to the moment the relying side knows: verified, committed, told.
    pub signed_to_visible: Duration,
}

/// Approvals of one pair in one round; below the gateway's limit per user and minute over all rounds.
const PER_ROUND: usize = 60;
const ROUNDS: usize = 4;
/// Pairs at once, per level of load.
const LEVELS: [(usize, &str); 4] = [
    (1, "approvals_per_core_c1"),
    (8, "approvals_per_core_c8"),
    (32, "approvals_per_core_c32"),
    (128, "approvals_per_core_c128"),
];

/// A relying side and a device at the gateway.
#[derive(Debug)]
struct GatewayPair {
    relying: RelyingSide,
    device: Device,
    frames: Frames,
    user: String,
}

impl GatewayPair {
    async fn enrol(session: &Session, gateway: &Gateway, secret: &str, user: String) -> Result<Self> {
        let http = http_client(session.ca.pem())?;
        let link = gateway.enrolment_link(session, &user).await?;
        let device = Device::enrol(&http, &link, "bench").await?;
        let frames = device.stream(session.ca.client()?).await?;
        Ok(Self {
            relying: RelyingSide::new(http, &gateway.url, secret),
            device,
            frames,
            user,
        })
    }

    /// One approval. The relying side waits for its end from the start, as it would.
    async fn cycle(&mut self) -> Result<Legs> {
        let body = json!({
            "user": self.user,
            "binding_message": "Payment INV-2026-0417",
            "authorization_details": [{
                "type": "payment_initiation",
                "instructedAmount": { "amount": "4250.00", "currency": "EUR" },
                "creditorName": "Meridian Supplies GmbH",
            }],
        });
        let asked_at = Instant::now();
        let (asked, request) = tokio::join!(self.relying.ask(&body), async {
            let request = next_request(&mut self.frames).await;
            (request, asked_at.elapsed())
        });
        let (asked, (request, accept_to_frame)) = (asked?, request);
        let decision = self
            .device
            .sign(&request?, Verdict::Approve, Some(asked.code()?))?;
        let frame = json!({ "type": "decision", "decision": decision }).to_string();
        let ended = async {
            let ended = self.relying.ended(&asked.txn).await;
            (ended, Instant::now())
        };
        let decided = async {
            let signed = Instant::now();
            self.frames.send_text(frame).await?;
            match self.frames.next().await? {
                Ok(ServerFrame::Receipt { .. }) => Ok(signed),
                other => bail!("a decision was answered with {other:?}"),
            }
        };
        let ((ended, visible), signed) = tokio::join!(ended, decided);
        ensure!(
            ended?["state"] == "approved",
            "an approval did not end as approved"
        );
        Ok(Legs {
            accept_to_frame,
            signed_to_visible: visible.saturating_duration_since(signed?),
        })
    }
}

async fn next_request(frames: &mut Frames) -> Result<String> {
    loop {
        match frames.next().await? {
            Ok(ServerFrame::Request { request, .. }) => return Ok(request),
            Ok(ServerFrame::Welcome { .. } | ServerFrame::Keys { .. }) => {}
            other => bail!("instead of a request came {other:?}"),
        }
    }
}

/// What a side of the comparison has shown.
#[derive(Debug, Default)]
struct Samples {
    accept_to_frame: Vec<f64>,
    signed_to_visible: Vec<f64>,
    approvals: f64,
    cpu_seconds: f64,
    wall_seconds: f64,
}

impl Samples {
    fn add(&mut self, legs: &[Legs], cpu: Duration, wall: Duration) {
        for legs in legs {
            self.accept_to_frame.push(milliseconds(legs.accept_to_frame));
            self.signed_to_visible.push(milliseconds(legs.signed_to_visible));
            self.approvals += 1.0;
        }
        self.cpu_seconds += cpu.as_secs_f64();
        self.wall_seconds += wall.as_secs_f64();
    }

    fn per_core(&self) -> f64 {
        self.approvals / self.cpu_seconds
    }
}

/// The latency and throughput figures.
///
/// # Errors
/// When gateway or floor do not do what they should.
pub async fn figures(session: &Session, report: &mut Report) -> Result<()> {
    let limits = vec![("requests_per_minute", 600), ("pending_per_user", 50)];
    let gateway = Gateway::with(
        session,
        GatewayOptions {
            limits,
            quiet: true,
            ..GatewayOptions::default()
        },
    )
    .await?;
    let secret = gateway.add_application(session, "bench", "Bench").await?;
    let (floor, port) = start_floor(session).await?;
    for (pairs, name) in LEVELS {
        let (ours, other) = match level(session, &gateway, &secret, &floor, port, pairs).await {
            Ok(samples) => samples,
            Err(error) => {
                report.failure(name, &error);
                continue;
            }
        };
        eprintln!(
            "  {pairs} at once: gateway {:.0}/s, floor {:.0}/s by the clock, load generator included",
            ours.approvals / ours.wall_seconds,
            other.approvals / other.wall_seconds
        );
        if pairs == 1 {
            for figure in latencies(&ours, &other)? {
                report.figure(&figure)?;
            }
        }
        let per_core = ours.per_core();
        let beside = Some(other.per_core());
        report.figure(&Figure::new(name, per_core, "approvals/s/core", "floor", beside))?;
    }
    Ok(())
}

async fn level(
    session: &Session,
    gateway: &Gateway,
    secret: &str,
    floor: &Process,
    port: u16,
    pairs: usize,
) -> Result<(Samples, Samples)> {
    let mut ours = Vec::new();
    let mut others = Vec::new();
    let tls = session.ca.client()?;
    for at in 0..pairs {
        let user = format!("user-{pairs}-{at}");
        ours.push(GatewayPair::enrol(session, gateway, secret, user).await?);
        let pair = u32::try_from(pairs * 1000 + at)?;
        others.push(FloorPair::connect(port, pair, &tls).await?);
    }
    let per_round = if pairs == 1 {
        PER_ROUND * 2
    } else {
        PER_ROUND.min(3000 / pairs)
    };
    let (mut gateway_samples, mut floor_samples) = (Samples::default(), Samples::default());
    for round in 0..=ROUNDS {
        let (legs, cpu, wall) = timed(
            gateway.process()?.pid(),
            ours.iter_mut().map(async |pair| {
                let mut legs = Vec::with_capacity(per_round);
                for _ in 0..per_round {
                    legs.push(pair.cycle().await?);
                }
                Ok(legs)
            }),
        )
        .await?;
        let (floor_legs, floor_cpu, floor_wall) = timed(
            floor.pid(),
            others.iter_mut().map(async |pair| {
                let mut legs = Vec::with_capacity(per_round);
                for _ in 0..per_round {
                    legs.push(pair.cycle().await?);
                }
                Ok(legs)
            }),
        )
        .await?;
        // The first round warms both up.
        if round > 0 {
            gateway_samples.add(&legs, cpu, wall);
            floor_samples.add(&floor_legs, floor_cpu, floor_wall);
        }
    }
    Ok((gateway_samples, floor_samples))
}

async fn timed(
    pid: u32,
    work: impl IntoIterator<Item = impl Future<Output = Result<Vec<Legs>>>>,
) -> Result<(Vec<Legs>, Duration, Duration)> {
    let (cpu, wall) = (cpu::time(pid)?, Instant::now());
    let legs = try_join_all(work).await?.concat();
    Ok((legs, cpu::time(pid)?.saturating_sub(cpu), wall.elapsed()))
}

fn latencies(ours: &Samples, floor: &Samples) -> Result<Vec<Figure>> {
    let legs = [
        (
            "accept_to_frame_p50",
            0.5,
            &ours.accept_to_frame,
            &floor.accept_to_frame,
        ),
        (
            "accept_to_frame_p99",
            0.99,
            &ours.accept_to_frame,
            &floor.accept_to_frame,
        ),
        (
            "signed_to_visible_p50",
            0.5,
            &ours.signed_to_visible,
            &floor.signed_to_visible,
        ),
        (
            "signed_to_visible_p99",
            0.99,
            &ours.signed_to_visible,
            &floor.signed_to_visible,
        ),
    ];
    legs.into_iter()
        .map(|(name, share, ours, floor)| {
            let value = quantile(ours, share).context("no samples")?;
            Ok(Figure::new(name, value, "ms", "floor", quantile(floor, share)))
        })
        .collect()
}

async fn start_floor(session: &Session) -> Result<(Process, u16)> {
    let dir = session.dir().join("floor");
    let cert = session.ca.issue(&dir, &["localhost"])?;
    let mut command = session.command(std::env::current_exe()?);
    command
        .arg("floor")
        .arg(cert.cert)
        .arg(cert.key)
        .arg(database(&dir));
    let mut process = Process::start("floor", command, session.logs().dir())?;
    let port = process
        .line("it listened", |line| {
            line.strip_prefix("listening ")?.parse::<u16>().ok()
        })
        .await?;
    Ok((process, port))
}

fn database(dir: &std::path::Path) -> PathBuf {
    dir.join("floor.sqlite")
}
