//! Programs so small that thousands run in a second, in great numbers.
//!
//! A program is one function (`body`), sometimes with a helper, and rules for its
//! arguments: P.drive (of the prelude) calls it some ten times with arguments of
//! up to three kinds, so that it is compiled for one kind and then meets another.
//! What it returns, and what it did to its arguments, is printed.
//!
//! ```text
//! x y n: numbers   i j: an integer, a float   a b: arrays   t q: tables
//! o: an object of Class or Other   s: a string   f h: functions   m: a count
//! p w: variables of loops   u v: upvalues   r: anything   fs: closures
//! old: a table that is older than the program   z: a boolean
//! rules: L Z edge numbers and integers   I integers   F floats   N numbers
//!        C conditions   E anything   T what is assigned to   X surprises
//!        H statements of loops, G lists of them   S statements, B lists of them
//!        R results   D arguments   W when which of them   Y helpers
//!        J K V U the same as I F C H, in programs of numbers alone   M programs
//!        g w integers and floats that meet at the edges   k keys
//!        m changes of classes   q tables that may not be needed
//!        O quick programs   A when which of their arguments
//! ```
//!
//! Programs of numbers alone are *portable*: they print nothing that the manual
//! leaves open, so that the reference implementation must print the same.
//!
//! Several are one text, between them a line ([`BETWEEN`]); the first line tells
//! this kind of text from others ([`MARK`]).

use super::tree::{Grammar, Texts};
use std::sync::Arc;

/// The chunk that makes a program's own things.
pub const KIT: &str = include_str!("kit.lua");

/// The first line of a text of small programs.
pub const MARK: &str = "-- small programs\n";

/// What stands between two programs.
pub const BETWEEN: &str = "\n-- next\n";

const HEAD: &str = include_str!("head.lua");

/// Whether a program prints what the manual does not leave open.
pub fn portable(program: &str) -> bool {
    program.trim_end().ends_with("'portable')")
}

/// The whole of a program.
pub fn whole(body: &str) -> String {
    format!("{HEAD}{body}")
}

/// The text of several.
pub fn together<S: AsRef<str>>(programs: &[S]) -> String {
    together_as(MARK, programs)
}

/// The text of several under another first line.
pub(super) fn together_as<S: AsRef<str>>(mark: &str, programs: &[S]) -> String {
    let programs: Vec<&str> = programs.iter().map(AsRef::as_ref).collect();
    format!("{mark}{}", programs.join(BETWEEN))
}

/// The programs of a text that begins with this line.
pub fn apart<'t>(mark: &str, text: &'t str) -> Option<Vec<&'t str>> {
    Some(text.strip_prefix(mark)?.split(BETWEEN).collect())
}

/// A text that runs portable programs outside of this project.
pub fn for_reference(programs: &[String]) -> String {
    // Long brackets of a level that no program uses.
    let chunk = |text: &str| format!("load([=====[{text}]=====])");
    let mut all = format!("{}({})\n", chunk(super::tiers::PRELUDE), chunk(KIT));
    for program in programs {
        all.push_str(&chunk(program));
        all.push_str("()\n");
    }
    all
}

fn compiles(body: &str) -> bool {
    strata_lua::compile(whole(body).as_bytes(), b"=program").is_ok()
}

/// Programs, made with between so many rules; without what [`whole`] adds.
pub fn bodies(budget: (usize, usize)) -> Texts {
    of('M', budget)
}

/// Shorter ones that are called less often.
pub fn quick_bodies(budget: (usize, usize)) -> Texts {
    of('O', budget)
}

fn of(root: char, budget: (usize, usize)) -> Texts {
    let least = [
        (b'L', "1"),
        (b'Z', "1"),
        (b'I', "1"),
        (b'F', "0.5"),
        (b'N', "1"),
        (b'C', "true"),
        (b'E', "1"),
        (b'T', "i"),
        (b'H', ";"),
        (b'X', ";"),
        (b'S', ";"),
        (
            b'D',
            "3, 5, 6, {1, 2, 3}, {0.5}, {x = 1}, Class.new(1, 2), 'text', one, 3",
        ),
        (b'W', "'1111111'"),
        (b'R', "i"),
        (b'Y', "one"),
        (b'J', "1"),
        (b'K', "0.5"),
        (b'V', "true"),
        (b'U', ";"),
        (b'M', ";"),
        (b'O', ";"),
        (b'A', "'1112'"),
        (b'g', "1"),
        (b'w', "0.5"),
        (b'k', "p"),
        (b'm', ";"),
        (b'q', "{x = 1, y = 2}"),
        (b'B', ""),
        (b'G', ""),
    ];
    let lists = &[(b'B', b'S'), (b'G', b'H')];
    let grammar = Grammar::new(include_str!("rules.txt"), lists, least.to_vec());
    Texts::new(Arc::new(grammar), root, budget, compiles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use proptest::strategy::ValueTree;

    #[test]
    fn programs_compile() {
        let texts = bodies((5, 60));
        for seed in 0..3000 {
            let source = whole(&texts.one(&mut Rng::new(seed, 0)).current());
            if let Err(e) = strata_lua::compile(source.as_bytes(), b"=program") {
                panic!("{e}\n{source}");
            }
        }
    }

    #[test]
    fn texts_come_apart_as_they_were() {
        let programs = ["local a = 1", "local b = 2"];
        assert_eq!(apart(MARK, &together(&programs)), Some(programs.to_vec()));
        assert_eq!(apart(MARK, "local a"), None);
    }
}
