//! The VM's state: everything one isolated Lua universe owns.
//!
//! [`Vm`] is one `repr(C)` structure whose first fields are what running code
//! touches all the time; compiled code knows their offsets. It lives in a box
//! (its address is handed out) and holds raw pointers into its own heap only,
//! so it may be sent to another thread as a whole.
//!
//! The crate that executes code plugs itself in through [`Exec`]; this crate
//! names no tier.

use crate::error::{Cause, Error, OutOfMemory, Result};
use crate::heap::Heap;
use crate::limits::Limits;
use crate::metatable::{EVENT_COUNT, Event};
use crate::native::Ctl;
use crate::object::{Str, Table, Thread, Upval};
use crate::table::{self, ShapeTable, Site};
use crate::text::number::{self, NumBuf, Number};
use crate::thread::{ERROR_STACK, Hook, INITIAL_CORO, MAX_STACK, SLACK, ThreadStatus};
use crate::value::{NIL, Value, float_to_int, tag};
use memmap2::MmapMut;
use strata_spec::{Insn, Module};

/// Host calls may nest this deep ("C stack overflow").
pub const MAX_HOST_DEPTH: u32 = 200;

/// A module, or the complete message that says why there is none.
pub type Compiled = std::result::Result<Module, Vec<u8>>;

/// Compiles source with a chunk name, within the limits of the VM.
pub type Compile = fn(vm: &mut Vm, source: &[u8], chunk_name: &[u8]) -> Result<Compiled>;

/// The executor's entry points.
#[derive(Clone, Copy)]
pub struct Exec {
    /// Calls the function in stack slot `func` (link slot `func + 1`, `n`
    /// arguments from `func + 2`) for the host frame at slot `base`. Results
    /// start at `func`, `vm.top` is their end; returns their number.
    ///
    /// # Safety
    /// The slots exist on the running thread's stack.
    pub call: unsafe fn(vm: &mut Vm, base: usize, func: usize, n: usize) -> Result<usize>,
    /// Compiles Lua source. Nothing collects meanwhile.
    pub compile: Compile,
    /// Called when hooks or the instruction budget change, so that the
    /// executor can switch to (or from) instrumented execution.
    pub instrument: fn(vm: &mut Vm),
    /// Closes the to-be-closed variables of a suspended or failed coroutine
    /// and ends it: `Ok`, or the error it failed with or its last `__close` raised.
    pub close_thread: fn(vm: &mut Vm, thread: *mut Thread) -> Result<()>,
    /// Calls pending `__gc` handlers on behalf of the host frame at slot `base`.
    pub finalize: fn(vm: &mut Vm, base: usize) -> Result<()>,
    /// What `ProtoObj::entry` of a new prototype is.
    pub entry: *const (),
    /// Called when `Vm::meta_epoch` has changed while `Vm::epoch_assumed` was
    /// set, which it no longer is.
    pub epoch_changed: fn(vm: &mut Vm),
    /// Called when `Vm::upvalues_set` was set.
    pub upvalues_set: fn(vm: &mut Vm),
    /// Called with the main function of a module that was loaded, before anything
    /// else knows of it.
    pub loaded: fn(vm: &mut Vm, main: *mut crate::proto::ProtoObj) -> Result<()>,
}

/// How to build a [`Vm`].
#[derive(Clone, Debug)]
pub struct VmConfig {
    /// Seeds string hashing and `math.random`; `None`: from the system.
    pub seed: Option<u64>,
    /// Most bytes of heap; `usize::MAX`: no limit.
    pub memory_limit: usize,
    /// `load` accepts bytecode.
    pub allow_bytecode: bool,
}

impl Default for VmConfig {
    fn default() -> VmConfig {
        VmConfig {
            seed: None,
            memory_limit: usize::MAX,
            allow_bytecode: false,
        }
    }
}

