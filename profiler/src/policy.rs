//! When to compile, compile again, and give up.
//!
//! The policy is a pure function, [`decide`]: [`Facts`] about a function and
//! [`Thresholds`] go in, a [`Decision`] comes out. It reads no clock and keeps
//! no memory, so each of its rules is a line in a test.
//!
//! ```text
//!            called, looping           Compile            installed
//!   Cold ───────────────────▶ Warm ───────────▶ Queued ────────────▶ Compiled
//!    ▲                         │                  │ ▲                 │   │
//!    │                         │ Disable          │ │    Recompile    │   │
//!    │                         ▼                  │ └─────────────────┘   │
//!    │                 Disabled(reason) ◀─────────┴───────── Disable ─────┤
//!    └────────────────────────────────────────────── code dropped ────────┘
//! ```
//!
//! - *Hot* is a function with enough calls or back-edges ([`Facts::heat`]).
//!   *Warm* is one that was found hot and isn't queued yet; it stays hot.
//! - The *exits* that count are those of the guard that fails most, since the
//!   last compile. Recompiling for [`Why::Exits`] leaves that guard's
//!   speculation out.
//! - *Slow hits* are calls of slow paths that code compiled with newer feedback
//!   might not make. Recompiling for [`Why::Feedback`] is an improvement only:
//!   where it isn't possible the function keeps the code it has.
//! - Compiles of a function are bounded. So that a function with many bad
//!   guards doesn't end up interpreted, its last compile should speculate on
//!   nothing: see [`Thresholds::may_speculate`].
//!
//! Not here: what a compile queue does with its jobs, and how code is thrown
//! away.

use serde::Serialize;
use std::fmt;

/// All thresholds of the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Calls after which a function is hot: with 1, at the second call.
    pub calls: u32,
    /// Back-edges after which a function is hot: with 1, at the first. Meant
    /// for a loop as long as its function, see
    /// [`enough_back_edges`](Thresholds::enough_back_edges).
    pub back_edges: u32,
    /// How many times as hot a function must be while nothing was compiled yet:
    /// to start the compiler takes time, too, which short programs don't have.
    /// 0 counts as 1.
    pub start_up: u32,
    /// The longest function that is compiled, in instructions.
    pub max_insns: u32,
    /// Exits of one guard before the function is compiled again without that
    /// speculation. 0 counts as 1.
    pub exits: u32,
    /// Most compiles of a function.
    pub compiles: u8,
    /// Slow-path hits of a function's code before it is compiled again with
    /// newer feedback; four times as many after each further compile. 0 counts
    /// as 1.
    pub slow_hits: u32,
    /// Limit of code memory, in bytes.
    pub code_bytes: usize,
    /// Instructions that baseline code of a function, or of a loop, has to have
    /// executed before it is optimized: calls, or back-edges, by its length.
    pub hot: u32,
    /// Instructions that code of the optimizing compiler's quick backend has to
    /// have executed before the other one is asked for better code. Up to 1: it
    /// is asked at once.
    pub best: u32,
    /// How much of the time another thread may compile, in percent. 0: there
    /// is none, the program does it itself.
    pub background: u32,
}

/// How much more often short loops go round, at most.
const MAX_WEIGHT: u64 = 16;

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            calls: 2000,
            back_edges: 1000,
            start_up: 16,
            max_insns: 8000,
            exits: 16,
            compiles: 5,
            slow_hits: 20_000,
            code_bytes: 64 << 20,
            hot: 1_000_000,
            best: 20_000_000,
            background: 100,
        }
    }
}

impl Thresholds {
    /// The names by which [`set`](Thresholds::set) knows them.
    pub const NAMES: [&'static str; 11] = [
        "calls",
        "back-edges",
        "start-up",
        "max-insns",
        "exits",
        "compiles",
        "slow-hits",
        "code-memory",
        "hot",
        "best",
        "background",
    ];

