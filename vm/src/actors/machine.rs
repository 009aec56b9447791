//! The VM of an actor, and one turn of it.
//!
//! A coroutine of the VM, the *driver*, runs the actor's program and then its
//! handlers (`driver.lua`). It takes messages from the mailbox itself, as many as
//! a turn may have, so that a turn enters the VM once. When it has to wait it
//! notes for what ([`Pause`]) and yields; the next turn resumes it with what it
//! waited for. A driver that computes while others wait is made to yield (`timer`).

use super::Message;
use super::actor::{Actor, ActorRef, Envelope, Order};
use super::context::{Context, Host};
use super::copy_in::copy_in;
use super::library;
use super::options::Reason;
use super::reply::{AskError, SendError};
use super::timer::Running;
use crate::api::{Access, Function, Lua, LuaOptions, Thread, ThreadStatus};
use crate::stress::StressModes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_runtime::heap::poll;
use strata_runtime::load::{load_module, main_closure};
use strata_runtime::value::Value as Raw;
use strata_spec::Module;

/// The program that runs the programs of actors.
#[derive(Debug)]
pub(super) struct Driver(Arc<Module>);

impl Driver {
    pub(super) fn new() -> Driver {
        let source = include_bytes!("driver.lua");
        let module = strata_lua::compile(source, b"=[actors]").expect("a program of ours");
        strata_spec::verify(&module).expect("what our compiler makes");
        Driver(Arc::new(module))
    }
}

/// What a suspended driver waits for.
#[derive(Debug, Default)]
pub(super) enum Pause {
    /// Nothing but its turn: it has called `coroutine.yield`, or had run for long while
    /// others waited.
    #[default]
    Turn,
    /// The first turn.
    Start,
    /// A message, for a handler.
    Next,
    /// A message, or the end of a wait for one.
    Receive,
    /// A reply.
    Answer,
    /// Time.
    Sleep,
    /// Room in a mailbox, for this.
    Room(ActorRef, Box<Envelope>),
    /// Nothing any more: it was asked to stop.
    Stop,
}

/// Time that finalizers have when an actor has ended.
const LAST: Duration = Duration::from_secs(1);

/// The VM of an actor.
pub(super) struct Machine {
    lua: Lua,
    driver: Thread,
    body: Option<Message>,
    context: Arc<Context>,
    pause: Pause,
}

/// How a turn ended.
enum Outcome {
    /// The driver waits.
    Waits,
    Ended(Reason),
}

/// What the driver gets.
enum Input {
    Values(Message),
    /// Whether a handler is to get it.
    Message(Envelope, bool),
    Reply(Result<Message, String>),
    /// Whether there was room at last, or why the message was not sent.
    Sent(Result<(), &'static str>),
    Nothing,
    /// It did not come yet.
    Later,
}

impl Machine {
    fn start(actor: &Arc<Actor>) -> crate::api::Result<Machine> {
        let config = &actor.system.config;
        let lua = Lua::new_with(LuaOptions {
            stdlib: config.stdlib,
            memory_limit: actor.limits.memory,
            allow_bytecode: config.allow_bytecode,
            seed: None,
            jit: config.jit.clone(),
            #[cfg(feature = "cranelift")]
            cache: config.cache.clone(),
            #[cfg(feature = "cranelift")]
            compile_threads: Some(actor.system.crew.clone()),
        })?;
        let (warnings, stress) = (config.warnings, &config.stress);
        let context = lua.enter(|cx| {
            cx.vm().lib.set_warnings(warnings);
            if *stress != StressModes::default() {
                crate::engine::set_stress(cx.vm(), stress);
            }
            library::install(cx.vm(), actor, Host::Worker).map_err(|e| cx.fail(e))
        })?;
        if let Some(setup) = &config.setup {
            setup(&lua)?;
        }
        let driver = lua.enter(|cx| drive(cx, &actor.system.driver, &context))?;
        let driver = lua.create_thread(driver)?;
        lua.with(|vm| {
            let thread = driver.to_pointer() as usize;
            context.state.lock().driver = thread;
            crate::engine::let_give_way(vm, thread, context.held.pause);
            if let Some(n) = actor.limits.instructions {
                vm.set_instruction_limit(Some(n));
            }
        });
        actor.mailbox.lock().interrupter = Some(lua.interrupter());
        Ok(Machine {
            lua,
            driver,
            body: Some(actor.body.clone()),
            context,
            pause: Pause::Start,
        })
    }

