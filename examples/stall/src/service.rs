//! A measurement seen from outside of the service: what is asked of it, and in which order.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::client::Clients;
use crate::options::Case;
use crate::outcome::{Outcome, Summary};

/// Bytes of a message.
pub const MESSAGE: usize = 64;

/// How long a task that blocks does so, in each poll.
pub const BLOCK: Duration = Duration::from_millis(100);

/// The ticker's period.
pub const TICK: Duration = Duration::from_millis(1);

const COMPUTE: Duration = Duration::from_millis(50);

/// What one poll of a task that computes does: 50 ms of work.
pub fn compute() {
    let start = Instant::now();
    let mut x = 1u64;
    while start.elapsed() < COMPUTE {
        for _ in 0..1000 {
            x = std::hint::black_box(x.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7));
        }
    }
}

/// A service that echoes messages of [`MESSAGE`] bytes from the start.
pub trait Service {
    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Starts the ticker, and the tasks that misbehave.
    ///
    /// # Errors
    ///
    /// If they cannot be started.
    fn begin(&mut self, case: &Case) -> io::Result<()>;

    /// Tells the ticker and those tasks to end.
    ///
    /// # Errors
    ///
    /// If they cannot be told.
    fn stop(&mut self) -> io::Result<()>;

    /// How late each tick was, and a remark.
    ///
    /// # Errors
    ///
    /// If the ticker does not end.
    fn end(&mut self) -> io::Result<(Vec<Duration>, String)>;
}

/// Runs one case against a service.
///
/// # Errors
///
/// Those of the service, and of the clients' sockets.
pub fn measure_service(service: &mut dyn Service, case: &Case) -> io::Result<Outcome> {
    // Connected and answered once before anybody disturbs.
    let clients = Clients::connect(service.address())?;
    service.begin(case)?;
    let clients = clients.send_for(case.time)?;
    service.stop()?;
    let (sent, round_trips) = clients.answers()?;
    let answered = round_trips.len();
    let (ticks, remark) = service.end()?;
    let (ticker, echo) = (Summary::of(ticks), Summary::of(round_trips));
    Ok(Outcome { ticker, echo, sent, answered, remark })
}
