//! Code of tier 2 in the compile cache, and what is told about it from one run to
//! the next (`spec/cache.md`).
//!
//! ```text
//!  asked about a function ──▶ is_known: a profile? ──▶ tier 1 at once
//!  tier 1's code is there ──▶ expected ──▶ counters are shorter
//!  counter used up ─────────▶ look: snapshot with the profile's feedback ──▶ key
//!  a compile is asked for ──▶ find: key of the snapshot ──▶ entry: installed
//!  a compile is done ───────▶ keep: entry and profile
//! ```
//!
//! A compile sees its snapshot and nothing else, so the hash of that is the key.
//! What is hashed is derived from the types ([`Hash`]): nothing can be forgotten.
//! Left out are addresses, which the snapshot names by number, as code does.
//!
//! - [`profile`]: what feedback knew
//! - [`form`]: entries as bytes

mod form;
mod profile;

use super::compile::{Object, Product};
use super::install::install;
use super::jobs::{improve, workers};
use super::snapshot::{EntryAt, Function, Snapshot};
use super::{Stage, State};
use crate::cache::{Cache, Key, KeyMaker, Kind, Made, Refused, Tier};
use crate::interp;
use crate::jit::choice::choice;
use crate::jit::{self, Backend, Level, TargetCpu};
use profile::{Matches, Profile, Profiles};
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_runtime::value::Value;
use strata_spec::Op;

/// How code is made, apart from what of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Manner {
    pub stage: Stage,
    /// It asks for better code.
    pub counts: bool,
    /// It tells that it runs.
    pub tells: bool,
    /// Guards ask whether they are to fail.
    pub stress: bool,
    /// How much work goes into it.
    pub level: Level,
    /// The processor that it is for.
    pub cpu: TargetCpu,
}

impl Manner {
    /// How code of this stage is made for this VM.
    pub(super) fn of(vm: &mut Vm, stage: Stage, backend: Backend) -> Manner {
        let data = interp::data(vm);
        let modes = &data.stress.modes;
        let options = &data.jit.options;
        let improved = stage.is_improved(backend);
        Manner {
            stage,
            counts: improved && options.thresholds.best > 1,
            tells: *modes != crate::stress::StressModes::default() || options.thresholds.hot <= 1,
            stress: modes.deopt != crate::stress::ForcedExits::None,
            level: options.level,
            cpu: options.cpu,
        }
    }
}

/// Code that is expected to be in the cache.
#[derive(Debug)]
pub(crate) struct Expected {
    at: EntryAt,
    /// How it was compiled, without what was installed already.
    profiles: Vec<Arc<Profile>>,
    /// How often it was looked for early; at the end of `SHARES` that is over.
    looks: usize,
}

/// What is expected of the cache for a prototype.
#[derive(Default, Debug)]
pub(crate) struct Expectations {
    code: Vec<Expected>,
    /// The cache was asked.
    asked: bool,
}

/// The parts of what makes something hot after which code is looked for, each after
/// the one before.
const SHARES: [i32; 7] = [64, 64, 32, 16, 8, 4, 2];

/// What a counter is to begin with, if so much is usual.
pub(crate) fn early(budget: i32) -> i32 {
    budget / SHARES[0]
}

/// The cache, if there is one, it is on, and code can be had from it.
pub(super) fn cache(vm: &mut Vm) -> Option<Cache> {
    let jit = &interp::data(vm).jit;
    let cache = jit.cache.as_ref().filter(|cache| cache.is_enabled())?;
    let listing = jit.listings.is_some();
    (jit.options.mode.optimizes() && !listing).then(|| cache.clone())
}

/// What tells the content of a prototype's module from others.
fn content(p: &ProtoObj) -> [u8; 32] {
    *p.module.digest.get_or_init(|| {
        let bytes = strata_spec::write(&p.module.module);
        *Key::of(&bytes).as_bytes()
    })
}

/// Prepares a snapshot for the cache, which is returned if there is one.
///
/// # Safety
/// What the snapshot names is live.
pub(super) unsafe fn prepare(vm: &mut Vm, snapshot: &mut Snapshot) -> Option<Cache> {
    let cache = cache(vm)?;
    let content = |f: &Function| {
        // SAFETY: as the caller says.
        unsafe { content(&*(snapshot.objects[f.proto.0 as usize] as *const ProtoObj)) }
    };
    snapshot.contents = snapshot.funcs.iter().map(content).collect();
    Some(cache)
}

/// A snapshot's part of keys.
struct Hashed(KeyMaker);

impl Hashed {
    fn of(snapshot: &Snapshot, cpu: TargetCpu) -> Hashed {
        let mut maker = KeyMaker::new("tier 2", cpu);
        snapshot.hash(&mut maker);
        Hashed(maker)
    }

    /// The key of code that is made in this manner.
    fn key(&self, manner: Manner) -> Key {
        let mut maker = self.0.clone();
        manner.hash(&mut maker);
        maker.key()
    }
}

