//! The cache of compiled code: for programs that run, and `vm cache`.

use super::args::{CacheAction, CacheArgs, CacheCommandArgs};
use super::{Outcome, Problem, SUCCESS, Status, input, put, report};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use strata::cache::{Cache, Config, ImportError, Metadata, OpenError};

/// The cache that programs are to run with. That there is none is no reason not to
/// run them.
pub(crate) fn of_run(args: &CacheArgs) -> Option<Cache> {
    match open(args, directory(args)?) {
        Ok(cache) => Some(cache),
        Err(e) => {
            report::problem(format!("no cache: {e}").as_bytes());
            None
        }
    }
}

/// Where the cache is to be, if it is on.
pub(crate) fn directory(args: &CacheArgs) -> Option<PathBuf> {
    let named = args.directory.as_deref()?;
    if named == Path::new("off") {
        return None;
    }
    if named != Path::new("auto") {
        return Some(named.into());
    }
    let usual = Cache::usual_directory();
    if usual.is_none() {
        report::problem(b"no cache: neither XDG_CACHE_HOME nor HOME is set");
    }
    usual
}

fn open(args: &CacheArgs, directory: PathBuf) -> Result<Cache, OpenError> {
    let usual = Config::default();
    Cache::new(Config {
        directory: Some(directory),
        max_functions: args.functions.unwrap_or(usual.max_functions),
        on_warning: Some(Arc::new(|what: &str| {
            report::problem(format!("cache: {what}").as_bytes());
        })),
        ..usual
    })
}

/// `vm cache`.
pub(crate) fn command(args: &CacheCommandArgs) -> Outcome<Status> {
    let named = CacheArgs {
        directory: Some(args.cache.directory.clone().unwrap_or("auto".into())),
        functions: args.cache.functions,
    };
    let directory = directory(&named).ok_or_else(|| Problem::input("there is no cache"))?;
    let cache = open(&named, directory).map_err(|e| Problem::input(e.to_string()))?;
    let unreadable = |e: std::io::Error| Problem::input(format!("cache: {}", input::reason(&e)));
    match &args.action {
        CacheAction::List => list(&cache.list().map_err(unreadable)?)?,
        CacheAction::Stats => {
            let (entries, bytes) = cache.size().map_err(unreadable)?;
            let place = cache.directory().unwrap_or(Path::new("")).display();
            let stats = cache.total_stats();
            let kept = format!("{entries} entries, {} KiB", bytes.div_ceil(1024));
            put(format!("{place}\n{kept}\n{stats}\n").as_bytes())?;
        }
        CacheAction::Clear => {
            let removed = cache.clear().map_err(unreadable)?;
            put(format!("{removed} entries removed\n").as_bytes())?;
        }
        CacheAction::Warm { level, files } => warm(&cache, *level, files)?,
        CacheAction::Export { file } => {
            let failed = |e| Problem::input(format!("{}: {}", file.display(), input::reason(&e)));
            let mut to = BufWriter::new(File::create(file).map_err(failed)?);
            let written = cache.export(&mut to).map_err(failed)?;
            to.flush().map_err(failed)?;
            put(format!("{written} files written\n").as_bytes())?;
        }
        CacheAction::Import { file } => {
            let failed = |e: ImportError| {
                let why = match e {
                    ImportError::Io(e) => input::reason(&e),
                    other => other.to_string(),
                };
                Problem::input(format!("{}: {why}", file.display()))
            };
            let from = File::open(file).map_err(|e| failed(e.into()))?;
            let imported = cache.import(&mut BufReader::new(from)).map_err(failed)?;
            let (taken, foreign) = (imported.taken, imported.foreign);
            let skipped = format!("{foreign} for another version or processor left out");
            put(format!("{taken} files taken, {skipped}\n").as_bytes())?;
        }
    }
    Ok(SUCCESS)
}

/// A table of entries.
fn list(all: &[Metadata]) -> Outcome<()> {
    let mut text = String::from(
        "key          tier      backend    compiled in      code    stored  made              name\n",
    );
    for entry in all {
        let key = entry.key.to_string();
        let _ = writeln!(
            text,
            "{}…  {:<8}  {:<9}  {:>8.2} ms  {:>8}  {:>8}  {:<16}  {}",
            &key[..10],
            entry.tier,
            entry.backend,
            entry.took.as_secs_f64() * 1e3,
            entry.size,
            entry.stored,
            ago(entry),
            entry.name
        );
    }
    put(text.as_bytes())
}

/// How long ago an entry was made.
fn ago(entry: &Metadata) -> String {
    let age = entry.made.elapsed().unwrap_or(Duration::ZERO).as_secs();
    let (n, unit) = match age {
        0..120 => (age, "second"),
        120..7200 => (age / 60, "minute"),
        7200..172_800 => (age / 3600, "hour"),
        _ => (age / 86400, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

#[cfg(feature = "llvm")]
fn warm(cache: &Cache, level: u8, files: &[PathBuf]) -> Outcome<()> {
    use strata::executor::{Executor, Options, Source};
    let executor = Executor::new(Options {
        level: super::ir::level(Some(level)),
        cache: Some(cache.clone()),
        ..Options::default()
    });
    for path in files {
        let input = input::Input::read(path)?;
        let compiled = executor.warm([Source::bytes(&*input.name, &*input.bytes)]);
        let compiled = compiled.map_err(|e| Problem::input(e.to_string()))?;
        let what = ["was there", "compiled"][compiled.min(1)];
        put(format!("{}: {what}\n", input.name).as_bytes())?;
    }
    Ok(())
}

#[cfg(not(feature = "llvm"))]
fn warm(_: &Cache, _: u8, _: &[PathBuf]) -> Outcome<()> {
    Err(Problem::input(
        "LLVM IR needs LLVM, which this build lacks (feature `llvm`)",
    ))
}
