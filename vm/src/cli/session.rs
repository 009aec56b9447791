//! A VM as the options ask for it, and running functions in it within their
//! limits.
//!
//! Limits hold for each call of [`Session::call`] anew: for `vm run` that is
//! the whole program, for the prompt one input.

use super::args::VmArgs;
use super::jit::Trace;
use super::stress::{self, Stress};
use super::{Outcome, Problem, Status, input, report};
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Instant;
use strata::StdLib;
use strata::actors::{Config, Limits, Offer, Setup};
#[cfg(feature = "cranelift")]
use strata::cache::Cache;
use strata::engine::{self, Backend, JitMode, JitOptions, Level};
use strata::runtime::error::{Cause, Error, Limit};
use strata::runtime::state::VmConfig;
use strata::runtime::table::{self, SetError};
use strata::runtime::{Value, Vm, os, stdlib};
use strata::spec::Module;
#[cfg(feature = "cranelift")]
use strata::standalone::Program;

/// How a call ended, if not with an error of the script.
#[derive(Debug)]
pub(crate) enum End {
    /// It returned; the values are on no stack any more.
    Returned(Vec<Value>),
    /// It called `os.exit`.
    Exit(Status),
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An uncaught error: message and traceback.
    Error(Vec<u8>),
    /// A limit was reached.
    Limit(Limit),
}

impl Failure {
    /// What to print.
    pub(crate) fn message(self) -> Vec<u8> {
        match self {
            Failure::Error(message) => message,
            Failure::Limit(limit) => limit.to_string().into_bytes(),
        }
    }
}

/// A VM and its limits.
pub(crate) struct Session {
    /// The VM.
    pub(crate) vm: Box<Vm>,
    instructions: Option<u64>,
    time: Option<std::time::Duration>,
    stress: Stress,
    actors: Offer,
    #[cfg(feature = "cranelift")]
    cache: Option<Cache>,
}

/// There is none without compilers.
#[cfg(not(feature = "cranelift"))]
type Cache = std::convert::Infallible;

impl Session {
    /// A VM with the whole library.
    pub(crate) fn new(args: &VmArgs) -> Outcome<Session> {
        Session::with(args, jit_options(args)?)
    }

    /// A VM for a standalone program, which finds its modules, as its actors do, and
    /// its code in `cache`.
    #[cfg(feature = "cranelift")]
    pub(crate) fn of_program(
        args: &VmArgs,
        stress: Stress,
        (program, cache): (&Arc<Program>, Cache),
    ) -> Outcome<Session> {
        let of_actors = program.clone();
        let setup: Setup = Arc::new(move |lua| of_actors.give(lua));
        let options = jit_options(args)?;
        let mut session = Session::set_up(args, options, stress, Some(cache), Some(setup))?;
        let given = program.install(&mut session.vm);
        given.map_err(|_| no_memory())?;
        Ok(session)
    }

    /// As [`new`](Session::new), and executed instructions are counted.
    pub(crate) fn counting(args: &VmArgs) -> Outcome<Session> {
        let options = JitOptions {
            count: true,
            ..jit_options(args)?
        };
        Session::with(args, options)
    }

    /// As [`new`](Session::new), but functions are compiled in any case.
    pub(crate) fn compiling(args: &VmArgs) -> Outcome<Session> {
        let options = JitOptions {
            mode: JitMode::Full,
            ..jit_options(args)?
        };
        Session::with(args, options)
    }

    fn with(args: &VmArgs, jit: JitOptions) -> Outcome<Session> {
        #[cfg(feature = "cranelift")]
        let cache = super::cache::of_run(&args.cache);
        #[cfg(not(feature = "cranelift"))]
        let cache = None;
        Session::set_up(args, jit, stress::from_env()?, cache, None)
    }

