//! `require "jit"`: what a program may ask of the compilers, after LuaJIT's
//! library of this name.
//!
//! It is no global: programs take a global `jit` for a sign of LuaJIT. It is
//! there where the package library is, in `package.preload`.
//!
//! | function | what it does |
//! |---|---|
//! | `on`, `off`, `flush` (\[f \[, inside\]\]) | of all functions, of `f`, `true`: the one that calls; `inside`: and those inside it |
//! | `mode`, `backend` (\[f,\] \[word\]) | tells, and sets if there is a word |
//! | `status` (\[f\]) | whether code is made, mode and backend; of `f`: a table |
//! | `attach` (handler \[, event\]) | calls it with each event, or each of that name; without a name: not any more |
//! | `set` (name, n) | sets a threshold |
//!
//! Events are those of the trace (`spec/tiers.md`), as tables with the same
//! fields. Handlers are called at safepoints, some time after what they are told
//! of; their errors become warnings. What happens while they run isn't told.

use super::choice;
use super::{Backend, JitMode, Wish, status};
use crate::interp;
use serde_json::Value as Json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strata_profiler::{Event, Sink, Stats};
use strata_runtime::error::Result;
use strata_runtime::limits::Waker;
use strata_runtime::native::{Cx, Ret, cont};
use strata_runtime::object::{ProtoObj, Table};
use strata_runtime::stdlib::{self, Entry, package};
use strata_runtime::value::{NIL, Value, tag};
use strata_runtime::{Vm, table};

/// What the library has.
const FUNCTIONS: &[Entry] = &[
    ("on", on),
    ("off", off),
    ("flush", flush),
    ("mode", mode),
    ("backend", backend),
    ("status", status_of),
    ("attach", attach),
    ("set", set),
];

/// The thresholds that say when something is done. Those that say how much of
/// something there may be are the host's.
const THRESHOLDS: [&str; 7] = [
    "calls",
    "back-edges",
    "start-up",
    "exits",
    "slow-hits",
    "hot",
    "best",
];

/// Events that wait for handlers; older ones are dropped for newer.
const WAITING: usize = 1024;

/// Events on their way to handlers.
#[derive(Default, Debug)]
struct Waiting {
    events: VecDeque<Json>,
    /// Nobody listens now.
    deaf: bool,
}

/// Who is told of events.
#[derive(Debug)]
pub(crate) struct Listeners {
    waiting: Arc<Mutex<Waiting>>,
    /// Handlers by their handle, and the events they want: all, or those of a name.
    handlers: Vec<(u32, Option<String>)>,
    /// They are being told.
    telling: bool,
}

/// Takes events from the profiler.
struct Ear {
    waiting: Arc<Mutex<Waiting>>,
    waker: Waker,
}

impl Sink for Ear {
    fn event(&mut self, _: Duration, e: &Event) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.deaf {
            return;
        }
        if let Ok(json) = serde_json::to_value(e) {
            if waiting.events.len() == WAITING {
                waiting.events.pop_front();
            }
            waiting.events.push_back(json);
            self.waker.wake();
        }
    }

    fn finish(&mut self, _: &Stats) {}
}

/// Makes the library known to `require`.
///
/// # Errors
/// Out of memory.
pub(crate) fn install(vm: &mut Vm) -> Result<()> {
    package::preload(vm, "jit", open, &[])
}

/// The table of the library.
fn open(cx: &mut Cx<'_>) -> Result<Ret> {
    let t = stdlib::new_library(cx.vm, FUNCTIONS)?;
    for (name, text) in [
        ("version", concat!("Strata ", env!("CARGO_PKG_VERSION"))),
        ("os", std::env::consts::OS),
        ("arch", std::env::consts::ARCH),
    ] {
        put(cx.vm, t, name, &Json::from(text))?;
    }
    cx.ret(Value::table(t))
}