/// One Lua universe.
#[repr(C)]
pub struct Vm {
    /// The heap; its first field is the poll word.
    pub heap: Heap,
    /// First slot of the running thread's stack.
    pub stack: *mut Value,
    /// A new frame's registers must end at or below this.
    pub limit: *mut Value,
    /// End of open results; while a host function runs, of its frame.
    pub top: *mut Value,
    /// Base of the innermost frame, up to date outside fast paths.
    pub base: *mut Value,
    /// Where the innermost frame goes on if it is a Lua frame; likewise.
    pub pc: *const Insn,
    /// The running thread.
    pub cur: *mut Thread,
    /// Compiled code charges the instructions it executes: there was an
    /// instruction limit.
    pub charges: bool,
    /// Changes when a fact about a metatable that inline caches use does.
    pub meta_epoch: u32,
    /// Compiled code relies on `meta_epoch` as it is.
    pub epoch_assumed: bool,
    /// The debug library has assigned to a captured variable: what their code
    /// says of upvalues (`strata_spec::fixed`) does not hold any more.
    pub upvalues_set: bool,
    /// Host calls under way.
    pub host_depth: u32,
    /// The running thread has a hook for calls or returns.
    pub hooked: bool,
    /// Code may only be interpreted: hooks are on.
    pub interpret_only: bool,
    /// Changes when native frames must not go on: somebody wrote to their
    /// VM frames, their code was invalidated, `interpret_only` was set.
    pub native_epoch: u32,
    /// Native frames below this address are one too many: compiled code
    /// leaves to the interpreter, which needs no native stack. 0: not set.
    pub native_limit: usize,
    /// What a helper answered that compiled code called through its
    /// trampoline, see the executor's tier 1.
    pub native_answer: usize,
    /// Activations of compiled code under way; its memory is reused at 0 only.
    pub native_depth: u32,
    /// The innermost activation of compiled code: `host_depth`, and the slot
    /// of the frame with which it began.
    pub native_entry: (u32, u32),
    /// Times that native frames were dropped, as far as nobody was told.
    pub native_drops: u64,
    /// Somebody wants to know which frames were dropped, and why.
    pub trace_drops: bool,
    /// Stress: slots by which a stack grows at a time, and always moves then;
    /// 0: off.
    pub stack_step: usize,
    /// First call and back-edge budgets of new prototypes.
    pub budgets: (i32, i32),
    /// Handlers by opcode; owned by the executor.
    pub dispatch: [*const (); 256],
    /// A control request of the host function that returned.
    pub ctl: Ctl,
    /// The executor.
    pub exec: Exec,
    /// Budgets.
    pub limits: Limits,
    /// Shapes.
    pub shapes: ShapeTable,
    /// Allocation sites of tables; 0 is a dummy.
    pub sites: Vec<Site>,
    /// Where `sites` lie, for compiled code.
    pub site_data: *mut Site,
    /// Metatables of types without their own, by tag.
    pub type_meta: [*mut Table; 16],
    /// Names of metamethods, by [`Event`].
    pub event_names: [*mut Str; EVENT_COUNT],
    /// The main thread.
    pub main: *mut Thread,
    /// The registry; also holds what the library keeps between calls.
    pub registry: *mut Table,
    /// The table of globals.
    pub globals: *mut Table,
    /// Values the host holds, by handle; free entries are chained.
    pub handles: Handles,
    /// `load` accepts bytecode.
    pub allow_bytecode: bool,
    /// The error being raised, while handlers and `__close` run.
    pub raising: Value,
    /// Traceback of the last error that reached the host.
    pub last_traceback: Option<Vec<u8>>,
    /// State of library functions that is not in tables.
    pub lib: crate::stdlib::LibState,
    /// State of the executor that lives as long as the VM.
    pub exec_data: Option<Box<dyn std::any::Any + Send>>,
    main_stack: MmapMut,
}

// SAFETY: every raw pointer in a `Vm` leads into its own heap or stack, which
// move with it; nothing is shared with another thread but the poll word, an
// atomic. Host functions and userdata are `Send` by their types.
unsafe impl Send for Vm {}

