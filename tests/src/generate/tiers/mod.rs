//! Programs full of what compilers speculate on, and of what breaks it.
//!
//! A program is a chunk: the names of functions and variables (`head.lua`),
//! statements made by the rules of `rules.txt`, and what shows the variables
//! (`tail.lua`). What is in common to all programs is in chunks of their own: the
//! prelude (`prelude.lua`), which is interpreted always, and the kit (`kit.lua`),
//! of which the functions may be compiled.
//!
//! ```text
//! i n k: integers   j: a float   s: a string   t: a table   a b c: arrays
//! o q: points       u w: tables with metatables (`w` yields)    f: a function
//! rules: L edge numbers   I integers   F floats   N numbers   C conditions
//!        O points   E anything   T what is assigned to   X surprises
//!        H statements of hot loops, G lists of them
//!        S statements, B lists of them   Q what programs are lists of (M)
//! ```
//!
//! Every program ends: loops count, and functions that loops call draw on one
//! supply of fuel. Nothing printed depends on addresses, time or memory.

use super::tree::{Grammar, Texts};
use std::sync::Arc;

/// The chunk that makes a program's own things, each time it is called.
pub const KIT: &str = include_str!("kit.lua");

/// The chunk that every program needs; its argument is the kit's function.
pub const PRELUDE: &str = include_str!("prelude.lua");

const HEAD: &str = include_str!("head.lua");
const TAIL: &str = include_str!("tail.lua");

/// The whole of a program.
pub fn whole(body: &str) -> String {
    format!("{HEAD}\n{body}\n{TAIL}")
}

fn compiles(body: &str) -> bool {
    strata_lua::compile(whole(body).as_bytes(), b"=program").is_ok()
}

/// Bodies of programs, made with between so many rules.
pub fn bodies(budget: (usize, usize)) -> Texts {
    let least = "L1 I1 F0.5 N1 CTRUE Oo E1 Ti H; S; X; Q; B G M";
    let least = least.split(' ').map(|word| {
        let text = match &word[1..] {
            "TRUE" => "true",
            text => text,
        };
        (word.as_bytes()[0], text)
    });
    let lists = &[(b'B', b'S'), (b'G', b'H'), (b'M', b'Q')];
    let grammar = Grammar::new(include_str!("rules.txt"), lists, least.collect());
    Texts::new(Arc::new(grammar), 'M', budget, compiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::strategy::ValueTree;

    #[test]
    fn programs_compile() {
        let texts = bodies((20, 300));
        for seed in 0..300 {
            let source = whole(&texts.one(&mut Rng::new(seed, 0)).current());
            if let Err(e) = strata_lua::compile(source.as_bytes(), b"=program") {
                panic!("{e}\n{source}");
            }
        }
    }
}
