//! What a compile works from: everything it may look at, copied.
//!
//! A compile runs on another thread while the program goes on, so it sees
//! nothing that can change: bytecode with its feedback, inline caches,
//! callees, constants, taken in one go on the VM's thread. Objects are named
//! by number ([`Obj`]): code finds their addresses in its table of constants,
//! which is filled when the code is installed.

mod families;
mod iterators;
pub(crate) use families::{Hop, InMeta, MAX_HOPS};
mod meta;
mod methods;

pub(crate) use meta::{Expected, Meta, MetaCall};
pub(crate) use methods::Method;

use crate::ir::Ty;
use crate::jit::Speculation;
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use strata_runtime::Vm;
use strata_runtime::feedback::{CacheState, CallState, FeedbackSlot, Summary};
use strata_runtime::object::{GcHeader, ProtoObj, Str};
use strata_runtime::proto::KnownUpvalues;
use strata_runtime::stdlib::base::is_setmetatable;
use strata_runtime::stdlib::coroutine::{switches, yields};
use strata_runtime::stdlib::leaf::{self, Known, Quick, Stores};
use strata_runtime::stdlib::math::{Intrinsic, intrinsic};
use strata_runtime::table::site::MAX_INLINE;
use strata_runtime::value::{Value, tag};
use strata_spec::fixed::Fixed;
use strata_spec::liveness::Liveness;
use strata_spec::module::{Proto, SlotKind};
use strata_spec::{Insn, Module, Op, ProtoId};

/// An object or another address, by its place in the table of constants.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct Obj(pub u32);

/// A function by its module, as a snapshot numbers them, and its number there.
pub(crate) type ProtoKey = (usize, ProtoId);

/// A function by number; 0 is the one that is compiled.
pub(crate) type FuncNo = u32;

/// Where code is entered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum EntryAt {
    /// Where the function begins.
    Start,
    /// At the header of a loop: nothing but the loop is compiled.
    Loop(u32),
}

/// A constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Const {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// A string; `short`: equal ones are the same object.
    Str {
        at: Obj,
        short: bool,
        /// Tags of the types of which it is the name.
        types: u16,
        /// It begins with `#`, which is what `select` looks at.
        hash: bool,
    },
}

impl Hash for Const {
    fn hash<H: Hasher>(&self, h: &mut H) {
        std::mem::discriminant(self).hash(h);
        match *self {
            Const::Nil => {}
            Const::Bool(b) => b.hash(h),
            Const::Int(n) => n.hash(h),
            Const::Float(x) => x.to_bits().hash(h),
            Const::Str {
                at,
                short,
                types,
                hash,
            } => (at, short, types, hash).hash(h),
        }
    }
}

/// An inline cache that holds now.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Cache {
    pub state: CacheState,
    pub shape: Obj,
    pub holder: Obj,
    pub holder_shape: Obj,
    pub next_shape: Obj,
    /// Field slot or entry number.
    pub slot: u32,
    /// Tags that may be stored without telling the shape.
    pub tags: u16,
    /// `NIL_OK`; for `Prim` the tag.
    pub flags: u8,
    /// It was made since the epoch is what it is: of a store, no `__newindex`
    /// stands in the way.
    pub current: bool,
    /// Of a table's own field: if that is nil, so is what the metatable makes
    /// of it, while the epoch stays.
    pub nil_stays: bool,
    /// It is for all tables of a family, which `shape` is; of a field of another
    /// table, which is found over these. Holder and its shape are but an example.
    pub by_family: bool,
    pub hops: [Option<Hop>; MAX_HOPS],
    /// Of a family's field: nil was seen there.
    pub nil_seen: bool,
}

impl Cache {
    /// Whether both lead to the same place, but for the table's shape.
    pub(crate) fn same_way(&self, other: &Cache) -> bool {
        let place = |c: &Cache| (c.state, c.slot, c.tags, c.flags, c.current, c.nil_stays);
        let family = |c: &Cache| (c.by_family, c.nil_seen, c.hops);
        let others = |c: &Cache| (c.holder, c.holder_shape, c.next_shape);
        place(self) == place(other)
            && family(self) == family(other)
            && (self.state == CacheState::Own || others(self) == others(other))
    }
}

