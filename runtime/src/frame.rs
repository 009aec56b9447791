//! Frames of the VM stack: layout, links, and walking them.
//!
//! ```text
//!        base-2      base-1     base 0 …
//! ┌────────────┬─────────────┬──────────────┬─────────
//! │  function  │    link     │  registers   │  next frame's function …
//! └────────────┴─────────────┴──────────────┴─────────
//! ```
//!
//! The caller puts the callee at its register A; the callee's base is A+2.
//! The *link slot* between them says how to return. Its first word keeps the
//! tag byte of a nil, so that a scan of the stack sees valid values only:
//!
//! ```text
//! word 0:  0..7 tag (nil)  8..10 kind  11 native  12 tail-called  16..31 continuation
//!          32..63 delta: slots from the frame below's base to this one's
//! word 1:  pc at which the frame below goes on, if that is a Lua frame
//! ```
//!
//! A vararg function's frame is moved above its arguments; the moved frame
//! has a link of kind [`VARARG`] whose delta leads to the original base, where
//! the real link is. A frame therefore holds nothing that is not in the VM
//! stack, which is what lets any tier leave it and any other go on with it.

use crate::object::{NativeKind, ProtoObj};
use crate::state::Vm;
use crate::value::{Value, tag};
use strata_spec::module::{Hint, HintKind, Pos};
use strata_spec::{Insn, Op};

/// Return into a Lua frame at `pc`, results where its call says.
pub const LUA: u8 = 0;
/// Return to a continuation of the frame below (its id is in the link).
pub const CONT: u8 = 1;
/// Return to the host: the executor ends.
pub const HOST: u8 = 2;
/// Bottom of a coroutine.
pub const CORO: u8 = 3;
/// A vararg function's moved frame.
pub const VARARG: u8 = 4;

/// Link flag in word 0: the frame below was running compiled code, and may go
/// on in it at the link's pc.
pub const NATIVE_BIT: u64 = 1 << 11;
/// Link flag in word 0: the function was entered by a tail call.
pub const TAIL_BIT: u64 = 1 << 12;

/// A link, decoded.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// One of the kinds above.
    pub kind: u8,
    /// The frame below was running compiled code.
    pub native: bool,
    /// Entered by a tail call.
    pub tail: bool,
    /// Continuation id of kind [`CONT`].
    pub cont: u16,
    /// Slots from the frame below's base to this one's.
    pub delta: u32,
    /// Where the frame below goes on.
    pub pc: *const Insn,
}

/// Word 0 of a link.
#[inline(always)]
pub const fn link_word(kind: u8, cont: u16, delta: u32) -> u64 {
    (kind as u64) << 8 | (cont as u64) << 16 | (delta as u64) << 32
}

/// Writes the link of the frame at `base`.
///
/// # Safety
/// `base - 1` is a slot of a VM stack.
#[inline(always)]
pub unsafe fn write_link(base: *mut Value, word0: u64, pc: *const Insn) {
    // SAFETY: the caller says the slot exists; a slot is two words.
    unsafe {
        let slot = base.sub(1).cast::<u64>();
        *slot = word0;
        *slot.add(1) = pc as u64;
    }
}

/// Word 0 of the link of the frame at `base`.
///
/// # Safety
/// `base` is the base of a frame.
#[inline(always)]
pub unsafe fn link_word0(base: *mut Value) -> u64 {
    // SAFETY: the link slot lies below every base.
    unsafe { *base.sub(1).cast::<u64>() }
}

/// The link of the frame at `base` as it stands (possibly [`VARARG`]).
///
/// # Safety
/// `base` is the base of a frame.
#[inline]
pub unsafe fn read_link(base: *mut Value) -> Link {
    // SAFETY: the link slot lies below every base.
    let (w0, w1) = unsafe {
        let slot = base.sub(1).cast::<u64>();
        (*slot, *slot.add(1))
    };
    Link::decode(w0, w1 as *const Insn)
}

impl Link {
    /// The link whose words are `word0` and `pc`.
    #[inline(always)]
    pub fn decode(word0: u64, pc: *const Insn) -> Link {
        Link {
            kind: (word0 >> 8) as u8 & 7,
            native: word0 & NATIVE_BIT != 0,
            tail: word0 & TAIL_BIT != 0,
            cont: (word0 >> 16) as u16,
            delta: (word0 >> 32) as u32,
            pc,
        }
    }
}

