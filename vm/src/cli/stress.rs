//! `STRATA_STRESS`: makes rare events frequent, to find bugs.
//!
//! A list of `mode=argument` or `mode:argument`, separated by commas; the modes
//! are described in `spec/tiers.md`. Failing runs print the seed, which together
//! with the list replays them.

use super::{Outcome, Problem};
use strata::stress::{Delivery, ForcedExits, StressModes};

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

/// What [`parse`] understands, for messages.
pub(crate) const MODES: &str = "bailout=N, deopt=every|N|guard:K, gc=alloc|safepoint|N, \
     interrupt=every, invalidate=safepoint, oom=K, osr=every, poison, \
     queue=sync|delay|delay:N|reorder|drop, seed=N, stack=N, threshold=N";

/// Safepoints after which a compile is handed over, if nobody says.
const DELAY: u32 = 20;

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
        if !set(&mut stress, mode, argument)
            .ok_or_else(|| format!("unknown argument in '{item}'"))?
        {
            return Err(format!("unknown mode '{mode}'"));
        }
    }
    Ok(stress)
}

/// Sets a mode: whether there is one of this name; `None` if its argument
/// makes no sense.
fn set(stress: &mut Stress, mode: &str, argument: &str) -> Option<bool> {
    /// A number that isn't 0.
    fn count<T: std::str::FromStr + Default + PartialEq>(argument: &str) -> Option<T> {
        argument.parse().ok().filter(|n| *n != T::default())
    }
    let only = |word: &str| (argument == word).then_some(true);
    let modes = &mut stress.modes;
    match mode {
        "bailout" => modes.bailout = count(argument)?,
        "deopt" => {
            modes.deopt = match argument.split_once([':', '=']) {
                Some(("guard", k)) => ForcedExits::Guard(k.parse().ok()?),
                Some(_) => return None,
                None if argument == "every" => ForcedExits::Nth(1),
                None => ForcedExits::Nth(count(argument)?),
            }
        }
        "gc" => {
            modes.gc = match argument {
                // Collections happen at polls only, so that both mean the same.
                "alloc" | "safepoint" => 1,
                n => count(n)?,
            }
        }
        "interrupt" => modes.interrupt = only("every")?,
        "invalidate" => modes.invalidate = only("safepoint")?,
        "oom" => modes.oom = count(argument)?,
        "osr" => modes.osr = only("every")?,
        "queue" => {
            modes.queue = match argument.split_once([':', '=']) {
                Some(("delay", n)) => Delivery::Delay(count(n)?),
                Some(_) => return None,
                None => match argument {
                    "sync" => Delivery::Sync,
                    "delay" => Delivery::Delay(DELAY),
                    "reorder" => Delivery::Reorder,
                    "drop" => Delivery::Drop,
                    _ => return None,
                },
            }
        }
        "poison" => modes.poison = only("")?,
        "seed" => stress.seed = Some(argument.parse().ok()?),
        "stack" => modes.stack = Some(count(argument)?),
        "threshold" => stress.threshold = Some(argument.parse().ok()?),
        _ => return Some(false),
    }
    Some(true)
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
        assert_eq!(parse("gc=alloc").unwrap().modes.gc, 1);
        assert_eq!(parse("gc:9").unwrap().modes.gc, 9);
        assert_eq!(
            parse("bailout=3,interrupt=every,invalidate=safepoint,oom=7,osr=every,poison,stack=2")
                .unwrap()
                .modes,
            StressModes {
                poison: true,
                osr: true,
                invalidate: true,
                bailout: 3,
                stack: Some(2),
                interrupt: true,
                oom: 7,
                ..StressModes::default()
            }
        );
        for (list, exits) in [
            ("deopt=every", ForcedExits::Nth(1)),
            ("deopt:5", ForcedExits::Nth(5)),
            ("deopt=guard:0", ForcedExits::Guard(0)),
        ] {
            assert_eq!(parse(list).unwrap().modes.deopt, exits, "{list}");
        }
        for (list, delivery) in [
            ("queue=sync", Delivery::Sync),
            ("queue:delay", Delivery::Delay(DELAY)),
            ("queue=delay:3", Delivery::Delay(3)),
            ("queue=reorder", Delivery::Reorder),
            ("queue=drop", Delivery::Drop),
        ] {
            assert_eq!(parse(list).unwrap().modes.queue, delivery, "{list}");
        }
        for bad in [
            "queue",
            "queue=delay:0",
            "queue=ready",
            "gc",
            "gc=0",
            "gc=x",
            "lie",
            "seed=x",
            "gc=alloc,what",
            "deopt",
            "deopt=guard:x",
            "deopt=some:1",
            "osr",
            "poison=yes",
            "stack=0",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_mode_is_named_in_the_message() {
        for item in MODES.split(", ") {
            let mode = item.split('=').next().unwrap_or(item);
            assert!(
                set(&mut Stress::default(), mode, "\0") != Some(false),
                "{mode}"
            );
        }
    }
}
