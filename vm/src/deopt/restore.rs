//! `restore`: from a recorded state to interpreter frames.
//!
//! In four steps, for a place may be read that another value is written to:
//!
//! 1. objects that were never allocated are, empty;
//! 2. all values are read and boxed by their representation;
//! 3. the objects get their parts;
//! 4. the frames are laid out, outermost first: each one's link and extra
//!    arguments, nil in all registers, then the live ones.
//!
//! Nothing in between collects, and no Lua code runs.

use super::{Site, Waiting, poison};
use crate::interp;
use strata_runtime::Vm;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::error::OutOfMemory;
use strata_runtime::frame::{TAIL_BIT, VARARG, link_word, write_link};
use strata_runtime::object::{Closure, ProtoObj, Upval};
use strata_runtime::value::{NIL, Value, tag};
use strata_runtime::{metatable, table};
use strata_spec::effects::open_before;
use strata_spec::frame_map::{
    FrameMapId, FrameMaps, FuncId, Loc, Part, Repr, SunkKind, SunkObject, Value as Described,
    VirtualFrame,
};

/// What compiled code has recorded of a site.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded<'a> {
    /// Every live register is in its slot.
    InPlace(Site),
    /// A frame map.
    #[cfg_attr(not(test), allow(dead_code, reason = "what optimised code records"))]
    Map {
        /// The table it is in.
        maps: &'a FrameMaps,
        /// Its number.
        id: FrameMapId,
        /// The functions by number.
        funcs: &'a [*mut ProtoObj],
        /// The deopt buffer.
        words: &'a [u64],
    },
}

/// Makes the frames that the interpreter would have; `vm.base` and `vm.pc`
/// are those of the innermost one afterwards.
///
/// # Errors
/// Out of memory: no frame was touched.
///
/// # Safety
/// `base` is the physical frame of the code that was left, the innermost one
/// of the running stack, `recorded` belongs to where it was left, and the
/// stack has room for all frames (compiled code asks for it when it begins).
/// A map has been checked.
pub(crate) unsafe fn restore(
    vm: &mut Vm,
    base: *mut Value,
    recorded: Recorded<'_>,
) -> Result<(), OutOfMemory> {
    // SAFETY: as the caller says; a Lua frame's function is a live closure.
    unsafe {
        match recorded {
            Recorded::InPlace(site) => {
                let p = interp::frame_proto(base);
                vm.base = base;
                vm.pc = (*p)
                    .code
                    .add(site.pc() as usize + usize::from(site.waits()));
                if interp::data(vm).stress.modes.poison {
                    poison::poison(vm, base, &*p, site);
                }
                Ok(())
            }
            Recorded::Map {
                maps,
                id,
                funcs,
                words,
            } => {
                let frames: Vec<&VirtualFrame> = maps.frames(id).collect();
                let sunk = maps.sunk(id);
                let mut r = Restoring {
                    vm,
                    base,
                    funcs,
                    words,
                    frames: &frames,
                    objects: Vec::with_capacity(sunk.len()),
                };
                r.allocate(sunk)?;
                let boxed = r.read();
                r.fill(sunk)?;
                r.lay_out(sunk, &boxed, maps.waits(id));
                r.go_on(maps.waits(id));
                Ok(())
            }
        }
    }
}

/// What a sunk object has become.
#[derive(Clone, Copy)]
enum Object {
    /// A table or a closure.
    Value(Value),
    /// An upvalue, for closures only.
    Upval(*mut Upval),
    /// Extra arguments: no object.
    Varargs,
}

/// The values of a frame.
struct Boxed {
    closure: Option<Value>,
    regs: Vec<(u8, Value)>,
}

struct Restoring<'a> {
    vm: &'a mut Vm,
    base: *mut Value,
    funcs: &'a [*mut ProtoObj],
    words: &'a [u64],
    frames: &'a [&'a VirtualFrame],
    objects: Vec<Object>,
}

/// A value of this tag.
fn tagged(tag: u8, payload: u64) -> Value {
    Value { tag, payload }
}

