//! Where events go.
//!
//! A [`Sink`] is given each event with the time since the start, and at the
//! end the figures. Three are here:
//!
//! | sink | makes |
//! |---|---|
//! | [`TextSink`] | a line per event for people, and a table at the end; thins out what repeats |
//! | [`JsonSink`] | a JSON object per line, all events, and one object with the figures |
//! | [`RecordingSink`] | a list in memory, for tests and hosts |
//!
//! Each line is written by one call, so that traces and a program's output
//! don't mix within lines. A trace must not stop the program it shows: after
//! the first failed write a sink is silent.

use crate::event::{Event, FuncName};
use crate::stats::Stats;
use serde::Serialize;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Takes events.
pub trait Sink: Send {
    /// Something happened, `at` this time since the start.
    fn event(&mut self, at: Duration, e: &Event);

    /// The end, with the final figures. No event follows.
    fn finish(&mut self, stats: &Stats);
}

/// A writer until it fails.
struct Out<W>(Option<W>);

impl<W: Write> Out<W> {
    fn put(&mut self, text: &str) {
        if let Some(w) = &mut self.0
            && w.write_all(text.as_bytes()).is_err()
        {
            self.0 = None;
        }
    }

    fn flush(&mut self) {
        if let Some(w) = &mut self.0
            && w.flush().is_err()
        {
            self.0 = None;
        }
    }
}

/// How often something that repeats is shown: each time at first, then when
/// the number is a power of two.
const SHOWN: u64 = 8;
/// Most things that are told apart; then all are forgotten.
const MAX_SEEN: usize = 1 << 16;

/// What makes two events repetitions: the function, a pc, and a guard or
/// cause.
type Key = (FuncName, u32, String);

/// Writes a line for people per event.
///
/// ```text
/// [     1.250 ms] compiled      fib (fib.lua:3)                 tier 1 for calls: ...
/// ```
///
/// Exits of one guard, OSR entries of one loop and unwindings of one cause are
/// written 8 times, then when their number is a power of two, with that
/// number.
pub struct TextSink<W: Write + Send> {
    out: Out<W>,
    colour: bool,
    seen: HashMap<Key, u64>,
}

impl<W: Write + Send> TextSink<W> {
    /// One that writes to `w`, with terminal colours if `colour`.
    pub fn new(w: W, colour: bool) -> TextSink<W> {
        TextSink {
            out: Out(Some(w)),
            colour,
            seen: HashMap::new(),
        }
    }

    /// How often the like of an event was seen, this time included; none if it
    /// is not to be written.
    fn turn(&mut self, e: &Event) -> Option<u64> {
        let key = match e {
            Event::Exit {
                func, pc, guard, ..
            } => (func.clone(), *pc, guard.clone()),
            Event::OsrEntry { func, pc, .. } => (func.clone(), *pc, String::new()),
            Event::Unwound { func, why, .. } => (func.clone(), u32::MAX, (*why).to_string()),
            _ => return Some(1),
        };
        if self.seen.len() >= MAX_SEEN && !self.seen.contains_key(&key) {
            self.seen.clear();
        }
        let n = self.seen.entry(key).or_insert(0);
        *n += 1;
        (*n <= SHOWN || n.is_power_of_two()).then_some(*n)
    }
}

/// The escape sequence of an event's colour.
fn colour(e: &Event) -> &'static str {
    match e {
        Event::Compiled { .. } | Event::Optimized { .. } | Event::Module { .. } => "\x1b[32m",
        Event::Exit { .. } => "\x1b[33m",
        Event::NotCompiled { .. } | Event::Invalidated { .. } => "\x1b[31m",
        Event::OsrEntry { .. } => "\x1b[36m",
        Event::Warm { .. }
        | Event::Queued { .. }
        | Event::Cancelled { .. }
        | Event::Unwound { .. }
        | Event::Freed { .. } => "\x1b[2m",
    }
}

impl<W: Write + Send> Sink for TextSink<W> {
    fn event(&mut self, at: Duration, e: &Event) {
        let Some(n) = self.turn(e) else { return };
        let (on, off) = if self.colour {
            (colour(e), "\x1b[0m")
        } else {
            ("", "")
        };
        let ms = at.as_secs_f64() * 1e3;
        let name = e.name().replace('_', " ");
        let func = e
            .func()
            .map_or_else(|| "-".to_string(), FuncName::to_string);
        let times = match n {
            1 => String::new(),
            n => format!(" (x{n})"),
        };
        self.out.put(&format!(
            "[{ms:>10.3} ms] {on}{name:<13}{off} {func:<30} {e}{times}\n"
        ));
    }

