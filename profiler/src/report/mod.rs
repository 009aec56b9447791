//! What a run was like, for a page to look at: which tier functions were in and
//! when, what was compiled and how long it waited, where guards failed, where the
//! time went, how the heap grew and how long it stopped the program.
//!
//! A [`Recorder`] is a [`Sink`] for events, and takes samples and pauses besides.
//! It keeps a bounded amount, however long the run: of what comes often it keeps
//! sums, of what is drawn over time as many points as can be seen.
//! [`Recorder::page`] makes the page.

mod page;

use crate::event::{Event, FuncName};
use crate::sink::Sink;
use crate::stats::Stats;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Points of a line over time: beyond, pairs of neighbours become one.
const POINTS: usize = 2048;
/// Most functions, compiles, marks and places that are kept.
const MOST: usize = 5000;

/// Milliseconds.
fn ms(t: Duration) -> f64 {
    t.as_secs_f64() * 1e3
}

/// Where the program was when somebody looked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    /// The function.
    pub func: FuncName,
    /// The tier of the code it had.
    pub tier: u8,
    /// The line.
    pub line: u32,
    /// Where the innermost loop around it begins, if there is one.
    pub loop_line: Option<u32>,
}

/// Something that happened to a function, to be drawn in its row.
#[derive(Serialize, Debug)]
struct Mark {
    at: f64,
    func: usize,
    what: &'static str,
    tier: u8,
    text: String,
}

/// A compile, from when it was asked for to when its code was there, or it was given up.
#[derive(Serialize, Debug)]
struct Compile {
    func: usize,
    tier: u8,
    /// Who was asked, as far as that is known.
    by: &'static str,
    /// Asked for, and there, or given up; neither: it was still to come at the end.
    queued: f64,
    ready: Option<f64>,
    given_up: Option<f64>,
    /// What the compiler needed.
    took: f64,
    bytes: u32,
    /// What it was for, or why it was given up.
    reason: String,
}

impl Compile {
    /// Whether it is still to come, for this function and tier.
    fn awaited(&self, func: usize, tier: u8) -> bool {
        let over = self.ready.or(self.given_up).is_some();
        !over && (self.func, self.tier) == (func, tier)
    }

    fn give_up(&mut self, at: f64, why: String) {
        self.given_up = Some(at);
        self.reason = why;
    }

    /// One that was asked for.
    fn asked(func: usize, tier: u8, by: &'static str, queued: f64) -> Compile {
        Compile {
            func,
            tier,
            by,
            queued,
            ready: None,
            given_up: None,
            took: 0.0,
            bytes: 0,
            reason: String::new(),
        }
    }
}

/// Exits at one place for one reason.
#[derive(Serialize, Debug)]
struct Exits {
    func: usize,
    tier: u8,
    line: u32,
    guard: String,
    expected: String,
    found: String,
    count: u64,
    first: f64,
    last: f64,
}

/// A line over time.
#[derive(Serialize, Debug)]
struct Series {
    points: Vec<(f64, f64)>,
    /// How many values one point stands for, and those of the next so far: how
    /// many, and the greatest.
    #[serde(skip)]
    each: usize,
    #[serde(skip)]
    next: (usize, f64),
}

impl Default for Series {
    fn default() -> Series {
        Series {
            points: Vec::new(),
            each: 1,
            next: (0, 0.0),
        }
    }
}

impl Series {
    /// Adds a value; of several in one point the greatest is kept.
    fn push(&mut self, at: f64, value: f64) {
        self.next = (self.next.0 + 1, self.next.1.max(value));
        if self.next.0 < self.each {
            return;
        }
        self.points.push((at, self.next.1));
        self.next = (0, 0.0);
        if self.points.len() == POINTS {
            let pairs = self.points.chunks(2);
            let greater =
                |p: &[(f64, f64)]| (p[p.len() - 1].0, p.iter().fold(0.0, |m: f64, v| m.max(v.1)));
            self.points = pairs.map(greater).collect();
            self.each *= 2;
        }
    }
}

/// How often the program was seen in code of each tier, over time.
#[derive(Serialize, Debug)]
struct Shares {
    /// Milliseconds of one part.
    part: f64,
    parts: Vec<[u32; 3]>,
}

impl Default for Shares {
    fn default() -> Shares {
        Shares {
            part: 1.0,
            parts: Vec::new(),
        }
    }
}

impl Shares {
    const MOST: usize = 256;

    fn add(&mut self, at: f64, tier: u8, times: u32) {
        let mut n = (at / self.part) as usize;
        while n >= Shares::MOST {
            let sum = |p: &[[u32; 3]]| [0, 1, 2].map(|t| p.iter().map(|s| s[t]).sum());
            self.parts = self.parts.chunks(2).map(sum).collect();
            self.part *= 2.0;
            n = (at / self.part) as usize;
        }
        if self.parts.len() <= n {
            self.parts.resize(n + 1, [0; 3]);
        }
        self.parts[n][usize::from(tier.min(2))] += times;
    }
}