/// A leaf that stands for a host function.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct LeafCall {
    pub f: Obj,
    /// Least and most arguments.
    pub args: (u8, u8),
    /// The tag of its result, if it is always the same.
    pub result: Option<u8>,
    pub stores: Stores,
    /// It has one result.
    pub one: bool,
    /// What compilers know to do themselves.
    pub quick: Option<Quick>,
}

/// What a call site has called.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) enum Callee {
    /// Nothing yet.
    Unknown,
    /// Closures of one prototype.
    Closure {
        proto: Obj,
        /// Its parameters.
        params: u8,
        /// It may have a typed entry.
        typed: bool,
        /// What is to be known of it to inline it.
        func: Option<FuncNo>,
        /// Which function it is.
        id: ProtoKey,
    },
    /// Host functions whose Rust function is this.
    Host {
        f: Obj,
        intrinsic: Option<Intrinsic>,
        /// It is `setmetatable`.
        sets_metatable: bool,
        /// What is known of it.
        known: Option<Known>,
        /// Its leaves, for the first two numbers of arguments they take.
        leaves: [Option<LeafCall>; 2],
        /// It switches coroutines.
        switches: bool,
        /// It is `coroutine.yield`.
        yields: bool,
    },
    /// This and that.
    Mixed,
}

impl Callee {
    /// It is a library function that compilers know, and always has one result.
    pub(crate) fn has_one_result(&self) -> bool {
        let Callee::Host {
            intrinsic,
            known,
            leaves,
            ..
        } = self
        else {
            return false;
        };
        let mut leaves = leaves.iter().flatten().peekable();
        if leaves.peek().is_some() {
            return leaves.all(|l| l.one);
        }
        intrinsic.is_some() || *known == Some(Known::Type)
    }
}

/// A feedback slot.
#[derive(Clone, Hash, Debug)]
pub(crate) enum Slot {
    /// Of a field access. `mega`: too many shapes.
    Field {
        caches: Vec<Cache>,
        used: bool,
    },
    Call(Callee),
    /// Of an allocation: the site's number (0: never used) and the fields
    /// its tables begin with.
    Site {
        site: u32,
        fields: u8,
    },
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    /// Not the heap's: that is given back with its last prototype.
    module: Arc<Module>,
    /// Which of the snapshot's modules it is.
    module_no: usize,
    upvalues: KnownUpvalues,
    id: ProtoId,
    /// Instructions, with feedback bits.
    pub code: Vec<Insn>,
    pub consts: Vec<Const>,
    /// The prototypes of closures it makes.
    pub children: Vec<Obj>,
    pub slots: Vec<Slot>,
    /// What tells apart what they say, by slot.
    pub marks: Vec<u64>,
    /// What instructions do by way of metatables, by pc.
    metas: Vec<(u32, Meta)>,
    /// What calls of several functions may call, by pc.
    methods: Vec<(u32, Vec<Method>)>,
    /// Iterators that are Lua functions, by the pc of the `tforcall`.
    iterators: Vec<(u32, Method)>,
    /// The prototype, its instructions and its feedback slots.
    pub proto: Obj,
    pub code_at: Obj,
    pub slots_at: Obj,
    /// Where it may speculate.
    pub speculation: Speculation,
    pub liveness: Liveness,
}

impl Function {
    /// How many of its call sites have called function `no`.
    pub(crate) fn calls_of(&self, no: FuncNo) -> usize {
        let is =
            |s: &&Slot| matches!(s, Slot::Call(Callee::Closure { func: Some(n), .. }) if *n == no);
        self.slots.iter().filter(is).count()
    }