/// Values held by the host.
#[derive(Debug, Default)]
pub struct Handles {
    values: Vec<Value>,
    free: Vec<u32>,
}

impl Handles {
    /// Keeps `v` alive until [`release`](Self::release).
    pub fn hold(&mut self, v: Value) -> u32 {
        if let Some(i) = self.free.pop() {
            self.values[i as usize] = v;
            return i;
        }
        self.values.push(v);
        self.values.len() as u32 - 1
    }

    /// The value of a handle.
    pub fn get(&self, handle: u32) -> Value {
        self.values[handle as usize]
    }

    /// Lets go of a handle.
    pub fn release(&mut self, handle: u32) {
        self.values[handle as usize] = NIL;
        self.free.push(handle);
    }

    /// All values, for the collector.
    pub fn iter(&self) -> impl Iterator<Item = Value> + '_ {
        self.values.iter().copied()
    }
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vm({} bytes)", self.heap.bytes)
    }
}

const MAIN_SLOTS: usize = MAX_STACK + ERROR_STACK + 2 * SLACK;
const FIRST_LIMIT: usize = 2048;

impl Vm {
    /// A VM with empty globals and no library.
    ///
    /// # Errors
    /// The address space for the main stack can't be reserved.
    pub fn new(config: &VmConfig, exec: Exec) -> std::io::Result<Box<Vm>> {
        let seed = config.seed.unwrap_or_else(crate::os::random_seed);
        let mut main_stack = MmapMut::map_anon(MAIN_SLOTS * size_of::<Value>())?;
        let stack = main_stack.as_mut_ptr().cast::<Value>();
        let mut heap = Heap::new(seed);
        heap.limit = config.memory_limit;
        let mut shapes = ShapeTable::new(&mut heap);
        let registry = heap.new_table(shapes.root(), 0);
        let globals = heap.new_table(shapes.root(), 0);
        let main = heap.new_thread(Thread {
            hdr: crate::object::GcHeader {
                kind: tag::THREAD,
                mark: 0,
                flags: 0,
                heap: 0,
                aux: 0,
            },
            stack,
            cap: MAIN_SLOTS,
            limit: stack.wrapping_add(FIRST_LIMIT),
            base: std::ptr::null_mut(),
            pc: std::ptr::null(),
            top: stack,
            open: std::ptr::null_mut(),
            tbc: Vec::new(),
            resumer: std::ptr::null_mut(),
            status: ThreadStatus::Running,
            wrapped: false,
            host_calls: 0,
            catchers: 0,
            handlers: 0,
            hook: Hook::default(),
        });
        let event_names = Event::ALL.map(|e| {
            let s = heap.str(e.name().as_bytes());
            // SAFETY: the string was just created.
            unsafe { (*s).hdr.flags |= crate::object::gcflag::FIXED };
            s
        });
        let _ = &mut shapes;
        let vm = Vm {
            heap,
            stack,
            limit: stack.wrapping_add(FIRST_LIMIT),
            top: stack,
            base: std::ptr::null_mut(),
            pc: std::ptr::null(),
            cur: main,
            meta_epoch: 1,
            epoch_assumed: false,
            upvalues_set: false,
            host_depth: 0,
            hooked: false,
            charges: false,
            interpret_only: false,
            native_epoch: 0,
            native_limit: 0,
            native_answer: 0,
            stack_step: 0,
            native_depth: 0,
            native_entry: (0, 0),
            native_drops: 0,
            trace_drops: false,
            budgets: (i32::MAX, i32::MAX),
            dispatch: [std::ptr::null(); 256],
            ctl: Ctl {
                at: 0,
                n: 0,
                cont: 0,
                thread: std::ptr::null_mut(),
                wrap: false,
            },
            exec,
            limits: Limits::default(),
            shapes,
            sites: Vec::new(),
            site_data: std::ptr::null_mut(),
            type_meta: [std::ptr::null_mut(); 16],
            event_names,
            main,
            registry,
            globals,
            handles: Handles::default(),
            allow_bytecode: config.allow_bytecode,
            raising: NIL,
            last_traceback: None,
            lib: crate::stdlib::LibState::new(seed),
            exec_data: None,
            main_stack,
        };
        Ok(Box::new(vm))
    }

