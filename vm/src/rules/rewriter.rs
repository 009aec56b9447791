//! Terms to normal forms.
//!
//! Rewriting is innermost and goes from left to right: a term's arguments are
//! brought to their normal forms, then the first rule that fits is applied to it, and
//! what it became is treated in the same way. There is no recursion: terms that are
//! under way are on a stack of **frames**.
//!
//! What became of a term is **remembered** as long as the rewriter lives: each term
//! is brought to its normal form once, however often it occurs. A term that is under
//! way and comes up again below itself has no normal form; so much is noticed at
//! once. Other rules that don't come to an end are stopped by fuel or memory.
//!
//! Both matchers are called from here, and agree in all that can be seen: results,
//! which rule is applied to what in which order, and where rewriting is stopped.

use super::error::{Error, Reason, Stopped};
use super::interpret::{self, Scratch};
#[cfg(feature = "llvm")]
use super::native::Native;
use super::rule::{Rule, RuleSet};
use super::terms::{Full, Term, Terms};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What looks for the rule that fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Backend {
    /// Interprets until [`Options::warm`], then compiles, if that can be done here.
    #[default]
    Auto,
    /// Compiled code from the beginning.
    Native,
    /// No compiled code.
    Interpret,
}

/// How terms are rewritten.
#[derive(Clone, Debug)]
pub struct Options {
    /// What looks for the rule that fits.
    pub backend: Backend,
    /// How often rules may be applied in one call.
    pub fuel: u64,
    /// About how many bytes terms, and what is remembered of them, may take.
    pub memory: usize,
    /// With [`Backend::Auto`]: how many terms are looked at before rules are compiled.
    pub warm: u64,
    /// Where compiled rules are kept.
    #[cfg(feature = "llvm")]
    pub cache: Option<crate::cache::Cache>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            backend: Backend::Auto,
            fuel: 1_000_000_000,
            memory: 2 << 30,
            warm: 200_000,
            #[cfg(feature = "llvm")]
            cache: None,
        }
    }
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// How often each rule was applied, in the order of [`RuleSet::rules`].
    pub applied: Vec<u64>,
    /// How many terms were looked at, whether a rule fitted or not.
    pub attempts: u64,
    /// What compiling took, if rules were compiled.
    pub compile: Option<Duration>,
    /// Why they were not, if they were to be.
    pub refused: Option<String>,
}

impl Stats {
    /// How often rules were applied.
    pub fn applications(&self) -> u64 {
        self.applied.iter().sum()
    }
}

/// A term under way.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// What it is by now.
    term: Term,
    /// How many of its arguments are done.
    next: u32,
    /// Whether one of them became something else.
    changed: bool,
    /// How many values were there before those of its arguments.
    values: u32,
    /// Where the terms begin whose normal form it will have.
    pending: u32,
}

/// What is remembered of a term of which nothing is known.
const UNKNOWN: u32 = 0;
/// And of one that is under way.
const PENDING: u32 = u32::MAX;

type Watch = dyn FnMut(&Terms, &Rule, Term, Term);

/// Rewrites terms by rules.
///
/// ```
/// use strata::rules::{Options, Rewriter, RuleSet};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rules = RuleSet::parse(
///     "rules",
///     "rule zero: add(?x, 0) => ?x
///      rule fold: add(?a:int, ?b:int) => {?a + ?b}",
/// )?;
/// let mut rewriter = Rewriter::new(rules, Options::default())?;
/// let term = rewriter.terms_mut().read_one("add(x, add(2, -2))")?;
/// let normal = rewriter.normalize(term)?;
/// assert_eq!(rewriter.terms().show(normal), "x");
/// # Ok(())
/// # }
/// ```
pub struct Rewriter {
    rules: Arc<RuleSet>,
    options: Options,
    terms: Terms,
    /// By term: its normal form.
    memo: Vec<u32>,
    frames: Vec<Frame>,
    values: Vec<Term>,
    pending: Vec<Term>,
    scratch: Scratch,
    #[cfg(feature = "llvm")]
    native: Option<Native>,
    /// After how many attempts rules are to be compiled.
    compile_at: u64,
    stats: Stats,
    watch: Option<Box<Watch>>,
}