    /// Sets one of them by its name, for options. Who gives `calls` or
    /// `back-edges` wants just that: `start-up` is 1 then and `background` 0,
    /// unless they are set afterwards.
    ///
    /// # Errors
    /// There is no threshold of this name, or it can't be as great.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), String> {
        fn fit<T: TryFrom<u64>>(place: &mut T, name: &str, value: u64) -> Result<(), String> {
            *place = T::try_from(value).map_err(|_| format!("{value} is too much for '{name}'"))?;
            Ok(())
        }
        if matches!(name, "calls" | "back-edges") {
            (self.start_up, self.background) = (1, 0);
        }
        match name {
            "start-up" => fit(&mut self.start_up, name, value),
            "calls" => fit(&mut self.calls, name, value),
            "back-edges" => fit(&mut self.back_edges, name, value),
            "max-insns" => fit(&mut self.max_insns, name, value),
            "exits" => fit(&mut self.exits, name, value),
            "compiles" => fit(&mut self.compiles, name, value),
            "slow-hits" => fit(&mut self.slow_hits, name, value),
            "code-memory" => fit(&mut self.code_bytes, name, value),
            "hot" => fit(&mut self.hot, name, value),
            "best" => fit(&mut self.best, name, value),
            "background" => fit(&mut self.background, name, value),
            _ => Err(format!(
                "no threshold is called '{name}'; there are {}",
                Thresholds::NAMES.join(", ")
            )),
        }
    }

    /// Calls after which a function is hot; `started`: something was compiled
    /// before.
    pub fn enough_calls(&self, started: bool) -> u64 {
        self.times(self.calls, started)
    }

    /// `n`, or more at the start; what is 0 or 1 stays so.
    fn times(&self, n: u32, started: bool) -> u64 {
        let factor = if started { 1 } else { self.start_up.max(1) };
        u64::from(n.min(1)) + u64::from(n.saturating_sub(1)) * u64::from(factor)
    }

    /// Back-edges after which a function of `insns` instructions is hot that is
    /// in a loop of `loop_insns`. What a compile costs depends on the function,
    /// what an interpreted iteration costs on the loop: so short loops of long
    /// functions go round more often, though not more than 16 times as often.
    pub fn enough_back_edges(&self, insns: u32, loop_insns: u32, started: bool) -> u64 {
        let more = u64::from(self.back_edges.saturating_sub(1));
        let weighted = match u64::from(loop_insns) {
            0 => more,
            n => (more * u64::from(insns) / n).clamp(more, more * MAX_WEIGHT),
        };
        let weighted = u64::from(self.back_edges.min(1)) + weighted;
        weighted.max(self.times(self.back_edges, started))
    }

    /// Slow hits that a function compiled `compiles` times needs for another
    /// compile.
    fn enough_slow_hits(&self, compiles: u8) -> u32 {
        let times = 1u32 << (2 * compiles.saturating_sub(1)).min(16);
        self.slow_hits.max(1).saturating_mul(times)
    }

    /// Those of stress runs: a function is compiled at its second call or its
    /// first back-edge.
    pub fn stress() -> Thresholds {
        Thresholds {
            calls: 1,
            back_edges: 1,
            start_up: 1,
            hot: 1,
            best: 1,
            background: 0,
            ..Thresholds::default()
        }
    }

    /// Whether the next compile of a function that was compiled `compiles`
    /// times may speculate: all but the last one may.
    pub fn may_speculate(&self, compiles: u8) -> bool {
        compiles.saturating_add(1) < self.compiles
    }
}

/// Where a function stands on its way through the tiers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TierState {
    /// Interpreted and counted.
    Cold,
    /// Found hot; to be compiled at the next chance.
    Warm,
    /// Waits for the compiler, or is being compiled. It may have older code.
    Queued,
    /// Has code.
    Compiled,
    /// Interpreted for good, for a reason.
    Disabled(Reason),
}

impl TierState {
    /// The state once a decision is acted upon. Installing code
    /// ([`Compiled`](TierState::Compiled)) and dropping it
    /// ([`Cold`](TierState::Cold)) aren't decisions of the policy.
    pub fn after(self, decision: Decision) -> TierState {
        match decision {
            Decision::Stay => self,
            Decision::Compile | Decision::Recompile(_) => TierState::Queued,
            Decision::Disable(reason) => TierState::Disabled(reason),
        }
    }

    /// Whether a function may go from this state to `next` in one step.
    pub fn may_become(self, next: TierState) -> bool {
        use TierState::{Cold, Compiled, Disabled, Queued, Warm};
        match (self, next) {
            // An option of the host, or a library call, at any time.
            (_, Disabled(Reason::Requested)) | (Disabled(Reason::Requested), Cold) => true,
            (Cold, Warm | Queued | Disabled(_)) | (Warm, Queued | Disabled(_)) => true,
            // The job was dropped, or its code was out of date before it came.
            (Queued, Cold | Warm | Compiled | Disabled(_)) => true,
            (Compiled, Cold | Warm | Queued | Disabled(_)) => true,
            // Code was freed since.
            (Disabled(Reason::CodeMemory), Queued) => true,
            (Disabled(_) | Cold | Warm, _) => false,
            (Queued | Compiled, _) => false,
        }
    }
}

