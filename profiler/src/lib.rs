//! What execution teaches.
//!
//! ```text
//!  tiers 0 and 1 ──▶ counters, feedback vector ──▶ summary
//!                         │                           (plain data)
//!                         ▼
//!                    facts ──▶ policy ──▶ decision ──▶ tiers act
//!                            (pure)                       │ event
//!                                                         ▼
//!                                 sinks: text, JSON ◀── profiler ──▶ statistics
//! ```
//!
//! - [`summary`]: what a prototype's counters and feedback slots say.
//! - [`policy`]: from [`Facts`] and [`Thresholds`] to a [`Decision`].
//! - [`event`]: what the tiers did, as data; [`optimizing`]: how.
//! - [`sink`]: where events go.
//! - [`stats`]: what they add up to.
//!
//! Collecting is the business of the tiers, and so is acting on decisions:
//! nothing here compiles, nothing here runs.

pub mod event;
pub mod optimizing;
pub mod policy;
mod report;
pub mod sink;
pub mod stats;
pub mod summary;

pub use event::{Event, FuncName, OneLine};
pub use optimizing::{Inlining, Stages};
pub use policy::{Decision, Facts, Heat, Reason, Thresholds, TierState, Why, decide};
pub use report::{Place, Recorder};
pub use sink::{JsonSink, RecordingSink, Sink, TextSink};
pub use stats::Stats;
pub use summary::{Counters, ProtoProfile, Uniformity, summarise};

use std::time::{Duration, Instant};

/// Takes the events of one VM: adds them up and passes them on.
///
/// Statistics are always kept; a *trace* is what sinks make of the events.
/// Without a sink, events that come often need not be built, see
/// [`Profiler::emit_often`].
pub struct Profiler {
    /// The figures so far. Those that no event carries (executed
    /// instructions, slow calls) are for the VM to fill in.
    pub stats: Stats,
    sinks: Vec<Box<dyn Sink>>,
    /// None where the platform has no clock.
    start: Option<Instant>,
    tracing: bool,
}

impl Profiler {
    /// One without sinks, whose time starts now.
    pub fn new() -> Profiler {
        Profiler {
            stats: Stats::default(),
            sinks: Vec::new(),
            start: now(),
            tracing: false,
        }
    }

    /// Sends events to `sink` too, from now on.
    pub fn add_sink(&mut self, sink: Box<dyn Sink>) {
        self.sinks.push(sink);
        self.tracing = true;
    }

    /// Whether anybody looks at events.
    #[inline]
    pub fn is_tracing(&self) -> bool {
        self.tracing
    }

    /// Time since the profiler was made; zero where there is no clock.
    pub fn elapsed(&self) -> Duration {
        self.start.map_or(Duration::ZERO, |start| start.elapsed())
    }

    /// Adds an event to the statistics and gives it to the sinks.
    pub fn emit(&mut self, event: Event) {
        self.stats.record(&event);
        self.send(&event);
    }

    /// As [`emit`](Profiler::emit) for events that may come a million times a
    /// second (OSR entries, yields): unless somebody looks, the event is not
    /// built. `count` does what [`Stats::record`] would have done.
    #[inline]
    pub fn emit_often(&mut self, count: impl FnOnce(&mut Stats), event: impl FnOnce() -> Event) {
        if self.tracing {
            self.emit(event());
        } else {
            count(&mut self.stats);
        }
    }

    /// Gives the final figures to the sinks and lets go of them. Later events
    /// only count. Without effect when called again.
    pub fn finish(&mut self) {
        for sink in &mut self.sinks {
            sink.finish(&self.stats);
        }
        self.sinks.clear();
        self.tracing = false;
    }

    fn send(&mut self, event: &Event) {
        if self.tracing {
            let at = self.elapsed();
            for sink in &mut self.sinks {
                sink.event(at, event);
            }
        }
    }
}

impl Default for Profiler {
    fn default() -> Profiler {
        Profiler::new()
    }
}

impl std::fmt::Debug for Profiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiler")
            .field("stats", &self.stats)
            .field("sinks", &self.sinks.len())
            .finish_non_exhaustive()
    }
}

