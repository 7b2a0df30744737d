//! `GMPDEBUG`: what to watch, from the environment. Read once, when a runtime is made.
//!
//! A comma separated list of `key=value`. A value that cannot be used is ignored with one line on stderr
//! that names it and what is accepted: a program must not fail for a mistyped wish to watch it.

use std::path::PathBuf;
use std::time::Duration;

/// The variable.
const NAME: &str = "GMPDEBUG";

/// An hour: beyond it a period is a typing error.
const MAX_MS: u64 = 3_600_000;

/// What the variable asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Debug {
    /// A line about the scheduler that often.
    pub(crate) schedtrace: Option<Duration>,
    /// More lines: each P, M and G.
    pub(crate) scheddetail: bool,
    /// Report polls that last longer.
    pub(crate) longpoll: Option<Duration>,
    /// Trace from the beginning, into this file at the end.
    pub(crate) trace: Option<PathBuf>,
    /// Keep statistics of each task, for dumps.
    pub(crate) tasks: bool,
}

impl Debug {
    /// From the environment, with its warnings on stderr.
    pub(crate) fn from_env() -> Debug {
        let Some(value) = std::env::var_os(NAME) else { return Debug::default() };
        let Some(value) = value.to_str() else {
            super::say(&format!("gmp: {NAME}={value:?} is ignored: it is not UTF-8"));
            return Debug::default();
        };
        let (debug, warnings) = Debug::parse(value);
        for warning in warnings {
            super::say(&warning);
        }
        debug
    }

    /// What `text` asks for, and what is wrong with it.
    fn parse(text: &str) -> (Debug, Vec<String>) {
        let mut debug = Debug::default();
        let mut warnings = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let accepted = match key.trim() {
                "schedtrace" => period(value, &mut debug.schedtrace),
                "scheddetail" => switch(value, &mut debug.scheddetail),
                "longpoll" => period(value, &mut debug.longpoll),
                "tasks" => switch(value, &mut debug.tasks),
                "trace" if value.is_empty() => Err("the path of a file".to_owned()),
                "trace" => {
                    debug.trace = Some(PathBuf::from(value));
                    Ok(())
                }
                _ => Err("schedtrace=ms, scheddetail=0|1, longpoll=ms, tasks=0|1, trace=file, \
                          separated by commas"
                    .to_owned()),
            };
            if let Err(accepted) = accepted {
                warnings.push(format!("gmp: {NAME}: {part:?} is ignored; accepted: {accepted}"));
            }
        }
        (debug, warnings)
    }
}

fn period(value: &str, into: &mut Option<Duration>) -> Result<(), String> {
    match value.trim().parse::<u64>() {
        Ok(ms) if ms <= MAX_MS => {
            *into = (ms > 0).then(|| Duration::from_millis(ms));
            Ok(())
        }
        _ => Err(format!("milliseconds from 1 to {MAX_MS}, or 0 for off")),
    }
}

fn switch(value: &str, into: &mut bool) -> Result<(), String> {
    *into = match value.trim() {
        "0" => false,
        "1" => true,
        _ => return Err("0 or 1".to_owned()),
    };
    Ok(())
}