/// Whom argument 0 is about: a Lua function's prototype; none: everybody.
fn subject(cx: &mut Cx<'_>) -> Result<Option<*mut ProtoObj>> {
    let f = match cx.arg(0) {
        v if v.is_nil() => return Ok(None),
        v if v.tag == tag::TRUE => cx.vm.frames().nth(1).map_or(NIL, |f| f.func()),
        v => v,
    };
    if f.tag != tag::CLOSURE {
        return Err(cx.arg_error(0, "Lua function, true or nil expected"));
    }
    // SAFETY: the tag says that it is a closure, and somebody has it.
    Ok(Some(unsafe { (*f.as_closure()).proto }))
}

/// Sets what holds for all functions, as far as the host allows.
fn set_all(vm: &mut Vm, mode: Option<JitMode>, backend: Option<Backend>) {
    let jit = &interp::data(vm).jit;
    let mode = jit.most.within(mode.unwrap_or(jit.options.mode));
    let backend = backend.unwrap_or(jit.options.backend);
    choice::set_options(vm, mode, backend);
}

fn on(cx: &mut Cx<'_>) -> Result<Ret> {
    match subject(cx)? {
        None => {
            let most = interp::data(cx.vm).jit.most;
            set_all(cx.vm, Some(most), None);
        }
        Some(p) => {
            let inside = cx.arg(1).is_truthy();
            // As if nothing had ever been said of it.
            // SAFETY: somebody has the function.
            unsafe { choice::ask(cx.vm, p, Some(Wish::default()), inside) };
        }
    }
    cx.ret0()
}

fn off(cx: &mut Cx<'_>) -> Result<Ret> {
    match subject(cx)? {
        None => set_all(cx.vm, Some(JitMode::Off), None),
        Some(p) => {
            let wish = Wish {
                mode: Some(JitMode::Off),
                backend: None,
            };
            let inside = cx.arg(1).is_truthy();
            // SAFETY: somebody has the function.
            unsafe { choice::ask(cx.vm, p, Some(wish), inside) };
        }
    }
    cx.ret0()
}

fn flush(cx: &mut Cx<'_>) -> Result<Ret> {
    match subject(cx)? {
        None => choice::flush(cx.vm),
        Some(p) => {
            let inside = cx.arg(1).is_truthy();
            // SAFETY: somebody has the function.
            unsafe { choice::flush_with(cx.vm, p, inside) };
        }
    }
    cx.ret0()
}

/// The prototype and the word among the arguments `[f,] [word]`.
fn asked(cx: &mut Cx<'_>) -> Result<(Option<*mut ProtoObj>, Option<String>)> {
    let about = if cx.arg(0).is_str() {
        None
    } else {
        subject(cx)?
    };
    let at = usize::from(!cx.arg(0).is_str());
    let word = cx.opt_bytes(at)?;
    Ok((about, word.map(|w| String::from_utf8_lossy(w).into_owned())))
}

fn mode(cx: &mut Cx<'_>) -> Result<Ret> {
    choose(cx, |word| {
        let mode = JitMode::from_name(word)?;
        Some((Some(mode), None))
    })
}

fn backend(cx: &mut Cx<'_>) -> Result<Ret> {
    choose(cx, |word| {
        let backend = Backend::from_name(word)?;
        Some((None, Some(backend)))
    })
}

/// What a word sets: a mode, or a backend.
type Chosen = (Option<JitMode>, Option<Backend>);

