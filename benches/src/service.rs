//! A service in a process of its own, and what is said between it and the process that measures it.
//!
//! It prints its address first. Then it answers lines: `cpu` with the CPU time that it has used, in
//! nanoseconds, and whatever else a service knows. The end of its input ends it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::clock;

/// The side that measures.
pub(crate) struct Service {
    process: Child,
    /// `None` once it has been told to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Service {
    pub(crate) fn start(mut command: Command) -> Result<Service, String> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|err| format!("cannot start {command:?}: {err}"))?;
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("the output is piped"));
        let mut service =
            Service { process, input, output, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let line = service.line()?;
        service.address = line.parse().map_err(|_| format!("`{line}` is not an address"))?;
        Ok(service)
    }

    /// Says something that has no answer.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().expect("only the drop takes it");
        writeln!(input, "{line}").map_err(|err| format!("the service does not listen: {err}"))
    }

    /// Says something, and returns the line that comes back.
    pub(crate) fn ask(&mut self, line: &str) -> Result<String, String> {
        self.tell(line)?;
        self.line()
    }

    /// CPU time of the service so far.
    pub(crate) fn cpu(&mut self) -> Result<Option<Duration>, String> {
        let answer = self.ask("cpu")?;
        if answer == "-" {
            return Ok(None);
        }
        let nanos = answer.parse().map_err(|_| format!("`{answer}` is not a time"))?;
        Ok(Some(Duration::from_nanos(nanos)))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("the service has ended".to_string()),
            Ok(_) => Ok(line.trim_end().to_string()),
            Err(err) => Err(format!("the service cannot be read: {err}")),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The end of its input tells it to end; it may be past listening.
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The side of a service that has begun: says where it is, and answers until its input ends.
pub(crate) fn obey(address: SocketAddr) -> Result<(), String> {
    println!("{address}");
    for line in std::io::stdin().lines() {
        match line.map_err(|err| format!("cannot read the input: {err}"))?.as_str() {
            "cpu" => match clock::process_cpu() {
                Some(cpu) => println!("{}", cpu.as_nanos()),
                None => println!("-"),
            },
            other => return Err(format!("`{other}` is not a request")),
        }
    }
    Ok(())
}
