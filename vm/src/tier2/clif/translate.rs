//! Lines to CLIF.
//!
//! Booleans are bytes, 0 or 1; pointers are integers. An address with a
//! constant offset isn't computed before it is used: most are used by one load
//! or store, which adds the offset itself.
//!
//! What has the typed entries' convention (`tailcc`) answers with two words, which
//! are a name's [`Known::Pair`]. A tail call of such gives up the native frame.
//!
//! A call that is hardly ever made (`cold`) would have the values of a whole
//! loop spilled: it goes by the trampoline of [`super::aside`].
//!
//! What one region of memory holds is in no other (`Region` of `lower`), and
//! Cranelift is told so of the VM's slots and of arrays' elements. Words that
//! other threads write are read by atomic loads, which nothing is moved across
//! or taken from.

use super::aside;
use super::text::{Function, Operand, Phi, Rest, Type, unknown};
use crate::tier1::layout::VM_NATIVE_ANSWER;
use crate::tier2::lower::Memory;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, BlockArg, ExternalName, GlobalValue,
    GlobalValueData, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef, Signature,
    StackSlotData, StackSlotKind, UserExternalName, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// What a name stands for.
#[derive(Clone, Copy)]
enum Known {
    Value(Value),
    /// So many bytes behind an address.
    Behind(Value, i64),
    /// The other boolean.
    Not(Value),
    Pair(Value, Value),
}

struct Translate<'b, 't> {
    b: FunctionBuilder<'b>,
    call_conv: CallConv,
    text: &'t Function<'t>,
    /// CLIF's blocks, in the text's order.
    blocks: Vec<ir::Block>,
    names: FxHashMap<&'t str, Known>,
    constants: GlobalValue,
    slots: AliasRegion,
    elements: AliasRegion,
    vm: Value,
    /// The trampoline's place in the table of constants, and its signature.
    trampoline: usize,
    aside: Option<SigRef>,
    /// Signatures by convention, parameters and result.
    signatures: FxHashMap<(bool, Vec<ir::Type>, Type), SigRef>,
    /// The function that is made is called by this name.
    typed: GlobalValue,
    /// The block that is translated.
    at: usize,
    /// Blocks that something leads to. A block comes behind one that does.
    reached: Vec<bool>,
    /// Where each block often goes.
    often: Vec<SmallVec<[usize; 2]>>,
}

/// What code refers to, by its number as an external name.
pub(super) const CONSTANTS: u32 = 1;
pub(super) const TYPED: u32 = 2;

/// Translates `text` to `func`. `trampoline`: where the
/// address of [`aside`]'s is in the table of constants.
///
/// # Errors
/// There is something in it that isn't known.
pub(super) fn translate(
    text: &Function<'_>,
    isa: &dyn TargetIsa,
    func: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    trampoline: usize,
) -> Result<(), String> {
    let call_conv = isa.default_call_conv();
    func.name = UserFuncName::user(0, 0);
    func.signature = signature(
        call_conv,
        text.tail,
        &vec![types::I64; text.params.len()],
        text.result,
    );
    let mut global = |index| {
        let name = func.declare_imported_user_function(UserExternalName::new(0, index));
        func.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::user(name),
            offset: 0.into(),
            colocated: false,
            tls: false,
        })
    };
    let (constants, typed) = (global(CONSTANTS), global(TYPED));
    let mut region = |user_id, description: &'static str| {
        func.dfg.alias_regions.insert(AliasRegionData {
            user_id,
            description: description.into(),
        })
    };
    let (slots, elements) = (region(1, "slots"), region(2, "elements"));
    let mut b = FunctionBuilder::new(func, context);
    let blocks: Vec<ir::Block> = text.blocks.iter().map(|_| b.create_block()).collect();
    let Some(&first) = blocks.first() else {
        return Err("no block".into());
    };
    b.append_block_params_for_function_params(first);
    let values = b.block_params(first).to_vec();
    let vm = values[0];
    let names = text.params.iter().copied();
    let names = names.zip(values.into_iter().map(Known::Value));
    let mut t = Translate {
        names: names.collect(),
        call_conv,
        text,
        blocks,
        constants,
        typed,
        slots,
        elements,
        vm,
        trampoline,
        aside: None,
        signatures: FxHashMap::default(),
        at: 0,
        reached: (0..text.blocks.len()).map(|n| n == 0).collect(),
        often: vec![SmallVec::new(); text.blocks.len()],
        b,
    };
    for (block, &clif) in t.text.blocks.iter().zip(&t.blocks) {
        for phi in &block.phis {
            let v = t.b.append_block_param(clif, clif_type(phi.ty));
            t.names.insert(phi.name, Known::Value(v));
        }
    }
    for (n, block) in t.text.blocks.iter().enumerate() {
        if !t.reached[n] {
            continue;
        }
        t.at = n;
        t.b.switch_to_block(t.blocks[n]);
        for line in &block.lines {
            t.line(line).map_err(|e| format!("{e}, in: {line}"))?;
            // What follows, up to the next label, nothing leads to.
            let ends = ["br ", "ret "].iter().any(|end| line.starts_with(end));
            if ends || gives_up(line) {
                break;
            }
        }
    }
    t.mark_cold();
    t.b.seal_all_blocks();
    t.b.finalize(isa.frontend_config());
    Ok(())
}

