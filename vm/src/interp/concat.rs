//! Concatenation and length.

use super::*;
use strata_runtime::metatable::Event;
use strata_runtime::metatable::metamethod;
use strata_runtime::native::cont;
use strata_runtime::ops::concat::{is_plain, join};
use strata_runtime::ops::meta::{binary_handler, concat_error, type_op_error};
use strata_runtime::table;
use strata_runtime::value::tag;

handler! {
    len(pc, base, vm, i, k) {
        let b = rb(base, i);
        if (*b).tag == tag::STR {
            put(ra(base, i), Value::int((*(*b).as_str()).len as i64));
            return dispatch(pc, base, vm, k);
        }
        if (*b).tag == tag::TABLE {
            let t = (*b).as_table();
            if (*(*t).shape).meta.is_null() {
                put(ra(base, i), Value::int(table::len(t)));
                return dispatch(pc, base, vm, k);
            }
        }
        len_slow(pc, base, vm, i, k)
    }
}

slow_handler! {
    len_slow(pc, base, vm, i, k) {
        let v = *rb(base, i);
        save(vm, pc, base);
        let h = metamethod(&mut *vm, v, Event::Len);
        if !h.is_nil() {
            return call::call_meta(vm, h, &[v, v], cont::STORE_A);
        }
        if v.is_table() {
            put(ra(base, i), Value::int(table::len(v.as_table())));
            return next(vm, pc, base);
        }
        let name = arith::operand_name(&*vm, Insn(i).b());
        let e = type_op_error(&mut *vm, "get length of", v, &name);
        raise::raise(vm, e)
    }
}

slow_handler! {
    concat(pc, base, vm, i, k) {
        let (b, c) = ((i >> 16) as u8 as usize, (i >> 24) as u8 as usize);
        save(vm, pc, base);
        join_operands(vm, c - b + 1)
    }
}

/// A `__concat` handler returned `value` for the last two of `left` operands
/// of the concatenation before `vm.pc`.
pub(super) unsafe fn go_on(vm: *mut Vm, left: usize, value: Value) -> usize {
    // SAFETY: `vm.base` is the Lua frame that concatenates; `left` was
    // written by `join_operands`.
    unsafe {
        let i = (*(*vm).pc.sub(1)).0;
        put(rb((*vm).base, i).add(left - 2), value);
        join_operands(vm, left - 1)
    }
}

/// Concatenates the first `left` operand registers of the instruction before
/// `vm.pc`, from the right.
unsafe fn join_operands(vm: *mut Vm, mut left: usize) -> usize {
    // SAFETY: `vm.base` and `vm.pc` are those of a Lua frame at a concat;
    // operands are registers B .. B+left-1.
    unsafe {
        let base = (*vm).base;
        let i = (*(*vm).pc.sub(1)).0;
        let first = rb(base, i);
        while left > 1 {
            let machine = &mut *vm;
            let (x, y) = (*first.add(left - 2), *first.add(left - 1));
            if !is_plain(x) || !is_plain(y) {
                if let Some(h) = binary_handler(machine, x, y, Event::Concat) {
                    // The count stands below the handler's function slot.
                    let at = frame_end(base);
                    put(at, Value::int(left as i64));
                    return call::call_meta_at(vm, at.add(1), h, &[x, y], cont::CONCAT);
                }
                let culprit = if is_plain(x) { left - 1 } else { left - 2 };
                let name = arith::operand_name(machine, Insn(i).b().wrapping_add(culprit as u8));
                let e = concat_error(machine, x, y, &name);
                return raise::raise(vm, e);
            }
            // As many operands as are strings or numbers, in one go.
            let mut n = 2;
            while n < left && is_plain(*first.add(left - n - 1)) {
                n += 1;
            }
            let operands = std::slice::from_raw_parts_mut(first.add(left - n), n);
            match join(machine, operands) {
                Ok(v) => put(first.add(left - n), v),
                Err(e) => return raise::raise(vm, e),
            }
            left = left - n + 1;
        }
        copy(ra(base, i), first);
        native::again(vm, (*vm).pc, base)
    }
}