    /// Whether it yields: what comes after is run by tier 1, so that there is
    /// little to win.
    pub(crate) fn yields(&self) -> bool {
        let is = |s: &Slot| matches!(s, Slot::Call(Callee::Host { yields: true, .. }));
        self.slots.iter().any(is)
    }

    /// Whether it has loops.
    pub(crate) fn has_loops(&self) -> bool {
        let mut ops = self.code.iter().filter_map(|i| i.op());
        ops.any(Op::is_back_edge)
    }

    /// The call right before the loop with the `tforcall` at `pc`, which has given
    /// the iterator.
    fn before_loop(&self, pc: u32) -> Option<Insn> {
        let a = self.code[pc as usize].a();
        let enters = |&n: &usize| {
            let i = self.code[n];
            i.op() == Some(Op::TForPrep) && i.a() == a && super::flow::target(n as u32, i) == pc
        };
        let prep = (0..pc as usize).rev().find(enters)?;
        let call = self.code[prep.checked_sub(1)?];
        (call.op() == Some(Op::Call) && call.a() == a).then_some(call)
    }

    /// The Lua function that is the iterator of the `tforcall` at `pc`, most
    /// likely.
    pub(crate) fn iterator_at(&self, pc: u32) -> Option<(Obj, FuncNo)> {
        let (_, m) = self.iterators.iter().find(|(at, _)| *at == pc)?;
        Some((m.proto, m.func?))
    }

    /// The iterator, of `pairs` or `ipairs`, that the loop with the `tforcall`
    /// at `pc` had so far: what the call before the loop has called.
    pub(crate) fn iterated(&self, pc: u32) -> Option<Known> {
        let call = self.before_loop(pc)?;
        match self.slots.get(usize::from(call.slot())) {
            Some(Slot::Call(Callee::Host { known, .. })) => {
                known.filter(|k| matches!(k, Known::Pairs | Known::Ipairs))
            }
            _ => None,
        }
    }

    /// The type of what the call `i` returns first, as far as it is known from
    /// the callee.
    pub(crate) fn result_of(&self, i: Insn) -> Option<Ty> {
        match self.slots.get(usize::from(i.slot())) {
            Some(Slot::Call(Callee::Host {
                intrinsic,
                known,
                leaves,
                ..
            })) if i.b() > 0 && i.c() > 1 => match (intrinsic, known) {
                (Some(Intrinsic::Sqrt), _) => Some(Ty::Float),
                (Some(Intrinsic::Floor | Intrinsic::Ceil | Intrinsic::Byte), _) => Some(Ty::Int),
                (_, Some(Known::Type)) => Some(Ty::Str),
                _ => {
                    let fits = |l: &&LeafCall| (l.args.0..=l.args.1).contains(&(i.b() - 1));
                    let leaf = leaves.iter().flatten().find(fits)?;
                    leaf.result.and_then(Ty::of_tag)
                }
            },
            _ => None,
        }
    }

    /// Which function it is.
    pub(crate) fn key(&self) -> ProtoKey {
        (self.module_no, self.id)
    }

    /// What its code says of upvalue `n`.
    pub(crate) fn fixed(&self, n: u8) -> Fixed {
        self.upvalues.fixed(&self.module, self.id, n)
    }

    /// The description of child `n`.
    pub(crate) fn child(&self, n: u32) -> &Proto {
        let id = self.spec().children[n as usize];
        &self.module.protos[id.0 as usize]
    }

    /// Its description.
    pub(crate) fn spec(&self) -> &Proto {
        &self.module.protos[self.id.0 as usize]
    }
}

