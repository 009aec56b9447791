//! What a compile has made, as bytes.

use crate::cache::{Cache, Key};
use crate::ir::Reason;
use crate::jit::Assumption;
use crate::jit::learned::Seen;
use crate::tier2::compile::{Object, Product, Report};
use crate::tier2::lower::{ExitSite, Lowered};
use crate::tier2::snapshot::Snapshot;
use crate::tier2::{Stage, clif};
use serde::{Deserialize, Serialize};
use strata_spec::frame_map::{FrameMapId, FrameMaps, codec};

/// A product without what it was made from.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Objects of its snapshot.
    objects: u32,
    slots: u32,
    words: u32,
    insts: u32,
    assumes: Vec<Assumption>,
    exits: Vec<Exit>,
    maps: Vec<u8>,
    code: Code,
}

/// An [`ExitSite`].
#[derive(Serialize, Deserialize)]
struct Exit {
    map: u32,
    reason: Reason,
    func: u32,
    pc: u32,
    early: bool,
    guarded: bool,
}

/// Machine code.
#[derive(Serialize, Deserialize)]
enum Code {
    Clif(clif::Object),
    /// An ELF file: what follows.
    Llvm,
}

/// A product that was read.
pub(super) struct Read {
    stored: Stored,
    maps: FrameMaps,
    object: Object,
}

/// A product as bytes.
pub(super) fn write(product: &Product) -> Option<Vec<u8>> {
    let lowered = &product.lowered;
    let exit = |site: &ExitSite| Exit {
        map: site.map.0,
        reason: site.reason,
        func: site.func,
        pc: site.pc,
        early: site.early,
        guarded: site.guarded,
    };
    let (code, file): (_, &[u8]) = match &product.object {
        Object::Clif(object) => (Code::Clif(object.clone()), &[]),
        #[cfg(feature = "llvm")]
        Object::Llvm(file) => (Code::Llvm, file),
    };
    let stored = Stored {
        objects: u32::try_from(product.snapshot.objects.len()).ok()?,
        slots: product.slots,
        words: u32::try_from(lowered.words).ok()?,
        insts: product.report.insts,
        assumes: product.assumes.clone(),
        exits: lowered.exits.iter().map(exit).collect(),
        maps: codec::encode(&lowered.maps),
        code,
    };
    let mut bytes = postcard::to_stdvec(&stored).ok()?;
    bytes.extend_from_slice(file);
    Some(bytes)
}

/// Reads a product for a snapshot; `None` if it can't be one.
pub(super) fn read(bytes: &[u8], stage: Stage, snapshot: &Snapshot) -> Option<Read> {
    let (mut stored, file) = postcard::take_from_bytes::<Stored>(bytes).ok()?;
    let maps = codec::decode(&stored.maps).ok()?;
    let fits = |exit: &Exit| {
        let f = snapshot.funcs.get(exit.func as usize);
        (exit.map as usize) < maps.len() && f.is_some_and(|f| (exit.pc as usize) < f.code.len())
    };
    if stored.objects as usize != snapshot.objects.len() || !stored.exits.iter().all(fits) {
        return None;
    }
    let code = std::mem::replace(&mut stored.code, Code::Llvm);
    let object = match (code, stage) {
        (Code::Clif(object), Stage::Soon) => Object::Clif(object),
        #[cfg(feature = "llvm")]
        (Code::Llvm, Stage::Best) => Object::Llvm(file.into()),
        _ => {
            let _ = file;
            return None;
        }
    };
    Some(Read {
        stored,
        maps,
        object,
    })
}

impl Read {
    /// The product; `key`: where it came from.
    pub(super) fn product(self, snapshot: Snapshot, stage: Stage, key: (Cache, Key)) -> Product {
        let Read {
            stored,
            maps,
            object,
        } = self;
        let site = |exit: &Exit| {
            let f = &snapshot.funcs[exit.func as usize];
            ExitSite {
                map: FrameMapId(exit.map),
                reason: exit.reason,
                func: exit.func,
                pc: exit.pc,
                // Marks of feedback slots are those of this process.
                seen: Seen::of(&f.code[exit.pc as usize], &f.marks),
                early: exit.early,
                guarded: exit.guarded,
            }
        };
        let exits = stored.exits.iter().map(site).collect();
        Product {
            snapshot,
            stage,
            object,
            lowered: Lowered {
                text: String::new(),
                maps,
                exits,
                words: stored.words as usize,
            },
            slots: stored.slots,
            assumes: stored.assumes,
            report: Report {
                insts: stored.insts,
                ..Report::default()
            },
            key: Some(key),
        }
    }
}
