//! Hooks, instruction limits and counting for statistics: while one of
//! them is on, every entry of the dispatch table is [`instrumented`], which
//! counts, calls hooks and then runs the opcode's own handler. While all are
//! off they cost nothing.

use super::*;
use crate::stress::states;
use strata_runtime::error::Limit;
use strata_runtime::frame::{Link, read_link};
use strata_runtime::native::cont;
use strata_runtime::thread::SLACK;
use strata_runtime::value::tag;
use strata_spec::Op;

/// Hook events, as `debug.sethook` numbers them.
pub(super) mod event {
    pub const CALL: u8 = 1;
    pub const RETURN: u8 = 2;
    pub const LINE: u8 = 4;
    pub const COUNT: u8 = 8;
}

/// Status of [`before`]: run the instruction now.
const EXECUTE: usize = 16;

/// Switches instrumented execution on or off, as hooks and budgets need.
pub(crate) fn instrument(vm: &mut Vm) {
    // SAFETY: `cur` is the live running thread.
    let mask = unsafe { (*vm.cur).hook.mask };
    vm.hooked = mask & (event::CALL | event::RETURN) != 0;
    data(vm).last_hooked = (usize::MAX, 0);
    vm.interpret_only = mask != 0;
    if vm.limits.limited && !vm.charges {
        vm.charges = true;
        crate::jit::charging(vm);
    }
    vm.native_epoch = vm.native_epoch.wrapping_add(1);
    if vm.interpret_only
        || vm.limits.limited
        || data(vm).jit.counts.is_some()
        || states::watches(vm)
    {
        vm.dispatch.fill(instrumented as *const ());
    } else {
        install(vm);
    }
}

/// Runs what comes before an instruction, then the instruction.
unsafe extern "C" fn instrumented(
    pc: *const Insn,
    base: *mut Value,
    vm: *mut Vm,
    i: u64,
    k: *const Value,
) -> usize {
    // SAFETY: as for handlers.
    unsafe {
        let status = before(pc, base, vm, i, k);
        if status == EXECUTE {
            // The stack may have moved.
            let base = (*vm).base;
            return handlers::TABLE[(i & 255) as usize](pc, base, vm, i, k);
        }
        proceed(vm, status)
    }
}

#[inline(never)]
unsafe fn before(pc: *const Insn, base: *mut Value, vm: *mut Vm, i: u64, k: *const Value) -> usize {
    // SAFETY: as for handlers.
    unsafe {
        save(vm, pc, base);
        let machine = &mut *vm;
        if let Some(counts) = &mut data(machine).jit.counts {
            counts.interpreted += 1;
        }
        if data(machine).states.is_some() {
            states::visit(machine);
        }
        if !machine.limits.charge_instructions(1) {
            return raise::raise(vm, Error::limit(Limit::Instructions));
        }
        let hook = &mut (*machine.cur).hook;
        if hook.mask == 0 || hook.inside {
            return EXECUTE;
        }
        match events(machine, pc, base, i, k) {
            Ok(()) => EXECUTE,
            Err(e) => raise::raise(vm, e),
        }
    }
}

/// Calls the hook for the events of the instruction before `pc`.
unsafe fn events(
    vm: &mut Vm,
    pc: *const Insn,
    base: *mut Value,
    i: u64,
    k: *const Value,
) -> Result<()> {
    // SAFETY: as for handlers.
    unsafe {
        let proto = strata_runtime::proto::proto_of(k);
        let at = slot_index(vm, base);
        let index = (pc as usize - (*proto).code as usize) as u32 / 8 - 1;
        let (last_at, last_pc) = data(vm).last_hooked;
        let last_was_back_edge = last_at == at
            && last_pc < (*proto).code_len
            && (*(*proto).code.add(last_pc as usize))
                .op()
                .is_some_and(Op::is_back_edge);
        // A vararg function has begun once its frame is moved.
        let entry = u32::from((*proto).vararg);
        let entered = index == entry && !(last_was_back_edge && last_pc >= entry);
        let same_frame = last_at == at && !entered;
        data(vm).last_hooked = (at, index);
        let cur = vm.cur;
        let mask = (*cur).hook.mask;
        if mask & event::CALL != 0 && entered {
            let link = read_link(strata_runtime::frame::original_base(base));
            let params = i64::from((*proto).params);
            call_hook(
                vm,
                if link.tail { b"tail call" } else { b"call" },
                None,
                (1, params),
            )?;
        }
        // A hook may set or lift hooks.
        let mask = (*cur).hook.mask;
        if mask & event::COUNT != 0 {
            let hook = &mut (*cur).hook;
            hook.left = hook.left.saturating_sub(1);
            if hook.left == 0 {
                hook.left = hook.count.max(1);
                call_hook(vm, b"count", None, (0, 0))?;
            }
        }
        let mask = (*cur).hook.mask;
        if mask & event::LINE != 0 && !((*proto).vararg && index == 0) {
            let spec = (*proto).spec();
            let line = spec.pos(index).line;
            let from = if same_frame {
                last_pc
            } else {
                index.saturating_sub(1)
            };
            let new_line = entered || (same_frame && index <= from) || spec.pos(from).line != line;
            if new_line && line != 0 {
                call_hook(vm, b"line", Some(line), (0, 0))?;
            } else if new_line && spec.positions.is_empty() {
                call_hook(vm, b"line", None, (0, 0))?;
            }
        }
        let is_return = match Insn(i).op() {
            Some(Op::Return | Op::Return0 | Op::Return1) => true,
            // It runs again after each variable it closes: the last time counts.
            Some(Op::ReturnClose) => (*cur).tbc.last().is_none_or(|slot| (*slot as usize) < at),
            _ => false,
        };
        if mask & event::RETURN != 0 && is_return {
            let base = vm.base;
            let (first, n) = ret::results(vm, base, i);
            let first = (first as usize - base as usize) / size_of::<Value>() + 1;
            call_hook(vm, b"return", None, (first as i64, n as i64))?;
        }
        Ok(())
    }
}

