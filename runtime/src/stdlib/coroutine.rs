//! The coroutine library. Resuming and yielding are control requests: the
//! executor switches threads, and no native frame is in between.
//!
//! | PUC's word | [`ThreadStatus`] |
//! |---|---|
//! | running | `Running` |
//! | suspended | `Suspended` |
//! | normal | `Normal` |
//! | dead | `Finished`, `Failed` |

use super::Entry;
use super::shared::{field, register};
use crate::error::Result;
use crate::native::{Ctl, Cx, Ret, ret};
use crate::object::{NativeKind, Thread};
use crate::state::Vm;
use crate::thread::ThreadStatus;
use crate::value::{Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("close", close),
    ("create", create),
    ("isyieldable", isyieldable),
    ("resume", resume),
    ("running", running),
    ("status", status),
    ("wrap", wrap),
    ("yield", yield_),
];

/// Whether the Rust function at `address` does nothing but switch coroutines.
pub fn switches(address: usize) -> bool {
    let known: [crate::native::NativeFn; 3] = [resume, resume_wrapped, yield_];
    known.iter().any(|f| *f as usize == address)
}

/// Whether the Rust function at this address is `coroutine.yield`.
pub fn yields(address: usize) -> bool {
    yield_ as crate::native::NativeFn as usize == address
}

/// Opens the coroutine library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let t = register(vm, "coroutine", FUNCTIONS)?;
    for (name, kind) in [("resume", NativeKind::Resume), ("yield", NativeKind::Yield)] {
        let f = field(vm, t, name.as_bytes())?;
        // SAFETY: a host function that was registered just now.
        unsafe { (*f.as_native()).nkind = kind };
    }
    Ok(())
}

/// Argument `i`, which must be a coroutine.
fn check_thread(cx: &mut Cx<'_>, i: usize) -> Result<*mut Thread> {
    let v = cx.arg(i);
    if v.tag == tag::THREAD {
        Ok(v.as_thread())
    } else {
        Err(cx.type_error(i, "thread"))
    }
}

fn status_of(thread: *mut Thread) -> ThreadStatus {
    // SAFETY: callers pass the thread of a live value, or the running one.
    unsafe { (*thread).status }
}

fn create(cx: &mut Cx<'_>) -> Result<Ret> {
    let f = cx.check_function(0)?;
    let thread = cx.vm.new_coroutine(f)?;
    cx.ret(Value::thread(thread))
}

fn wrap(cx: &mut Cx<'_>) -> Result<Ret> {
    let f = cx.check_function(0)?;
    let thread = Value::thread(cx.vm.new_coroutine(f)?);
    let f = cx
        .vm
        .heap
        .new_native(resume_wrapped, "wrap", NativeKind::Wrap, &[thread]);
    cx.ret(Value::native(f))
}

/// Why a coroutine that isn't suspended can't be resumed.
fn cannot_resume(status: ThreadStatus) -> Option<&'static str> {
    match status {
        ThreadStatus::Suspended => None,
        ThreadStatus::Running | ThreadStatus::Normal => {
            Some("cannot resume non-suspended coroutine")
        }
        ThreadStatus::Finished | ThreadStatus::Failed => Some("cannot resume dead coroutine"),
    }
}

fn resume(cx: &mut Cx<'_>) -> Result<Ret> {
    let thread = check_thread(cx, 0)?;
    if let Some(msg) = cannot_resume(status_of(thread)) {
        let msg = cx.vm.str_value(msg.as_bytes())?;
        return cx.ret2(Value::bool(false), msg);
    }
    cx.vm.ctl = Ctl {
        at: 1,
        n: cx.n - 1,
        cont: 0,
        thread,
        wrap: false,
    };
    Ok(ret::RESUME)
}

fn resume_wrapped(cx: &mut Cx<'_>) -> Result<Ret> {
    let thread = cx.upval(0).as_thread();
    if let Some(msg) = cannot_resume(status_of(thread)) {
        return Err(cx.error(msg));
    }
    cx.vm.ctl = Ctl {
        at: 0,
        n: cx.n,
        cont: 0,
        thread,
        wrap: true,
    };
    Ok(ret::RESUME)
}

fn yield_(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.vm.cur == cx.vm.main {
        return Err(cx
            .vm
            .error_at(0, b"attempt to yield from outside a coroutine"));
    }
    if !is_yieldable(cx.vm, cx.vm.cur) {
        return Err(cx
            .vm
            .error_at(0, b"attempt to yield across a C-call boundary"));
    }
    cx.vm.ctl = Ctl {
        at: 0,
        n: cx.n,
        cont: 0,
        thread: std::ptr::null_mut(),
        wrap: false,
    };
    Ok(ret::YIELD)
}

fn is_yieldable(vm: &Vm, thread: *mut Thread) -> bool {
    // SAFETY: callers pass a live thread.
    thread != vm.main && unsafe { (*thread).host_calls == 0 }
}

fn isyieldable(cx: &mut Cx<'_>) -> Result<Ret> {
    let thread = if cx.n == 0 {
        cx.vm.cur
    } else {
        check_thread(cx, 0)?
    };
    let yieldable = is_yieldable(cx.vm, thread);
    cx.ret_bool(yieldable)
}

fn running(cx: &mut Cx<'_>) -> Result<Ret> {
    let (thread, main) = (cx.vm.cur, cx.vm.main);
    cx.ret2(Value::thread(thread), Value::bool(thread == main))
}

/// A status as `coroutine.status` names it.
fn status_name(vm: &Vm, thread: *mut Thread) -> &'static str {
    if thread == vm.cur {
        return "running";
    }
    match status_of(thread) {
        ThreadStatus::Suspended => "suspended",
        ThreadStatus::Running | ThreadStatus::Normal => "normal",
        ThreadStatus::Finished | ThreadStatus::Failed => "dead",
    }
}

fn status(cx: &mut Cx<'_>) -> Result<Ret> {
    let thread = check_thread(cx, 0)?;
    let name = status_name(cx.vm, thread);
    cx.ret_bytes(name.as_bytes())
}

fn close(cx: &mut Cx<'_>) -> Result<Ret> {
    let thread = check_thread(cx, 0)?;
    let name = status_name(cx.vm, thread);
    if name != "suspended" && name != "dead" {
        return Err(cx.error(&format!("cannot close a {name} coroutine")));
    }
    let close = cx.vm.exec.close_thread;
    match close(cx.vm, thread) {
        Ok(()) => cx.ret_bool(true),
        Err(e) => {
            let v = cx.vm.catchable(e)?;
            cx.ret2(Value::bool(false), v)
        }
    }
}
