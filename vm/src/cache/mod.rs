//! The compile cache: what compilers made is kept, and not made again.
//!
//! ```text
//!  tier 2, executor ── key ──▶ Cache ──▶ entry: linked, no compile
//!         │                      ▲ └───▶ none: compiled, kept
//!         └── what was made ─────┘
//!                          memory, or a private directory
//! ```
//!
//! - A [`Key`] is the hash of all that decides what an entry is.
//! - An [`Entry`] is code that isn't linked yet, with what goes with it. What that
//!   is only its owner knows: the optimizing tier, or the executor of LLVM IR.
//! - A [`Cache`] has a [`Config`] and is shared: by VMs, by executors, by threads;
//!   its directory by processes.
//!
//! ```
//! use strata::cache::{Cache, Config};
//! use strata::{Lua, LuaOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = std::env::temp_dir().join(format!("strata-doc-{}", std::process::id()));
//! let cache = Cache::new(Config {
//!     directory: Some(directory.clone()),
//!     max_functions: 1000,
//!     ..Config::default()
//! })?;
//! let lua = Lua::new_with(LuaOptions {
//!     cache: Some(cache.clone()),
//!     ..LuaOptions::default()
//! })?;
//! lua.load("local s = 0 for i = 1, 100 do s = s + i end").exec()?;
//! println!("{}", cache.stats());
//! # drop((lua, cache));
//! # std::fs::remove_dir_all(directory)?;
//! # Ok(())
//! # }
//! ```
//!
//! What keys are made of, how a second run uses them, and what files are trusted is
//! in `spec/cache.md`.
//!
//! - `key`: keys, and the environment they hold for
//! - `entry`: entries as bytes
//! - `store`: where they are, and which have to go
//! - `dir`: a private directory
//! - `archive`: entries for another machine
//! - `source`: entries that somebody else keeps
//! - `stats`: figures

mod archive;
#[cfg(unix)]
mod dir;
#[cfg(not(unix))]
#[path = "no_dir.rs"]
mod dir;
mod entry;
mod key;
mod source;
mod stats;
mod store;

pub use archive::{ImportError, Imported};
pub(crate) use entry::Made;
pub use entry::{Backend, Entry, Metadata, Refused, Tier};
pub(crate) use key::KeyMaker;
pub use key::{Key, NoKey};
pub(crate) use source::Source;
pub use stats::Stats;
pub(crate) use store::Kind;

use crate::jit::Level;
use dir::Directory;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Limits, Store};

/// The file with what all processes counted.
const STATS: &str = "stats";

/// Who is told about files that are no entries.
pub type OnWarning = Arc<dyn Fn(&str) + Send + Sync>;

/// How a cache works.
#[derive(Clone)]
pub struct Config {
    /// Where entries are kept from one run to the next; `None`: in memory, as long
    /// as the cache.
    pub directory: Option<PathBuf>,
    /// Whether it is on: one that is off finds nothing and keeps nothing.
    pub enabled: bool,
    /// Most functions (and modules of LLVM IR) that are kept. Those that were used
    /// the longest ago make room.
    pub max_functions: usize,
    /// Most bytes that are kept.
    pub max_bytes: u64,
    /// How much work goes into code of tier 2 that VMs with this cache make; `None`:
    /// as much as their options say.
    pub level: Option<Level>,
    /// Is told, once, of a file that is no entry.
    pub on_warning: Option<OnWarning>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            directory: None,
            enabled: true,
            max_functions: 10_000,
            max_bytes: 256 << 20,
            level: None,
            on_warning: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("directory", &self.directory)
            .field("enabled", &self.enabled)
            .field("max_functions", &self.max_functions)
            .field("max_bytes", &self.max_bytes)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct OpenError {
    path: PathBuf,
    source: io::Error,
}

/// What compilers made. Clones are the same cache.
#[derive(Clone, Debug)]
pub struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    store: Store,
    on: AtomicBool,
    warned: AtomicBool,
    stats: Mutex<Counted>,
    /// Where code of entries is in this process: the latest, and how many there are.
    placed: Mutex<HashMap<Key, (usize, u32)>>,
}

/// What this process counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    all: Stats,
    /// What was added to the directory's figures already.
    written: Stats,
}

/// Code of an entry, as long as it is in memory.
#[derive(Debug)]
pub(crate) struct Placed {
    cache: Cache,
    key: Key,
}

