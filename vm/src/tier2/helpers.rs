//! Functions of ours that code of tier 2 calls, by their place in its table
//! of constants.

use super::code::ExitTable;
use crate::interp::native::{self, DID};
use crate::interp::probes;
use crate::interp::{self, CONTINUE, steps};
use crate::tier1::helpers::{barrier, barrier_stored, fmod, force, pow, upvalue};
use strata_runtime::Vm;
use strata_runtime::frame::{VARARG, read_link};
use strata_runtime::object::{Closure, GcHeader, ProtoObj, Str, Table, Upval};
use strata_runtime::stdlib::leaf;
use strata_runtime::table;
use strata_runtime::thread::SLACK;
use strata_runtime::value::{NIL, Value};
use strata_spec::{Insn, Op};

macro_rules! helpers {
    ($($name:ident = $f:expr;)*) => {
        /// A helper: its place behind the objects in the table of constants.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub(crate) enum Helper { $(#[allow(missing_docs)] $name,)* }

        impl Helper {
            /// How many there are.
            pub(crate) const COUNT: usize = [$(Helper::$name),*].len();
        }

        /// Their addresses. `exits`: that of the code's table of exits; `aside`:
        /// that of Cranelift's trampoline, if it may be called; `ran`: of the word
        /// that checked code sets.
        pub(crate) fn addresses(
            exits: usize,
            aside: usize,
            ran: usize,
        ) -> [usize; Helper::COUNT] {
            let mut all = [$($f as usize),*];
            all[Helper::Exits as usize] = exits;
            all[Helper::Aside as usize] = aside;
            all[Helper::Ran as usize] = ran;
            all
        }
    };
}

helpers! {
    Exits = 0usize;
    Aside = 0usize;
    Ran = 0usize;
    Exit = exit as unsafe extern "C" fn(*mut Vm, *mut Value, *const ExitTable, *const u64) -> usize;
    Best = best as unsafe extern "C" fn(*mut Vm, *mut Value, *const ExitTable) -> usize;
    Force = force as unsafe extern "C" fn(*mut Vm, *mut Value, u64) -> usize;
    Prologue = prologue as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    VarargEnter = native::vararg_enter as unsafe extern "C" fn(*mut Vm, *mut Value) -> usize;
    Room = room as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    Done = native::done as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    Poll = poll as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    CallClosure = native::call_closure as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    Recheck = native::recheck as unsafe extern "C" fn(*mut Vm, *mut Value, usize, usize) -> usize;
    Return = native::return_slow as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    Returned = returned as unsafe extern "C" fn(*mut Vm, *mut Value, u64, *const Insn, u64, u64) -> usize;
    ReturnOne = native::return_one as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    ReturnClose = native::return_close as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    CallHost = native::call_host as unsafe extern "C" fn(*mut Vm, *mut Value, usize, *mut strata_runtime::feedback::FeedbackSlot) -> usize;
    Enter = native::interpret as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    CallSwitch = native::call_switch as unsafe extern "C" fn(*mut Vm, *mut Value, usize, *mut strata_runtime::feedback::FeedbackSlot) -> usize;
    TailCallHost = native::tail_call_host as unsafe extern "C" fn(*mut Vm, *mut Value, usize, *mut strata_runtime::feedback::FeedbackSlot) -> usize;
    NewClosure = new_closure as unsafe extern "C" fn(*mut Vm, *mut ProtoObj) -> *mut Closure;
    Upvalue = upvalue as unsafe extern "C" fn(*mut Vm, *mut Value) -> *mut Upval;
    CloseUpvalues = close_upvalues as unsafe extern "C" fn(*mut Vm, *mut Value) -> usize;
    FillUp = fill_up as unsafe extern "C" fn(*mut Value, *mut Value, usize) -> usize;
    Barrier = barrier as unsafe extern "C" fn(*mut Vm, *mut GcHeader, u64) -> usize;
    BarrierStored = barrier_stored as unsafe extern "C" fn(*mut Vm, *mut GcHeader, u64) -> usize;
    HashSlot = hash_slot as unsafe extern "C" fn(*const Table, i64) -> *mut Value;
    StrEq = str_eq as unsafe extern "C" fn(*mut Str, *mut Str) -> usize;
    StrOrder = str_order as unsafe extern "C" fn(*mut Str, *mut Str) -> i64;
    SetInt = set_int as unsafe extern "C" fn(*mut Vm, *mut Table, i64, u64, u64) -> usize;
    FloatMod = fmod as extern "C" fn(f64, f64) -> f64;
    FloatPow = pow as extern "C" fn(f64, f64) -> f64;
    Spread = spread as unsafe extern "C" fn(*mut Vm, *mut Value, *mut Value, usize) -> usize;
    Pack = pack as unsafe extern "C" fn(*mut Vm, *mut Value, *mut Table, i64, usize) -> usize;
    Unpack = unpack as unsafe extern "C" fn(*mut Vm, *mut Table, *mut Value) -> usize;
    NextEntry = leaf::next_entry as unsafe extern "C" fn(*const Table, *mut Value, *mut Value) -> usize;
    GetField = probes::get_field as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    SetField = probes::set_field as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    GetIndex = probes::get_index as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    SetIndex = probes::set_index as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    TForCall = probes::tfor_call as unsafe extern "C" fn(*mut Vm, *mut Value, usize) -> usize;
    GetGlobal = steps::GET_FIELD;
    SetGlobal = steps::SET_FIELD;
    GetIndexI = steps::GET_INDEX;
    SetIndexI = steps::SET_INDEX;
    NewTable = steps::NEW_TABLE;
    SetList = steps::SET_LIST;
    Arith = steps::ARITH;
    Len = steps::LEN;
    Concat = steps::CONCAT;
    Equal = steps::EQUAL;
    EqualK = steps::EQUAL_K;
    Order = steps::ORDER;
    ForPrep = steps::FOR_PREP;
    ForLoop = steps::FOR_LOOP;
    TForPrep = steps::TFOR_PREP;
    Call = steps::CALL;
    TailCall = steps::TAIL_CALL;
    Vararg = steps::VARARG;
    Closure = steps::CLOSURE;
    Close = steps::CLOSE;
    Tbc = steps::TBC;
}

