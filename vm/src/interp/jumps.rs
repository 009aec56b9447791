//! Jumps and compare-and-branch instructions.

use super::arith::{SEEN_FELL, SEEN_FLOAT, SEEN_INT, SEEN_JUMPED, SEEN_MIXED, SEEN_OTHER, note};
use super::*;
use strata_runtime::metatable::Event;
use strata_runtime::native::cont;
use strata_runtime::ops::compare::{raw_le, raw_lt};
use strata_runtime::ops::meta::{binary_handler, compare_error, eq_handler};
use strata_runtime::value::tag;
use strata_spec::Op;

handler! {
    jmp(pc, base, vm, i, k) { dispatch(pc.offset(jump(i)), base, vm, k) }
}

macro_rules! branch {
    ($cond:expr, $pc:ident, $base:ident, $vm:ident, $i:ident, $k:ident) => {
        if $cond {
            note($pc, $i, SEEN_JUMPED);
            dispatch($pc.offset(jump($i)), $base, $vm, $k)
        } else {
            note($pc, $i, SEEN_FELL);
            dispatch($pc, $base, $vm, $k)
        }
    };
}

/// In a slow handler: takes the branch or not.
macro_rules! slow_branch {
    ($cond:expr, $pc:ident, $base:ident, $vm:ident, $i:ident) => {
        if $cond {
            note($pc, $i, SEEN_JUMPED);
            next($vm, $pc.offset(jump($i)), $base)
        } else {
            note($pc, $i, SEEN_FELL);
            next($vm, $pc, $base)
        }
    };
}

macro_rules! test {
    ($name:ident, $v:ident => $cond:expr) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let $v = (*ra(base, i)).tag;
                branch!($cond, pc, base, vm, i, k)
            }
        }
    };
}
test!(j_true, t => t >= tag::TRUE);
test!(j_false, t => t < tag::TRUE);
test!(j_nil, t => t == tag::NIL);
test!(j_not_nil, t => t != tag::NIL);

handler! {
    j_true_set(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag >= tag::TRUE {
            copy(ra(base, i), b);
            note(pc, i, SEEN_JUMPED);
            return dispatch(pc.offset(jump(i)), base, vm, k);
        }
        note(pc, i, SEEN_FELL);
        dispatch(pc, base, vm, k)
    }
}

handler! {
    j_false_set(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag < tag::TRUE {
            copy(ra(base, i), b);
            note(pc, i, SEEN_JUMPED);
            return dispatch(pc.offset(jump(i)), base, vm, k);
        }
        note(pc, i, SEEN_FELL);
        dispatch(pc, base, vm, k)
    }
}

macro_rules! equal {
    ($name:ident, $want:literal) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let (a, b) = (ra(base, i), rb(base, i));
                if (*a).tag == (*b).tag {
                    match (*a).tag {
                        tag::INT => {
                            note(pc, i, SEEN_INT);
                            return branch!(((*a).payload == (*b).payload) == $want, pc, base, vm, i, k);
                        }
                        tag::FLOAT => {
                            note(pc, i, SEEN_FLOAT);
                            return branch!(((*a).as_float() == (*b).as_float()) == $want, pc, base, vm, i, k);
                        }
                        tag::NIL | tag::FALSE | tag::TRUE => {
                            return branch!($want, pc, base, vm, i, k);
                        }
                        _ if (*a).payload == (*b).payload => {
                            return branch!($want, pc, base, vm, i, k);
                        }
                        _ => {}
                    }
                }
                equal_slow(pc, base, vm, i, k)
            }
        }
    };
}
equal!(j_eq, true);
equal!(j_ne, false);

/// What to note of a comparison of registers with these tags: two of one kind
/// of number, or `other`. The handlers' fast paths have not seen them, but
/// compiled code comes here with what it was not compiled for.
fn compared(a: u8, b: u8, other: u64) -> u64 {
    match (a, b) {
        (tag::INT, tag::INT) => SEEN_INT,
        (tag::FLOAT, tag::FLOAT) => SEEN_FLOAT,
        _ => other,
    }
}

slow_handler! {
    equal_slow(pc, base, vm, i, k) {
        let (a, b) = (*ra(base, i), *rb(base, i));
        let want = i as u8 == Op::JEq as u8;
        note(pc, i, compared(a.tag, b.tag, SEEN_OTHER));
        if a.tag == b.tag && matches!(a.tag, tag::TABLE | tag::USERDATA) {
            save(vm, pc, base);
            if let Some(h) = eq_handler(&mut *vm, a, b) {
                return call::call_meta(vm, h, &[a, b], cont::COND);
            }
        }
        slow_branch!(a.raw_eq(b) == want, pc, base, vm, i)
    }
}

macro_rules! equal_k {
    ($name:ident, $want:literal) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let a = ra(base, i);
                let c = k.add((i >> 16) as u16 as usize);
                if (*a).tag == (*c).tag && (*a).tag != tag::FLOAT && (*a).payload == (*c).payload {
                    return branch!($want, pc, base, vm, i, k);
                }
                equal_k_slow(pc, base, vm, i, k)
            }
        }
    };
}
equal_k!(j_eq_k, true);
equal_k!(j_ne_k, false);

