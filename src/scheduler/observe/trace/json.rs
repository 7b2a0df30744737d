//! The trace as JSON, in Chrome's trace event format.
//!
//! One process for the Ps and one for the threads, each with a row ("thread" in the format's words) for
//! each of them. Times are microseconds with three decimals, from the start of the trace. `X` is a slice,
//! `i` an instant, `M` a name.

use std::io::{self, Write};

use super::{Entry, Event, Trace, What};

/// The processes.
const PS: u32 = 1;
const THREADS: u32 = 2;

/// A string between quotes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1000, ns % 1000)
}

pub(super) fn write(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"dropped\":{}}},", trace.dropped)?;
    write!(out, "\"traceEvents\":[")?;
    process(out, PS, &format!("{}: Ps", trace.process), true)?;
    process(out, THREADS, &format!("{}: threads without a P", trace.process), false)?;
    for p in &trace.ps {
        row(out, PS, *p as usize, &format!("P {p}"))?;
    }
    for (i, name) in trace.threads.iter().enumerate() {
        row(out, THREADS, i, name)?;
    }
    for (thread, entry) in &trace.entries {
        let (pid, tid) = match entry.p {
            Some(p) => (PS, p as usize),
            None => (THREADS, *thread),
        };
        event(out, trace, *thread, entry, pid, tid)?;
    }
    writeln!(out, "\n]}}")
}

fn process(out: &mut impl Write, pid: u32, name: &str, first: bool) -> io::Result<()> {
    let comma = if first { "" } else { "," };
    let name = quoted(name);
    write!(
        out,
        "{comma}\n{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{pid},\"tid\":0,\"args\":{{\"name\":{name}}}}},\
         \n{{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{pid},\"tid\":0,\"args\":{{\"sort_index\":{pid}}}}}"
    )
}

/// The number of a row. Not 0, and not the process's, which viewers take for the main thread's.
fn tid(pid: u32, number: usize) -> usize {
    number + pid as usize + 1
}

fn row(out: &mut impl Write, pid: u32, number: usize, name: &str) -> io::Result<()> {
    let (tid, name) = (tid(pid, number), quoted(name));
    write!(
        out,
        ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"name\":{name}}}}},\
         \n{{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"sort_index\":{tid}}}}}"
    )
}

fn event(
    out: &mut impl Write,
    trace: &Trace,
    thread: usize,
    entry: &Entry,
    pid: u32,
    number: usize,
) -> io::Result<()> {
    let (ts, tid) = (micros(entry.at.saturating_sub(trace.start)), tid(pid, number));
    let by = quoted(trace.threads.get(thread).map_or("", String::as_str));
    match entry.what {
        What::Poll { site, id, ns, goes_on } => {
            let name = quoted(&site.to_string());
            let dur = micros(ns);
            // A poll that goes on was seen from outside: who runs it is not known.
            let more =
                if goes_on { ",\"goes_on\":true".to_owned() } else { format!(",\"thread\":{by}") };
            write!(
                out,
                ",\n{{\"ph\":\"X\",\"cat\":\"poll\",\"name\":{name},\"pid\":{pid},\"tid\":{tid},\
                 \"ts\":{ts},\"dur\":{dur},\"args\":{{\"task\":{id}{more}}}}}"
            )
        }
        What::Event(event) => {
            let (name, arg) = named(event);
            let arg = arg.map_or(String::new(), |(name, n)| format!(",\"{name}\":{n}"));
            write!(
                out,
                ",\n{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"sched\",\"name\":\"{name}\",\"pid\":{pid},\
                 \"tid\":{tid},\"ts\":{ts},\"args\":{{\"thread\":{by}{arg}}}}}"
            )
        }
    }
}

fn named(event: Event) -> (&'static str, Option<(&'static str, u32)>) {
    match event {
        Event::Steal { from } => ("steal", Some(("from", from))),
        Event::Handoff => ("handoff", None),
        Event::Park { .. } => ("park", None),
        Event::Unpark => ("unpark", None),
        Event::Retake { .. } => ("retake", None),
        Event::Unmark { .. } => ("unmark", None),
        Event::Drain { gs, .. } => ("drain", Some(("gs", gs))),
        Event::Regain => ("regain", None),
        Event::Retire => ("retire", None),
        Event::Wakep => ("wakep", None),
        Event::Netpoll { ready } => ("netpoll", Some(("ready", ready))),
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(quoted("a\"b\\c\n\u{1}ü"), "\"a\\\"b\\\\c\\n\\u0001ü\"");
    }

    #[test]
    fn times_have_three_decimals() {
        assert_eq!(micros(1_234_005), "1234.005");
        assert_eq!(micros(7), "0.007");
    }
}
