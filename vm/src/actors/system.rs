//! [`System`]: the threads, and all actors that they run.

use super::actor::{Actor, ActorRef, Identity, Order, Stage};
use super::context::Host;
use super::copy_out::Modules;
use super::library;
use super::machine::Driver;
use super::message::{FunctionCopy, Message, Part, UpvalueCopy};
use super::options::{Config, Limits, Options, Reason};
use super::supervise::Verdict;
use super::timer::Timer;
use crate::api::{Error, Lua};
use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_spec::Module;

/// Why an actor was not started.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The system was shut down.
    #[error("the system was shut down")]
    Shutdown,
    /// As many actors as may be are there.
    #[error("there are {0} actors already, as many as may be")]
    TooMany(usize),
    /// Another actor has the name.
    #[error("there is an actor called '{0}' already")]
    NameTaken(String),
    /// The memory of all actors is limited, so each must have a limit.
    #[error("an actor needs a memory limit where all have one")]
    NoMemoryLimit,
    /// Not so much of the memory of all actors is left.
    #[error("a memory limit of {0} bytes; {1} are left for new actors")]
    Memory(usize, usize),
}

/// What actors run: a verified program, which is compiled once for all.
#[derive(Clone, Debug)]
pub struct Program(Message);

impl Program {
    fn new(module: Arc<Module>) -> Program {
        let mut message = Message::new();
        let upvalues = module.protos.first().map_or(0, |main| main.upvals.len());
        let bulk = message.bulk();
        for n in 0..upvalues {
            bulk.upvalues.push(UpvalueCopy {
                value: match n {
                    0 => Part::Library("_G".into()),
                    _ => Part::Nil,
                },
                uses: 1,
                assigned: true,
            });
        }
        bulk.functions.push(FunctionCopy {
            module,
            upvalues: (0..upvalues as u32).collect(),
        });
        message.parts.push(Part::Function(0));
        Program(message)
    }
}

/// What all parts of a system share.
pub(super) struct Inner {
    pub config: Config,
    pub timer: Timer,
    pub modules: Modules,
    pub driver: Driver,
    /// The compile threads of all its VMs.
    #[cfg(feature = "cranelift")]
    pub crew: crate::jit::CompileThreads,
    /// Once it is true every actor ends.
    pub closing: AtomicBool,
    tasks: Sender<Task>,
    directory: Mutex<Directory>,
    next: AtomicU64,
}

/// Which actors there are.
#[derive(Default)]
struct Directory {
    actors: FxHashMap<u64, Arc<Actor>>,
    names: FxHashMap<Box<str>, ActorRef>,
    /// Memory that they may use.
    memory: usize,
}

enum Task {
    Turn(Arc<Actor>),
    Quit,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "System({:?})", self.config)
    }
}

impl Inner {
    /// Has an actor, which has become ready, take its turn.
    pub(super) fn enqueue(&self, actor: Arc<Actor>) {
        // The receivers are there as long as workers are; afterwards nothing runs.
        let _ = self.tasks.send(Task::Turn(actor));
    }

    /// Starts an actor.
    pub(super) fn spawn(
        self: &Arc<Self>,
        mut body: Message,
        options: Options,
    ) -> Result<ActorRef, SpawnError> {
        body.append(options.args);
        let limits = options.limits.unwrap_or(self.config.limits);
        let who = Identity {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            name: options.name.map(Into::into),
            body,
            limits,
            supervisor: options.supervisor,
        };
        let actor = Actor::new(Arc::clone(self), who, Stage::Ready);
        {
            let mut directory = self.directory.lock();
            if self.closing.load(Ordering::SeqCst) {
                return Err(SpawnError::Shutdown);
            }
            if directory.actors.len() >= self.config.actors {
                return Err(SpawnError::TooMany(self.config.actors));
            }
            if let Some(name) = &actor.name
                && directory.names.contains_key(name)
            {
                return Err(SpawnError::NameTaken(name.to_string()));
            }
            if let Some(most) = self.config.memory {
                let Some(memory) = limits.memory else {
                    return Err(SpawnError::NoMemoryLimit);
                };
                let left = most.saturating_sub(directory.memory);
                if memory > left {
                    return Err(SpawnError::Memory(memory, left));
                }
            }
            directory.memory = directory.memory.saturating_add(limits.memory.unwrap_or(0));
            if let Some(name) = &actor.name {
                directory
                    .names
                    .insert(name.clone(), ActorRef(Arc::clone(&actor)));
            }
            directory.actors.insert(actor.id, Arc::clone(&actor));
        }
        if let Some(supervisor) = &actor.supervisor {
            supervisor.add(&actor);
        }
        self.enqueue(Arc::clone(&actor));
        Ok(ActorRef(actor))
    }

