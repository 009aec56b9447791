//! [`Function`]: a handle to a function, and how Rust functions become Lua
//! functions.
//!
//! Arguments are converted straight from the callee's stack slots and results
//! are pushed on top of them, so a call with plain numbers makes no handle
//! and allocates nothing.

use super::convert::FromLua;
use super::error::{Error, Result};
use super::handle::{Deferred, Handle};
use super::lua::{Inner, Lua};
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::stack::{Access, Slots};
use crate::engine;
use crate::jit::Wish;
use crate::jit::status::FunctionStatus;
use std::ffi::c_void;
use strata_runtime::Value as Raw;
use strata_runtime::debug::{Info, info_for_function};
use strata_runtime::frame::{CallName, call_name};
use strata_runtime::native::{Cx, HostFn, Ret, cont};
use strata_runtime::object::NativeKind;
use strata_runtime::value::tag;

/// A function of a script or of the host.
#[derive(Clone, Debug)]
pub struct Function(pub(crate) Handle);

/// Where a function comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FunctionInfo {
    /// Where it was defined: the chunk's name as messages show it.
    pub short_src: String,
    /// First line of its definition, if it is a Lua function.
    pub line_defined: Option<u32>,
    /// Last line of its definition, if it is a Lua function.
    pub last_line_defined: Option<u32>,
    /// `Lua`, `main` or `C`.
    pub what: &'static str,
}

impl Function {
    /// Calls the function.
    ///
    /// # Errors
    /// What it raises; a limit; arguments of another VM; results of other
    /// types than asked for.
    ///
    /// # Panics
    /// A host function panicked: the panic goes on here.
    pub fn call<R: FromLuaMulti>(&self, args: impl IntoLuaMulti) -> Result<R> {
        self.0.enter(|cx| {
            let f = self.0.raw(cx.vm());
            let at = cx.push_callee(f)?;
            args.push_all(cx)?;
            let results = cx.call(at)?;
            R::from_slots(results, 0, cx)
        })
    }

    /// Asks something of the compilers for this function (`inside`: and for those
    /// inside it), if it is one of a script; `None` takes back what was asked. It
    /// counts before what the VM's options and the source say. Its code is taken
    /// out of use.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn set_jit(&self, wish: Option<Wish>, inside: bool) -> Result<()> {
        self.0.enter(|cx| {
            let f = self.0.raw(cx.vm());
            engine::ask(cx.vm(), f, wish, inside);
            Ok(())
        })
    }

    /// Where it stands among the tiers; none if it is a function of the host.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn jit_status(&self) -> Result<Option<FunctionStatus>> {
        self.0.enter(|cx| {
            let f = self.0.raw(cx.vm());
            Ok(engine::function_status(cx.vm(), f))
        })
    }

    /// A function that calls this one with `args` before its own arguments.
    ///
    /// # Errors
    /// Arguments of another VM; the VM's memory limit.
    pub fn bind(&self, args: impl IntoLuaMulti) -> Result<Function> {
        self.0.enter(|cx| {
            let first = cx.top();
            cx.push_handle(&self.0)?;
            args.push_all(cx)?;
            cx.check_memory(0)?;
            let values: Vec<Raw> = (first..cx.top()).map(|i| cx.slot(i)).collect();
            let f = cx
                .vm()
                .heap
                .new_native(call_bound, "bound", NativeKind::Plain, &values);
            Ok(Function(cx.hold(Raw::native(f))))
        })
    }

    /// Where it comes from.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn info(&self) -> Result<FunctionInfo> {
        self.0.enter(|cx| {
            let f = self.0.raw(cx.vm());
            let Info {
                short_src,
                linedefined,
                lastlinedefined,
                what,
                ..
            } = info_for_function(cx.vm(), f);
            Ok(FunctionInfo {
                short_src: String::from_utf8_lossy(&short_src).into_owned(),
                line_defined: u32::try_from(linedefined)
                    .ok()
                    .filter(|_| f.tag == tag::CLOSURE),
                last_line_defined: u32::try_from(lastlinedefined)
                    .ok()
                    .filter(|_| f.tag == tag::CLOSURE),
                what,
            })
        })
    }

    /// A number that tells this function from others.
    pub fn to_pointer(&self) -> *const c_void {
        self.0.pointer()
    }
}

impl PartialEq for Function {
    /// The same function.
    fn eq(&self, other: &Function) -> bool {
        self.0.same(&other.0)
    }
}

