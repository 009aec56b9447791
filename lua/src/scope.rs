//! Scopes: which variable a name means, and where a `goto` leads.
//!
//! Names resolve while the parser runs. `binding` maps each name to the
//! innermost visible local of that name, whatever function declares it; a
//! declaration remembers the binding it shadows and leaving its scope
//! restores it, so a lookup is one load. A variable of an enclosing function
//! becomes an upvalue of every function between.
//!
//! A *level* is a number of active variables of a function, constants
//! included. A label has the level it is declared at, or that of its block if
//! nothing but labels follows; a jump to it leaves the variables above.

use crate::ast::{GotoId, LabelId, Place, Upvalue, VarId};
use crate::names::Name;
use crate::number::Number;
use strata_spec::module::MAX_UPVALUES;

/// Most locals of a function.
pub(crate) const MAX_LOCALS: usize = 200;

/// Most labels that can be jumped to from one place, and most jumps that wait
/// for their label. Both lists are searched, so it also bounds that time.
const MAX_LABELS: usize = 32_767;

/// A compile-time constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Constant {
    Nil,
    False,
    True,
    Number(Number),
    Str(Name),
}

/// What may be done with a local.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum VarKind {
    /// Read and written.
    Regular,
    /// `<const>`, in a register.
    Const,
    /// `<close>`
    Close,
    /// `<const>`, and its value is known: it takes no register.
    Folded(Constant),
}

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Var {
    pub name: Name,
    pub kind: VarKind,
    /// Some inner function uses it.
    pub captured: bool,
    /// Nesting depth of its function; the main function has 1.
    depth: u32,
    /// The binding it shadows: `VarId` + 1, or 0.
    shadowed: u32,
}

/// A label.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    /// The variables active at the label.
    pub level: u32,
    /// Some `goto` jumps back to it.
    pub backward: bool,
}

/// A label that can be jumped to from here.
struct Visible {
    name: Name,
    line: u32,
    label: LabelId,
}

/// A jump whose label has not been seen yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    /// `None` for a `break` outside a loop.
    pub name: Option<Name>,
    pub line: u32,
    /// The span of its label in the source.
    pub span: (u32, u32),
    goto: GotoId,
    level: u32,
}

struct BlockScope {
    /// Length of `active` outside.
    active: usize,
    labels: usize,
    pending: usize,
    declared: u32,
    is_loop: bool,
}

struct FunctionScope {
    line: u32,
    /// Length of `active` outside.
    active: usize,
    labels: usize,
    /// Its first block.
    blocks: usize,
    /// Declared locals in scope, active or about to be.
    declared: u32,
    jumps_back: bool,
    upvalues: Vec<(VarId, Upvalue)>,
}

/// What is known of a function when its scope ends.
#[derive(Debug, Default)]
pub(crate) struct FunctionFacts {
    pub upvalues: Vec<Upvalue>,
    /// Some `goto` leads back.
    pub jumps_back: bool,
}

/// Why a declaration, a lookup or a label is refused.
#[derive(Debug, PartialEq)]
pub(crate) enum ScopeError {
    /// Too many `what`; the function starts at the line.
    Limit {
        what: &'static str,
        limit: usize,
        line: u32,
    },
    /// Too many labels or jumps at once.
    Labels(usize),
    /// The label exists already, on that line.
    Repeated(u32),
    /// The `goto` on `line` enters the scope of a variable.
    IntoScope {
        line: u32,
        span: (u32, u32),
        var: Name,
    },
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    Variable(Place),
    Constant(VarId),
    Global,
}

/// The scopes of a chunk, while it is parsed; afterwards what the emitter
/// needs to know of its variables and labels.
pub(crate) struct Scopes {
    vars: Vec<Var>,
    active: Vec<VarId>,
    binding: Vec<u32>,
    functions: Vec<FunctionScope>,
    blocks: Vec<BlockScope>,
    labels: Vec<Label>,
    visible: Vec<Visible>,
    pending: Vec<Pending>,
    gotos: Vec<Option<LabelId>>,
}

