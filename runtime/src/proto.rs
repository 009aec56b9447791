//! Prototypes as the VM runs them: code that may be written to (feedback
//! bits), constants as values, feedback slots, counters. Everything that is
//! only looked at (debug data, upvalue descriptors) stays in the shared
//! [`strata_spec::Module`].
//!
//! ## Constants
//! `k` points at the first constant. The 16 bytes before it hold the address
//! of the prototype and of its feedback slots, so that one register gives
//! an interpreter all three ([`proto_of`], [`slots_of`]).

use crate::feedback::FeedbackSlot;
use crate::object::GcHeader;
use crate::value::Value;
use std::sync::Arc;
use strata_spec::{Insn, Module, Proto, ProtoId};

/// A module that prototypes of a heap share. As long as one of them lives,
/// all of it does, and its bytes are on the heap's account.
#[derive(Debug)]
pub struct LoadedModule {
    /// The module.
    pub module: Arc<Module>,
    /// Bytes charged for it.
    pub bytes: usize,
}

impl std::ops::Deref for LoadedModule {
    type Target = Module;

    #[inline]
    fn deref(&self) -> &Module {
        &self.module
    }
}

/// A prototype in the heap.
#[repr(C)]
pub struct ProtoObj {
    /// The header.
    pub hdr: GcHeader,
    /// Instructions; written by the interpreter (feedback bits).
    pub code: *mut Insn,
    /// Constants; see the module documentation for what lies before.
    pub k: *mut Value,
    /// Feedback slots.
    pub slots: *mut FeedbackSlot,
    /// Registers.
    pub regs: u8,
    /// Fixed parameters.
    pub params: u8,
    /// Takes extra arguments.
    pub vararg: bool,
    /// Calls counted so far (saturating).
    pub calls: u32,
    /// Back-edges counted so far (saturating).
    pub back_edges: u32,
    /// Instructions.
    pub code_len: u32,
    /// Constants.
    pub k_len: u32,
    /// Feedback slots.
    pub slot_len: u32,
    /// Child prototypes.
    pub children: Vec<*mut ProtoObj>,
    /// The module it came from.
    pub module: Arc<LoadedModule>,
    /// Its number there.
    pub id: ProtoId,
    /// Owners of `code`, `k` and `slots`.
    pub storage: ProtoStorage,
}

/// Owns a prototype's arrays; the pointers beside it point into them.
pub struct ProtoStorage {
    /// Instructions.
    pub code: Box<[Insn]>,
    /// Element 0 is the header, constants follow.
    pub consts: Box<[Value]>,
    /// Feedback slots.
    pub slots: Box<[FeedbackSlot]>,
}

impl ProtoObj {
    /// Its description in the module.
    pub fn spec(&self) -> &Proto {
        &self.module.protos[self.id.0 as usize]
    }

    /// Chunk name as Lua gives it (`@file`, `=name`, or source text).
    pub fn source(&self) -> &[u8] {
        self.spec().source.map_or(b"=?", |id| self.module.str(id))
    }

    /// Bytes of its arrays, for the heap's account.
    pub fn storage_bytes(&self) -> usize {
        size_of_val(&*self.storage.code)
            + size_of_val(&*self.storage.consts)
            + size_of_val(&*self.storage.slots)
            + self.children.capacity() * size_of::<usize>()
    }

    /// The constants.
    pub fn consts(&self) -> &[Value] {
        &self.storage.consts[1..]
    }
}

/// The prototype whose constants start at `k`.
///
/// # Safety
/// `k` is the `k` of a live prototype.
#[inline(always)]
pub unsafe fn proto_of(k: *const Value) -> *mut ProtoObj {
    // SAFETY: the header lies right before the constants.
    unsafe { *k.cast::<*mut ProtoObj>().sub(2) }
}

/// The feedback slots of the prototype whose constants start at `k`.
///
/// # Safety
/// `k` is the `k` of a live prototype.
#[inline(always)]
pub unsafe fn slots_of(k: *const Value) -> *mut FeedbackSlot {
    // SAFETY: the header lies right before the constants.
    unsafe { *k.cast::<*mut FeedbackSlot>().sub(1) }
}
