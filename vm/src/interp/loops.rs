//! Loop instructions: numeric and generic `for`, and the backward jump.
//! They are where a running function polls.

use super::arith::{SEEN_INT, SEEN_OTHER, note};
use super::*;
use std::sync::atomic::Ordering;
use strata_runtime::error::Error;
use strata_runtime::frame::{LUA, NATIVE_BIT};
use strata_runtime::object::NativeKind;
use strata_runtime::proto::proto_of;
use strata_runtime::stdlib::leaf::{NO_CURSOR, first_cursor};
use strata_runtime::table;
use strata_runtime::value::{NIL, tag};

/// Whether there is something to look at.
#[inline(always)]
unsafe fn polls(vm: *mut Vm) -> bool {
    // SAFETY: `vm` is live.
    unsafe { (*vm).heap.poll.load(Ordering::Relaxed) != 0 }
}

/// First slot above the registers that are live at a loop instruction: what
/// its target declares as defined, and the loop's own registers. What lies
/// above is dead, and would only keep garbage alive.
pub(super) unsafe fn live_end(
    pc: *const Insn,
    base: *mut Value,
    i: u64,
    k: *const Value,
) -> *mut Value {
    // SAFETY: as for handlers: the target is an instruction of the prototype.
    unsafe {
        let proto = proto_of(k);
        let target = pc.offset(jump(i)).offset_from((*proto).code) as u32;
        let blocks = &(*proto).spec().blocks;
        let defined = match blocks.binary_search_by_key(&target, |b| b.pc) {
            Ok(n) => usize::from(blocks[n].defined),
            Err(_) => usize::from((*proto).regs),
        };
        let own = match Insn(i).op() {
            Some(strata_spec::Op::Loop) | None => 0,
            _ => usize::from(Insn(i).a()) + 5,
        };
        base.add(defined.max(own).min(usize::from((*proto).regs)))
    }
}

slow_handler! {
    /// Looks at the poll word, then runs the loop instruction before `pc`
    /// without polling again.
    #[cold]
    poll_loop(pc, base, vm, i, k) {
        save(vm, pc, base);
        (*vm).top = live_end(pc, base, i, k);
        if let Err(e) = poll::safepoint(&mut *vm) {
            return raise::raise(vm, e);
        }
        if poll::may_give_way(&mut *vm) {
            return poll::give_way(vm);
        }
        let base = (*vm).base;
        let taken = match Insn(i).op() {
            Some(strata_spec::Op::ForLoop) => for_step(base, i),
            Some(strata_spec::Op::TForLoop) => tfor_step(base, i),
            _ => true,
        };
        if !taken {
            return next(vm, pc, base);
        }
        let target = pc.offset(jump(i));
        let p = proto_of(k);
        let left = (*p).loop_budget.wrapping_sub(1);
        if left < 0 {
            save(vm, target, base);
            return native::enter_loop(vm, p, target, base);
        }
        (*p).loop_budget = left;
        next(vm, target, base)
    }
}