/// What is kept.
#[derive(Default, Serialize, Debug)]
struct Recording {
    #[serde(skip)]
    numbers: HashMap<FuncName, usize>,
    functions: Vec<FuncName>,
    marks: Vec<Mark>,
    compiles: Vec<Compile>,
    exits: Vec<Exits>,
    #[serde(skip)]
    exit_numbers: HashMap<(usize, u8, u32, String), usize>,
    #[serde(skip)]
    places: HashMap<Place, u64>,
    samples: u64,
    shares: Shares,
    heap: Series,
    pauses: Series,
    /// How many there were, milliseconds in all, and the longest.
    pause_count: u64,
    pause_sum: f64,
    pause_max: f64,
    /// What did not fit.
    left_out: u64,
    end: f64,
    stats: Option<Stats>,
}

impl Recording {
    fn number(&mut self, func: &FuncName) -> Option<usize> {
        if let Some(&n) = self.numbers.get(func) {
            return Some(n);
        }
        if self.functions.len() == MOST {
            self.left_out += 1;
            return None;
        }
        let n = self.functions.len();
        self.functions.push(func.clone());
        self.numbers.insert(func.clone(), n);
        Some(n)
    }

    fn mark(&mut self, at: f64, func: usize, what: &'static str, tier: u8, text: String) {
        if self.marks.len() == MOST {
            self.left_out += 1;
            return;
        }
        self.marks.push(Mark {
            at,
            func,
            what,
            tier,
            text,
        });
    }

    fn event(&mut self, at: f64, e: &Event) {
        self.end = self.end.max(at);
        let Some(func) = e.func().and_then(|f| self.number(f)) else {
            return;
        };
        match e {
            Event::Queued { tier, by, .. } => {
                if self.compiles.len() == MOST {
                    self.left_out += 1;
                    return;
                }
                self.compiles.push(Compile::asked(func, *tier, by, at));
            }
            Event::Compiled {
                tier,
                reason,
                bytes,
                micros,
                ..
            } => {
                let waiting = |c: &Compile| c.awaited(func, *tier);
                let took = micros / 1e3;
                let room = self.compiles.len() < MOST;
                if room && !self.compiles.iter().any(waiting) {
                    // Nobody waited: it was made at once.
                    let compile = Compile::asked(func, *tier, "", at - took);
                    self.compiles.push(compile);
                }
                if let Some(compile) = self.compiles.iter_mut().find(|c| waiting(c)) {
                    compile.ready = Some(at);
                    (compile.took, compile.bytes) = (took, *bytes);
                    compile.reason = (*reason).to_string();
                }
                self.mark(at, func, "compiled", *tier, e.to_string());
            }
            Event::Cancelled { tier, by, why, .. } => {
                let mut compiles = self.compiles.iter_mut();
                if let Some(c) = compiles.find(|c| c.awaited(func, *tier) && c.by == *by) {
                    c.give_up(at, (*why).to_string());
                }
            }
            Event::NotCompiled { tier, .. } => {
                if let Some(c) = self.compiles.iter_mut().find(|c| c.awaited(func, *tier)) {
                    c.give_up(at, e.to_string());
                }
                self.mark(at, func, "not compiled", 0, e.to_string());
            }
            Event::Invalidated { .. } => self.mark(at, func, "invalidated", 0, e.to_string()),
            Event::Exit {
                tier,
                line,
                guard,
                expected,
                found,
                ..
            } => {
                let key = (func, *tier, *line, guard.clone());
                let n = match self.exit_numbers.get(&key) {
                    Some(&n) => n,
                    None if self.exits.len() == MOST => {
                        self.left_out += 1;
                        return;
                    }
                    None => {
                        self.exits.push(Exits {
                            func,
                            tier: *tier,
                            line: *line,
                            guard: guard.clone(),
                            expected: expected.clone(),
                            found: found.clone(),
                            count: 0,
                            first: at,
                            last: at,
                        });
                        self.exit_numbers.insert(key, self.exits.len() - 1);
                        self.mark(at, func, "exit", *tier, format!("line {line}: {guard}"));
                        self.exits.len() - 1
                    }
                };
                let exits = &mut self.exits[n];
                (exits.count, exits.last) = (exits.count + 1, at);
            }
            Event::Warm { .. }
            | Event::Optimized { .. }
            | Event::OsrEntry { .. }
            | Event::Unwound { .. }
            | Event::Module { .. }
            | Event::Freed { .. } => {}
        }
    }
}

/// Records a run. Clones record into the same.
#[derive(Clone, Default, Debug)]
pub struct Recorder(Arc<Mutex<Recording>>);

