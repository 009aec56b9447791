//! [`Thread`]: a handle to a coroutine.

use super::error::{Error, Result, host_error};
use super::handle::Handle;
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::stack::{Access, Slots};
use super::value::Value;
use std::ffi::c_void;
use strata_runtime::Value as Raw;
use strata_runtime::native::{Ctl, Cx, Ret, ret};
use strata_runtime::object::{self, NativeKind};
use strata_runtime::thread::ThreadStatus as RawStatus;

/// A coroutine.
#[derive(Clone, Debug)]
pub struct Thread(pub(crate) Handle);

/// What a coroutine is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThreadStatus {
    /// Not started, or it yielded: it can be resumed.
    Resumable,
    /// Running; the code that asks is part of it.
    Running,
    /// It resumed another coroutine, which runs.
    Normal,
    /// Its function returned, or it was closed.
    Finished,
    /// It failed.
    Error,
}

fn status_of(cx: &mut Access<'_>, t: *mut object::Thread) -> ThreadStatus {
    if t == cx.vm().cur {
        return ThreadStatus::Running;
    }
    // SAFETY: the caller's handle keeps the thread.
    match unsafe { (*t).status } {
        RawStatus::Suspended => ThreadStatus::Resumable,
        RawStatus::Running | RawStatus::Normal => ThreadStatus::Normal,
        RawStatus::Finished => ThreadStatus::Finished,
        RawStatus::Failed => ThreadStatus::Error,
    }
}

/// Resumes its first argument with the others.
fn resume(cx: &mut Cx<'_>) -> strata_runtime::Result<Ret> {
    let thread = cx.arg(0).as_thread();
    cx.vm.ctl = Ctl {
        at: 1,
        n: cx.n - 1,
        cont: 0,
        thread,
        wrap: false,
    };
    Ok(ret::RESUME)
}

/// The function for [`resume`], made on first use.
fn resumer(cx: &mut Access<'_>) -> Raw {
    if let Some(id) = cx.lua().state(|s| s.resume) {
        return cx.vm().handles.get(id);
    }
    let vm = cx.vm();
    let f = Raw::native(vm.heap.new_native(resume, "resume", NativeKind::Plain, &[]));
    let id = vm.handles.hold(f);
    cx.lua().state(|s| s.resume = Some(id));
    f
}

impl Thread {
    /// Runs the coroutine until it yields or returns, and gives what it
    /// yields or returns. `args` are its function's arguments at first, the
    /// results of its `coroutine.yield` afterwards.
    ///
    /// # Errors
    /// What it raises; it can't be resumed; as for
    /// [`Function::call`](super::Function::call).
    pub fn resume<R: FromLuaMulti>(&self, args: impl IntoLuaMulti) -> Result<R> {
        self.resume_with(|cx| args.push_all(cx))
    }

    /// The same with the arguments that `push` pushes.
    pub(crate) fn resume_with<R: FromLuaMulti>(
        &self,
        push: impl FnOnce(&mut Access<'_>) -> Result<()>,
    ) -> Result<R> {
        self.0.enter(|cx| {
            let v = self.0.raw(cx.vm());
            match status_of(cx, v.as_thread()) {
                ThreadStatus::Resumable => {}
                ThreadStatus::Running | ThreadStatus::Normal => {
                    return Err(Error::CoroutineUnresumable("non-suspended"));
                }
                ThreadStatus::Finished | ThreadStatus::Error => {
                    return Err(Error::CoroutineUnresumable("dead"));
                }
            }
            let f = resumer(cx);
            let at = cx.push_callee(f)?;
            cx.push(v)?;
            push(cx)?;
            let results = cx.call(at)?;
            if results.get(0, cx).is_truthy() {
                return R::from_slots(results.skip(1), 0, cx);
            }
            Err(failure(cx, v, results))
        })
    }

    /// What it is doing. Of a closed VM: [`ThreadStatus::Finished`].
    pub fn status(&self) -> ThreadStatus {
        self.0
            .enter(|cx| {
                let t = self.0.raw(cx.vm()).as_thread();
                Ok(status_of(cx, t))
            })
            .unwrap_or(ThreadStatus::Finished)
    }

    /// Whether it can be resumed.
    pub fn is_resumable(&self) -> bool {
        self.status() == ThreadStatus::Resumable
    }

    /// Ends the coroutine: closes its to-be-closed variables.
    ///
    /// # Errors
    /// It is running; what it failed with, or what a `__close` raises.
    pub fn close(&self) -> Result<()> {
        self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_thread();
            match status_of(cx, t) {
                ThreadStatus::Running => {
                    return Err(Error::runtime("cannot close a running coroutine"));
                }
                ThreadStatus::Normal => {
                    return Err(Error::runtime("cannot close a normal coroutine"));
                }
                _ => {}
            }
            let close = cx.vm().exec.close_thread;
            close(cx.vm(), t).map_err(|e| cx.fail(e))
        })
    }

    /// Where the coroutine stands, as `debug.traceback` words it.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn traceback(&self) -> Result<String> {
        self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_thread();
            let text = strata_runtime::debug::traceback(cx.vm(), t, None, 0);
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    }

    /// A number that tells this coroutine from others.
    pub fn to_pointer(&self) -> *const c_void {
        self.0.pointer()
    }
}

impl PartialEq for Thread {
    /// The same coroutine.
    fn eq(&self, other: &Thread) -> bool {
        self.0.same(&other.0)
    }
}

/// The error of a coroutine that failed: `results` are false and its value.
#[cold]
fn failure(cx: &mut Access<'_>, thread: Raw, results: Slots) -> Error {
    let v = results.get(1, cx);
    let text = strata_runtime::debug::traceback(cx.vm(), thread.as_thread(), None, 0);
    let traceback = Some(String::from_utf8_lossy(&text).into_owned());
    if let Some(mut host) = host_error(v) {
        if let Error::Runtime {
            traceback: missing @ None,
            ..
        } = &mut host
        {
            *missing = traceback;
        }
        return host;
    }
    let value = Box::new(Value::from_raw(cx, v));
    let message = String::from_utf8_lossy(&crate::engine::message_of(cx.vm(), v)).into_owned();
    Error::Runtime {
        message,
        traceback,
        value,
    }
}
