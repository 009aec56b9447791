//! Profiles: what feedback knew when a function was compiled, for the next run.
//!
//! It is what a snapshot has that isn't found in the heap: feedback bits, where
//! speculation failed. Imposed on the snapshot of another run it makes the same key,
//! as soon as what *is* found in the heap (inline caches, callees) is the same, too.

use super::State;
use crate::cache::{Key, KeyMaker};
use crate::jit::learned::bits_of;
use crate::jit::{self, Speculation, TargetCpu};
use crate::tier2::snapshot::{EntryAt, Function, Snapshot};
use serde::{Deserialize, Serialize};
use std::hash::Hash;
use strata_runtime::object::ProtoObj;
use strata_spec::{Insn, ProtoId};

/// How something was compiled.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Profile {
    /// Ways that conditional jumps never went were left out.
    prunes: bool,
    /// Tags of registers in the frame that asked.
    tags: Vec<u8>,
    funcs: Vec<Known>,
}

/// What was known of a function.
#[derive(PartialEq, Debug, Serialize, Deserialize)]
struct Known {
    /// Which one it is.
    content: [u8; 32],
    id: u32,
    /// Feedback bits by instruction.
    bits: Vec<u8>,
    speculation: Speculation,
}

impl Known {
    /// Adds the feedback to that of `p`.
    ///
    /// # Safety
    /// `p` is live, and code of it is written by this thread only.
    unsafe fn teach(&self, p: *mut ProtoObj) {
        // SAFETY: as the caller says.
        unsafe {
            if self.bits.len() != (*p).code_len as usize {
                return;
            }
            for (pc, &bits) in self.bits.iter().enumerate() {
                let at = (*p).code.add(pc);
                *at = with_bits(*at, bits_of(&*at) | bits);
            }
        }
    }
}

/// Most ways of compiling one thing that are remembered.
const MOST: usize = 6;

/// How a function, or a loop of one, was compiled, the latest first. Feedback grows,
/// so that there are several.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Profiles(pub Vec<Profile>);

impl Profiles {
    /// As bytes.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(self).ok()
    }

    /// From bytes.
    pub(super) fn read(bytes: &[u8]) -> Option<Profiles> {
        postcard::from_bytes(bytes).ok()
    }

    /// Adds one, as the latest: whether that changes anything.
    pub(super) fn add(&mut self, profile: Profile) -> bool {
        if self.0.first() == Some(&profile) {
            return false;
        }
        self.0.retain(|known| *known != profile);
        self.0.insert(0, profile);
        self.0.truncate(MOST);
        true
    }
}

/// The key of the profiles of a function, or of a loop of it.
pub(super) fn key(content: &[u8; 32], which: (ProtoId, EntryAt), cpu: TargetCpu) -> Key {
    let mut maker = KeyMaker::new("profile", cpu);
    maker.bytes(content);
    which.hash(&mut maker);
    maker.key()
}

/// Which function of a snapshot each part of a profile is about, and its prototype.
pub(super) type Matches = Vec<(usize, *mut ProtoObj)>;

impl Profile {
    /// That of a compile.
    pub(super) fn of(snapshot: &Snapshot) -> Profile {
        let funcs = snapshot.funcs.iter().zip(&snapshot.contents);
        let known = |(f, content): (&Function, &[u8; 32])| Known {
            content: *content,
            id: f.key().1.0,
            bits: f.code.iter().map(bits_of).collect(),
            speculation: f.speculation.clone(),
        };
        Profile {
            prunes: snapshot.prunes,
            tags: snapshot.tags.clone(),
            funcs: funcs.map(known).collect(),
        }
    }

    fn find(&self, content: &[u8; 32], id: ProtoId) -> Option<usize> {
        let is = |k: &Known| k.id == id.0 && k.content == *content;
        self.funcs.iter().position(is)
    }

    /// Makes a snapshot what it would be with this feedback. `Profile::of` the same
    /// snapshot undoes it.
    pub(super) fn impose(&self, snapshot: &mut Snapshot) {
        let Snapshot {
            funcs, contents, ..
        } = snapshot;
        for (f, content) in funcs.iter_mut().zip(contents) {
            let Some(n) = self.find(content, f.key().1) else {
                continue;
            };
            let known = &self.funcs[n];
            if known.bits.len() != f.code.len() {
                continue;
            }
            for (i, &bits) in f.code.iter_mut().zip(&known.bits) {
                *i = with_bits(*i, bits);
            }
            f.speculation = known.speculation.clone();
        }
        snapshot.prunes = self.prunes;
        if snapshot.tags.len() == self.tags.len() {
            snapshot.tags.clone_from(&self.tags);
        }
    }

    /// Its first function, `p`, knows the feedback from now on.
    pub(super) fn teach_bits(&self, p: &mut ProtoObj) {
        if let Some(known) = self.funcs.first() {
            // SAFETY: it is a reference; code is written by the thread that runs it
            // only.
            unsafe { known.teach(p) };
        }
    }

    /// Which of a snapshot's functions it knows.
    pub(super) fn known(&self, snapshot: &Snapshot) -> Matches {
        let functions = snapshot.funcs.iter().zip(&snapshot.contents);
        let known = |(f, content): (&Function, &[u8; 32])| {
            let p = snapshot.objects[f.proto.0 as usize] as *mut ProtoObj;
            Some((self.find(content, f.key().1)?, p))
        };
        functions.filter_map(known).collect()
    }

    /// Code was made from this feedback: functions know it from now on.
    ///
    /// # Safety
    /// The prototypes are live.
    pub(super) unsafe fn teach(&self, known: &Matches) {
        for &(n, p) in known {
            let part = &self.funcs[n];
            // SAFETY: as the caller says; code is written by the thread that runs it
            // only.
            unsafe {
                part.teach(p);
                jit::state_mut(&mut *p).tier2.speculation = part.speculation.clone();
            }
        }
    }

    /// What is known of the function that was compiled, apart from feedback.
    pub(super) fn settle(&self, state: &mut State) {
        state.look = jit::look::Look::Done;
        state.was_put_off = true;
        if !self.prunes {
            state.surprises = u8::MAX;
        }
    }
}

/// An instruction with these feedback bits, if it has room for them.
fn with_bits(i: Insn, bits: u8) -> Insn {
    // What has no room has none, whatever they are.
    let room = Insn(i.0 | 0xff << 32);
    if bits_of(&room) == 0 {
        return i;
    }
    Insn(i.0 & !(0xff << 32) | u64::from(bits) << 32)
}
