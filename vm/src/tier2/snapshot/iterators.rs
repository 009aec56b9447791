//! Iterators of generic `for` that are Lua functions: `tforcall` has no feedback,
//! but the frame that runs the loop has the iterator, and what is called right
//! before a loop makes it as a rule.

use super::{Callee, EntryAt, FuncNo, Method, Slot, Taker};
use strata_runtime::object::ProtoObj;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

impl Taker<'_> {
    /// The iterators of function `no`, by the pc of the `tforcall`.
    ///
    /// # Safety
    /// What its call sites have called is live, and so is what the running frame
    /// holds.
    pub(super) unsafe fn iterators(&mut self, no: FuncNo, depth: u32) -> Vec<(u32, Method)> {
        let code = &self.snapshot.funcs[no as usize].code;
        let calls = (0u32..).zip(code);
        let calls = calls.filter(|(_, i)| i.op() == Some(Op::TForCall));
        let calls: Vec<(u32, Insn)> = calls.map(|(pc, i)| (pc, *i)).collect();
        let mut found = Vec::new();
        for (pc, i) in calls {
            // SAFETY: as the caller says.
            unsafe {
                let proto = self.iterating(no, i).or_else(|| self.made_before(no, pc));
                if let Some(proto) = proto {
                    let func = self.callee_of(proto, depth);
                    let proto = self.object(proto);
                    found.push((pc, Method { proto, func }));
                }
            }
        }
        found
    }

    /// What the loop that is running iterates by.
    unsafe fn iterating(&self, no: FuncNo, i: Insn) -> Option<*mut ProtoObj> {
        let (EntryAt::Loop(pc), Some(base), 0) = (self.snapshot.entry, self.running, no) else {
            return None;
        };
        let f = &self.snapshot.funcs[0];
        if !f.liveness.before(f.spec(), pc).contains(i.a()) {
            return None;
        }
        // SAFETY: the frame is canonical, and the register is live.
        unsafe {
            let v = *base.add(i.a().into());
            (v.tag == tag::CLOSURE).then(|| (*v.as_closure()).proto)
        }
    }

    /// The one closure that the function makes which is called before the loop.
    unsafe fn made_before(&self, no: FuncNo, pc: u32) -> Option<*mut ProtoObj> {
        let f = &self.snapshot.funcs[no as usize];
        let call = f.before_loop(pc)?;
        let Some(Slot::Call(Callee::Closure { proto, .. })) = f.slots.get(usize::from(call.slot()))
        else {
            return None;
        };
        let proto = self.snapshot.objects[proto.0 as usize] as *mut ProtoObj;
        // SAFETY: the call site keeps its callee alive.
        let children: &[*mut ProtoObj] = unsafe { &(*proto).children };
        match children {
            [child] => Some(*child),
            _ => None,
        }
    }
}