impl Restoring<'_> {
    fn proto(&self, func: FuncId) -> *mut ProtoObj {
        self.funcs[func.0 as usize]
    }

    /// The base of frame `n`.
    fn base_of(&self, n: usize) -> *mut Value {
        // SAFETY: the caller of `restore` says that all frames fit the stack.
        unsafe { self.base.add(self.frames[n].base as usize) }
    }

    /// Step 1: objects without their parts.
    unsafe fn allocate(&mut self, sunk: &[SunkObject]) -> Result<(), OutOfMemory> {
        for object in sunk {
            // SAFETY: the map was checked, the prototypes are live.
            let made = unsafe {
                match object.kind {
                    SunkKind::Table { func, slot } => {
                        let p = self.proto(func);
                        let slot = (*p).slots.add(usize::from(slot));
                        if (*slot).data.site == 0 {
                            (*slot).data.site = table::add_site(self.vm);
                        }
                        let parts = |is: fn(&Part) -> bool| {
                            object.parts.iter().filter(|p| is(&p.0)).count()
                        };
                        let items = parts(|p| matches!(p, Part::Index(_)));
                        let fields = parts(|p| matches!(p, Part::Field(_)));
                        let t = table::new_table_at(self.vm, (*slot).data.site, items, fields)?;
                        Object::Value(Value::table(t))
                    }
                    SunkKind::Closure { func, child } => {
                        let child = (&(*self.proto(func)).children)[child as usize];
                        let n = (*child).spec().upvals.len();
                        let c = self.vm.heap.new_closure(child, n);
                        Object::Value(Value::closure(c))
                    }
                    SunkKind::Varargs { .. } => Object::Varargs,
                    SunkKind::Cell => Object::Upval(self.cell(NIL)),
                    SunkKind::Open { frame, reg } => {
                        let frame = self.base_of(usize::from(frame));
                        let slot = frame.add(usize::from(reg));
                        Object::Upval(interp::find_upval(self.vm, slot))
                    }
                    // Not yet known.
                    SunkKind::Upval { .. } => Object::Upval(std::ptr::null_mut()),
                }
            };
            self.objects.push(made);
        }
        Ok(())
    }

    /// A closed upvalue.
    fn cell(&mut self, v: Value) -> *mut Upval {
        let up = self.vm.heap.new_upval(std::ptr::null_mut());
        // SAFETY: it was just made.
        unsafe {
            (*up).closed = v;
            (*up).v = &raw mut (*up).closed;
        }
        up
    }

    /// A value of function `func`.
    unsafe fn boxed(&self, value: Described, func: FuncId) -> Value {
        // SAFETY: the map was checked: places and numbers exist.
        unsafe {
            match value {
                Described::At(repr, loc) => self.at(repr, loc),
                Described::Nil => NIL,
                Described::Bool(b) => Value::bool(b),
                Described::Int(n) => Value::int(n),
                Described::Float(bits) => Value::float(f64::from_bits(bits)),
                Described::Const(k) => *(*self.proto(func)).k.add(k as usize),
                Described::Sunk(n) => match self.objects[usize::from(n)] {
                    Object::Value(v) => v,
                    Object::Upval(_) | Object::Varargs => NIL,
                },
            }
        }
    }

    /// A payload somewhere.
    unsafe fn bits(&self, loc: Loc) -> u64 {
        match loc {
            // SAFETY: as for `boxed`.
            Loc::Slot(slot) => unsafe { (*self.base.add(slot as usize)).payload },
            Loc::Word(word) => self.words[usize::from(word)],
        }
    }

    /// The bits somewhere, as a value.
    unsafe fn at(&self, repr: Repr, loc: Loc) -> Value {
        // SAFETY: as for `boxed`.
        let bits = unsafe {
            match (repr, loc) {
                (Repr::Tagged, Loc::Slot(slot)) => return *self.base.add(slot as usize),
                (Repr::Tagged, Loc::Word(word)) => {
                    let word = usize::from(word);
                    return tagged(self.words[word] as u8, self.words[word + 1]);
                }
                _ => self.bits(loc),
            }
        };
        match repr {
            Repr::Tagged | Repr::Int => tagged(tag::INT, bits),
            Repr::Float if planted(Bug::FloatAsInt) => tagged(tag::INT, bits),
            Repr::Float => tagged(tag::FLOAT, bits),
            Repr::Bool => Value::bool((bits & 1 != 0) != planted(Bug::WrongBool)),
            Repr::Str => tagged(tag::STR, bits),
            Repr::Table => tagged(tag::TABLE, bits),
            Repr::Closure => tagged(tag::CLOSURE, bits),
            // Parts of closures only, which don't ask here.
            Repr::Upval => NIL,
        }
    }

    /// Step 2: the values of all frames.
    unsafe fn read(&self) -> Vec<Boxed> {
        let boxed = |f: &&VirtualFrame| {
            // SAFETY: as for `boxed`.
            let value = |v| unsafe { self.boxed(v, f.func) };
            Boxed {
                // A closure is described as the outermost function's values.
                // SAFETY: likewise.
                closure: f.closure.map(|c| unsafe { self.boxed(c, FuncId(0)) }),
                regs: {
                    let mut regs: Vec<_> = f.regs.iter().map(|&(r, v)| (r, value(v))).collect();
                    if planted(Bug::SwappedRegisters) && regs.len() > 1 {
                        (regs[0].1, regs[1].1) = (regs[1].1, regs[0].1);
                    }
                    regs
                },
            }
        };
        self.frames.iter().map(boxed).collect()
    }

    /// Step 3: the parts of objects.
    unsafe fn fill(&mut self, sunk: &[SunkObject]) -> Result<(), OutOfMemory> {
        // SAFETY: the objects were made in step 1, by their kinds; the map
        // was checked.
        unsafe {
            // A closure's upvalues may be those of a frame's closure that is
            // sunk as well: until nothing is left to be found.
            while self.fill_closures(sunk) {}
            for (n, object) in sunk.iter().enumerate() {
                match (object.kind, self.objects[n]) {
                    (SunkKind::Table { func, .. }, Object::Value(t)) => {
                        self.fill_table(t, func, object)?;
                    }
                    (SunkKind::Cell, Object::Upval(up)) => {
                        if let Some(&(_, v)) = object.parts.first() {
                            (*up).closed = self.boxed(v, FuncId(0));
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The closure of frame `n`.
    unsafe fn closure_of(&self, n: usize) -> *mut Closure {
        // SAFETY: the physical frame's function is a live closure.
        unsafe {
            match self.frames[n].closure {
                Some(c) => self.boxed(c, FuncId(0)).as_closure(),
                None => (*self.base_of(n).sub(2)).as_closure(),
            }
        }
    }

    /// Sets upvalues that are known by now: whether there were any.
    unsafe fn fill_closures(&mut self, sunk: &[SunkObject]) -> bool {
        let mut found = false;
        for (n, object) in sunk.iter().enumerate() {
            // SAFETY: as for `fill`.
            unsafe {
                match (object.kind, self.objects[n]) {
                    (SunkKind::Upval { frame, upval }, Object::Upval(up)) if up.is_null() => {
                        let closure = self.closure_of(usize::from(frame));
                        let up = Closure::upval(closure, usize::from(upval));
                        self.objects[n] = Object::Upval(up);
                        found |= !up.is_null();
                    }
                    (SunkKind::Closure { .. }, Object::Value(c)) => {
                        found |= self.fill_closure(c.as_closure(), object);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// Sets the upvalues of `c` that are known by now: whether there were any.
    unsafe fn fill_closure(&mut self, c: *mut Closure, object: &SunkObject) -> bool {
        let mut found = false;
        // SAFETY: `c` was made in step 1, with room for its upvalues.
        unsafe {
            let ups = (&raw mut (*c).upvals).cast::<*mut Upval>();
            debug_assert_eq!(object.parts.len(), (*c).hdr.aux as usize);
            for &(part, v) in &object.parts {
                let Part::Index(n) = part else { continue };
                let at = ups.add(n as usize);
                if !(*at).is_null() {
                    continue;
                }
                let shared = match v {
                    Described::Sunk(k) => match self.objects[usize::from(k)] {
                        Object::Upval(up) => Some(up),
                        _ => None,
                    },
                    Described::At(Repr::Upval, loc) => Some(self.bits(loc) as *mut Upval),
                    _ => None,
                };
                *at = match shared {
                    Some(up) => up,
                    None => {
                        let v = self.boxed(v, FuncId(0));
                        self.cell(v)
                    }
                };
                found |= !(*at).is_null();
            }
        }
        found
    }

    unsafe fn fill_table(
        &mut self,
        t: Value,
        func: FuncId,
        object: &SunkObject,
    ) -> Result<(), OutOfMemory> {
        let lost = usize::from(planted(Bug::LostPart)).min(object.parts.len());
        for &(part, v) in &object.parts[..object.parts.len() - lost] {
            // SAFETY: `t` was made in step 1; field names are string constants
            // of the function whose constructor it is.
            unsafe {
                let v = self.boxed(v, FuncId(0));
                let key = match part {
                    Part::Index(n) => Value::int(i64::from(n)),
                    Part::Field(k) => *(*self.proto(func)).k.add(k as usize),
                    Part::Meta => {
                        if planted(Bug::SunkMetatable) {
                            continue;
                        }
                        metatable::set_metatable(self.vm, t.as_table(), v.as_table());
                        continue;
                    }
                };
                // Keys are integers and strings: only memory can be wanting.
                table::set(self.vm, t.as_table(), key, v).map_err(|_| OutOfMemory)?;
            }
        }
        Ok(())
    }

    /// Step 4: the frames.
    unsafe fn lay_out(&mut self, sunk: &[SunkObject], boxed: &[Boxed], waits: bool) {
        // SAFETY: all frames fit the stack; the map was checked.
        unsafe {
            // Extra arguments are read before slots are written.
            let extras: Vec<Option<Vec<Value>>> = (0..self.frames.len())
                .map(|n| self.extras(sunk, n))
                .collect();
            for (n, frame) in self.frames.iter().enumerate() {
                let base = self.base_of(n);
                let p = self.proto(frame.func);
                if let Some(closure) = boxed[n].closure {
                    self.link(n, closure, extras[n].as_deref());
                }
                // Open values are where they are, or written here; those of the
                // last frame may lie where registers of one below it do.
                let regs = self.open(n, waits).unwrap_or((*p).regs);
                let mut end = usize::from(regs);
                if n + 1 < self.frames.len() {
                    end = end.min(self.base_of(n + 1).offset_from(base) as usize);
                }
                for r in 0..end {
                    *base.add(r) = NIL;
                }
                for &(r, v) in &boxed[n].regs {
                    *base.add(usize::from(r)) = v;
                }
            }
        }
    }

    /// Where the open values of frame `n` begin, if it is the last and about
    /// to take some.
    unsafe fn open(&self, n: usize, waits: bool) -> Option<u8> {
        let frame = self.frames[n];
        if waits || n + 1 < self.frames.len() {
            return None;
        }
        // SAFETY: functions of the map are live.
        unsafe { open_before(&(*self.proto(frame.func)).spec().code, frame.pc) }
    }

    /// The extra arguments of frame `n`.
    unsafe fn extras(&self, sunk: &[SunkObject], n: usize) -> Option<Vec<Value>> {
        let is = |o: &&SunkObject| matches!(o.kind, SunkKind::Varargs { frame } if usize::from(frame) == n);
        let object = sunk.iter().find(is)?;
        // SAFETY: as for `boxed`.
        let value = |v| unsafe { self.boxed(v, FuncId(0)) };
        Some(object.parts.iter().map(|&(_, v)| value(v)).collect())
    }

    /// Writes what lies below the registers of frame `n`, which was inlined.
    unsafe fn link(&self, n: usize, closure: Value, extras: Option<&[Value]>) {
        // SAFETY: as for `lay_out`; only calls are inlined, which have an
        // instruction to go on at.
        unsafe {
            let base = self.base_of(n);
            let mut original = base;
            if let Some(extras) = extras {
                let params = usize::from((*self.proto(self.frames[n].func)).params);
                let given = params + extras.len();
                original = base.sub(given + 2);
                for j in 0..params {
                    *original.add(j) = NIL;
                }
                for (j, v) in extras.iter().enumerate() {
                    *original.add(params + j) = *v;
                }
                write_link(
                    base,
                    link_word(VARARG, 0, given as u32 + 2),
                    std::ptr::null(),
                );
                *base.sub(2) = closure;
            }
            let caller = self.frames[n - 1];
            let code = (*self.proto(caller.func)).code.add(caller.pc as usize);
            let Waiting { word, delta } = Waiting::of(*code, (*self.proto(caller.func)).regs);
            debug_assert_eq!(original, self.base_of(n - 1).add(delta as usize));
            *original.sub(2) = closure;
            let tail = if self.frames[n].tail { TAIL_BIT } else { 0 };
            write_link(
                original,
                word | tail,
                code.add(1 + usize::from(planted(Bug::ReturnsLater))),
            );
        }
    }

    /// The innermost frame is the running one.
    unsafe fn go_on(&mut self, waits: bool) {
        let last = self.frames.len() - 1;
        let frame = self.frames[last];
        // SAFETY: the map was checked: the pc exists.
        unsafe {
            let code = (*self.proto(frame.func)).code;
            self.vm.base = self.base_of(last);
            self.vm.pc = code.add(frame.pc as usize + usize::from(waits || planted(Bug::LaterPc)));
            let taken = self.open(last, waits);
            let end = frame.regs.last().map(|r| r.0);
            if let (Some(first), Some(end)) = (taken, end)
                && end >= first
            {
                self.vm.top = self.vm.base.add(usize::from(end) + 1);
            }
        }
    }
}