/// In the code that a typed entry answers with: there are results.
pub(crate) const VALUES: u64 = 0x100;

/// What runs instructions of this opcode: a probe, where there is one, or a
/// step.
pub(crate) fn step_of(op: Op) -> Option<Helper> {
    Some(match op {
        Op::GetField | Op::SelfField => Helper::GetField,
        Op::SetField => Helper::SetField,
        Op::GetIndex => Helper::GetIndex,
        Op::SetIndex => Helper::SetIndex,
        Op::TForCall => Helper::TForCall,
        Op::GetTabUp => Helper::GetGlobal,
        Op::SetTabUp => Helper::SetGlobal,
        Op::GetIndexI => Helper::GetIndexI,
        Op::SetIndexI => Helper::SetIndexI,
        Op::NewTable => Helper::NewTable,
        Op::SetList => Helper::SetList,
        Op::Len => Helper::Len,
        Op::Concat => Helper::Concat,
        Op::JEq | Op::JNe => Helper::Equal,
        Op::JEqK | Op::JNeK => Helper::EqualK,
        Op::JLt
        | Op::JNotLt
        | Op::JLe
        | Op::JNotLe
        | Op::JLtI
        | Op::JNotLtI
        | Op::JLeI
        | Op::JNotLeI
        | Op::JGtI
        | Op::JNotGtI
        | Op::JGeI
        | Op::JNotGeI => Helper::Order,
        Op::ForPrep => Helper::ForPrep,
        Op::ForLoop => Helper::ForLoop,
        Op::TForPrep => Helper::TForPrep,
        Op::Call => Helper::Call,
        Op::Vararg => Helper::Vararg,
        Op::Closure => Helper::Closure,
        Op::Close => Helper::Close,
        Op::Tbc => Helper::Tbc,
        op if crate::tier1::operator(op).is_some() => Helper::Arith,
        _ => return None,
    })
}

/// A guard failed, or the code ends here: the interpreter goes on.
unsafe extern "C" fn exit(
    vm: *mut Vm,
    base: *mut Value,
    table: *const ExitTable,
    words: *const u64,
) -> usize {
    // SAFETY: code passes its frame and its own table, which live as long as
    // native frames run it.
    unsafe { (*table).take(&mut *vm, base, words) }
}

