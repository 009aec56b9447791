//! Damaged modules: reading and verifying them never panics, and what the
//! verifier accepts runs to its end or its limits without harm.
//!
//! The normal tests take a fixed slice. `make fuzz` runs `fuzz_modules`,
//! which has these variables: `FUZZ_SECONDS` (60), `FUZZ_COUNT` (no bound),
//! `FUZZ_SEED` (from the clock) and `FUZZ_LOG` (a file to append figures to). It works in child processes that note
//! the mutant they are at, so that a crash or hang is reported with seed and
//! index, and the run goes on behind it. `FUZZ_INDEX` replays one mutant.

#![cfg_attr(
    not(feature = "long"),
    allow(dead_code, unused_imports, reason = "what only the long tests use")
)]

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use strata::JitMode;
use strata_spec::container::{HEADER_LEN, SECTION_HEADER_LEN, repair_checksum};
use strata_tests::contained;
use strata_tests::corpus;
use strata_tests::mutate::{Original, mutant};

/// One mutant of so many runs compiled, which takes longer, and one of so many
/// by the optimizing compiler as well.
const COMPILED: u64 = 8;
const OPTIMIZED: u64 = 64;
/// A mutant that runs longer hangs: limits stop it within milliseconds, but a busy
/// machine may not run it at all for a while.
const HANG: Duration = Duration::from_secs(120);

/// Programs that reach what those of the corpus don't.
const MORE: [(&str, &str); 5] = [
    (
        "setlist",
        "local function f(...) return {1, 2, ..., 4}, {...}, ... end local a, b = f(5, 6) local t = {f()} return #a + #b + #t",
    ),
    (
        "gotos",
        "local i, fs = 0, {} ::a:: local x = i fs[#fs + 1] = function() x = x + 1 return x end i = i + 1 \
         if i < 5 then goto a end for _, f in ipairs(fs) do i = i + f() end return i",
    ),
    (
        "bounce",
        "local co = coroutine.wrap(function(...) local s = 0 for i = 1, select('#', ...) do s = s + coroutine.yield(select(i, ...)) end return s end) \
         local v = co(1, 2, 3) while v do v = co(v) if v == 6 then break end end return v",
    ),
    (
        "closing",
        "local n = 0 local function c() return setmetatable({}, {__close = function() n = n + 1 end}) end \
         for i = 1, 3 do local a <close>, b = c(), function() return i end local d <close> = c() if i == 2 then goto out end n = n + b() end ::out:: \
         pcall(function() local e <close> = c() error(e) end) return n",
    ),
    (
        "sorting",
        "local t = {} for i = 1, 30 do t[i] = (i * 7919) % 31 end table.sort(t, function(a, b) return a > b end) \
         return table.concat(t, ','), string.gsub('abc', '%w', function(c) return c .. c end), pcall(string.rep, 'x', -1)",
    ),
];

fn originals() -> Vec<Original> {
    let programs = corpus::programs();
    let mut all: Vec<Original> = programs
        .iter()
        .map(|p| Original::new(&p.name, p.module()))
        .collect();
    for (name, source) in MORE {
        let module = strata_lua::compile(source.as_bytes(), b"=more")
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        all.push(Original::new(name, module));
    }
    all
}

/// What became of mutants.
#[derive(Clone, Copy, Default, Debug)]
struct Counts {
    executed: u64,
    read: u64,
    run: u64,
    /// Run compiled, too; by the optimizing compiler; with an end to compare.
    compiled: u64,
    optimized: u64,
    compared: u64,
}

/// Reads, verifies and runs a container. Every 16th run collects at each
/// safepoint, every 32nd ends in a walk over the heap.
fn try_bytes(bytes: &[u8], index: u64, counts: &mut Counts) {
    counts.executed += 1;
    let Ok(module) = strata_spec::read(bytes) else {
        return;
    };
    counts.read += 1;
    if strata_spec::verify(&module).is_err() {
        return;
    }
    counts.run += 1;
    let module = Arc::new(module);
    if index % COMPILED != 1 {
        contained::run(&module, index, None);
        return;
    }
    let mode = if index % OPTIMIZED == 1 {
        JitMode::Full
    } else {
        JitMode::Baseline
    };
    counts.compiled += 1;
    counts.optimized += u64::from(mode == JitMode::Full);
    counts.compared += u64::from(contained::compare(&module, index, mode));
}