/// Why a function is not compiled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// More instructions than [`Thresholds::max_insns`].
    TooLong,
    /// It was compiled [`Thresholds::compiles`] times.
    TooManyCompiles,
    /// Code memory is used up. Holds until half of it is free again.
    CodeMemory,
    /// The compiler can't do it on this machine.
    Unsupported,
    /// The host or the program asked for it.
    Requested,
    /// A stress mode made the compile fail.
    Bailout,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] = [
        Reason::TooLong,
        Reason::TooManyCompiles,
        Reason::CodeMemory,
        Reason::Unsupported,
        Reason::Requested,
        Reason::Bailout,
    ];

    /// Its name in JSON events and statistics.
    pub fn name(self) -> &'static str {
        match self {
            Reason::TooLong => "too_long",
            Reason::TooManyCompiles => "too_many_compiles",
            Reason::CodeMemory => "code_memory",
            Reason::Unsupported => "unsupported",
            Reason::Requested => "requested",
            Reason::Bailout => "bailout",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::TooLong => "it is too long",
            Reason::TooManyCompiles => "it was compiled too often",
            Reason::CodeMemory => "code memory is used up",
            Reason::Unsupported => "the compiler can't do it here",
            Reason::Requested => "as requested",
            Reason::Bailout => "a stress mode says so",
        })
    }
}

/// What the policy knows of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Where it stands.
    pub state: TierState,
    /// Its calls, before the one that is about to begin.
    pub calls: u64,
    /// Its back-edges.
    pub back_edges: u64,
    /// Its length in instructions.
    pub insns: u32,
    /// Something was compiled before, whatever it was.
    pub started: bool,
    /// The length of the loop it is in, if the question is asked at a
    /// back-edge; else 0.
    pub loop_insns: u32,
    /// How often it was compiled.
    pub compiles: u8,
    /// Exits of its worst guard since it was last compiled.
    pub exits: u32,
    /// Slow paths its code took since it was last compiled.
    pub slow_hits: u32,
    /// Code memory in use, of all functions, in bytes.
    pub code_bytes: usize,
}

/// What made a function hot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heat {
    /// Being called.
    Calls,
    /// Looping.
    Loop,
}

impl Heat {
    /// Its name as the reason of a compile: `calls` or `loop`.
    pub fn name(self) -> &'static str {
        match self {
            Heat::Calls => "calls",
            Heat::Loop => "loop",
        }
    }
}

impl Facts {
    /// What makes the function hot, if it is; calls come first.
    pub fn heat(&self, t: &Thresholds) -> Option<Heat> {
        let back_edges = t.enough_back_edges(self.insns, self.loop_insns, self.started);
        if self.calls >= t.enough_calls(self.started) {
            Some(Heat::Calls)
        } else if self.back_edges >= back_edges {
            Some(Heat::Loop)
        } else {
            None
        }
    }

    /// What keeps the function from being compiled now.
    fn obstacle(&self, t: &Thresholds) -> Option<Reason> {
        if self.insns > t.max_insns {
            Some(Reason::TooLong)
        } else if self.compiles >= t.compiles {
            Some(Reason::TooManyCompiles)
        } else if self.code_bytes >= t.code_bytes {
            Some(Reason::CodeMemory)
        } else {
            None
        }
    }
}

/// What is to be done about a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Nothing.
    Stay,
    /// Compile it.
    Compile,
    /// Compile it again; what it has may run until the new code is there.
    Recompile(Why),
    /// Drop its code, if it has any, and interpret it.
    Disable(Reason),
}

/// Why a function is compiled again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// A guard failed too often.
    Exits,
    /// It takes slow paths that newer feedback may avoid.
    Feedback,
    /// Its code was taken out of use, for an assumption it made no longer
    /// holds. Not a decision of the policy.
    Assumption,
}

impl Why {
    /// Its name as the reason of a compile: `exits`, `feedback` or
    /// `assumption`.
    pub fn name(self) -> &'static str {
        match self {
            Why::Exits => "exits",
            Why::Feedback => "feedback",
            Why::Assumption => "assumption",
        }
    }
}

/// The policy; see the module documentation.
pub fn decide(facts: &Facts, t: &Thresholds) -> Decision {
    let compile = || match facts.obstacle(t) {
        Some(reason) => Decision::Disable(reason),
        None => Decision::Compile,
    };
    match facts.state {
        TierState::Cold if facts.heat(t).is_none() => Decision::Stay,
        TierState::Cold | TierState::Warm => compile(),
        TierState::Queued => Decision::Stay,
        TierState::Compiled => decide_compiled(facts, t),
        TierState::Disabled(Reason::CodeMemory) if facts.code_bytes < t.code_bytes / 2 => compile(),
        TierState::Disabled(_) => Decision::Stay,
    }
}

