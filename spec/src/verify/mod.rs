//! The verifier: decides whether a module is safe to run.
//!
//! A module may come from anywhere. What passes here cannot make an
//! interpreter that trusts it touch memory outside its frame, read a register
//! that holds no value, or lose track of what is open to be closed. It says
//! nothing about whether the program makes sense.
//!
//! # How
//!
//! Whether a register is defined at a point depends on all paths to it, which
//! in general asks for a fixpoint. Instead, each jump target is a *declared
//! block* with its state at entry ([`Block`]): a prefix of defined registers,
//! the to-be-closed registers, and pending open results. The verifier walks
//! the code once; inside a block it tracks exact states (`flow`), at each
//! edge it compares with the declaration. So its time is linear in the size of
//! the module, whatever the control flow.
//!
//! One fact is not declared: which registers have *open upvalues*. A call that
//! used such a register as scratch would let a closure read the callee's
//! frame. It can be inferred in the same single pass, because all jumps but
//! loops go forward; what loops need besides is in `captures`.
//!
//! Unreachable instructions (after a terminator, before the next declared
//! block) have their operands and jump targets checked, not their states.
//!
//! # Not handled
//!
//! Types of values, termination, sizes of tables: the interpreter's business.
//! A local variable's debug range may contain instructions at which its
//! register holds nothing; see [`crate::effects::defined_before`].

mod captures;
mod flow;
mod operands;
mod rules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;

pub use rules::{Offset, Rule, Section, VerifyError};

use crate::budget::{Budget, Stopped, Unlimited};

use crate::insn::MAX_K;
use crate::module::{
    Block, Const, MAX_REGS, MAX_SLOTS, MAX_UPVALUES, Module, Proto, ProtoId, RegSet, StrId,
};
use crate::op::Op;

/// Most instructions of a prototype: what a jump can span.
pub const MAX_CODE: usize = 1 << 23;

/// Checks every rule. See the module documentation.
///
/// # Errors
/// The first rule that is broken.
pub fn verify(module: &Module) -> Result<(), VerifyError> {
    match verify_within(module, &mut Unlimited) {
        Err(VerifyFault::Invalid(error)) => Err(error),
        Ok(()) | Err(VerifyFault::Stopped) => Ok(()), // `Unlimited` never stops
    }
}

/// Checks every rule, within a budget.
///
/// # Errors
/// The first rule that is broken, or the budget is used up: nothing is known
/// of the module then.
pub fn verify_within(module: &Module, budget: &mut dyn Budget) -> Result<(), VerifyFault> {
    check(module, budget).map_err(|fault| *fault)
}

/// Why a module was not accepted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyFault {
    /// It breaks a rule.
    #[error("{0}")]
    Invalid(VerifyError),
    /// The budget was used up before all was checked.
    #[error("{}", Stopped)]
    Stopped,
}

impl From<Stopped> for Box<VerifyFault> {
    #[cold]
    fn from(_: Stopped) -> Box<VerifyFault> {
        Box::new(VerifyFault::Stopped)
    }
}

/// A check's outcome; boxed, because nearly all of them hold.
type Check<T = ()> = Result<T, Box<VerifyFault>>;

/// Instructions or list entries checked between two looks at the budget.
const STRIDE: usize = 1 << 12;

/// About how many steps checking one of them takes.
const STEPS: u64 = 16;

fn check(module: &Module, budget: &mut dyn Budget) -> Check {
    limits(module)?;
    tree(module, budget)?;
    let mut scratch = Scratch::default();
    let mut done = 0;
    for (index, proto) in module.protos.iter().enumerate() {
        let checker = Checker {
            module,
            proto,
            id: ProtoId(index as u32),
        };
        checker.head()?;
        checker.blocks()?;
        checker.children()?;
        checker.code(&mut scratch, budget)?;
        checker.debug(budget)?;
        // What is below a stride was not charged there.
        done += 16 + proto.code.len() % STRIDE;
        if done >= STRIDE {
            budget.spend(done as u64 * STEPS, scratch.bytes())?;
            done = 0;
        }
    }
    budget.spend(done as u64 * STEPS, scratch.bytes())?;
    Ok(())
}