fn range(seed: u64, from: u64, to: u64) -> Counts {
    let originals = originals();
    let mut counts = Counts::default();
    for index in from..to {
        let (bytes, _) = mutant(&originals, seed, index);
        try_bytes(&bytes, index, &mut counts);
    }
    counts
}

#[test]
fn the_originals_run() {
    for original in originals() {
        let mut counts = Counts::default();
        try_bytes(&original.bytes, 0, &mut counts);
        assert_eq!(counts.run, 1, "{}", original.name);
    }
}

#[test]
fn a_slice_of_mutants_does_no_harm() {
    let n = 20_000;
    let counts = range(0x5eed, 0, n);
    eprintln!("{counts:?}");
    assert_eq!(counts.executed, n);
    // Else the mutations are too coarse to test anything but the reader.
    assert!(counts.run > n / 20, "{counts:?}");
}

#[test]
fn every_truncation_is_refused() {
    for original in originals() {
        for len in 0..original.bytes.len() {
            let mut cut = original.bytes[..len].to_vec();
            assert!(
                strata_spec::load(&cut).is_err(),
                "{} cut to {len}",
                original.name
            );
            repair_checksum(&mut cut);
            assert!(
                strata_spec::load(&cut).is_err(),
                "{} cut to {len}, repaired",
                original.name
            );
        }
    }
}

#[test]
fn giant_sizes_are_refused_at_once() {
    let start = Instant::now();
    for original in originals() {
        // Sizes of sections, then each byte as the start of a huge number.
        for size in [u32::MAX, 1 << 31, 1 << 30] {
            let mut bytes = original.bytes.clone();
            let at = HEADER_LEN + SECTION_HEADER_LEN - 4;
            bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
            repair_checksum(&mut bytes);
            assert!(strata_spec::load(&bytes).is_err());
        }
        for at in (HEADER_LEN..original.bytes.len().saturating_sub(10)).step_by(3) {
            let mut bytes = original.bytes.clone();
            bytes[at..at + 9].fill(0xff);
            bytes[at + 9] = 1;
            repair_checksum(&mut bytes);
            let _ = strata_spec::load(&bytes);
        }
    }
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    if text.is_empty() {
        return None;
    }
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

/// The part of `fuzz_modules` that runs in a child: notes each mutant in the
/// file before it is tried, and the counts beside it.
fn worker(seed: u64, note: &Path) {
    let from = variable("FUZZ_FROM").unwrap_or(0);
    let to = variable("FUZZ_TO").unwrap_or(u64::MAX);
    let seconds = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(60));
    let originals = originals();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(note)
        .expect("the file for notes");
    let start = Instant::now();
    let mut counts = Counts::default();
    let mut index = from;
    while index < to && start.elapsed() < seconds {
        write_note(&mut file, counts.words(index));
        let (bytes, _) = mutant(&originals, seed, index);
        try_bytes(&bytes, index, &mut counts);
        index += 1;
    }
    write_note(&mut file, counts.words(index));
}

/// Words of a note: an index and counts.
const WORDS: usize = 7;

impl Counts {
    fn words(&self, index: u64) -> [u64; WORDS] {
        let Counts {
            executed,
            read,
            run,
            compiled,
            optimized,
            compared,
        } = *self;
        [index, executed, read, run, compiled, optimized, compared]
    }

    fn add(&mut self, [_, executed, read, run, compiled, optimized, compared]: [u64; WORDS]) {
        self.executed += executed;
        self.read += read;
        self.run += run;
        self.compiled += compiled;
        self.optimized += optimized;
        self.compared += compared;
    }

    fn line(&self) -> String {
        let Counts {
            executed,
            read,
            run,
            compiled,
            optimized,
            compared,
        } = self;
        format!(
            "{executed} executed, {read} read, {run} accepted and run, {compiled} of them compiled as well, {optimized} by the optimizing compiler, {compared} to an end that was compared"
        )
    }
}

fn write_note(file: &mut fs::File, words: [u64; WORDS]) {
    let mut bytes = [0; 8 * WORDS];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.write_all(&bytes))
        .expect("a note");
}

fn read_note(path: &Path) -> [u64; WORDS] {
    let mut bytes = [0; 8 * WORDS];
    let _ = fs::File::open(path).and_then(|mut f| f.read_exact(&mut bytes));
    let mut words = [0; WORDS];
    for (word, from) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(from.try_into().unwrap_or_default());
    }
    words
}

/// A mutant that did harm.
struct Harm {
    index: u64,
    what: String,
}

