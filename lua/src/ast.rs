//! The syntax tree.
//!
//! Nodes are `Copy`, live in one arena and are dropped with it, so dropping a
//! tree never recurses. What Lua reads left to right is *flat*: a chain of
//! suffixes (`a.b.c()`), of left-associative operators (`a + b - c`), of
//! `elseif` arms is a slice. Depth therefore only comes from nesting, which
//! the parser limits, and every later pass may recurse over it.
//!
//! The tree is already resolved: a variable is a [`VarId`] or an upvalue
//! index, a `goto` names a [`GotoId`] of [`crate::scope::Scopes`], and
//! constant expressions are folded.
//!
//! [`Pos`] is the position of the token that the line of an instruction is
//! taken from: Lua gives an instruction the line of the last token consumed
//! when it is emitted, so a node keeps the positions of its significant
//! tokens.

pub(crate) use strata_spec::module::Pos;

use crate::names::Name;
use strata_spec::module::Annotation;

/// Index of a local variable of the chunk, in order of declaration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct VarId(pub u32);

/// Index of a `goto` statement of the chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GotoId(pub u32);

/// Index of a label of the chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LabelId(pub u32);

/// Where a variable is found from the function that uses it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// A local of the function itself.
    Local(VarId),
    /// An upvalue of the function.
    Upvalue(u8),
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expr<'a> {
    Nil(Pos),
    True(Pos),
    False(Pos),
    Int(i64, Pos),
    Float(f64, Pos),
    Str(Name, Pos),
    /// `...`
    Vararg(Pos),
    /// A local or upvalue.
    Var(Place, Pos),
    /// A local that is a compile-time constant.
    Const(VarId, Pos),
    /// `_ENV.name`
    Global(Place, Name, Pos),
    Function(&'a Function<'a>),
    Table(&'a Table<'a>),
    Suffixed(&'a Suffixed<'a>),
    Unary(&'a Unary<'a>),
    Binary(&'a Binary<'a>),
    /// A parenthesised expression that is cut to one value, or that is no
    /// longer a variable.
    Paren(&'a Paren<'a>),
}

/// A chain of field accesses, indexes and calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suffixed<'a> {
    pub base: Expr<'a>,
    /// At least one.
    pub suffixes: &'a [Suffix<'a>],
}

/// One link of a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Suffix<'a> {
    /// `.name`
    Field(Name, Pos),
    /// `[key]`, with the position of the closing bracket.
    Index(Expr<'a>, Pos),
    /// `(args)`
    Call(Args<'a>),
    /// `:name(args)`
    Method(Name, Pos, Args<'a>),
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Args<'a> {
    pub items: &'a [Expr<'a>],
    /// The token the arguments begin with: the line of the call.
    pub open: Pos,
    /// The token they end with.
    pub close: Pos,
    /// Whether evaluating an argument may branch.
    pub branchy: bool,
}

/// `op operand`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unary<'a> {
    pub op: UnOp,
    pub pos: Pos,
    pub operand: Expr<'a>,
}

/// `first op rhs op rhs …`, all grouping to the left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binary<'a> {
    pub first: Expr<'a>,
    /// At least one.
    pub steps: &'a [Step<'a>],
}

/// One operator and its right operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'a> {
    pub op: BinOp,
    pub pos: Pos,
    pub rhs: Expr<'a>,
}

/// `( inner )`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paren<'a> {
    pub inner: Expr<'a>,
    pub close: Pos,
}

/// A table constructor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'a> {
    pub items: &'a [Item<'a>],
    /// The line of the allocation: that of the last token before the brace.
    pub before: Pos,
    pub open: Pos,
    pub close: Pos,
}

/// An element of a table constructor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    /// `value`
    List(Expr<'a>),
    /// `name = value`
    Field(Name, Pos, Expr<'a>),
    /// `[key] = value`
    Pair(Expr<'a>, Expr<'a>),
}

/// Prefix operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnOp {
    Minus,
    BNot,
    Not,
    Len,
}

/// Infix operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    IDiv,
    Mod,
    Pow,
    BAnd,
    BOr,
    BXor,
    Shl,
    Shr,
    Concat,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

