//! States at exits: does compiled code leave as the interpreter would have come
//! by?
//!
//! A VM that compiles notes the *state* of each exit of code of some modules,
//! once its frames are restored: the live registers of the innermost frames, and
//! what tables and closures in them hold, as one number. A second VM interprets
//! the same modules and notes the states that it has at the *places* (function
//! and instruction) where the first one left code. Since both do the same, the
//! exits at a place must be among the visits there, in that order.
//!
//! Numbers of states say nothing about addresses, so those of two VMs compare.
//! Weak tables count as nothing: what is in them depends on the collector.

use crate::interp;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use strata_runtime::Vm;
use strata_runtime::frame::FrameInfo;
use strata_runtime::metatable::{self, Event};
use strata_runtime::object::{Closure, Table, Upval};
use strata_runtime::table;
use strata_runtime::value::{Value, tag};
use strata_spec::liveness::Liveness;
use strata_spec::module::{Proto, RegSet};
use strata_spec::{Insn, Module};

/// An instruction: number of the function among those of all modules, and pc.
pub type Place = (u32, u32);

/// States by place, in the order in which they were there.
pub type States = HashMap<Place, Vec<u64>>;

/// What a VM notes.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Functions by the address of their bytecode, which the modules keep.
    functions: HashMap<usize, u32>,
    /// Of each function that was met.
    liveness: HashMap<usize, Liveness>,
    /// Where the interpreter is watched; `None`: exits are.
    places: Option<HashSet<Place>>,
    seen: States,
    _modules: Vec<Arc<Module>>,
}

/// Frames that belong to a state, the innermost included.
const FRAMES: usize = 4;
/// How deep tables are looked into, and how many entries of each.
const DEPTH: u32 = 3;
const ENTRIES: usize = 40;
/// States that are noted at most, and at one place.
const MOST: usize = 1000;

/// Mixes what is noted into a number, with a multiplication for each word: nobody
/// makes states collide on purpose, and there are many.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word) ^ (part.len() as u64) << 59);
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ self.0 >> 32
    }
}

/// Notes the states of exits, or those of the interpreter at `places`.
pub(crate) fn record(vm: &mut Vm, modules: &[Arc<Module>], places: Option<HashSet<Place>>) {
    let protos = modules.iter().flat_map(|m| &m.protos);
    let recorder = Recorder {
        functions: (0..)
            .zip(protos)
            .map(|(n, p)| (p as *const Proto as usize, n))
            .collect(),
        liveness: HashMap::new(),
        places,
        seen: HashMap::new(),
        _modules: modules.to_vec(),
    };
    interp::data(vm).states = Some(Box::new(recorder));
    interp::instrument(vm);
}

/// What was noted.
pub(crate) fn recorded(vm: &mut Vm) -> States {
    let recorder = interp::data(vm).states.take();
    interp::instrument(vm);
    recorder.map(|r| r.seen).unwrap_or_default()
}

/// The first exit whose state is not among the visits, in their order: its
/// place, and which one it is there.
pub fn compare(exits: &States, visits: &States) -> Option<(Place, usize)> {
    let none = Vec::new();
    let mut places: Vec<_> = exits.iter().collect();
    places.sort_unstable_by_key(|p| p.0);
    for (place, exits) in places {
        let visits = visits.get(place).unwrap_or(&none);
        if visits.len() >= MOST {
            continue;
        }
        let mut at = 0;
        for (n, exit) in exits.iter().enumerate() {
            // The same visit may end more than one stay in code.
            match visits[at..].iter().position(|v| v == exit) {
                Some(further) => at += further,
                None => return Some((*place, n)),
            }
        }
    }
    None
}

/// Code was left; `vm.base` and `vm.pc` say where the interpreter goes on.
pub(crate) fn exit(vm: &mut Vm) {
    if interp::data(vm)
        .states
        .as_ref()
        .is_some_and(|s| s.places.is_none())
    {
        note(vm);
    }
}

/// Whether the interpreter is watched.
pub(crate) fn watches(vm: &mut Vm) -> bool {
    let states = &interp::data(vm).states;
    states.as_ref().is_some_and(|s| s.places.is_some())
}

/// The interpreter is about to run the instruction before `vm.pc`.
#[cold]
pub(crate) fn visit(vm: &mut Vm) {
    if watches(vm) {
        // SAFETY: in a Lua function the pc has gone past an instruction.
        vm.pc = unsafe { vm.pc.sub(1) };
        note(vm);
        // SAFETY: back again.
        vm.pc = unsafe { vm.pc.add(1) };
    }
}

fn note(vm: &mut Vm) {
    // It is put back: nothing in between runs code or compiles.
    let Some(mut recorder) = interp::data(vm).states.take() else {
        return;
    };
    if let Some(place) = place(vm, &recorder)
        && recorder.places.as_ref().is_none_or(|p| p.contains(&place))
        && recorder.seen.get(&place).is_none_or(|s| s.len() < MOST)
        && (recorder.seen.len() < MOST || recorder.seen.contains_key(&place))
    {
        let state = state(vm, &mut recorder);
        recorder.seen.entry(place).or_default().push(state);
    }
    interp::data(vm).states = Some(recorder);
}

