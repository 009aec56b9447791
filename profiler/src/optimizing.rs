//! What an optimizing compile tells: its time by stage, and what it did about
//! calls.

use crate::event::{FuncName, OneLine};
use serde::Serialize;
use std::fmt;
use std::ops::AddAssign;

/// Defines [`Stages`] from the names of the stages.
macro_rules! stages {
    ($($name:ident, $doc:literal;)*) => {
        /// Time of a compile by stage, in microseconds. The program's own thread
        /// takes the snapshot and links; the rest another one does.
        #[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
        pub struct Stages { $(#[doc = $doc] pub $name: f64,)* }

        impl Stages {
            /// The stages in order, with their names.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, f64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        impl AddAssign for Stages {
            fn add_assign(&mut self, other: Stages) { $(self.$name += other.$name;)* }
        }
    };
}

stages! {
    snapshot, "Copying what the compile works from.";
    ir, "Building our IR, its passes, and the text for what makes code of it.";
    cranelift, "Cranelift: translating the text, and code generation.";
    llvm, "LLVM's passes, reading the text included.";
    codegen, "LLVM's code generation.";
    link, "Putting the code into place.";
}

impl Stages {
    /// The time of all stages.
    pub fn total(&self) -> f64 {
        self.each().map(|(_, time)| time).sum()
    }

    /// The time for which the program stood still.
    pub fn stall(&self) -> f64 {
        self.snapshot + self.link
    }
}

/// `snapshot 0.012 ms, ir 0.400 ms, ...`: the stages there were.
impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there_were = self.each().filter(|&(_, time)| time > 0.0);
        for (n, (name, time)) in there_were.enumerate() {
            let sep = if n == 0 { "" } else { ", " };
            write!(f, "{sep}{name} {:.3} ms", time / 1e3)?;
        }
        Ok(())
    }
}

/// A call that a compile met, whose callee it knew.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Inlining {
    /// The function that is called.
    pub callee: FuncName,
    /// The function that contains the call: that which is compiled, or one that
    /// was inlined.
    pub caller: FuncName,
    /// Line of the call in it.
    pub line: u32,
    /// Pc of the call in it.
    pub pc: u32,
    /// Why the callee was not put in place of the call; none if it was.
    pub why_not: Option<&'static str>,
}

/// `add (a.lua:3) at line 7`, with the reason if it wasn't inlined.
impl fmt::Display for Inlining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at line {}", self.callee, self.line)?;
        match self.why_not {
            Some(why) => write!(f, " ({})", OneLine(why)),
            None => Ok(()),
        }
    }
}