/// Calls upvalue 0 with the other upvalues and the arguments, in tail position.
fn call_bound(cx: &mut Cx<'_>) -> strata_runtime::Result<Ret> {
    let f = cx.callee().as_native();
    // SAFETY: a running function's slot holds it.
    let bound = unsafe { (*f).hdr.aux as usize };
    let at = cx.top();
    let n = cx.n;
    let callee = cx.upval(0);
    cx.push(callee)?;
    cx.push(strata_runtime::value::NIL)?;
    for i in 1..bound {
        let v = cx.upval(i);
        cx.push(v)?;
    }
    for i in 0..n {
        let v = cx.slot(i);
        cx.push(v)?;
    }
    cx.call_then(at, bound - 1 + n, cont::PASS)
}

/// Address of a VM's shared part.
struct Owner(*const Inner);

// SAFETY: the function that has it lives in the VM's heap and runs only under
// the VM's lock; `Inner` itself may be used from any thread.
unsafe impl Send for Owner {}

impl Owner {
    fn get(&self) -> *const Inner {
        self.0
    }
}

/// The host function of the runtime for `f`, which gets its arguments as
/// slots and pushes its results.
pub(crate) fn host<F>(lua: &Lua, f: F) -> Box<HostFn>
where
    F: Fn(&mut Access<'_>, Slots) -> Result<()> + Send + 'static,
{
    let owner = Owner(lua.inner_ptr());
    let f = Deferred::new(lua.bin(), f);
    Box::new(move |cx: &mut Cx<'_>| {
        let slots = Slots {
            first: cx.base,
            n: cx.n,
        };
        let vm: *mut strata_runtime::Vm = cx.vm;
        // SAFETY: the VM runs this function, so its `Inner` lives and this
        // thread has its lock.
        let done = unsafe {
            Lua::with_running(owner.get(), |lua| {
                let mut access = Access::new(vm, lua);
                f(&mut access, slots).map_err(|e| raise(&mut access, e))
            })
        };
        done?;
        let n = cx.top() - slots.n;
        cx.ret_pushed(n)
    })
}

/// The Lua error for a failed host function.
#[cold]
fn raise(cx: &mut Access<'_>, e: Error) -> strata_runtime::Error {
    let e = match e {
        Error::BadArgument {
            at: None,
            function: None,
            position,
            cause,
        } => {
            let vm = cx.vm();
            let named = vm.frame_at(0).and_then(|f| call_name(vm, &f));
            let is_method = named.as_ref().is_some_and(|n| n.what == "method");
            let position = position.saturating_sub(usize::from(is_method));
            let function =
                named.map(|CallName { name, .. }| String::from_utf8_lossy(&name).into_owned());
            let at = Some(String::from_utf8_lossy(&vm.position_prefix(1)).into_owned());
            Error::BadArgument {
                at,
                function,
                position,
                cause,
            }
        }
        other => other,
    };
    e.into_raw(cx)
}

/// The host function of the runtime for a Rust function.
pub(crate) fn wrap<F, A, R>(lua: &Lua, f: F) -> Box<HostFn>
where
    F: Fn(&Lua, A) -> Result<R> + Send + 'static,
    A: FromLuaMulti,
    R: IntoLuaMulti,
{
    host(lua, move |cx, slots| {
        let args = A::from_slots(slots, 1, cx)?;
        let results = f(cx.lua(), args)?;
        results.push_all(cx)
    })
}

/// Calls the method `name` of `object`: `object:name(args)`.
pub(crate) fn call_method<R: FromLuaMulti>(
    object: &Handle,
    name: &str,
    args: impl IntoLuaMulti,
) -> Result<R> {
    object.enter(|cx| {
        cx.push_bytes(name.as_bytes())?;
        let key = cx.top() - 1;
        let (this, key) = (object.raw(cx.vm()), cx.slot(key));
        let f = cx.push_result(|cx| strata_runtime::ops::meta::index(cx, this, key))?;
        let at = cx.push_callee(f)?;
        cx.push(this)?;
        args.push_all(cx)?;
        let results = cx.call(at)?;
        R::from_slots(results, 0, cx)
    })
}

/// `object[key]` with metamethods.
pub(crate) fn get_field<V: FromLua>(
    object: &Handle,
    key: impl super::convert::IntoLua,
) -> Result<V> {
    object.enter(|cx| {
        key.push_raw(cx)?;
        let at = cx.top() - 1;
        let (this, key) = (object.raw(cx.vm()), cx.slot(at));
        let v = cx.push_result(|cx| strata_runtime::ops::meta::index(cx, this, key))?;
        V::from_raw(v, cx)
    })
}