/// Sets what a word says, if there is one; what holds now is the result, and why
/// it can't be had.
fn choose(cx: &mut Cx<'_>, read: fn(&str) -> Option<Chosen>) -> Result<Ret> {
    let (about, word) = asked(cx)?;
    let tells_mode = read("auto").is_some_and(|(mode, _)| mode.is_some());
    if let Some(word) = &word {
        let Some((mode, backend)) = read(word) else {
            let at = usize::from(about.is_some());
            return Err(cx.arg_error(at, &format!("invalid option '{word}'")));
        };
        match about {
            None => set_all(cx.vm, mode, backend),
            // SAFETY: somebody has the function.
            Some(p) => unsafe {
                let held = choice::requested(&*p).unwrap_or_default();
                let wish = Wish {
                    mode: mode.or(held.mode),
                    backend: backend.or(held.backend),
                };
                choice::ask(cx.vm, p, Some(wish), false);
            },
        }
    }
    let (mode, backend) = match about {
        None => {
            let options = &interp::data(cx.vm).jit.options;
            (options.mode, options.backend)
        }
        Some(p) => {
            // SAFETY: somebody has the function.
            let choice = choice::choice(cx.vm, unsafe { &*p });
            (choice.mode, choice.backend)
        }
    };
    let name = if tells_mode {
        mode.name()
    } else {
        backend.name()
    };
    let name = cx.vm.str_value(name.as_bytes())?;
    match backend.missing().filter(|_| !tells_mode) {
        None => cx.ret(name),
        Some(why) => {
            let why = cx.vm.str_value(why.as_bytes())?;
            cx.ret2(name, why)
        }
    }
}

fn status_of(cx: &mut Cx<'_>) -> Result<Ret> {
    let Some(p) = subject(cx)? else {
        let options = &interp::data(cx.vm).jit.options;
        let (mode, backend) = (options.mode, options.backend);
        let is_on = interp::data(cx.vm).jit.is_on();
        let words = [mode.name(), backend.name()];
        let [mode, backend] = words.map(|w| cx.vm.str_value(w.as_bytes()));
        return cx.ret_all(&[Value::bool(is_on), mode?, backend?]);
    };
    // SAFETY: somebody has the function.
    let s = unsafe { status::of(cx.vm, p) };
    let json = s.to_json();
    let v = to_lua(cx.vm, &json)?;
    cx.ret(v)
}

fn set(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = String::from_utf8_lossy(cx.check_bytes(0)?).into_owned();
    let n = cx.check_int(1)?;
    let Ok(n) = u64::try_from(n) else {
        return Err(cx.arg_error(1, "not negative expected"));
    };
    if !THRESHOLDS.contains(&name.as_str()) {
        let why = format!("a program may set {}", THRESHOLDS.join(", "));
        return Err(cx.arg_error(0, &why));
    }
    let thresholds = &mut interp::data(cx.vm).jit.options.thresholds;
    let background = thresholds.background;
    let outcome = thresholds.set(&name, n);
    thresholds.background = background;
    match outcome {
        Ok(()) => cx.ret0(),
        Err(why) => Err(cx.arg_error(1, &why)),
    }
}

fn attach(cx: &mut Cx<'_>) -> Result<Ret> {
    let f = cx.arg(0);
    if !f.is_function() {
        return Err(cx.arg_error(0, "function expected"));
    }
    let event = cx.opt_bytes(1)?;
    let event = event.map(|e| String::from_utf8_lossy(e).into_owned());
    let known = |e: &String| e == "all" || Event::NAMES.contains(&e.as_str());
    if let Some(event) = event.as_ref().filter(|e| !known(e)) {
        let why = format!("no event is called '{event}'");
        return Err(cx.arg_error(1, &why));
    }
    let vm = &mut *cx.vm;
    match event {
        Some(event) => {
            if interp::data(vm).jit.listeners.is_none() {
                let waiting = Arc::<Mutex<Waiting>>::default();
                let waker = vm.waker();
                let ear = Ear {
                    waiting: Arc::clone(&waiting),
                    waker,
                };
                super::trace(vm, Box::new(ear));
                interp::data(vm).jit.listeners = Some(Listeners {
                    waiting,
                    handlers: Vec::new(),
                    telling: false,
                });
            }
            let handle = vm.handles.hold(f);
            let event = Some(event).filter(|e| e != "all");
            if let Some(l) = &mut interp::data(vm).jit.listeners {
                l.handlers.push((handle, event));
            }
        }
        None => {
            let listeners = interp::data(vm).jit.listeners.as_mut();
            let handlers = listeners.map(|l| std::mem::take(&mut l.handlers));
            let mut kept = Vec::new();
            for (handle, event) in handlers.into_iter().flatten() {
                if vm.handles.get(handle).raw_eq(f) {
                    vm.handles.release(handle);
                } else {
                    kept.push((handle, event));
                }
            }
            if let Some(l) = &mut interp::data(vm).jit.listeners {
                l.handlers = kept;
            }
        }
    }
    deafen(vm);
    cx.ret0()
}