/// Runs a child from mutant `from` on; how far it came, and the harm that
/// ended it.
fn child(
    seed: u64,
    from: u64,
    to: u64,
    left: Duration,
    note: &Path,
) -> ([u64; WORDS], Option<Harm>) {
    fs::write(note, [0; 8 * WORDS]).expect("the file for notes");
    let exe = std::env::current_exe().expect("the path of the test program");
    let errors = fs::File::create(note.with_extension("err")).expect("a file for messages");
    let mut process = Command::new(exe)
        .args(["--exact", "fuzz_modules", "--nocapture"])
        .env("FUZZ_NOTE", note)
        .env("FUZZ_SEED", seed.to_string())
        .env("FUZZ_FROM", from.to_string())
        .env("FUZZ_TO", to.to_string())
        .env("FUZZ_SECONDS", left.as_secs().max(1).to_string())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .expect("start a child");
    let mut last = (0, Instant::now());
    loop {
        if let Some(status) = process.try_wait().expect("wait for the child") {
            let at = read_note(note);
            if status.success() {
                return (at, None);
            }
            let messages = fs::read(note.with_extension("err")).unwrap_or_default();
            let messages = String::from_utf8_lossy(&messages);
            let told = messages
                .lines()
                .find(|l| l.contains("panicked") || l.contains("not sound"))
                .unwrap_or_default();
            return (
                at,
                Some(Harm {
                    index: at[0],
                    what: format!("{status} {told}"),
                }),
            );
        }
        std::thread::sleep(Duration::from_millis(100));
        let at = read_note(note);
        if at[0] != last.0 {
            last = (at[0], Instant::now());
        } else if last.1.elapsed() > HANG {
            let _ = process.kill();
            let _ = process.wait();
            return (
                at,
                Some(Harm {
                    index: at[0],
                    what: "hang".into(),
                }),
            );
        }
    }
}

#[test]
#[cfg(feature = "long")]
fn fuzz_modules() {
    let seed = variable("FUZZ_SEED").unwrap_or_else(|| {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(1, |d| d.as_secs())
    });
    if let Some(note) = std::env::var_os("FUZZ_NOTE").map(PathBuf::from) {
        worker(seed, &note);
        return;
    }
    if let Some(index) = variable("FUZZ_INDEX") {
        let originals = originals();
        let (bytes, which) = mutant(&originals, seed, index);
        let path = std::env::temp_dir().join(format!("strata-mutant-{seed}-{index}.bc"));
        fs::write(&path, &bytes).expect("write the mutant");
        eprintln!("mutant of {}: {}", originals[which].name, path.display());
        try_bytes(&bytes, index, &mut Counts::default());
        return;
    }
    let seconds = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(60));
    let most = variable("FUZZ_COUNT").unwrap_or(u64::MAX);
    let note = std::env::temp_dir().join(format!("strata-fuzz-{}", std::process::id()));
    let start = Instant::now();
    let mut total = Counts::default();
    let mut harms = Vec::new();
    let mut from = 0;
    eprintln!("fuzz_modules: seed {seed}, {} s", seconds.as_secs());
    while from < most && start.elapsed() < seconds && harms.len() < 20 {
        let left = seconds.saturating_sub(start.elapsed());
        // Short stretches keep a child's state, and its loss, small.
        let to = most.min(from + 100_000);
        let (at, harm) = child(seed, from, to, left, &note);
        total.add(at);
        from = at[0];
        if let Some(harm) = harm {
            eprintln!(
                "  HARM: FUZZ_SEED={seed} FUZZ_INDEX={}: {}",
                harm.index, harm.what
            );
            total.executed += 1;
            from = harm.index + 1;
            harms.push(harm);
        }
        let speed = total.executed as f64 / start.elapsed().as_secs_f64().max(0.001);
        eprintln!("  {}, {} harmful, {speed:.0}/s", total.line(), harms.len());
    }
    if let Some(log) = std::env::var_os("FUZZ_LOG").filter(|f| !f.is_empty()) {
        let file = fs::OpenOptions::new().create(true).append(true).open(log);
        let mut file = file.expect("the file for figures");
        let harms = harms.len();
        writeln!(
            file,
            "mutants of seed {seed}: {}, {harms} harmful",
            total.line()
        )
        .expect("room for figures");
    }
    let _ = fs::remove_file(&note);
    let _ = fs::remove_file(note.with_extension("err"));
    assert!(
        harms.is_empty(),
        "{} of {} mutants did harm (seed {seed})",
        harms.len(),
        total.executed
    );
}