    fn set_up(
        args: &VmArgs,
        mut jit: JitOptions,
        stress: Stress,
        #[cfg_attr(
            not(feature = "cranelift"),
            allow(unused_variables, reason = "there is none")
        )]
        cache: Option<Cache>,
        setup: Option<Setup>,
    ) -> Outcome<Session> {
        let config = VmConfig {
            seed: stress.seed,
            memory_limit: args.memory_limit.unwrap_or(usize::MAX),
            allow_bytecode: args.allow_bytecode,
        };
        let mut vm = engine::new_vm(&config).map_err(|e| {
            Problem::input(format!(
                "no address space for a stack: {}",
                input::reason(&e)
            ))
        })?;
        if let Some(n) = stress.threshold {
            jit.thresholds.calls = n;
            jit.thresholds.back_edges = n;
            jit.thresholds.start_up = 1;
            jit.thresholds.hot = n;
            jit.thresholds.best = n;
            jit.thresholds.background = 0;
        }
        engine::set_jit(&mut vm, &jit);
        #[cfg(feature = "cranelift")]
        engine::set_cache(&mut vm, cache.clone());
        if args.perf {
            engine::name_code(&mut vm).map_err(|e| {
                let reason = input::reason(&e);
                Problem::input(format!("no map for perf: {reason}"))
            })?;
        }
        if let Some(sink) = args.trace_jit.as_ref().map(Trace::sink).transpose()? {
            sink.into_iter()
                .for_each(|sink| engine::trace_jit(&mut vm, sink));
        }
        let opened = stdlib::open_all(&mut vm);
        if opened.is_err() || vm.heap.bytes > config.memory_limit {
            return Err(Problem::input(
                "the memory limit is too small for the library",
            ));
        }
        vm.lib.set_warnings(args.warnings);
        let config = Config {
            setup,
            ..actors_config(args, &jit, &stress)
        };
        #[cfg(feature = "cranelift")]
        let config = Config {
            cache: cache.clone(),
            ..config
        };
        let actors = Offer::new(&mut vm, config).map_err(|_| no_memory())?;
        engine::set_stress(&mut vm, &stress.modes);
        Ok(Session {
            vm,
            instructions: args.instruction_limit,
            time: args.time_limit,
            stress,
            actors,
            #[cfg(feature = "cranelift")]
            cache,
        })
    }

    /// Sets the global `arg`: `words` from the program's name on, the words
    /// before it at negative indices.
    pub(crate) fn set_arg(&mut self, words: &[OsString], program: usize) -> Outcome<()> {
        let vm = &mut *self.vm;
        let root = vm.shapes.root();
        let arg = vm.heap.new_table(root, 0);
        for (i, word) in words.iter().enumerate() {
            let value = vm.str_value(&os::bytes(word)).map_err(|_| no_memory())?;
            // SAFETY: the table was made above; nothing collects until a call.
            unsafe { table::set_int(vm, arg, i as i64 - program as i64, value) }
                .map_err(refused)?;
        }
        let name = vm.str_value(b"arg").map_err(|_| no_memory())?;
        let globals = vm.globals;
        // SAFETY: globals live as long as the VM; the rest as above.
        unsafe { table::set(vm, globals, name, Value::table(arg)) }.map_err(refused)
    }

    /// These words as strings.
    pub(crate) fn strings(&mut self, words: &[OsString]) -> Outcome<Vec<Value>> {
        words
            .iter()
            .map(|word| self.vm.str_value(&os::bytes(word)).map_err(|_| no_memory()))
            .collect()
    }

    /// The main function of a verified module.
    pub(crate) fn load(&mut self, module: Module) -> Outcome<Value> {
        engine::load_main(&mut self.vm, Arc::new(module)).map_err(|e| match self.vm.catchable(e) {
            Ok(why) => Problem::input(engine::message_of(&mut self.vm, why)),
            Err(_) => no_memory(),
        })
    }

    /// Calls a function. Standard output is written out when it has ended.
    pub(crate) fn call(&mut self, f: Value, args: &[Value]) -> Result<End, Failure> {
        if self.instructions.is_some() {
            self.vm.set_instruction_limit(self.instructions);
        }
        if let Some(time) = self.time {
            // A deadline beyond the end of time is none.
            self.vm
                .set_deadline(Instant::now().checked_add(time))
                .map_err(|e| {
                    Failure::Error(
                        format!("no thread to watch the time: {}", input::reason(&e)).into(),
                    )
                })?;
        }
        self.vm.last_traceback = None;
        let result = match engine::call(&mut self.vm, f, args) {
            Ok(results) => Ok(End::Returned(engine::take_results(&mut self.vm, results))),
            Err(e) => self.failed(e),
        };
        if let Some(e) = engine::unsound(&mut self.vm) {
            let mut message = format!("the heap is not sound: {e}").into_bytes();
            self.note_stress(&mut message);
            return Err(Failure::Error(message));
        }
        match self.vm.lib.std[1].flush() {
            // The script's own failure comes first.
            Err(e) if result.is_ok() => Err(Failure::Error(
                format!("cannot write standard output: {}", input::reason(&e)).into(),
            )),
            _ => result,
        }
    }

    fn failed(&mut self, error: Error) -> Result<End, Failure> {
        let failure = match *error.0 {
            Cause::Exit(status) => return Ok(End::Exit(status)),
            Cause::Lua(value) => {
                let traceback = self.vm.last_traceback.take();
                let mut message = engine::message_of(&mut self.vm, value);
                // An object that has words of its own gets no traceback, as in `lua`.
                let plain = value.is_str()
                    || value.is_number()
                    || message.starts_with(b"(error object is a ");
                if let Some(traceback) = traceback.filter(|_| plain) {
                    message.push(b'\n');
                    message.extend_from_slice(&traceback);
                }
                self.note_stress(&mut message);
                Failure::Error(message)
            }
            Cause::Memory if self.vm.heap.limit != usize::MAX => Failure::Limit(Limit::Memory),
            Cause::Memory => Failure::Error(b"not enough memory".to_vec()),
            Cause::Limit(limit) => Failure::Limit(limit),
            Cause::Close => {
                Failure::Error(b"the main program was closed like a coroutine".to_vec())
            }
            Cause::Panic(payload) => std::panic::resume_unwind(payload),
        };
        Err(failure)
    }

    /// Says how to replay a run under stress.
    fn note_stress(&self, message: &mut Vec<u8>) {
        let Stress { list, seed, .. } = &self.stress;
        if list.is_empty() {
            return;
        }
        message.extend_from_slice(format!("\nreplay: STRATA_STRESS={list}").as_bytes());
        if seed.is_none() {
            message.extend_from_slice(format!(",seed={}", self.vm.heap.seed()).as_bytes());
        }
    }

    /// Calls the finalizers that are left and writes out what files hold
    /// back. Limits go on to hold. Ends the trace, if there is one.
    pub(crate) fn close(&mut self) {
        engine::close(&mut self.vm);
        self.finish_trace();
    }

    /// Ends the trace of compiled code, if there is one: what [`close`](Session::close)
    /// does, without the rest.
    pub(crate) fn finish_trace(&mut self) {
        self.actors.withdraw();
        engine::finish_trace(&mut self.vm);
        #[cfg(feature = "cranelift")]
        if let Some(cache) = &self.cache {
            // Figures alone aren't worth an error.
            let _ = cache.flush();
        }
    }

    /// Whether the `os.exit` that ended the script asked to close the state.
    pub(crate) fn closes_on_exit(&self) -> bool {
        self.vm.lib.close_on_exit
    }
}