    /// What the driver has waited for.
    fn input(&mut self) -> Input {
        let actor = &self.context.actor;
        match &mut self.pause {
            Pause::Turn | Pause::Stop => Input::Nothing,
            Pause::Start => Input::Values(self.body.take().unwrap_or_default()),
            Pause::Next | Pause::Receive => {
                if let Some(envelope) = actor.take() {
                    actor.mailbox.lock().end_wait();
                    let for_handler = matches!(self.pause, Pause::Next);
                    return Input::Message(envelope, for_handler);
                }
                let mut mailbox = actor.mailbox.lock();
                match mailbox.answer.take() {
                    Some(_) => {
                        mailbox.end_wait();
                        Input::Nothing
                    }
                    None => Input::Later,
                }
            }
            Pause::Answer | Pause::Sleep => {
                let answer = {
                    let mut mailbox = actor.mailbox.lock();
                    let answer = mailbox.answer.take();
                    if answer.is_some() {
                        mailbox.end_wait();
                    }
                    answer
                };
                match answer {
                    Some(_) if matches!(self.pause, Pause::Sleep) => Input::Nothing,
                    Some(answer) => Input::Reply(answer.map_err(|e| e.to_string())),
                    None => Input::Later,
                }
            }
            Pause::Room(..) => self.room(),
        }
    }

    /// There may be room in the mailbox that the driver waits for.
    fn room(&mut self) -> Input {
        let actor = &self.context.actor;
        let timed_out = match actor.mailbox.lock().answer.take() {
            Some(answer) => matches!(answer, Err(AskError::Timeout)),
            None => return Input::Later,
        };
        let Pause::Room(to, envelope) = std::mem::take(&mut self.pause) else {
            return Input::Later;
        };
        let asks = envelope.reply.is_some();
        match to.0.post(*envelope) {
            Ok(()) if asks => {
                // The same wait goes on, for the reply.
                self.pause = Pause::Answer;
                Input::Later
            }
            Err(refused) if matches!(refused.0, SendError::Full) && !timed_out => {
                to.0.wait_for_room(actor);
                self.pause = Pause::Room(to, Box::new(refused.1));
                Input::Later
            }
            Ok(()) => {
                actor.mailbox.lock().end_wait();
                Input::Sent(Ok(()))
            }
            Err(refused) => {
                let (why, envelope) = *refused;
                if let Some(reply) = envelope.reply {
                    reply.forget();
                }
                actor.mailbox.lock().end_wait();
                match asks {
                    true => Input::Reply(Err(why.to_string())),
                    false => Input::Sent(Err(library::word(&why))),
                }
            }
        }
    }

    /// Lets the driver run until it waits.
    fn run(&mut self, worker: usize) -> Outcome {
        let input = self.input();
        if matches!(input, Input::Later) {
            return Outcome::Waits;
        }
        if let Input::Message(envelope, _) = &input
            && envelope.stop
        {
            return Outcome::Ended(Reason::Stopped);
        }
        let context = Arc::clone(&self.context);
        let actor = &context.actor;
        context.begin_turn(worker, actor.system.config.batch);
        actor.turns.fetch_add(1, Ordering::Relaxed);
        let until = actor.limits.time.map(|time| {
            self.lua.with(|vm| {
                let left = context.state.lock().left.take();
                context.limit_time(vm, left.unwrap_or(time));
                vm.limits.deadline.unwrap_or_else(Instant::now)
            })
        });
        let interrupter = actor.mailbox.lock().interrupter.clone();
        let timer = &actor.system.timer;
        timer.watch(worker, interrupter.map(|i| Running::new(i, until)));
        let result = self.driver.resume_with(|cx| {
            // Asked too late, in the turn before.
            cx.vm().heap.lower(poll::GIVE_WAY);
            push(cx, &context, input)
        });
        self.lua.with(|vm| {
            vm.lib.flush();
            if let Some(deadline) = vm.limits.deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                context.state.lock().left = Some(left);
                vm.set_watched_deadline(None);
            }
            actor.note_memory(vm);
        });
        timer.watch(worker, None);
        match result {
            Err(e) => Outcome::Ended(e.into()),
            Ok(()) if self.driver.status() != ThreadStatus::Resumable => {
                Outcome::Ended(Reason::Returned)
            }
            Ok(()) => {
                self.pause = std::mem::take(&mut context.state.lock().pause);
                match self.pause {
                    Pause::Stop => Outcome::Ended(Reason::Stopped),
                    _ => Outcome::Waits,
                }
            }
        }
    }

    /// Ends the VM. Who waits for a reply to what it handled is told why.
    fn close(self, worker: usize, reason: &Reason) {
        let Machine {
            lua,
            driver,
            context,
            pause,
            ..
        } = self;
        let actor = &context.actor;
        let replies = context.take_replies();
        let reason = Arc::new(reason.clone());
        for reply in replies {
            reply.answer(Err(AskError::Ended(Arc::clone(&reason))));
        }
        drop(pause);
        // Finalizers run now; they get no more of anything than is left, and
        // little time.
        let interrupter = actor.mailbox.lock().interrupter.take();
        let until = Instant::now() + LAST;
        lua.with(|vm| vm.set_watched_deadline(Some(until)));
        let timer = &actor.system.timer;
        timer.watch(worker, interrupter.map(|i| Running::new(i, Some(until))));
        let closed = catch_unwind(AssertUnwindSafe(move || {
            drop(driver);
            drop(lua);
        }));
        timer.watch(worker, None);
        actor.memory.store(0, Ordering::Relaxed);
        // A finalizer of the host that panics has nobody left to tell.
        drop(closed);
    }
}

