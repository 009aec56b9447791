//! Figures from events, and their table and JSON.

use super::*;
use crate::event::tests::{fib, optimized, samples};
use crate::policy::Reason;

fn compiled(func: FuncName, reason: &'static str, bytes: u32, micros: f64) -> Event {
    Event::Compiled {
        func,
        tier: 1,
        reason,
        insns: 10,
        clif: 100,
        bytes,
        micros,
        entries: 1,
    }
}

fn exit(func: FuncName, guard: &str) -> Event {
    Event::Exit {
        func,
        tier: 1,
        line: 1,
        pc: 0,
        guard: guard.into(),
        expected: String::new(),
        found: String::new(),
        frame_map: String::new(),
        count: 1,
    }
}

/// What a short run might have led to.
fn run() -> Stats {
    let mut s = Stats::default();
    let main = || FuncName::new("main chunk", "a.lua", 0);
    for e in [
        compiled(fib(), "calls", 1000, 500.0),
        exit(fib(), "int"),
        exit(fib(), "int"),
        exit(fib(), "shape"),
        compiled(fib(), "exits", 1200, 750.0),
        Event::Freed { bytes: 1000 },
        compiled(main(), "loop", 300, 250.0),
        Event::NotCompiled {
            func: FuncName::new("big", "a.lua", 9),
            tier: 1,
            reason: Reason::TooLong,
            detail: String::new(),
        },
    ] {
        s.record(&e);
    }
    s.insns_interpreted = 250;
    s.insns_compiled = 750;
    s.add_slow_calls("get_field", 3);
    s.add_slow_calls("concat", 5);
    s.add_slow_calls("get_field", 4);
    s
}

#[test]
fn each_event_counts_once() {
    let mut s = Stats::default();
    for e in samples() {
        s.record(&e);
    }
    let counts = [
        s.warm,
        s.compiles,
        s.not_compiled,
        s.osr_entries,
        s.exits,
        s.invalidated,
        s.unwound,
    ];
    assert_eq!(counts, [1; 7]);
    assert_eq!((s.recompiles, s.bytes_in_use, s.bytes_peak), (0, 0, 1544));
}

#[test]
fn compiles_add_up() {
    let s = run();
    assert_eq!((s.compiles, s.recompiles), (3, 1));
    assert_eq!((s.bytes_in_use, s.bytes_peak), (1500, 2200));
    assert_eq!(s.bytecodes_compiled, 30);
    assert_eq!(s.compile_time, Duration::from_micros(1500));
    assert_eq!(s.exits_by_reason["int"], 2);
    assert_eq!(s.not_compiled_by_reason["too_long"], 1);
    assert_eq!(s.slow_calls["get_field"], 7);
    assert_eq!(s.compiled_share(), Some(0.75));
    let f = s.functions[&fib()];
    assert_eq!((f.tier, f.bytes, f.compiles, f.exits), (1, 1200, 2, 3));
    assert_eq!(f.time, Duration::from_micros(1250));
    assert_eq!(s.tiers[&1].bytes, 2500);
}

#[test]
fn how_code_was_optimized_adds_up() {
    let mut s = Stats::default();
    for _ in 0..2 {
        s.record(&optimized());
    }
    assert_eq!((s.inlined, s.not_inlined["too deep"]), (4, 2));
    assert_eq!(s.passes["guards_hoisted"], 4);
    assert_eq!((s.stages.stall(), s.stages.total()), (60.0, 10861.0));
    let table = s.table();
    for row in [
        "time of optimizing by stage\n  snapshot                             0.020 ms\n",
        "  calls inlined                               4\n",
        "  calls not inlined                           2  too deep 2\n",
        "  guards hoisted                              4\n",
    ] {
        assert!(table.contains(row), "{row:?} is not in\n{table}");
    }
}

#[test]
fn invalidated_functions_have_no_code() {
    let mut s = run();
    s.record(&Event::Invalidated {
        func: fib(),
        reason: String::new(),
    });
    let f = s.functions[&fib()];
    assert_eq!((f.tier, f.bytes, f.compiles), (0, 0, 2));
}

