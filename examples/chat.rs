//! A chat room over TCP, a line at a time.
//!
//! Try it:
//!
//! ```text
//! cargo run --example chat
//! ```
//!
//! and in two or more other terminals:
//!
//! ```text
//! nc 127.0.0.1 6000
//! ```
//!
//! The first line that you send is your name; everything after it goes to all others.
//!
//! There is no lock: the room is a G that owns the list of members and takes events from a channel. Each
//! member has two Gs: one reads lines and sends events, the other writes what comes out of the member's
//! own channel. A member who reads too slowly to keep up with that channel is thrown out.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use gmp::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use gmp::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use gmp::net::{TcpListener, TcpStream};
use gmp::sync::mpsc;
use gmp::time::sleep;

/// The longest line that is taken, in bytes with its end.
const LINE_LIMIT: u64 = 1024;
/// Lines that may wait for one member.
const BACKLOG: usize = 64;

/// What happens in the room.
enum Event {
    Enter { id: u64, name: String, mailbox: mpsc::Sender<Arc<str>> },
    Say { id: u64, line: String },
    Leave { id: u64 },
}

#[gmp::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6000".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("the room is open at {}", listener.local_addr()?);

    let (events, inbox) = mpsc::channel(BACKLOG);
    gmp::spawn(room(inbox));

    let mut id = 0;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                id += 1;
                let events = events.clone();
                gmp::spawn(async move {
                    if let Err(error) = member(id, stream, events).await {
                        println!("{peer}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Owns the members; ends when nobody can send an event any more.
async fn room(mut inbox: mpsc::Receiver<Event>) {
    let mut members = HashMap::new();
    while let Some(event) = inbox.recv().await {
        match event {
            Event::Enter { id, name, mailbox } => {
                tell_all(&mut members, id, &format!("* {name} is here"));
                members.insert(id, (name, mailbox));
            }
            Event::Say { id, line } => {
                // Who was thrown out may have lines under way.
                if let Some((name, _)) = members.get(&id) {
                    let line = format!("{name}: {line}");
                    tell_all(&mut members, id, &line);
                }
            }
            Event::Leave { id } => {
                if let Some((name, _)) = members.remove(&id) {
                    tell_all(&mut members, id, &format!("* {name} has left"));
                }
            }
        }
    }
}

/// Puts a line into all mailboxes but one. Never waits: a full mailbox is closed instead.
fn tell_all(members: &mut HashMap<u64, (String, mpsc::Sender<Arc<str>>)>, from: u64, line: &str) {
    println!("{line}");
    let line: Arc<str> = format!("{line}\n").into();
    members.retain(|&id, (name, mailbox)| {
        let kept = id == from || mailbox.try_send(line.clone()).is_ok();
        if !kept {
            println!("* {name} does not listen");
        }
        kept
    });
}

/// One member, from the first line to the last.
async fn member(id: u64, stream: TcpStream, events: mpsc::Sender<Event>) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let Some(name) = read_line(&mut reader).await? else { return Ok(()) };

    let (mailbox, lines) = mpsc::channel(BACKLOG);
    let writing = gmp::spawn(write_lines(writer, lines));
    if events.send(Event::Enter { id, name, mailbox }).await.is_err() {
        return Ok(());
    }
    let read = loop {
        match read_line(&mut reader).await {
            Ok(Some(line)) => {
                if events.send(Event::Say { id, line }).await.is_err() {
                    break Ok(());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // The room drops the mailbox, and with it ends the writer.
    let _ = events.send(Event::Leave { id }).await;
    let _ = writing.await;
    read
}

/// The next line without its end; `None` at the end of the stream.
async fn read_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.take(LINE_LIMIT).read_line(&mut line).await?;
    if read as u64 == LINE_LIMIT && !line.ends_with('\n') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a line of more than {LINE_LIMIT} bytes"),
        ));
    }
    line.truncate(line.trim_end().len());
    Ok((read != 0).then_some(line))
}

/// Writes what comes out of a member's mailbox until it is closed or the peer is gone.
async fn write_lines(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<Arc<str>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}
