//! `STRATA_STRESS`: makes rare events frequent, to find bugs.
//!
//! A list of `mode=argument` or `mode:argument`, separated by commas; the modes
//! are described in `spec/tiers.md`. Failing runs print the seed, which together
//! with the list replays them.

use super::{Outcome, Problem};
use strata::stress::StressModes;

/// What the variable asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stress {
    /// What to make frequent.
    pub(crate) modes: StressModes,
    /// Calls and back-edges after which a function is compiled.
    pub(crate) threshold: Option<u32>,
    /// Seed of hashing, of `math.random`, and of what modes do at random.
    pub(crate) seed: Option<u64>,
    /// The list as it was given, empty if there is none.
    pub(crate) list: String,
}

/// Reads the variable.
pub(crate) fn from_env() -> Outcome<Stress> {
    let Some(value) = std::env::var_os("STRATA_STRESS") else {
        return Ok(Stress::default());
    };
    let value = value
        .into_string()
        .map_err(|_| Problem::input("STRATA_STRESS is not UTF-8"))?;
    parse(&value).map_err(|e| {
        let names = StressModes::NAMES;
        Problem::input(format!("STRATA_STRESS: {e}; this build has {names}"))
    })
}

fn parse(list: &str) -> Result<Stress, String> {
    let mut stress = Stress {
        list: list.to_string(),
        ..Stress::default()
    };
    for item in list
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
    {
        let (mode, argument) = item.split_once(['=', ':']).unwrap_or((item, ""));
        let known = match mode {
            "seed" => argument.parse().ok().map(|n| {
                stress.seed = Some(n);
                true
            }),
            "threshold" => argument.parse().ok().map(|n| {
                stress.threshold = Some(n);
                true
            }),
            _ => stress.modes.set(mode, argument),
        };
        match known {
            None => return Err(format!("unknown argument in '{item}'")),
            Some(false) => return Err(format!("unknown mode '{mode}'")),
            Some(true) => {}
        }
    }
    Ok(stress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(parse(""), Ok(Stress::default()));
        let stress = parse("gc=safepoint,seed:42, threshold=1").unwrap();
        assert_eq!(stress.modes.gc, 1);
        assert_eq!((stress.seed, stress.threshold), (Some(42), Some(1)));
        for bad in ["gc", "lie", "seed=x", "threshold=", "gc=alloc,what"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
