//! What the command line looks like.

use super::{jit, units};
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use strata::{Backend, FunctionRule, JitMode, Level, TargetCpu};

/// Strata: a tiered virtual machine for Lua 5.4.
#[derive(Parser, Debug)]
#[command(
    name = "vm",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run a program: Lua, source or bytecode, or LLVM IR, text or bitcode
    Run(RunArgs),
    /// Compile Lua source to a bytecode file
    Compile(CompileArgs),
    /// Make an executable file of a program, with its modules and its compiled code
    #[cfg(feature = "cranelift")]
    Build(BuildArgs),
    /// Assemble text to a bytecode file
    Asm(AsmArgs),
    /// Print bytecode as text that `vm asm` reads, or compiled code
    Disasm(DisasmArgs),
    /// Read, run and print, interactively
    Repl(VmArgs),
    /// Run a program and tell of each function which tier it got, why, and what would
    /// change that
    Explain(ExplainArgs),
    /// Show version, tiers, limits and formats of this build, or the figures
    /// of a program's compilation
    Info(InfoArgs),
    /// Rewrite terms by rules until none fits
    Rewrite(RewriteArgs),
    /// Look after the cache of compiled code
    #[cfg(feature = "cranelift")]
    Cache(CacheCommandArgs),
}

/// Where compiled code is kept from one run to the next.
#[cfg(feature = "cranelift")]
#[derive(Args, Debug, Default)]
pub(crate) struct CacheArgs {
    /// Keep compiled code in this directory, and use what is there: auto
    /// ($XDG_CACHE_HOME/strata or ~/.cache/strata), off, or a directory
    #[arg(
        long = "cache",
        value_name = "DIR",
        env = "STRATA_CACHE",
        num_args = 0..=1,
        default_missing_value = "auto",
        require_equals = true,
        global = true
    )]
    pub(crate) directory: Option<PathBuf>,

    /// Most functions that are kept [default: 10000]
    #[arg(
        long = "cache-functions",
        value_name = "N",
        env = "STRATA_CACHE_FUNCTIONS",
        global = true
    )]
    pub(crate) functions: Option<usize>,
}

/// `vm cache`.
#[cfg(feature = "cranelift")]
#[derive(Args, Debug)]
pub(crate) struct CacheCommandArgs {
    #[command(flatten)]
    pub(crate) cache: CacheArgs,

    #[command(subcommand)]
    pub(crate) action: CacheAction,
}

/// What is done with the cache.
#[cfg(feature = "cranelift")]
#[derive(Subcommand, Debug)]
pub(crate) enum CacheAction {
    /// Show what is kept, what was used last first
    List,
    /// Show how much is kept, and how much it was of use
    Stats,
    /// Remove everything
    Clear,
    /// Compile files of LLVM IR and keep what they are compiled to
    Warm {
        /// How much work goes into code: 0 to 3
        #[arg(short = 'O', long = "opt-level", value_name = "LEVEL", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=3))]
        level: u8,
        /// LLVM IR, text or bitcode
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Write everything to one file, for machines with the same processor
    Export {
        /// Where to
        file: PathBuf,
    },
    /// Take what was exported. It is going to be executed: only what you trust
    Import {
        /// Where from
        file: PathBuf,
    },
}

/// How a VM is set up.
#[derive(Args, Debug, Default)]
pub(crate) struct VmArgs {
    /// Stop after about this many instructions (20000000, 500k, 20M, 1G)
    #[arg(long, value_name = "N", env = "STRATA_INSTRUCTION_LIMIT", value_parser = units::count)]
    pub(crate) instruction_limit: Option<u64>,

    /// Stop when this much time has passed (500ms, 1.5s, 2m)
    #[arg(long, value_name = "TIME", env = "STRATA_TIME_LIMIT", value_parser = units::duration)]
    pub(crate) time_limit: Option<Duration>,

    /// Most memory that the program's data may use (64k, 200M, 1GiB)
    #[arg(long, value_name = "SIZE", env = "STRATA_MEMORY_LIMIT", value_parser = units::size)]
    pub(crate) memory_limit: Option<usize>,

    /// Threads that run the program's actors (`require "actors"`) [default: as many as
    /// there are processors]
    #[arg(long, value_name = "N", env = "STRATA_ACTOR_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) actor_threads: Option<u16>,