/// Whether the cache has profiles of `p`, which was found hot: then it is compiled at
/// once, and knows what feedback it had.
pub(crate) fn is_known(vm: &mut Vm, p: &mut ProtoObj) -> bool {
    let Some(cache) = cache(vm) else {
        return false;
    };
    let cpu = interp::data(vm).jit.options.cpu;
    let expected = &mut jit::state_mut(p).tier2.expected;
    if !std::mem::replace(&mut expected.asked, true) {
        let content = content(p);
        let profiles = places(p).into_iter().filter_map(|at| {
            let key = profile::key(&content, (p.id, at), cpu);
            let entry = cache.find(Kind::Profile, &key)?;
            let Some(profiles) = Profiles::read(entry.rest()) else {
                cache.refuse(Kind::Profile, &key, &Refused::Damaged);
                return None;
            };
            let profiles: Vec<_> = profiles.0.into_iter().map(Arc::new).collect();
            profiles.first()?.teach_bits(p);
            Some(Expected {
                at,
                profiles,
                looks: 0,
            })
        });
        let profiles = profiles.collect();
        jit::state_mut(p).tier2.expected.code = profiles;
    }
    !jit::state_mut(p).tier2.expected.code.is_empty()
}

/// Where code of `p` may be entered.
fn places(p: &ProtoObj) -> Vec<EntryAt> {
    let code = (0u32..).zip(&p.storage.code);
    let back = code.filter(|(_, i)| i.op().is_some_and(Op::is_back_edge));
    let mut headers: Vec<u32> = back.map(|(pc, i)| super::flow::target(pc, *i)).collect();
    headers.sort_unstable();
    headers.dedup();
    let loops = headers.into_iter().map(EntryAt::Loop);
    std::iter::once(EntryAt::Start).chain(loops).collect()
}

/// The entries of `p` for which code is expected to be in the cache.
pub(crate) fn expected(p: &mut ProtoObj) -> Vec<EntryAt> {
    let expected = &jit::state_mut(p).tier2.expected;
    expected.code.iter().map(|e| e.at).collect()
}

/// What came of looking for code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// None is expected.
    Nothing,
    /// It isn't there yet: the counter goes on for this part of what makes it hot.
    Later(i32),
    /// It is installed.
    Code,
}

/// Looks for code of `p` that is expected to be in the cache.
///
/// # Safety
/// `p` is live; `base`, if given, its frame, canonical.
pub(crate) unsafe fn look(
    vm: &mut Vm,
    p: *mut ProtoObj,
    at: EntryAt,
    base: Option<*const Value>,
) -> Found {
    let begun = Instant::now();
    // SAFETY: as the caller says.
    let proto = unsafe { &mut *p };
    let state = &mut jit::state_mut(proto).tier2;
    let (off, expected) = (state.off, &mut state.expected.code);
    let expected = expected.iter_mut().find(|e| e.at == at);
    let Some(expected) = expected.filter(|e| e.looks < SHARES.len()) else {
        return Found::Nothing;
    };
    expected.looks += 1;
    let share = SHARES.get(expected.looks).copied();
    if off || jit::has_code2(proto, at) {
        return Found::Nothing;
    }
    // SAFETY: as the caller says.
    unsafe {
        let mut snapshot = Snapshot::take(vm, p, at, base);
        if let Some(cache) = prepare(vm, &mut snapshot) {
            snapshot.keep_alive(vm, p);
            if let Ok(found) = find_by_profile(vm, &cache, p, snapshot)
                && enter(vm, p, found, (1, begun))
            {
                return Found::Code;
            }
        }
    }
    share.map_or(Found::Nothing, Found::Later)
}

/// What the cache had for a prototype.
pub(super) struct Hit {
    product: Product,
    /// Which profile it was made by, if by one, and the prototypes that it knows.
    by: Option<(Arc<Profile>, Matches)>,
}

/// Code for a snapshot of `p` as it is, or with the feedback of earlier runs; if
/// there is none, the snapshot comes back.
///
/// # Safety
/// `p` is live, and what the snapshot names is.
pub(super) unsafe fn find(
    vm: &mut Vm,
    cache: &Cache,
    p: *mut ProtoObj,
    snapshot: Snapshot,
) -> Result<Hit, Box<Snapshot>> {
    // SAFETY: as the caller says.
    let backend = choice(vm, unsafe { &*p }).backend;
    match find_as_is(vm, cache, snapshot, backend) {
        Ok(product) => Ok(Hit { product, by: None }),
        // SAFETY: as the caller says.
        Err(back) => unsafe { find_by_profile(vm, cache, p, *back) },
    }
}

