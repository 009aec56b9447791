//! What events add up to.
//!
//! [`Stats`] are the figures of one VM since it was made. [`Stats::record`]
//! gets them from events; those about every instruction or slow call are added
//! by whoever counts them. One set of figures has three looks: the fields, a
//! table for people ([`Stats::table`]) and JSON ([`Stats::to_json`]).
//!
//! *Compiles* include *recompiles*. *Exits* are counted by kind of guard, and
//! per function. Rows are kept for the first [`MAX_ROWS`] functions and
//! [`MAX_KEYS`] names; the rest counts in totals only, so that a program that
//! loads code for ever doesn't fill the memory with figures.

use crate::event::{Event, FuncName, OneLine};
use crate::optimizing::Stages;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Most functions that have a row.
pub const MAX_ROWS: usize = 4096;
/// Most names in each of the maps by name.
pub const MAX_KEYS: usize = 256;
/// Rows of a list in the table.
const TOP: usize = 10;

/// The figures of a VM. Sizes are in bytes of machine code; lengths are in
/// bytecode instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Functions found hot.
    pub warm: u64,
    /// Compiles that made code.
    pub compiles: u64,
    /// Those for the sake of failed guards, newer feedback or broken
    /// assumptions.
    pub recompiles: u64,
    /// Decisions not to compile a function.
    pub not_compiled: u64,
    /// The same by the name of the reason.
    pub not_compiled_by_reason: BTreeMap<String, u64>,
    /// Entries in the middle of a loop.
    pub osr_entries: u64,
    /// Failed guards.
    pub exits: u64,
    /// The same by kind of guard.
    pub exits_by_reason: BTreeMap<String, u64>,
    /// Code that was taken out of use.
    pub invalidated: u64,
    /// Times that native frames were dropped.
    pub unwound: u64,
    /// Code that is in memory.
    pub bytes_in_use: u64,
    /// The most that was.
    pub bytes_peak: u64,
    /// Instructions compiled, counted again at each compile.
    pub bytecodes_compiled: u64,
    /// Time spent compiling.
    #[serde(rename = "compile_us", serialize_with = "micros")]
    pub compile_time: Duration,
    /// By tier.
    pub tiers: BTreeMap<u8, TierStats>,
    /// Time of the optimizing compiler, by stage.
    #[serde(rename = "stages_us")]
    pub stages: Stages,
    /// Calls that it replaced by the callee.
    pub inlined: u64,
    /// Calls that it did not, by the reason.
    pub not_inlined: BTreeMap<String, u64>,
    /// What its passes did, by name.
    pub passes: BTreeMap<String, u64>,
    /// By function.
    #[serde(serialize_with = "rows")]
    pub functions: BTreeMap<FuncName, FuncStats>,
    /// Calls of slow paths by compiled code, by name. Not from events.
    pub slow_calls: BTreeMap<String, u64>,
    /// Instructions that the interpreter executed. Not from events.
    pub insns_interpreted: u64,
    /// Instructions that compiled code executed. Not from events.
    pub insns_compiled: u64,
}

/// The figures of a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct TierStats {
    /// Compiles.
    pub compiles: u64,
    /// Those for the sake of failed guards, newer feedback or broken
    /// assumptions.
    pub recompiles: u64,
    /// Failed guards of its code.
    pub exits: u64,
    /// Code made.
    pub bytes: u64,
    /// Instructions compiled.
    pub insns: u64,
    /// Time spent compiling.
    #[serde(rename = "time_us", serialize_with = "micros")]
    pub time: Duration,
}

/// The figures of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct FuncStats {
    /// The tier of its latest code; 0: none.
    pub tier: u8,
    /// The size of that code.
    pub bytes: u64,
    /// Compiles.
    pub compiles: u64,
    /// Failed guards.
    pub exits: u64,
    /// Time spent compiling.
    #[serde(rename = "time_us", serialize_with = "micros")]
    pub time: Duration,
}

/// A row of the JSON list of functions.
#[derive(Serialize)]
struct Row<'a> {
    func: &'a FuncName,
    #[serde(flatten)]
    stats: &'a FuncStats,
}