    /// Let `load` and its relatives accept bytecode, after verification
    #[arg(long, env = "STRATA_ALLOW_BYTECODE", value_parser = FalseyValueParser::new())]
    pub(crate) allow_bytecode: bool,

    /// Highest tier to use; tiers that the build lacks are left out, see `vm info`.
    /// `vm explain` tells what a program's functions got
    #[arg(
        long,
        value_name = "TIER",
        env = "STRATA_JIT",
        value_enum,
        default_value_t,
        require_equals = true
    )]
    pub(crate) jit: Jit,

    /// What makes code of very hot functions
    #[arg(
        long,
        value_name = "BACKEND",
        env = "STRATA_JIT_BACKEND",
        value_enum,
        default_value_t,
        require_equals = true
    )]
    pub(crate) jit_backend: JitBackend,

    /// How much work goes into code of very hot functions: 0 to 3 [default: 3]
    #[arg(
        long,
        value_name = "LEVEL",
        env = "STRATA_JIT_LEVEL",
        value_parser = jit::level
    )]
    pub(crate) jit_level: Option<Level>,

    /// The processor that code of very hot functions is for: the one that it is made
    /// on, or any of the last fifteen years
    #[arg(
        long,
        value_name = "CPU",
        env = "STRATA_TARGET_CPU",
        value_parser = jit::target_cpu,
        default_value = "native"
    )]
    pub(crate) target_cpu: TargetCpu,

    /// What holds for single functions, by name, file, or file:line: auto, off,
    /// baseline, always, cranelift, llvm. In source: `--@jit off` before a function
    #[arg(
        long,
        value_name = "FUNCTION=WORD,...",
        env = "STRATA_JIT_FUNCTION",
        value_delimiter = ','
    )]
    pub(crate) jit_function: Vec<FunctionRule>,

    /// When to compile: calls, back-edges (of a hot function), start-up (times as
    /// many until the first is compiled), max-insns (longest function), exits (of a
    /// guard before it is left out), slow-hits (before newer feedback is used),
    /// compiles (of a function), code-memory (64M), background (percent of the time
    /// that another thread may compile; 0: the program waits)
    #[arg(
        long,
        value_name = "NAME=N,...",
        env = "STRATA_JIT_OPT",
        value_delimiter = ',',
        value_parser = jit::threshold
    )]
    pub(crate) jit_opt: Vec<jit::Threshold>,

    /// Show what happens to compiled code, on standard error or in a file:
    /// text, text:FILE, json, json:FILE
    #[arg(
        long,
        value_name = "FORMAT[:FILE]",
        env = "STRATA_TRACE_JIT",
        num_args = 0..=1,
        default_missing_value = "text",
        require_equals = true,
        value_parser = jit::trace
    )]
    pub(crate) trace_jit: Option<jit::Trace>,

    #[cfg(feature = "cranelift")]
    #[command(flatten)]
    pub(crate) cache: CacheArgs,

    /// Name compiled functions for `perf` (in /tmp/perf-PID.map) and debuggers
    #[arg(long, env = "STRATA_PERF", value_parser = FalseyValueParser::new())]
    pub(crate) perf: bool,

    /// Turn warnings on (`warn`, errors in finalizers)
    #[arg(short = 'W', long)]
    pub(crate) warnings: bool,
}

impl VmArgs {
    /// What `other` says, which comes from the environment; what that leaves open stays
    /// as it is.
    #[cfg(feature = "cranelift")]
    pub(crate) fn follow(&mut self, other: VmArgs) {
        let VmArgs {
            instruction_limit,
            time_limit,
            memory_limit,
            actor_threads,
            allow_bytecode,
            jit,
            jit_backend,
            jit_level,
            target_cpu,
            jit_function,
            jit_opt,
            trace_jit,
            cache,
            perf,
            warnings,
        } = other;
        let set = |name: &str| std::env::var_os(name).is_some();
        self.instruction_limit = instruction_limit.or(self.instruction_limit);
        self.time_limit = time_limit.or(self.time_limit);
        self.memory_limit = memory_limit.or(self.memory_limit);
        self.actor_threads = actor_threads.or(self.actor_threads);
        self.allow_bytecode |= allow_bytecode;
        if set("STRATA_JIT") {
            self.jit = jit;
        }
        if set("STRATA_JIT_BACKEND") {
            self.jit_backend = jit_backend;
        }
        self.jit_level = jit_level.or(self.jit_level);
        if set("STRATA_TARGET_CPU") {
            self.target_cpu = target_cpu;
        }
        self.jit_function.splice(0..0, jit_function);
        self.jit_opt.extend(jit_opt);
        self.trace_jit = trace_jit;
        self.cache = cache;
        self.perf = perf;
        self.warnings |= warnings;
    }
}