/// The time, where there is a clock: asking for it panics on bare wasm.
fn now() -> Option<Instant> {
    (!cfg!(all(target_arch = "wasm32", target_os = "unknown"))).then(Instant::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwound() -> Event {
        Event::Unwound {
            func: FuncName::new("f", "a.lua", 1),
            frames: 2,
            why: "yield",
        }
    }

    #[test]
    fn it_can_move_between_threads() {
        fn send<T: Send>() {}
        send::<Profiler>();
    }

    #[test]
    fn events_count_with_and_without_sinks() {
        let mut p = Profiler::new();
        assert!(!p.is_tracing());
        p.emit(unwound());
        let (sink, events) = RecordingSink::new();
        p.add_sink(Box::new(sink));
        assert!(p.is_tracing());
        p.emit(unwound());
        assert_eq!(p.stats.unwound, 2);
        assert_eq!(events.take(), [unwound()]);
    }

    #[test]
    fn frequent_events_are_built_for_sinks_only() {
        let mut p = Profiler::new();
        p.emit_often(|s| s.unwound += 1, || panic!("built for nobody"));
        let (sink, events) = RecordingSink::new();
        p.add_sink(Box::new(sink));
        p.emit_often(|_| panic!("counted twice"), unwound);
        assert_eq!(p.stats.unwound, 2);
        assert_eq!(events.take().len(), 1);
    }

    /// `spec/tiers.md` names all that the JSON holds, and the thresholds.
    #[test]
    fn the_prose_is_complete() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/tiers.md");
        let text = std::fs::read_to_string(path).expect("tiers.md");
        let mut names: Vec<String> = Reason::ALL.map(|r| r.name().to_string()).into();
        let mut keys = |json: &str| match serde_json::from_str(json) {
            Ok(serde_json::Value::Object(fields)) => names.extend(fields.keys().cloned()),
            other => panic!("{other:?}"),
        };
        keys(&Stats::default().to_json());
        keys(&serde_json::to_string(&stats::FuncStats::default()).expect("JSON"));
        keys(&serde_json::to_string(&stats::TierStats::default()).expect("JSON"));
        keys(&serde_json::to_string(&Stages::default()).expect("JSON"));
        keys(&serde_json::to_string(&event::tests::inlining()[0]).expect("JSON"));
        for e in event::tests::samples() {
            keys(&serde_json::to_string(&e).expect("JSON"));
        }
        names.extend(event::tests::samples().iter().map(|e| e.name().to_string()));
        let Thresholds {
            calls,
            back_edges,
            start_up,
            max_insns,
            exits,
            compiles,
            slow_hits,
            code_bytes,
            hot,
            best,
            background,
        } = Thresholds::default();
        for name in names {
            assert!(
                text.contains(&format!("`{name}`")),
                "{name} is not in tiers.md"
            );
        }
        for ((name, value), option) in [
            ("calls", calls.to_string()),
            ("back_edges", back_edges.to_string()),
            ("start_up", start_up.to_string()),
            ("max_insns", max_insns.to_string()),
            ("exits", exits.to_string()),
            ("compiles", compiles.to_string()),
            ("slow_hits", slow_hits.to_string()),
            ("code_bytes", format!("{} MiB", code_bytes >> 20)),
            ("hot", hot.to_string()),
            ("best", best.to_string()),
            ("background", background.to_string()),
        ]
        .iter()
        .zip(Thresholds::NAMES)
        {
            let row = format!("| `{name}` | `{option}` | {value} |");
            assert!(text.contains(&row), "{row} is not in tiers.md");
        }
    }

    #[test]
    fn finishing_ends_the_trace_once() {
        struct Last(std::sync::mpsc::Sender<u64>);
        impl Sink for Last {
            fn event(&mut self, _: Duration, _: &Event) {}
            fn finish(&mut self, stats: &Stats) {
                self.0.send(stats.unwound).expect("somebody listens");
            }
        }
        let (tell, told) = std::sync::mpsc::channel();
        let mut p = Profiler::new();
        p.add_sink(Box::new(Last(tell)));
        p.emit(unwound());
        p.finish();
        p.finish();
        p.emit(unwound());
        assert!(!p.is_tracing());
        assert_eq!(told.iter().collect::<Vec<_>>(), [1]);
        assert_eq!(p.stats.unwound, 2);
    }
}
