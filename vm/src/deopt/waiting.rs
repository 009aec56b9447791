//! How a frame waits for another one: the link of its callee.
//!
//! A call instruction has its callee's frame at its register A. Any other
//! instruction that calls does so for a metamethod, whose frame begins behind
//! all registers, and says by a continuation what becomes of the result.

use strata_runtime::frame::{CONT, LUA, NATIVE_BIT, link_word};
use strata_runtime::native::cont;
use strata_spec::{Insn, Op};

/// The link of the frame that an instruction waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiting {
    /// Its first word.
    pub word: u64,
    /// Where the callee's registers begin, from those of the frame that waits.
    pub delta: u32,
}

impl Waiting {
    /// Of instruction `i` of a function with so many registers.
    pub(crate) fn of(i: Insn, regs: u8) -> Waiting {
        let op = i.op();
        let (word, delta) = match op.and_then(continuation) {
            Some(id) => {
                let delta = u32::from(regs) + 2;
                (link_word(CONT, id, delta), delta)
            }
            None => {
                let (want, delta) = match op {
                    Some(Op::TForCall) => (u16::from(i.c()) + 1, u32::from(i.a()) + 6),
                    _ => (u16::from(i.c()), u32::from(i.a()) + 2),
                };
                // It may go on in compiled code.
                (link_word(LUA, want, delta) | NATIVE_BIT, delta)
            }
        };
        Waiting { word, delta }
    }
}

/// What becomes of the result of a metamethod that an instruction calls; `None`
/// if it is a call.
fn continuation(op: Op) -> Option<u16> {
    match op {
        Op::Call | Op::TForCall | Op::TailCall => None,
        Op::SetTabUp | Op::SetField | Op::SetIndex | Op::SetIndexI => Some(cont::DROP),
        Op::JEq
        | Op::JNe
        | Op::JLt
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
        | Op::JNotGeI => Some(cont::COND),
        _ => Some(cont::STORE_A),
    }
}
