//! [`Offer`]: a system for programs that want one.
//!
//! `require "actors"` makes the system, and its threads, when a program first
//! calls it, so that others pay nothing for it.

use super::library;
use super::{Config, System};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_runtime::error::Result;
use strata_runtime::native::{Cx, Ret};
use strata_runtime::stdlib::package;
use strata_runtime::value::Value;

/// How long functions of the host are waited for.
const LAST: Duration = Duration::from_secs(2);

/// A system that is made when the VM it was offered to asks for it.
#[derive(Clone)]
pub struct Offer(Arc<Slot>);

struct Slot {
    config: Config,
    system: Mutex<Option<System>>,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Offer({:?})", self.0.config)
    }
}

impl Offer {
    /// Makes the library known to `require` of a VM that has the package library.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn new(vm: &mut Vm, config: Config) -> Result<Offer> {
        let offer = Offer(Arc::new(Slot {
            config,
            system: Mutex::default(),
        }));
        let u = vm.heap.new_userdata(Box::new(offer.clone()), 0, 0);
        package::preload(vm, "actors", open, &[Value::userdata(u)])?;
        Ok(offer)
    }

    /// Shuts the system down, if there is one, as the process is about to end: a
    /// function of the host that does not return is not waited for long.
    pub fn withdraw(&self) {
        let system = self.0.system.lock().take();
        if let Some(system) = system
            && !system.end(Instant::now().checked_add(LAST))
        {
            // Dropping it would wait.
            std::mem::forget(system);
        }
    }
}

fn open(cx: &mut Cx<'_>) -> Result<Ret> {
    let v = cx.upval(0);
    // SAFETY: the upvalue is the userdata that `Offer::new` made.
    let data = unsafe { (*v.as_userdata()).data.as_ref() };
    let offer = data.and_then(|data| data.downcast_ref::<Offer>()).cloned();
    let Some(Offer(slot)) = offer else {
        return Err(cx.error("the VM is being closed"));
    };
    let mut system = slot.system.lock();
    if system.is_none() {
        match System::new(slot.config.clone()) {
            Ok(started) => *system = Some(started),
            Err(e) => {
                let text = format!("the threads of actors can't be started: {e}");
                return Err(cx.error(&text));
            }
        }
    }
    if let Some(system) = &*system {
        system.attach_raw(cx.vm)?;
    }
    drop(system);
    match package::loaded(cx.vm, library::NAME) {
        Some(library) => cx.ret(library),
        None => cx.ret_nil(),
    }
}