/// The original base of the frame at `base`: below its extra arguments if it
/// is a vararg function's moved frame.
///
/// # Safety
/// `base` is the base of a frame.
#[inline]
pub unsafe fn original_base(base: *mut Value) -> *mut Value {
    // SAFETY: as for `read_link`; a VARARG delta leads to the original base.
    unsafe {
        let link = read_link(base);
        if link.kind == VARARG {
            base.sub(link.delta as usize)
        } else {
            base
        }
    }
}

/// One frame met while walking, innermost first.
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    /// Its base (of a vararg function, the moved one).
    pub base: *mut Value,
    /// Where it will go on; null for host functions.
    pub pc: *const Insn,
    /// How it was entered (never [`VARARG`]).
    pub link: Link,
}

impl FrameInfo {
    /// The function.
    pub fn func(&self) -> Value {
        // SAFETY: a frame's function lies two slots below its base.
        unsafe { *self.base.sub(2) }
    }

    /// The prototype if it is a Lua function.
    pub fn proto(&self) -> Option<&ProtoObj> {
        let f = self.func();
        // SAFETY: the tag says that the payload is a live closure, which keeps its prototype.
        (f.tag == tag::CLOSURE).then(|| unsafe { &*(*f.as_closure()).proto })
    }

    /// Number of the instruction that is executing: the call it waits for, or
    /// the instruction that raised.
    pub fn current_pc(&self) -> Option<u32> {
        let proto = self.proto()?;
        if self.pc.is_null() {
            return None;
        }
        let index = (self.pc as usize).wrapping_sub(proto.code as usize) / size_of::<Insn>();
        Some(
            (index as u32)
                .saturating_sub(1)
                .min(proto.code_len.saturating_sub(1)),
        )
    }

    /// Source position of [`current_pc`](Self::current_pc).
    pub fn pos(&self) -> Pos {
        match (self.proto(), self.current_pc()) {
            (Some(p), Some(pc)) => p.spec().pos(pc),
            _ => Pos::default(),
        }
    }
}

/// How a function's name is known to its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallName {
    /// "global", "local", "method", "field", "upvalue", "constant",
    /// "metamethod", "for iterator", "hook".
    pub what: &'static str,
    /// The name.
    pub name: Vec<u8>,
}

/// Words a hint's kind as error messages do.
pub fn hint_word(kind: HintKind) -> &'static str {
    match kind {
        HintKind::Local => "local",
        HintKind::Upvalue => "upvalue",
        HintKind::Global => "global",
        HintKind::Field => "field",
        HintKind::Method => "method",
        HintKind::Constant => "constant",
    }
}

/// Walks the frames of one thread.
#[derive(Debug)]
pub struct Frames {
    stack: *mut Value,
    base: *mut Value,
    pc: *const Insn,
}

impl Frames {
    /// The frames of a thread whose innermost frame is at `base` (null or at
    /// the stack's bottom: none) and goes on at `pc`.
    pub fn new(stack: *mut Value, base: *mut Value, pc: *const Insn) -> Frames {
        Frames { stack, base, pc }
    }
}

impl Iterator for Frames {
    type Item = FrameInfo;

    fn next(&mut self) -> Option<FrameInfo> {
        if self.base.is_null() || self.base < self.stack.wrapping_add(2) {
            return None;
        }
        // SAFETY: `base` is a frame's base: the first is by contract, the
        // others are where links lead.
        unsafe {
            let base = self.base;
            let original = original_base(base);
            let link = read_link(original);
            let is_lua = (*base.sub(2)).tag == tag::CLOSURE;
            let info = FrameInfo {
                base,
                pc: if is_lua { self.pc } else { std::ptr::null() },
                link,
            };
            // A `__close` handler of an unwinding error stands on the
            // boundary frame, which is gone: its catcher is what remains.
            let unwinding = link.kind == CONT && link.cont == crate::native::cont::UNWIND;
            let (from, link) = if unwinding {
                let boundary = original.sub(link.delta as usize);
                (boundary, read_link(boundary))
            } else {
                (original, link)
            };
            if link.kind == CORO || link.delta == 0 {
                self.base = std::ptr::null_mut();
            } else {
                self.base = from.sub(link.delta as usize);
                self.pc = link.pc;
            }
            Some(info)
        }
    }
}