impl Scopes {
    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.vars.capacity() * size_of::<Var>()
            + self.binding.capacity() * size_of::<u32>()
            + self.labels.capacity() * size_of::<Label>()
            + self.gotos.capacity() * size_of::<Option<LabelId>>()
    }

    /// Scopes in which only `env`, the name `_ENV`, is declared.
    pub(crate) fn new(env: Name) -> Scopes {
        let mut scopes = Scopes {
            vars: Vec::new(),
            active: Vec::new(),
            binding: Vec::new(),
            functions: Vec::new(),
            blocks: Vec::new(),
            labels: Vec::new(),
            visible: Vec::new(),
            pending: Vec::new(),
            gotos: Vec::new(),
        };
        scopes.vars.push(Var {
            name: env,
            kind: VarKind::Regular,
            captured: true,
            depth: 0,
            shadowed: 0,
        });
        scopes.bind(env, 1);
        scopes
    }

    /// A variable.
    #[inline]
    pub(crate) fn var(&self, id: VarId) -> &Var {
        &self.vars[id.0 as usize]
    }

    /// How many variables there are.
    pub(crate) fn var_count(&self) -> usize {
        self.vars.len()
    }

    /// The label a `goto` leads to. Every `goto` of a parsed chunk has one.
    pub(crate) fn target(&self, id: GotoId) -> Option<LabelId> {
        self.gotos[id.0 as usize]
    }

    /// A label.
    pub(crate) fn label(&self, id: LabelId) -> Label {
        self.labels[id.0 as usize]
    }

    /// How many labels there are.
    pub(crate) fn label_count(&self) -> usize {
        self.labels.len()
    }

    fn bind(&mut self, name: Name, to: u32) -> u32 {
        let at = name.0 as usize;
        if at >= self.binding.len() {
            self.binding.resize(at + at / 2 + 16, 0);
        }
        std::mem::replace(&mut self.binding[at], to)
    }

    // ---- functions and blocks

    /// Enters a function that starts at `line`.
    pub(crate) fn enter_function(&mut self, line: u32) {
        let mut upvalues = Vec::new();
        if self.functions.is_empty() {
            let env = VarId(0);
            let upvalue = Upvalue {
                name: self.vars[0].name,
                from: Place::Local(env),
                read_only: false,
            };
            upvalues.push((env, upvalue));
        }
        self.functions.push(FunctionScope {
            line,
            active: self.active.len(),
            labels: self.visible.len(),
            blocks: self.blocks.len(),
            declared: 0,
            jumps_back: false,
            upvalues,
        });
        self.enter_block(false);
    }

    /// Leaves the current function; fails with its first jump that leads
    /// nowhere.
    pub(crate) fn leave_function(&mut self) -> Result<FunctionFacts, Pending> {
        let first = self.blocks.last().map_or(0, |b| b.pending);
        self.leave_block();
        if let Some(&pending) = self.pending.get(first) {
            return Err(pending);
        }
        let function = self.functions.pop();
        Ok(
            function.map_or(FunctionFacts::default(), |f| FunctionFacts {
                upvalues: f.upvalues.into_iter().map(|(_, up)| up).collect(),
                jumps_back: f.jumps_back,
            }),
        )
    }

    /// Enters a block.
    pub(crate) fn enter_block(&mut self, is_loop: bool) {
        self.blocks.push(BlockScope {
            active: self.active.len(),
            labels: self.visible.len(),
            pending: self.pending.len(),
            declared: self.functions.last().map_or(0, |f| f.declared),
            is_loop,
        });
    }

    /// Leaves the innermost block.
    pub(crate) fn leave_block(&mut self) {
        let Some(block) = self.blocks.pop() else {
            return;
        };
        while self.active.len() > block.active {
            if let Some(id) = self.active.pop() {
                let var = self.vars[id.0 as usize];
                self.bind(var.name, var.shadowed);
            }
        }
        self.visible.truncate(block.labels);
        if let Some(function) = self.functions.last_mut() {
            function.declared = block.declared;
            let level = (block.active - function.active) as u32;
            for pending in &mut self.pending[block.pending..] {
                pending.level = pending.level.min(level);
            }
        }
    }

    /// Whether a `break` here has a loop to leave.
    pub(crate) fn in_loop(&self) -> bool {
        let first = self.functions.last().map_or(0, |f| f.blocks);
        self.blocks[first..].iter().any(|b| b.is_loop)
    }

    // ---- variables

    /// Declares a local that is not visible yet.
    pub(crate) fn declare(&mut self, name: Name) -> Result<VarId, ScopeError> {
        let depth = self.functions.len() as u32;
        if let Some(function) = self.functions.last_mut() {
            function.declared += 1;
            if function.declared as usize > MAX_LOCALS {
                return Err(ScopeError::Limit {
                    what: "local variables",
                    limit: MAX_LOCALS,
                    line: function.line,
                });
            }
        }
        self.vars.push(Var {
            name,
            kind: VarKind::Regular,
            captured: false,
            depth,
            shadowed: 0,
        });
        Ok(VarId(self.vars.len() as u32 - 1))
    }

    /// Says what kind of variable a declared one is.
    pub(crate) fn set_kind(&mut self, id: VarId, kind: VarKind) {
        self.vars[id.0 as usize].kind = kind;
    }

    /// Makes declared variables visible, in order.
    pub(crate) fn activate(&mut self, ids: &[VarId]) {
        for &id in ids {
            let name = self.vars[id.0 as usize].name;
            let shadowed = self.bind(name, id.0 + 1);
            self.vars[id.0 as usize].shadowed = shadowed;
            self.active.push(id);
        }
    }

    /// Finds out what a name means here; a variable of an enclosing function
    /// becomes an upvalue.
    pub(crate) fn resolve(&mut self, name: Name) -> Result<Meaning, ScopeError> {
        let bound = self.binding.get(name.0 as usize).copied().unwrap_or(0);
        if bound == 0 {
            return Ok(Meaning::Global);
        }
        let id = VarId(bound - 1);
        let var = self.vars[bound as usize - 1];
        if let VarKind::Folded(_) = var.kind {
            return Ok(Meaning::Constant(id));
        }
        if var.depth as usize == self.functions.len() {
            return Ok(Meaning::Variable(Place::Local(id)));
        }
        if let Some(function) = self.functions.last()
            && let Some(index) = function.upvalues.iter().position(|(v, _)| *v == id)
        {
            return Ok(Meaning::Variable(Place::Upvalue(index as u8)));
        }
        self.vars[bound as usize - 1].captured = true;
        let mut from = Place::Local(id);
        for function in &mut self.functions[var.depth as usize..] {
            let found = function.upvalues.iter().position(|(v, _)| *v == id);
            let index = match found {
                Some(index) => index,
                None if function.upvalues.len() == MAX_UPVALUES => {
                    return Err(ScopeError::Limit {
                        what: "upvalues",
                        limit: MAX_UPVALUES,
                        line: function.line,
                    });
                }
                None => {
                    let upvalue = Upvalue {
                        name,
                        from,
                        read_only: var.kind != VarKind::Regular,
                    };
                    function.upvalues.push((id, upvalue));
                    function.upvalues.len() - 1
                }
            };
            from = Place::Upvalue(index as u8);
        }
        Ok(Meaning::Variable(from))
    }

    /// The variable behind an upvalue of the current function.
    pub(crate) fn upvalue_var(&self, index: u8) -> Option<VarId> {
        let upvalues = &self.functions.last()?.upvalues;
        upvalues.get(index as usize).map(|(id, _)| *id)
    }

    // ---- labels

    fn level(&self) -> u32 {
        let first = self.functions.last().map_or(0, |f| f.active);
        (self.active.len() - first) as u32
    }

    /// A `goto` to `name`.
    pub(crate) fn goto(
        &mut self,
        name: Name,
        line: u32,
        span: (u32, u32),
    ) -> Result<GotoId, ScopeError> {
        if self.pending.len() >= MAX_LABELS {
            return Err(ScopeError::Labels(MAX_LABELS));
        }
        let first = self.functions.last().map_or(0, |f| f.labels);
        let known = self.visible[first..].iter().find(|v| v.name == name);
        let label = known.map(|v| v.label);
        let goto = GotoId(self.gotos.len() as u32);
        self.gotos.push(label);
        match label {
            Some(label) => {
                self.labels[label.0 as usize].backward = true;
                if let Some(function) = self.functions.last_mut() {
                    function.jumps_back = true;
                }
            }
            None => self.push_pending(Some(name), line, span, goto),
        }
        Ok(goto)
    }

    /// A `break` outside a loop, to be reported at the end of the function.
    pub(crate) fn stray_break(&mut self, line: u32, span: (u32, u32)) {
        self.push_pending(None, line, span, GotoId(0));
    }

    fn push_pending(&mut self, name: Option<Name>, line: u32, span: (u32, u32), goto: GotoId) {
        let level = self.level();
        self.pending.push(Pending {
            name,
            line,
            span,
            goto,
            level,
        });
    }

    /// Declares a label; `last` says that no statement follows it in its
    /// block. Resolves the jumps of the block that wait for it.
    pub(crate) fn declare_label(
        &mut self,
        name: Name,
        line: u32,
        last: bool,
    ) -> Result<LabelId, ScopeError> {
        let first = self.functions.last().map_or(0, |f| f.labels);
        if let Some(other) = self.visible[first..].iter().find(|v| v.name == name) {
            return Err(ScopeError::Repeated(other.line));
        }
        if self.visible.len() >= MAX_LABELS {
            return Err(ScopeError::Labels(MAX_LABELS));
        }
        let outer = self.functions.last().map_or(0, |f| f.active);
        let (block_active, block_pending) = self
            .blocks
            .last()
            .map_or((outer, 0), |b| (b.active, b.pending));
        let level = if last {
            (block_active - outer) as u32
        } else {
            self.level()
        };
        let label = LabelId(self.labels.len() as u32);
        self.labels.push(Label {
            level,
            backward: false,
        });
        self.visible.push(Visible { name, line, label });
        let mut keep = block_pending;
        for i in block_pending..self.pending.len() {
            let pending = self.pending[i];
            if pending.name != Some(name) {
                self.pending[keep] = pending;
                keep += 1;
                continue;
            }
            if pending.level < level {
                let entered = self.active[outer + pending.level as usize];
                return Err(ScopeError::IntoScope {
                    line: pending.line,
                    span: pending.span,
                    var: self.var(entered).name,
                });
            }
            self.gotos[pending.goto.0 as usize] = Some(label);
        }
        self.pending.truncate(keep);
        Ok(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare(scopes: &mut Scopes, name: u32) -> VarId {
        let id = scopes.declare(Name(name)).unwrap();
        scopes.activate(&[id]);
        id
    }

    #[test]
    fn shadowing_and_restoring() {
        let mut scopes = Scopes::new(Name(1));
        scopes.enter_function(0);
        let outer = declare(&mut scopes, 5);
        scopes.enter_block(false);
        let inner = declare(&mut scopes, 5);
        let meaning = |s: &mut Scopes| s.resolve(Name(5)).unwrap();
        assert_eq!(meaning(&mut scopes), Meaning::Variable(Place::Local(inner)));
        scopes.leave_block();
        assert_eq!(meaning(&mut scopes), Meaning::Variable(Place::Local(outer)));
        assert_eq!(scopes.resolve(Name(9)), Ok(Meaning::Global));
    }

    #[test]
    fn upvalues_through_functions() {
        let mut scopes = Scopes::new(Name(1));
        scopes.enter_function(0);
        let var = declare(&mut scopes, 5);
        scopes.enter_function(1);
        scopes.enter_function(2);
        let up = Meaning::Variable(Place::Upvalue(0));
        assert_eq!(scopes.resolve(Name(5)), Ok(up));
        assert_eq!(scopes.resolve(Name(5)), Ok(up));
        assert!(scopes.var(var).captured);
        let inner = scopes.leave_function().unwrap();
        assert_eq!(inner.upvalues[0].from, Place::Upvalue(0));
        let middle = scopes.leave_function().unwrap();
        assert_eq!(middle.upvalues[0].from, Place::Local(var));
        assert_eq!(scopes.leave_function().unwrap().upvalues.len(), 1);
    }

    #[test]
    fn gotos() {
        let mut scopes = Scopes::new(Name(1));
        scopes.enter_function(0);
        let forward = scopes.goto(Name(7), 1, (0, 0)).unwrap();
        declare(&mut scopes, 5);
        let label = scopes.declare_label(Name(7), 2, true).unwrap();
        assert_eq!(scopes.target(forward), Some(label));
        let backward = scopes.goto(Name(7), 3, (0, 0)).unwrap();
        assert_eq!(scopes.target(backward), Some(label));
        assert_eq!(
            scopes.declare_label(Name(7), 4, false),
            Err(ScopeError::Repeated(2))
        );
        scopes.goto(Name(8), 5, (0, 0)).unwrap();
        declare(&mut scopes, 6);
        let entered = scopes.declare_label(Name(8), 6, false);
        assert!(matches!(
            entered,
            Err(ScopeError::IntoScope {
                line: 5,
                var: Name(6),
                ..
            })
        ));
    }
}