/// How far compilation may go.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Jit {
    /// Interpret only
    #[value(alias = "interpret")]
    Off,
    /// Interpreter and baseline compiler
    #[value(alias = "hybrid")]
    Baseline,
    /// As far as there are tiers
    #[value(alias = "auto")]
    Full,
    /// Likewise, and functions are compiled when they are loaded: what can't be is an
    /// error
    Always,
}

impl Default for Jit {
    fn default() -> Jit {
        match JitMode::DEFAULT {
            JitMode::Off => Jit::Off,
            JitMode::Baseline => Jit::Baseline,
            JitMode::Full => Jit::Full,
            JitMode::Always => Jit::Always,
        }
    }
}

impl From<Jit> for JitMode {
    fn from(jit: Jit) -> JitMode {
        match jit {
            Jit::Off => JitMode::Off,
            Jit::Baseline => JitMode::Baseline,
            Jit::Full => JitMode::Full,
            Jit::Always => JitMode::Always,
        }
    }
}

/// What makes code of very hot functions.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "cranelift", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum JitBackend {
    /// Cranelift soon, LLVM's better code when it is there
    #[default]
    Auto,
    /// Cranelift alone
    Cranelift,
    /// LLVM alone
    Llvm,
}

impl From<JitBackend> for Backend {
    fn from(backend: JitBackend) -> Backend {
        match backend {
            JitBackend::Auto => Backend::Auto,
            JitBackend::Cranelift => Backend::Cranelift,
            JitBackend::Llvm => Backend::Llvm,
        }
    }
}

#[derive(Args, Debug)]
#[command(override_usage = "vm info\n       vm info --stats[=FORMAT] [OPTIONS] FILE|- [ARGS]...")]
pub(crate) struct InfoArgs {
    /// Run a program and show the figures of its compilation, on standard
    /// error or in a file: text, text:FILE, json, json:FILE
    #[arg(
        long,
        value_name = "FORMAT[:FILE]",
        num_args = 0..=1,
        default_missing_value = "text",
        require_equals = true,
        value_parser = jit::trace
    )]
    pub(crate) stats: Option<jit::Trace>,

    #[command(flatten)]
    pub(crate) vm: VmArgs,

    /// The program (`-`: standard input), and its arguments: all that follows
    #[arg(value_name = "FILE", trailing_var_arg = true, requires = "stats")]
    pub(crate) words: Vec<OsString>,
}

#[derive(Args, Debug)]
#[command(override_usage = "vm explain [OPTIONS] FILE|- [ARGS]...")]
pub(crate) struct ExplainArgs {
    /// For programs: a JSON array
    #[arg(long)]
    pub(crate) json: bool,

    /// Where to write it [default: standard error, after the program's output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) vm: VmArgs,

    /// The program (`-`: standard input), and its arguments: all that follows
    #[arg(value_name = "FILE", required = true, trailing_var_arg = true)]
    pub(crate) words: Vec<OsString>,
}

#[derive(Args, Debug)]
#[command(
    override_usage = "vm run [OPTIONS] FILE|- [ARGS]...\n       vm run [OPTIONS] FILE.ll|FILE.bc [--entry NAME] [ARGS]..."
)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) vm: VmArgs,

    /// Write a page about the run there: tiers, hot places, compiles, exits, memory
    #[arg(long, value_name = "FILE.html", env = "STRATA_REPORT")]
    pub(crate) report: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) ir: IrArgs,

    /// The program (`-`: standard input), and its arguments: all that follows
    #[arg(value_name = "FILE", required = true, trailing_var_arg = true)]
    pub(crate) words: Vec<OsString>,
}

/// How LLVM IR is run.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Options for LLVM IR")]
pub(crate) struct IrArgs {
    /// Call this function instead of `main`, and print what it returns. Arguments
    /// are read as what it takes: numbers, true, false; strings for pointers
    #[arg(long, value_name = "NAME")]
    pub(crate) entry: Option<String>,

