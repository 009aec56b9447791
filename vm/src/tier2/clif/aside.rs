//! Calls off the hot path that leave machine registers alone.
//!
//! As tier 1 does it (`crate::tier1::aside`), with a trampoline that takes the
//! address of the helper, and one argument more: code that isn't made on the
//! VM's thread knows no numbers of helpers.

use crate::tier1::layout::VM_NATIVE_ANSWER;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

/// Most arguments of a helper, the VM first.
pub(super) const ARGS: usize = 4;

/// The trampoline's signature: the helper's arguments and its address.
pub(super) fn signature() -> Signature {
    let mut s = Signature::new(CallConv::PreserveAll);
    s.params.extend([AbiParam::new(types::I64); ARGS + 1]);
    s
}

/// Builds the trampoline.
pub(super) fn build(
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) {
    func.signature = signature();
    let mut b = FunctionBuilder::new(func, context);
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let params = b.block_params(block).to_vec();
    let mut helper = Signature::new(isa.default_call_conv());
    helper.params.extend([AbiParam::new(types::I64); ARGS]);
    helper.returns.push(AbiParam::new(types::I64));
    let helper = b.import_signature(helper);
    let call = b.ins().call_indirect(helper, params[ARGS], &params[..ARGS]);
    let answer = b.inst_results(call)[0];
    let flags = MemFlagsData::trusted();
    b.ins().store(flags, answer, params[0], VM_NATIVE_ANSWER);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(isa.frontend_config());
}
