//! Keys: hashes of everything that decides what an entry is.

use crate::jit::TargetCpu;
use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;
use std::sync::OnceLock;

/// Names an entry: a BLAKE3 hash.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Key([u8; 32]);

impl Key {
    /// The hash of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Key {
        Key(blake3::hash(bytes).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// A text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key has 64 hexadecimal digits")]
pub struct NoKey;

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Key, NoKey> {
        let digits = text.as_bytes();
        // No signs, no capitals: each key has one name.
        if digits.len() != 64
            || !digits
                .iter()
                .all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(NoKey);
        }
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NoKey)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NoKey)?;
        }
        Ok(Key(key))
    }
}

/// Makes a key of parts, which may be anything that derives [`Hash`].
///
/// [`Hash`]: std::hash::Hash
#[derive(Clone)]
pub(crate) struct KeyMaker(blake3::Hasher);

impl KeyMaker {
    /// For a kind of entries, and code for this processor: those of different kinds
    /// are never the same.
    pub(crate) fn new(kind: &str, cpu: TargetCpu) -> KeyMaker {
        let mut maker = KeyMaker(blake3::Hasher::new_derive_key("strata compile cache 1"));
        maker.0.update(environment(cpu).as_bytes());
        maker.bytes(kind.as_bytes());
        maker
    }

    /// Adds bytes, and how many they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.write_usize(bytes.len());
        self.0.update(bytes);
    }

    /// The key.
    pub(crate) fn key(&self) -> Key {
        Key(self.0.finalize().into())
    }
}

impl Hasher for KeyMaker {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The first bytes of the key.
    fn finish(&self) -> u64 {
        let Key(bytes) = self.key();
        u64::from_le_bytes(std::array::from_fn(|n| bytes[n]))
    }
}

/// What is the same for all entries that this process makes for a processor: what
/// made the program, and what is known of the processor.
pub(crate) fn environment(cpu: TargetCpu) -> &'static Key {
    static NATIVE: OnceLock<Key> = OnceLock::new();
    static BASELINE: OnceLock<Key> = OnceLock::new();
    let place = match cpu {
        TargetCpu::Native => &NATIVE,
        TargetCpu::Baseline => &BASELINE,
    };
    place.get_or_init(|| Key::of(describe(cpu).as_bytes()))
}

/// Whether code of this environment runs here.
pub(crate) fn is_ours(of: &Key) -> bool {
    let mut all = TargetCpu::ALL.into_iter();
    all.any(|cpu| *of == *environment(cpu) && cpu.runs_here())
}

/// The environment in words.
fn describe(cpu: TargetCpu) -> String {
    let text = format!(
        "format {}\nstrata {}\nruntime {}\nspec {}\nbuild {}\n",
        super::entry::VERSION,
        env!("CARGO_PKG_VERSION"),
        strata_runtime::VERSION,
        strata_spec::VERSION,
        env!("STRATA_BUILD"),
    );
    let processor = match cpu {
        TargetCpu::Native => processor(),
        TargetCpu::Baseline => format!("{} baseline\n", std::env::consts::ARCH),
    };
    text + &llvm() + &processor
}

/// LLVM's version.
#[cfg(feature = "llvm")]
fn llvm() -> String {
    let (major, minor, patch) = inkwell::support::get_llvm_version();
    format!("llvm {major}.{minor}.{patch}\n")
}

/// There is none.
#[cfg(not(feature = "llvm"))]
fn llvm() -> String {
    String::new()
}

/// The processor: what it can do, and which it is, since code is scheduled for it.
#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    let [first, extended] = [0, 0x8000_0000].map(__cpuid);
    let vendor = [first.ebx, first.edx, first.ecx];
    let mut text = format!("x86_64 {vendor:x?}");
    if first.eax >= 1 {
        let leaf = __cpuid(1);
        // Without stepping and what the system has turned on; that is below.
        let on = leaf.ecx & !(1 << 27);
        text += &format!(" {:x} {on:x} {:x}", leaf.eax >> 4, leaf.edx);
    }
    if first.eax >= 7 {
        let leaf = __cpuid_count(7, 0);
        text += &format!(" {:x} {:x} {:x}", leaf.ebx, leaf.ecx, leaf.edx);
        if leaf.eax >= 1 {
            let leaf = __cpuid_count(7, 1);
            text += &format!(" {:x} {:x}", leaf.eax, leaf.edx);
        }
    }
    if extended.eax >= 0x8000_0001 {
        let leaf = __cpuid(0x8000_0001);
        text += &format!(" {:x} {:x}", leaf.ecx, leaf.edx);
    }
    // Registers that the system saves, as far as code is made for them.
    let saved = [
        std::is_x86_feature_detected!("avx"),
        std::is_x86_feature_detected!("avx2"),
        std::is_x86_feature_detected!("avx512f"),
    ];
    text + &format!(" {saved:?}\n")
}

/// The processor, as Cranelift knows it.
#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    use cranelift_codegen::settings::{Flags, builder};
    let isa = cranelift_native::builder().map(|isa| isa.finish(Flags::new(builder())));
    match isa {
        Ok(Ok(isa)) => {
            let flags = isa.isa_flags();
            let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
            format!("{} {flags:?}\n", std::env::consts::ARCH)
        }
        _ => std::env::consts::ARCH.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::Hash;

    #[test]
    fn keys_have_one_name() {
        let key = Key::of(b"x");
        let name = key.to_string();
        assert_eq!(name.parse(), Ok(key));
        for wrong in [
            "",
            &name[1..],
            &name.to_uppercase(),
            &format!("+{}", &name[1..]),
        ] {
            assert_eq!(wrong.parse::<Key>(), Err(NoKey), "{wrong}");
        }
    }

    #[test]
    fn keys_tell_parts_apart() {
        let key = |kind: &str, parts: &[&[u8]]| {
            let mut maker = KeyMaker::new(kind, TargetCpu::Native);
            parts.iter().for_each(|part| maker.bytes(part));
            maker.key()
        };
        assert_eq!(key("a", &[b"bc"]), key("a", &[b"bc"]));
        assert_ne!(key("a", &[b"bc"]), key("ab", &[b"c"]));
        assert_ne!(key("a", &[b"b", b"c"]), key("a", &[b"bc"]));
        assert_ne!(key("a", &[b"bc", b""]), key("a", &[b"bc"]));
        let mut maker = KeyMaker::new("a", TargetCpu::Native);
        Some(1u8).hash(&mut maker);
        let some = maker.key();
        let mut maker = KeyMaker::new("a", TargetCpu::Native);
        None::<u8>.hash(&mut maker);
        assert_ne!(some, maker.key());
        let baseline = KeyMaker::new("a", TargetCpu::Baseline);
        assert_ne!(KeyMaker::new("a", TargetCpu::Native).key(), baseline.key());
    }
}