    // ---- stacks

    /// End of the slots that may be written on the running thread's stack.
    #[inline(always)]
    pub fn stack_end(&self) -> *mut Value {
        self.limit.wrapping_add(SLACK)
    }

    /// Makes room for `n` slots above `vm.top`: raises the main stack's soft
    /// limit or moves a coroutine's stack (then `stack`, `base`, `top`,
    /// `limit` and open upvalues are relocated; other pointers into the stack
    /// are stale).
    ///
    /// # Errors
    /// "stack overflow" beyond [`MAX_STACK`] slots; out of memory.
    pub fn grow_stack(&mut self, n: usize) -> Result<()> {
        let used = (self.top as usize - self.stack as usize) / size_of::<Value>();
        let size = (self.limit as usize - self.stack as usize) / size_of::<Value>();
        let need = used + n;
        if need <= size {
            return Ok(());
        }
        // SAFETY: `cur` is the live running thread.
        let handling = unsafe { (*self.cur).handlers > 0 };
        let most = if handling {
            MAX_STACK + ERROR_STACK - SLACK
        } else {
            MAX_STACK
        };
        if need > most {
            return Err(self.error_at(0, b"stack overflow"));
        }
        let new_size = match self.stack_step {
            0 => (size * 2).max(need + SLACK).min(most),
            // A part of its size, lest deep recursion take quadratic time.
            step => (need + step + size / 16).min(most),
        };
        if self.cur == self.main {
            self.limit = self.stack.wrapping_add(new_size);
            return Ok(());
        }
        self.move_stack(new_size)?;
        Ok(())
    }

    /// Stress: has stacks grow by no more than `slots` slots at a time, and
    /// coroutines' move each time; or no longer. To be called while nothing runs.
    pub fn stress_stack(&mut self, slots: Option<usize>) {
        let Some(slots) = slots else {
            self.stack_step = 0;
            return;
        };
        self.stack_step = slots.max(1);
        let used = (self.top as usize - self.stack as usize) / size_of::<Value>();
        if self.cur == self.main {
            self.limit = self.stack.wrapping_add(used + SLACK);
        }
    }

    fn move_stack(&mut self, new_size: usize) -> std::result::Result<(), OutOfMemory> {
        let thread = self.cur;
        let old = self.stack;
        // SAFETY: `thread` is the running coroutine; its stack was allocated
        // by `new_coroutine` or here with `cap` slots, the new one holds at
        // least as many, and every pointer into it is relocated below.
        unsafe {
            let cap = new_size + SLACK;
            self.heap
                .check((cap - (*thread).cap) * size_of::<Value>())?;
            let (had, has) = ((*thread).cap * size_of::<Value>(), cap * size_of::<Value>());
            let new = if self.stack_step == 0 {
                self.heap.raw_realloc(old.cast(), had, has)
            } else {
                // Under stress it really moves, and what was there is gone.
                let new = self.heap.raw_alloc(has);
                new.copy_from_nonoverlapping(old.cast(), had);
                old.write_bytes(0xa5, (*thread).cap);
                self.heap.raw_free(old.cast(), had);
                new
            }
            .cast::<Value>();
            let moved = |p: *mut Value| new.byte_add(p as usize - old as usize);
            for i in (*thread).cap..cap {
                *new.add(i) = NIL;
            }
            (*thread).stack = new;
            (*thread).cap = cap;
            self.stack = new;
            self.top = moved(self.top);
            if !self.base.is_null() {
                self.base = moved(self.base);
            }
            self.limit = new.add(new_size);
            let mut u: *mut Upval = (*thread).open;
            while !u.is_null() {
                (*u).v = moved((*u).v);
                u = (*u).next;
            }
        }
        Ok(())
    }