/// Everything a compile looks at.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub entry: EntryAt,
    /// 0 is the function that is compiled.
    pub funcs: Vec<Function>,
    /// Addresses by [`Obj`].
    pub objects: Vec<usize>,
    /// Which of them are heap objects that code keeps alive.
    pub kept: Vec<bool>,
    /// The metatable epoch.
    pub epoch: u32,
    /// Ways that conditional jumps never went are left out.
    pub prunes: bool,
    /// Upvalues are what their code says.
    pub fixed_upvalues: bool,
    /// Tags of the registers in the frame that asked, if one did.
    pub tags: Vec<u8>,
    /// The shape of an empty table.
    pub root: Obj,
    /// The iterators of `pairs` and of `ipairs`.
    pub iterators: [Obj; 2],
    /// Leaves that are parts of instructions.
    pub leaves: PartLeaves,
    /// For the compile cache: what tells the content of each function's module from
    /// others.
    pub contents: Vec<[u8; 32]>,
}

/// Leaves that are parts of instructions.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct PartLeaves {
    pub concat: Obj,
    pub get: Obj,
    pub set: Obj,
    pub set_list: Obj,
    pub byte: Obj,
    pub sub: Obj,
}

/// Most parameters of a typed entry: their tags are in one word.
pub(crate) const MAX_TYPED: u8 = 8;

/// Most functions of one compile, and the depth to which calls are followed.
const MAX_FUNCS: usize = 24;
const MAX_DEPTH: u32 = 4;
/// The longest function that is considered for inlining.
pub(crate) const MAX_INLINED: usize = 80;

impl Snapshot {
    /// The parameters of the typed entry, if the code is to have one.
    pub(crate) fn typed(&self) -> Option<u8> {
        let spec = self.funcs[0].spec();
        (self.entry == EntryAt::Start && !spec.vararg && spec.params <= MAX_TYPED)
            .then_some(spec.params)
    }

    /// Takes a snapshot for compiling `p`. `base`: the frame that is running
    /// it, if it is to be entered at a loop.
    ///
    /// # Safety
    /// `p` is live; `base` is a frame of it, canonical.
    pub(crate) unsafe fn take(
        vm: &Vm,
        p: *mut ProtoObj,
        entry: EntryAt,
        base: Option<*const Value>,
    ) -> Snapshot {
        let mut t = Taker {
            vm,
            numbers: FxHashMap::default(),
            modules: Vec::new(),
            funcs: FxHashMap::default(),
            running: base,
            snapshot: Snapshot {
                entry,
                funcs: Vec::new(),
                objects: Vec::new(),
                kept: Vec::new(),
                epoch: vm.meta_epoch,
                // SAFETY: the caller says that `p` is live.
                prunes: crate::jit::prunes2(unsafe { &*p }),
                fixed_upvalues: !vm.upvalues_set,
                tags: Vec::new(),
                root: Obj(0),
                iterators: [Obj(0); 2],
                leaves: PartLeaves {
                    concat: Obj(0),
                    get: Obj(0),
                    set: Obj(0),
                    set_list: Obj(0),
                    byte: Obj(0),
                    sub: Obj(0),
                },
                contents: Vec::new(),
            },
        };
        let root = t.object(vm.shapes.root());
        t.snapshot.root = root;
        t.snapshot.iterators =
            [Known::Pairs, Known::Ipairs].map(|which| t.object(leaf::iterator(vm, which)));
        t.snapshot.leaves = PartLeaves {
            concat: t.address(leaf::CONCAT as usize),
            get: t.address(leaf::GET as usize),
            set: t.address(leaf::SET as usize),
            set_list: t.address(leaf::SET_LIST as usize),
            byte: t.address(leaf::BYTE as usize),
            sub: t.address(leaf::SUB as usize),
        };
        // SAFETY: `p` is live, and what feedback names is.
        unsafe {
            if let Some(base) = base {
                let regs = usize::from((*p).regs);
                t.snapshot.tags = (0..regs).map(|r| (*base.add(r)).tag).collect();
            }
            t.function(p, 0);
        }
        t.snapshot
    }

    /// Has `p`, which is compiled from it, keep what code will name.
    ///
    /// # Safety
    /// `p` is live, and what the snapshot names is.
    pub(crate) unsafe fn keep_alive(&self, vm: &mut Vm, p: *mut ProtoObj) {
        // SAFETY: as the caller says.
        unsafe {
            let proto = &mut *p;
            proto.optimized_refs.extend(kept(self));
            proto.optimized_refs.sort_unstable();
            proto.optimized_refs.dedup();
            vm.heap.barrier(p.cast());
        }
    }
}

