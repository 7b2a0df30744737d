//! Which instructions of an object are atomic read-modify-writes: those with a `lock` prefix, and an
//! exchange with memory, which locks by itself. x86 only; elsewhere nothing is found.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;

/// The atomic instructions of each object that was asked about so far.
#[derive(Default)]
pub(super) struct Atomics(HashMap<String, HashSet<u64>>);

impl Atomics {
    pub(super) fn contains(&mut self, object: &str, address: u64) -> Result<bool, String> {
        if let Some(found) = self.0.get(object) {
            return Ok(found.contains(&address));
        }
        // `???`, and what the system gives to every process.
        let found = if Path::new(object).is_file() { disassemble(object)? } else { HashSet::new() };
        let contains = found.contains(&address);
        self.0.insert(object.to_string(), found);
        Ok(contains)
    }
}

fn disassemble(object: &str) -> Result<HashSet<u64>, String> {
    let out = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn", "--wide", object])
        .output()
        .map_err(|err| format!("cannot run objdump: {err}"))?;
    if !out.status.success() {
        return Err(format!("objdump {object}: {}", out.status));
    }
    Ok(String::from_utf8_lossy(&out.stdout).lines().filter_map(atomic).collect())
}

/// The address in a line of a disassembly, if its instruction is an atomic read-modify-write.
fn atomic(line: &str) -> Option<u64> {
    let (address, instruction) = line.trim_start().split_once(":\t")?;
    let mut words = instruction.split_whitespace();
    let found = match words.next()? {
        "lock" => true,
        xchg if xchg.starts_with("xchg") => words.next()?.contains('('),
        _ => false,
    };
    found.then(|| u64::from_str_radix(address, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locked_instructions_and_exchanges_with_memory_are_atomic() {
        for line in [
            "   2a12c:\tlock cmpxchg %rcx,(%rdi)",
            "   2a12c:\tlock xadd %rax,0x10(%rbx)",
            "   2a12c:\tlock decq (%rax)",
            "   2a12c:\txchg   %al,0x3(%rdi)",
            "   2a12c:\txchg   %rax,0x1234(%rip)        # 5678 <x+0x8>",
        ] {
            assert_eq!(atomic(line), Some(0x2a12c), "{line}");
        }
        for line in [
            "   2a12c:\txchg   %ax,%ax",
            "   2a12c:\tmov    (%rdi),%rax",
            "   2a12c:\tcmpxchg %rcx,(%rdi)",
            "0000000000002a12c <lock>:",
            "Disassembly of section .text:",
            "",
        ] {
            assert_eq!(atomic(line), None, "{line}");
        }
    }
}