    /// A suspended coroutine that will call `f`.
    ///
    /// # Errors
    /// Out of memory.
    pub fn new_coroutine(&mut self, f: Value) -> Result<*mut Thread> {
        // Room for the frame it begins with, which most never leave for long.
        let cap = match f.tag {
            // SAFETY: the caller's function is live.
            tag::CLOSURE if self.stack_step == 0 => unsafe {
                let regs = usize::from((*(*f.as_closure()).proto).regs);
                INITIAL_CORO.max(SLACK + regs + 4)
            },
            _ => INITIAL_CORO,
        };
        let bytes = cap * size_of::<Value>();
        self.heap.check(bytes)?;
        let stack = self.heap.raw_alloc(bytes).cast::<Value>();
        // SAFETY: `stack` has so many slots, all written here.
        unsafe {
            for i in 0..cap {
                *stack.add(i) = NIL;
            }
            *stack = f;
            // SAFETY: `cur` is the live running thread.
            let hook = Hook {
                inside: false,
                ..(*self.cur).hook
            };
            Ok(self.heap.new_thread(Thread {
                hdr: crate::object::GcHeader {
                    kind: tag::THREAD,
                    mark: 0,
                    flags: 0,
                    heap: 0,
                    aux: 0,
                },
                stack,
                cap,
                limit: stack.add(cap - SLACK),
                base: std::ptr::null_mut(),
                pc: std::ptr::null(),
                top: stack.add(1),
                open: std::ptr::null_mut(),
                tbc: Vec::new(),
                resumer: std::ptr::null_mut(),
                status: ThreadStatus::Suspended,
                wrapped: false,
                host_calls: 0,
                catchers: 0,
                handlers: 0,
                hook,
            }))
        }
    }

    /// Makes `thread` the running one: saves the cached registers of the old
    /// and loads the new one's.
    ///
    /// # Safety
    /// `thread` is live.
    pub unsafe fn switch_to(&mut self, thread: *mut Thread) {
        // SAFETY: `cur` is live by invariant, `thread` by the caller.
        unsafe {
            let old = self.cur;
            (*old).base = self.base;
            (*old).pc = self.pc;
            (*old).top = self.top;
            (*old).limit = self.limit;
            // Its stack is written without barriers from here on.
            self.heap.barrier(thread.cast());
            self.cur = thread;
            self.stack = (*thread).stack;
            self.base = (*thread).base;
            self.pc = (*thread).pc;
            self.top = (*thread).top;
            self.limit = (*thread).limit;
        }
    }

    // ---- strings and numbers

    /// The bytes of a string; flattens a concatenation node. Valid while the
    /// string lives.
    #[inline]
    pub fn bytes<'b>(&mut self, s: *mut Str) -> &'b [u8] {
        // SAFETY: callers hold live strings; see the lifetime note above.
        unsafe { crate::heap::strings::bytes(&mut self.heap, s) }
    }

    /// A string value.
    ///
    /// # Errors
    /// No memory; a limit, if it is long.
    pub fn str_value(&mut self, bytes: &[u8]) -> Result<Value> {
        Ok(Value::str(self.str_in_pieces(bytes)?))
    }

    /// The number a value is or, as a string, spells.
    pub fn to_number(&mut self, v: Value) -> Option<Value> {
        match v.tag {
            tag::INT | tag::FLOAT => Some(v),
            tag::STR => number::parse(self.bytes(v.as_str())).map(|n| match n {
                Number::Int(i) => Value::int(i),
                Number::Float(f) => Value::float(f),
            }),
            _ => None,
        }
    }

    /// The integer a value is, converts to exactly, or spells.
    pub fn to_integer(&mut self, v: Value) -> Option<i64> {
        match v.tag {
            tag::INT => Some(v.as_int()),
            tag::FLOAT => float_to_int(v.as_float()),
            tag::STR => {
                let n = self.to_number(v)?;
                self.to_integer(n)
            }
            _ => None,
        }
    }

