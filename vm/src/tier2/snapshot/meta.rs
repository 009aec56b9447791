//! What instructions do by way of metatables, as far as that is certain while
//! the metatable epoch stays: which metamethods they call, and what shapes
//! `setmetatable` leads to.
//!
//! Feedback names operands. A shape names its metatable, and that the
//! metamethod; so a guard of the shape is all that code needs.

use super::{Cache, FuncNo, Function, InMeta, Obj, Slot, Taker};
use strata_runtime::feedback::CacheState;
use strata_runtime::feedback::meta::{MetaSite, Operand};
use strata_runtime::metatable::Event;
use strata_runtime::object::{ProtoObj, Shape, Str, Table, shapeflag, tabflag};
use strata_runtime::table;
use strata_runtime::value::{NIL, Value, tag};
use strata_spec::Op;

/// Most tables on the way over `__index` that are looked at.
const MOST_HOLDERS: usize = 8;

/// What a guard is to make sure of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Expected {
    /// A table of this shape.
    Shape(Obj),
    /// A value with this tag.
    Tag(u8),
}

/// A metamethod that an instruction calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MetaCall {
    /// What its operands have to be.
    pub operands: [Option<Expected>; 2],
    /// The closure, its prototype.
    pub handler: Obj,
    pub proto: Obj,
    /// What is to be known of it to inline it.
    pub func: Option<FuncNo>,
    /// Where it is, if it isn't this closure alone.
    pub found: Option<InMeta>,
}

/// What `setmetatable` makes of a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct MetaSet {
    /// Its shape before and after.
    pub from: Obj,
    pub to: Obj,
    /// The metatable.
    pub meta: Obj,
}

/// What an instruction does by way of metatables.
#[derive(Clone, Hash, Debug)]
pub(crate) enum Meta {
    /// It calls one of these metamethods.
    Call(Vec<MetaCall>),
    /// It calls `setmetatable`, which does one of these.
    Set(Vec<MetaSet>),
}

/// Which metamethod an instruction may call, if frame maps can tell so.
fn event(op: Op) -> Option<Event> {
    Some(match op {
        Op::GetField | Op::GetTabUp => Event::Index,
        Op::SetField | Op::SetTabUp => Event::NewIndex,
        Op::Len => Event::Len,
        Op::JEq | Op::JNe => Event::Eq,
        Op::JLt | Op::JNotLt => Event::Lt,
        Op::JLe | Op::JNotLe => Event::Le,
        Op::Call => Event::Call,
        op => crate::tier1::operator(op)?.0.event(),
    })
}