/// The part about functions that have code.
fn decide_compiled(facts: &Facts, t: &Thresholds) -> Decision {
    let obstacle = facts.obstacle(t);
    if facts.exits >= t.exits.max(1) {
        // Code that keeps failing costs more than none.
        return match obstacle {
            Some(reason) => Decision::Disable(reason),
            None => Decision::Recompile(Why::Exits),
        };
    }
    if facts.slow_hits >= t.enough_slow_hits(facts.compiles) && obstacle.is_none() {
        return Decision::Recompile(Why::Feedback);
    }
    Decision::Stay
}

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Compile, Disable, Recompile, Stay};
    use TierState::{Cold, Compiled, Disabled, Queued, Warm};

    const T: Thresholds = Thresholds {
        calls: 10,
        back_edges: 100,
        start_up: 3,
        max_insns: 50,
        exits: 4,
        compiles: 3,
        slow_hits: 20,
        code_bytes: 1000,
        hot: 1000,
        best: 1000,
        background: 0,
    };

    /// A function in the middle of everything, to be varied.
    fn f(state: TierState) -> Facts {
        Facts {
            state,
            calls: 0,
            back_edges: 0,
            insns: 50,
            started: true,
            loop_insns: 50,
            compiles: 0,
            exits: 0,
            slow_hits: 0,
            code_bytes: 999,
        }
    }

    #[test]
    #[rustfmt::skip]
    fn each_rule() {
        let rows = [
            // Counting.
            (Facts { calls: 9, back_edges: 99, ..f(Cold) }, Stay),
            (Facts { calls: 10, ..f(Cold) }, Compile),
            (Facts { back_edges: 100, ..f(Cold) }, Compile),
            (Facts { calls: u64::MAX, back_edges: u64::MAX, ..f(Cold) }, Compile),
            (f(Warm), Compile),
            // At the start.
            (Facts { calls: 27, started: false, ..f(Cold) }, Stay),
            (Facts { calls: 28, started: false, ..f(Cold) }, Compile),
            (Facts { back_edges: 297, started: false, ..f(Cold) }, Stay),
            (Facts { back_edges: 298, started: false, ..f(Cold) }, Compile),
            // Short loops of longer functions.
            (Facts { back_edges: 298, loop_insns: 16, ..f(Cold) }, Stay),
            (Facts { back_edges: 310, loop_insns: 16, ..f(Cold) }, Compile),
            (Facts { back_edges: 1584, loop_insns: 1, ..f(Cold) }, Stay),
            (Facts { back_edges: 1585, loop_insns: 1, ..f(Cold) }, Compile),
            (Facts { back_edges: 100, loop_insns: 0, ..f(Cold) }, Compile),
            (Facts { calls: 10, compiles: 2, ..f(Cold) }, Compile),
            // Obstacles, of hot functions only.
            (Facts { calls: 9, insns: 51, ..f(Cold) }, Stay),
            (Facts { calls: 10, insns: 51, ..f(Cold) }, Disable(Reason::TooLong)),
            (Facts { calls: 10, compiles: 3, ..f(Cold) }, Disable(Reason::TooManyCompiles)),
            (Facts { calls: 10, code_bytes: 1000, ..f(Cold) }, Disable(Reason::CodeMemory)),
            (Facts { insns: 51, ..f(Warm) }, Disable(Reason::TooLong)),
            // The compiler has it.
            (Facts { calls: 1000, exits: 1000, slow_hits: 1000, ..f(Queued) }, Stay),
            // Running code.
            (Facts { calls: 1000, back_edges: 1000, compiles: 1, ..f(Compiled) }, Stay),
            (Facts { exits: 3, slow_hits: 19, compiles: 1, ..f(Compiled) }, Stay),
            (Facts { exits: 4, compiles: 1, ..f(Compiled) }, Recompile(Why::Exits)),
            (Facts { slow_hits: 20, compiles: 1, ..f(Compiled) }, Recompile(Why::Feedback)),
            (Facts { slow_hits: 79, compiles: 2, ..f(Compiled) }, Stay),
            (Facts { slow_hits: 80, compiles: 2, ..f(Compiled) }, Recompile(Why::Feedback)),
            (Facts { exits: 4, slow_hits: 20, compiles: 1, ..f(Compiled) }, Recompile(Why::Exits)),
            (Facts { exits: 4, compiles: 3, ..f(Compiled) }, Disable(Reason::TooManyCompiles)),
            (Facts { exits: 4, code_bytes: 1000, ..f(Compiled) }, Disable(Reason::CodeMemory)),
            (Facts { slow_hits: 20, compiles: 3, ..f(Compiled) }, Stay),
            (Facts { slow_hits: 20, code_bytes: 1000, ..f(Compiled) }, Stay),
            // Given up, unless for want of memory that is there again.
            (Facts { calls: 1000, ..f(Disabled(Reason::Requested)) }, Stay),
            (Facts { calls: 1000, ..f(Disabled(Reason::Unsupported)) }, Stay),
            (Facts { calls: 1000, code_bytes: 0, ..f(Disabled(Reason::TooManyCompiles)) }, Stay),
            (Facts { code_bytes: 500, ..f(Disabled(Reason::CodeMemory)) }, Stay),
            (Facts { code_bytes: 499, ..f(Disabled(Reason::CodeMemory)) }, Compile),
        ];
        for (facts, decision) in rows {
            assert_eq!(decide(&facts, &T), decision, "{facts:?}");
        }
    }

    #[test]
    fn thresholds_are_set_by_name() {
        let mut t = T;
        for (n, name) in (100..).zip(Thresholds::NAMES) {
            assert_eq!(t.set(name, n), Ok(()), "{name}");
        }
        let expected = Thresholds {
            calls: 100,
            back_edges: 101,
            start_up: 102,
            max_insns: 103,
            exits: 104,
            compiles: 105,
            slow_hits: 106,
            code_bytes: 107,
            hot: 108,
            best: 109,
            background: 110,
        };
        assert_eq!(t, expected);
        let Ok(()) = t.set("calls", 100) else {
            panic!("refused")
        };
        assert_eq!((t.start_up, t.background), (1, 0));
        (t.start_up, t.background) = (102, 110);
        assert!(t.set("compiles", 256).is_err());
        assert!(t.set("heat", 1).unwrap_err().contains("back-edges"));
        assert_eq!(t, expected);
    }

    #[test]
    fn stress_compiles_at_the_second_call_and_the_first_back_edge() {
        let t = Thresholds::stress();
        assert_eq!(decide(&f(Cold), &t), Stay);
        let facts = Facts {
            calls: 1,
            started: false,
            ..f(Cold)
        };
        assert_eq!(decide(&facts, &t), Compile);
        assert_eq!(facts.heat(&t), Some(Heat::Calls));
        let facts = Facts {
            back_edges: 1,
            started: false,
            ..f(Cold)
        };
        assert_eq!(decide(&facts, &t), Compile);
        assert_eq!(facts.heat(&t), Some(Heat::Loop));
    }

    #[test]
    fn thresholds_of_zero_need_an_event_all_the_same() {
        let t = Thresholds {
            exits: 0,
            slow_hits: 0,
            ..T
        };
        assert_eq!(decide(&f(Compiled), &t), Stay);
    }

    /// Whatever happens to a function, it is compiled a bounded number of
    /// times, and takes only steps that the states allow.
    #[test]
    fn compiles_are_bounded_and_steps_are_allowed() {
        for exits in [0, 100] {
            let mut facts = Facts {
                calls: 1000,
                slow_hits: 1000,
                ..f(Cold)
            };
            for _ in 0..100 {
                facts.exits = exits;
                let next = facts.state.after(decide(&facts, &T));
                assert!(next == facts.state || facts.state.may_become(next));
                facts.state = next;
                if next == Queued {
                    assert!(next.may_become(Compiled));
                    facts.state = Compiled;
                    facts.compiles += 1;
                }
            }
            assert_eq!(facts.compiles, T.compiles);
            let end = if exits == 0 {
                Compiled
            } else {
                Disabled(Reason::TooManyCompiles)
            };
            assert_eq!(facts.state, end);
        }
    }

    #[test]
    fn the_last_compile_does_not_speculate() {
        let may: Vec<bool> = (0..4).map(|n| T.may_speculate(n)).collect();
        assert_eq!(may, [true, true, false, false]);
    }

    #[test]
    fn what_is_given_up_stays_so() {
        for next in [Cold, Warm, Queued, Compiled] {
            assert!(!Disabled(Reason::TooLong).may_become(next), "{next:?}");
        }
        assert!(Disabled(Reason::TooLong).may_become(Disabled(Reason::Requested)));
        assert!(Disabled(Reason::Requested).may_become(Cold));
        assert!(Disabled(Reason::CodeMemory).may_become(Queued));
        assert!(!Warm.may_become(Compiled));
    }

    #[test]
    fn names_are_those_of_the_json() {
        for reason in Reason::ALL {
            let json = serde_json::to_string(&reason).expect("a string");
            assert_eq!(json, format!("\"{}\"", reason.name()));
        }
    }
}