    /// A number as `tostring` writes it.
    pub fn number_to_str(&mut self, v: Value) -> *mut Str {
        let buf = if v.tag == tag::INT {
            NumBuf::int(v.as_int())
        } else {
            NumBuf::float(v.as_float())
        };
        self.heap.str(buf.as_bytes())
    }

    // ---- errors

    /// A Lua error whose message is prefixed with the position of the frame
    /// at `level` (0 the innermost) if that is a Lua function.
    #[cold]
    pub fn error_at(&mut self, level: usize, msg: &[u8]) -> Error {
        let mut text = self.position_prefix(level);
        text.extend_from_slice(msg);
        match self.heap.try_str(&text) {
            Ok(s) => Error::lua(Value::str(s)),
            Err(e) => e.into(),
        }
    }

    /// "chunk:line: " of the frame at `level`, or nothing.
    pub fn position_prefix(&self, level: usize) -> Vec<u8> {
        let Some(frame) = self.frame_at(level) else {
            return Vec::new();
        };
        let Some(proto) = frame.proto() else {
            return Vec::new();
        };
        let mut text = strata_spec::chunk_id(proto.source());
        let line = frame.pos().line;
        if line == 0 {
            // Stripped: what an instruction raises says so, what a host
            // function raises has no position.
            return if level == 0 {
                b"?:-1: ".to_vec()
            } else {
                Vec::new()
            };
        } else {
            text.extend_from_slice(format!(":{line}: ").as_bytes());
        }
        text
    }

    /// What `pcall` would return as the message of `e`, or the error back if
    /// Lua code can't catch it.
    pub fn catchable(&mut self, e: Error) -> std::result::Result<Value, Error> {
        match *e.0 {
            Cause::Lua(v) => Ok(v),
            Cause::Memory if self.heap.limit == usize::MAX => {
                Ok(Value::str(self.heap.str(b"not enough memory")))
            }
            Cause::Memory => Err(Error::limit(crate::error::Limit::Memory)),
            other => Err(Error(Box::new(other))),
        }
    }

    /// A value's type as `luaL_typeerror` names it: `__name` of its metatable
    /// if that is a string.
    pub fn type_name_meta(&mut self, v: Value) -> Vec<u8> {
        let name = crate::metatable::metamethod(self, v, Event::Name);
        if name.is_str() && (v.tag == tag::TABLE || v.tag == tag::USERDATA) {
            return self.bytes(name.as_str()).to_vec();
        }
        if v.tag == tag::LIGHT {
            return b"light userdata".to_vec();
        }
        v.type_name().as_bytes().to_vec()
    }

    /// "io.write"-like name of a function that is a field of a loaded module.
    pub fn global_function_name(&mut self, f: Value) -> Option<Vec<u8>> {
        let loaded = self.heap.str(b"_LOADED");
        // SAFETY: the registry and what it holds are live.
        unsafe {
            let loaded = table::get_str(self.registry, loaded);
            if !loaded.is_table() {
                return None;
            }
            let mut best: Option<Vec<u8>> = None;
            let mut key = NIL;
            while let Ok(Some((k, module))) = table::next(loaded.as_table(), key) {
                key = k;
                if !k.is_str() || !module.is_table() {
                    continue;
                }
                let mut field = NIL;
                while let Ok(Some((name, v))) = table::next(module.as_table(), field) {
                    field = name;
                    if name.is_str() && v.raw_eq(f) {
                        let module_name = self.bytes(k.as_str());
                        let mut full = Vec::new();
                        if module_name != b"_G" {
                            full.extend_from_slice(module_name);
                            full.push(b'.');
                        }
                        full.extend_from_slice(self.bytes(name.as_str()));
                        if module_name == b"_G" {
                            return Some(full);
                        }
                        best = Some(full);
                        break;
                    }
                }
            }
            best
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.detach_interrupts();
        // SAFETY: nothing runs any more; host data is dropped by the heap.
        unsafe { self.heap.free_all() };
        let _ = &self.main_stack;
    }
}