    /// A VM of the host takes part.
    pub(super) fn guest(self: &Arc<Self>, limits: Limits) -> Arc<Actor> {
        let who = Identity {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            name: None,
            body: Message::new(),
            limits,
            supervisor: None,
        };
        Actor::new(Arc::clone(self), who, Stage::Guest)
    }

    /// An actor has ended.
    pub(super) fn forget(&self, actor: &Arc<Actor>) {
        let mut directory = self.directory.lock();
        let known = directory.actors.remove(&actor.id);
        if known.is_some() {
            let memory = actor.limits.memory.unwrap_or(0);
            directory.memory = directory.memory.saturating_sub(memory);
            if let Some(name) = &actor.name {
                directory.names.remove(name);
            }
        }
        drop(directory);
        if let Some(supervisor) = &actor.supervisor {
            supervisor.remove(actor);
        }
    }

    /// The actor with this name.
    pub(super) fn find(&self, name: &str) -> Option<ActorRef> {
        self.directory.lock().names.get(name).cloned()
    }

    /// What becomes of an actor whose VM has ended.
    pub(super) fn ended(&self, actor: &Arc<Actor>, reason: Reason) {
        let closing = self.closing.load(Ordering::SeqCst);
        let supervisor = actor.supervisor.as_ref().filter(|_| !closing);
        match supervisor.map(|s| s.judge(actor, &reason)) {
            Some(Verdict::Again(after)) => actor.begin_anew(Arc::new(reason), after),
            Some(Verdict::End) | None => actor.finish(reason),
        }
    }

    fn work(&self, worker: usize, tasks: &Receiver<Task>) {
        while let Ok(task) = tasks.recv() {
            match task {
                Task::Turn(actor) => actor.turn(worker),
                Task::Quit if self.directory.lock().actors.is_empty() => break,
                Task::Quit => {
                    // Some have yet to take their last turn.
                    std::thread::sleep(Duration::from_millis(1));
                    let _ = self.tasks.send(Task::Quit);
                }
            }
        }
        self.timer.quit();
    }

    fn all(&self) -> Vec<Arc<Actor>> {
        self.directory.lock().actors.values().cloned().collect()
    }
}

/// Actors, and the threads that run them. Dropping it shuts it down.
#[derive(Debug)]
pub struct System {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl System {
    /// A system without actors. Its threads wait.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn new(mut config: Config) -> io::Result<System> {
        if config.threads == 0 {
            config.threads = std::thread::available_parallelism().map_or(1, usize::from);
        }
        config.batch = config.batch.max(1);
        #[cfg(feature = "cranelift")]
        if config.cache.is_none() && config.jit.mode.optimizes() {
            // In memory: it can't fail to open.
            config.cache = crate::cache::Cache::new(Default::default()).ok();
        }
        let workers = config.threads;
        let (tasks, receiver) = crossbeam_channel::unbounded();
        let inner = Arc::new(Inner {
            timer: Timer::new(workers, config.quantum),
            modules: Modules::default(),
            driver: Driver::new(),
            #[cfg(feature = "cranelift")]
            crew: crate::jit::CompileThreads::new(),
            closing: AtomicBool::new(false),
            tasks,
            directory: Mutex::default(),
            next: AtomicU64::new(0),
            config,
        });
        let system = System {
            inner,
            threads: Mutex::default(),
        };
        let timer = Arc::clone(&system.inner);
        system.start("strata-timer".into(), move || {
            timer.timer.run(|| !timer.tasks.is_empty());
        })?;
        for worker in 0..workers {
            let inner = Arc::clone(&system.inner);
            let receiver = receiver.clone();
            let name = format!("strata-actors-{worker}");
            system.start(name, move || inner.work(worker, &receiver))?;
        }
        Ok(system)
    }

    fn start(&self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let builder = std::thread::Builder::new().name(name).stack_size(STACK);
        self.threads.lock().push(builder.spawn(run)?);
        Ok(())
    }

