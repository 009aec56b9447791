//! What functions are called in traces and statistics.
//!
//! A prototype has no name of its own. What the code around its creation does
//! with it gives one: the local variable, global or field that the new
//! closure is stored to first.

use strata_profiler::FuncName;
use strata_runtime::object::ProtoObj;
use strata_spec::module::{Proto, ProtoId};
use strata_spec::{Module, Op};

/// The name of a prototype.
pub(crate) fn of(p: &ProtoObj) -> FuncName {
    let spec = p.spec();
    let chunk = strata_spec::chunk_id(p.source());
    let chunk = String::from_utf8_lossy(&chunk).into_owned();
    let line = spec.line_defined;
    let name = if line == 0 {
        "main chunk".to_string()
    } else {
        given(&p.module.module, p.id).unwrap_or_else(|| format!("function <{chunk}:{line}>"))
    };
    FuncName::new(name, chunk, line)
}

/// The name that the enclosing function gives its child `id`.
fn given(module: &Module, id: ProtoId) -> Option<String> {
    for outer in &module.protos {
        let Some(n) = outer.children.iter().position(|&child| child == id) else {
            continue;
        };
        let pc = (0u32..).zip(&outer.code).find_map(|(pc, i)| {
            (i.op() == Some(Op::Closure) && i.u32() as usize == n).then_some(pc)
        })?;
        let name = stored_to(module, outer, pc)?;
        return Some(String::from_utf8_lossy(name).into_owned());
    }
    None
}

/// What the closure made by instruction `pc` is stored to.
fn stored_to<'m>(module: &'m Module, outer: &'m Proto, pc: u32) -> Option<&'m [u8]> {
    let reg = outer.code[pc as usize].a();
    let constant = |k: u32| match outer.consts.get(k as usize)? {
        strata_spec::Const::Str(id) => Some(module.str(*id)),
        _ => None,
    };
    let next = outer.code.get(pc as usize + 1);
    if let Some(next) = next
        && let Some(op) = next.op()
    {
        match op {
            Op::SetTabUp | Op::SetField if next.b() == reg => {
                return constant(u32::from(next.high()));
            }
            Op::SetUpval if next.a() == reg => {
                let upval = outer.upvals.get(usize::from(next.b()))?;
                return upval.name.map(|id| module.str(id));
            }
            _ => {}
        }
    }
    outer
        .locals
        .iter()
        .find(|l| l.reg == reg && (l.start == pc || l.start == pc + 1))
        .map(|l| module.str(l.name))
}
