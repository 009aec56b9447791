//! From a [`Message`] into a VM.
//!
//! Nothing collects while a host function runs, so that new objects need no
//! roots before they are on the stack. Tables and functions are made empty
//! first, then filled, so that they may refer to each other in any way;
//! metatables are set last, when they are complete. The bytecode of a function
//! is loaded once in each VM ([`Loaded`]); it was verified when it was sent.

use super::context;
use super::message::{Bulk, Message, Part};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use strata_runtime::Vm;
use strata_runtime::error::{OutOfMemory, Result};
use strata_runtime::load::{load_module, main_closure};
use strata_runtime::metatable::set_metatable;
use strata_runtime::object::{Closure, Table, Upval};
use strata_runtime::ops::meta::set_error;
use strata_runtime::stdlib::{self, package};
use strata_runtime::table;
use strata_runtime::value::{NIL, Value, tag};
use strata_spec::Module;

/// The modules that a VM has loaded because functions came with messages:
/// handles of closures of their main functions.
#[derive(Debug, Default)]
pub(super) struct Loaded(FxHashMap<usize, (Arc<Module>, u32)>);

/// Slots that stay free above what is pushed.
const ROOM: usize = 32;

/// Modules that are kept loaded; with more, all are loaded anew when needed.
const MOST: usize = 256;

impl Loaded {
    /// A closure of the module's main function, without upvalues of its own.
    fn template(&mut self, vm: &mut Vm, module: &Arc<Module>) -> Result<*mut Closure> {
        let key = Arc::as_ptr(module) as usize;
        if let Some((_, handle)) = self.0.get(&key) {
            return Ok(vm.handles.get(*handle).as_closure());
        }
        let proto = load_module(vm, Arc::clone(module))?;
        let closure = main_closure(vm, proto, None);
        if self.0.len() >= MOST {
            self.release(vm);
        }
        let handle = vm.handles.hold(Value::closure(closure));
        self.0.insert(key, (Arc::clone(module), handle));
        Ok(closure)
    }

    /// Forgets all.
    pub(super) fn release(&mut self, vm: &mut Vm) {
        for (_, (_, handle)) in self.0.drain() {
            vm.handles.release(handle);
        }
    }
}

/// Pushes the values of a message to the running stack.
///
/// # Errors
/// A limit of the VM; what the receiver lacks.
pub(super) fn copy_in(vm: &mut Vm, loaded: &mut Loaded, message: Message) -> Result<()> {
    vm.grow_stack(message.len() + ROOM)?;
    let put = |vm: &mut Vm, v: Value| {
        // SAFETY: there is room for all values and more.
        unsafe {
            *vm.top = v;
            vm.top = vm.top.add(1);
        }
    };
    let Message { parts, bulk, bytes } = message;
    // Small ones may overshoot, as other allocations do.
    if bytes > 1 << 14 {
        vm.heap.check(bytes)?;
    }
    let Some(bulk) = bulk else {
        let none = Unpacker::default();
        for part in parts {
            let v = none.value(vm, part)?;
            put(vm, v);
        }
        return Ok(());
    };
    let mut unpacker = Unpacker::new(vm, loaded, &bulk)?;
    unpacker.fill(vm, *bulk)?;
    for part in parts {
        let v = unpacker.value(vm, part)?;
        put(vm, v);
    }
    Ok(())
}

/// The objects of a message, by their numbers.
#[derive(Default)]
struct Unpacker {
    tables: Vec<*mut Table>,
    functions: Vec<*mut Closure>,
    upvalues: Vec<*mut Upval>,
}