impl Recorder {
    fn lock(&self) -> MutexGuard<'_, Recording> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody looked where the program was, and how many bytes the heap had; it
    /// counts so many `times`.
    pub fn sample(&self, at: Duration, place: Place, heap: usize, times: u32) {
        let mut r = self.lock();
        let at = ms(at);
        r.end = r.end.max(at);
        r.samples += u64::from(times);
        r.shares.add(at, place.tier, times);
        r.heap.push(at, heap as f64);
        if r.places.len() < MOST || r.places.contains_key(&place) {
            *r.places.entry(place).or_default() += u64::from(times);
        } else {
            r.left_out += 1;
        }
    }

    /// The collector stopped the program for so long, and left so many bytes.
    pub fn pause(&self, at: Duration, took: Duration, heap: usize) {
        let mut r = self.lock();
        let (at, took) = (ms(at), ms(took));
        r.end = r.end.max(at);
        r.heap.push(at, heap as f64);
        r.pauses.push(at, took);
        r.pause_count += 1;
        r.pause_sum += took;
        r.pause_max = r.pause_max.max(took);
    }
}

impl Sink for Recorder {
    fn event(&mut self, at: Duration, e: &Event) {
        self.lock().event(ms(at), e);
    }

    fn finish(&mut self, stats: &Stats) {
        self.lock().stats = Some(stats.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::{fib, samples};

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    pub(super) fn recorded() -> Recorder {
        let mut r = Recorder::default();
        for (n, e) in (0..).zip(samples()) {
            r.event(at(10 * n), &e);
        }
        let place = |tier, line| Place {
            func: fib(),
            tier,
            line,
            loop_line: Some(4),
        };
        r.sample(at(20), place(0, 4), 1000, 1);
        r.sample(at(30), place(2, 5), 3000, 1);
        r.pause(at(35), Duration::from_micros(1500), 2000);
        r.finish(&Stats::default());
        r
    }

    #[test]
    fn compiles_come_when_they_were_asked_for() {
        let mut r = Recorder::default();
        let queued = |tier| Event::Queued {
            func: fib(),
            tier,
            by: "llvm",
        };
        let compiled = |tier| match &samples()[1] {
            Event::Compiled { .. } => Event::Compiled {
                func: fib(),
                tier,
                reason: "calls",
                insns: 1,
                clif: 1,
                bytes: 8,
                micros: 500.0,
                entries: 1,
            },
            other => panic!("{other:?}"),
        };
        r.event(at(1), &queued(1));
        r.event(at(2), &queued(2));
        r.event(at(5), &compiled(2));
        r.event(at(9), &compiled(1));
        r.event(at(20), &compiled(1));
        let r = r.lock();
        let times: Vec<_> = r
            .compiles
            .iter()
            .map(|c| (c.tier, c.queued, c.ready))
            .collect();
        let expected = [
            (1, 1.0, Some(9.0)),
            (2, 2.0, Some(5.0)),
            (1, 19.5, Some(20.0)),
        ];
        assert_eq!(times, expected);
    }

    #[test]
    fn compiles_end_when_they_are_given_up() {
        let mut r = Recorder::default();
        let queued = |by| Event::Queued {
            func: fib(),
            tier: 2,
            by,
        };
        r.event(at(1), &queued("cranelift"));
        r.event(at(2), &queued("llvm"));
        r.event(
            at(4),
            &Event::Cancelled {
                func: fib(),
                tier: 2,
                by: "llvm",
                why: "its code is out of use",
            },
        );
        r.event(
            at(6),
            &Event::NotCompiled {
                func: fib(),
                tier: 2,
                reason: crate::policy::Reason::Unsupported,
                detail: "too large".into(),
            },
        );
        r.event(at(7), &queued("llvm"));
        let r = r.lock();
        let times: Vec<_> = r
            .compiles
            .iter()
            .map(|c| (c.by, c.queued, c.ready, c.given_up))
            .collect();
        let expected = [
            ("cranelift", 1.0, None, Some(6.0)),
            ("llvm", 2.0, None, Some(4.0)),
            ("llvm", 7.0, None, None),
        ];
        assert_eq!(times, expected);
        assert!(r.compiles[0].reason.contains("too large"));
        assert_eq!(r.compiles[1].reason, "its code is out of use");
    }

    #[test]
    fn long_runs_take_no_more_than_short_ones() {
        let r = Recorder::default();
        for n in 0..300_000 {
            let place = Place {
                func: FuncName::new("f", "a.lua", n),
                tier: (n % 3) as u8,
                line: n,
                loop_line: None,
            };
            r.sample(at(u64::from(n)), place, n as usize, 1);
        }
        let r = r.lock();
        assert!(r.heap.points.len() <= POINTS && r.shares.parts.len() <= Shares::MOST);
        assert_eq!(r.places.len(), MOST);
        assert_eq!(r.left_out, 300_000 - MOST as u64);
        let seen: u32 = r.shares.parts.iter().flatten().sum();
        assert_eq!(seen, 300_000);
        // The greatest stays.
        let greatest = r.heap.points.iter().map(|p| p.1).fold(0.0, f64::max);
        assert!(greatest > 299_000.0, "{greatest}");
    }
}
