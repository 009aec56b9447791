//! Calls off the hot path that leave machine registers alone.
//!
//! Under the platform's convention a call may overwrite most registers, all
//! that hold floats among them. A poll or a write barrier that is hardly ever
//! made would have the values of a whole loop spilled for it. So cold blocks
//! call helpers by way of a *trampoline* that saves every register: a function
//! of Cranelift's convention `preserve_all`. That knows no results; the
//! helper's answer comes back in `vm.native_answer`. Helpers go by numbers,
//! which are shorter than addresses.

use super::layout::VM_NATIVE_ANSWER;
use super::lower::{Lower, MEM};
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, Signature, Value, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Arguments of a helper, the VM first.
pub(super) const ARGS: usize = 3;

/// Most helpers that are called by the trampoline.
const MOST: usize = 64;

/// Addresses of helpers by number, to which the trampoline refers.
pub(super) struct Table {
    addresses: Box<[usize; MOST]>,
    len: usize,
}

impl Default for Table {
    fn default() -> Table {
        Table {
            addresses: Box::new([0; MOST]),
            len: 0,
        }
    }
}

impl Table {
    /// The number of the helper at this address; `None` if there are too many.
    fn number(&mut self, address: usize) -> Option<usize> {
        let known = self.addresses[..self.len]
            .iter()
            .position(|f| *f == address);
        if known.is_some() {
            return known;
        }
        *self.addresses.get_mut(self.len)? = address;
        self.len += 1;
        Some(self.len - 1)
    }
}

/// A trampoline's signature: so many arguments of the helper, the VM first, and
/// what says which helper it is.
pub(crate) fn signature(args: usize) -> Signature {
    let mut s = Signature::new(CallConv::PreserveAll);
    s.params
        .extend(std::iter::repeat_n(AbiParam::new(types::I64), args + 1));
    s
}

/// Builds the trampoline.
pub(super) fn build(
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
    table: &Table,
) {
    build_with(func, context, isa, ARGS, |b, number| {
        let first = table.addresses.as_ptr() as i64;
        let first = b.ins().iconst(types::I64, first);
        let offset = b.ins().ishl_imm_s(number, 3);
        let at = b.ins().iadd(first, offset);
        b.ins().load(types::I64, MEM, at, 0)
    });
}

/// Builds a trampoline for helpers of so many arguments. `find` makes their
/// address from what the call passes after them.
pub(crate) fn build_with(
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
    args: usize,
    find: impl FnOnce(&mut FunctionBuilder<'_>, Value) -> Value,
) {
    func.signature = signature(args);
    let mut b = FunctionBuilder::new(func, context);
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let params = b.block_params(block).to_vec();
    let mut helper = Signature::new(isa.default_call_conv());
    helper
        .params
        .extend(std::iter::repeat_n(AbiParam::new(types::I64), args));
    helper.returns.push(AbiParam::new(types::I64));
    let helper = b.import_signature(helper);
    let f = find(&mut b, params[args]);
    let call = b.ins().call_indirect(helper, f, &params[..args]);
    let answer = b.inst_results(call)[0];
    b.ins().store(MEM, answer, params[0], VM_NATIVE_ANSWER);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}

impl Lower<'_> {
    /// Calls a helper whose first argument is the VM: on the hot path as
    /// usual, in a cold block by the trampoline.
    pub(super) fn call_aside(&mut self, f: usize, args: &[Value]) -> Value {
        let cold = self
            .b
            .current_block()
            .is_some_and(|block| self.b.func.layout.is_cold(block));
        if !cold || args.len() != ARGS || args.first() != Some(&self.vm) {
            return self.call(f, args);
        }
        let Some(number) = self.around.asides.number(f) else {
            return self.call(f, args);
        };
        let mut all = self.arguments_of_call(args);
        all.push(self.int(number as i64));
        let trampoline = self.int(self.around.trampoline as i64);
        self.b.ins().call_indirect(self.aside_sig, trampoline, &all);
        self.load(types::I64, self.vm, VM_NATIVE_ANSWER)
    }
}
