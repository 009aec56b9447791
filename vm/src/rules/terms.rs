//! Terms, each stored once.
//!
//! A **term** is an integer, a float, a string, or a **head** applied to terms, its
//! arguments. A head is a name with a number of arguments; those with none are
//! symbols. A store of [`Terms`] never holds two equal terms, so that equality is
//! equality of numbers, and what occurs many times takes memory once: a term is a
//! graph without cycles, whose size as a tree may be far beyond memory.
//!
//! ```text
//!  nodes   head  arity  data                          kids
//!   [n]    Int     0    the integer                   [k]    Term
//!          Float   0    its bits                      [k+1]  Term
//!          Str     0    the number of the string      [k+2]  Term
//!          3...  0, 1, 2  its arguments                ...
//!          3...  3...   k: where its arguments are
//! ```
//!
//! Arguments have smaller numbers than what they are arguments of. Nothing is
//! freed before the store is. Floats are the same term if their bits are: `0.0` and
//! `-0.0` are two, and there is one NaN.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Most arguments of a head.
pub const MAX_ARITY: usize = u16::MAX as usize;

/// A term in a store. It means nothing in other stores, but for copies made later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Term(pub(super) u32);

/// A name with a number of arguments, or a kind of literals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(transparent)]
pub struct Head(pub(super) u32);

impl Head {
    /// That of integers.
    pub(super) const INT: Head = Head(0);
    /// That of floats.
    pub(super) const FLOAT: Head = Head(1);
    /// That of strings.
    pub(super) const STR: Head = Head(2);
    /// The first that has a name.
    pub(super) const NAMED: u32 = 3;

    /// Whether it stands for literals.
    pub(super) fn is_literal(self) -> bool {
        self.0 < Head::NAMED
    }
}

/// What a term is. Compiled code knows its layout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(8))]
pub(super) struct Node {
    pub head: Head,
    pub arity: u32,
    /// The arguments, if they are [`INLINE`] at most; otherwise 64 bits.
    data: [Term; INLINE],
}

/// Most arguments that are in the node itself.
pub(super) const INLINE: usize = 2;

impl Node {
    fn new(head: Head, arity: u32, payload: u64) -> Node {
        Node {
            head,
            arity,
            data: [Term(payload as u32), Term((payload >> 32) as u32)],
        }
    }

    /// What a literal is, or where arguments are.
    #[inline]
    pub(super) fn payload(&self) -> u64 {
        u64::from(self.data[0].0) | u64::from(self.data[1].0) << 32
    }
}

/// What a term is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum View<'t> {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    Str(&'t str),
    /// A name and its arguments, if any.
    Apply(&'t str, &'t [Term]),
}

/// There is no room for another term within the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the terms take more memory than allowed")]
pub struct Full;

#[derive(Clone, Debug)]
struct Named {
    name: Arc<str>,
    arity: u32,
}

/// A store of terms.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The first is none.
    nodes: Vec<Node>,
    kids: Vec<Term>,
    /// Open addressing: half of the hash, which says where it would be best, and the
    /// term. 0: free.
    table: Vec<u64>,
    heads: Vec<Named>,
    head_index: HashMap<(Arc<str>, u32), Head>,
    strings: Vec<Arc<str>>,
    string_index: HashMap<Arc<str>, u64>,
    /// Of names and strings.
    text_bytes: usize,
    limit: usize,
    seed: u64,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms::new()
    }
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The product's halves, folded.
#[inline]
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word) * u128::from(MULTIPLIER);
    (product as u64) ^ (product >> 64) as u64
}

impl Terms {
    /// An empty store, without limit.
    pub fn new() -> Terms {
        Terms {
            nodes: vec![Node::new(Head::INT, 0, 0)],
            kids: Vec::new(),
            table: vec![0; 64],
            heads: Vec::new(),
            head_index: HashMap::new(),
            strings: Vec::new(),
            string_index: HashMap::new(),
            text_bytes: 0,
            limit: usize::MAX,
            // Who makes terms can't foresee which of them collide.
            seed: std::collections::hash_map::RandomState::new().hash_one(0u8) | 1,
        }
    }