/// Code of Cranelift's has run for long enough that LLVM is asked for better.
unsafe extern "C" fn best(vm: *mut Vm, _base: *mut Value, table: *const ExitTable) -> usize {
    // SAFETY: code passes its own table.
    unsafe { super::jobs::ask_llvm(&mut *vm, &*table) }
    0
}

/// A function can't begin at once: see [`native::prologue`]. `slots`: what its
/// frame and those of inlined functions take.
unsafe extern "C" fn prologue(vm: *mut Vm, base: *mut Value, slots: usize) -> usize {
    // SAFETY: the frame at `base` is laid out.
    unsafe {
        let status = native::prologue(vm, base);
        if status != DID || base.add(slots) <= (*vm).limit {
            return status;
        }
        let stack = (*vm).stack;
        let at = base.offset_from(stack) as usize;
        let grown = (*vm).grow_stack(slots + SLACK);
        let base = (*vm).stack.add(at);
        if grown.is_ok() && (*vm).stack == stack && base.add(slots) <= (*vm).limit {
            return DID;
        }
        // The interpreter needs less of it.
        native::begin_interpreted(vm, base);
        CONTINUE
    }
}

/// A typed entry answered with `code` and `payload`: the results go where the
/// link of the frame at `base` says, whose words are `link` and `pc`.
unsafe extern "C" fn returned(
    vm: *mut Vm,
    base: *mut Value,
    link: u64,
    pc: *const Insn,
    code: u64,
    payload: u64,
) -> usize {
    // SAFETY: code passes its frame, the innermost one; the first result has a
    // place where its function is.
    unsafe {
        let first = base.sub(2);
        (*first).tag = code as u8;
        (*first).payload = payload;
        let n = ((code >> 16) ^ 1) as usize;
        native::returned(vm, base, (link, pc), first, n)
    }
}

/// The frame of a vararg function at `base` needs so many slots.
unsafe extern "C" fn room(vm: *mut Vm, base: *mut Value, slots: usize) -> usize {
    // SAFETY: the frame has been moved and is canonical.
    unsafe {
        let stack = (*vm).stack;
        let at = base.offset_from(stack) as usize;
        let grown = (*vm).grow_stack(slots + SLACK);
        let base = (*vm).stack.add(at);
        if grown.is_ok() && (*vm).stack == stack && base.add(slots) <= (*vm).limit {
            return DID;
        }
        native::after_vararg_prep(vm, base);
        CONTINUE
    }
}

/// Looks at the poll word for the loop instruction `pc`: see
/// [`native::poll_back`]. Code keeps what it has read from the heap, so it is
/// left if anything was changed.
unsafe extern "C" fn poll(vm: *mut Vm, base: *mut Value, pc: usize) -> usize {
    // SAFETY: code passes its frame, canonical.
    unsafe {
        let before = native::changes(&mut *vm);
        let status = native::poll_back(vm, base, pc);
        if status == DID && native::changes(&mut *vm) != before {
            return CONTINUE;
        }
        status
    }
}

/// Fills the slots from `top` up to parameter `params` with nil.
unsafe extern "C" fn fill_up(first: *mut Value, top: *mut Value, params: usize) -> usize {
    // SAFETY: code passes the parameters of a frame it is laying out; the
    // slack above the limit has room for them.
    unsafe {
        let end = first.add(params);
        let mut at = top;
        while at < end {
            *at = NIL;
            at = at.add(1);
        }
    }
    0
}

/// Where the hash part of `t` has the value of `key`; null if it is nil.
unsafe extern "C" fn hash_slot(t: *const Table, key: i64) -> *mut Value {
    // SAFETY: code passes a live table.
    unsafe { table::int_entry(t, key) }.unwrap_or(std::ptr::null_mut())
}

/// Whether two strings that aren't the same object are equal.
unsafe extern "C" fn str_eq(a: *mut Str, b: *mut Str) -> usize {
    // SAFETY: code passes live strings.
    unsafe { Str::eq_long(a, b).into() }
}

/// What [`str_order`] answers if a string's bytes are not there yet.
pub(crate) const NO_ORDER: i64 = 2;