impl Stats {
    /// Adds an event.
    pub fn record(&mut self, e: &Event) {
        match e {
            Event::Warm { .. } => self.warm += 1,
            Event::Queued { .. } | Event::Cancelled { .. } => {}
            Event::Compiled {
                func,
                tier,
                reason,
                insns,
                bytes,
                micros,
                ..
            } => {
                let bytes = u64::from(*bytes);
                let insns = u64::from(*insns);
                // Negative or not a number: a clock gone mad.
                let time = Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default();
                let again = u64::from(matches!(*reason, "exits" | "feedback" | "assumption"));
                self.compiles += 1;
                self.recompiles += again;
                self.bytes_in_use += bytes;
                self.bytes_peak = self.bytes_peak.max(self.bytes_in_use);
                self.bytecodes_compiled += insns;
                self.compile_time += time;
                let t = self.tiers.entry(*tier).or_default();
                t.compiles += 1;
                t.recompiles += again;
                t.bytes += bytes;
                t.insns += insns;
                t.time += time;
                if let Some(f) = self.row(func) {
                    f.tier = *tier;
                    f.bytes = bytes;
                    f.compiles += 1;
                    f.time += time;
                }
            }
            Event::Optimized {
                stages,
                inlining,
                passes,
                ..
            } => {
                self.stages += *stages;
                for call in inlining {
                    match call.why_not {
                        Some(why) => add(&mut self.not_inlined, why, 1),
                        None => self.inlined += 1,
                    }
                }
                for (name, &times) in passes {
                    add(&mut self.passes, name, times.into());
                }
            }
            Event::NotCompiled { func, reason, .. } => {
                self.not_compiled += 1;
                add(&mut self.not_compiled_by_reason, reason.name(), 1);
                self.without_code(func);
            }
            Event::OsrEntry { .. } => self.osr_entries += 1,
            Event::Exit {
                func, tier, guard, ..
            } => {
                self.exits += 1;
                self.tiers.entry(*tier).or_default().exits += 1;
                add(&mut self.exits_by_reason, guard, 1);
                if let Some(f) = self.row(func) {
                    f.exits += 1;
                }
            }
            Event::Invalidated { func, .. } => {
                self.invalidated += 1;
                self.without_code(func);
            }
            Event::Unwound { .. } => self.unwound += 1,
            // Not the VM's code.
            Event::Module { .. } => {}
            Event::Freed { bytes } => {
                self.bytes_in_use = self.bytes_in_use.saturating_sub(u64::from(*bytes));
            }
        }
    }

    /// Counts calls of a slow path by its name.
    pub fn add_slow_calls(&mut self, name: &str, calls: u64) {
        add(&mut self.slow_calls, name, calls);
    }

    /// The share of executed instructions that compiled code executed, from 0
    /// to 1; none if none were counted.
    pub fn compiled_share(&self) -> Option<f64> {
        let all = self.insns_interpreted as f64 + self.insns_compiled as f64;
        (all > 0.0).then(|| self.insns_compiled as f64 / all)
    }