/// What a compile may make of it, for the compile cache: everything but addresses,
/// and what follows from the rest. Objects are told by their numbers, modules by
/// their contents.
impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, h: &mut H) {
        let Snapshot {
            entry,
            funcs,
            objects,
            kept: _,
            epoch,
            prunes,
            fixed_upvalues,
            tags,
            root,
            iterators,
            leaves,
            contents,
        } = self;
        (entry, funcs, objects.len(), contents).hash(h);
        (prunes, fixed_upvalues, tags, root, iterators, leaves).hash(h);
        // Code that may make assumptions doesn't name it.
        let named = !funcs.first().is_some_and(|f| f.speculation.may_assume());
        named.then_some(epoch).hash(h);
    }
}

impl Hash for Function {
    fn hash<H: Hasher>(&self, h: &mut H) {
        let Function {
            // The snapshot has its content.
            module: _,
            module_no,
            upvalues: _,
            id,
            code,
            consts,
            children,
            slots,
            // Of addresses; what code does doesn't depend on it.
            marks: _,
            metas,
            methods,
            iterators,
            proto,
            code_at,
            slots_at,
            speculation,
            liveness: _,
        } = self;
        (module_no, id, code, consts, slots, metas, methods).hash(h);
        iterators.hash(h);
        (children, proto, code_at, slots_at, speculation).hash(h);
    }
}

struct Taker<'v> {
    vm: &'v Vm,
    numbers: FxHashMap<usize, Obj>,
    /// Modules by number.
    modules: Vec<usize>,
    funcs: FxHashMap<*mut ProtoObj, FuncNo>,
    /// The frame that asked, canonical, if one did.
    running: Option<*const Value>,
    snapshot: Snapshot,
}