/// Whether `line` calls in the function's place: a return of the result follows.
fn gives_up(line: &str) -> bool {
    line.contains(" = tail call tailcc ")
}

/// A signature; `tail`: of the typed entries' convention.
fn signature(usual: CallConv, tail: bool, params: &[ir::Type], result: Type) -> Signature {
    let mut sig = Signature::new(if tail { CallConv::Tail } else { usual });
    sig.params
        .extend(params.iter().map(|&ty| AbiParam::new(ty)));
    let results = if result == Type::Pair { 2 } else { 1 };
    let result = AbiParam::new(clif_type(result));
    sig.returns.extend(std::iter::repeat_n(result, results));
    sig
}

/// CLIF's type for values of `ty`; of pairs, for both.
fn clif_type(ty: Type) -> ir::Type {
    match ty {
        Type::Int(1 | 8) => types::I8,
        Type::Int(16) => types::I16,
        Type::Int(32) => types::I32,
        Type::Int(_) | Type::Ptr | Type::Pair => types::I64,
        Type::Double => types::F64,
    }
}

impl<'t> Translate<'_, 't> {
    fn line(&mut self, line: &'t str) -> Result<(), String> {
        let mut rest = Rest(line);
        if !line.starts_with('%') {
            return self.effect(line);
        }
        let name = rest.name()?;
        rest.expect("=")?;
        if gives_up(line) {
            return self.give_up(rest);
        }
        let known = self.compute(rest)?;
        self.names.insert(name, known);
        Ok(())
    }

    /// A line that gives no value.
    fn effect(&mut self, line: &'t str) -> Result<(), String> {
        let mut rest = Rest(line);
        match rest.word() {
            "br" => self.branch(rest),
            "ret" => {
                let (ty, v) = rest.typed()?;
                let v = match ty {
                    Type::Pair => self.pair(v)?.into(),
                    _ => vec![self.value(ty, v)?],
                };
                self.b.ins().return_(&v);
                Ok(())
            }
            "store" => {
                rest.accept("volatile ");
                let (ty, v) = rest.typed()?;
                let v = self.value(ty, v)?;
                rest.expect(",")?;
                let (_, p) = rest.typed()?;
                let (p, offset) = self.address(p)?;
                let flags = self.flags(rest.0);
                self.b.ins().store(flags, v, p, offset);
                Ok(())
            }
            "call" => self.call(rest).map(|_| ()),
            _ => Err(unknown(line)),
        }
    }

    /// `label %l`, or `i1 c, label %yes, label %no`.
    fn branch(&mut self, mut rest: Rest<'t>) -> Result<(), String> {
        if rest.accept("label ") {
            let to = rest.name()?;
            self.goes_often(to);
            let (to, args) = self.way(to)?;
            self.b.ins().jump(to, &args);
            return Ok(());
        }
        let (ty, cond) = rest.typed()?;
        rest.expect(", label ")?;
        let yes = rest.name()?;
        rest.expect(", label ")?;
        let no = rest.name()?;
        let cold = match rest
            .0
            .rsplit_once("!prof !")
            .and_then(|(_, n)| n.parse().ok())
        {
            Some(crate::tier2::lower::LIKELY) => Some(no),
            Some(crate::tier2::lower::UNLIKELY) => Some(yes),
            _ => None,
        };
        let known = match cond {
            Operand::Name(name) => self.names.get(name),
            _ => None,
        };
        let (cond, yes, no) = match known {
            Some(&Known::Not(v)) => (v, no, yes),
            _ => (self.value(ty, cond)?, yes, no),
        };
        for way in [yes, no] {
            if cold != Some(way) {
                self.goes_often(way);
            }
        }
        let (yes, yes_args) = self.way(yes)?;
        let (no, no_args) = self.way(no)?;
        self.b.ins().brif(cond, yes, &yes_args, no, &no_args);
        Ok(())
    }

    /// Notes that control often goes from here to `label`. One that isn't there is
    /// told of by [`Translate::way`].
    fn goes_often(&mut self, label: &str) {
        let leaves = ["exit", "stores", "leave"];
        let leaves = leaves.iter().any(|p| label.starts_with(p));
        if let Some(&n) = self.text.labels.get(label).filter(|_| !leaves) {
            self.often[self.at].push(n);
        }
    }

    /// Puts what isn't often reached behind all else.
    fn mark_cold(&mut self) {
        let mut warm = vec![false; self.blocks.len()];
        let mut work = vec![0];
        while let Some(n) = work.pop() {
            if !std::mem::replace(&mut warm[n], true) {
                work.extend(&self.often[n]);
            }
        }
        for (block, _) in self.blocks.iter().zip(warm).filter(|(_, warm)| !warm) {
            self.b.set_cold_block(*block);
        }
    }

    /// The block at `label`, and what it gets from here.
    fn way(&mut self, label: &'t str) -> Result<(ir::Block, Vec<BlockArg>), String> {
        let text = self.text;
        let here = text.blocks[self.at].label;
        let &n = text.labels.get(label).ok_or("an unknown label")?;
        if n <= self.at && !self.reached[n] {
            return Err(format!("only what comes later leads to {label}"));
        }
        self.reached[n] = true;
        let mut args = Vec::new();
        for Phi { ty, ways, .. } in &text.blocks[n].phis {
            let found = ways.iter().find(|(_, from)| *from == here);
            let (v, _) = found.ok_or("a parameter without a value")?;
            args.push(self.value(*ty, *v)?.into());
        }
        Ok((self.blocks[n], args))
    }

    /// The operand as a value of type `ty`.
    fn value(&mut self, ty: Type, operand: Operand<'t>) -> Result<Value, String> {
        Ok(match operand {
            Operand::Name(name) => match self.names.get(name) {
                Some(&Known::Value(v)) => v,
                Some(&Known::Behind(v, n)) => {
                    let n = self.int(n);
                    self.b.ins().iadd(v, n)
                }
                Some(&Known::Not(v)) => {
                    let one = self.b.ins().iconst(types::I8, 1);
                    self.b.ins().bxor(v, one)
                }
                Some(Known::Pair(..)) => return Err(format!("%{name} is two values")),
                None => return Err(format!("%{name} isn't known yet")),
            },
            Operand::Int(n) => match clif_type(ty) {
                types::F64 => self.b.ins().f64const(n as f64),
                ty => {
                    let unused = 64 - ty.bits();
                    let n = (n as u64) << unused >> unused;
                    self.b.ins().iconst(ty, n as i64)
                }
            },
            Operand::Float(x) => self.b.ins().f64const(x),
            Operand::Constant(n) => {
                let table = self.b.ins().symbol_value(types::I64, self.constants);
                let n = self.int(n);
                self.b.ins().iadd(table, n)
            }
        })
    }

    /// Both words of a pair.
    fn pair(&mut self, operand: Operand<'t>) -> Result<[Value; 2], String> {
        match operand {
            Operand::Name(name) => match self.names.get(name) {
                Some(&Known::Pair(a, b)) => Ok([a, b]),
                _ => Err(format!("%{name} is no pair")),
            },
            // Whose words nobody has given yet.
            _ => {
                let zero = self.int(0);
                Ok([zero, zero])
            }
        }
    }

    /// `ty pair, [ty v,] n`: the pair, the value and the number of the word.
    fn word(
        &mut self,
        mut rest: Rest<'t>,
        value: bool,
    ) -> Result<([Value; 2], Value, usize), String> {
        let (_, pair) = rest.typed()?;
        let pair = self.pair(pair)?;
        rest.expect(",")?;
        let mut v = pair[0];
        if value {
            let (ty, word) = rest.typed()?;
            v = self.value(ty, word)?;
            rest.expect(",")?;
        }
        match rest.operand()? {
            Operand::Int(n @ (0 | 1)) => Ok((pair, v, n as usize)),
            _ => Err(unknown(rest.0)),
        }
    }

    fn int(&mut self, n: i64) -> Value {
        self.b.ins().iconst(types::I64, n)
    }

    /// An address, and an offset that loads and stores add.
    fn address(&mut self, operand: Operand<'t>) -> Result<(Value, i32), String> {
        match operand {
            Operand::Name(name) => {
                if let Some(&Known::Behind(v, n)) = self.names.get(name)
                    && let Ok(n) = i32::try_from(n)
                {
                    return Ok((v, n));
                }
            }
            Operand::Constant(n) => {
                if let Ok(n) = i32::try_from(n) {
                    let table = self.b.ins().symbol_value(types::I64, self.constants);
                    return Ok((table, n));
                }
            }
            _ => {}
        }
        Ok((self.value(Type::Ptr, operand)?, 0))
    }

    /// What is known of an access, from its metadata.
    fn flags(&self, metadata: &str) -> MemFlagsData {
        let flags = MemFlagsData::trusted();
        if metadata.contains("!invariant.load") {
            return flags.with_readonly().with_can_move();
        }
        let tbaa = metadata.split_once("!tbaa !").map(|(_, n)| n.parse());
        let region = match tbaa {
            Some(Ok(tag)) => match Memory::of(tag) {
                Memory::Slots => Some(self.slots),
                Memory::Elements => Some(self.elements),
                Memory::Other => None,
            },
            _ => None,
        };
        flags.with_alias_region(region)
    }

    /// What is behind `%name =`.
    fn compute(&mut self, mut rest: Rest<'t>) -> Result<Known, String> {
        let op = rest.word();
        let v = match op {
            "getelementptr" => return self.element(rest),
            "xor" if rest.accept("i1 ") => {
                let a = rest.operand()?;
                rest.expect(",")?;
                let b = rest.operand()?;
                let a = self.value(Type::Int(1), a)?;
                if b == Operand::Int(1) {
                    return Ok(Known::Not(a));
                }
                let b = self.value(Type::Int(1), b)?;
                self.b.ins().bxor(a, b)
            }
            "load" => self.load(rest)?,
            "call" => return self.call(rest),
            "tail" => {
                rest.expect("call ")?;
                return self.call(rest);
            }
            "insertvalue" => {
                let (mut pair, v, n) = self.word(rest, true)?;
                pair[n] = v;
                return Ok(Known::Pair(pair[0], pair[1]));
            }
            "extractvalue" => {
                let (pair, _, n) = self.word(rest, false)?;
                pair[n]
            }
            "icmp" => {
                let cc = condition(rest.word())?;
                let (a, b) = self.both(rest)?;
                self.b.ins().icmp(cc, a, b)
            }
            "fcmp" => {
                let cc = float_condition(rest.word())?;
                let (a, b) = self.both(rest)?;
                self.b.ins().fcmp(cc, a, b)
            }
            "select" => {
                let (ty, cond) = rest.typed()?;
                let cond = self.value(ty, cond)?;
                rest.expect(",")?;
                let (ty, a) = rest.typed()?;
                let a = self.value(ty, a)?;
                rest.expect(",")?;
                let (ty, b) = rest.typed()?;
                let b = self.value(ty, b)?;
                self.b.ins().select(cond, a, b)
            }
            "fneg" => {
                let (ty, v) = rest.typed()?;
                let v = self.value(ty, v)?;
                self.b.ins().fneg(v)
            }
            "zext" | "sext" | "trunc" | "bitcast" | "inttoptr" | "ptrtoint" | "sitofp"
            | "fptosi" => self.convert(op, rest)?,
            "alloca" => {
                let (bytes, align) = array(rest)?;
                let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, align);
                let slot = self.b.create_sized_stack_slot(slot);
                self.b.ins().stack_addr(types::I64, slot, 0)
            }
            _ => self.arithmetic(op, rest)?,
        };
        Ok(Known::Value(v))
    }

    /// Both operands of an instruction, of one type.
    fn both(&mut self, mut rest: Rest<'t>) -> Result<(Value, Value), String> {
        let (ty, a, b) = rest.two()?;
        Ok((self.value(ty, a)?, self.value(ty, b)?))
    }

    fn arithmetic(&mut self, op: &str, rest: Rest<'t>) -> Result<Value, String> {
        // Copies have this form.
        let (_, a, b) = { rest }.two()?;
        if op == "add" && b == Operand::Int(0) && matches!(a, Operand::Name(_)) {
            let (ty, a) = { rest }.typed()?;
            return self.value(ty, a);
        }
        let (a, b) = self.both(rest)?;
        let ins = self.b.ins();
        Ok(match op {
            "add" => ins.iadd(a, b),
            "sub" => ins.isub(a, b),
            "mul" => ins.imul(a, b),
            "and" => ins.band(a, b),
            "or" => ins.bor(a, b),
            "xor" => ins.bxor(a, b),
            "shl" => ins.ishl(a, b),
            "lshr" => ins.ushr(a, b),
            "ashr" => ins.sshr(a, b),
            "udiv" => ins.udiv(a, b),
            "urem" => ins.urem(a, b),
            "sdiv" => ins.sdiv(a, b),
            "srem" => ins.srem(a, b),
            "umulh" => ins.umulhi(a, b),
            "fadd" => ins.fadd(a, b),
            "fsub" => ins.fsub(a, b),
            "fmul" => ins.fmul(a, b),
            "fdiv" => ins.fdiv(a, b),
            _ => return Err(unknown(op)),
        })
    }

    /// `ty v to ty`
    fn convert(&mut self, op: &str, mut rest: Rest<'t>) -> Result<Value, String> {
        let (from, v) = rest.typed()?;
        let v = self.value(from, v)?;
        rest.expect("to ")?;
        let to = rest.ty()?;
        let ty = clif_type(to);
        let same = clif_type(from) == ty;
        let ins = self.b.ins();
        Ok(match op {
            "trunc" if to == Type::Int(1) => {
                let low = if clif_type(from) == types::I8 {
                    v
                } else {
                    ins.ireduce(types::I8, v)
                };
                let one = self.b.ins().iconst(types::I8, 1);
                self.b.ins().band(low, one)
            }
            "inttoptr" | "ptrtoint" => v,
            "zext" | "sext" | "trunc" | "bitcast" if same => v,
            "zext" => ins.uextend(ty, v),
            "sext" => ins.sextend(ty, v),
            "trunc" => ins.ireduce(ty, v),
            "bitcast" => ins.bitcast(ty, MemFlagsData::new(), v),
            "sitofp" => ins.fcvt_from_sint(ty, v),
            // Of what doesn't fit nobody asks for the value.
            _ => ins.fcvt_to_sint_sat(ty, v),
        })
    }

    /// A value as another and a constant, so that neighbours in an array are at the same
    /// address but for an offset that the instruction has.
    fn sum(&self, v: Value) -> (Value, i64) {
        let dfg = &self.b.func.dfg;
        let by = |v: Value| dfg.value_def(v).inst().map(|i| dfg.insts[i]);
        let constant = |v: Value| match by(v) {
            Some(InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            }) => i32::try_from(imm.bits()).ok(),
            _ => None,
        };
        match by(v) {
            Some(InstructionData::Binary {
                opcode: Opcode::Iadd,
                args: [a, b],
            }) if dfg.value_type(v) == types::I64 => match (constant(a), constant(b)) {
                (_, Some(n)) => (a, n.into()),
                (Some(n), _) => (b, n.into()),
                _ => (v, 0),
            },
            _ => (v, 0),
        }
    }

    /// `ty, ptr p, i64 n`
    fn element(&mut self, mut rest: Rest<'t>) -> Result<Known, String> {
        let size = rest.ty()?.size();
        rest.expect(",")?;
        let (_, p) = rest.typed()?;
        rest.expect(",")?;
        let (ty, n) = rest.typed()?;
        let base = match p {
            Operand::Name(name) => self.names.get(name).copied(),
            _ => None,
        };
        let base = match base {
            Some(known) => known,
            None => Known::Value(self.value(Type::Ptr, p)?),
        };
        let (v, behind) = match base {
            Known::Behind(v, n) => (v, n),
            Known::Value(v) | Known::Not(v) => (v, 0),
            Known::Pair(..) => return Err("an address of two values".into()),
        };
        if let Operand::Int(n) = n {
            let behind = n.wrapping_mul(size).wrapping_add(behind);
            return Ok(if behind == 0 {
                Known::Value(v)
            } else {
                Known::Behind(v, behind)
            });
        }
        let n = self.value(ty, n)?;
        let (mut n, plus) = self.sum(n);
        let behind = plus.wrapping_mul(size).wrapping_add(behind);
        if size > 1 {
            let by = self.int(i64::from(size.trailing_zeros()));
            n = self.b.ins().ishl(n, by);
        }
        let v = self.b.ins().iadd(v, n);
        Ok(if behind == 0 {
            Known::Value(v)
        } else {
            Known::Behind(v, behind)
        })
    }

    /// `[volatile] ty, ptr p, …`
    fn load(&mut self, mut rest: Rest<'t>) -> Result<Value, String> {
        let volatile = rest.accept("volatile ");
        let ty = clif_type(rest.ty()?);
        rest.expect(",")?;
        let (_, p) = rest.typed()?;
        if volatile {
            let p = self.value(Type::Ptr, p)?;
            let flags = MemFlagsData::trusted();
            return Ok(self.b.ins().atomic_load(ty, flags, p));
        }
        let constant = matches!(p, Operand::Constant(_));
        let (p, offset) = self.address(p)?;
        let mut flags = self.flags(rest.0);
        if constant {
            flags = flags.with_readonly().with_can_move();
        }
        Ok(self.b.ins().load(ty, flags, p, offset))
    }

    /// `[tailcc] ty f(ty a, …) …`: signature, callee, and arguments.
    fn callee(&mut self, rest: &mut Rest<'t>) -> Result<Callee<'t>, String> {
        let tail = rest.tail();
        let result = rest.ty()?;
        let name = rest.word();
        let (mut params, mut args) = (Vec::new(), Vec::new());
        rest.expect("(")?;
        while !rest.accept(")") {
            let (ty, v) = rest.typed()?;
            params.push(clif_type(ty));
            args.push(self.value(ty, v)?);
            rest.accept(",");
        }
        Ok(Callee {
            name,
            tail,
            result,
            params,
            args,
        })
    }

    /// The address and the signature of a callee.
    fn address_of(&mut self, callee: &Callee<'t>) -> Result<(Value, SigRef), String> {
        let f = if callee.name.starts_with('@') {
            self.b.ins().symbol_value(types::I64, self.typed)
        } else {
            let f = Rest(callee.name).operand()?;
            self.value(Type::Ptr, f)?
        };
        let key = (callee.tail, callee.params.clone(), callee.result);
        let (b, usual) = (&mut self.b, self.call_conv);
        let sig = self.signatures.entry(key).or_insert_with_key(|key| {
            let (tail, params, result) = key;
            b.import_signature(signature(usual, *tail, params, *result))
        });
        Ok((f, *sig))
    }

    /// Calls in the function's place, whose native frame is gone then.
    fn give_up(&mut self, mut rest: Rest<'t>) -> Result<(), String> {
        rest.expect("tail call ")?;
        let callee = self.callee(&mut rest)?;
        let (f, sig) = self.address_of(&callee)?;
        self.b.ins().return_call_indirect(sig, f, &callee.args);
        Ok(())
    }

    /// The result of a call.
    fn call(&mut self, mut rest: Rest<'t>) -> Result<Known, String> {
        let callee = self.callee(&mut rest)?;
        let (f, all) = (callee.name, &callee.args);
        if let Some(name) = f.strip_prefix("@llvm.") {
            let ins = self.b.ins();
            return Ok(Known::Value(match (name, &all[..]) {
                ("floor.f64", &[x]) => ins.floor(x),
                ("ceil.f64", &[x]) => ins.ceil(x),
                ("sqrt.f64", &[x]) => ins.sqrt(x),
                ("fabs.f64", &[x]) => ins.fabs(x),
                ("fma.f64", &[x, y, z]) => ins.fma(x, y, z),
                ("copysign.f64", &[x, y]) => ins.fcopysign(x, y),
                _ => return Err(unknown(f)),
            }));
        }
        let cold = rest.0.trim_end().ends_with("#1");
        let by_vm = all.first().is_some_and(|&v| v == self.vm);
        if cold && by_vm && callee.result == Type::Int(64) && all.len() <= aside::ARGS {
            let f = Rest(f).operand()?;
            let f = self.value(Type::Ptr, f)?;
            return Ok(Known::Value(self.call_aside(f, callee.args)));
        }
        let (f, sig) = self.address_of(&callee)?;
        let call = self.b.ins().call_indirect(sig, f, &callee.args);
        match *self.b.inst_results(call) {
            [v] => Ok(Known::Value(v)),
            [a, b] => Ok(Known::Pair(a, b)),
            _ => Err("a call without result".into()),
        }
    }
}