impl Drop for Placed {
    fn drop(&mut self) {
        let mut placed = self.cache.0.placed.lock();
        if let Some((_, users)) = placed.get_mut(&self.key) {
            *users -= 1;
            if *users == 0 {
                placed.remove(&self.key);
            }
        }
    }
}

impl Cache {
    /// A cache.
    ///
    /// # Errors
    /// Its directory can't be used: it can't be made or read, or it isn't private.
    pub fn new(config: Config) -> Result<Cache, OpenError> {
        Cache::over(config, None)
    }

    /// A cache that looks at `source` first, and keeps something only if it has a
    /// directory.
    ///
    /// # Errors
    /// As for [`new`](Cache::new).
    pub(crate) fn with_source(config: Config, source: Arc<dyn Source>) -> Result<Cache, OpenError> {
        Cache::over(config, Some(source))
    }

    fn over(config: Config, source: Option<Arc<dyn Source>>) -> Result<Cache, OpenError> {
        let open = |path: &PathBuf| {
            Directory::open(path).map_err(|source| OpenError {
                path: path.clone(),
                source,
            })
        };
        let directory = config.directory.as_ref().map(open).transpose()?;
        let limits = Limits {
            entries: config.max_functions,
            bytes: config.max_bytes,
        };
        Ok(Cache(Arc::new(Inner {
            on: config.enabled.into(),
            store: Store::new(directory, source, limits),
            warned: AtomicBool::new(false),
            stats: Mutex::default(),
            placed: Mutex::default(),
            config,
        })))
    }

    /// Where a cache of this user is usually: `$XDG_CACHE_HOME/strata`, or
    /// `~/.cache/strata`.
    pub fn usual_directory() -> Option<PathBuf> {
        let absolute = |name: &str| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Some(base?.join("strata"))
    }

    /// How it works.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Its directory, if it has one.
    pub fn directory(&self) -> Option<&Path> {
        self.0.store.directory.as_ref().map(Directory::path)
    }

    /// Turns it on or off, for all who have it.
    pub fn set_enabled(&self, on: bool) {
        self.0.on.store(on, Ordering::Relaxed);
    }

    /// Whether it is on.
    pub fn is_enabled(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// An entry of code, if there is one. Nothing is counted.
    pub fn get(&self, key: &Key) -> Option<Entry> {
        self.look(Kind::Code, key, false)
    }

    /// An entry that is about to be used.
    pub(crate) fn find(&self, kind: Kind, key: &Key) -> Option<Entry> {
        self.look(kind, key, true)
    }

    fn look(&self, kind: Kind, key: &Key, used: bool) -> Option<Entry> {
        if !self.is_enabled() {
            return None;
        }
        match self.0.store.find(kind, key, used) {
            Ok(found) => found.map(|mut entry| {
                entry.metadata.address = self.address(key);
                entry
            }),
            Err(why) => {
                self.refuse(kind, key, &why);
                None
            }
        }
    }

    /// Where code of an entry is.
    fn address(&self, key: &Key) -> Option<usize> {
        let placed = self.0.placed.lock();
        placed.get(key).map(|&(address, _)| address)
    }

    /// An entry can't be used: it goes.
    pub(crate) fn refuse(&self, kind: Kind, key: &Key, why: &Refused) {
        self.0.refuse(kind, key, why);
    }

    /// An entry took the place of a compile.
    pub(crate) fn hit(&self, entry: &Entry) {
        let saved = micros(entry.metadata.took);
        self.0.count(|stats| {
            stats.hits += 1;
            stats.saved_us = stats.saved_us.saturating_add(saved);
        });
    }

    /// There was none: something has to be compiled.
    pub(crate) fn miss(&self) {
        if self.is_enabled() {
            self.0.count(|stats| stats.misses += 1);
        }
    }

    /// Whether what is made is kept.
    pub(crate) fn keeps(&self) -> bool {
        self.0.store.keeps()
    }

    /// Whether it was made for the program that runs: nearly all that is asked for is
    /// there.
    pub(crate) fn is_prepared(&self) -> bool {
        self.0.store.source.is_some()
    }

    /// Keeps what was made.
    pub(crate) fn keep(&self, kind: Kind, key: Key, made: &Made, rest: &[u8]) {
        if !self.is_enabled() || !self.keeps() {
            return;
        }
        let kept = self.0.store.keep(kind, Entry::new(key, made, rest));
        match kept {
            Ok(gone) if kind == Kind::Code => self.0.count(|stats| {
                stats.stored += 1;
                stats.evicted += gone as u64;
                stats.compile_us = stats.compile_us.saturating_add(micros(made.took));
            }),
            Ok(_) => {}
            Err(e) => self.0.warn(&format!("nothing can be kept: {e}")),
        }
    }

    /// Code of an entry is at `address`, as long as the answer exists.
    pub(crate) fn place(&self, key: Key, address: usize) -> Placed {
        let mut placed = self.0.placed.lock();
        let (at, users) = placed.entry(key).or_insert((address, 0));
        *at = address;
        *users += 1;
        Placed {
            cache: self.clone(),
            key,
        }
    }

    /// What is known of all entries of code, those that were used last first.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn list(&self) -> io::Result<Vec<Metadata>> {
        let mut list = Vec::new();
        for key in self.0.store.keys(Kind::Code)? {
            match self.0.store.find(Kind::Code, &key, false) {
                Ok(Some(entry)) => {
                    let mut metadata = entry.metadata;
                    metadata.address = self.address(&key);
                    list.push(metadata);
                }
                // Another version may still want it.
                Ok(None) | Err(Refused::Foreign) => {}
                Err(why) => self.refuse(Kind::Code, &key, &why),
            }
        }
        Ok(list)
    }

