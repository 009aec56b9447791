//! What a call of several functions calls, if these are methods: the inline
//! caches of the `self` instruction before it say where they are.

use super::{Callee, FuncNo, Function, Obj, Slot, Taker};
use strata_runtime::feedback::CacheState;
use strata_runtime::object::{ProtoObj, Table};
use strata_runtime::value::tag;
use strata_spec::Op;
use strata_spec::effects::Effects;

/// A method that may be called.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Method {
    /// Its prototype.
    pub proto: Obj,
    /// What is to be known of it to inline it.
    pub func: Option<FuncNo>,
}

/// Most instructions between `self` and its call.
const FAR: usize = 24;

impl Taker<'_> {
    /// The methods of calls of function `no` that call several functions.
    ///
    /// # Safety
    /// What its inline caches name is live.
    pub(super) unsafe fn methods(&mut self, no: FuncNo, depth: u32) -> Vec<(u32, Vec<Method>)> {
        let f = &self.snapshot.funcs[no as usize];
        let calls: Vec<(u32, usize)> = (0u32..)
            .zip(&f.code)
            .filter(|(_, i)| i.op() == Some(Op::Call))
            .filter(|(_, i)| {
                let slot = f.slots.get(usize::from(i.slot()));
                matches!(slot, Some(Slot::Call(Callee::Mixed)))
            })
            .filter_map(|(pc, i)| Some((pc, looked_up(f, pc as usize, i.a())?)))
            .collect();
        let mut found = Vec::new();
        for (pc, slot) in calls {
            // SAFETY: as the caller says.
            let methods = unsafe { self.in_caches(no, slot, depth) };
            if !methods.is_empty() {
                found.push((pc, methods));
            }
        }
        found
    }

    /// The methods that caches of feedback slot `slot` lead to.
    unsafe fn in_caches(&mut self, no: FuncNo, slot: usize, depth: u32) -> Vec<Method> {
        let f = &self.snapshot.funcs[no as usize];
        let Some(Slot::Field { caches, .. }) = f.slots.get(slot) else {
            return Vec::new();
        };
        let address = |o: Obj| self.snapshot.objects[o.0 as usize];
        let mut protos: Vec<*mut ProtoObj> = Vec::new();
        for c in caches.iter().filter(|c| c.state == CacheState::Holder) {
            let holder = address(c.holder) as *mut Table;
            // SAFETY: holders of caches that hold are live, and have the field
            // if their shape is as it was.
            unsafe {
                if (*holder).shape as usize != address(c.holder_shape) {
                    continue;
                }
                let v = *(*holder).fields.add(c.slot as usize);
                if v.tag == tag::CLOSURE {
                    let proto = (*v.as_closure()).proto;
                    if !protos.contains(&proto) {
                        protos.push(proto);
                    }
                }
            }
        }
        let mut methods = Vec::new();
        for proto in protos {
            // SAFETY: the closure is live, and its prototype.
            let func = unsafe { self.callee_of(proto, depth) };
            let proto = self.object(proto);
            methods.push(Method { proto, func });
        }
        methods
    }
}

/// The feedback slot of the `self` that has put a method into register `a` for
/// the call at `pc`.
fn looked_up(f: &Function, pc: usize, a: u8) -> Option<usize> {
    for i in f.code[pc.saturating_sub(FAR)..pc].iter().rev() {
        let op = i.op()?;
        if op == Op::SelfField && i.a() == a {
            return Some(usize::from(i.slot()));
        }
        let e = Effects::of(op, *i);
        if e.writes.contains(a) || e.kills.contains(a) {
            return None;
        }
    }
    None
}

impl Function {
    /// What the call at `pc` may call, if it calls several functions.
    pub(crate) fn methods_of(&self, pc: u32) -> &[Method] {
        match self.methods.binary_search_by_key(&pc, |m| m.0) {
            Ok(at) => &self.methods[at].1,
            Err(_) => &[],
        }
    }
}