/// What a call says.
struct Callee<'t> {
    name: &'t str,
    /// It has the typed entries' convention.
    tail: bool,
    result: Type,
    params: Vec<ir::Type>,
    args: Vec<Value>,
}

impl Translate<'_, '_> {
    /// Calls a helper by the trampoline: its answer.
    fn call_aside(&mut self, f: Value, mut args: Vec<Value>) -> Value {
        args.resize(aside::ARGS, self.vm);
        args.push(f);
        let sig = match self.aside {
            Some(sig) => sig,
            None => *self
                .aside
                .insert(self.b.import_signature(aside::signature())),
        };
        let table = self.b.ins().symbol_value(types::I64, self.constants);
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let at = (self.trampoline * 8) as i32;
        let trampoline = self.b.ins().load(types::I64, flags, table, at);
        self.b.ins().call_indirect(sig, trampoline, &args);
        let flags = MemFlagsData::trusted();
        self.b
            .ins()
            .load(types::I64, flags, self.vm, VM_NATIVE_ANSWER)
    }
}

/// `[n x ty], align a`: bytes, and the alignment's logarithm.
fn array(mut rest: Rest<'_>) -> Result<(u32, u8), String> {
    rest.expect("[")?;
    let Operand::Int(n) = rest.operand()? else {
        return Err(unknown(rest.0));
    };
    rest.expect("x ")?;
    let bytes = n * rest.ty()?.size();
    rest.expect("], align ")?;
    let Operand::Int(align) = rest.operand()? else {
        return Err(unknown(rest.0));
    };
    let bytes = u32::try_from(bytes).map_err(|_| "a big array")?;
    Ok((bytes, align.trailing_zeros() as u8))
}

fn condition(name: &str) -> Result<IntCC, String> {
    Ok(match name {
        "eq" => IntCC::Equal,
        "ne" => IntCC::NotEqual,
        "slt" => IntCC::SignedLessThan,
        "sle" => IntCC::SignedLessThanOrEqual,
        "sgt" => IntCC::SignedGreaterThan,
        "sge" => IntCC::SignedGreaterThanOrEqual,
        "ult" => IntCC::UnsignedLessThan,
        "ule" => IntCC::UnsignedLessThanOrEqual,
        "ugt" => IntCC::UnsignedGreaterThan,
        "uge" => IntCC::UnsignedGreaterThanOrEqual,
        _ => return Err(unknown(name)),
    })
}

fn float_condition(name: &str) -> Result<FloatCC, String> {
    Ok(match name {
        "oeq" => FloatCC::Equal,
        "olt" => FloatCC::LessThan,
        "ole" => FloatCC::LessThanOrEqual,
        "ogt" => FloatCC::GreaterThan,
        "oge" => FloatCC::GreaterThanOrEqual,
        "une" => FloatCC::NotEqual,
        _ => return Err(unknown(name)),
    })
}