#[test]
fn the_table() {
    assert_eq!(
        run().table(),
        "\
compiled code
  compiles                                    3  1 again
  not compiled                                1  too_long 1
  loop entries                                0
  exits                                       3
  invalidated                                 0
  unwound                                     0
  bytes                                    1500  at most 2200
  instructions compiled                      30  75.0 % of those executed
time per tier
  tier 1                               1.500 ms  3 compiles, 50.0 us and 83.3 bytes per instruction
exits by reason
  int                                         2
  shape                                       1
slow paths
  get_field                                   7
  concat                                      5
functions, by time of compiling
  fib (fib.lua:3)                      1.250 ms  tier 1, 2 compiles, 1200 bytes, 3 exits
  main chunk (a.lua:0)                 0.250 ms  tier 1, 1 compiles, 300 bytes, 0 exits
"
    );
}

#[test]
fn an_idle_vm_has_a_short_table() {
    let table = Stats::default().table();
    assert_eq!(table.lines().count(), 9, "{table}");
}

#[test]
fn long_lists_are_cut() {
    let mut s = Stats::default();
    for n in 0..25 {
        s.add_slow_calls(&format!("helper{n}"), n);
    }
    let table = s.table();
    assert!(table.contains("  helper24 "), "{table}");
    assert!(!table.contains("  helper14 "), "{table}");
    assert!(table.ends_with("  and 15 more\n"), "{table}");
}

#[test]
fn names_are_bounded_and_totals_are_not() {
    let mut s = Stats::default();
    let n = MAX_ROWS as u32 + 100;
    for line in 0..n {
        let func = FuncName::new("f", "a.lua", line);
        s.record(&compiled(func.clone(), "calls", 1, 1.0));
        s.record(&exit(func, &format!("guard{line}")));
    }
    assert_eq!((s.functions.len(), s.compiles), (MAX_ROWS, u64::from(n)));
    assert_eq!((s.exits_by_reason.len(), s.exits), (MAX_KEYS, u64::from(n)));
    // A function that has a row goes on counting.
    s.record(&exit(FuncName::new("f", "a.lua", 0), "guard0"));
    assert_eq!(s.functions[&FuncName::new("f", "a.lua", 0)].exits, 2);
    assert_eq!(s.exits_by_reason["guard0"], 2);
}

#[test]
fn odd_figures_do_no_harm() {
    let mut s = Stats::default();
    for micros in [f64::NAN, -1.0, f64::INFINITY] {
        s.record(&compiled(fib(), "calls", 1, micros));
    }
    s.record(&Event::Freed { bytes: 1000 });
    assert_eq!((s.compile_time, s.bytes_in_use), (Duration::ZERO, 0));
    assert_eq!(s.compiled_share(), None);
}

/// Byte by byte, since the format is documented.
#[test]
fn the_json() {
    assert_eq!(
        run().to_json(),
        concat!(
            r#"{"warm":0,"compiles":3,"recompiles":1,"not_compiled":1,"#,
            r#""not_compiled_by_reason":{"too_long":1},"osr_entries":0,"exits":3,"#,
            r#""exits_by_reason":{"int":2,"shape":1},"invalidated":0,"unwound":0,"#,
            r#""bytes_in_use":1500,"bytes_peak":2200,"bytecodes_compiled":30,"compile_us":1500.0,"#,
            r#""tiers":{"1":{"compiles":3,"recompiles":1,"exits":3,"bytes":2500,"insns":30,"time_us":1500.0}},"#,
            r#""stages_us":{"snapshot":0.0,"ir":0.0,"cranelift":0.0,"llvm":0.0,"codegen":0.0,"link":0.0},"#,
            r#""inlined":0,"not_inlined":{},"passes":{},"#,
            r#""functions":[{"func":{"name":"fib","chunk":"fib.lua","line":3},"#,
            r#""tier":1,"bytes":1200,"compiles":2,"exits":3,"time_us":1250.0},"#,
            r#"{"func":{"name":"main chunk","chunk":"a.lua","line":0},"#,
            r#""tier":1,"bytes":300,"compiles":1,"exits":0,"time_us":250.0}],"#,
            r#""slow_calls":{"concat":5,"get_field":7},"insns_interpreted":250,"insns_compiled":750}"#
        )
    );
}
