//! Modules in the compile cache: object files, and what is known of their
//! functions.

use super::compile::{Compiled, Times};
use super::signature::Declared;
use super::{Level, Source};
use crate::cache::{Backend, Cache, Key, KeyMaker, Kind, Made, Refused, Tier};
use crate::jit::TargetCpu;
use std::hash::Hash;

/// The key of a module's code.
pub(super) fn key(source: &Source, level: Level) -> Key {
    let mut maker = KeyMaker::new("module", TargetCpu::Native);
    level.hash(&mut maker);
    // It may be in the object, as that of the source file.
    maker.bytes(source.name.as_bytes());
    maker.bytes(&source.bytes);
    maker.key()
}

/// What the cache has.
pub(super) fn find(cache: &Cache, key: &Key) -> Option<Compiled> {
    let Some(entry) = cache.find(Kind::Code, key) else {
        cache.miss();
        return None;
    };
    let read = postcard::take_from_bytes::<(String, Vec<Declared>)>(entry.rest());
    let Ok(((name, functions), object)) = read else {
        cache.refuse(Kind::Code, key, &Refused::Damaged);
        cache.miss();
        return None;
    };
    cache.hit(&entry);
    Some(Compiled {
        name,
        object: object.into(),
        functions,
        times: Times::default(),
        key: Some(*key),
        cached: true,
    })
}

/// Keeps what was made.
pub(super) fn keep(cache: &Cache, key: Key, compiled: &Compiled) {
    let Compiled {
        name,
        object,
        functions,
        times,
        ..
    } = compiled;
    let Ok(mut rest) = postcard::to_stdvec(&(name, functions)) else {
        return;
    };
    rest.extend_from_slice(object);
    let made = Made {
        name: name.clone(),
        tier: Tier::Executor,
        backend: Backend::Llvm,
        took: times.total(),
        size: object.len(),
        cpu: TargetCpu::Native,
        module: None,
    };
    cache.keep(Kind::Code, key, &made, &rest);
}
