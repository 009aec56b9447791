//! What the tiers did, as data.
//!
//! An [`Event`] is a fact about one function ([`FuncName`]) at one moment. It
//! owns its text, so that a sink may keep it. Its `Display` is one line for
//! people, without the time; serialised, it is an object whose field `event`
//! names the variant. The fields are described in `spec/tiers.md`.
//!
//! Names of functions and chunks, and values found, come from programs: they
//! may hold anything. [`OneLine`] makes them fit a line.

use crate::optimizing::{Inlining, Stages};
use crate::policy::Reason;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// What a function is called in traces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct FuncName {
    /// Its name as tracebacks give it, or `function <file:line>`.
    pub name: String,
    /// Its chunk, in the short form of messages.
    pub chunk: String,
    /// Where it is defined; 0 for main functions.
    pub line: u32,
}

impl FuncName {
    /// Puts one together.
    pub fn new(name: impl Into<String>, chunk: impl Into<String>, line: u32) -> FuncName {
        FuncName {
            name: name.into(),
            chunk: chunk.into(),
            line,
        }
    }
}

/// `name (chunk:line)`; the place is left out if the name ends in it.
impl fmt::Display for FuncName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = format!("{}:{}", self.chunk, self.line);
        OneLine(&self.name).fmt(f)?;
        if self.name.ends_with(&format!("<{place}>")) {
            return Ok(());
        }
        write!(f, " ({})", OneLine(&place))
    }
}

/// Something that happened to a function. Pcs and lengths are in
/// instructions, lines count from 1 (0: unknown).
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It was found hot.
    Warm {
        /// The function.
        func: FuncName,
        /// Its calls so far.
        calls: u64,
        /// Its back-edges so far.
        back_edges: u64,
    },
    /// Another thread is to compile it.
    Queued {
        /// The function.
        func: FuncName,
        /// The tier of the code to come.
        tier: u8,
        /// Whose code: `cranelift` or `llvm`.
        by: &'static str,
    },
    /// What another thread was to compile isn't wanted any more.
    Cancelled {
        /// The function.
        func: FuncName,
        /// The tier of the code that won't come.
        tier: u8,
        /// Whose code it would have been.
        by: &'static str,
        /// Why.
        why: &'static str,
    },
    /// It has new code.
    Compiled {
        /// The function.
        func: FuncName,
        /// The tier of the code.
        tier: u8,
        /// `calls`, `loop`, `exits` or `feedback`.
        reason: &'static str,
        /// Its length.
        insns: u32,
        /// Instructions of the compiler's IR.
        clif: u32,
        /// Machine code.
        bytes: u32,
        /// What it took, in microseconds.
        micros: f64,
        /// Entries: calls, loops and resume points.
        entries: u32,
    },
    /// How the optimizing compiler made its new code. Follows `Compiled`.
    Optimized {
        /// The function.
        func: FuncName,
        /// The header of the loop that was compiled; none: all of the function.
        pc: Option<u32>,
        /// What the stages took.
        stages: Stages,
        /// Calls that were inlined, and that were not.
        inlining: Vec<Inlining>,
        /// What the passes did: how often, by name.
        passes: BTreeMap<&'static str, u32>,
        /// Places at which the code can be left.
        exits: u32,
    },
    /// It stays interpreted, or without better code.
    NotCompiled {
        /// The function.
        func: FuncName,
        /// The tier that it has no code of.
        tier: u8,
        /// Why.
        reason: Reason,
        /// What the compiler said, if it was asked.
        detail: String,
    },
    /// The interpreter entered its code in the middle of a loop.
    OsrEntry {
        /// The function.
        func: FuncName,
        /// Line of the loop header.
        line: u32,
        /// The loop header.
        pc: u32,
    },
    /// A guard failed, and the interpreter goes on.
    Exit {
        /// The function.
        func: FuncName,
        /// The tier of the code.
        tier: u8,
        /// Line of the instruction.
        line: u32,
        /// The instruction that is done again.
        pc: u32,
        /// What kind of guard: the reason under which exits are counted. A
        /// fixed word, so that there are few of them.
        guard: String,
        /// What it expected.
        expected: String,
        /// What it found.
        found: String,
        /// The frame map, printed.
        frame_map: String,
        /// How often this guard has failed.
        count: u32,
    },
    /// Its code may not be entered any more.
    Invalidated {
        /// The function.
        func: FuncName,
        /// The assumption that broke.
        reason: String,
    },
    /// Native frames were dropped.
    Unwound {
        /// The function of the innermost.
        func: FuncName,
        /// How many.
        frames: u32,
        /// Why: `yield`, `error`, `native stack`, ...
        why: &'static str,
    },
    /// A module of LLVM IR was compiled.
    Module {
        /// Its name.
        name: String,
        /// How many functions it defines.
        functions: u32,
        /// Its object file.
        bytes: u32,
        /// What reading and verifying took, in microseconds.
        read: f64,
        /// What LLVM's passes took.
        llvm: f64,
        /// What making machine code took.
        codegen: f64,
    },
    /// Code memory was given back.
    Freed {
        /// How much.
        bytes: u32,
    },
}

