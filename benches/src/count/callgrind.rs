//! callgrind's output, as far as it says how often each instruction ran.
//!
//! With `--dump-instr=yes --dump-line=no` and without compression, that is a line `0xADDRESS COUNT` for
//! each instruction, below a line `ob=OBJECT` that holds until the next. A line `calls=…` is followed by
//! one in the same form that is about the callee, inclusive: it is counted where the callee is.

/// How often one instruction ran, in one of its places in the output.
#[derive(Debug, PartialEq)]
pub(super) struct Cost<'a> {
    pub(super) object: &'a str,
    /// Within the object's file, as objdump prints it.
    pub(super) address: u64,
    pub(super) count: u64,
}

pub(super) fn costs(text: &str) -> Vec<Cost<'_>> {
    let mut costs = Vec::new();
    let mut object = "";
    let mut of_callee = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            object = name;
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if let Some((address, count)) = cost(line) {
            if !std::mem::take(&mut of_callee) {
                costs.push(Cost { object, address, count });
            }
        }
    }
    costs
}

fn cost(line: &str) -> Option<(u64, u64)> {
    let (address, count) = line.strip_prefix("0x")?.split_once(' ')?;
    Some((u64::from_str_radix(address, 16).ok()?, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_costs_are_read_and_those_of_callees_left_out() {
        let text = "version: 1\npositions: instr\nevents: Ir\nsummary: 2280927\n\n\
                    ob=/lib/libc.so.6\nfl=???\nfn=malloc\n0x10240 3\n0x10247 4\n\
                    cob=/bin/program\ncfn=main\ncalls=2 0x4875220 \n0x102d2 72\n0x102d7 1\n\n\
                    fn=free\n0x10250 5\n\nob=/bin/program\nfn=main\n0x10240 7\n";
        let cost = |object, address, count| Cost { object, address, count };
        assert_eq!(
            costs(text),
            [
                cost("/lib/libc.so.6", 0x10240, 3),
                cost("/lib/libc.so.6", 0x10247, 4),
                cost("/lib/libc.so.6", 0x102d7, 1),
                cost("/lib/libc.so.6", 0x10250, 5),
                cost("/bin/program", 0x10240, 7),
            ]
        );
    }
}
