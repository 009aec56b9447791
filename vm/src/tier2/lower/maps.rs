//! Frame states to frame maps, and the code of exits.

use super::typed::PAIR;
use super::{ExitSite, Lower};
use crate::ir::{FrameId, Held, Op, Reason, Sunk, Ty, V};
use crate::tier2::helpers::Helper;
use crate::tier2::layouts::{Layouts, Step};
use crate::tier2::snapshot::{Const, Obj};
use std::collections::HashMap;
use std::fmt::Write as _;
use strata_runtime::value::tag;
use strata_spec::frame_map::{
    FrameMap, FuncId, Loc, Part, Repr, SunkKind, SunkObject, Value, VirtualFrame,
};

/// Where the values of an exit are, and the code that puts them there.
#[derive(Default)]
struct Places {
    at: HashMap<V, Value>,
    /// Words with metatables.
    metas: HashMap<Obj, u16>,
    words: u16,
    /// What is to be stored: word, type, value.
    stores: Vec<(u16, String)>,
}

impl Lower<'_, '_> {
    /// Leaves unless `cond` holds.
    pub(super) fn guard(&mut self, cond: &str, frame: Option<FrameId>, reason: Reason) {
        let Some(frame) = frame else { return };
        let exit = self.exit(frame, reason);
        let next = self.new_label();
        let cond = if self.stress {
            // The guard fails if the helper says so.
            let f = self.helper(Helper::Force);
            let forced = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base) #1"));
            let free = self.temp(&format!("icmp eq i64 {forced}, 0"));
            self.temp(&format!("and i1 {cond}, {free}"))
        } else {
            cond.to_string()
        };
        self.line(&format!(
            "br i1 {cond}, label %{next}, label %{exit}, !prof !{}",
            super::LIKELY
        ));
        self.label(&next);
    }

    /// The block that leaves at this frame state, for this reason.
    pub(super) fn exit(&mut self, frame: FrameId, reason: Reason) -> String {
        if let Some(label) = self.exit_labels.get(&(frame, reason)) {
            return label.clone();
        }
        let number = self.exits.len();
        let label = format!("exit{number}");
        self.exit_labels.insert((frame, reason), label.clone());
        let mut places = Places::default();
        let map = self.frame_map(frame, &mut places);
        self.words = self.words.max(usize::from(places.words));
        let innermost = self.f.frames[frame.n()];
        let map = self.maps.add(map);
        self.exits.push(ExitSite {
            map,
            reason,
            func: innermost.func,
            pc: innermost.pc,
        });
        let cold = &mut self.cold;
        let _ = writeln!(cold, "{label}:");
        for (n, (word, value)) in places.stores.iter().enumerate() {
            let at = format!("%{label}.w{n}");
            let _ = writeln!(cold, "  {at} = getelementptr i64, ptr %words, i64 {word}");
            if let Some((define, name)) = value.split_once('|') {
                let name = name.replace("EXIT", &label);
                let _ = writeln!(
                    cold,
                    "  {} = {define}",
                    name.split(' ').next_back().unwrap_or("")
                );
                let _ = writeln!(cold, "  store {name}, ptr {at}");
            } else {
                let _ = writeln!(cold, "  store {value}, ptr {at}");
            }
        }
        let table = (self.s.objects.len() + Helper::Exits as usize) * 8;
        let helper = (self.s.objects.len() + Helper::Exit as usize) * 8;
        let _ = writeln!(
            cold,
            "  %{label}.t = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {table})"
        );
        let _ = writeln!(
            cold,
            "  %{label}.f = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {helper})"
        );
        let _ = writeln!(
            cold,
            "  %{label}.s = call i64 %{label}.f(ptr %vm, ptr %base, ptr %{label}.t, i64 {number}, ptr %words) #1"
        );
        if self.typed.is_some() {
            let _ = writeln!(
                cold,
                "  %{label}.r = insertvalue {PAIR} poison, i64 %{label}.s, 0\n  ret {PAIR} %{label}.r"
            );
        } else {
            let _ = writeln!(cold, "  ret i64 %{label}.s");
        }
        label
    }

    /// The frame map of a frame state.
    fn frame_map(&self, frame: FrameId, places: &mut Places) -> FrameMap {
        let mut frames = Vec::new();
        let innermost = self.f.frames[frame.n()];
        let waits = innermost.waits;
        let sunk = innermost.sunk;
        let mut at = Some(frame);
        while let Some(id) = at {
            let state = self.f.frames[id.n()];
            let regs = state
                .regs
                .iter()
                .map(|&(r, held)| {
                    let value = match held {
                        Held::Slot => Value::At(Repr::Tagged, Loc::Slot(state.base + u32::from(r))),
                        Held::Value(v) => self.place(v, state.func, places),
                        // The verifier has found it in the list.
                        Held::Sunk(name) => {
                            let at = sunk.iter().position(|s| s.name == name);
                            at.map_or(Value::Nil, |n| Value::Sunk(n as u16))
                        }
                    };
                    (r, value)
                })
                .collect();
            frames.push(VirtualFrame {
                func: FuncId(state.func),
                closure: state.closure.map(|c| self.place(c, 0, places)),
                pc: state.pc,
                base: state.base,
                tail: state.tail,
                regs,
            });
            at = state.parent;
        }
        frames.reverse();
        FrameMap {
            frames,
            sunk: sunk.iter().map(|s| self.sunk(s, places)).collect(),
            waits,
        }
    }

    /// How to make an object that was not allocated.
    fn sunk(&self, s: &Sunk<'_>, places: &mut Places) -> SunkObject {
        // Sinking has asked for both.
        let slot = Layouts::site(self.s, s.func, s.pc).unwrap_or(0);
        let steps = self.layouts.steps(self.s, s.func, s.shape);
        let mut fields = s.fields.iter();
        let mut parts = Vec::new();
        for step in steps.unwrap_or_default() {
            match step {
                Step::Field(name) => {
                    if let Some(&(_, v)) = fields.next() {
                        parts.push((Part::Field(name), self.place(v, 0, places)));
                    }
                }
                Step::Meta(meta) => parts.push((Part::Meta, self.metatable(meta, places))),
            }
        }
        SunkObject {
            kind: SunkKind::Table {
                func: FuncId(s.func),
                slot,
            },
            parts,
        }
    }

    /// A metatable, which is in the table of constants.
    fn metatable(&self, meta: Obj, places: &mut Places) -> Value {
        let word = *places.metas.entry(meta).or_insert_with(|| {
            let word = places.words;
            places.words += 1;
            let at = meta.0 * 8;
            let load = format!(
                "load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {at})|ptr %EXIT.m{word}"
            );
            places.stores.push((word, load));
            word
        });
        Value::At(Repr::Table, Loc::Word(word))
    }

    /// How `v` is described: a constant, or where the exit stores it.
    fn place(&self, v: V, func: u32, places: &mut Places) -> Value {
        let i = self.f.insts[v.n()];
        match i.op {
            Op::Int => return Value::Int(i.imm as i64),
            Op::Float => return Value::Float(i.imm),
            Op::Nil => return Value::Nil,
            Op::Bool => return Value::Bool(i.imm != 0),
            Op::Box => return self.place(i.args[0], func, places),
            Op::Object => {
                let consts = &self.s.funcs[func as usize].consts;
                let same =
                    |k: &Const| matches!(k, Const::Str { at, .. } if u64::from(at.0) == i.imm);
                if let Some(k) = consts.iter().position(same) {
                    return Value::Const(k as u32);
                }
            }
            _ => {}
        }
        if let Some(&known) = places.at.get(&v) {
            return known;
        }
        let word = places.words;
        let (n, v0) = (word, v.0);
        let value = match i.ty {
            Ty::Nil | Ty::Void => return Value::Nil,
            Ty::Any => {
                places.words += 2;
                let wide = format!("zext i8 %v{v0}.t to i64|i64 %EXIT.z{n}");
                places.stores.push((word, wide));
                places.stores.push((word + 1, format!("i64 %v{v0}.p")));
                Value::At(Repr::Tagged, Loc::Word(word))
            }
            Ty::Native | Ty::Ptr => {
                // No representation of its own: tagged.
                places.words += 2;
                places.stores.push((word, format!("i64 {}", tag::NATIVE)));
                places.stores.push((word + 1, format!("ptr %v{v0}")));
                Value::At(Repr::Tagged, Loc::Word(word))
            }
            ty => {
                places.words += 1;
                let (store, repr) = match ty {
                    Ty::Int => (format!("i64 %v{v0}"), Repr::Int),
                    Ty::Float => (format!("double %v{v0}"), Repr::Float),
                    Ty::Bool => (format!("zext i1 %v{v0} to i64|i64 %EXIT.z{n}"), Repr::Bool),
                    Ty::Str => (format!("ptr %v{v0}"), Repr::Str),
                    Ty::Table => (format!("ptr %v{v0}"), Repr::Table),
                    _ => (format!("ptr %v{v0}"), Repr::Closure),
                };
                places.stores.push((word, store));
                Value::At(repr, Loc::Word(word))
            }
        };
        places.at.insert(v, value);
        value
    }
}