impl Taker<'_> {
    /// The number of an address that is no heap object.
    fn address(&mut self, address: usize) -> Obj {
        let s = &mut self.snapshot;
        *self.numbers.entry(address).or_insert_with(|| {
            s.objects.push(address);
            s.kept.push(false);
            Obj(s.objects.len() as u32 - 1)
        })
    }

    /// The number of a heap object.
    fn object<T>(&mut self, object: *mut T) -> Obj {
        let at = self.address(object as usize);
        self.snapshot.kept[at.0 as usize] = !object.is_null();
        at
    }

    /// The number of the module of `p`.
    fn module(&mut self, p: &ProtoObj) -> usize {
        let key = p.module_key();
        let known = self.modules.iter().position(|&m| m == key);
        known.unwrap_or_else(|| {
            self.modules.push(key);
            self.modules.len() - 1
        })
    }

    /// Copies `p`, and the functions it calls.
    unsafe fn function(&mut self, p: *mut ProtoObj, depth: u32) -> FuncNo {
        if let Some(&n) = self.funcs.get(&p) {
            return n;
        }
        let n = self.snapshot.funcs.len() as FuncNo;
        self.funcs.insert(p, n);
        // SAFETY: the caller says that `p` is live.
        unsafe {
            let code = std::slice::from_raw_parts((*p).code.cast_const(), (*p).code_len as usize);
            let mut code = code.to_vec();
            crate::jit::look::complete(&*p, &mut code);
            let consts = (*p).consts().iter().map(|&v| self.constant(v)).collect();
            let children: &[*mut ProtoObj] = &(*p).children;
            let children = children.iter().map(|&child| self.object(child)).collect();
            let module = &(*p).module;
            let function = Function {
                module: Arc::clone(&module.module),
                module_no: self.module(&*p),
                upvalues: module.upvalues.clone(),
                id: (*p).id,
                code,
                consts,
                children,
                slots: Vec::new(),
                marks: (0..(*p).slot_len as usize)
                    .map(|k| crate::jit::learned::mark(&*(*p).slots.add(k), self.vm.meta_epoch))
                    .collect(),
                metas: Vec::new(),
                methods: Vec::new(),
                iterators: Vec::new(),
                proto: self.object(p),
                code_at: self.address((*p).code as usize),
                slots_at: self.address((*p).slots as usize),
                speculation: crate::jit::speculation2(&*p),
                liveness: Liveness::of((*p).spec()),
            };
            self.snapshot.funcs.push(function);
            let slots = (0..(*p).slot_len as usize)
                .map(|k| self.slot(&*(*p).slots.add(k), depth))
                .collect();
            self.snapshot.funcs[n as usize].slots = slots;
            self.nils(p, n);
            let metas = self.metas(p, n, depth);
            self.snapshot.funcs[n as usize].metas = metas;
            let methods = self.methods(n, depth);
            self.snapshot.funcs[n as usize].methods = methods;
            let iterators = self.iterators(n, depth);
            self.snapshot.funcs[n as usize].iterators = iterators;
        }
        n
    }

    unsafe fn constant(&mut self, v: Value) -> Const {
        match v.tag {
            tag::NIL => Const::Nil,
            tag::FALSE | tag::TRUE => Const::Bool(v.tag == tag::TRUE),
            tag::INT => Const::Int(v.as_int()),
            tag::FLOAT => Const::Float(v.as_float()),
            _ => Const::Str {
                at: self.object(v.as_str()),
                // SAFETY: constants are live strings.
                short: unsafe { (*v.as_str()).len <= strata_runtime::object::MAX_INTERNED },
                types: self.types_named(v.as_str()),
                // SAFETY: as above; constants are flat.
                hash: unsafe { Str::bytes(v.as_str()).first() == Some(&b'#') },
            },
        }
    }

    /// Tags of the types that have this name.
    fn types_named(&self, name: *mut Str) -> u16 {
        let names = (0u32..).zip(&self.vm.lib.type_names);
        names
            .filter(|(_, known)| **known == name)
            .fold(0, |tags, (tag, _)| tags | 1 << tag)
    }

    /// The leaves of the host function at this address.
    fn leaves(&mut self, address: usize) -> [Option<LeafCall>; 2] {
        let mut found = leaf::leaves(address).map(|(args, leaf)| LeafCall {
            f: self.address(leaf.f as usize),
            args: (*args.start(), *args.end()),
            result: leaf.result,
            stores: leaf.stores,
            one: leaf.one,
            quick: leaf.quick,
        });
        [found.next(), found.next()]
    }

    unsafe fn slot(&mut self, slot: &FeedbackSlot, depth: u32) -> Slot {
        // SAFETY: the kind says which part of the union is in use.
        unsafe {
            match slot.kind {
                SlotKind::Field => {
                    let used = slot.was_reached();
                    let epoch = self.vm.meta_epoch;
                    let caches = slot.caches().chain(slot.samples());
                    let caches = caches.filter(|c| c.holds(epoch));
                    let mut caches: Vec<_> = caches.copied().collect();
                    let mut found = self.families(&mut caches);
                    if slot.summary() == Summary::Mega && !caches.is_empty() {
                        // They have too little in common.
                        caches.clear();
                        found.clear();
                    }
                    found.extend(caches.iter().map(|c| Cache {
                        state: c.state,
                        shape: self.object(c.shape),
                        holder: self.object(c.holder),
                        holder_shape: self.object(c.holder_shape),
                        next_shape: self.object(c.next_shape),
                        slot: c.slot,
                        tags: c.tags,
                        flags: c.flags,
                        current: c.epoch == epoch,
                        nil_stays: false,
                        by_family: false,
                        hops: [None; MAX_HOPS],
                        nil_seen: false,
                    }));
                    Slot::Field {
                        caches: found,
                        used,
                    }
                }
                SlotKind::Call => Slot::Call(self.callee(slot, depth)),
                SlotKind::Site => {
                    let site = slot.data.site;
                    let hint = self.vm.sites.get(site as usize);
                    Slot::Site {
                        site,
                        fields: hint.map_or(0, |s| s.inline_fields()).min(MAX_INLINE),
                    }
                }
            }
        }
    }

    /// What is to be known of `proto` to inline it into a function that is at
    /// this depth.
    unsafe fn callee_of(&mut self, proto: *mut ProtoObj, depth: u32) -> Option<FuncNo> {
        // SAFETY: the caller says that it is live.
        unsafe {
            let room = self.snapshot.funcs.len() < MAX_FUNCS && depth < MAX_DEPTH;
            if self.funcs.contains_key(&proto) || (room && inlinable(&*proto)) {
                return Some(self.function(proto, depth + 1));
            }
        }
        None
    }

    unsafe fn callee(&mut self, slot: &FeedbackSlot, depth: u32) -> Callee {
        // SAFETY: the slot is one of a call; it keeps its prototype alive.
        unsafe {
            let seen = slot.data.call;
            let proto = slot.callee_proto();
            match seen.state {
                CallState::Empty => Callee::Unknown,
                _ if !proto.is_null() => {
                    let func = self.callee_of(proto, depth);
                    Callee::Closure {
                        params: (*proto).params,
                        typed: has_typed_entry(&*proto),
                        proto: self.object(proto),
                        func,
                        id: (self.module(&*proto), (*proto).id),
                    }
                }
                CallState::Same | CallState::SameProto if seen.tag == tag::NATIVE => Callee::Host {
                    f: self.address(seen.proto as usize),
                    intrinsic: intrinsic(seen.proto as usize),
                    sets_metatable: is_setmetatable(seen.proto as usize),
                    known: leaf::known(seen.proto as usize),
                    leaves: self.leaves(seen.proto as usize),
                    switches: switches(seen.proto as usize),
                    yields: yields(seen.proto as usize),
                },
                _ => Callee::Mixed,
            }
        }
    }
}