slow_handler! {
    equal_k_slow(pc, base, vm, i, k) {
        let c = *k.add((i >> 16) as u16 as usize);
        let want = i as u8 == Op::JEqK as u8;
        slow_branch!((*ra(base, i)).raw_eq(c) == want, pc, base, vm, i)
    }
}

macro_rules! order {
    ($name:ident, $op:tt, $want:literal) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let (a, b) = (ra(base, i), rb(base, i));
                if (*a).tag == tag::INT && (*b).tag == tag::INT {
                    note(pc, i, SEEN_INT);
                    return branch!(((*a).as_int() $op (*b).as_int()) == $want, pc, base, vm, i, k);
                }
                if (*a).tag == tag::FLOAT && (*b).tag == tag::FLOAT {
                    note(pc, i, SEEN_FLOAT);
                    return branch!(((*a).as_float() $op (*b).as_float()) == $want, pc, base, vm, i, k);
                }
                order_slow(pc, base, vm, i, k)
            }
        }
    };
}
order!(j_lt, <, true);
order!(j_not_lt, <, false);
order!(j_le, <=, true);
order!(j_not_le, <=, false);

macro_rules! order_i {
    ($name:ident, $op:tt, $want:literal) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let a = ra(base, i);
                let d = (i >> 16) as i16;
                if (*a).tag == tag::INT {
                    note(pc, i, SEEN_INT);
                    return branch!(((*a).as_int() $op i64::from(d)) == $want, pc, base, vm, i, k);
                }
                if (*a).tag == tag::FLOAT {
                    note(pc, i, SEEN_FLOAT);
                    return branch!(((*a).as_float() $op f64::from(d)) == $want, pc, base, vm, i, k);
                }
                order_slow(pc, base, vm, i, k)
            }
        }
    };
}
order_i!(j_lt_i, <, true);
order_i!(j_not_lt_i, <, false);
order_i!(j_le_i, <=, true);
order_i!(j_not_le_i, <=, false);
order_i!(j_gt_i, >, true);
order_i!(j_not_gt_i, >, false);
order_i!(j_ge_i, >=, true);
order_i!(j_not_ge_i, >=, false);

macro_rules! equal_i {
    ($name:ident, $want:literal) => {
        handler! {
            $name(pc, base, vm, i, k) {
                let a = ra(base, i);
                let d = (i >> 16) as i16;
                let eq = match (*a).tag {
                    tag::INT => (*a).as_int() == i64::from(d),
                    tag::FLOAT => (*a).as_float() == f64::from(d),
                    _ => false,
                };
                branch!(eq == $want, pc, base, vm, i, k)
            }
        }
    };
}
equal_i!(j_eq_i, true);
equal_i!(j_ne_i, false);

/// What an order instruction compares: is it `<=`, does it jump when the
/// comparison holds, and the operands in the order of the comparison.
unsafe fn order_operands(base: *mut Value, i: u64) -> (bool, bool, Value, Value) {
    // SAFETY: as for handlers.
    unsafe {
        let (a, b) = (*ra(base, i), *rb(base, i));
        let d = Value::int(i64::from((i >> 16) as i16));
        match Op::from_u8(i as u8) {
            Some(Op::JLt) => (false, true, a, b),
            Some(Op::JNotLt) => (false, false, a, b),
            Some(Op::JLe) => (true, true, a, b),
            Some(Op::JNotLe) => (true, false, a, b),
            Some(Op::JLtI) => (false, true, a, d),
            Some(Op::JNotLtI) => (false, false, a, d),
            Some(Op::JLeI) => (true, true, a, d),
            Some(Op::JNotLeI) => (true, false, a, d),
            Some(Op::JGtI) => (false, true, d, a),
            Some(Op::JNotGtI) => (false, false, d, a),
            Some(Op::JGeI) => (true, true, d, a),
            _ => (true, false, d, a),
        }
    }
}

slow_handler! {
    /// Mixed subtypes, strings, metamethods, errors.
    #[cold]
    order_slow(pc, base, vm, i, k) {
        let (or_equal, want, x, y) = order_operands(base, i);
        let a = (*ra(base, i)).tag;
        let immediate = !matches!(Op::from_u8(i as u8), Some(Op::JLt | Op::JNotLt | Op::JLe | Op::JNotLe));
        let b = if immediate { a } else { (*rb(base, i)).tag };
        let numbers = x.is_number() && y.is_number();
        note(pc, i, compared(a, b, if numbers { SEEN_MIXED } else { SEEN_OTHER }));
        save(vm, pc, base);
        let machine = &mut *vm;
        let raw = if or_equal { raw_le(machine, x, y) } else { raw_lt(machine, x, y) };
        if let Some(r) = raw {
            return slow_branch!(r == want, pc, base, vm, i);
        }
        let event = if or_equal { Event::Le } else { Event::Lt };
        if let Some(h) = binary_handler(machine, x, y, event) {
            return call::call_meta(vm, h, &[x, y], cont::COND);
        }
        let e = compare_error(machine, x, y);
        raise::raise(vm, e)
    }
}

/// Whether the compare-and-branch instruction `i` jumps when its metamethod
/// answered `truth`.
pub(super) fn jumps_when(i: Insn, truth: bool) -> bool {
    let positive = matches!(
        i.op(),
        Some(Op::JEq | Op::JLt | Op::JLe | Op::JLtI | Op::JLeI | Op::JGtI | Op::JGeI)
    );
    truth == positive
}
