//! The rows of tasks that block or compute: the program and the clients of `examples/stall`.

use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use gmp_stall::{Case, Outcome, RuntimeName};

use crate::service::Service;
use crate::workloads::Scale;
use crate::{floor, go};

const HOGS: usize = 8;

pub(crate) fn blocking(runtime: &str, scale: &Scale) -> Result<Vec<Option<f64>>, String> {
    measure(runtime, scale, HOGS, 0)
}

pub(crate) fn computing(runtime: &str, scale: &Scale) -> Result<Vec<Option<f64>>, String> {
    measure(runtime, scale, 0, HOGS)
}

/// p99 of the ticker's lateness and of the echo's round trips, in milliseconds.
fn measure(
    runtime: &str,
    scale: &Scale,
    blocking: usize,
    computing: usize,
) -> Result<Vec<Option<f64>>, String> {
    let time = Duration::from_secs(if scale.quick { 1 } else { 4 });
    let case = Case { procs: scale.workers, blocking, computing, time };
    let outcome = match runtime {
        "gmp" => gmp_stall::measure(RuntimeName::Gmp, &case),
        "tokio" => gmp_stall::measure(RuntimeName::Tokio, &case),
        "smol" => gmp_stall::measure(RuntimeName::Smol, &case),
        go::NAME => on_go(&case),
        floor::NAME => floor::hogs(&case),
        // nio: its sockets and timers stay on the worker that made them, and so behind the hogs there.
        _ => return Ok(vec![None, None]),
    };
    let outcome = outcome.map_err(|err| format!("{case}: {err}"))?;
    if outcome.answered < outcome.sent {
        return Err(format!("{case}: {} of {} answers", outcome.answered, outcome.sent));
    }
    let ms = |time: Duration| Some(time.as_secs_f64() * 1e3);
    Ok(vec![ms(outcome.ticker.p99), ms(outcome.echo.p99)])
}

/// Go's program as a service; the clients and the order of things are the same.
fn on_go(case: &Case) -> io::Result<Outcome> {
    let mut command = Command::new(go::built().map_err(io::Error::other)?);
    command
        .args(["serve", "hogs", &case.blocking.to_string(), &case.computing.to_string()])
        .args(["--workers", &case.procs.to_string()]);
    let service = Service::start(command).map_err(io::Error::other)?;
    gmp_stall::measure_service(&mut Elsewhere { service, ticks: String::new() }, case)
}

struct Elsewhere {
    service: Service,
    ticks: String,
}

impl gmp_stall::Service for Elsewhere {
    fn address(&self) -> SocketAddr {
        self.service.address
    }

    fn begin(&mut self, _: &Case) -> io::Result<()> {
        self.service.tell("start").map_err(io::Error::other)
    }

    fn stop(&mut self) -> io::Result<()> {
        self.ticks = self.service.ask("stop").map_err(io::Error::other)?;
        Ok(())
    }

    fn end(&mut self) -> io::Result<(Vec<Duration>, String)> {
        let ticks: Option<Vec<Duration>> = self
            .ticks
            .split_whitespace()
            .map(|ns| ns.parse().ok().map(Duration::from_nanos))
            .collect();
        ticks
            .map(|ticks| (ticks, String::new()))
            .ok_or_else(|| io::Error::other("ticks that are not numbers"))
    }
}
