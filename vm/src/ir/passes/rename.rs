//! Values that turned out to be others.
//!
//! A pass notes *a is b* while it looks at a function, asks for the newest
//! name of what it meets, and has all uses renamed at its end.

use crate::ir::{Func, V};

/// Which values are to be replaced.
#[derive(Default)]
pub(super) struct Rename {
    /// The next name by value, itself if it has none; values past the end have
    /// none.
    to: Vec<V>,
    any: bool,
}

impl Rename {
    /// From now on `old` is `new`, which is another value.
    pub(super) fn set(&mut self, old: V, new: V) {
        let new = self.of(new);
        debug_assert_ne!(old, new, "a value can't be replaced by itself");
        while self.to.len() <= old.n() {
            self.to.push(V(self.to.len() as u32));
        }
        self.to[old.n()] = new;
        self.any = true;
    }

    /// What `v` is called now.
    pub(super) fn of(&self, mut v: V) -> V {
        while let Some(&next) = self.to.get(v.n())
            && next != v
        {
            v = next;
        }
        v
    }

    /// Renames the arguments of one instruction.
    pub(super) fn args(&self, f: &mut Func<'_>, v: V) {
        let arena = f.arena;
        let inst = &mut f.insts[v.n()];
        if inst.args.iter().any(|&a| self.of(a) != a) {
            inst.args = arena.alloc_slice_fill_iter(inst.args.iter().map(|&a| self.of(a)));
        }
    }

    /// Renames everything.
    pub(super) fn apply(&self, f: &mut Func<'_>) {
        if self.any {
            f.replace_uses(&mut |v| self.of(v));
        }
    }
}
