//! Calls off the hot path that leave machine registers alone.
//!
//! As tier 1 does it ([`crate::tier1::aside`]), with a trampoline that takes the
//! address of the helper, and one argument more: code that isn't made on the
//! VM's thread knows no numbers of helpers.

use crate::tier1::aside;
use cranelift_codegen::ir::{self, Signature};
use cranelift_codegen::isa::TargetIsa;
use cranelift_frontend::FunctionBuilderContext;

/// Most arguments of a helper, the VM first.
pub(super) const ARGS: usize = 4;

/// The trampoline's signature: the helper's arguments and its address.
pub(super) fn signature() -> Signature {
    aside::signature(ARGS)
}

/// Builds the trampoline.
pub(super) fn build(
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    isa: &dyn TargetIsa,
) {
    aside::build_with(func, context, isa, ARGS, |_, address| address);
}