/// Whether optimized code of `p` has a typed entry.
fn has_typed_entry(p: &ProtoObj) -> bool {
    !p.vararg && p.params <= MAX_TYPED
}

/// Whether calls of `p` may be replaced by its instructions.
fn inlinable(p: &ProtoObj) -> bool {
    let code = &p.storage.code;
    let fine = |(n, i): (usize, &Insn)| {
        let returns = matches!(i.op(), Some(Op::Return | Op::ReturnClose));
        // Open results, but for extra arguments, or many.
        let extras = |i: &Insn| i.op() == Some(Op::Vararg) && i.c() == 0;
        let open = || !n.checked_sub(1).is_some_and(|n| extras(&code[n]));
        let many = returns && (i.b() > 5 || i.b() == 0 && open());
        !many && !matches!(i.op(), None | Some(Op::Tbc | Op::TForPrep))
    };
    crate::jit::choice::may_be_inlined(p)
        && code.len() <= MAX_INLINED
        && code.iter().enumerate().all(fine)
}

/// Whether what calls `p` is about to be compiled with `p` in it, most likely:
/// it is short and doesn't call itself.
///
/// # Safety
/// `p` is live.
pub(crate) unsafe fn goes_with_callers(p: *mut ProtoObj) -> bool {
    // SAFETY: the caller says so; the kind says which part of a slot is in use.
    unsafe {
        let slots = std::slice::from_raw_parts((*p).slots.cast_const(), (*p).slot_len as usize);
        let itself = |s: &FeedbackSlot| s.kind == SlotKind::Call && s.callee_proto() == p;
        inlinable(&*p) && !slots.iter().any(itself)
    }
}

/// What the table of constants refers to that is a heap object.
fn kept(snapshot: &Snapshot) -> impl Iterator<Item = *mut GcHeader> + '_ {
    let pairs = snapshot.objects.iter().zip(&snapshot.kept);
    pairs
        .filter(|(_, kept)| **kept)
        .map(|(&at, _)| at as *mut GcHeader)
}
