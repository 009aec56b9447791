//! From a VM into a [`Message`].
//!
//! Tables and functions that are met get a number and wait on a list, so the
//! depth of nesting costs no native stack. A metatable is copied as a part of
//! its table. A function of a script goes as the bytecode of its own subtree,
//! which is verified, once for all messages that name it ([`Modules`]), with
//! the values of its upvalues. The table of globals, libraries and their
//! functions are not copied where functions refer to them: they go by name, and
//! stand for those of the receiver.
//!
//! What has no copy is refused with its path: coroutines, files and other
//! userdata, and functions of the host that are in no library.

use super::ActorRef;
use super::message::{Bulk, FunctionCopy, Message, PART, Part, TableCopy};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::{Arc, Weak};
use strata_runtime::error::Error;
use strata_runtime::limits::Allowance;
use strata_runtime::metatable::metatable_of;
use strata_runtime::object::{Closure, ProtoObj, Table};
use strata_runtime::stdlib::package;
use strata_runtime::table::next_at;
use strata_runtime::value::{Value, tag};
use strata_runtime::{Vm, limits};
use strata_spec::fixed::Fixed;
use strata_spec::{Module, VerifyFault};

/// Why there is no message.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A value can't be sent, or there is too much: which, and why.
    Value(String),
    /// A limit of the sender.
    Vm(Error),
}

impl From<Error> for Refusal {
    fn from(e: Error) -> Refusal {
        Refusal::Vm(e)
    }
}

/// A module, and one of a function that was cut out of it.
type CutOut = (Weak<Module>, Arc<Module>);

/// The bytecode of functions that were sent, so that each is cut out and
/// verified once.
#[derive(Debug, Default)]
pub(super) struct Modules(Mutex<FxHashMap<(usize, u32), CutOut>>);

/// From so many on, those whose source is gone are forgotten.
const MANY: usize = 256;

impl Modules {
    /// The module whose main function is this one.
    fn of(&self, vm: &mut Vm, p: &ProtoObj) -> Result<Arc<Module>, Error> {
        let source = &p.module.module;
        if p.id.0 == 0 {
            return Ok(Arc::clone(source));
        }
        let key = (Arc::as_ptr(source) as usize, p.id.0);
        if let Some((from, part)) = self.0.lock().get(&key)
            && from
                .upgrade()
                .is_some_and(|from| Arc::ptr_eq(&from, source))
        {
            return Ok(Arc::clone(part));
        }
        let part = source.subtree(p.id);
        let mut allowance = Allowance::new(vm);
        match strata_spec::verify_within(&part, &mut allowance) {
            Ok(()) => {}
            Err(VerifyFault::Stopped) => return Err(limits::Allowance::into_error(allowance)),
            Err(VerifyFault::Invalid(e)) => {
                let text =
                    format!("a part of verified bytecode is invalid ({e}); please report this");
                return Err(vm.error_at(0, text.as_bytes()));
            }
        }
        let part = Arc::new(part);
        let mut known = self.0.lock();
        if known.len() >= MANY && known.len().is_power_of_two() {
            known.retain(|_, (from, _)| from.strong_count() > 0);
        }
        known.insert(key, (Arc::downgrade(source), Arc::clone(&part)));
        Ok(part)
    }
}

/// What leads from one value to the next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Argument `n` of `of`, from 1.
    Argument(usize, usize),
    /// The value at a key.
    Value(Value),
    /// A key itself.
    Key,
    /// An upvalue of a function.
    Upvalue(*mut Closure, usize),
    Metatable,
}

/// A number of `Copier::paths`.
type Path = u32;

/// The path before the first step.
const START: Path = u32::MAX;

enum Work {
    Table(u32, *mut Table, Path),
    Function(u32, *mut Closure, Path),
}

struct Copier<'v> {
    vm: &'v mut Vm,
    modules: &'v Modules,
    bulk: Bulk,
    bytes: usize,
    most: usize,
    /// Numbers of tables and functions by address.
    seen: FxHashMap<u64, u32>,
    /// Numbers of upvalues by address.
    upvalues: FxHashMap<usize, u32>,
    work: Vec<Work>,
    /// Where what waits was met.
    paths: Vec<(Path, Step)>,
}

/// A copy of these values of `vm`, of at most `most` bytes.
///
/// # Errors
/// A value can't be sent; there is too much; a limit of the VM.
pub(super) fn copy_out(
    vm: &mut Vm,
    values: &[Value],
    most: usize,
    modules: &Modules,
) -> Result<Message, Refusal> {
    let mut parts = SmallVec::with_capacity(values.len());
    let mut bytes = 0;
    for (n, v) in values.iter().enumerate() {
        match scalar(vm, *v, most, &mut bytes)? {
            Some(part) => parts.push(part),
            None => {
                // It is worth a copier.
                let first = (n, parts, bytes);
                return copy_bulk(vm, values, first, most, modules);
            }
        }
    }
    Ok(Message {
        parts,
        bulk: None,
        bytes,
    })
}