/// Calls the running thread's hook function.
unsafe fn call_hook(
    vm: &mut Vm,
    what: &[u8],
    line: Option<u32>,
    transfer: (i64, i64),
) -> Result<()> {
    // SAFETY: `vm.base` is the innermost frame; the slots above its end (and
    // above pending results) are free.
    unsafe {
        let thread = vm.cur;
        let (top, base, pc) = (slot_index(vm, vm.top), slot_index(vm, vm.base), vm.pc);
        let f = (*thread).hook.func;
        if !f.is_function() {
            return Ok(());
        }
        let is_lua = (*vm.base.sub(2)).tag == tag::CLOSURE;
        let end = if is_lua {
            slot_index(vm, frame_end(vm.base))
        } else {
            base
        };
        let at = top.max(end);
        vm.top = vm.stack.add(at);
        vm.grow_stack(SLACK)?;
        let what = vm.heap.str(what);
        let slot = vm.stack.add(at);
        put(slot, f);
        put(slot.add(2), Value::str(what));
        put(
            slot.add(3),
            line.map_or(strata_runtime::value::NIL, |l| Value::int(i64::from(l))),
        );
        (*thread).hook.inside = true;
        (*thread).hook.transfer = (transfer.0 as u32, transfer.1 as u32);
        (*thread).hook.at = base;
        let outcome = call_host_as(vm, base, at, 2, cont::HOOK);
        (*thread).hook.inside = false;
        (*thread).hook.transfer = (0, 0);
        vm.top = vm.stack.add(top);
        vm.base = vm.stack.add(base);
        vm.pc = pc;
        outcome.map(drop)
    }
}

/// The call hook for the host function at `vm.base`.
pub(super) fn native_call_hook(vm: &mut Vm) -> Result<()> {
    // SAFETY: `cur` is live; `vm.base` is the host function's frame.
    unsafe {
        let hook = &(*vm.cur).hook;
        if hook.mask & event::CALL == 0 || hook.inside {
            return Ok(());
        }
        let n = (vm.top as usize - vm.base as usize) / size_of::<Value>();
        call_hook(vm, b"call", None, (1, n as i64))
    }
}

/// The return hook for the host function `f` at `vm.base`, whose `n` results
/// start at its function slot and whose link, perhaps overwritten by them,
/// was `link`.
pub(super) fn native_return_hook(vm: &mut Vm, f: Value, link: Link, n: usize) -> Result<()> {
    // SAFETY: as for `native_call_hook`. The results are moved aside while
    // the hook runs, so that it sees a frame with function and link.
    unsafe {
        let hook = &(*vm.cur).hook;
        if hook.mask & event::RETURN == 0 || hook.inside {
            return Ok(());
        }
        let base = slot_index(vm, vm.base);
        vm.top = vm.base;
        vm.grow_stack(n + SLACK)?;
        let fb = vm.stack.add(base);
        let results = std::slice::from_raw_parts(fb.sub(2), n).to_vec();
        std::ptr::copy(fb.sub(2), fb, n);
        put(fb.sub(2), f);
        let tail = if link.tail {
            strata_runtime::frame::TAIL_BIT
        } else {
            0
        };
        write_link(
            fb,
            link_word(link.kind, link.cont, link.delta) | tail,
            link.pc,
        );
        vm.top = fb.add(n);
        let outcome = call_hook(vm, b"return", None, (1, n as i64));
        let fb = vm.stack.add(base);
        std::ptr::copy(results.as_ptr(), fb.sub(2), n);
        outcome
    }
}