impl Taker<'_> {
    /// What the instructions of `p` do by way of metatables. `f` is the
    /// function so far.
    ///
    /// # Safety
    /// `p` is live.
    pub(super) unsafe fn metas(
        &mut self,
        p: *mut ProtoObj,
        no: FuncNo,
        depth: u32,
    ) -> Vec<(u32, Meta)> {
        let mut found: Vec<(u32, Meta)> = Vec::new();
        // SAFETY: `p` is live, and what its feedback names is.
        unsafe {
            for pc in 0..(*p).code_len {
                let sites: Vec<MetaSite> = (*p).meta_sites.samples(pc).copied().collect();
                if sites.is_empty() {
                    continue;
                }
                let many = (*p).meta_sites.at(pc).next().is_none();
                let i = *(*p).code.add(pc as usize);
                let Some(op) = i.op() else { continue };
                let f = &self.snapshot.funcs[no as usize];
                let sets = matches!(op, Op::Call | Op::TailCall)
                    && sets_metatable(f, usize::from(i.slot()));
                let meta = if sets && many {
                    None
                } else if sets {
                    let all = sites.iter().map(|s| self.set(s)).collect();
                    Option::map(all, Meta::Set)
                } else if let Some(event) = event(op) {
                    let key = matches!(event, Event::Index | Event::NewIndex)
                        .then(|| usize::from(i.high()));
                    let name = key.map(|k| (*(*p).k.add(k)).as_str());
                    let mut common = None;
                    for s in &sites {
                        let call = self.in_any_meta(event, name, s, depth);
                        if sites.len() < 2 || call.is_none() || common.is_some_and(|c| c != call) {
                            common = None;
                            break;
                        }
                        common = Some(call);
                    }
                    if let Some(Some(call)) = common {
                        Some(Meta::Call(vec![call]))
                    } else if many {
                        None
                    } else {
                        let all = sites.iter().map(|s| self.called(p, event, key, s, depth));
                        let all: Option<Vec<MetaCall>> = all.collect();
                        all.map(|mut all| {
                            let mut seen: Vec<MetaCall> = Vec::new();
                            all.retain(|c| {
                                !seen.contains(c) && {
                                    seen.push(*c);
                                    true
                                }
                            });
                            Meta::Call(all)
                        })
                    }
                } else {
                    None
                };
                found.extend(meta.map(|meta| (pc, meta)));
            }
        }
        found
    }

    /// Finds out for which fields nil stays nil, whatever the metatables of
    /// their tables are.
    ///
    /// # Safety
    /// `p` is live, and function `no`.
    pub(super) unsafe fn nils(&mut self, p: *mut ProtoObj, no: FuncNo) {
        // SAFETY: `p` is live, and what its inline caches name.
        unsafe {
            for pc in 0..(*p).code_len as usize {
                let i = *(*p).code.add(pc);
                if !matches!(i.op(), Some(Op::GetField | Op::SelfField | Op::GetTabUp)) {
                    continue;
                }
                let key = (*(*p).k.add(usize::from(i.high()))).as_str();
                let f = &self.snapshot.funcs[no as usize];
                let Some(Slot::Field { caches, .. }) = f.slots.get(usize::from(i.slot())) else {
                    continue;
                };
                let known = |c: &Cache| {
                    c.state == CacheState::Own && !c.by_family && {
                        let shape = self.snapshot.objects[c.shape.0 as usize] as *mut Shape;
                        self.lacks(shape, key)
                    }
                };
                let stays: Vec<bool> = caches.iter().map(known).collect();
                let f = &mut self.snapshot.funcs[no as usize];
                if let Some(Slot::Field { caches, .. }) = f.slots.get_mut(usize::from(i.slot())) {
                    for (c, stays) in caches.iter_mut().zip(stays) {
                        c.nil_stays = stays;
                    }
                }
            }
        }
    }

    /// Whether no table on the way over `__index` from a table of this shape
    /// has `key`. That any gets it changes the epoch from now on.
    unsafe fn lacks(&self, mut shape: *mut Shape, key: *mut Str) -> bool {
        // SAFETY: a live shape's metatable is live, and so is what that names.
        unsafe {
            for _ in 0..MOST_HOLDERS {
                let index = self.handler(shape, Event::Index);
                if index.is_nil() {
                    return true;
                }
                if !index.is_table() {
                    return false;
                }
                let holder = index.as_table();
                shape = (*holder).shape;
                let dict = (*shape).hdr.flags & shapeflag::DICT != 0;
                if dict || table::field_slot(shape, key).is_some() {
                    return false;
                }
                (*holder).hdr.flags |= tabflag::CHAIN;
            }
            false
        }
    }

    unsafe fn set(&mut self, s: &MetaSite) -> Option<MetaSet> {
        let [from, to] = s.operands.map(|o| o.shape);
        // SAFETY: shapes that feedback names are live.
        unsafe {
            let meta = (*to).meta;
            let dict = |s: *mut Shape| (*s).hdr.flags & shapeflag::DICT != 0;
            if meta.is_null() || !(*from).meta.is_null() || dict(from) || dict(to) {
                return None;
            }
            let plain = |event| self.handler(to, event).is_nil();
            if !plain(Event::Mode) || !plain(Event::Gc) {
                return None;
            }
            Some(MetaSet {
                from: self.object(from),
                to: self.object(to),
                meta: self.object(meta),
            })
        }
    }

    /// The metamethod that `event` calls for these operands; `key`: the
    /// constant that must not be a field.
    unsafe fn called(
        &mut self,
        p: *mut ProtoObj,
        event: Event,
        key: Option<usize>,
        s: &MetaSite,
        depth: u32,
    ) -> Option<MetaCall> {
        let [a, b] = s.operands;
        // SAFETY: shapes that feedback names are live.
        unsafe {
            if let Some(k) = key {
                let key = *(*p).k.add(k);
                let dict = a.shape.as_ref()?.hdr.flags & shapeflag::DICT != 0;
                if dict || table::field_slot(a.shape, key.as_str()).is_some() {
                    return None;
                }
            }
            let first = self.handler_of(&a, event);
            let one = event.has_one_operand();
            let eq = event == Event::Eq;
            // Tables are equal to tables only, without anybody asking.
            if eq && (a.tag != tag::TABLE || b.tag != tag::TABLE) {
                return None;
            }
            let (handler, operands) = if !first.is_nil() {
                let second = eq.then_some(Expected::Tag(tag::TABLE));
                (first, [Some(self.known(&a)?), second])
            } else if !one {
                let operands = [Some(self.known(&a)?), Some(self.known(&b)?)];
                (self.handler_of(&b, event), operands)
            } else {
                return None;
            };
            if handler.tag != tag::CLOSURE {
                return None;
            }
            let proto = (*handler.as_closure()).proto;
            let func = self.callee_of(proto, depth);
            Some(MetaCall {
                operands,
                handler: self.object(handler.as_closure()),
                proto: self.object(proto),
                func,
                found: None,
            })
        }
    }

    /// What a guard can make sure of.
    fn known(&mut self, o: &Operand) -> Option<Expected> {
        match o.tag {
            tag::TABLE => Some(Expected::Shape(self.object(o.shape))),
            tag::NIL | tag::INT | tag::FLOAT | tag::STR => Some(Expected::Tag(o.tag)),
            _ => None,
        }
    }

    /// The handler of an operand.
    pub(super) unsafe fn handler_of(&self, o: &Operand, event: Event) -> Value {
        // SAFETY: as the caller says; metatables of types are live.
        unsafe {
            if o.shape.is_null() {
                return self.field(self.vm.type_meta[usize::from(o.tag & 15)], event);
            }
            self.handler(o.shape, event)
        }
    }

    /// The handler that tables of a shape have.
    unsafe fn handler(&self, shape: *mut Shape, event: Event) -> Value {
        // SAFETY: a live shape's metatable is live.
        unsafe { self.field((*shape).meta, event) }
    }

    /// The handler in a metatable, or nil.
    unsafe fn field(&self, meta: *mut Table, event: Event) -> Value {
        if meta.is_null() {
            return NIL;
        }
        let name = self.vm.event_names[event as usize];
        // SAFETY: the caller's metatable is live, and so are names of events.
        unsafe { table::get(meta, Value::str(name)) }
    }
}