impl fmt::Debug for Rewriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewriter")
            .field("rules", &self.rules.rules.len())
            .field("terms", &self.terms.len())
            .field("native", &self.is_native())
            .finish_non_exhaustive()
    }
}

impl Rewriter {
    /// A rewriter by these rules.
    ///
    /// # Errors
    /// Native code was asked for and can't be had.
    pub fn new(rules: impl Into<Arc<RuleSet>>, options: Options) -> Result<Rewriter, Error> {
        let rules = rules.into();
        let mut terms = rules.base.clone();
        // What is remembered, and the stacks, take less than the terms do.
        terms.set_limit(options.memory / 2);
        let mut rewriter = Rewriter {
            memo: Vec::new(),
            terms,
            frames: Vec::new(),
            values: Vec::new(),
            pending: Vec::new(),
            scratch: Scratch::default(),
            #[cfg(feature = "llvm")]
            native: None,
            compile_at: if options.backend == Backend::Auto {
                options.warm
            } else {
                u64::MAX
            },
            stats: Stats {
                applied: vec![0; rules.rules.len()],
                ..Stats::default()
            },
            watch: None,
            rules,
            options,
        };
        if rewriter.options.backend == Backend::Native {
            rewriter.compile().map_err(Error::Native)?;
        }
        Ok(rewriter)
    }

    /// The rules.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// The terms.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The terms, to make more of them.
    pub fn terms_mut(&mut self) -> &mut Terms {
        &mut self.terms
    }

    /// What was done until now.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Whether compiled code looks for rules by now.
    pub fn is_native(&self) -> bool {
        #[cfg(feature = "llvm")]
        return self.native.is_some();
        #[cfg(not(feature = "llvm"))]
        false
    }

    /// Calls `watch` each time when a rule was applied: with the rule, the term, and
    /// what it became.
    pub fn watch(&mut self, watch: impl FnMut(&Terms, &Rule, Term, Term) + 'static) {
        self.watch = Some(Box::new(watch));
    }

    #[cfg(feature = "llvm")]
    fn compile(&mut self) -> Result<(), String> {
        let start = std::time::Instant::now();
        let native = Native::new(&self.rules, self.options.cache.clone())?;
        self.stats.compile = Some(start.elapsed());
        self.native = Some(native);
        Ok(())
    }

    #[cfg(not(feature = "llvm"))]
    fn compile(&mut self) -> Result<(), String> {
        Err("this build lacks LLVM (feature `llvm`)".into())
    }

    /// The normal form of a term: what it becomes when rules are applied to it and
    /// what is in it until none fits.
    ///
    /// # Errors
    /// There is none, or it was not found within the limits. Terms that were
    /// finished until then are remembered.
    ///
    /// # Panics
    /// The term is of another store, which has more terms.
    pub fn normalize(&mut self, term: Term) -> Result<Term, Stopped> {
        // A panic of who watches may have left something.
        self.abandon();
        self.run(term).map_err(|reason| {
            let partial = self.partial(term);
            self.abandon();
            Stopped { reason, partial }
        })
    }

    /// Forgets what is under way.
    fn abandon(&mut self) {
        for term in self.pending.drain(..) {
            self.memo[term.0 as usize] = UNKNOWN;
        }
        self.frames.clear();
        self.values.clear();
    }

    /// Begins with a term of which nothing is known.
    fn enter(&mut self, term: Term) {
        self.frames.push(Frame {
            term,
            next: 0,
            changed: false,
            values: self.values.len() as u32,
            pending: self.pending.len() as u32,
        });
        self.await_form(term);
    }

    /// Goes on in the uppermost frame with what a rule made.
    fn become_term(&mut self, made: Term) {
        if let Some(frame) = self.frames.last_mut() {
            frame.term = made;
            frame.next = 0;
            frame.changed = false;
        }
    }

    fn await_form(&mut self, term: Term) {
        self.memo[term.0 as usize] = PENDING;
        self.pending.push(term);
    }