    /// From now on takes at most about this many bytes.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// How many different terms there are.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>()
            + self.kids.len() * size_of::<Term>()
            + self.table.len() * size_of::<u64>()
            + self.text_bytes
    }

    /// The integer.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn int(&mut self, value: i64) -> Result<Term, Full> {
        self.literal(Head::INT, value as u64)
    }

    /// The float.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn float(&mut self, value: f64) -> Result<Term, Full> {
        let value = if value.is_nan() { f64::NAN } else { value };
        self.literal(Head::FLOAT, value.to_bits())
    }

    /// The string.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn string(&mut self, text: &str) -> Result<Term, Full> {
        let number = match self.string_index.get(text) {
            Some(&number) => number,
            None => {
                let text = self.text(text)?;
                let number = self.strings.len() as u64;
                self.strings.push(Arc::clone(&text));
                self.string_index.insert(text, number);
                number
            }
        };
        self.literal(Head::STR, number)
    }

    /// A text that is going to be kept.
    fn text(&mut self, text: &str) -> Result<Arc<str>, Full> {
        /// What indices take besides.
        const BESIDES: usize = 96;
        let more = text.len() + BESIDES;
        if self.bytes().saturating_add(more) > self.limit {
            return Err(Full);
        }
        self.text_bytes += more;
        Ok(text.into())
    }

    /// A name applied to arguments, or a symbol if there are none.
    ///
    /// # Errors
    /// There is no room for it, or there are more than [`MAX_ARITY`] arguments.
    pub fn apply(&mut self, name: &str, args: &[Term]) -> Result<Term, Full> {
        let head = self.head(name, args.len())?;
        self.cons(head, args)
    }

    /// The head of this name with so many arguments.
    pub(super) fn head(&mut self, name: &str, arity: usize) -> Result<Head, Full> {
        if arity > MAX_ARITY {
            return Err(Full);
        }
        let arity = arity as u32;
        // Names are few: what an index costs doesn't matter.
        let name: Arc<str> = match self.head_index.get(&(Arc::from(name), arity)) {
            Some(&head) => return Ok(head),
            None => self.text(name)?,
        };
        let head = Head(Head::NAMED + self.heads.len() as u32);
        self.heads.push(Named {
            name: Arc::clone(&name),
            arity,
        });
        self.head_index.insert((name, arity), head);
        Ok(head)
    }

    /// The name of a head and how many arguments it takes; of literals none.
    pub(super) fn named(&self, head: Head) -> Option<(&str, usize)> {
        let index = head.0.checked_sub(Head::NAMED)?;
        let named = self.heads.get(index as usize)?;
        Some((&named.name, named.arity as usize))
    }

    /// How many heads there are.
    pub(super) fn heads(&self) -> usize {
        Head::NAMED as usize + self.heads.len()
    }

    fn literal(&mut self, head: Head, payload: u64) -> Result<Term, Full> {
        self.small(Node::new(head, 0, payload))
    }

    /// The term that is all in its node.
    #[inline]
    fn small(&mut self, node: Node) -> Result<Term, Full> {
        let hash = mix(
            self.seed,
            u64::from(node.head.0) | u64::from(node.arity) << 32,
        );
        let hash = mix(hash, node.payload());
        match self.find(hash, |found| *found == node) {
            Ok(term) => Ok(term),
            Err(slot) => self.insert(slot, hash, node),
        }
    }

    /// The head applied to arguments, which are as many as it takes.
    #[inline]
    pub(super) fn cons(&mut self, head: Head, args: &[Term]) -> Result<Term, Full> {
        let data = match *args {
            [] => [Term(0); INLINE],
            [a] => [a, Term(0)],
            [a, b] => [a, b],
            _ => return self.large(head, args),
        };
        let arity = args.len() as u32;
        self.small(Node { head, arity, data })
    }

    /// The term whose arguments are elsewhere.
    fn large(&mut self, head: Head, args: &[Term]) -> Result<Term, Full> {
        let start = mix(self.seed, head.0.into());
        let hash = args.iter().fold(start, |hash, arg| mix(hash, arg.0.into()));
        let kids = &self.kids;
        let found = self.find(hash, |node| {
            let start = node.payload() as usize;
            // A head has one number of arguments.
            node.head == head && kids[start..start + args.len()] == *args
        });
        let slot = match found {
            Ok(term) => return Ok(term),
            Err(slot) => slot,
        };
        let node = Node::new(head, args.len() as u32, self.kids.len() as u64);
        let term = self.insert(slot, hash, node)?;
        self.kids.extend_from_slice(args);
        Ok(term)
    }

    /// The term with this hash of which `is` holds, or where it would be.
    #[inline]
    fn find(&self, hash: u64, is: impl Fn(&Node) -> bool) -> Result<Term, usize> {
        let mask = self.table.len() - 1;
        let tag = hash >> 32;
        let mut slot = tag as usize & mask;
        loop {
            let entry = self.table[slot];
            if entry == 0 {
                return Err(slot);
            }
            if entry >> 32 == tag && is(&self.nodes[entry as u32 as usize]) {
                return Ok(Term(entry as u32));
            }
            slot = (slot + 1) & mask;
        }
    }

    #[inline]
    fn insert(&mut self, slot: usize, hash: u64, node: Node) -> Result<Term, Full> {
        // The highest numbers mean something else to rewriters, which count
        // arguments in as many bits.
        let most = u32::MAX as usize - MAX_ARITY;
        if self.bytes() >= self.limit || self.nodes.len().max(self.kids.len()) >= most {
            return Err(Full);
        }
        let number = self.nodes.len() as u32;
        self.nodes.push(node);
        self.table[slot] = hash >> 32 << 32 | u64::from(number);
        // At most half of the table is taken: probes stay short.
        if self.nodes.len() * 2 > self.table.len() {
            self.grow();
        }
        Ok(Term(number))
    }

    /// Doubles the table.
    #[cold]
    fn grow(&mut self) {
        let size = self.table.len() * 2;
        let mut table = vec![0u64; size];
        for &entry in self.table.iter().filter(|&&entry| entry != 0) {
            let mut slot = (entry >> 32) as usize & (size - 1);
            while table[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            table[slot] = entry;
        }
        self.table = table;
    }

    #[inline]
    pub(super) fn node(&self, term: Term) -> &Node {
        &self.nodes[term.0 as usize]
    }

    /// Its arguments.
    ///
    /// # Panics
    /// It is of another store, which has more terms.
    #[inline]
    pub fn args(&self, term: Term) -> &[Term] {
        let node = self.node(term);
        let arity = node.arity as usize;
        if arity <= INLINE {
            &node.data[..arity]
        } else {
            let start = node.payload() as usize;
            &self.kids[start..start + arity]
        }
    }

    /// What it is.
    ///
    /// # Panics
    /// It is of another store, which has more terms.
    pub fn view(&self, term: Term) -> View<'_> {
        let node = self.node(term);
        match node.head {
            Head::INT => View::Int(node.payload() as i64),
            Head::FLOAT => View::Float(f64::from_bits(node.payload())),
            Head::STR => View::Str(&self.strings[node.payload() as usize]),
            head => {
                let (name, _) = self.named(head).unwrap_or_default();
                View::Apply(name, self.args(term))
            }
        }
    }

    /// How many nodes it has as a tree, at most `u64::MAX`.
    ///
    /// # Panics
    /// It is of another store, which has more terms.
    pub fn tree_size(&self, term: Term) -> u64 {
        let mut sizes: HashMap<Term, u64> = HashMap::new();
        let mut left = vec![term];
        while let Some(&term) = left.last() {
            let args = self.args(term);
            let before = left.len();
            left.extend(args.iter().filter(|arg| !sizes.contains_key(arg)));
            if left.len() == before {
                let size = args
                    .iter()
                    .fold(1u64, |sum, arg| sum.saturating_add(sizes[arg]));
                sizes.insert(term, size);
                left.pop();
            }
        }
        sizes[&term]
    }

    /// How many different terms it is made of.
    ///
    /// # Panics
    /// As for [`tree_size`](Terms::tree_size).
    pub fn dag_size(&self, term: Term) -> usize {
        let mut seen = HashSet::from([term]);
        let mut left = vec![term];
        while let Some(term) = left.pop() {
            left.extend(self.args(term).iter().filter(|arg| seen.insert(**arg)));
        }
        seen.len()
    }

    /// Where nodes and arguments are, for compiled code. They move when terms are
    /// made.
    #[cfg(feature = "llvm")]
    pub(super) fn parts(&self) -> (*const Node, *const Term) {
        (self.nodes.as_ptr(), self.kids.as_ptr())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_terms_are_one() {
        let mut terms = Terms::new();
        let x = terms.apply("x", &[]).unwrap();
        let one = terms.int(1).unwrap();
        let a = terms.apply("add", &[x, one]).unwrap();
        assert_eq!(terms.apply("add", &[x, one]).unwrap(), a);
        assert_ne!(terms.apply("add", &[one, x]).unwrap(), a);
        assert_ne!(terms.apply("add", &[x]).unwrap(), a);
        assert_ne!(terms.float(1.0).unwrap(), one);
        assert_ne!(terms.float(0.0).unwrap(), terms.float(-0.0).unwrap());
        let nan = terms.float(f64::NAN).unwrap();
        assert_eq!(
            terms.float(f64::from_bits(f64::NAN.to_bits() ^ 1)).unwrap(),
            nan
        );
        assert_eq!(terms.string("x").unwrap(), terms.string("x").unwrap());
        assert_ne!(terms.string("x").unwrap(), x);
        assert_eq!(terms.view(a), View::Apply("add", &[x, one]));
    }

    #[test]
    fn what_was_found_is_found_after_growth() {
        let mut terms = Terms::new();
        let many: Vec<Term> = (0..10_000).map(|n| terms.int(n).unwrap()).collect();
        let pairs: Vec<Term> = many
            .windows(2)
            .map(|pair| terms.apply("pair", pair).unwrap())
            .collect();
        for n in 0..10_000 {
            assert_eq!(terms.int(n).unwrap(), many[n as usize]);
        }
        for (pair, args) in pairs.iter().zip(many.windows(2)) {
            assert_eq!(terms.apply("pair", args).unwrap(), *pair);
        }
        assert_eq!(terms.len(), 19_999);
    }

    #[test]
    fn limits_hold() {
        let mut terms = Terms::new();
        terms.set_limit(100_000);
        let full = (0..).find(|&n| terms.int(n).is_err()).unwrap();
        assert!((1000..6000).contains(&full), "{full}");
        assert!(terms.bytes() < 200_000);
        assert_eq!(terms.string("text"), Err(Full));
        assert_eq!(terms.int(3).map(|t| terms.view(t)), Ok(View::Int(3)));
        let zero = terms.int(0).unwrap();
        assert_eq!(terms.apply("f", &vec![zero; MAX_ARITY + 1]), Err(Full));
    }

    #[test]
    fn sizes_count_trees_and_graphs() {
        let mut terms = Terms::new();
        let mut term = terms.int(0).unwrap();
        for _ in 0..100 {
            term = terms.apply("f", &[term, term]).unwrap();
        }
        assert_eq!(terms.tree_size(term), u64::MAX);
        assert_eq!(terms.dag_size(term), 101);
        let small = terms.apply("g", &[Term(1)]).unwrap();
        assert_eq!((terms.tree_size(small), terms.dag_size(small)), (2, 2));
    }
}