/// The same, with the feedback of earlier runs.
///
/// # Safety
/// As of [`find`].
unsafe fn find_by_profile(
    vm: &mut Vm,
    cache: &Cache,
    p: *mut ProtoObj,
    mut snapshot: Snapshot,
) -> Result<Hit, Box<Snapshot>> {
    let at = snapshot.entry;
    // SAFETY: as the caller says.
    let backend = choice(vm, unsafe { &*p }).backend;
    // SAFETY: likewise.
    let expected = unsafe { &jit::state_mut(&mut *p).tier2.expected.code };
    let expected = expected.iter().find(|e| e.at == at);
    let profiles = expected.map_or_else(Vec::new, |e| e.profiles.clone());
    if profiles.is_empty() {
        return Err(Box::new(snapshot));
    }
    let as_is = Profile::of(&snapshot);
    for profile in profiles {
        profile.impose(&mut snapshot);
        let known = profile.known(&snapshot);
        match find_as_is(vm, cache, snapshot, backend) {
            Ok(product) => {
                let by = Some((profile, known));
                return Ok(Hit { product, by });
            }
            Err(back) => snapshot = *back,
        }
        as_is.impose(&mut snapshot);
    }
    Err(Box::new(snapshot))
}

/// Code for a snapshot that the cache has; if it has none, the snapshot comes back.
fn find_as_is(
    vm: &mut Vm,
    cache: &Cache,
    snapshot: Snapshot,
    backend: Backend,
) -> Result<Product, Box<Snapshot>> {
    let first = Stage::first(backend);
    // Better code first.
    let better = first.is_improved(backend).then_some(Stage::Best);
    let hash = Hashed::of(&snapshot, interp::data(vm).jit.options.cpu);
    for stage in better.into_iter().chain([first]) {
        let key = hash.key(Manner::of(vm, stage, backend));
        let Some(entry) = cache.find(Kind::Code, &key) else {
            continue;
        };
        let Some(read) = form::read(entry.rest(), stage, &snapshot) else {
            cache.refuse(Kind::Code, &key, &Refused::Damaged);
            continue;
        };
        cache.hit(&entry);
        return Ok(read.product(snapshot, stage, (cache.clone(), key)));
    }
    Err(Box::new(snapshot))
}

/// Installs what the cache had: whether it could be.
///
/// # Safety
/// `p` is live, and the product is of it.
pub(super) unsafe fn enter(
    vm: &mut Vm,
    p: *mut ProtoObj,
    Hit { mut product, by }: Hit,
    (heat, begun): (u32, Instant),
) -> bool {
    workers(vm);
    let at = product.snapshot.entry;
    // SAFETY: the caller says that `p` is live.
    let backend = choice(vm, unsafe { &*p }).backend;
    let best = interp::data(vm).jit.options.thresholds.best;
    let improved = product.stage.is_improved(backend);
    product.report.stages.snapshot = super::compile::micros(begun);
    // SAFETY: as the caller says.
    unsafe {
        let Ok((mut installed, snapshot)) = install(vm, p, product) else {
            return false;
        };
        let again = improved.then(|| installed.code.expects(snapshot, best, heat));
        jit::state_mut(&mut *p).tier2.again = Some("cache");
        jit::compiled2(vm, p, at, Ok(installed));
        if let Some((profile, known)) = by {
            profile.teach(&known);
            let state = &mut jit::state_mut(&mut *p).tier2;
            profile.settle(state);
            for expected in state.expected.code.iter_mut().filter(|e| e.at == at) {
                expected
                    .profiles
                    .retain(|other| !Arc::ptr_eq(other, &profile));
                expected.looks = SHARES.len();
            }
        }
        if let Some(Some(snapshot)) = again {
            improve(vm, p, snapshot, heat);
        }
    }
    true
}

/// Keeps what a compile has made, and how: on its thread.
pub(super) fn keep(cache: &Cache, name: &str, manner: Manner, product: &mut Product) {
    let snapshot = &product.snapshot;
    let key = Hashed::of(snapshot, manner.cpu).key(manner);
    let Some(rest) = form::write(product) else {
        return;
    };
    let (backend, size) = match &product.object {
        Object::Clif(object) => (crate::cache::Backend::Cranelift, object.size()),
        #[cfg(feature = "llvm")]
        Object::Llvm(object) => (crate::cache::Backend::Llvm, object.len()),
    };
    let name = match snapshot.entry {
        EntryAt::Start => name.to_string(),
        EntryAt::Loop(pc) => {
            let line = snapshot.funcs[0].spec().pos(pc).line;
            format!("{name}, loop at line {line}")
        }
    };
    let micros = product.report.stages.total();
    let made = Made {
        name,
        tier: Tier::Two,
        backend,
        took: Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default(),
        size,
        cpu: manner.cpu,
        module: Some(Key::from_bytes(snapshot.contents[0])),
    };
    cache.keep(Kind::Code, key, &made, &rest);
    let f = &snapshot.funcs[0];
    let which = (f.key().1, snapshot.entry);
    let at = profile::key(&snapshot.contents[0], which, manner.cpu);
    let profiles = cache.find(Kind::Profile, &at);
    let profiles = profiles.and_then(|entry| Profiles::read(entry.rest()));
    let mut profiles = profiles.unwrap_or_default();
    if profiles.add(Profile::of(snapshot))
        && let Some(rest) = profiles.write()
    {
        cache.keep(Kind::Profile, at, &made, &rest);
    }
    product.key = Some((cache.clone(), key));
}
