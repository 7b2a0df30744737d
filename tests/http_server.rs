//! The example `http_server` as a process of its own, spoken to in plain HTTP.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Far above what a loaded machine needs; a hang fails instead of standing still.
const LIMIT: Duration = Duration::from_secs(30);

/// Where the example is, built if need be: cargo builds examples only with all other targets.
fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let path = BINARY.get_or_init(|| {
        let mut path = std::env::current_exe().expect("the test's own path");
        path.pop(); // the file
        path.pop(); // deps
        let target = path.parent().expect("a target directory").to_owned();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--example", "http_server"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        build.arg("--target-dir").arg(target);
        if path.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the example does not build");
        path.push("examples/http_server");
        path
    });
    path.clone()
}

struct Server {
    process: Child,
    address: SocketAddr,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
}

impl Server {
    /// Starts it with at most this many file descriptors.
    fn start(fds: u32) -> Server {
        let mut process = Command::new("sh")
            .arg("-c")
            .arg(format!("ulimit -n {fds}; exec \"$0\" 127.0.0.1:0"))
            .arg(binary())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut stdout = BufReader::new(process.stdout.take().expect("piped"));
        let stderr = BufReader::new(process.stderr.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("the server said {line:?}"));
        Server { process, address, stdout, stderr }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
        Client(BufReader::new(stream))
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// The exit status, and what it printed since the start.
    fn wait(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            match self.process.try_wait().expect("a child") {
                Some(status) => break status,
                None => assert!(begun.elapsed() < LIMIT, "the server does not end"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        (status, rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One connection that is kept alive.
struct Client(BufReader<TcpStream>);

impl Client {
    fn send(&mut self, method: &str, path: &str, body: &str) {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(text.as_bytes()).expect("sent");
    }

    /// Status and body.
    fn receive(&mut self) -> (u16, String) {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a status line");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status in {line:?}"));
        let mut length = None;
        let mut chunked = false;
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("a header");
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>().expect("a length"));
            }
            chunked |= header == "transfer-encoding: chunked";
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                line.clear();
                self.0.read_line(&mut line).expect("a chunk's size");
                let size = usize::from_str_radix(line.trim(), 16).expect("a size");
                let mut chunk = vec![0; size + 2];
                self.0.read_exact(&mut chunk).expect("a chunk");
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else {
            body = vec![0; length.expect("a length or chunks")];
            self.0.read_exact(&mut body).expect("a body");
        }
        (status, String::from_utf8(body).expect("text"))
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        self.send(method, path, body);
        self.receive()
    }
}

#[test]
fn routes_on_one_kept_alive_connection() {
    let server = Server::start(256);
    let mut client = server.connect();
    assert_eq!(client.ask("GET", "/", ""), (200, "hello from gmp\n".into()));
    assert_eq!(client.ask("POST", "/echo", "some text"), (200, "some text".into()));
    let large = "0123456789".repeat(30_000);
    assert_eq!(client.ask("POST", "/echo", &large), (200, large));
    let before = Instant::now();
    assert_eq!(client.ask("GET", "/sleep?x=1&ms=30", ""), (200, "slept 30 ms\n".into()));
    assert!(before.elapsed() >= Duration::from_millis(30));
    for bad in ["/sleep", "/sleep?ms=", "/sleep?ms=-1", "/sleep?ms=60001", "/sleep?ms=x"] {
        let (status, why) = client.ask("GET", bad, "");
        assert_eq!(status, 400, "{bad}");
        assert!(why.contains("0 to 60000"), "{why}");
    }
    assert_eq!(client.ask("GET", "/echo", "").0, 405);
    assert_eq!(client.ask("GET", "/nowhere", "").0, 404);
}

/// A request that has begun: half of the body is sent, and has come back.
fn half_an_echo(server: &Server) -> Client {
    let mut client = server.connect();
    let stream = client.0.get_mut();
    stream
        .write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\nhalf")
        .expect("sent");
    let mut line = String::new();
    while line.trim() != "half" {
        line.clear();
        // Ends with the half itself: a chunk, if hyper streams in chunks, has a line of its own.
        let mut byte = [0];
        while line != "half" && !line.ends_with('\n') {
            client.0.read_exact(&mut byte).expect("the answer begins");
            line.push(byte[0].into());
        }
    }
    client
}

/// Waits until the server has closed an idle connection: it has understood the signal.
fn wait_for_close(mut idle: Client) {
    let mut rest = Vec::new();
    idle.0.read_to_end(&mut rest).expect("closed by the server");
    assert!(rest.is_empty());
}

/// With a request under way and an idle connection open.
fn stops_politely_at(signal: &str) {
    let server = Server::start(256);
    let mut idle = server.connect();
    assert_eq!(idle.ask("GET", "/", "").0, 200);
    let mut busy = half_an_echo(&server);
    server.signal(signal);
    wait_for_close(idle);
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens");

    busy.0.get_mut().write_all(b"done").expect("sent");
    let mut rest = String::new();
    busy.0.read_to_string(&mut rest).expect("the answer's end, then the connection's");
    assert!(rest.contains("done"), "what has begun is finished: {rest:?}");
    let (status, said) = server.wait();
    assert!(status.success(), "{status}");
    assert_eq!(said, format!("SIG{signal}: finishing what has begun\nall done\n"));
}

#[test]
fn sigterm_finishes_what_has_begun() {
    stops_politely_at("TERM");
}

#[test]
fn sigint_finishes_what_has_begun() {
    stops_politely_at("INT");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Server::start(256);
    let mut idle = server.connect();
    assert_eq!(idle.ask("GET", "/", "").0, 200);
    let _busy = half_an_echo(&server);
    server.signal("TERM");
    wait_for_close(idle);
    server.signal("INT");
    let (status, said) = server.wait();
    assert!(status.success(), "{status}");
    assert!(said.ends_with("SIGINT again: stopping at once\n"), "{said:?}");
}

#[test]
fn more_connections_than_file_descriptors() {
    let mut server = Server::start(32);
    let mut clients: Vec<_> = (0..48).map(|_| server.connect()).collect();
    let mut complaint = String::new();
    server.stderr.read_line(&mut complaint).expect("a line");
    assert!(complaint.starts_with("accept: "), "{complaint:?}");
    // Those that were accepted are served although `accept` fails meanwhile.
    assert_eq!(clients[0].ask("GET", "/", "").0, 200);
    // When they go, the others' turn comes.
    let last = clients.split_off(40);
    drop(clients);
    for mut client in last {
        assert_eq!(client.ask("GET", "/", "").0, 200);
    }
}