/// Where the innermost frame is, if it runs a function of the modules.
fn place(vm: &Vm, recorder: &Recorder) -> Option<Place> {
    let frame = vm.frame_at(0)?;
    let p = frame.proto()?;
    let function = recorder
        .functions
        .get(&(p.spec() as *const Proto as usize))?;
    let pc = (frame.pc as usize - p.code as usize) / size_of::<Insn>();
    Some((*function, pc as u32))
}

/// The live registers of frame `frame`, about to run its pc or waiting.
fn live(frame: &FrameInfo, waits: bool, recorder: &mut Recorder) -> Option<(u32, RegSet)> {
    let p = frame.proto()?;
    let spec = p.spec();
    let key = spec as *const Proto as usize;
    let function = *recorder.functions.get(&key)?;
    let liveness = recorder
        .liveness
        .entry(key)
        .or_insert_with(|| Liveness::of(spec));
    let live = if waits {
        liveness.during(spec, frame.current_pc()?)
    } else {
        let pc = (frame.pc as usize - p.code as usize) / size_of::<Insn>();
        liveness.before(spec, pc as u32)
    };
    Some((function, live))
}

/// The number of the state.
fn state(vm: &mut Vm, recorder: &mut Recorder) -> u64 {
    let mut hasher = Mixer::default();
    for level in 0..FRAMES {
        let Some(frame) = vm.frame_at(level) else {
            break;
        };
        let Some((function, live)) = live(&frame, level > 0, recorder) else {
            0u8.hash(&mut hasher);
            continue;
        };
        (
            function,
            frame.pc as usize - frame.proto().map_or(0, |p| p.code as usize),
        )
            .hash(&mut hasher);
        for r in live.iter() {
            // SAFETY: live registers of a restored frame hold live values.
            let n = unsafe { value(vm, *frame.base.add(usize::from(r)), DEPTH) };
            (r, n).hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// A number for a value and what it holds.
///
/// # Safety
/// It is live.
unsafe fn value(vm: &mut Vm, v: Value, depth: u32) -> u64 {
    let mut hasher = Mixer::default();
    v.tag.hash(&mut hasher);
    // SAFETY: the tags say what live values are.
    unsafe {
        match v.tag {
            tag::INT => v.as_int().hash(&mut hasher),
            tag::FLOAT if v.as_float().is_nan() => "nan".hash(&mut hasher),
            tag::FLOAT => v.as_float().to_bits().hash(&mut hasher),
            tag::STR => vm.bytes(v.as_str()).hash(&mut hasher),
            tag::TABLE if depth > 0 => table_of(vm, v.as_table(), depth).hash(&mut hasher),
            tag::CLOSURE => {
                let c: *mut Closure = v.as_closure();
                let spec = (*(*c).proto).spec();
                (spec.line_defined, spec.code.len()).hash(&mut hasher);
                for n in 0..(*c).hdr.aux as usize {
                    let up: *mut Upval = Closure::upval(c, n);
                    if depth > 0 {
                        value(vm, *(*up).v, depth - 1).hash(&mut hasher);
                    }
                }
            }
            _ => {}
        }
    }
    hasher.finish()
}

/// The entries of a table, in no order.
///
/// # Safety
/// It is live.
unsafe fn table_of(vm: &mut Vm, t: *mut Table, depth: u32) -> u64 {
    if !metatable::metamethod(vm, Value::table(t), Event::Mode).is_nil() {
        return 0;
    }
    let (mut cursor, mut sum, mut count) = (0, 0u64, 0);
    // SAFETY: the table is live, and nothing changes it.
    while let Some((next, k, v)) = unsafe { table::next_at(t, cursor) } {
        cursor = next;
        count += 1;
        if count <= ENTRIES {
            // SAFETY: entries of live tables are live.
            let (k, v) = unsafe { (value(vm, k, 0), value(vm, v, depth - 1)) };
            let mut hasher = Mixer::default();
            (k, v).hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
        }
    }
    let meta = metatable::metatable_of(vm, Value::table(t));
    // With more entries, which come first may differ.
    if count > ENTRIES {
        sum = 0;
    }
    sum ^ count as u64 ^ u64::from(meta.is_null()) << 63
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(all: &[u64]) -> States {
        HashMap::from([((0, 3), all.to_vec())])
    }

    #[test]
    fn exits_are_among_the_visits_in_order() {
        let visits = states(&[1, 2, 3, 2, 4]);
        for fine in [&[][..], &[1, 4], &[2, 3, 2], &[2, 2, 3], &[1, 1, 1, 4]] {
            assert_eq!(compare(&states(fine), &visits), None, "{fine:?}");
        }
        assert_eq!(compare(&states(&[5]), &visits), Some(((0, 3), 0)));
        assert_eq!(compare(&states(&[3, 1]), &visits), Some(((0, 3), 1)));
        assert_eq!(compare(&states(&[1]), &States::new()), Some(((0, 3), 0)));
    }
}