/// The order of two strings, byte by byte: -1, 0 or 1, or [`NO_ORDER`].
unsafe extern "C" fn str_order(a: *mut Str, b: *mut Str) -> i64 {
    // SAFETY: code passes live strings; those with data are flat.
    unsafe {
        if (*a).data.is_null() || (*b).data.is_null() {
            return NO_ORDER;
        }
        Str::bytes(a).cmp(Str::bytes(b)) as i64
    }
}

/// Stores a value, not nil, at an integer key of `t`, which has no metatable:
/// 1, or 0 if there is no memory.
unsafe extern "C" fn set_int(
    vm: *mut Vm,
    t: *mut Table,
    key: i64,
    tag: u64,
    payload: u64,
) -> usize {
    let tag = tag as u8;
    // SAFETY: code passes a live table and a live value.
    let stored = unsafe { table::set_int(&mut *vm, t, key, Value { tag, payload }) };
    usize::from(stored.is_ok())
}

/// A closure of this prototype; the code gives it its upvalues.
unsafe extern "C" fn new_closure(vm: *mut Vm, p: *mut ProtoObj) -> *mut Closure {
    // SAFETY: code passes a prototype of its table of constants.
    unsafe { (*vm).heap.new_closure(p, (*p).spec().upvals.len()) }
}

/// Closes the upvalues of a register and of those above it.
unsafe extern "C" fn close_upvalues(vm: *mut Vm, level: *mut Value) -> usize {
    // SAFETY: code passes a register of its frame, of which none is to be closed
    // by `__close`.
    unsafe { interp::close_upvals(vm, level) }
    0
}

/// The extra arguments of the frame at `base`, whose function has so many
/// parameters.
unsafe fn extra<'v>(base: *mut Value, params: usize) -> &'v [Value] {
    // SAFETY: a frame that was moved says by how much; what lies between are
    // the link, the function, parameters and extra arguments.
    unsafe {
        let link = read_link(base);
        if link.kind != VARARG {
            return &[];
        }
        let delta = link.delta as usize;
        std::slice::from_raw_parts(base.sub(delta).add(params), delta - 2 - params)
    }
}

/// Puts `values` to `to` and above, as open results: whether there is room.
unsafe fn open(vm: *mut Vm, values: &[Value], to: *mut Value) -> bool {
    // SAFETY: `to` is a register of the innermost frame.
    unsafe {
        let end = to.add(values.len());
        if end.add(SLACK) > (*vm).stack_end() {
            return false;
        }
        to.copy_from(values.as_ptr(), values.len());
        (*vm).top = end;
        true
    }
}

/// All extra arguments as open results from `to` on; 0: the stack has no room.
unsafe extern "C" fn spread(vm: *mut Vm, base: *mut Value, to: *mut Value, params: usize) -> usize {
    // SAFETY: code passes its frame and a register of it.
    unsafe { open(vm, extra(base, params), to).into() }
}

/// All extra arguments as elements of the new table `t`, from key `first` on;
/// 0: nothing was stored, or can be stored again.
unsafe extern "C" fn pack(
    vm: *mut Vm,
    base: *mut Value,
    t: *mut Table,
    first: i64,
    params: usize,
) -> usize {
    // SAFETY: code passes its frame and a table that it has just made.
    unsafe {
        let values = extra(base, params);
        if !(*t).hash.is_null() {
            // Elements might have to be moved.
            return 0;
        }
        table::set_list(&mut *vm, t, first, values).is_ok().into()
    }
}

/// Most elements that are unpacked here.
const MAX_UNPACKED: usize = 200;

/// All elements of `t` as open results from `to` on; 0: somebody else has to.
unsafe extern "C" fn unpack(vm: *mut Vm, t: *mut Table, to: *mut Value) -> usize {
    // SAFETY: code passes a live table and a register of its frame; what is
    // below the length is in the array part.
    unsafe {
        let n = table::len(t) as usize;
        let plain = (*(*t).shape).meta.is_null();
        if !plain || n > MAX_UNPACKED || to.add(n + SLACK) > (*vm).stack_end() {
            return 0;
        }
        for at in 0..n {
            *to.add(at) = table::element(t, at);
        }
        (*vm).top = to.add(n);
        1
    }
}