    /// Link this too: more IR, or a shared object (may be repeated)
    #[arg(long = "with", value_name = "FILE")]
    pub(crate) with: Vec<PathBuf>,

    /// How much work goes into code: 0 to 3 [default: 2]
    #[arg(short = 'O', long = "opt-level", value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub(crate) level: Option<u8>,
}

/// `vm build`.
#[cfg(feature = "cranelift")]
#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// The program: Lua source, or bytecode
    pub(crate) file: PathBuf,

    /// Modules that it requires: FILE, NAME=FILE, or a folder with all in it. Those that
    /// `require "NAME"` names in the source are found without
    #[arg(value_name = "MODULE")]
    pub(crate) modules: Vec<OsString>,

    /// Where to write [default: FILE without extension]
    #[arg(short, long, value_name = "PROGRAM")]
    pub(crate) output: Option<PathBuf>,

    /// Don't look for what is required
    #[arg(long)]
    pub(crate) no_follow: bool,

    /// Where what is required is looked for, as in package.path [default: package.path]
    #[arg(long, value_name = "TEMPLATES")]
    pub(crate) path: Option<OsString>,

    /// Run the program with these arguments, as often as code comes of it, and add that
    /// code (may be repeated)
    #[arg(long, value_name = "ARGS", num_args = 0..=1, default_missing_value = "", require_equals = true)]
    pub(crate) train: Vec<String>,

    /// The same with this file as standard input (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) train_with: Vec<PathBuf>,

    /// The vm that runs the program [default: this one]
    #[arg(long, value_name = "VM")]
    pub(crate) runtime: Option<PathBuf>,

    /// Leave the vm's symbols and debug data in it
    #[arg(long)]
    pub(crate) debug: bool,

    /// Let the program be told by the STRATA_ variables what `vm run` is
    #[arg(long)]
    pub(crate) allow_options: bool,

    #[command(flatten)]
    pub(crate) vm: VmArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CompileArgs {
    /// Lua source (`-`: standard input)
    pub(crate) file: PathBuf,

    /// Where to write (`-`: standard output) [default: FILE with extension .bc]
    #[arg(short, long, value_name = "OUT.bc")]
    pub(crate) output: Option<PathBuf>,

    /// Leave out debug information: lines, names of variables
    #[arg(long)]
    pub(crate) strip: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AsmArgs {
    /// Assembly text (`-`: standard input)
    pub(crate) file: PathBuf,

    /// Where to write (`-`: standard output) [default: FILE with extension .bc]
    #[arg(short, long, value_name = "OUT.bc")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct DisasmArgs {
    /// Bytecode, or Lua source to compile first (`-`: standard input)
    pub(crate) file: PathBuf,

    /// Where to write [default: standard output]
    #[arg(short, long, value_name = "OUT.asm")]
    pub(crate) output: Option<PathBuf>,

    /// Show source lines between the instructions; for bytecode, of the file
    /// it was compiled from
    #[arg(long)]
    pub(crate) source: bool,

    /// Instead of bytecode, show the baseline compiler's intermediate code
    #[arg(long)]
    pub(crate) clif: bool,

    /// Instead of bytecode, show the optimizing compiler's intermediate code:
    /// after one pass, after each (`all`), or what the backend gets (`lowered`)
    /// [default: last]
    #[arg(
        long,
        value_name = "PASS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "last"
    )]
    pub(crate) ir: Option<String>,

    /// Instead of bytecode, show what LLVM makes of the intermediate code
    #[arg(long)]
    pub(crate) llvm: bool,

    /// Instead of bytecode, show machine code; with --ir or --llvm, of the
    /// optimizing compiler
    #[arg(long)]
    pub(crate) asm: bool,

    /// Instead of bytecode, show where compiled code can be left, and the frame
    /// maps that say how
    #[arg(long)]
    pub(crate) frame_maps: bool,

    /// Run the program first, and show the code that this made: of functions
    /// that got warm, with what was learned about them [default: of all
    /// functions, with nothing learned]
    #[arg(long)]
    pub(crate) warm: bool,

    #[command(flatten)]
    pub(crate) vm: VmArgs,
}

impl DisasmArgs {
    /// Whether to show what bytecode is compiled to.
    pub(crate) fn compiled(&self) -> bool {
        self.clif || self.asm || self.frame_maps || self.optimized()
    }

