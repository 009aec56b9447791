//! Arithmetic metamethods of strings: a string that spells a number stands
//! for it; otherwise the other operand's metamethod decides.

use crate::error::Result;
use crate::metatable::metamethod;
use crate::native::{Cx, Ret};
use crate::ops::{self, ArithOp};
use crate::stdlib::Entry;

/// What goes into the metatable of strings, besides `__index`. As in PUC Lua
/// there are no bitwise operators: those convert strings themselves.
pub(super) const METAMETHODS: &[Entry] = &[
    ("__add", add),
    ("__sub", sub),
    ("__mul", mul),
    ("__mod", modulo),
    ("__pow", pow),
    ("__div", div),
    ("__idiv", idiv),
    ("__unm", unm),
];

/// Defines a metamethod per operator.
macro_rules! metamethods {
    ($($name:ident $op:ident;)*) => {$(
        fn $name(cx: &mut Cx<'_>) -> Result<Ret> {
            operate(cx, ArithOp::$op)
        }
    )*};
}

metamethods! {
    add Add;
    sub Sub;
    mul Mul;
    modulo Mod;
    pow Pow;
    div Div;
    idiv IDiv;
    unm Unm;
}

fn operate(cx: &mut Cx<'_>, op: ArithOp) -> Result<Ret> {
    let (a, b) = (cx.arg(0), cx.arg(1));
    if let Some(x) = cx.vm.to_number(a) {
        // As in PUC Lua, a lone operand is used twice, and `__unm` looks at
        // the second.
        let y = if cx.n == 1 {
            Some(x)
        } else {
            cx.vm.to_number(b)
        };
        if let Some(y) = y {
            let v = ops::arith(cx, op, if op == ArithOp::Unm { y } else { x }, y)?;
            return cx.ret(v);
        }
    }
    let event = op.event();
    let handler = metamethod(cx.vm, b, event);
    if b.is_str() || handler.is_nil() {
        let name = &event.name()[2..];
        let (a, b) = (a.type_name(), b.type_name());
        return Err(cx.error(&format!("attempt to {name} a '{a}' with a '{b}'")));
    }
    let v = cx.call1(handler, &[a, b])?;
    cx.ret(v)
}