/// Whether the call with this feedback slot calls `setmetatable`.
fn sets_metatable(f: &Function, slot: usize) -> bool {
    use super::Callee;
    matches!(
        f.slots.get(slot),
        Some(Slot::Call(Callee::Host {
            sets_metatable: true,
            ..
        }))
    )
}

impl Function {
    /// What its instructions do by way of metatables, by pc.
    pub(crate) fn metas(&self) -> &[(u32, Meta)] {
        &self.metas
    }

    /// What instruction `pc` does by way of metatables.
    pub(crate) fn meta(&self, pc: u32) -> Option<&Meta> {
        let at = self.metas.binary_search_by_key(&pc, |m| m.0).ok()?;
        Some(&self.metas[at].1)
    }

    /// The metamethods that instruction `pc` calls, if they are closures of one
    /// function for operands of the same kinds: of one metatable, or of metatables
    /// that the same code has made.
    pub(crate) fn meta_calls(&self, pc: u32) -> Option<&[MetaCall]> {
        let Some(Meta::Call(calls)) = self.meta(pc) else {
            return None;
        };
        let first = calls.first()?;
        let alike = |a: Option<Expected>, b: Option<Expected>| match (a, b) {
            (Some(Expected::Shape(_)), Some(Expected::Shape(_))) => true,
            (a, b) => a == b,
        };
        let same = |c: &MetaCall| {
            c.proto == first.proto
                && c.func == first.func
                && (0..2).all(|n| alike(c.operands[n], first.operands[n]))
        };
        calls.iter().all(same).then_some(&calls[..])
    }
}