    /// Whether it is the optimizing compiler's code that is asked for.
    pub(crate) fn optimized(&self) -> bool {
        self.ir.is_some() || self.llvm
    }
}

#[derive(Args, Debug)]
#[command(override_usage = "vm rewrite [OPTIONS] RULES [FILE|-]...")]
pub(crate) struct RewriteArgs {
    /// The rules
    pub(crate) rules: PathBuf,

    /// Files of terms (`-`: standard input, the default without --term)
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// A term to rewrite, before those in files (may be repeated)
    #[arg(
        short = 'e',
        long = "term",
        value_name = "TERM",
        allow_hyphen_values = true
    )]
    pub(crate) terms: Vec<String>,

    /// What looks for the rule that fits
    #[arg(
        long,
        value_name = "BACKEND",
        env = "STRATA_REWRITE_BACKEND",
        value_enum,
        default_value_t
    )]
    pub(crate) backend: RewriteBackend,

    /// How often rules may be applied to each term (500k, 20M) [default: 1G]
    #[arg(long, value_name = "N", value_parser = units::count)]
    pub(crate) fuel: Option<u64>,

    /// Most memory that terms may take (64k, 200M) [default: 2G]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub(crate) memory_limit: Option<usize>,

    /// Print what a term has become where there is no normal form, too
    #[arg(long)]
    pub(crate) partial: bool,

    /// Most names, numbers and strings that one result may have as text [default: 100M]
    #[arg(long, value_name = "N", value_parser = units::count)]
    pub(crate) print_limit: Option<u64>,

    /// Show each application of a rule, on standard error or in a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) trace: Option<Option<PathBuf>>,

    /// Show how often rules were applied, and what took how long, on standard error
    /// or in a file: text, text:FILE, json, json:FILE
    #[arg(
        long,
        value_name = "FORMAT[:FILE]",
        num_args = 0..=1,
        default_missing_value = "text",
        require_equals = true,
        value_parser = jit::trace
    )]
    pub(crate) stats: Option<jit::Trace>,

    /// Instead of rewriting, show the LLVM IR that the rules are compiled from
    #[arg(long, conflicts_with_all = ["files", "terms"])]
    pub(crate) llvm: bool,

    #[cfg(feature = "cranelift")]
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// What looks for the rule that fits.
#[derive(ValueEnum, Clone, Copy, Debug, Default)]
pub(crate) enum RewriteBackend {
    /// An interpreter, then compiled code if it goes on for long
    #[default]
    Auto,
    /// Compiled code
    Native,
    /// An interpreter
    Interpret,
}

impl From<RewriteBackend> for strata::rules::Backend {
    fn from(backend: RewriteBackend) -> strata::rules::Backend {
        match backend {
            RewriteBackend::Auto => strata::rules::Backend::Auto,
            RewriteBackend::Native => strata::rules::Backend::Native,
            RewriteBackend::Interpret => strata::rules::Backend::Interpret,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(words: &[&str]) -> Cli {
        Cli::try_parse_from(words).unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_end_at_the_file() {
        let Command::Run(run) =
            parse(&["vm", "run", "--jit=off", "a.lua", "--jit=full", "-h", "-"]).command
        else {
            panic!("not run")
        };
        assert_eq!(run.words, ["a.lua", "--jit=full", "-h", "-"]);
        assert_eq!(run.vm.jit, Jit::Off);
        let Command::Run(run) = parse(&["vm", "run", "-", "x"]).command else {
            panic!("not run")
        };
        assert_eq!(run.words, ["-", "x"]);
    }

    #[test]
    fn limits_have_units() {
        let line = [
            "vm",
            "run",
            "--time-limit",
            "1s",
            "--memory-limit=200M",
            "--instruction-limit",
            "5k",
            "x",
        ];
        let Command::Run(run) = parse(&line).command else {
            panic!("not run")
        };
        assert_eq!(run.vm.time_limit, Some(Duration::from_secs(1)));
        assert_eq!(run.vm.memory_limit, Some(200 << 20));
        assert_eq!(run.vm.instruction_limit, Some(5000));
        assert!(Cli::try_parse_from(["vm", "run", "--time-limit", "1", "x"]).is_err());
        assert!(Cli::try_parse_from(["vm", "run"]).is_err());
        assert!(Cli::try_parse_from(["vm", "run", "--no-such", "x"]).is_err());
    }
}