    fn finish(&mut self, stats: &Stats) {
        self.out.put(&stats.table());
        self.out.flush();
    }
}

/// Writes a JSON object per line: `at_us`, `event`, and the fields of the
/// event. The last is `{"event":"stats",...}`. Nothing is left out; give it a
/// buffered writer.
pub struct JsonSink<W: Write + Send>(Out<W>);

/// A line of a [`JsonSink`].
#[derive(Serialize)]
struct EventLine<'a> {
    at_us: f64,
    #[serde(flatten)]
    event: &'a Event,
}

/// The last line of a [`JsonSink`].
#[derive(Serialize)]
struct StatsLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    stats: &'a Stats,
}

impl<W: Write + Send> JsonSink<W> {
    /// One that writes to `w`.
    pub fn new(w: W) -> JsonSink<W> {
        JsonSink(Out(Some(w)))
    }

    fn line(&mut self, value: &impl Serialize) {
        // Can't fail: all keys are strings.
        if let Ok(mut line) = serde_json::to_string(value) {
            line.push('\n');
            self.0.put(&line);
        }
    }
}

impl<W: Write + Send> Sink for JsonSink<W> {
    fn event(&mut self, at: Duration, e: &Event) {
        self.line(&EventLine {
            at_us: at.as_nanos() as f64 / 1e3,
            event: e,
        });
    }

    fn finish(&mut self, stats: &Stats) {
        self.line(&StatsLine {
            event: "stats",
            stats,
        });
        self.0.flush();
    }
}

/// Keeps the events.
pub struct RecordingSink(Recording);

/// The events that a [`RecordingSink`] kept.
#[derive(Clone, Default, Debug)]
pub struct Recording(Arc<Mutex<Vec<Event>>>);

impl RecordingSink {
    /// A sink, and where to find what it keeps.
    pub fn new() -> (RecordingSink, Recording) {
        let events = Recording::default();
        (RecordingSink(events.clone()), events)
    }
}

impl Recording {
    /// The events since this was last called.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for RecordingSink {
    fn event(&mut self, _: Duration, e: &Event) {
        let mut events = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(e.clone());
    }

    fn finish(&mut self, _: &Stats) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::{fib, samples};
    use serde_json::Value;