/// Buffers one prototype after the other uses.
#[derive(Default)]
struct Scratch {
    /// For each pc, the number of the block that starts there plus 1, or 0.
    block_at: Vec<u32>,
    /// For each block, the registers with open upvalues at entry that the
    /// jumps so far have brought; once it is reached, all of them. Empty if the
    /// prototype has no captured registers, as are the lists below.
    open_upvalues: Vec<RegSet>,
    /// A summary of it for questions about ranges.
    entered: captures::Entered,
    /// For each loop header not reached yet, the registers its loop captures;
    /// the next header's last.
    loop_captures: Vec<RegSet>,
    /// For each block, the last jump back to it, or 0, and the number of
    /// blocks that start before that jump.
    last_back: Vec<(u32, u32)>,
    /// Where closures that capture registers are made, and of which child.
    closures: Vec<(u32, u32)>,
    /// Starts of stretches of code, and what is captured there.
    segments: Vec<(u32, RegSet)>,
    /// For each child, the registers it captures.
    child_captures: Vec<RegSet>,
}

impl Scratch {
    /// Bytes held.
    fn bytes(&self) -> usize {
        self.block_at.capacity() * size_of::<u32>()
            + self.open_upvalues.capacity() * size_of::<RegSet>()
            + self.entered.bytes()
            + self.last_back.capacity() * size_of::<(u32, u32)>()
            + self.child_captures.capacity() * size_of::<RegSet>()
    }
}

/// One prototype under examination.
struct Checker<'m> {
    module: &'m Module,
    proto: &'m Proto,
    id: ProtoId,
}

fn limits(module: &Module) -> Check {
    let whole = |section, rule, detail: String| {
        Box::new(VerifyFault::Invalid(VerifyError {
            rule,
            section,
            proto: None,
            offset: Offset::Whole,
            detail,
        }))
    };
    if module.protos.is_empty() {
        return Err(whole(
            Section::Protos,
            Rule::MainMissing,
            "the module has no prototype".into(),
        ));
    }
    let most = u32::MAX as usize;
    if module.protos.len() >= most {
        return Err(whole(
            Section::Protos,
            Rule::SizeLimit,
            format!("{} prototypes", module.protos.len()),
        ));
    }
    if module.strings.len() >= most {
        return Err(whole(
            Section::Strings,
            Rule::SizeLimit,
            format!("{} strings", module.strings.len()),
        ));
    }
    Ok(())
}

/// Checks that the prototypes form a tree: children come after their parents
/// and have one each.
fn tree(module: &Module, budget: &mut dyn Budget) -> Check {
    let count = module.protos.len();
    let mut has_parent = vec![false; count];
    for (index, proto) in module.protos.iter().enumerate() {
        if index % STRIDE == STRIDE - 1 {
            budget.spend(STRIDE as u64 * STEPS, count)?;
        }
        for (n, child) in proto.children.iter().enumerate() {
            let error = |rule, detail| {
                Box::new(VerifyFault::Invalid(VerifyError {
                    rule,
                    section: Section::Protos,
                    proto: Some(ProtoId(index as u32)),
                    offset: Offset::Entry("child", n as u32),
                    detail,
                }))
            };
            let c = child.0 as usize;
            if c <= index || c >= count {
                return Err(error(
                    Rule::ChildOrder,
                    format!("prototype {c} of {count} as a child of {index}"),
                ));
            }
            if std::mem::replace(&mut has_parent[c], true) {
                return Err(error(
                    Rule::OneParent,
                    format!("prototype {c} is a child twice"),
                ));
            }
        }
    }
    match has_parent.iter().skip(1).position(|&has| !has) {
        None => Ok(()),
        Some(n) => Err(Box::new(VerifyFault::Invalid(VerifyError {
            rule: Rule::OneParent,
            section: Section::Protos,
            proto: Some(ProtoId(n as u32 + 1)),
            offset: Offset::Whole,
            detail: "no prototype has it as a child".into(),
        }))),
    }
}

