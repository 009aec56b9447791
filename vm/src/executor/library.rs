//! What programs may use that they don't define.

use super::error::{Error, Result};
use super::host::HostFunctions;
use super::program::Program;
use super::value::Signature;
use std::path::Path;
use std::sync::Arc;

/// Functions and variables for programs: of the host, of another program, or of
/// a shared object. Programs keep the libraries that they were linked with.
#[derive(Clone, Debug)]
pub struct Library(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Host(Arc<HostFunctions>),
    Program(Program),
    Object(Arc<libloading::Library>),
}

/// What a library has of a name.
pub(super) struct Found<'l> {
    pub address: usize,
    /// The signature that it was registered with, and whether the one who calls
    /// has to widen arguments as it says.
    pub signature: Option<(&'l Signature, bool)>,
}

impl Library {
    /// Opens a shared object, as the system's loader finds it.
    ///
    /// # Errors
    /// It can't be opened.
    ///
    /// # Safety
    /// Its functions that run when it is loaded, or unloaded, do no harm.
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<Library> {
        let path = path.as_ref();
        // SAFETY: as the caller says.
        let opened = unsafe { libloading::Library::new(path) };
        match opened {
            Ok(object) => Ok(Library(Kind::Object(Arc::new(object)))),
            Err(e) => Err(Error::Library {
                path: path.into(),
                message: e.to_string(),
            }),
        }
    }

    /// What it has of this name.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        let (address, signature) = match &self.0 {
            Kind::Host(functions) => {
                let (address, signature, widened) = functions.find(name)?;
                (address, Some((signature, widened)))
            }
            Kind::Program(program) => (program.address(name)? as usize, None),
            Kind::Object(object) => (in_object(object, name)?, None),
        };
        Some(Found { address, signature })
    }
}

impl From<HostFunctions> for Library {
    fn from(functions: HostFunctions) -> Library {
        Library(Kind::Host(Arc::new(functions)))
    }
}

impl From<&Program> for Library {
    fn from(program: &Program) -> Library {
        Library(Kind::Program(program.clone()))
    }
}

fn in_object(object: &libloading::Library, name: &str) -> Option<usize> {
    // SAFETY: nothing is done with the symbol but to take its address.
    let address = unsafe { object.get::<*const ()>(name).ok()?.try_as_raw_ptr()? } as usize;
    (address != 0).then_some(address)
}

/// What the process itself, with the shared objects it started with, has of a
/// name.
#[cfg(unix)]
pub(super) fn in_process(name: &str) -> Option<usize> {
    in_object(&libloading::os::unix::Library::this().into(), name)
}

/// Elsewhere there is no such thing.
#[cfg(not(unix))]
pub(super) fn in_process(_: &str) -> Option<usize> {
    None
}