impl Vm {
    /// The running thread's frames, innermost first. `vm.base` and `vm.pc`
    /// must be those of the innermost one.
    pub fn frames(&self) -> Frames {
        Frames::new(self.stack, self.base, self.pc)
    }

    /// Frame number `level` of the running thread: 0 is the innermost.
    pub fn frame_at(&self, level: usize) -> Option<FrameInfo> {
        self.frames().nth(level)
    }
}

/// The name by which `frame` was called, from the hints of its caller.
pub fn call_name(vm: &Vm, frame: &FrameInfo) -> Option<CallName> {
    let fixed = |what, name: &[u8]| {
        Some(CallName {
            what,
            name: name.to_vec(),
        })
    };
    if frame.link.tail {
        return None;
    }
    match frame.link.kind {
        CONT => {
            if let Some(name) = crate::native::cont_metamethod(frame.link.cont) {
                return fixed("metamethod", name.as_bytes());
            }
        }
        HOST => match frame.link.cont {
            crate::native::cont::FINALIZER => return fixed("metamethod", b"__gc"),
            crate::native::cont::HOOK => return fixed("hook", b"?"),
            _ => return None,
        },
        LUA => {}
        _ => return None,
    }
    // SAFETY: a link's delta leads to the base of the frame below.
    let below = unsafe { original_base(frame.base).sub(frame.link.delta as usize) };
    let caller = FrameInfo {
        base: below,
        pc: frame.link.pc,
        link: frame.link,
    };
    let proto = caller.proto()?;
    let pc = caller.current_pc()?;
    // SAFETY: `current_pc` is below `code_len`.
    let insn = unsafe { *proto.code.add(pc as usize) };
    match insn.op()? {
        Op::Call | Op::TailCall => {
            let hint = proto.spec().hint(pc, insn.a())?;
            fixed(hint_word(hint.kind), proto.module.str(hint.name))
        }
        Op::TForCall => fixed("for iterator", b"for iterator"),
        op => {
            let _ = vm;
            let name = metamethod_of(op)?;
            fixed("metamethod", name.as_bytes())
        }
    }
}

/// The metamethod an opcode may call, without the underscores.
pub fn metamethod_of(op: Op) -> Option<&'static str> {
    use Op::*;
    Some(match op {
        GetTabUp | GetField | SelfField | GetIndex | GetIndexI => "index",
        SetTabUp | SetField | SetIndex | SetIndexI => "newindex",
        Add | AddI | AddK => "add",
        Sub | SubK => "sub",
        Mul | MulK => "mul",
        Div | DivK => "div",
        IDiv | IDivK => "idiv",
        Mod | ModK => "mod",
        Pow | PowK => "pow",
        BAnd | BAndK => "band",
        BOr | BOrK => "bor",
        BXor | BXorK => "bxor",
        Shl | ShlK => "shl",
        Shr | ShrK => "shr",
        Unm => "unm",
        BNot => "bnot",
        Len => "len",
        Concat => "concat",
        JEq | JNe => "eq",
        JLt | JNotLt | JLtI | JNotLtI | JGtI | JNotGtI => "lt",
        JLe | JNotLe | JLeI | JNotLeI | JGeI | JNotGeI => "le",
        Close | ReturnClose => "close",
        _ => return None,
    })
}

/// The hint for register `reg` of the instruction that `frame` is executing.
pub fn operand_hint(frame: &FrameInfo, reg: u8) -> Option<(Hint, &ProtoObj)> {
    let proto = frame.proto()?;
    Some((proto.spec().hint(frame.current_pc()?, reg)?, proto))
}

/// Whether `f` is a host function of this kind.
pub fn is_native_kind(f: Value, kind: NativeKind) -> bool {
    // SAFETY: the tag says that the payload is a live host function.
    f.tag == tag::NATIVE && unsafe { (*f.as_native()).nkind } == kind
}
