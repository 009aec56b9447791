//! Parts of modules: without debug data, or one function with what is nested
//! in it. `string.dump` is made of these.
//!
//! Both expect a verified module and yield one.

use crate::module::{Const, Module, Proto, ProtoId, StrId};

impl Module {
    /// Drops all debug data (chunk names, names of upvalues and locals,
    /// positions, operand names) and the strings only they used. The lines
    /// functions are defined at stay, as `debug.getinfo` shows them for
    /// stripped functions too.
    pub fn strip(&mut self) {
        for proto in &mut self.protos {
            proto.source = None;
            for upval in &mut proto.upvals {
                upval.name = None;
            }
            proto.locals = Vec::new();
            proto.positions = Vec::new();
            proto.hints = Vec::new();
        }
        self.drop_unused_strings();
    }

    /// The function `root` and the functions nested in it, as a module of its
    /// own with `root` as the main function. Its upvalues are no longer tied
    /// to an enclosing function: whoever loads the module supplies them.
    ///
    /// # Panics
    /// If there is no prototype `root`.
    #[must_use]
    pub fn subtree(&self, root: ProtoId) -> Module {
        let first = root.0 as usize;
        // A child's number is above its parent's, so one pass finds them all
        // and keeps that order.
        let mut number: Vec<Option<u32>> = vec![None; self.protos.len()];
        number[first] = Some(0);
        let mut wanted = vec![false; self.protos.len()];
        wanted[first] = true;
        let mut protos: Vec<Proto> = Vec::new();
        for (index, proto) in self.protos.iter().enumerate().skip(first) {
            if !wanted[index] {
                continue;
            }
            number[index] = Some(protos.len() as u32);
            protos.push(proto.clone());
            for child in &proto.children {
                if let Some(flag) = wanted.get_mut(child.0 as usize) {
                    *flag = true;
                }
            }
        }
        for proto in &mut protos {
            for child in &mut proto.children {
                if let Some(&Some(new)) = number.get(child.0 as usize) {
                    *child = ProtoId(new);
                }
            }
        }
        for upval in &mut protos[0].upvals {
            upval.from_register = false;
            upval.index = 0;
        }
        let mut module = Module {
            strings: self.strings.clone(),
            protos,
        };
        module.drop_unused_strings();
        module
    }

    /// Drops strings nothing refers to; the others keep their order.
    fn drop_unused_strings(&mut self) {
        let mut used = vec![false; self.strings.len()];
        self.each_string(|id| {
            if let Some(flag) = used.get_mut(id.0 as usize) {
                *flag = true;
            }
        });
        let mut next = 0;
        let number: Vec<u32> = used
            .iter()
            .map(|&used| {
                let number = next;
                next += u32::from(used);
                number
            })
            .collect();
        let mut flags = used.iter();
        self.strings.retain(|_| flags.next() == Some(&true));
        self.each_string(|id| {
            if let Some(&new) = number.get(id.0 as usize) {
                *id = StrId(new);
            }
        });
    }

    /// Calls `visit` with each reference to a string.
    fn each_string(&mut self, mut visit: impl FnMut(&mut StrId)) {
        for proto in &mut self.protos {
            proto.source.iter_mut().for_each(&mut visit);
            for constant in &mut proto.consts {
                if let Const::Str(id) = constant {
                    visit(id);
                }
            }
            let upvals = proto.upvals.iter_mut();
            upvals.filter_map(|u| u.name.as_mut()).for_each(&mut visit);
            proto.locals.iter_mut().for_each(|l| visit(&mut l.name));
            proto.hints.iter_mut().for_each(|h| visit(&mut h.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::rich;
    use crate::{verify, write};

    #[test]
    fn stripping_keeps_the_program() {
        let mut module = rich();
        module.protos[0].consts.push(Const::Str(StrId(3)));
        module.strip();
        verify(&module).unwrap();
        assert_eq!(
            module.strings,
            [b"print"[..].into(), b"@rich.lua"[..].into()]
        );
        assert_eq!(module.protos[0].consts[0], Const::Str(StrId(0)));
        assert_eq!(module.protos[0].consts[6], Const::Str(StrId(1)));
        assert_eq!(module.protos[0].code, rich().protos[0].code);
        assert_eq!(module.protos[1].line_defined, 3);
        assert!(write(&module).len() < write(&rich()).len());
        let once = module.clone();
        module.strip();
        assert_eq!(module, once);
    }

    #[test]
    fn a_nested_function_becomes_a_main_function() {
        // main > 1, 2; 1 > 3; 2 > 4.
        let mut module = rich();
        let leaf = |name| {
            let mut p = rich().protos[1].clone();
            p.upvals[0].name = Some(StrId(name));
            p.upvals[0].from_register = false;
            p
        };
        module.protos[1].children = vec![ProtoId(3)];
        module.protos[0].children.push(ProtoId(2));
        module.protos.push(leaf(1));
        module.protos.push(leaf(2));
        module.protos.push(leaf(0));
        module.protos[2].children = vec![ProtoId(4)];
        verify(&module).unwrap();

        let part = module.subtree(ProtoId(1));
        verify(&part).unwrap();
        assert_eq!(part.protos.len(), 2);
        assert_eq!(part.protos[0].children, [ProtoId(1)]);
        assert!(!part.protos[0].upvals[0].from_register);
        assert_eq!(
            part.str(part.protos[0].upvals[0].name.unwrap()),
            module.str(StrId(2))
        );
        assert_eq!(
            part.str(part.protos[1].upvals[0].name.unwrap()),
            module.str(StrId(2))
        );
        assert_eq!(part.strings.len(), 2);

        let all = module.subtree(ProtoId(0));
        assert_eq!(all.protos, module.protos);
        assert_eq!(module.subtree(ProtoId(4)).protos.len(), 1);
    }
}
