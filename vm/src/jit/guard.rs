//! Guards: what compiled code expects, and how it is left where that fails.
//!
//! Compiled code checks what it speculates on. Where a check fails it leaves
//! through an [`Exit`]: the interpreter does the instruction again. Exits are
//! counted one by one, and told by kind of guard.

use crate::stress::{self, GuardKey};
use strata_runtime::object::ArrKind;
use strata_runtime::value::{Value, tag};
use strata_spec::module::Proto;
#[cfg(feature = "cranelift")]
use strata_spec::{Insn, effects::Effects};

/// A guard of compiled code and how often it failed.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Exit {
    /// Instruction at which the interpreter goes on.
    pub pc: u32,
    /// Times taken.
    pub hits: u32,
    /// What was expected.
    pub guard: Guard,
}

/// What a guard expects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Guard {
    /// A register's tag.
    Tag { reg: u8, tag: u8 },
    /// The element kind of a table in a register, and the index inside.
    Element { reg: u8, kind: u8 },
    /// A host function in a register, and arguments that it does inline.
    Callee { reg: u8 },
    /// All tags that an entry point takes for known: the address of its list
    /// of `n` tags, which lives as long as the exit.
    Entry { tags: usize, n: u8 },
    /// The step of a numeric loop, which is not 0.
    Step { reg: u8 },
}

impl Guard {
    /// The name of this guard at `pc` of a prototype.
    pub(crate) fn key(self, proto: &Proto, pc: u32) -> GuardKey {
        match self {
            // Its list lies elsewhere in other code.
            Guard::Entry { .. } => GuardKey::new(1, proto, pc, ()),
            _ => GuardKey::new(1, proto, pc, self),
        }
    }

    /// What it is about, at `pc` of a prototype.
    pub(crate) fn listed(self, proto: &Proto, pc: u32) -> stress::Guard {
        stress::Guard::new(1, self.kind(), proto, (pc, false))
    }
}

/// A register and the tag that it has to have where code is entered.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct EntryTag {
    pub reg: u8,
    pub tag: u8,
}

/// What an entry point checks.
pub(crate) struct EntryCheck {
    /// These tags.
    pub tags: Box<[EntryTag]>,
    /// The number of the exit that is taken if they are not there.
    pub exit: u32,
    /// Stress: as which guard it asks whether it fails all the same.
    pub forced: Option<GuardKey>,
}

impl Guard {
    /// What kind of guard it is: the reason under which exits are counted.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Guard::Tag { .. } => "tag",
            Guard::Element { .. } => "element",
            Guard::Callee { .. } => "callee",
            Guard::Entry { .. } => "entry",
            Guard::Step { .. } => "step",
        }
    }

    /// What it expected, and what it found.
    ///
    /// # Safety
    /// `base` is the frame in which it failed.
    pub(super) unsafe fn in_words(self, base: *const Value) -> (String, String) {
        // SAFETY: guards name registers of the frame; a list lives as long as
        // its exit.
        unsafe {
            let at = |reg: u8| *base.add(usize::from(reg));
            let name = |reg: u8| tag_name(at(reg).tag).to_string();
            match self {
                Guard::Tag { reg, tag } => (format!("{} in r{reg}", tag_name(tag)), name(reg)),
                Guard::Element { reg, kind } => {
                    let expected = format!("{} element of r{reg}", tag_name(kind));
                    (expected, elements(at(reg)).unwrap_or_else(|| name(reg)))
                }
                Guard::Callee { reg } => (
                    format!("the same host function in r{reg}, with numbers it does inline"),
                    name(reg),
                ),
                Guard::Step { reg } => (format!("a step other than 0 in r{reg}"), name(reg)),
                Guard::Entry { tags, n } => {
                    let list = std::slice::from_raw_parts(tags as *const EntryTag, usize::from(n));
                    match list.iter().find(|e| at(e.reg).tag != e.tag) {
                        Some(&EntryTag { reg, tag }) => Guard::Tag { reg, tag }.in_words(base),
                        None => ("the tags of its list".into(), "them".into()),
                    }
                }
            }
        }
    }
}

/// The registers that `i` reads, and what is in them, in words; if it reads
/// none, those that are `live`: it is the beginning of a loop then, and the
/// guard was put before the loop.
///
/// # Safety
/// `base` is the frame that is about to run `i`, with these live registers.
#[cfg(feature = "cranelift")]
pub(super) unsafe fn operands(i: Insn, live: &[u8], base: *const Value) -> String {
    let reads = i.op().map(|op| Effects::of(op, i).reads);
    let reads = reads.unwrap_or_default();
    let regs: Vec<u8> = match reads.is_empty() {
        true => live.to_vec(),
        false => (0..=u8::MAX).filter(|&r| reads.contains(r)).collect(),
    };
    let found = regs.into_iter().map(|r| {
        // SAFETY: as the caller says: what is read is in the frame.
        let (v, elements) = unsafe {
            let v = *base.add(usize::from(r));
            (v, elements(v))
        };
        match elements {
            Some(elements) => format!("table with {elements} in r{r}"),
            None => format!("{} in r{r}", tag_name(v.tag)),
        }
    });
    found.collect::<Vec<_>>().join(", ")
}

/// What the elements of a table are; `None` if `v` is something else.
///
/// # Safety
/// `v` is a live value.
unsafe fn elements(v: Value) -> Option<String> {
    if v.tag != tag::TABLE {
        return None;
    }
    // SAFETY: the tag says that it is a table.
    let (kind, len) = unsafe { ((*v.as_table()).arr_kind, (*v.as_table()).arr_len) };
    let kind = match kind {
        _ if len == 0 => return Some("no elements".into()),
        ArrKind::Int => "integer",
        ArrKind::Float => "float",
        ArrKind::Mixed => "mixed",
    };
    Some(format!("{kind} elements, {len} of them"))
}

/// A tag in words.
fn tag_name(t: u8) -> &'static str {
    match t {
        tag::NIL => "nil",
        tag::FALSE => "false",
        tag::TRUE => "true",
        tag::INT => "integer",
        tag::FLOAT => "float",
        tag::STR => "string",
        tag::TABLE => "table",
        tag::CLOSURE => "function",
        tag::NATIVE => "host function",
        tag::USERDATA | tag::LIGHT => "userdata",
        tag::THREAD => "thread",
        _ => "other value",
    }
}
