//! `STRATA_STRESS`: makes rare events frequent, to find bugs.
//!
//! A list of `mode:argument` or `mode=argument`, separated by commas. Failing
//! runs print the seed, which together with the list replays them.

use super::{Outcome, Problem};

/// What to make frequent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stress {
    /// Collect all garbage at each poll.
    pub(crate) gc: bool,
    /// Calls and back-edges after which a function is compiled.
    pub(crate) threshold: Option<u32>,
    /// Seed of hashing and `math.random`.
    pub(crate) seed: Option<u64>,
    /// The list as it was given, empty if there is none.
    pub(crate) list: String,
}

/// What [`parse`] understands, for messages.
pub(crate) const MODES: &str = "gc=safepoint, gc=alloc, threshold=N, seed=N";

/// Reads the variable.
pub(crate) fn from_env() -> Outcome<Stress> {
    let Some(value) = std::env::var_os("STRATA_STRESS") else {
        return Ok(Stress::default());
    };
    let value = value
        .into_string()
        .map_err(|_| Problem::input("STRATA_STRESS is not UTF-8"))?;
    parse(&value).map_err(|e| Problem::input(format!("STRATA_STRESS: {e}; this build has {MODES}")))
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
        match (mode, argument) {
            // Collections happen at polls only, so that both mean the same.
            ("gc", "safepoint" | "alloc") => stress.gc = true,
            ("threshold", n) => {
                stress.threshold =
                    Some(n.parse().map_err(|_| format!("'{n}' is not a threshold"))?);
            }
            ("seed", n) => {
                stress.seed = Some(n.parse().map_err(|_| format!("'{n}' is not a seed"))?);
            }
            ("gc", _) => return Err(format!("unknown argument in '{item}'")),
            _ => return Err(format!("unknown mode '{mode}'")),
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
        let stress = parse("gc=safepoint,seed:42").unwrap();
        assert!(stress.gc);
        assert_eq!(stress.seed, Some(42));
        assert!(parse("gc=alloc").unwrap().gc);
        for bad in ["gc", "gc=1", "lie", "seed=x", "gc=alloc,what"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