    /// Removes an entry of code: whether there was one.
    pub fn remove(&self, key: &Key) -> bool {
        self.0.store.remove(Kind::Code, key)
    }

    /// Removes all entries, and what was counted: how many of code there were.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn clear(&self) -> io::Result<usize> {
        let mut removed = 0;
        for kind in Kind::ALL {
            for key in self.0.store.keys(kind)? {
                let gone = self.0.store.remove(kind, &key);
                removed += usize::from(gone && kind == Kind::Code);
            }
        }
        *self.0.stats.lock() = Counted::default();
        if let Some(directory) = &self.0.store.directory {
            directory.remove(STATS);
        }
        Ok(removed)
    }

    /// Reads entries from the directory into memory, as many as may be kept, those
    /// that were used last first, so that hits don't wait for the disk: how many of
    /// code are there then.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn warm(&self) -> io::Result<usize> {
        let refused = |kind, key: &Key, why: &Refused| self.refuse(kind, key, why);
        self.0.store.warm(&refused)
    }

    /// How many entries of code there are, and their bytes.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn size(&self) -> io::Result<(usize, u64)> {
        self.0.store.size()
    }

    /// What was counted since the cache was opened.
    pub fn stats(&self) -> Stats {
        self.0.stats.lock().all
    }

    /// What was counted by all who have used the directory, this one included.
    pub fn total_stats(&self) -> Stats {
        let Some(directory) = &self.0.store.directory else {
            return self.stats();
        };
        let mut total = read_stats(directory);
        total.add(&self.0.stats.lock().fresh());
        total
    }

    /// Adds what was counted to the figures in the directory. Done, too, when the
    /// last one drops the cache.
    ///
    /// # Errors
    /// They can't be written.
    pub fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What is in the directory; nothing, if that is damaged.
fn read_stats(directory: &Directory) -> Stats {
    let text = directory.read(STATS, false).ok().flatten();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    Stats::from_text(&text.unwrap_or_default())
}

impl Counted {
    /// What was counted since it was written last.
    fn fresh(&self) -> Stats {
        self.all.since(&self.written)
    }
}

impl Inner {
    fn count(&self, what: impl FnOnce(&mut Stats)) {
        what(&mut self.stats.lock().all);
    }

    fn refuse(&self, kind: Kind, key: &Key, why: &Refused) {
        self.store.remove(kind, key);
        self.count(|stats| stats.refused += 1);
        let file = kind.file(key);
        self.warn(&format!("{file} was not used: {why}; it is made anew"));
    }

    /// Tells the host, the first time.
    fn warn(&self, what: &str) {
        if let Some(tell) = &self.config.on_warning
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            let place = self.store.directory.as_ref();
            let place = place.map_or_else(String::new, |d| format!("{}: ", d.path().display()));
            tell(&format!("{place}{what}"));
        }
    }

    fn flush(&self) -> io::Result<()> {
        let Some(directory) = &self.store.directory else {
            return Ok(());
        };
        let mut counted = self.stats.lock();
        let fresh = counted.fresh();
        if fresh == Stats::default() {
            return Ok(());
        }
        let _lock = directory.lock()?;
        let mut total = read_stats(directory);
        total.add(&fresh);
        directory.write(STATS, &[total.text().as_bytes()])?;
        counted.written = counted.all;
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Figures alone aren't worth an error.
        let _ = self.flush();
    }
}