/// How to compile.
fn jit_options(args: &VmArgs) -> Outcome<JitOptions> {
    let mut options = JitOptions {
        mode: args.jit.into(),
        backend: args.jit_backend.into(),
        level: args.jit_level.unwrap_or(Level::O3),
        cpu: args.target_cpu,
        functions: args.jit_function.clone(),
        ..JitOptions::default()
    };
    let missing = options.backend.missing();
    if let Some(missing) =
        missing.filter(|_| options.mode != JitMode::Off && options.backend != Backend::Auto)
    {
        report::problem(missing.as_bytes());
    }
    for (name, value) in &args.jit_opt {
        let set = options.thresholds.set(name, *value);
        set.map_err(Problem::input)?;
    }
    Ok(options)
}

/// How actors of a program run: within the limits that it has itself, each message
/// anew; their memory counts apart from the program's, all of them together.
fn actors_config(args: &VmArgs, jit: &JitOptions, stress: &Stress) -> Config {
    let config = Config::default();
    Config {
        threads: args.actor_threads.map_or(0, usize::from),
        limits: Limits {
            memory: args.memory_limit.map(|all| all.min(ACTOR_MEMORY)),
            instructions: args.instruction_limit,
            time: args.time_limit,
            ..config.limits
        },
        memory: args.memory_limit,
        stdlib: StdLib::All,
        allow_bytecode: args.allow_bytecode,
        jit: jit.clone(),
        stress: stress.modes.clone(),
        warnings: args.warnings,
        ..config
    }
}

/// Memory that an actor may use where the program's is limited, if it asks for no
/// more.
const ACTOR_MEMORY: usize = 16 << 20;

fn no_memory() -> Problem {
    Problem::script(Limit::Memory.to_string())
}

fn refused(_: SetError) -> Problem {
    no_memory()
}
