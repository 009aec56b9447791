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
use crate::jit::{self, JitMode};
use profile::Profile;
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
    pub checked: bool,
    /// Guards ask whether they are to fail.
    pub stress: bool,
}

impl Manner {
    /// How code of this stage is made for this VM.
    pub(super) fn of(vm: &mut Vm, stage: Stage) -> Manner {
        let data = interp::data(vm);
        let modes = &data.stress.modes;
        let options = &data.jit.options;
        let improved = stage.is_improved(options.backend);
        Manner {
            stage,
            counts: improved && options.thresholds.best > 1,
            checked: cfg!(debug_assertions)
                || *modes != crate::stress::StressModes::default()
                || options.thresholds.hot <= 1,
            stress: modes.deopt != crate::stress::ForcedExits::None,
        }
    }
}

/// Code that is expected to be in the cache.
#[derive(Debug)]
pub(crate) struct Expected {
    at: EntryAt,
    profile: Arc<Profile>,
    /// How often it was looked for.
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
const SHARES: [i32; 4] = [64, 16, 4, 2];

/// What a counter is to begin with, if so much is usual.
pub(crate) fn early(budget: i32) -> i32 {
    budget / SHARES[0]
}

/// The cache, if there is one, it is on, and code can be had from it.
pub(super) fn cache(vm: &mut Vm) -> Option<Cache> {
    let jit = &interp::data(vm).jit;
    let cache = jit.cache.as_ref().filter(|cache| cache.is_enabled())?;
    let listing = jit.listings.is_some();
    (jit.options.mode == JitMode::Full && !listing).then(|| cache.clone())
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

/// The key of code that is made of a snapshot.
fn key(snapshot: &Snapshot, manner: Manner) -> Key {
    let mut maker = KeyMaker::new("tier 2");
    manner.hash(&mut maker);
    snapshot.hash(&mut maker);
    maker.key()
}

/// Whether the cache has profiles of `p`, which was found hot: then it is compiled at
/// once, and knows what feedback it had.
pub(crate) fn is_known(vm: &mut Vm, p: &mut ProtoObj) -> bool {
    let Some(cache) = cache(vm) else {
        return false;
    };
    let expected = &mut jit::state_mut(p).tier2.expected;
    if !std::mem::replace(&mut expected.asked, true) {
        let content = content(p);
        let profiles = places(p).into_iter().filter_map(|at| {
            let key = profile::key(&content, p.id, at);
            let entry = cache.find(Kind::Profile, &key)?;
            let Some(profile) = Profile::read(entry.rest()) else {
                cache.refuse(Kind::Profile, &key, &Refused::Damaged);
                return None;
            };
            profile.teach_bits(p);
            Some(Expected {
                at,
                profile: Arc::new(profile),
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
    let state = |p: *mut ProtoObj| unsafe { &mut jit::state_mut(&mut *p).tier2 };
    let expected = &mut state(p).expected.code;
    let Some(n) = expected.iter().position(|e| e.at == at) else {
        return Found::Nothing;
    };
    let profile = Arc::clone(&expected[n].profile);
    expected[n].looks += 1;
    let looks = expected[n].looks;
    let done = state(p).off || jit::has_code2(
        // SAFETY: as above.
        unsafe { &*p },
        at,
    );
    if !done {
        // SAFETY: as the caller says.
        unsafe {
            let mut snapshot = Snapshot::take(vm, p, at, base);
            let cache = prepare(vm, &mut snapshot);
            profile.impose(&mut snapshot);
            snapshot.keep_alive(vm, p);
            if let Some(cache) = cache
                && let Ok(found) = find(vm, &cache, snapshot)
            {
                let known = profile.known(&found.1);
                if enter(vm, p, found, (1, begun)) {
                    profile.teach(&known);
                    profile.settle(state(p));
                    state(p).expected.code.retain(|e| e.at != at);
                    return Found::Code;
                }
            }
        }
    }
    match SHARES.get(looks).filter(|_| !done) {
        Some(&share) => Found::Later(share),
        None => {
            state(p).expected.code.retain(|e| e.at != at);
            Found::Nothing
        }
    }
}

/// A product of the cache, and the prototypes that its snapshot names.
pub(super) type FoundCode = (Product, Vec<*mut ProtoObj>);

/// Code for a snapshot that the cache has; if it has none, the snapshot comes back.
pub(super) fn find(
    vm: &mut Vm,
    cache: &Cache,
    snapshot: Snapshot,
) -> Result<FoundCode, Box<Snapshot>> {
    let backend = interp::data(vm).jit.options.backend;
    let first = Stage::first(backend);
    // Better code first.
    let better = first.is_improved(backend).then_some(Stage::Best);
    let funcs: Vec<*mut ProtoObj> = snapshot
        .funcs
        .iter()
        .map(|f| snapshot.objects[f.proto.0 as usize] as *mut ProtoObj)
        .collect();
    for stage in better.into_iter().chain([first]) {
        let key = key(&snapshot, Manner::of(vm, stage));
        let Some(entry) = cache.find(Kind::Code, &key) else {
            continue;
        };
        let Some(read) = form::read(entry.rest(), stage, &snapshot) else {
            cache.refuse(Kind::Code, &key, &Refused::Damaged);
            continue;
        };
        cache.hit(&entry);
        let product = read.product(snapshot, stage, (cache.clone(), key));
        return Ok((product, funcs));
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
    (mut product, _): FoundCode,
    (heat, begun): (u32, Instant),
) -> bool {
    workers(vm);
    let at = product.snapshot.entry;
    let backend = interp::data(vm).jit.options.backend;
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
        if let Some(Some(snapshot)) = again {
            improve(vm, p, snapshot, heat);
        }
    }
    true
}

/// Keeps what a compile has made, and how: on its thread.
pub(super) fn keep(cache: &Cache, name: &str, manner: Manner, product: &mut Product) {
    let snapshot = &product.snapshot;
    let key = key(snapshot, manner);
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
    };
    cache.keep(Kind::Code, key, &made, &rest);
    let f = &snapshot.funcs[0];
    let at = profile::key(&snapshot.contents[0], f.key().1, snapshot.entry);
    if let Some(rest) = Profile::of(snapshot).write() {
        cache.keep(Kind::Profile, at, &made, &rest);
    }
    product.key = Some((cache.clone(), key));
}