    /// Compiles a program, Lua source or bytecode, for [`spawn`](Self::spawn).
    /// What it returns handles the messages of its actors: see `spec/actors.md`.
    ///
    /// # Errors
    /// It does not compile, or is not valid bytecode.
    pub fn program(&self, source: impl AsRef<[u8]>, name: &str) -> crate::api::Result<Program> {
        let source = source.as_ref();
        let wrong = |message: String| Error::Syntax {
            message,
            incomplete_input: false,
        };
        let module = if strata_spec::is_bytecode(source) {
            strata_spec::load(source)
                .map_err(|e| wrong(format!("{name}: bad binary format ({e})")))?
        } else {
            let module = strata_lua::compile(source, format!("={name}").as_bytes())
                .map_err(|e| wrong(String::from_utf8_lossy(&e.message).into_owned()))?;
            strata_spec::verify(&module)
                .map_err(|e| wrong(format!("{name}: the compiler made invalid bytecode ({e})")))?;
            module
        };
        Ok(Program::new(Arc::new(module)))
    }

    /// Starts an actor that runs `program`. It begins to run on another thread;
    /// messages that it is sent before it has begun wait.
    ///
    /// # Errors
    /// The name is taken, or something that is limited is used up.
    pub fn spawn(&self, program: &Program, options: Options) -> Result<ActorRef, SpawnError> {
        self.inner.spawn(program.0.clone(), options)
    }

    /// The actor with this name.
    pub fn find(&self, name: &str) -> Option<ActorRef> {
        self.inner.find(name)
    }

    /// Number of actors that have not ended.
    pub fn len(&self) -> usize {
        self.inner.directory.lock().actors.len()
    }

    /// Whether there are no actors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets a VM of the host take part: it gets the library, and an address, which
    /// is returned. Where its code waits for something, its thread does.
    ///
    /// # Errors
    /// The VM takes part in a system already, or is closed; its memory limit.
    pub fn attach(&self, lua: &Lua) -> crate::api::Result<ActorRef> {
        lua.enter(|cx| self.attach_raw(cx.vm()).map_err(|e| cx.fail(e)))
    }

    /// The same for a VM without a [`Lua`].
    ///
    /// # Errors
    /// As of [`attach`](Self::attach).
    #[doc(hidden)]
    pub fn attach_raw(&self, vm: &mut Vm) -> strata_runtime::error::Result<ActorRef> {
        let guest = self.inner.guest(self.inner.config.limits);
        library::install(vm, &guest, Host::Thread)?;
        Ok(ActorRef(guest))
    }

    /// Ends all actors, in the middle of what they do, and then the threads.
    /// Functions of the host that actors call are waited for, unless this is called
    /// by one: then the system ends soon.
    pub fn shutdown(&self) {
        self.end(None);
    }

    /// Likewise; waits no longer than until then: whether all has ended.
    pub(super) fn end(&self, until: Option<Instant>) -> bool {
        let mut threads = self.threads.lock();
        if threads.is_empty() {
            return true;
        }
        {
            // Nobody is spawned from here on.
            let _directory = self.inner.directory.lock();
            self.inner.closing.store(true, Ordering::SeqCst);
        }
        for actor in self.inner.all() {
            actor.order(Order::End(Reason::Shutdown));
        }
        // A function of the host that an actor calls can't wait for its own end.
        let here = std::thread::current().id();
        let inside = threads.iter().any(|thread| thread.thread().id() == here);
        // Workers do what is in the queue before: the last turn of each actor.
        while !inside && !self.inner.directory.lock().actors.is_empty() {
            for actor in self.inner.all() {
                ActorRef(actor).join(Duration::from_millis(100));
                if until.is_some_and(|until| until <= Instant::now()) {
                    return false;
                }
            }
        }
        for _ in 0..self.inner.config.threads {
            let _ = self.inner.tasks.send(Task::Quit);
        }
        for thread in threads.drain(..).filter(|_| !inside) {
            // Panics of host functions end their actors only.
            let _ = thread.join();
        }
        true
    }

    /// Waits until all actors have ended: whether they have, within this time.
    pub fn join(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        for actor in self.inner.all() {
            let left = until.map_or(time, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if ActorRef(actor).join(left).is_none() {
                return false;
            }
        }
        self.is_empty()
    }
}

/// Native stack of a worker: host functions may nest, and so may calls of compiled
/// code, which goes on in the interpreter when it is used up.
const STACK: usize = 8 << 20;

impl Drop for System {
    fn drop(&mut self) {
        self.shutdown();
    }
}
