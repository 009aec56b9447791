//! Values that are closed, generic loops, and registers that closures capture: each
//! in a few instructions that control can't enter or leave otherwise.

use super::Making;
use std::fmt::Write as _;

impl Making<'_> {
    /// An instruction that needs no scratch registers, for those that others use.
    fn simple(&mut self, more: usize) {
        let (a, b, c) = (self.reg(), self.reg(), self.reg());
        let c = if self.rng.one_in(2) { c } else { more };
        match self.rng.below(5) {
            0 => self.line(format_args!("setindex r3 r{b} r{c}")),
            1 => self.line(format_args!("getindex r{a} r3 r{c}")),
            2 => self.line(format_args!("add r{a} r{b} r{c}")),
            3 => self.line(format_args!("move r{a} r{c}")),
            _ => {
                let (field, t) = (self.field(), self.rng.pick(&[5, 6]));
                self.line(format_args!("setfield r{t} r{c} {field}"));
            }
        }
    }

    /// A value that is closed behind a few instructions; it need not be one that can
    /// be.
    pub(super) fn closed(&mut self) {
        let s = self.scratch;
        match self.rng.below(6) {
            0 => self.line(format_args!("loadnil r{s} 0")),
            1 => self.line(format_args!("loadfalse r{s}")),
            2 => {
                let r = self.reg();
                self.line(format_args!("move r{s} r{r}"));
            }
            _ => self.line(format_args!("move r{s} r6")),
        }
        self.line(format_args!("tbc r{s}"));
        for _ in 0..1 + self.rng.below(3) {
            self.simple(s);
        }
        if self.rng.one_in(2) {
            let (n, b) = (self.calls, self.reg());
            self.calls += 1;
            self.line(format_args!("move r{} r8", s + 1));
            self.line(format_args!("move r{} r{b}", s + 3));
            self.line(format_args!("call r{} 1 1 @call{n}", s + 1));
            let a = self.reg();
            self.line(format_args!("move r{a} r{}", s + 1));
        }
        self.line(format_args!("close r{s}"));
    }

    /// A generic loop, whose iterator is a function of the module or what there is.
    pub(super) fn iterate(&mut self) {
        let (s, n) = (self.scratch, self.iterations);
        self.iterations += 1;
        // All registers below are to be defined.
        self.line(format_args!("loadnil r{} 0", s - 1));
        self.line(format_args!("closure r{s} p2"));
        let state = self.reg();
        self.line(format_args!("move r{} r{state}", s + 1));
        let from = self.rng.below(5);
        self.line(format_args!("loadi r{} {from}", s + 2));
        if self.rng.one_in(3) {
            self.line(format_args!("move r{} r6", s + 3));
        } else {
            self.line(format_args!("loadnil r{} 0", s + 3));
        }
        self.line(format_args!("tforprep r{s} T{n}"));
        let (next, waiting) = (s + 4, s + 3);
        let _ = writeln!(self.text, "G{n}: loop defined {} tbc r{waiting}", s + 6);
        for _ in 0..1 + self.rng.below(3) {
            let more = next + self.rng.below(2);
            self.simple(more);
        }
        let _ = writeln!(self.text, "T{n}: defined {next} tbc r{waiting}");
        self.line(format_args!("tforcall r{s} 2"));
        self.line(format_args!("tforloop r{s} G{n}"));
        self.line(format_args!("close r{s}"));
    }

    /// A function that captures a register, if one is to be captured, and perhaps a
    /// call of it.
    pub(super) fn capture(&mut self) {
        if self.captured.is_none() {
            return self.simple(0);
        }
        let (s, a) = (self.scratch, self.reg());
        self.line(format_args!("closure r{s} p3"));
        if self.rng.one_in(2) {
            self.line(format_args!("move r{a} r{s}"));
            return;
        }
        let (n, b) = (self.calls, self.reg());
        self.calls += 1;
        self.line(format_args!("move r{} r{b}", s + 2));
        self.line(format_args!("call r{s} 1 1 @call{n}"));
        self.line(format_args!("move r{a} r{s}"));
    }
}
