//! Host functions: how they see their arguments, return results, raise
//! errors, and call back into Lua.
//!
//! A host function gets a [`Cx`]: the VM and its own frame (a slot index, not
//! a pointer: stacks move). Arguments are slots `0 .. n` of the frame. It
//! leaves its results where [`Cx::ret`] and its relatives put them and
//! returns how many there are, or a *control request* ([`Ret`]): the executor
//! then does what the function asked (call a Lua function and go on at a
//! continuation, resume a coroutine, yield) without native recursion.
//!
//! Strings and tables are raw heap pointers here; they stay valid until the
//! next safepoint, that is, until the function returns or calls into Lua, and
//! longer if they are reachable from a slot.

use crate::error::{Error, Result};
use crate::frame::{CallName, call_name};
use crate::object::{Str, Table};
use crate::state::Vm;
use crate::value::{NIL, Value, float_to_int, tag};

/// A host function.
pub type NativeFn = fn(&mut Cx<'_>) -> Result<Ret>;
/// A host function with Rust state (`create_function` of the embedding API). It
/// may be called again while it runs, through Lua code it calls: mutable state
/// guards itself.
pub type HostFn = dyn Fn(&mut Cx<'_>) -> Result<Ret> + Send;
/// What runs when a Lua function that a host function called returns: the
/// results are slots `first .. first + n` of the frame.
pub type ContFn = fn(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret>;

/// What a host function returns: a number of results, or a control request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ret(pub u64);

/// Control requests: values of [`Ret`] above any result count.
pub mod ret {
    use super::Ret;
    /// Call `vm.ctl`: function and arguments lie in the frame.
    pub const CALL: Ret = Ret(1 << 32);
    /// Resume `vm.ctl.thread` with arguments that lie in the frame.
    pub const RESUME: Ret = Ret(2 << 32);
    /// Yield values that lie in the frame.
    pub const YIELD: Ret = Ret(3 << 32);
}

/// Continuation ids of links of kind `CONT`. Below [`cont::NATIVE`] they
/// belong to instructions of Lua frames and are handled by the executor;
/// from there on they index [`CONTS`].
pub mod cont {
    /// Result to R\[A\] of the instruction before the link's pc.
    pub const STORE_A: u16 = 0;
    /// Result is a condition: jump if the instruction says so.
    pub const COND: u16 = 1;
    /// Result is dropped (`__newindex`).
    pub const DROP: u16 = 2;
    /// `__concat` step: store and go on concatenating.
    pub const CONCAT: u16 = 3;
    /// `__close` in `close`: go on closing, then with the next instruction.
    pub const CLOSE: u16 = 4;
    /// `__close` in `returnclose`: go on closing, then return.
    pub const RETURN_CLOSE: u16 = 5;
    /// `__close` while an error unwinds to the frame below.
    pub const UNWIND: u16 = 6;
    /// A message handler of the running error.
    pub const HANDLER: u16 = 7;
    /// Role of a `HOST` link: a `__gc` handler.
    pub const FINALIZER: u16 = 8;
    /// Role of a `HOST` link: a hook function.
    pub const HOOK: u16 = 9;
    /// `__close` while a coroutine is closed from outside.
    pub const CORO_CLOSE: u16 = 10;
    /// A tail call of something that is no Lua function: the frame below
    /// returns all results.
    pub const TAIL: u16 = 11;
    /// A call between two instructions: results are dropped, and the instruction
    /// before the link's pc runs (again).
    pub const AGAIN: u16 = 12;
    /// Continuations of host functions start here.
    pub const NATIVE: u16 = 32;
    /// `pcall`: catches errors.
    pub const PCALL: u16 = 32;
    /// `xpcall`: catches errors after running a message handler.
    pub const XPCALL: u16 = 33;
    /// Returns the results as they are (tail position of a host function).
    pub const PASS: u16 = 34;
    /// Returns the first result converted for `tostring`.
    pub const TOSTRING: u16 = 35;
    /// Returns the first three results (`pairs` through `__pairs`).
    pub const PAIRS: u16 = 36;
    /// The first result says whether the others are results, or the second is
    /// a message to raise: what `pcall` catches, thrown again.
    pub const RAISE: u16 = 37;
}

/// The metamethod a continuation of a Lua frame stands for, where the
/// instruction alone does not say.
pub fn cont_metamethod(id: u16) -> Option<&'static str> {
    matches!(
        id,
        cont::CLOSE | cont::RETURN_CLOSE | cont::UNWIND | cont::CORO_CLOSE
    )
    .then_some("close")
}

/// Continuations of host functions, by id - [`cont::NATIVE`].
pub const CONTS: &[ContFn] = &[
    cont_pcall,
    cont_pcall,
    cont_pass,
    cont_tostring,
    cont_pairs,
    cont_raise,
];

fn cont_pcall(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret> {
    cx.ret_true_and(first, n)
}

fn cont_pass(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret> {
    cx.ret_slots(first, n)
}

fn cont_tostring(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret> {
    let v = if n == 0 { NIL } else { cx.slot(first) };
    match crate::ops::meta::concat_operand(cx.vm, v) {
        Some(s) => cx.ret(Value::str(s)),
        None => Err(cx.error("'__tostring' must return a string")),
    }
}

fn cont_pairs(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret> {
    let v = |cx: &Cx<'_>, i| if i < n { cx.slot(first + i) } else { NIL };
    let three = [v(cx, 0), v(cx, 1), v(cx, 2)];
    cx.ret_all(&three)
}

fn cont_raise(cx: &mut Cx<'_>, first: usize, n: usize) -> Result<Ret> {
    let v = |cx: &Cx<'_>, i| if i < n { cx.slot(first + i) } else { NIL };
    if v(cx, 0).is_truthy() {
        return cx.ret_slots(first + 1, n - 1);
    }
    let why = v(cx, 1);
    if !why.is_str() {
        return Err(Error::lua(why));
    }
    let text = cx.vm.bytes(why.as_str()).to_vec();
    Err(cx.error_bytes(&text))
}

/// What a control request refers to.
#[derive(Clone, Copy, Debug)]
pub struct Ctl {
    /// Slot of the callee, or of the first value, in the frame.
    pub at: usize,
    /// Number of arguments or values.
    pub n: usize,
    /// Continuation id of a call.
    pub cont: u16,
    /// The coroutine to resume.
    pub thread: *mut crate::object::Thread,
    /// Resume for `coroutine.wrap`: pass errors on instead of returning them.
    pub wrap: bool,
}

/// A host function's view of the VM and its frame.
pub struct Cx<'a> {
    /// The VM.
    pub vm: &'a mut Vm,
    /// Slot index of the frame's base in the running thread's stack.
    pub base: usize,
    /// Number of arguments.
    pub n: usize,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cx(base {}, {} arguments)", self.base, self.n)
    }
}

impl<'a> Cx<'a> {
    /// Pointer to slot `i` of the frame.
    #[inline(always)]
    fn ptr(&self, i: usize) -> *mut Value {
        self.vm.stack.wrapping_add(self.base + i)
    }

    /// Slot `i` of the frame, which must be an argument or have been pushed.
    #[inline(always)]
    pub fn slot(&self, i: usize) -> Value {
        // SAFETY: a host function's frame has `n` arguments and at least
        // `SLACK` slots above them; pushes are checked.
        unsafe { *self.ptr(i) }
    }

    /// Overwrites slot `i`, which must be an argument or have been pushed.
    #[inline(always)]
    pub fn set_slot(&mut self, i: usize, v: Value) {
        // SAFETY: as for `slot`.
        unsafe { *self.ptr(i) = v }
    }

    /// Argument `i` (from 0), nil if there is none.
    #[inline(always)]
    pub fn arg(&self, i: usize) -> Value {
        if i < self.n { self.slot(i) } else { NIL }
    }

    /// Whether argument `i` is absent or nil.
    #[inline(always)]
    pub fn is_none_or_nil(&self, i: usize) -> bool {
        self.arg(i).is_nil()
    }

    /// Upvalue `i` of the running host function. Panics if it has no such upvalue.
    pub fn upval(&self, i: usize) -> Value {
        let f = self.callee();
        // SAFETY: the frame's function is a live host function; the count is checked.
        unsafe {
            assert!(f.tag == tag::NATIVE && (i as u32) < (*f.as_native()).hdr.aux);
            *crate::object::Native::upval(f.as_native(), i)
        }
    }

    /// Overwrites upvalue `i`. Panics if there is no such upvalue.
    pub fn set_upval(&mut self, i: usize, v: Value) {
        let f = self.callee();
        // SAFETY: as for `upval`.
        unsafe {
            assert!(f.tag == tag::NATIVE && (i as u32) < (*f.as_native()).hdr.aux);
            *crate::object::Native::upval(f.as_native(), i) = v;
            self.vm.heap.barrier(f.as_gc());
        }
    }

    /// The running function itself.
    pub fn callee(&self) -> Value {
        // SAFETY: a frame's function lies two slots below its base.
        unsafe { *self.vm.stack.wrapping_add(self.base - 2) }
    }

    // ---- results

    /// No result.
    #[inline(always)]
    pub fn ret0(&mut self) -> Result<Ret> {
        Ok(Ret(0))
    }

    /// One result.
    #[inline(always)]
    pub fn ret(&mut self, v: Value) -> Result<Ret> {
        // SAFETY: results start at the function's slot.
        unsafe { *self.vm.stack.wrapping_add(self.base - 2) = v };
        Ok(Ret(1))
    }

    /// Two results.
    #[inline(always)]
    pub fn ret2(&mut self, a: Value, b: Value) -> Result<Ret> {
        // SAFETY: results start at the function's slot; the link has been
        // saved by the executor.
        unsafe {
            *self.vm.stack.wrapping_add(self.base - 2) = a;
            *self.vm.stack.wrapping_add(self.base - 1) = b;
        }
        Ok(Ret(2))
    }

    /// These results.
    pub fn ret_all(&mut self, vs: &[Value]) -> Result<Ret> {
        self.vm.top = self.ptr(self.n);
        self.reserve(vs.len())?;
        let to = self.vm.stack.wrapping_add(self.base - 2);
        for (i, v) in vs.iter().enumerate() {
            // SAFETY: `reserve` made room above the frame.
            unsafe { *to.add(i) = *v };
        }
        Ok(Ret(vs.len() as u64))
    }

    /// Slots `first .. first + n` of the frame as results.
    pub fn ret_slots(&mut self, first: usize, n: usize) -> Result<Ret> {
        // SAFETY: the slots exist, and the destination lies below them.
        unsafe {
            let to = self.vm.stack.wrapping_add(self.base - 2);
            std::ptr::copy(self.ptr(first), to, n);
        }
        Ok(Ret(n as u64))
    }

    /// `true` and slots `first .. first + n` as results.
    pub fn ret_true_and(&mut self, first: usize, n: usize) -> Result<Ret> {
        // SAFETY: as for `ret_slots`; results lie two slots further down, so
        // moving up by one slot stays within the frame.
        unsafe {
            let to = self.vm.stack.wrapping_add(self.base - 2);
            std::ptr::copy(self.ptr(first), to.add(1), n);
            *to = Value::bool(true);
        }
        Ok(Ret(n as u64 + 1))
    }

    /// nil, or `fail` as the manual calls it.
    pub fn ret_nil(&mut self) -> Result<Ret> {
        self.ret(NIL)
    }

    /// A boolean.
    pub fn ret_bool(&mut self, b: bool) -> Result<Ret> {
        self.ret(Value::bool(b))
    }

    /// An integer.
    pub fn ret_int(&mut self, i: i64) -> Result<Ret> {
        self.ret(Value::int(i))
    }

    /// A string made of `bytes`.
    pub fn ret_bytes(&mut self, bytes: &[u8]) -> Result<Ret> {
        let s = self.vm.str_in_pieces(bytes)?;
        self.ret(Value::str(s))
    }

    // ---- the frame as a stack

    /// Makes room for `n` more slots above the top. May move the stack.
    pub fn reserve(&mut self, n: usize) -> Result<()> {
        if (self.vm.stack_end() as usize - self.vm.top as usize) / size_of::<Value>() < n + 8 {
            self.vm.grow_stack(n + 8)?;
        }
        Ok(())
    }

    /// Pushes a value on top of the frame (starting after the arguments).
    pub fn push(&mut self, v: Value) -> Result<()> {
        self.reserve(1)?;
        // SAFETY: `reserve` made room.
        unsafe {
            *self.vm.top = v;
            self.vm.top = self.vm.top.add(1);
        }
        Ok(())
    }

    /// Number of slots in use: arguments and pushed values.
    pub fn top(&self) -> usize {
        (self.vm.top as usize - self.vm.stack as usize) / size_of::<Value>() - self.base
    }

    /// Drops slots from `i` on, or fills with nil up to `i`.
    pub fn set_top(&mut self, i: usize) -> Result<()> {
        let now = self.top();
        if i > now {
            self.reserve(i - now)?;
            for j in now..i {
                self.set_slot(j, NIL);
            }
        }
        self.vm.top = self.ptr(i);
        Ok(())
    }

    /// The last `n` pushed values as results.
    pub fn ret_pushed(&mut self, n: usize) -> Result<Ret> {
        let first = self.top() - n;
        self.ret_slots(first, n)
    }

    // ---- control requests

    /// Asks to call the function in slot `at`, whose link slot is `at + 1`
    /// and whose `n` arguments start at `at + 2`, and to go on at `cont`.
    pub fn call_then(&mut self, at: usize, n: usize, cont: u16) -> Result<Ret> {
        self.vm.ctl = Ctl {
            at,
            n,
            cont,
            thread: std::ptr::null_mut(),
            wrap: false,
        };
        Ok(ret::CALL)
    }

    /// Pushes `f`, a link slot and `args`, and asks to call it and to go on at `cont`.
    pub fn push_call_then(&mut self, f: Value, args: &[Value], cont: u16) -> Result<Ret> {
        let at = self.top();
        self.push(f)?;
        self.push(NIL)?;
        for a in args {
            self.push(*a)?;
        }
        self.call_then(at, args.len(), cont)
    }

    /// Calls a Lua or host function from Rust and returns its first result.
    /// Recurses natively: yields can't cross it, and 200 levels are the limit.
    pub fn call1(&mut self, f: Value, args: &[Value]) -> Result<Value> {
        let at = self.top();
        self.push(f)?;
        self.push(NIL)?;
        for a in args {
            self.push(*a)?;
        }
        let n = self.call_slots(at, args.len())?;
        let v = if n == 0 { NIL } else { self.slot(at) };
        self.vm.top = self.ptr(at);
        Ok(v)
    }

    /// Calls the function in slot `at` (link slot `at + 1`, arguments from
    /// `at + 2`) from Rust. Its results, as many as returned, are slots
    /// `at ..` afterwards and the frame's top is their end.
    pub fn call_slots(&mut self, at: usize, n: usize) -> Result<usize> {
        let (base, frame_n) = (self.base, self.n);
        let call = self.vm.exec.call;
        let func = base + at;
        // SAFETY: function, link slot and arguments lie in this frame.
        let got = unsafe { call(self.vm, base, func, n) };
        self.n = frame_n;
        got
    }

    // ---- argument checks, worded as in PUC Lua's auxiliary library

    /// "bad argument #i to 'f' (msg)".
    #[cold]
    pub fn arg_error(&mut self, i: usize, msg: &str) -> Error {
        self.arg_error_bytes(i, msg.as_bytes())
    }

    /// Like [`arg_error`](Self::arg_error), for messages with arbitrary bytes.
    #[cold]
    pub fn arg_error_bytes(&mut self, i: usize, msg: &[u8]) -> Error {
        let mut number = i as i64 + 1;
        let frame = self.vm.frame_at(0);
        let named = frame.as_ref().and_then(|f| call_name(self.vm, f));
        let mut text = Vec::new();
        let name = match named {
            Some(CallName {
                what: "method",
                name,
            }) => {
                number -= 1;
                if number == 0 {
                    text.extend_from_slice(b"calling '");
                    text.extend_from_slice(&name);
                    text.extend_from_slice(b"' on bad self (");
                    text.extend_from_slice(msg);
                    text.push(b')');
                    return self.vm.error_at(1, &text);
                }
                Some(name)
            }
            Some(CallName { name, .. }) => Some(name),
            None => None,
        };
        let global = frame.and_then(|f| self.vm.global_function_name(f.func()));
        let name = name.or(global).unwrap_or_else(|| b"?".to_vec());
        text.extend_from_slice(format!("bad argument #{number} to '").as_bytes());
        text.extend_from_slice(&name);
        text.extend_from_slice(b"' (");
        text.extend_from_slice(msg);
        text.push(b')');
        self.vm.error_at(1, &text)
    }

    /// "… expected, got …" for argument `i`.
    #[cold]
    pub fn type_error(&mut self, i: usize, expected: &str) -> Error {
        let got: Vec<u8> = if i >= self.n {
            b"no value".to_vec()
        } else {
            let v = self.arg(i);
            self.vm.type_name_meta(v)
        };
        let mut msg = format!("{expected} expected, got ").into_bytes();
        msg.extend_from_slice(&got);
        self.arg_error_bytes(i, &msg)
    }

    /// A Lua error with a message, prefixed with the position of the Lua
    /// function that called this one (`luaL_error`).
    #[cold]
    pub fn error(&mut self, msg: &str) -> Error {
        self.vm.error_at(1, msg.as_bytes())
    }

    /// Like [`error`](Self::error), for messages with arbitrary bytes.
    #[cold]
    pub fn error_bytes(&mut self, msg: &[u8]) -> Error {
        self.vm.error_at(1, msg)
    }

    /// Fails unless argument `i` was given (nil will do).
    pub fn check_any(&mut self, i: usize) -> Result<Value> {
        if i >= self.n {
            return Err(self.arg_error(i, "value expected"));
        }
        Ok(self.slot(i))
    }

    /// Argument `i` as an integer (floats and strings with an integer value convert).
    #[inline]
    pub fn check_int(&mut self, i: usize) -> Result<i64> {
        let v = self.arg(i);
        if v.tag == tag::INT {
            Ok(v.as_int())
        } else {
            self.check_int_slow(i, v)
        }
    }

    #[cold]
    fn check_int_slow(&mut self, i: usize, v: Value) -> Result<i64> {
        if let Some(n) = self.vm.to_integer(v) {
            return Ok(n);
        }
        if self.vm.to_number(v).is_some() {
            return Err(self.arg_error(i, "number has no integer representation"));
        }
        Err(self.type_error(i, "number"))
    }

    /// Argument `i` as an integer, or `default` if it is absent or nil.
    #[inline]
    pub fn opt_int(&mut self, i: usize, default: i64) -> Result<i64> {
        if self.is_none_or_nil(i) {
            Ok(default)
        } else {
            self.check_int(i)
        }
    }

    /// Argument `i` as a float.
    #[inline]
    pub fn check_num(&mut self, i: usize) -> Result<f64> {
        let v = self.arg(i);
        match v.tag {
            tag::FLOAT => Ok(v.as_float()),
            tag::INT => Ok(v.as_int() as f64),
            _ => match self.vm.to_number(v) {
                Some(n) => Ok(if n.tag == tag::INT {
                    n.as_int() as f64
                } else {
                    n.as_float()
                }),
                None => Err(self.type_error(i, "number")),
            },
        }
    }

    /// Argument `i` as a number of either subtype.
    pub fn check_number(&mut self, i: usize) -> Result<Value> {
        let v = self.arg(i);
        if v.is_number() {
            return Ok(v);
        }
        match self.vm.to_number(v) {
            Some(n) => Ok(n),
            None => Err(self.type_error(i, "number")),
        }
    }

    /// Argument `i` as a float, or `default` if it is absent or nil.
    pub fn opt_num(&mut self, i: usize, default: f64) -> Result<f64> {
        if self.is_none_or_nil(i) {
            Ok(default)
        } else {
            self.check_num(i)
        }
    }

    /// Argument `i` as a string; a number is converted in place.
    pub fn check_str(&mut self, i: usize) -> Result<*mut Str> {
        let v = self.arg(i);
        match v.tag {
            tag::STR => Ok(v.as_str()),
            tag::INT | tag::FLOAT => {
                let s = self.vm.number_to_str(v);
                self.set_slot(i, Value::str(s));
                Ok(s)
            }
            _ => Err(self.type_error(i, "string")),
        }
    }

    /// The bytes of argument `i`, a string or number. They stay valid until
    /// the next safepoint, and as long as the slot keeps the string.
    pub fn check_bytes<'b>(&mut self, i: usize) -> Result<&'b [u8]> {
        let s = self.check_str(i)?;
        self.vm.bytes_within(s)
    }

    /// Like [`check_bytes`](Self::check_bytes), or `None` if absent or nil.
    pub fn opt_bytes<'b>(&mut self, i: usize) -> Result<Option<&'b [u8]>> {
        if self.is_none_or_nil(i) {
            Ok(None)
        } else {
            self.check_bytes(i).map(Some)
        }
    }

    /// Argument `i`, which must be a table.
    #[inline]
    pub fn check_table(&mut self, i: usize) -> Result<*mut Table> {
        let v = self.arg(i);
        if v.tag == tag::TABLE {
            Ok(v.as_table())
        } else {
            Err(self.type_error(i, "table"))
        }
    }

    /// Argument `i`, which must be a function.
    pub fn check_function(&mut self, i: usize) -> Result<Value> {
        let v = self.arg(i);
        if v.is_function() {
            Ok(v)
        } else {
            Err(self.type_error(i, "function"))
        }
    }

    /// The index of argument `i` (or `default`) in `options`: "invalid option 'x'".
    pub fn check_option(
        &mut self,
        i: usize,
        default: Option<&str>,
        options: &[&str],
    ) -> Result<usize> {
        let name: &[u8] = match (self.is_none_or_nil(i), default) {
            (true, Some(d)) => d.as_bytes(),
            _ => self.check_bytes(i)?,
        };
        if let Some(at) = options.iter().position(|o| o.as_bytes() == name) {
            return Ok(at);
        }
        let mut msg = b"invalid option '".to_vec();
        msg.extend_from_slice(name);
        msg.push(b'\'');
        Err(self.arg_error_bytes(i, &msg))
    }
}

/// An integer with this value, if `v` is a number that has one.
#[inline]
pub fn exact_int(v: Value) -> Option<i64> {
    match v.tag {
        tag::INT => Some(v.as_int()),
        tag::FLOAT => float_to_int(v.as_float()),
        _ => None,
    }
}
