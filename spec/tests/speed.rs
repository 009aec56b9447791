//! How fast modules are read and judged: run by hand with
//! `cargo test -p strata-spec --release --test speed --features long -- --nocapture`.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use std::time::Instant;
use strata_spec::{assemble, read, verify, write};

/// A function of ordinary statements, repeated.
fn ordinary(times: usize) -> String {
    let mut text = String::from(
        "strata 1\n.proto\n.regs 20\n.params 4\n.upval u0 \"_ENV\"\n.captured r3\n.child 1\n\
         .const \"print\"\n.const 2.5\n.slot field\n.slot call\n.slot site\n.code\n",
    );
    for n in 0..times {
        text.push_str(&format!(
            "  jlti r0 10 else{n}\n  getfield r5 r1 k0 s0\n  addk r6 r5 k1\n  add r2 r6 r2\n\
             \x20 setfield r1 r2 k0 s0\n  jmp end{n}\nelse{n}: defined 4\n\
             \x20 gettabup r4 u0 k0 s0\n  move r6 r0\n  move r7 r1\n  call r4 2 1 s1\n\
             \x20 closure r5 p0\n  newtable r6 2 2 s2\n  loadi r7 1\n  loadi r8 2\n\
             \x20 setlist r6 2 0\n  move r2 r6\nend{n}: defined 4\n  loadi r4 1\n  loadi r5 9\n\
             \x20 loadi r6 1\n  forprep r4 out{n}\nbody{n}: loop defined 8\n\
             \x20 getindex r8 r1 r7\n  mul r8 r8 r7\n  forloop r4 body{n}\n\
             out{n}: defined 4\n  jtrueset r0 r2 next{n}\nnext{n}: defined 4\n  len r0 r1\n"
        ));
    }
    text.push_str("  returnclose r0 1\n.end\n.proto\n.upval r3\n.code\nreturn0\n.end\n");
    text
}

/// Nested loops and a jump in every other instruction; before them a jump to
/// their end with an open upvalue, so that each header asks about it.
fn adversarial(times: usize) -> String {
    let mut text = String::from(
        "strata 1\n.proto\n.regs 255\n.params 200\n.captured r0 r100 r150\n.child 1\n.child 2\n\
         .code\n  closure r200 p1\n  jtrue r0 e0\n  close r150\n",
    );
    for n in 0..times {
        text.push_str(&format!("h{n}: loop defined 150\n  closure r200 p0\n"));
    }
    for n in (0..times).rev() {
        text.push_str(&format!(
            "  jtrue r0 e{n}\n  loop h{n}\ne{n}: defined 150\n"
        ));
    }
    text.push_str("  returnclose r0 1\n.end\n");
    for upvals in ["r0\n.upval r100", "r150"] {
        text.push_str(&format!(".proto\n.upval {upvals}\n.code\nreturn0\n.end\n"));
    }
    text
}

/// Captured registers in front of nested loops, from `head` on.
fn captured_frame(captured: &str, head: &str, children: &[&str]) -> String {
    let mut text = format!("strata 1\n.proto\n.regs 255\n.params 200\n.captured {captured}\n");
    for n in 1..=children.len() {
        text.push_str(&format!(".child {n}\n"));
    }
    text.push_str(&format!(".code\n{head}"));
    text
}

fn finish(mut text: String, children: &[&str]) -> String {
    text.push_str("  returnclose r0 1\n.end\n");
    for upvals in children {
        text.push_str(&format!(".proto\n{upvals}.code\nreturn0\n.end\n"));
    }
    text
}

/// Nested loops entered in the middle with an open upvalue, which each level
/// closes again: each header has to ask, and gets an answer.
fn reopened(times: usize) -> String {
    let children = [".upval r150\n"];
    let head = "  loadnil r150 0\n  closure r200 p0\n  jtrue r0 mid\n  close r150\n";
    let mut text = captured_frame("r150", head, &children);
    for n in 0..times {
        text.push_str(&format!("h{n}: loop defined 150\n  close r150\n"));
    }
    text.push_str("mid: defined 150\n");
    for n in (0..times).rev() {
        text.push_str(&format!(
            "  jtrue r0 e{n}\n  loop h{n}\ne{n}: defined 150\n"
        ));
    }
    finish(text, &children)
}

