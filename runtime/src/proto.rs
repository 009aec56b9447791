//! Prototypes as the VM runs them: code that may be written to (feedback
//! bits), constants as values, feedback slots, counters. Everything that is
//! only looked at (debug data, upvalue descriptors) stays in the shared
//! [`strata_spec::Module`].
//!
//! ## Budgets
//! A prototype counts its calls and back-edges down. Below zero the executor
//! is asked what to do (compile, enter compiled code, grant more), so that
//! counting and asking cost one instruction each.
//!
//! ## Constants
//! `k` points at the first constant. The 16 bytes before it hold the address
//! of the prototype and of its feedback slots, so that one register gives
//! an interpreter all three ([`proto_of`], [`slots_of`]).

use crate::feedback::FeedbackSlot;
use crate::object::GcHeader;
use crate::value::Value;
use std::any::Any;
use std::sync::{Arc, OnceLock};
use strata_spec::fixed::{Fixed, fixed};
use strata_spec::{Insn, Module, Proto, ProtoId};

/// A module that prototypes of a heap share. As long as one of them lives,
/// all of it does, and its bytes are on the heap's account.
#[derive(Debug)]
pub struct LoadedModule {
    /// The module.
    pub module: Arc<Module>,
    /// Bytes charged for it.
    pub bytes: usize,
    /// What is known of its functions' upvalues.
    pub upvalues: KnownUpvalues,
    /// What tells its content from that of others, once a compile cache has asked.
    pub digest: OnceLock<[u8; 32]>,
}

/// What is known of the upvalues of a module's functions, found out when
/// somebody asks.
#[derive(Clone, Debug, Default)]
pub struct KnownUpvalues(Arc<OnceLock<Vec<Box<[Fixed]>>>>);

impl KnownUpvalues {
    /// What is known of upvalue `n` of function `id` of `module`, whose upvalues
    /// these are, while the debug library assigns to none.
    pub fn fixed(&self, module: &Module, id: ProtoId, n: u8) -> Fixed {
        let all = self.0.get_or_init(|| fixed(module));
        let known = all.get(id.0 as usize).and_then(|f| f.get(usize::from(n)));
        known.copied().unwrap_or(Fixed::Assigned)
    }
}

impl LoadedModule {
    /// A module for which so many bytes were charged.
    pub fn new(module: Arc<Module>, bytes: usize) -> LoadedModule {
        LoadedModule {
            module,
            bytes,
            upvalues: KnownUpvalues::default(),
            digest: OnceLock::new(),
        }
    }
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
    /// Calls left until the executor is asked.
    pub call_budget: i32,
    /// Back-edges left until the executor is asked.
    pub loop_budget: i32,
    /// What compiled callers call, with the frame laid out and `vm.top` at
    /// the end of the arguments; owned by the executor, never null.
    pub entry: *const (),
    /// What optimized callers call, with the arguments in machine registers, one
    /// for each calling convention there is; null if there is no such code.
    /// Owned by the executor.
    pub typed_entries: [*const (); 2],
    /// The numbers of compiled code's entry points, by pc; 0 is none. Null if
    /// there is no code; owned by the executor.
    pub points: *const u16,
    /// The code that has those entry points.
    pub points_entry: *const (),
    /// Sum of the call budgets granted so far.
    pub calls_granted: i64,
    /// Sum of the back-edge budgets granted so far.
    pub loops_granted: i64,
    /// Instructions that compiled code ran as steps although feedback might
    /// have made them fast, since the executor last looked at one.
    pub slow_hits: u32,
    /// Objects that compiled code names: they stay alive with the prototype.
    pub refs: Vec<*mut GcHeader>,
    /// The same for optimized code, and for compiles that are under way.
    pub optimized_refs: Vec<*mut GcHeader>,
    /// What its instructions did by way of metatables.
    pub meta_sites: crate::feedback::meta::MetaSites,
    /// What the executor keeps: compiled code and its state.
    pub compiled: Option<Box<dyn Any + Send>>,
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
    /// Tells its module from others of the VM while it lives.
    pub fn module_key(&self) -> usize {
        Arc::as_ptr(&self.module) as usize
    }

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

    /// Calls so far, by the interpreter.
    pub fn calls(&self) -> u64 {
        (self.calls_granted - i64::from(self.call_budget)).max(0) as u64
    }

    /// Back-edges so far, by the interpreter.
    pub fn back_edges(&self) -> u64 {
        (self.loops_granted - i64::from(self.loop_budget)).max(0) as u64
    }

    /// Sets the calls left until the executor is asked.
    pub fn grant_calls(&mut self, n: i32) {
        self.calls_granted += i64::from(n) - i64::from(self.call_budget);
        self.call_budget = n;
    }

    /// Sets the back-edges left until the executor is asked.
    pub fn grant_loops(&mut self, n: i32) {
        self.loops_granted += i64::from(n) - i64::from(self.loop_budget);
        self.loop_budget = n;
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
