//! The handler table, and the handlers of moves, constants and upvalues.

use super::*;
use strata_runtime::object::{Closure, color};
use strata_runtime::value::{NIL, tag};
use strata_spec::op::OP_COUNT;

handler! {
    nop(pc, base, vm, i, k) { dispatch(pc, base, vm, k) }
}

handler! {
    mov(pc, base, vm, i, k) {
        copy(ra(base, i), rb(base, i));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_nil(pc, base, vm, i, k) {
        let first = ra(base, i);
        let mut n = (i >> 16) as u8 as usize;
        loop {
            put(first.add(n), NIL);
            if n == 0 { break; }
            n -= 1;
        }
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_false(pc, base, vm, i, k) {
        put(ra(base, i), Value::bool(false));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_true(pc, base, vm, i, k) {
        put(ra(base, i), Value::bool(true));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_i(pc, base, vm, i, k) {
        put(ra(base, i), Value::int(i64::from((i >> 16) as i16)));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_f(pc, base, vm, i, k) {
        put(ra(base, i), Value::float(f64::from((i >> 16) as i16)));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    load_k(pc, base, vm, i, k) {
        copy(ra(base, i), k.add((i >> 40) as usize));
        dispatch(pc, base, vm, k)
    }
}

handler! {
    get_upval(pc, base, vm, i, k) {
        let up = Closure::upval((*base.sub(2)).as_closure(), (i >> 16) as u8 as usize);
        copy(ra(base, i), (*up).v);
        dispatch(pc, base, vm, k)
    }
}

handler! {
    set_upval(pc, base, vm, i, k) {
        let up = Closure::upval((*base.sub(2)).as_closure(), (i >> 16) as u8 as usize);
        copy((*up).v, ra(base, i));
        if (*up).hdr.mark == color::BLACK {
            return barrier(pc, base, vm, up as u64, k);
        }
        dispatch(pc, base, vm, k)
    }
}

slow_handler! {
    /// The write barrier for the object whose address stands in for the
    /// instruction; then the next instruction.
    #[cold]
    barrier(pc, base, vm, object, k) {
        (*vm).heap.barrier(object as *mut strata_runtime::object::GcHeader);
        next(vm, pc, base)
    }
}

slow_handler! {
    /// Like [`barrier`], for a table whose array part was given
    /// `heap.stored`: a big one need not be scanned again as a whole.
    #[cold]
    barrier_stored(pc, base, vm, object, k) {
        (*vm).heap.barrier_stored(object as *mut strata_runtime::object::GcHeader);
        next(vm, pc, base)
    }
}

handler! {
    not(pc, base, vm, i, k) {
        let falsy = (*rb(base, i)).tag < tag::TRUE;
        put(ra(base, i), Value::bool(falsy));
        dispatch(pc, base, vm, k)
    }
}

slow_handler! {
    /// Bytes that are no opcode: a verified module has none.
    #[cold]
    invalid(pc, base, vm, i, k) {
        save(vm, pc, base);
        let e = (*vm).error_at(0, b"invalid opcode (unverified bytecode)");
        raise::raise(vm, e)
    }
}

/// Handlers by opcode.
pub(super) static TABLE: [Handler; 256] = {
    let mut t: [Handler; 256] = [invalid; 256];
    let ops = LISTED;
    let mut n = 0;
    while n < OP_COUNT {
        t[n] = ops[n];
        n += 1;
    }
    t
};

/// Handlers in the order of the opcode list; the length check keeps the two
/// in step, `tests::order` the order.
static LISTED: [Handler; OP_COUNT] = [
    nop,
    mov,
    load_nil,
    load_false,
    load_true,
    load_i,
    load_f,
    load_k,
    get_upval,
    set_upval,
    fields::get_tab_up,
    fields::set_tab_up,
    fields::get_field,
    fields::set_field,
    fields::self_field,
    index::get_index,
    index::set_index,
    index::get_index_i,
    index::set_index_i,
    index::new_table,
    index::set_list,
    arith::add,
    arith::sub,
    arith::mul,
    arith::div,
    arith::idiv,
    arith::modulo,
    arith::pow,
    arith::band,
    arith::bor,
    arith::bxor,
    arith::shl,
    arith::shr,
    arith::add_i,
    arith::add_k,
    arith::sub_k,
    arith::mul_k,
    arith::div_k,
    arith::idiv_k,
    arith::modulo_k,
    arith::pow_k,
    arith::band_k,
    arith::bor_k,
    arith::bxor_k,
    arith::shl_k,
    arith::shr_k,
    arith::unm,
    arith::bnot,
    not,
    concat::len,
    concat::concat,
    jumps::jmp,
    loops::back,
    jumps::j_true,
    jumps::j_false,
    jumps::j_true_set,
    jumps::j_false_set,
    jumps::j_nil,
    jumps::j_not_nil,
    jumps::j_eq,
    jumps::j_ne,
    jumps::j_lt,
    jumps::j_not_lt,
    jumps::j_le,
    jumps::j_not_le,
    jumps::j_eq_k,
    jumps::j_ne_k,
    jumps::j_eq_i,
    jumps::j_ne_i,
    jumps::j_lt_i,
    jumps::j_not_lt_i,
    jumps::j_le_i,
    jumps::j_not_le_i,
    jumps::j_gt_i,
    jumps::j_not_gt_i,
    jumps::j_ge_i,
    jumps::j_not_ge_i,
    loops::for_prep,
    loops::for_loop,
    loops::tfor_prep,
    loops::tfor_call,
    loops::tfor_loop,
    call::call,
    call::tail_call,
    ret::ret_n,
    ret::ret_0,
    ret::ret_1,
    close::ret_close,
    call::vararg_prep,
    call::vararg,
    close::closure,
    close::close,
    close::tbc,
];