/// Jumps back: counts, and asks for compiled code when the loop is hot.
macro_rules! back_edge {
    ($pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {{
        let p = proto_of($k);
        let left = (*p).loop_budget.wrapping_sub(1);
        if left < 0 {
            return loop_hot($pc.offset(jump($i)), $base, $vm, $i, $k);
        }
        (*p).loop_budget = left;
        dispatch($pc.offset(jump($i)), $base, $vm, $k)
    }};
}

slow_handler! {
    /// At the header of a hot loop: goes on in compiled code if there is some.
    loop_hot(pc, base, vm, i, k) {
        save(vm, pc, base);
        native::enter_loop(vm, proto_of(k), pc, base)
    }
}

handler! {
    back(pc, base, vm, i, k) {
        if polls(vm) {
            return poll_loop(pc, base, vm, i, k);
        }
        back_edge!(pc, base, vm, i, k)
    }
}

/// One step of a numeric loop: whether it goes on. Control registers that
/// `forprep` can't have left there (all integers or all floats) end the loop.
#[inline(always)]
unsafe fn for_step(base: *mut Value, i: u64) -> bool {
    // SAFETY: as for handlers. All three tags are looked at before a payload is
    // taken for a number: bytecode and `debug.setlocal` may have written
    // anything there, and an address must not show up as a number.
    unsafe {
        let a = ra(base, i);
        let tags = [(*a).tag, (*a.add(1)).tag, (*a.add(2)).tag];
        let all = |tag: u8| tags[0] == tag && tags[1] == tag && tags[2] == tag;
        if all(tag::INT) {
            let left = (*a.add(1)).payload;
            if left == 0 {
                return false;
            }
            let index = (*a).as_int().wrapping_add((*a.add(2)).as_int());
            (*a.add(1)).payload = left - 1;
            (*a).payload = index as u64;
            put(a.add(3), Value::int(index));
            return true;
        }
        if !all(tag::FLOAT) {
            return false;
        }
        let (index, limit, step) = (
            (*a).as_float(),
            (*a.add(1)).as_float(),
            (*a.add(2)).as_float(),
        );
        let index = index + step;
        let goes_on = if step > 0.0 {
            index <= limit
        } else {
            limit <= index
        };
        if goes_on {
            (*a).payload = index.to_bits();
            put(a.add(3), Value::float(index));
        }
        goes_on
    }
}

handler! {
    for_loop(pc, base, vm, i, k) {
        if polls(vm) {
            return poll_loop(pc, base, vm, i, k);
        }
        if for_step(base, i) {
            return back_edge!(pc, base, vm, i, k);
        }
        dispatch(pc, base, vm, k)
    }
}

slow_handler! {
    /// The step of a numeric loop, for compiled code: it has polled.
    #[allow(dead_code, reason = "only compiled code runs it, as a step")]
    for_loop_slow(pc, base, vm, i, k) {
        let taken = for_step(base, i);
        next(vm, if taken { pc.offset(jump(i)) } else { pc }, base)
    }
}

handler! {
    for_prep(pc, base, vm, i, k) {
        let a = ra(base, i);
        if (*a).tag == tag::INT && (*a.add(1)).tag == tag::INT && (*a.add(2)).tag == tag::INT {
            let (init, limit, step) = ((*a).as_int(), (*a.add(1)).as_int(), (*a.add(2)).as_int());
            note(pc, i, SEEN_INT);
            if step == 1 {
                if init > limit {
                    return dispatch(pc.offset(jump(i)), base, vm, k);
                }
                put(a.add(1), Value::int(limit.wrapping_sub(init)));
                put(a.add(3), Value::int(init));
                return dispatch(pc, base, vm, k);
            }
        }
        for_prep_slow(pc, base, vm, i, k)
    }
}

slow_handler! {
    for_prep_slow(pc, base, vm, i, k) {
        let a = ra(base, i);
        save(vm, pc, base);
        let ints = (0..3).all(|j| (*a.add(j)).tag == tag::INT);
        note(pc, i, if ints { SEEN_INT } else { SEEN_OTHER });
        match prepare(&mut *vm, a) {
            Ok(true) => next(vm, pc, base),
            Ok(false) => next(vm, pc.offset(jump(i)), base),
            Err(e) => raise::raise(vm, e),
        }
    }
}

/// Prepares a numeric loop: whether it runs at all. An integer loop gets its
/// iteration count in place of the limit (Lua 5.4 manual, section 3.3.5).
unsafe fn prepare(vm: &mut Vm, a: *mut Value) -> Result<bool> {
    // SAFETY: the verifier has checked that A .. A+3 are registers.
    unsafe {
        let (init, limit, step) = (*a, *a.add(1), *a.add(2));
        if init.tag == tag::INT && step.tag == tag::INT {
            let (init, step) = (init.as_int(), step.as_int());
            if step == 0 {
                return Err(vm.error_at(0, b"'for' step is zero"));
            }
            let Some(limit) = int_limit(vm, limit, step)? else {
                return Ok(false);
            };
            let distance = if step > 0 {
                if init > limit {
                    return Ok(false);
                }
                (limit as u64).wrapping_sub(init as u64)
            } else {
                if init < limit {
                    return Ok(false);
                }
                (init as u64).wrapping_sub(limit as u64)
            };
            let count = distance / step.unsigned_abs();
            put(a.add(1), Value::int(count as i64));
            put(a.add(3), Value::int(init));
            return Ok(true);
        }
        let number = |vm: &mut Vm, v: Value, what: &str| match v.tag {
            tag::INT => Ok(v.as_int() as f64),
            tag::FLOAT => Ok(v.as_float()),
            _ => match vm.to_number(v) {
                Some(n) if n.tag == tag::INT => Ok(n.as_int() as f64),
                Some(n) => Ok(n.as_float()),
                None => Err(for_error(vm, v, what)),
            },
        };
        let limit = number(vm, limit, "limit")?;
        let step = number(vm, step, "step")?;
        let init = number(vm, init, "initial value")?;
        if step == 0.0 {
            return Err(vm.error_at(0, b"'for' step is zero"));
        }
        if if step > 0.0 {
            limit < init
        } else {
            init < limit
        } {
            return Ok(false);
        }
        put(a, Value::float(init));
        put(a.add(1), Value::float(limit));
        put(a.add(2), Value::float(step));
        put(a.add(3), Value::float(init));
        Ok(true)
    }
}

#[cold]
fn for_error(vm: &mut Vm, v: Value, what: &str) -> Error {
    let mut msg = format!("bad 'for' {what} (number expected, got ").into_bytes();
    msg.extend_from_slice(&vm.type_name_meta(v));
    msg.push(b')');
    vm.error_at(0, &msg)
}

/// The limit of an integer loop as an integer, `None` if the loop can't run.
fn int_limit(vm: &mut Vm, limit: Value, step: i64) -> Result<Option<i64>> {
    let f = match limit.tag {
        tag::INT => return Ok(Some(limit.as_int())),
        tag::FLOAT => limit.as_float(),
        _ => match vm.to_number(limit) {
            Some(n) => return int_limit(vm, n, step),
            None => return Err(for_error(vm, limit, "limit")),
        },
    };
    let f = if step > 0 { f.floor() } else { f.ceil() };
    if let Some(l) = strata_runtime::value::float_to_int(f) {
        return Ok(Some(l));
    }
    // Out of range: clip, unless the loop then can't run. What is not a number
    // counts as low, as in PUC Lua.
    if f > 0.0 {
        if step < 0 {
            Ok(None)
        } else {
            Ok(Some(i64::MAX))
        }
    } else if step > 0 {
        Ok(None)
    } else {
        Ok(Some(i64::MIN))
    }
}

slow_handler! {
    tfor_prep(pc, base, vm, i, k) {
        let a = ra(base, i);
        let closing = a.add(3);
        if (*closing).tag == tag::NIL {
            // A traversal by `next` keeps its position there.
            (*closing).payload = first_cursor((*a.add(2)).tag == tag::NIL);
        } else {
            save(vm, pc, base);
            if let Err(e) = close::register_tbc(&mut *vm, closing) {
                return raise::raise(vm, e);
            }
        }
        next(vm, pc.offset(jump(i)), base)
    }
}

handler! {
    tfor_call(pc, base, vm, i, k) {
        let a = ra(base, i);
        if (*a).tag == tag::NATIVE && (*a.add(1)).tag == tag::TABLE {
            let t = (*a.add(1)).as_table();
            match (*(*a).as_native()).nkind {
                NativeKind::Next if (*a.add(3)).tag == tag::NIL && (*a.add(3)).payload != NO_CURSOR => {
                    return tfor_next(pc, base, vm, i, k);
                }
                NativeKind::IpairsIter if (*a.add(2)).tag == tag::INT => {
                    let n = (*a.add(2)).as_int().wrapping_add(1);
                    let at = (n as u64).wrapping_sub(1);
                    if at >= u64::from((*t).arr_len) {
                        return tfor_slow(pc, base, vm, i, k);
                    }
                    let v = table::element(t, at as usize);
                    if v.tag != tag::NIL {
                        put(a.add(4), Value::int(n));
                        put(a.add(5), v);
                        if (i >> 24) as u8 > 2 {
                            return tfor_pad(pc, base, vm, i, k);
                        }
                        return dispatch(pc, base, vm, k);
                    }
                }
                _ => {}
            }
        }
        tfor_slow(pc, base, vm, i, k)
    }
}

slow_handler! {
    /// Traversal by `next`, with the position in the closing-value slot.
    tfor_next(pc, base, vm, i, k) {
        tfor_builtin(base, i);
        next(vm, pc, base)
    }
}

slow_handler! {
    /// Fills the variables beyond the second with nil.
    tfor_pad(pc, base, vm, i, k) {
        for j in 2..(i >> 24) as u8 as usize {
            put(ra(base, i).add(4 + j), NIL);
        }
        next(vm, pc, base)
    }
}

slow_handler! {
    /// Calls the iterator.
    tfor_slow(pc, base, vm, i, k) {
        call_iterator(pc, base, vm, i, 0)
    }
}

slow_handler! {
    /// Any iterator but the builtin ones, for compiled code.
    #[allow(dead_code, reason = "only compiled code runs it, as a step")]
    tfor_compiled(pc, base, vm, i, k) {
        call_iterator(pc, base, vm, i, NATIVE_BIT)
    }
}

/// A step of a traversal by `next` or by the iterator of `ipairs`, if it is
/// one that needs neither metamethods nor errors.
#[inline(always)]
pub(super) unsafe fn tfor_builtin(base: *mut Value, i: u64) -> bool {
    // SAFETY: as for handlers.
    unsafe {
        let a = ra(base, i);
        if (*a).tag != tag::NATIVE || (*a.add(1)).tag != tag::TABLE {
            return false;
        }
        let t = (*a.add(1)).as_table();
        let (key, v) = match (*(*a).as_native()).nkind {
            NativeKind::Next if (*a.add(3)).tag == tag::NIL => {
                let cursor = (*a.add(3)).payload;
                if cursor == NO_CURSOR {
                    return false;
                }
                match table::next_at(t, cursor) {
                    Some((cursor, key, v)) => {
                        (*a.add(3)).payload = cursor;
                        (key, v)
                    }
                    None => (NIL, NIL),
                }
            }
            NativeKind::IpairsIter if (*a.add(2)).tag == tag::INT => {
                let n = (*a.add(2)).as_int().wrapping_add(1);
                let at = (n as u64).wrapping_sub(1);
                if at >= u64::from((*t).arr_len) {
                    return false;
                }
                let v = table::element(t, at as usize);
                if v.tag == tag::NIL {
                    return false;
                }
                (Value::int(n), v)
            }
            _ => return false,
        };
        put(a.add(4), key);
        put(a.add(5), v);
        for j in 2..(i >> 24) as u8 as usize {
            put(a.add(4 + j), NIL);
        }
        true
    }
}

/// Calls the iterator of a generic loop; `native` goes into the link.
unsafe fn call_iterator(
    pc: *const Insn,
    base: *mut Value,
    vm: *mut Vm,
    i: u64,
    native: u64,
) -> usize {
    // SAFETY: as for handlers.
    unsafe {
        save(vm, pc, base);
        let new = lay_out_iterator(pc, base, i, native);
        call::enter(vm, new, 2)
    }
}

/// Lays out the frame of the iterator of the `tforcall` before `pc`, with its
/// two arguments; `native` goes into the link.
#[inline(always)]
pub(super) unsafe fn lay_out_iterator(
    pc: *const Insn,
    base: *mut Value,
    i: u64,
    native: u64,
) -> *mut Value {
    // SAFETY: as for handlers.
    unsafe {
        let a = ra(base, i);
        let f = a.add(4);
        copy(f, a);
        let new = f.add(2);
        copy(new, a.add(1));
        copy(new.add(1), a.add(2));
        let delta = (i >> 8) as u8 as u32 + 6;
        let link = link_word(LUA, (i >> 24) as u8 as u16 + 1, delta);
        write_link(new, link | native, pc);
        new
    }
}

/// One step of a generic loop: whether it goes on.
#[inline(always)]
unsafe fn tfor_step(base: *mut Value, i: u64) -> bool {
    // SAFETY: as for handlers.
    unsafe {
        let a = ra(base, i);
        if (*a.add(4)).tag == tag::NIL {
            return false;
        }
        copy(a.add(2), a.add(4));
        true
    }
}

handler! {
    tfor_loop(pc, base, vm, i, k) {
        if polls(vm) {
            return poll_loop(pc, base, vm, i, k);
        }
        if tfor_step(base, i) {
            return back_edge!(pc, base, vm, i, k);
        }
        dispatch(pc, base, vm, k)
    }
}