#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod tests {
    use super::*;
    use crate::primitives::fuzz::{fuzz, Choices};

    #[test]
    fn all_keys() {
        let (debug, warnings) = Debug::parse(
            "schedtrace=1000, scheddetail=1,longpoll=50,,tasks=1,trace=/tmp/with = sign.json",
        );
        assert_eq!(warnings, Vec::<String>::new());
        let expected = Debug {
            schedtrace: Some(Duration::from_secs(1)),
            scheddetail: true,
            longpoll: Some(Duration::from_millis(50)),
            trace: Some(PathBuf::from("/tmp/with = sign.json")),
            tasks: true,
        };
        assert_eq!(debug, expected);
    }

    #[test]
    fn nothing_and_zeros_are_off() {
        assert_eq!(Debug::parse(""), (Debug::default(), Vec::new()));
        assert_eq!(
            Debug::parse("schedtrace=0,longpoll=0,scheddetail=0,tasks=0"),
            (Debug::default(), vec![])
        );
    }

    #[test]
    fn bad_values_are_named_and_ignored() {
        for bad in [
            "schedtrace=fast",
            "schedtrace",
            "schedtrace=-1",
            "longpoll=3600001",
            "scheddetail=yes",
            "tasks=2",
            "trace=",
            "gctrace=1",
        ] {
            let (debug, warnings) = Debug::parse(&format!("{bad},longpoll=7"));
            assert_eq!(debug.longpoll, Some(Duration::from_millis(7)), "the rest still counts");
            assert_eq!(debug.schedtrace, None);
            assert_eq!(warnings.len(), 1, "{bad}");
            assert!(warnings[0].contains(&format!("{bad:?}")), "{}", warnings[0]);
            assert!(warnings[0].contains("accepted: "), "{}", warnings[0]);
            assert!(!warnings[0].contains('\n'));
        }
        let (_, warnings) = Debug::parse("longpoll=3600001");
        assert!(warnings[0].contains("from 1 to 3600000"), "{}", warnings[0]);
    }

    /// Lists of good and bad parts: each good one acts, the last of its key wins, each bad one is warned
    /// of, once and on one line.
    pub(crate) fn program(choices: &Choices<'_>) {
        let (mut parts, mut expected, mut bad) = (Vec::new(), Debug::default(), 0);
        for _ in 0..choices.below(8) {
            let (ms, on) =
                (u64::from(choices.below(3) * choices.below(2_000)), choices.below(2) == 1);
            let time = (ms > 0).then(|| Duration::from_millis(ms));
            let blank = [" ", "\t", ""][choices.below(3) as usize];
            let part = match choices.below(7) {
                0 => {
                    expected.schedtrace = time;
                    format!("schedtrace={ms}")
                }
                1 => {
                    expected.longpoll = time;
                    format!("longpoll={blank}{ms}")
                }
                2 => {
                    expected.scheddetail = on;
                    format!("scheddetail{blank}={}", u8::from(on))
                }
                3 => {
                    expected.tasks = on;
                    format!("tasks={}", u8::from(on))
                }
                4 => {
                    expected.trace = Some(format!("/tmp/{ms}=").into());
                    format!("trace=/tmp/{ms}=")
                }
                _ => {
                    bad += 1;
                    // Keys begin with a letter, and none is so short.
                    let key: String =
                        (0..1 + choices.below(4)).map(|_| any_char(choices)).collect();
                    format!("={key}=")
                }
            };
            parts.push(format!("{blank}{part}{blank}"));
        }
        let (debug, warnings) = Debug::parse(&parts.join(","));
        assert_eq!(debug, expected, "{parts:?}");
        assert_eq!(warnings.len(), bad, "{parts:?}: {warnings:?}");
        assert!(warnings.iter().all(|warning| !warning.contains('\n')));
        // Anything put into something sensible, and anything at all.
        let mut text: Vec<char> = parts.join(",").chars().collect();
        for _ in 0..choices.below(12) {
            text.insert(choices.below(text.len() as u32 + 1) as usize, any_char(choices));
        }
        let text: String = text.into_iter().collect();
        let (_, warnings) = Debug::parse(&text);
        assert!(warnings.len() <= text.split(',').count());
        let text = choices.rest(60);
        let text = String::from_utf8_lossy(&text);
        let (_, warnings) = Debug::parse(&text);
        assert!(warnings.len() <= text.split(',').count());
    }

    #[test]
    fn fuzz_gmpdebug() {
        fuzz(2_000, program);
    }

    /// Not a comma: it would end the part.
    fn any_char(choices: &Choices<'_>) -> char {
        match choices.below(4) {
            0 => char::from_u32(choices.below(0x11_0000)).filter(|&c| c != ',').unwrap_or('='),
            1 => ['=', '-', '0', '9', '\n', '\u{feff}', ' '][choices.below(7) as usize],
            _ => char::from(b'a' + choices.below(26) as u8),
        }
    }
}