/// Pushes what the driver gets.
fn push(cx: &mut Access<'_>, context: &Context, input: Input) -> crate::api::Result<()> {
    match input {
        Input::Nothing | Input::Later => Ok(()),
        Input::Values(message) => push_message(cx, context, message),
        Input::Message(envelope, for_handler) => {
            let message = context.accept(cx.vm(), envelope, for_handler);
            push_message(cx, context, message)
        }
        Input::Reply(Ok(message)) => {
            cx.push(Raw::bool(true))?;
            push_message(cx, context, message)
        }
        Input::Reply(Err(why)) => {
            cx.push(Raw::bool(false))?;
            cx.push_bytes(why.as_bytes())
        }
        Input::Sent(sent) => {
            cx.push(Raw::bool(true))?;
            cx.push(Raw::bool(sent.is_ok()))?;
            match sent {
                Ok(()) => Ok(()),
                Err(why) => cx.push_bytes(why.as_bytes()),
            }
        }
    }
}

fn push_message(
    cx: &mut Access<'_>,
    context: &Context,
    message: Message,
) -> crate::api::Result<()> {
    let copied = context.copy_in(cx.vm(), message);
    copied.map_err(|e| cx.fail(e))
}

/// The function that drives an actor.
fn drive(
    cx: &mut Access<'_>,
    driver: &Driver,
    context: &Arc<Context>,
) -> crate::api::Result<Function> {
    let proto = load_module(cx.vm(), Arc::clone(&driver.0)).map_err(|e| cx.fail(e))?;
    let main = Raw::closure(main_closure(cx.vm(), proto, None));
    let at = cx.push_callee(main)?;
    for f in library::driver_functions(cx.vm(), context) {
        cx.push(f)?;
    }
    let results = cx.call(at)?;
    let f = results.get(0, cx);
    Ok(Function(cx.hold(f)))
}

impl Actor {
    /// Its turn on a worker's thread.
    pub(super) fn turn(self: &Arc<Self>, worker: usize) {
        let order = {
            let mut mailbox = self.mailbox.lock();
            if !matches!(mailbox.stage, super::actor::Stage::Ready) {
                return;
            }
            mailbox.stage = super::actor::Stage::Running;
            mailbox.order.take()
        };
        let mut machine = self.machine.lock();
        if let Some(order) = order {
            let reason = order.reason();
            if let Some(machine) = machine.take() {
                machine.close(worker, &reason);
            }
            self.obey(order, reason);
            drop(machine);
            self.rest();
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| self.step(&mut machine, worker)));
        let outcome = outcome
            .unwrap_or_else(|panic| Outcome::Ended(Reason::Panicked(crate::panic_text(&*panic))));
        if let Outcome::Ended(reason) = outcome {
            // Who interrupted it said why.
            let order = self.mailbox.lock().order.take();
            let reason = order.as_ref().map_or(reason, Order::reason);
            if let Some(machine) = machine.take() {
                machine.close(worker, &reason);
            }
            self.obey(order.unwrap_or(Order::Fail(reason.clone())), reason);
        }
        drop(machine);
        self.rest();
    }

    /// Its VM has ended, for this reason: what becomes of it.
    fn obey(self: &Arc<Self>, order: Order, reason: Reason) {
        match order {
            Order::End(_) => self.finish(reason),
            Order::Restart(_) => self.begin_anew(Arc::new(reason), Duration::ZERO),
            Order::Fail(_) => self.system.ended(self, reason),
        }
    }

    fn step(self: &Arc<Self>, machine: &mut Option<Machine>, worker: usize) -> Outcome {
        if machine.is_none() {
            // Perhaps it has waited for its restart.
            self.mailbox.lock().end_wait();
            match Machine::start(self) {
                Ok(started) => *machine = Some(started),
                Err(e) => return Outcome::Ended(Reason::Unstartable(e.to_string())),
            }
        }
        match machine {
            Some(machine) => machine.run(worker),
            None => Outcome::Ended(Reason::Killed),
        }
    }
}

impl Context {
    /// Pushes the values of a message.
    ///
    /// # Errors
    /// As of [`copy_in`].
    pub(super) fn copy_in(
        &self,
        vm: &mut Vm,
        message: Message,
    ) -> strata_runtime::error::Result<()> {
        // Not while it is locked: references need the context, too.
        let mut loaded = std::mem::take(&mut self.state.lock().loaded);
        let copied = copy_in(vm, &mut loaded, message);
        self.state.lock().loaded = loaded;
        copied
    }

    /// Sets the time that the message at hand may take from now on.
    pub(super) fn limit_time(&self, vm: &mut Vm, time: Duration) {
        if let Some(until) = Instant::now().checked_add(time) {
            vm.set_watched_deadline(Some(until));
            let worker = self.state.lock().worker;
            self.actor.system.timer.extend(worker, until);
        }
    }
}