impl Event {
    /// The names of all of them.
    pub const NAMES: [&'static str; 12] = [
        "warm",
        "queued",
        "cancelled",
        "compiled",
        "optimized",
        "not_compiled",
        "osr_entry",
        "exit",
        "invalidated",
        "unwound",
        "module",
        "freed",
    ];

    /// The name of the variant: the field `event` of its JSON form.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Warm { .. } => "warm",
            Event::Queued { .. } => "queued",
            Event::Cancelled { .. } => "cancelled",
            Event::Compiled { .. } => "compiled",
            Event::Optimized { .. } => "optimized",
            Event::NotCompiled { .. } => "not_compiled",
            Event::OsrEntry { .. } => "osr_entry",
            Event::Exit { .. } => "exit",
            Event::Invalidated { .. } => "invalidated",
            Event::Unwound { .. } => "unwound",
            Event::Module { .. } => "module",
            Event::Freed { .. } => "freed",
        }
    }

    /// The function it is about.
    pub fn func(&self) -> Option<&FuncName> {
        match self {
            Event::Warm { func, .. }
            | Event::Queued { func, .. }
            | Event::Cancelled { func, .. }
            | Event::Compiled { func, .. }
            | Event::Optimized { func, .. }
            | Event::NotCompiled { func, .. }
            | Event::OsrEntry { func, .. }
            | Event::Exit { func, .. }
            | Event::Invalidated { func, .. }
            | Event::Unwound { func, .. } => Some(func),
            Event::Module { .. } | Event::Freed { .. } => None,
        }
    }
}

/// What happened, without the name of the event and of the function.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Warm {
                calls, back_edges, ..
            } => write!(f, "{calls} calls, {back_edges} back-edges"),
            Event::Queued { tier, by, .. } => write!(f, "tier {tier}, for {by}"),
            Event::Cancelled { tier, by, why, .. } => write!(f, "tier {tier}, for {by}: {why}"),
            Event::Compiled {
                tier,
                reason,
                insns,
                clif,
                bytes,
                micros,
                entries,
                ..
            } => write!(
                f,
                "tier {tier} for {reason}: {insns} instructions, {clif} clif, {bytes} bytes, \
                 {entries} {}, {:.3} ms",
                if *entries == 1 { "entry" } else { "entries" },
                micros / 1000.0,
            ),
            Event::Optimized {
                pc,
                stages,
                inlining,
                passes,
                exits,
                ..
            } => {
                if let Some(pc) = pc {
                    write!(f, "loop at pc {pc}: ")?;
                }
                write!(f, "{stages}; {exits} exits")?;
                let (not, inlined): (Vec<_>, Vec<_>) =
                    inlining.iter().partition(|i| i.why_not.is_some());
                for (what, calls) in [("inlined", inlined), ("not inlined", not)] {
                    for (n, call) in calls.iter().enumerate() {
                        match n {
                            0 => write!(f, "; {what}: {call}")?,
                            _ => write!(f, ", {call}")?,
                        }
                    }
                }
                for (n, (name, times)) in passes.iter().enumerate() {
                    let sep = if n == 0 { ";" } else { "," };
                    write!(f, "{sep} {name} {times}")?;
                }
                Ok(())
            }
            Event::NotCompiled { reason, detail, .. } if detail.is_empty() => {
                write!(f, "{reason}")
            }
            Event::NotCompiled { reason, detail, .. } => {
                write!(f, "{reason}: {}", OneLine(detail))
            }
            Event::OsrEntry { line, pc, .. } => write!(f, "line {line}, pc {pc}"),
            Event::Exit {
                line,
                pc,
                guard,
                expected,
                found,
                frame_map,
                ..
            } => {
                write!(
                    f,
                    "line {line}, pc {pc}: {} expected {}, found {}",
                    OneLine(guard),
                    OneLine(expected),
                    OneLine(found)
                )?;
                let map = frame_map.trim_end();
                if map.is_empty() {
                    return Ok(());
                }
                write!(f, "; ")?;
                for (n, line) in map.lines().enumerate() {
                    let sep = if n == 0 { "" } else { " | " };
                    write!(f, "{sep}{}", OneLine(line.trim()))?;
                }
                Ok(())
            }
            Event::Invalidated { reason, .. } => OneLine(reason).fmt(f),
            Event::Unwound { frames, why, .. } => {
                let s = if *frames == 1 { "" } else { "s" };
                write!(f, "{frames} frame{s} for {why}")
            }
            Event::Module {
                name,
                functions,
                bytes,
                read,
                llvm,
                codegen,
            } => write!(
                f,
                "{}: {functions} function{}, {bytes} bytes, read {:.3} ms, llvm {:.3} ms, codegen {:.3} ms",
                OneLine(name),
                if *functions == 1 { "" } else { "s" },
                read / 1000.0,
                llvm / 1000.0,
                codegen / 1000.0,
            ),
            Event::Freed { bytes } => write!(f, "{bytes} bytes"),
        }
    }
}