    /// What is remembered of a term, which may be new.
    fn remembered(&mut self, term: Term) -> u32 {
        if self.memo.len() <= self.terms.len() {
            let room = (self.terms.len() + 1).max(self.memo.len() + self.memo.len() / 2);
            self.memo.resize(room, UNKNOWN);
        }
        self.memo[term.0 as usize]
    }

    fn run(&mut self, root: Term) -> Result<Term, Reason> {
        let mut fuel = self.options.fuel;
        match self.remembered(root) {
            UNKNOWN => self.enter(root),
            form => return Ok(Term(form)),
        }
        'next: while let Some(frame) = self.frames.last_mut() {
            let Frame {
                term,
                values,
                pending,
                ..
            } = *frame;
            let args = self.terms.args(term);
            while let Some(&arg) = args.get(frame.next as usize) {
                match self.memo[arg.0 as usize] {
                    UNKNOWN => {
                        self.enter(arg);
                        continue 'next;
                    }
                    PENDING => return Err(Reason::Loop(arg)),
                    form => {
                        frame.changed |= form != arg.0;
                        self.values.push(Term(form));
                    }
                }
                frame.next += 1;
            }
            let changed = frame.changed;
            let mut now = term;
            if changed {
                let head = self.terms.node(term).head;
                let args = &self.values[values as usize..];
                now = self.terms.cons(head, args).map_err(|Full| Reason::Memory)?;
                frame.term = now;
            }
            self.values.truncate(values as usize);
            if changed {
                match self.remembered(now) {
                    UNKNOWN => self.await_form(now),
                    PENDING => return Err(Reason::Loop(now)),
                    form => {
                        self.finish(pending, Term(form));
                        continue;
                    }
                }
            }
            let Some((rule, made)) = self.step(now)? else {
                self.finish(pending, now);
                continue;
            };
            fuel = fuel.checked_sub(1).ok_or(Reason::Fuel)?;
            self.stats.applied[rule] += 1;
            if let Some(watch) = &mut self.watch {
                watch(&self.terms, &self.rules.rules[rule], now, made);
            }
            match self.remembered(made) {
                UNKNOWN => {
                    self.become_term(made);
                    self.await_form(made);
                }
                PENDING => {
                    self.become_term(made);
                    return Err(Reason::Loop(made));
                }
                form => self.finish(pending, Term(form)),
            }
        }
        Ok(Term(self.memo[root.0 as usize]))
    }

    /// The uppermost frame is done.
    #[inline]
    fn finish(&mut self, pending: u32, form: Term) {
        for term in self.pending.drain(pending as usize..) {
            self.memo[term.0 as usize] = form.0;
        }
        self.frames.pop();
    }

    /// The rule that fits, and what it makes of the term.
    #[inline]
    fn step(&mut self, term: Term) -> Result<Option<(usize, Term)>, Reason> {
        if self.stats.attempts >= self.compile_at {
            self.compile_at = u64::MAX;
            if let Err(e) = self.compile() {
                self.stats.refused = Some(e);
            }
        }
        self.stats.attempts += 1;
        #[cfg(feature = "llvm")]
        if let Some(native) = &self.native {
            return native
                .step(&mut self.terms, term)
                .map_err(|Full| Reason::Memory);
        }
        interpret::step(&self.rules, &mut self.terms, term, &mut self.scratch)
            .map_err(|Full| Reason::Memory)
    }

    /// What the term has become until now.
    fn partial(&mut self, root: Term) -> Term {
        // It takes no more than what is on the stack.
        self.terms.set_limit(usize::MAX);
        let mut inner = None;
        while let Some(frame) = self.frames.pop() {
            let head = self.terms.node(frame.term).head;
            let mut args = self.terms.args(frame.term).to_vec();
            let done = &self.values[frame.values as usize..];
            args[..done.len()].copy_from_slice(done);
            if let (Some(inner), Some(arg)) = (inner, args.get_mut(frame.next as usize)) {
                *arg = inner;
            }
            self.values.truncate(frame.values as usize);
            inner = Some(if args == self.terms.args(frame.term) {
                frame.term
            } else {
                self.terms.cons(head, &args).unwrap_or(frame.term)
            });
        }
        self.terms.set_limit(self.options.memory / 2);
        inner.unwrap_or(root)
    }
}