/// Events are kept only if somebody is to be told of them.
fn deafen(vm: &mut Vm) {
    if let Some(l) = &mut interp::data(vm).jit.listeners {
        let deaf = l.handlers.is_empty() || l.telling;
        let mut waiting = l.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.deaf = deaf;
        if l.handlers.is_empty() {
            waiting.events.clear();
        }
    }
}

/// At a safepoint: tells handlers of what has happened, on behalf of the frame at
/// slot `base`.
///
/// # Errors
/// A limit was reached.
#[cold]
pub(crate) fn tell(vm: &mut Vm, base: usize) -> Result<()> {
    let Some(l) = &mut interp::data(vm).jit.listeners else {
        return Ok(());
    };
    if l.telling {
        return Ok(());
    }
    let events = {
        let mut waiting = l.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut waiting.events)
    };
    if events.is_empty() {
        return Ok(());
    }
    l.telling = true;
    deafen(vm);
    let outcome = tell_all(vm, base, &events);
    if let Some(l) = &mut interp::data(vm).jit.listeners {
        l.telling = false;
    }
    deafen(vm);
    outcome
}

fn tell_all(vm: &mut Vm, base: usize, events: &VecDeque<Json>) -> Result<()> {
    for event in events {
        let name = event["event"].as_str().unwrap_or_default();
        let Some(l) = &interp::data(vm).jit.listeners else {
            return Ok(());
        };
        let wants = |(handle, wanted): &(u32, Option<String>)| {
            wanted.as_ref().is_none_or(|w| w == name).then_some(*handle)
        };
        let handles: Vec<u32> = l.handlers.iter().filter_map(wants).collect();
        for handle in handles {
            // Another handler may have taken it back.
            let listeners = &interp::data(vm).jit.listeners;
            let is_there = |l: &Listeners| l.handlers.iter().any(|(h, _)| *h == handle);
            if !listeners.as_ref().is_some_and(is_there) {
                continue;
            }
            let f = vm.handles.get(handle);
            let told = to_lua(vm, event)?;
            if let Err(e) = interp::call_between(vm, base, (f, told), cont::HOOK) {
                let v = vm.catchable(e)?;
                vm.warn_error("a handler of jit events", v);
            }
        }
    }
    Ok(())
}

/// `t[name] = json`
fn put(vm: &mut Vm, t: *mut Table, name: &str, json: &Json) -> Result<()> {
    let v = to_lua(vm, json)?;
    stdlib::set_field(vm, t, name.as_bytes(), v)
}

/// The value that JSON stands for; null is nil. Nothing collects meanwhile.
fn to_lua(vm: &mut Vm, json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Null => NIL,
        Json::Bool(b) => Value::bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Value::int(i),
            None => Value::float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => vm.str_value(s.as_bytes())?,
        Json::Array(items) => {
            let t = stdlib::new_library(vm, &[])?;
            for (n, item) in (1..).zip(items) {
                let v = to_lua(vm, item)?;
                // SAFETY: the table was just made.
                let set = unsafe { table::set_int(vm, t, n, v) };
                set.map_err(|e| strata_runtime::ops::meta::set_error(vm, e))?;
            }
            Value::table(t)
        }
        Json::Object(fields) => {
            let t = stdlib::new_library(vm, &[])?;
            for (name, value) in fields {
                put(vm, t, name, value)?;
            }
            Value::table(t)
        }
    })
}