    /// A writer that can be read while a sink has it.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").extend_from_slice(buf);
            Ok(buf.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("lock").clone()).expect("UTF-8")
        }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_micros(n * 1000 + 250)
    }

    fn exit(pc: u32, guard: &str) -> Event {
        Event::Exit {
            func: fib(),
            tier: 2,
            line: 4,
            pc,
            guard: guard.into(),
            expected: "integer".into(),
            found: "a\nb".into(),
            frame_map: String::new(),
            count: 1,
        }
    }

    #[test]
    fn text_has_a_line_per_event() {
        let out = Shared::default();
        let mut sink = TextSink::new(out.clone(), false);
        for (n, e) in (1..).zip(samples()) {
            sink.event(ms(n), &e);
        }
        assert_eq!(
            out.text(),
            "\
[     1.250 ms] warm          fib (fib.lua:3)                300 calls, 0 back-edges
[     2.250 ms] compiled      fib (fib.lua:3)                tier 1 for calls: 14 instructions, 212 clif, 1544 bytes, 3 entries, 0.412 ms
[     3.250 ms] not compiled  function <big.lua:1>           it is too long
[     4.250 ms] osr entry     fib (fib.lua:3)                line 5, pc 8
[     5.250 ms] exit          fib (fib.lua:3)                line 4, pc 2: int expected integer, found float; frame f0 pc 2 base 0: r0 = tagged [0] | #0 = table f0 s1 {}
[     6.250 ms] invalidated   fib (fib.lua:3)                global print was assigned
[     7.250 ms] unwound       fib (fib.lua:3)                1 frame for yield
[     8.250 ms] freed         -                              4096 bytes
[     9.250 ms] optimized     fib (fib.lua:3)                loop at pc 8: snapshot 0.010 ms, ir 0.401 ms, llvm 2.000 ms, codegen 3.000 ms, link 0.020 ms; 7 exits; inlined: add (fib.lua:1) at line 4, add (fib.lua:1) at line 6; not inlined: add (fib.lua:1) at line 5 (too deep); guards_hoisted 2, tables_sunk 1
[    10.250 ms] module        -                              fib.ll: 1 function, 900 bytes, read 0.100 ms, llvm 2.000 ms, codegen 1.500 ms
[    11.250 ms] queued        fib (fib.lua:3)                tier 1, for cranelift
[    12.250 ms] cancelled     fib (fib.lua:3)                tier 2, for llvm: its code is out of use
"
        );
    }

    #[test]
    fn colours_when_asked() {
        for e in samples() {
            let out = Shared::default();
            TextSink::new(out.clone(), true).event(ms(0), &e);
            let text = out.text();
            assert_eq!(text.matches("\x1b[").count(), 2, "{text}");
            assert!(text.contains("\x1b[0m"), "{text}");
        }
    }

    #[test]
    fn text_thins_out_what_repeats() {
        let out = Shared::default();
        let mut sink = TextSink::new(out.clone(), false);
        for _ in 0..100 {
            sink.event(ms(0), &exit(1, "int"));
        }
        let text = out.text();
        let last: Vec<&str> = text
            .lines()
            .map(|l| l.rsplit(' ').next().unwrap_or(""))
            .collect();
        assert_eq!(last[0], "a\\nb");
        assert_eq!(
            last[1..],
            [
                "(x2)", "(x3)", "(x4)", "(x5)", "(x6)", "(x7)", "(x8)", "(x16)", "(x32)", "(x64)"
            ]
        );
        // Another guard, pc or kind of event counts on its own.
        let before = text.lines().count();
        sink.event(ms(0), &exit(1, "float"));
        sink.event(ms(0), &exit(2, "int"));
        sink.event(ms(0), &exit(1, "int"));
        assert_eq!(out.text().lines().count(), before + 2);
    }

    #[test]
    fn entries_and_unwindings_are_thinned_out_too() {
        for e in samples() {
            let out = Shared::default();
            let mut sink = TextSink::new(out.clone(), false);
            for _ in 0..100 {
                sink.event(ms(0), &e);
            }
            let lines = if matches!(
                e,
                Event::Exit { .. } | Event::OsrEntry { .. } | Event::Unwound { .. }
            ) {
                11
            } else {
                100
            };
            assert_eq!(out.text().lines().count(), lines, "{e:?}");
        }
    }

    #[test]
    fn what_was_seen_is_bounded() {
        let mut sink = TextSink::new(std::io::sink(), false);
        for pc in 0..MAX_SEEN as u32 + 10 {
            sink.event(ms(0), &exit(pc, "int"));
        }
        assert!(sink.seen.len() <= MAX_SEEN);
    }

    #[test]
    fn text_ends_with_the_table() {
        let out = Shared::default();
        let mut sink = TextSink::new(out.clone(), false);
        let stats = Stats::default();
        sink.finish(&stats);
        assert_eq!(out.text(), stats.table());
    }

    #[test]
    fn json_has_an_object_per_line() {
        let out = Shared::default();
        let mut sink = JsonSink::new(out.clone());
        let mut stats = Stats::default();
        let events = samples();
        for e in &events {
            sink.event(ms(1), e);
            stats.record(e);
        }
        sink.event(ms(1), &exit(1, "quote \" and \u{1}"));
        sink.finish(&stats);
        let text = out.text();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines.len(), events.len() + 2);
        for (line, e) in lines.iter().zip(&events) {
            assert_eq!(line["event"], e.name());
            assert_eq!(line["at_us"], 1250.0);
        }
        assert_eq!(lines[1]["micros"], 412.5);
        assert_eq!(lines[2]["reason"], "too_long");
        assert_eq!(lines[4]["func"]["line"], 3);
        assert_eq!(lines[8]["stages"]["llvm"], 2000.0);
        assert_eq!(lines[8]["inlining"][1]["why_not"], "too deep");
        assert_eq!(lines[8]["passes"]["tables_sunk"], 1);
        assert_eq!(lines[9]["name"], "fib.ll");
        assert_eq!(lines[10]["by"], "cranelift");
        assert_eq!(lines[11]["why"], "its code is out of use");
        assert_eq!(lines[12]["guard"], "quote \" and \u{1}");
        assert_eq!(lines[12]["found"], "a\nb");
        assert_eq!(lines[13]["event"], "stats");
        assert_eq!(lines[13]["compiles"], 1);
        // The first line, byte by byte: the format is documented.
        assert_eq!(
            text.lines().next(),
            Some(
                r#"{"at_us":1250.0,"event":"warm","func":{"name":"fib","chunk":"fib.lua","line":3},"calls":300,"back_edges":0}"#
            )
        );
    }

    #[test]
    fn a_failing_writer_silences_the_sink() {
        struct Full(Arc<Mutex<u32>>);
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                *self.0.lock().expect("lock") += 1;
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                panic!("not after a failure")
            }
        }
        let tries = Arc::new(Mutex::new(0));
        let mut sink = JsonSink::new(Full(tries.clone()));
        for e in samples() {
            sink.event(ms(0), &e);
        }
        sink.finish(&Stats::default());
        assert_eq!(*tries.lock().expect("lock"), 1);
    }
}