/// Loops that overlap without nesting, with jumps into all of them.
fn overlapping(times: usize) -> String {
    let children = [".upval r150\n"];
    let head = "  loadnil r150 0\n  closure r200 p0\n  jtrue r0 end\n  close r150\n";
    let mut text = captured_frame("r150", head, &children);
    for n in 0..times {
        text.push_str(&format!("h{n}: loop defined 150\n  jtrue r0 e{n}\n"));
    }
    for n in 0..times {
        text.push_str(&format!(
            "  jtrue r0 e{n}\n  loop h{n}\ne{n}: defined 150\n"
        ));
    }
    text.push_str("  nop\nend: defined 150\n");
    finish(text, &children)
}

/// Many open upvalues, brought to many blocks from everywhere.
fn crowded(times: usize) -> String {
    let all: Vec<String> = (0..150).map(|r| format!("r{r}")).collect();
    let children: Vec<String> = all.iter().map(|r| format!(".upval {r}\n")).collect();
    let children: Vec<&str> = children.iter().map(String::as_str).collect();
    let mut text = captured_frame(&all.join(" "), "", &children);
    for n in 0..times {
        let target = (n * 7919) % times;
        text.push_str(&format!(
            "  closure r200 p{}\n  jtrue r0 e{target}\n",
            n % 150
        ));
    }
    text.push_str("  close r1\n  jmp out\n");
    for n in 0..times {
        text.push_str(&format!(
            "e{n}: loop defined 150\n  jtrue r0 b{n}\n  loop e{n}\nb{n}: defined 150\n  nop\n"
        ));
    }
    text.push_str("out: defined 1\n");
    finish(text, &children)
}

/// Many variables to be closed, and instructions that look at them.
fn to_close(times: usize) -> String {
    let mut text = captured_frame("r0", "", &[]);
    let mut waiting = String::new();
    for reg in 0..199 {
        text.push_str(&format!("  tbc r{reg}\n"));
        waiting.push_str(&format!(" r{reg}"));
    }
    for n in 0..times {
        text.push_str("  close r199\n");
        if n % 50 == 0 {
            text.push_str(&format!("b{n}: defined 199 tbc{waiting}\n"));
        }
        text.push_str(&format!("  jtrue r1 b{}\n", (n / 50 + 1) * 50));
    }
    text.push_str(&format!(
        "b{}: defined 199 tbc{waiting}\n",
        times.div_ceil(50) * 50
    ));
    finish(text, &[])
}

fn measure(name: &str, text: &str) -> f64 {
    let module = assemble(text).expect("the text is assembly");
    let bytes = write(&module);
    let words: usize = module
        .protos
        .iter()
        .flat_map(|p| &p.code)
        .map(|insn| 4 + 4 * usize::from(insn.to_words().1.is_some()))
        .sum();
    // The best of many short runs, so that a busy machine disturbs little.
    let best = |run: &dyn Fn()| {
        (0..200)
            .map(|_| {
                let start = Instant::now();
                run();
                start.elapsed().as_secs_f64()
            })
            .fold(f64::MAX, f64::min)
    };
    let read_time = best(&|| drop(read(&bytes).expect("the bytes are a module")));
    let verify_time = best(&|| verify(&module).expect("the module is safe"));
    let speed = words as f64 / verify_time / 1e6;
    println!(
        "{name}: {} bytes, {words} of code; read {:.0} MB/s, verify {speed:.0} MB/s of code",
        bytes.len(),
        bytes.len() as f64 / read_time / 1e6,
    );
    speed
}

#[test]
#[cfg(feature = "long")]
fn verification_speed() {
    let speeds = [
        measure("ordinary", &ordinary(1_000)),
        measure("ordinary", &ordinary(10_000)),
        measure("adversarial", &adversarial(5_000)),
        measure("adversarial", &adversarial(50_000)),
        measure("reopened", &reopened(5_000)),
        measure("reopened", &reopened(50_000)),
        measure("overlapping", &overlapping(5_000)),
        measure("overlapping", &overlapping(50_000)),
        measure("crowded", &crowded(5_000)),
        measure("crowded", &crowded(50_000)),
        measure("to close", &to_close(5_000)),
        measure("to close", &to_close(50_000)),
    ];
    assert!(speeds.iter().all(|&mb| mb >= 100.0), "{speeds:?}");
}