/// The part for a value without parts of its own.
fn scalar(vm: &mut Vm, v: Value, most: usize, bytes: &mut usize) -> Result<Option<Part>, Refusal> {
    Ok(Some(match v.tag {
        tag::NIL => Part::Nil,
        tag::FALSE => Part::Boolean(false),
        tag::TRUE => Part::Boolean(true),
        tag::INT => Part::Integer(v.as_int()),
        tag::FLOAT => Part::Number(v.as_float()),
        tag::STR => {
            // SAFETY: the caller's value is live.
            let len = unsafe { (*v.as_str()).len };
            *bytes = bytes.saturating_add(len);
            if *bytes > most {
                return Err(too_much(most));
            }
            if len > 1 << 14 {
                vm.tick(len as u64 / 8)?;
            }
            Part::String(vm.bytes_within(v.as_str())?.into())
        }
        tag::USERDATA => {
            // SAFETY: as above.
            let data = unsafe { (*v.as_userdata()).data.as_ref() };
            match data.and_then(|data| data.downcast_ref::<ActorRef>()) {
                Some(actor) => Part::Actor(actor.clone()),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    }))
}

fn too_much(most: usize) -> Refusal {
    Refusal::Value(format!("a message may have {most} bytes at most"))
}

fn copy_bulk(
    vm: &mut Vm,
    values: &[Value],
    (first, mut parts, bytes): (usize, SmallVec<[Part; 2]>, usize),
    most: usize,
    modules: &Modules,
) -> Result<Message, Refusal> {
    let mut copier = Copier {
        vm,
        modules,
        bulk: Bulk::default(),
        bytes,
        most,
        seen: FxHashMap::default(),
        upvalues: FxHashMap::default(),
        work: Vec::new(),
        paths: Vec::new(),
    };
    for (n, v) in values.iter().enumerate().skip(first) {
        let part = copier.part(*v, START, Step::Argument(n + 1, values.len()))?;
        parts.push(part);
    }
    while let Some(work) = copier.work.pop() {
        match work {
            // SAFETY: what is reachable from the caller's values lives, since
            // nothing collects here.
            Work::Table(n, t, path) => unsafe { copier.table(n, t, path)? },
            // SAFETY: as above.
            Work::Function(n, f, path) => unsafe { copier.function(n, f, path)? },
        }
    }
    Ok(Message {
        parts,
        bytes: copier.bytes,
        bulk: Some(Box::new(copier.bulk)),
    })
}

impl Copier<'_> {
    /// Charges so many bytes more.
    fn charge(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.most {
            return Err(too_much(self.most));
        }
        Ok(self.vm.tick(8)?)
    }

    fn part(&mut self, v: Value, from: Path, step: Step) -> Result<Part, Refusal> {
        if let Some(part) = scalar(self.vm, v, self.most, &mut self.bytes)? {
            return Ok(part);
        }
        let known = self.seen.get(&v.payload).copied();
        match v.tag {
            tag::TABLE => Ok(Part::Table(match known {
                Some(n) => n,
                None => {
                    self.charge(size_of::<TableCopy>())?;
                    let n = self.bulk.tables.len() as u32;
                    self.bulk.tables.push(TableCopy::default());
                    self.seen.insert(v.payload, n);
                    let path = self.go(from, step);
                    self.work.push(Work::Table(n, v.as_table(), path));
                    n
                }
            })),
            tag::CLOSURE => Ok(Part::Function(match known {
                Some(n) => n,
                None => {
                    // SAFETY: the caller's value is live, and so is its prototype.
                    let p = unsafe { &*(*v.as_closure()).proto };
                    let module = self.modules.of(self.vm, p)?;
                    self.charge(size_of::<FunctionCopy>())?;
                    let n = self.bulk.functions.len() as u32;
                    self.bulk.functions.push(FunctionCopy {
                        module,
                        upvalues: Box::default(),
                    });
                    self.seen.insert(v.payload, n);
                    let path = self.go(from, step);
                    self.work.push(Work::Function(n, v.as_closure(), path));
                    n
                }
            })),
            tag::NATIVE => match self.vm.global_function_name(v) {
                Some(name) => {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    self.charge(name.len())?;
                    Ok(Part::Library(name.into()))
                }
                None => Err(self.refuse("a function of the host", from, step)),
            },
            tag::THREAD => Err(self.refuse("a coroutine", from, step)),
            tag::LIGHT => Err(self.refuse("a light userdata", from, step)),
            _ => {
                let name = self.vm.type_name_meta(v);
                let what = match &name[..] {
                    b"userdata" => "a userdata".to_string(),
                    name => format!("a userdata ({})", String::from_utf8_lossy(name)),
                };
                Err(self.refuse(&what, from, step))
            }
        }
    }

    /// Notes where something was met.
    fn go(&mut self, from: Path, step: Step) -> Path {
        self.paths.push((from, step));
        self.paths.len() as Path - 1
    }

    /// # Safety
    /// `t` is live.
    unsafe fn table(&mut self, n: u32, t: *mut Table, path: Path) -> Result<(), Refusal> {
        let mut copy = TableCopy::default();
        let mut cursor = 0;
        // SAFETY: the caller says that it is live; nothing changes it here.
        while let Some((next, key, v)) = unsafe { next_at(t, cursor) } {
            cursor = next;
            self.charge(2 * PART)?;
            let value = self.part(v, path, Step::Value(key))?;
            let key = self.part(key, path, Step::Key)?;
            copy.add(key, value);
        }
        let meta = metatable_of(self.vm, Value::table(t));
        if !meta.is_null() {
            copy.meta = Some(self.part(Value::table(meta), path, Step::Metatable)?);
        }
        self.bulk.tables[n as usize] = copy;
        Ok(())
    }

    /// # Safety
    /// `f` is live.
    unsafe fn function(&mut self, n: u32, f: *mut Closure, path: Path) -> Result<(), Refusal> {
        // SAFETY: the caller says that it is live, and so is what it refers to.
        unsafe {
            let p = (*f).proto;
            let mut numbers = Vec::new();
            for i in 0..(*f).hdr.aux as usize {
                let up = Closure::upval(f, i);
                let v = *(*up).v;
                let known = self.upvalues.get(&(up as usize)).copied();
                let number = match known {
                    Some(number) => number,
                    None => {
                        let number = self.bulk.upvalues.len() as u32;
                        self.charge(size_of::<super::message::UpvalueCopy>())?;
                        self.bulk.upvalues.push(Default::default());
                        let value = match library(self.vm, v) {
                            Some(name) => Part::Library(name.into()),
                            None => self.part(v, path, Step::Upvalue(f, i))?,
                        };
                        self.bulk.upvalues[number as usize].value = value;
                        // Each function gets the globals for itself.
                        if v.payload != self.vm.globals as u64 || !v.is_table() {
                            self.upvalues.insert(up as usize, number);
                        }
                        number
                    }
                };
                let module = &(*p).module;
                let fixed = module.upvalues.fixed(&module.module, (*p).id, i as u8);
                let copy = &mut self.bulk.upvalues[number as usize];
                copy.uses += 1;
                copy.assigned |= fixed == Fixed::Assigned;
                numbers.push(number);
            }
            self.bulk.functions[n as usize].upvalues = numbers.into();
        }
        Ok(())
    }

    /// The error about the value to which `step` leads.
    #[cold]
    fn refuse(&mut self, what: &str, from: Path, step: Step) -> Refusal {
        let mut steps = vec![step];
        let mut at = from;
        while let Some((before, step)) = self.paths.get(at as usize) {
            steps.push(*step);
            at = *before;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            // The end tells more than the middle.
            if path.len() > 400 {
                path = format!("…{}", &path[path.ceil_char_boundary(path.len() - 200)..]);
            }
            self.write(step, &mut path);
        }
        Refusal::Value(format!("{path}: {what} cannot be sent"))
    }

    fn write(&mut self, step: Step, path: &mut String) {
        match step {
            Step::Argument(_, 1) => path.push_str("message"),
            Step::Argument(n, _) => path.push_str(&format!("message value {n}")),
            Step::Key => path.push_str(" (a key)"),
            Step::Metatable => path.push_str(" (metatable)"),
            Step::Upvalue(f, i) => {
                // SAFETY: the function was reached from a live value.
                let p = unsafe { &*(*f).proto };
                let name = p.spec().upvals.get(i).and_then(|u| u.name);
                let name = name.map_or("?".into(), |id| String::from_utf8_lossy(p.module.str(id)));
                path.push_str(&format!(" (upvalue '{name}')"));
            }
            Step::Value(key) if key.is_str() => {
                let name = self.vm.bytes(key.as_str());
                let name = String::from_utf8_lossy(&name[..name.len().min(60)]);
                let plain = |c: char| c == '_' || c.is_ascii_alphanumeric();
                if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
                    path.push_str(&format!(".{name}"));
                } else {
                    path.push_str(&format!("[{name:?}]"));
                }
            }
            Step::Value(key) if key.is_number() => {
                let s = self.vm.number_to_str(key);
                let text = String::from_utf8_lossy(self.vm.bytes(s)).into_owned();
                path.push_str(&format!("[{text}]"));
            }
            Step::Value(key) => path.push_str(&format!("[a {}]", key.type_name())),
        }
    }
}

/// The library, or the table of globals, that a value is.
fn library(vm: &mut Vm, v: Value) -> Option<&'static str> {
    if !v.is_table() {
        return None;
    }
    if v.as_table() == vm.globals {
        return Some("_G");
    }
    LIBRARIES
        .iter()
        .copied()
        .find(|name| package::loaded(vm, name.as_bytes()).is_some_and(|known| known.raw_eq(v)))
}

/// Libraries that each VM has its own of.
const LIBRARIES: [&str; 11] = [
    "coroutine",
    "debug",
    "io",
    "math",
    "os",
    "package",
    "string",
    "table",
    "utf8",
    "jit",
    "actors",
];