impl Checker<'_> {
    #[cold]
    fn fail(
        &self,
        section: Section,
        offset: Offset,
        rule: Rule,
        detail: impl FnOnce() -> String,
    ) -> Box<VerifyFault> {
        Box::new(VerifyFault::Invalid(VerifyError {
            rule,
            section,
            proto: Some(self.id),
            offset,
            detail: detail(),
        }))
    }

    /// An error at an instruction.
    #[cold]
    fn error(&self, pc: u32, rule: Rule, detail: impl FnOnce() -> String) -> Box<VerifyFault> {
        self.fail(Section::Protos, Offset::Pc(pc), rule, detail)
    }

    fn string(&self, section: Section, list: &'static str, n: usize, id: StrId) -> Check {
        if (id.0 as usize) < self.module.strings.len() {
            return Ok(());
        }
        Err(self.fail(
            section,
            Offset::Entry(list, n as u32),
            Rule::StringId,
            || format!("string {} of {}", id.0, self.module.strings.len()),
        ))
    }

    /// Counts and lists of a prototype.
    fn head(&self) -> Check {
        let p = self.proto;
        let whole =
            |rule, detail: String| Err(self.fail(Section::Protos, Offset::Whole, rule, || detail));
        if p.upvals.len() > MAX_UPVALUES {
            return whole(Rule::UpvalCount, format!("{} upvalues", p.upvals.len()));
        }
        if p.regs < p.params || p.regs as usize > MAX_REGS {
            return whole(
                Rule::RegCount,
                format!("{} registers for {} parameters", p.regs, p.params),
            );
        }
        for (what, len, most) in [
            ("instructions", p.code.len(), MAX_CODE),
            ("constants", p.consts.len(), MAX_K as usize),
            ("feedback slots", p.slots.len(), MAX_SLOTS),
            ("locals", p.locals.len(), u32::MAX as usize),
            ("operand names", p.hints.len(), u32::MAX as usize),
        ] {
            if len > most {
                return whole(Rule::SizeLimit, format!("{len} {what}, at most {most}"));
            }
        }
        if p.code.is_empty() {
            return whole(Rule::CodeEmpty, "no instruction".into());
        }
        if !p.captured.is_subset(&RegSet::below(p.regs as usize)) {
            return whole(
                Rule::CapturedRange,
                format!("a captured register is not below {}", p.regs),
            );
        }
        for (n, constant) in p.consts.iter().enumerate() {
            if let Const::Str(id) = *constant {
                self.string(Section::Protos, "constant", n, id)?;
            }
        }
        let prep = p.code[0].op() == Some(Op::VarargPrep);
        if p.vararg && !prep {
            return Err(self.error(0, Rule::VarargPrep, || {
                "a vararg prototype that does not start with varargprep".into()
            }));
        }
        Ok(())
    }

    /// Declared blocks, apart from what reaches them.
    fn blocks(&self) -> Check {
        let p = self.proto;
        let mut least = 0u32;
        for (n, block) in p.blocks.iter().enumerate() {
            let error = |rule, detail: String| {
                Err(self.fail(
                    Section::Protos,
                    Offset::Entry("block", n as u32),
                    rule,
                    || detail,
                ))
            };
            if block.pc < least || block.pc as usize >= p.code.len() {
                return error(
                    Rule::BlockOrder,
                    format!("block at pc {} after one at {least}", block.pc),
                );
            }
            least = block.pc + 1;
            if let Some(fault) = impossible(block, p.regs) {
                return error(Rule::BlockState, fault);
            }
            let more = block.defined > p.params || !block.tbc.is_empty() || block.open.is_some();
            if block.pc == 0 && more {
                return error(
                    Rule::EntryState,
                    format!(
                        "the entry declares {} registers for {} parameters",
                        block.defined, p.params
                    ),
                );
            }
        }
        Ok(())
    }

    /// Where this prototype's closures take their upvalues from.
    fn children(&self) -> Check {
        let p = self.proto;
        for child in &p.children {
            let upvals = &self.module.protos[child.0 as usize].upvals;
            for (n, desc) in upvals.iter().enumerate() {
                let fits = if desc.from_register {
                    desc.index < p.regs && p.captured.contains(desc.index)
                } else {
                    (desc.index as usize) < p.upvals.len()
                };
                if !fits {
                    let mut error = self.fail(
                        Section::Protos,
                        Offset::Entry("upvalue", n as u32),
                        Rule::UpvalSource,
                        || {
                            let kind = if desc.from_register {
                                "captured register"
                            } else {
                                "upvalue"
                            };
                            format!(
                                "takes {kind} {} of prototype {}, which has no such",
                                desc.index, self.id.0
                            )
                        },
                    );
                    if let VerifyFault::Invalid(error) = &mut *error {
                        error.proto = Some(*child);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Debug data: whatever indexes something must be in range.
    fn debug(&self, budget: &mut dyn Budget) -> Check {
        let p = self.proto;
        let len = p.code.len() as u32;
        let section = Section::Debug;
        if let Some(source) = p.source {
            self.string(section, "source", 0, source)?;
        }
        for (n, desc) in p.upvals.iter().enumerate() {
            if let Some(name) = desc.name {
                self.string(section, "upvalue", n, name)?;
            }
        }
        if !p.positions.is_empty() && p.positions.len() != p.code.len() {
            return Err(self.fail(section, Offset::Whole, Rule::PositionCount, || {
                format!("{} positions for {len} instructions", p.positions.len())
            }));
        }
        for (n, local) in p.locals.iter().enumerate() {
            if n % STRIDE == STRIDE - 1 {
                budget.spend(STRIDE as u64 * STEPS, 0)?;
            }
            self.string(section, "local", n, local.name)?;
            if local.reg >= p.regs || local.start > local.end || local.end > len {
                let at = Offset::Entry("local", n as u32);
                return Err(self.fail(section, at, Rule::LocalRange, || {
                    format!(
                        "register {} from pc {} to {}, with {} registers and {len} instructions",
                        local.reg, local.start, local.end, p.regs
                    )
                }));
            }
        }
        let mut least = 0;
        for (n, hint) in p.hints.iter().enumerate() {
            if n % STRIDE == STRIDE - 1 {
                budget.spend(STRIDE as u64 * STEPS, 0)?;
            }
            self.string(section, "hint", n, hint.name)?;
            if hint.pc < least || hint.pc >= len {
                let at = Offset::Entry("hint", n as u32);
                return Err(self.fail(section, at, Rule::HintOrder, || {
                    format!("pc {} after {least}, with {len} instructions", hint.pc)
                }));
            }
            least = hint.pc;
        }
        Ok(())
    }
}

/// What is wrong with a declared state on its own.
fn impossible(block: &Block, regs: u8) -> Option<String> {
    if block.defined > regs {
        return Some(format!("{} of {regs} registers defined", block.defined));
    }
    let ascending = block.tbc.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascending || block.tbc.last().is_some_and(|&r| r >= block.defined) {
        return Some(format!(
            "registers {:?} to be closed, {} defined",
            block.tbc.as_slice(),
            block.defined
        ));
    }
    match block.open {
        Some(open) if open < block.defined || open >= regs => Some(format!(
            "open results at register {open}, {} of {regs} defined",
            block.defined
        )),
        _ => None,
    }
}