impl Unpacker {
    fn new(vm: &mut Vm, loaded: &mut Loaded, bulk: &Bulk) -> Result<Unpacker> {
        let mut all = Unpacker::default();
        for copy in &bulk.tables {
            vm.tick(16)?;
            let t = stdlib::new_library(vm, &[])?;
            // Entries named by strings have places of their own.
            let others = copy.entries.iter();
            let others = others.filter(|(key, _)| !matches!(key, Part::String(_)));
            // SAFETY: the table was just made.
            unsafe { table::reserve(vm, t, copy.list.len(), others.count())? };
            all.tables.push(t);
        }
        for copy in &bulk.upvalues {
            let up = vm.heap.new_upval(std::ptr::null_mut());
            // SAFETY: it was just made.
            unsafe {
                (*up).closed = NIL;
                (*up).v = &raw mut (*up).closed;
            }
            all.upvalues.push(up);
            if copy.uses > 1 && copy.assigned && !vm.upvalues_set {
                // Functions that were loaded apart share a variable: what the
                // code of one says of it isn't all there is to know.
                vm.upvalues_set = true;
                (vm.exec.upvalues_set)(vm);
            }
        }
        for copy in &bulk.functions {
            vm.tick(16)?;
            let template = loaded.template(vm, &copy.module)?;
            // SAFETY: the template is held, so it and its prototype live; the
            // closure's upvalues are written before anything can collect.
            unsafe {
                let proto = (*template).proto;
                let n = (*proto).spec().upvals.len();
                let closure = vm.heap.new_closure(proto, n);
                for i in 0..n {
                    let number = copy.upvalues.get(i).map(|n| *n as usize);
                    let known = number.and_then(|n| all.upvalues.get(n).copied());
                    let Some(up) = known else {
                        return Err(vm.error_at(0, b"a function came without its upvalues"));
                    };
                    *(&raw mut (*closure).upvals).cast::<*mut Upval>().add(i) = up;
                }
                all.functions.push(closure);
            }
        }
        Ok(all)
    }

    fn fill(&mut self, vm: &mut Vm, bulk: Bulk) -> Result<()> {
        for (n, copy) in bulk.upvalues.into_iter().enumerate() {
            let v = self.value(vm, copy.value)?;
            let up = self.upvalues[n];
            // SAFETY: it was made for this message, and nothing has collected.
            unsafe {
                (*up).closed = v;
                vm.heap.barrier(up.cast());
            }
        }
        let mut metatables = Vec::new();
        for (n, copy) in bulk.tables.into_iter().enumerate() {
            let t = self.tables[n];
            for part in copy.list {
                vm.tick(4)?;
                let v = self.value(vm, part)?;
                // SAFETY: as above.
                unsafe { table::append(vm, t, v) }.map_err(|e| set_error(vm, e))?;
            }
            for (key, value) in copy.entries {
                vm.tick(8)?;
                let key = self.value(vm, key)?;
                let value = self.value(vm, value)?;
                // SAFETY: as above.
                unsafe { table::set(vm, t, key, value) }.map_err(|e| set_error(vm, e))?;
            }
            if let Some(meta) = copy.meta {
                metatables.push((t, meta));
            }
            if vm.heap.bytes > vm.heap.limit {
                return Err(OutOfMemory.into());
            }
        }
        for (t, meta) in metatables {
            let meta = self.value(vm, meta)?;
            if meta.is_table() {
                // SAFETY: both were made for this message, or are a library's.
                unsafe { set_metatable(vm, t, meta.as_table()) };
            }
        }
        Ok(())
    }

    fn value(&self, vm: &mut Vm, part: Part) -> Result<Value> {
        Ok(match part {
            Part::Nil => NIL,
            Part::Boolean(b) => Value::bool(b),
            Part::Integer(i) => Value::int(i),
            Part::Number(n) => Value::float(n),
            Part::String(s) => vm.str_value(&s)?,
            Part::Actor(actor) => context::reference(vm, actor)?,
            Part::Table(n) => self
                .tables
                .get(n as usize)
                .map_or(NIL, |t| Value::table(*t)),
            Part::Function(n) => {
                let f = self.functions.get(n as usize);
                f.map_or(NIL, |f| Value::closure(*f))
            }
            Part::Library(name) => by_name(vm, &name)?,
        })
    }
}

/// What a VM knows by a name: `_G`, `string`, `string.format`, `print`.
fn by_name(vm: &mut Vm, name: &str) -> Result<Value> {
    let found = match name.rsplit_once('.') {
        Some((module, field)) => {
            let module = package::loaded(vm, module.as_bytes());
            module.map_or(NIL, |module| field_of(vm, module, field))
        }
        None => match package::loaded(vm, name.as_bytes()) {
            Some(module) => module,
            None => {
                let globals = Value::table(vm.globals);
                field_of(vm, globals, name)
            }
        },
    };
    if found.is_nil() {
        let text = format!("a message refers to '{name}', which this actor does not have");
        return Err(vm.error_at(0, text.as_bytes()));
    }
    Ok(found)
}

fn field_of(vm: &mut Vm, table: Value, name: &str) -> Value {
    if table.tag != tag::TABLE {
        return NIL;
    }
    let key = vm.heap.str(name.as_bytes());
    // SAFETY: the caller's table is live.
    unsafe { table::get_str(table.as_table(), key) }
}