/// Text with control characters escaped, and cut where it gets too long.
pub struct OneLine<'a>(pub &'a str);

impl OneLine<'_> {
    /// Characters that are shown.
    pub const MAX: usize = 200;
}

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, c) in self.0.chars().enumerate() {
            if n == OneLine::MAX {
                return f.write_str("...");
            }
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn fib() -> FuncName {
        FuncName::new("fib", "fib.lua", 3)
    }

    pub(crate) fn inlining() -> Vec<Inlining> {
        let call = |line, why_not| Inlining {
            callee: FuncName::new("add", "fib.lua", 1),
            caller: fib(),
            line,
            pc: 2 * line,
            why_not,
        };
        vec![call(4, None), call(5, Some("too deep")), call(6, None)]
    }

    pub(crate) fn optimized() -> Event {
        Event::Optimized {
            func: fib(),
            pc: Some(8),
            stages: Stages {
                snapshot: 10.0,
                ir: 400.5,
                cranelift: 0.0,
                llvm: 2000.0,
                codegen: 3000.0,
                link: 20.0,
            },
            inlining: inlining(),
            passes: BTreeMap::from([("guards_hoisted", 2), ("tables_sunk", 1)]),
            exits: 7,
        }
    }

    /// One event of each kind.
    pub(crate) fn samples() -> Vec<Event> {
        let func = fib();
        vec![
            Event::Warm {
                func: func.clone(),
                calls: 300,
                back_edges: 0,
            },
            Event::Compiled {
                func: func.clone(),
                tier: 1,
                reason: "calls",
                insns: 14,
                clif: 212,
                bytes: 1544,
                micros: 412.5,
                entries: 3,
            },
            Event::NotCompiled {
                func: FuncName::new("function <big.lua:1>", "big.lua", 1),
                tier: 1,
                reason: Reason::TooLong,
                detail: String::new(),
            },
            Event::OsrEntry {
                func: func.clone(),
                line: 5,
                pc: 8,
            },
            Event::Exit {
                func: func.clone(),
                tier: 1,
                line: 4,
                pc: 2,
                guard: "int".into(),
                expected: "integer".into(),
                found: "float".into(),
                frame_map: "frame f0 pc 2 base 0: r0 = tagged [0]\n#0 = table f0 s1 {}\n".into(),
                count: 1,
            },
            Event::Invalidated {
                func: func.clone(),
                reason: "global print was assigned".into(),
            },
            Event::Unwound {
                func,
                frames: 1,
                why: "yield",
            },
            Event::Freed { bytes: 4096 },
            optimized(),
            Event::Module {
                name: "fib.ll".into(),
                functions: 1,
                bytes: 900,
                read: 100.0,
                llvm: 2000.0,
                codegen: 1500.5,
            },
            Event::Queued {
                func: fib(),
                tier: 1,
                by: "cranelift",
            },
            Event::Cancelled {
                func: fib(),
                tier: 2,
                by: "llvm",
                why: "its code is out of use",
            },
        ]
    }

    #[test]
    fn names_are_those_of_the_json() {
        for e in samples() {
            let json = serde_json::to_value(&e).expect("JSON");
            assert_eq!(json["event"], e.name());
            assert!(Event::NAMES.contains(&e.name()));
            assert_eq!(json.get("func").is_some(), e.func().is_some());
        }
    }

    #[test]
    fn functions_are_named_once() {
        assert_eq!(fib().to_string(), "fib (fib.lua:3)");
        let f = FuncName::new("function <a.lua:7>", "a.lua", 7);
        assert_eq!(f.to_string(), "function <a.lua:7>");
    }

    #[test]
    fn text_of_programs_stays_on_its_line() {
        let f = FuncName::new("a\nb", "\u{1b}[31m", 1);
        assert_eq!(f.to_string(), "a\\nb (\\u{1b}[31m:1)");
        let long = "é".repeat(OneLine::MAX + 1);
        let shown = OneLine(&long).to_string();
        assert_eq!(shown.chars().count(), OneLine::MAX + 3);
    }
}