    /// The figures as a JSON object; its fields are described in
    /// `spec/tiers.md`.
    pub fn to_json(&self) -> String {
        // Can't fail: all keys are strings.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The figures as a table for people, of several lines.
    pub fn table(&self) -> String {
        let mut t = Table(String::new());
        t.title("compiled code");
        t.row(
            "compiles",
            self.compiles,
            format!("{} again", self.recompiles),
        );
        t.row(
            "not compiled",
            self.not_compiled,
            listed(&self.not_compiled_by_reason),
        );
        t.row("loop entries", self.osr_entries, String::new());
        t.row("exits", self.exits, String::new());
        t.row("invalidated", self.invalidated, String::new());
        t.row("unwound", self.unwound, String::new());
        t.row(
            "bytes",
            self.bytes_in_use,
            format!("at most {}", self.bytes_peak),
        );
        let share = match self.compiled_share() {
            Some(share) => format!("{:.1} % of those executed", share * 100.0),
            None => String::new(),
        };
        t.row("instructions compiled", self.bytecodes_compiled, share);
        if !self.tiers.is_empty() {
            t.title("time per tier");
            for (tier, s) in &self.tiers {
                let rate = match s.insns {
                    0 => String::new(),
                    n => format!(
                        ", {:.1} us and {:.1} bytes per instruction",
                        s.time.as_secs_f64() * 1e6 / n as f64,
                        s.bytes as f64 / n as f64
                    ),
                };
                let note = format!("{} compiles{rate}", s.compiles);
                t.row(&format!("tier {tier}"), ms(s.time), note);
            }
        }
        if self.stages != Stages::default() {
            t.title("time of optimizing by stage");
            for (stage, us) in self.stages.each() {
                t.row(stage, format!("{:.3} ms", us / 1e3), String::new());
            }
            t.title("optimized code");
            let note = listed(&self.not_inlined);
            let not: u64 = self.not_inlined.values().sum();
            t.row("calls inlined", self.inlined, String::new());
            t.row("calls not inlined", not, note);
            for (name, n) in &self.passes {
                t.row(&name.replace('_', " "), n, String::new());
            }
        }
        t.counts("exits by reason", &self.exits_by_reason);
        t.counts("slow paths", &self.slow_calls);
        if !self.functions.is_empty() {
            t.title("functions, by time of compiling");
            let mut rows: Vec<_> = self.functions.iter().collect();
            rows.sort_by_key(|(_, s)| std::cmp::Reverse((s.time, s.exits)));
            for (func, s) in rows.iter().take(TOP) {
                let note = format!(
                    "tier {}, {} compiles, {} bytes, {} exits",
                    s.tier, s.compiles, s.bytes, s.exits
                );
                t.row(&func.to_string(), ms(s.time), note);
            }
            t.rest(rows.len());
        }
        t.0
    }

    /// The code of `func` is out of use.
    fn without_code(&mut self, func: &FuncName) {
        if let Some(f) = self.functions.get_mut(func) {
            f.tier = 0;
            f.bytes = 0;
        }
    }

    fn row(&mut self, func: &FuncName) -> Option<&mut FuncStats> {
        if !self.functions.contains_key(func) {
            if self.functions.len() >= MAX_ROWS {
                return None;
            }
            self.functions.insert(func.clone(), FuncStats::default());
        }
        self.functions.get_mut(func)
    }
}

/// Adds to a count by name, if there is room for the name.
fn add(map: &mut BTreeMap<String, u64>, name: &str, n: u64) {
    if let Some(count) = map.get_mut(name) {
        *count += n;
    } else if map.len() < MAX_KEYS {
        map.insert(name.to_string(), n);
    }
}

fn ms(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// Names with their counts, on one line.
fn listed(map: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = map.iter().map(|(k, n)| format!("{k} {n}")).collect();
    parts.join(", ")
}

/// A table being written: titles, and rows of a name, a figure, and a note.
struct Table(String);

impl Table {
    fn title(&mut self, title: &str) {
        let _ = writeln!(self.0, "{title}");
    }

    fn row(&mut self, name: &str, figure: impl std::fmt::Display, note: String) {
        let line = format!("  {name:<30} {:>14}  {note}", figure.to_string());
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    /// A list of counts, the greatest first.
    fn counts(&mut self, title: &str, map: &BTreeMap<String, u64>) {
        if map.is_empty() {
            return;
        }
        self.title(title);
        let mut rows: Vec<_> = map.iter().collect();
        rows.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (name, n) in rows.iter().take(TOP) {
            self.row(&OneLine(name).to_string(), n, String::new());
        }
        self.rest(rows.len());
    }

    fn rest(&mut self, rows: usize) {
        if rows > TOP {
            let _ = writeln!(self.0, "  and {} more", rows - TOP);
        }
    }
}

fn micros<S: Serializer>(time: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(time.as_nanos() as f64 / 1e3)
}

/// As a list: names of functions are no JSON keys.
fn rows<S: Serializer>(functions: &BTreeMap<FuncName, FuncStats>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(functions.iter().map(|(func, stats)| Row { func, stats }))
}

#[cfg(test)]
mod tests;