/// A function body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub params: &'a [VarId],
    pub vararg: bool,
    /// What is asked of compilers.
    pub annotation: Annotation,
    /// Some `goto` leads back.
    pub jumps_back: bool,
    pub upvalues: &'a [Upvalue],
    pub body: Block<'a>,
    /// Line of `function`; 0 for the main function.
    pub line: u32,
    /// Its last token.
    pub end: Pos,
}

/// An upvalue of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upvalue {
    pub name: Name,
    /// Where the enclosing function has it.
    pub from: Place,
    pub read_only: bool,
}

/// A sequence of statements with a scope of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    pub stats: &'a [Stat<'a>],
    /// The last token of the block, or before it if it is empty.
    pub last: Pos,
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stat<'a> {
    /// `local names = values`
    Local(&'a Local<'a>),
    /// `local function name …`
    LocalFunction(VarId, &'a Function<'a>),
    /// `targets = values`
    Assign(&'a Assign<'a>),
    /// A call, its results dropped.
    Call(&'a Suffixed<'a>),
    /// `function target …`; the position is that of `function`.
    Function(Expr<'a>, &'a Function<'a>, Pos),
    Do(Block<'a>),
    While(&'a While<'a>),
    Repeat(&'a Repeat<'a>),
    If(&'a If<'a>),
    NumericFor(&'a NumericFor<'a>),
    GenericFor(&'a GenericFor<'a>),
    Return(&'a [Expr<'a>], Pos),
    Break(Pos),
    Goto(GotoId, Pos),
    Label(LabelId),
}

/// `local names = values`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local<'a> {
    pub vars: &'a [VarId],
    pub values: &'a [Expr<'a>],
    /// The last variable is a compile-time constant and its value needs no code.
    pub last_const: bool,
    /// Index in `vars` of the variable to be closed.
    pub to_close: Option<u8>,
    /// The statement's last token.
    pub end: Pos,
}

/// `targets = values`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Assign<'a> {
    pub targets: &'a [Expr<'a>],
    pub values: &'a [Expr<'a>],
    /// The statement's last token.
    pub end: Pos,
}

/// `while cond do body end`
#[derive(Clone, Copy, Debug)]
pub(crate) struct While<'a> {
    pub cond: Expr<'a>,
    pub cond_end: Pos,
    pub body: Block<'a>,
}

/// `repeat body until cond`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat<'a> {
    pub body: Block<'a>,
    pub cond: Expr<'a>,
    pub cond_end: Pos,
}

/// `if … elseif … else … end`
#[derive(Clone, Copy, Debug)]
pub(crate) struct If<'a> {
    /// At least one.
    pub arms: &'a [Arm<'a>],
    pub otherwise: Option<Block<'a>>,
}

/// A condition and what it guards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arm<'a> {
    pub cond: Expr<'a>,
    pub then: Pos,
    pub body: Block<'a>,
}

/// `for var = init, limit, step do body end`
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumericFor<'a> {
    /// Three hidden variables, then the declared one.
    pub vars: &'a [VarId],
    pub init: Expr<'a>,
    pub limit: Expr<'a>,
    pub step: Option<Expr<'a>>,
    pub body: Block<'a>,
    /// `for`
    pub pos: Pos,
    /// `do`
    pub do_pos: Pos,
}

/// `for vars in values do body end`
#[derive(Clone, Copy, Debug)]
pub(crate) struct GenericFor<'a> {
    /// Four hidden variables, then the declared ones.
    pub vars: &'a [VarId],
    pub values: &'a [Expr<'a>],
    pub body: Block<'a>,
    /// The first token of the values: the line of the iterator's call.
    pub pos: Pos,
    /// `do`
    pub do_pos: Pos,
    /// `end`
    pub end: Pos,
}

impl Expr<'_> {
    /// Whether the expression may yield any number of values.
    pub(crate) fn is_multi(&self) -> bool {
        match self {
            Expr::Vararg(_) => true,
            Expr::Suffixed(s) => s.is_call(),
            _ => false,
        }
    }
}

impl Suffixed<'_> {
    /// Whether the chain ends in a call.
    pub(crate) fn is_call(&self) -> bool {
        matches!(
            self.suffixes.last(),
            Some(Suffix::Call(_) | Suffix::Method(..))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_stay_small() {
        assert!(size_of::<Expr<'_>>() <= 24);
        assert!(size_of::<Suffix<'_>>() <= 56);
        assert!(size_of::<Stat<'_>>() <= 48);
    }
}
