//! The HTTP row: a server in a process of its own, and wrk.
//!
//! The Rust columns but the floor run one program: hyper's HTTP/1 server on the runtime's own sockets.
//! Go's is net/http.

use std::process::Command;
use std::time::Duration;

use crate::runtimes::Rt as _;
use crate::service::{obey, Service};
use crate::workloads::{Pinned as _, Scale};
use crate::{floor, go, with_runtime};

const CONNECTIONS: u32 = 64;

/// Whether wrk is there.
pub(crate) fn wrk_is_there() -> bool {
    // It answers `-v` with its version, and an exit code of 1.
    Command::new("wrk").arg("-v").output().is_ok()
}

/// The service's process.
pub(crate) fn serve(runtime: &str, workers: usize) -> Result<(), String> {
    match runtime {
        floor::NAME => obey(floor::serve_http()?),
        go::NAME => Err("the program of go's column serves itself".to_string()),
        rust => with_runtime!(rust, R => {
            let rt = R::start(workers);
            obey(R::serve_http(&rt))
        }),
    }
}

/// Thousands of requests a second, CPU µs of the server for each, and the latency's p99 in µs.
pub(crate) fn measure(runtime: &str, scale: &Scale) -> Result<Vec<Option<f64>>, String> {
    let mut command = if runtime == go::NAME {
        Command::new(go::built()?)
    } else {
        let this = std::env::current_exe();
        Command::new(this.map_err(|err| format!("no path to this program: {err}"))?)
    };
    command.args(["serve", "http"]);
    if runtime != go::NAME {
        command.arg(runtime);
    }
    command.arg("--workers").arg(scale.workers.to_string());
    let mut service = Service::start(command)?;
    let url = format!("http://{}/", service.address);
    wrk(&url, 1)?;
    let before = service.cpu()?;
    let report = wrk(&url, if scale.quick { 1 } else { 3 })?;
    let cpu = service.cpu()?.zip(before).map(|(after, before)| after - before);
    Ok(vec![
        Some(report.per_second / 1e3),
        cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / report.requests as f64),
        Some(report.p99.as_secs_f64() * 1e6),
    ])
}

fn wrk(url: &str, secs: u32) -> Result<Report, String> {
    let out = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{secs}s"), "--latency", url])
        .output()
        .map_err(|err| format!("cannot run wrk: {err}"))?;
    let text = String::from_utf8_lossy(&out.stdout);
    report(&text).map_err(|why| format!("wrk: {why} in:\n{text}"))
}

/// What wrk says at its end.
#[derive(Debug, PartialEq)]
struct Report {
    requests: u64,
    per_second: f64,
    p99: Duration,
}

fn report(text: &str) -> Result<Report, String> {
    let after = |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix));
    for wrong in ["Socket errors:", "Non-2xx"] {
        if let Some(rest) = after(wrong) {
            return Err(format!("`{wrong}{rest}`"));
        }
    }
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok())
        .ok_or("no number of requests")?;
    let per_second = after("Requests/sec:")
        .and_then(|n| n.trim().parse().ok())
        .ok_or("no requests per second")?;
    let p99 = after("99%").and_then(|time| duration(time.trim())).ok_or("no p99")?;
    Ok(Report { requests, per_second, p99 })
}

/// `1.25ms` and the like.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..unit].parse().ok()?;
    let secs = match &text[unit..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Some(Duration::from_secs_f64(number * secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 1s test @ http://127.0.0.1:3000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   581.43us   98.20us   4.08ms   90.69%
    Req/Sec   108.66k     3.22k  112.17k    81.82%
  Latency Distribution
     50%  570.00us
     75%  605.00us
     90%  645.00us
     99%    1.25ms
  118860 requests in 1.10s, 10.32MB read
Requests/sec: 108058.31
Transfer/sec:      9.38MB
";

    #[test]
    fn a_report_is_read() {
        let read = report(SAID).unwrap();
        let p99 = Duration::from_micros(1250);
        assert_eq!(read, Report { requests: 118_860, per_second: 108_058.31, p99 });
    }

    #[test]
    fn errors_and_what_is_missing_are_told() {
        let errors =
            SAID.replace("Requests/sec", "  Socket errors: connect 0, read 3\nRequests/sec");
        assert!(report(&errors).unwrap_err().contains("read 3"));
        let refused = format!("{SAID}  Non-2xx or 3xx responses: 7\n");
        assert!(report(&refused).is_err());
        assert!(report("unable to connect to 127.0.0.1:1 Connection refused\n").is_err());
        assert!(report(&SAID.replace("99%", "98%")).unwrap_err().contains("p99"));
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("570.00us"), Some(Duration::from_micros(570)));
        assert_eq!(duration("2.00s"), Some(Duration::from_secs(2)));
        assert_eq!(duration("2.00"), None);
        assert_eq!(duration("2.00parsecs"), None);
    }
}
