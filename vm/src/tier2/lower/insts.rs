//! Instructions that compute, and access memory.

use super::{For, Lower, Region};
use crate::ir::{Op, Reason, Ty, V};
use crate::tier1::layout::*;
use crate::tier2::helpers::Helper;
use crate::tier2::snapshot::Obj;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::color;
use strata_runtime::ops::modulo::{EXACT, has_fma};
use strata_runtime::ops::reciprocal::Reciprocal;
use strata_runtime::value::tag;

impl Lower<'_, '_> {
    pub(super) fn inst(&mut self, v: V) -> Result<(), String> {
        let i = self.f.insts[v.n()];
        let args = i.args;
        let r: Vec<String> = args
            .iter()
            .map(|&a| match self.f.ty(a) {
                Ty::Any | Ty::Nil | Ty::Void => String::new(),
                _ => self.r(a),
            })
            .collect();
        match i.op {
            Op::Int | Op::Float | Op::Nil | Op::Bool | Op::Param => {}
            Op::Argument => self.argument(v, i.imm),
            Op::Object => {
                let at = self.object(Obj(i.imm as u32));
                self.define(v, &format!("getelementptr i8, ptr {at}, i64 0"));
            }
            Op::Box => self.lower_box(v, args[0]),
            Op::Unbox => {
                let bits = self.payload_of(args[0]);
                self.define_payload(v, &bits);
            }
            Op::Is => {
                let t = self.tag_of(args[0]);
                self.define(v, &format!("icmp eq i8 {t}, {}", i.imm));
            }
            Op::TagIn => {
                let t = self.tag_of(args[0]);
                let t = self.temp(&format!("zext i8 {t} to i32"));
                let bits = self.temp(&format!("lshr i32 {}, {t}", i.imm));
                self.define(v, &format!("trunc i32 {bits} to i1"));
            }
            Op::Truthy => {
                let t = self.tag_of(args[0]);
                self.define(v, &format!("icmp uge i8 {t}, {}", tag::TRUE));
            }
            Op::IsGc => {
                let t = self.tag_of(args[0]);
                let bit = self.temp(&format!("and i8 {t}, {}", tag::GC));
                self.define(v, &format!("icmp ne i8 {bit}, 0"));
            }
            Op::SameTag => {
                let (a, b) = (self.tag_of(args[0]), self.tag_of(args[1]));
                self.define(v, &format!("icmp eq i8 {a}, {b}"));
            }
            Op::SameBits => self.same_bits(v, args),
            Op::Not => self.define(v, &format!("xor i1 {}, true", r[0])),
            Op::And => self.define(v, &format!("and i1 {}, {}", r[0], r[1])),
            Op::Or => self.define(v, &format!("or i1 {}, {}", r[0], r[1])),
            Op::Same => self.define(v, &format!("icmp eq ptr {}, {}", r[0], r[1])),
            Op::IsNull => self.define(v, &format!("icmp eq ptr {}, null", r[0])),
            Op::Select => self.select(v, args, &r),
            Op::IAdd => self.define(v, &format!("add i64 {}, {}", r[0], r[1])),
            Op::ISub => self.define(v, &format!("sub i64 {}, {}", r[0], r[1])),
            Op::IMul => self.define(v, &format!("mul i64 {}, {}", r[0], r[1])),
            Op::IAnd => self.define(v, &format!("and i64 {}, {}", r[0], r[1])),
            Op::IOr => self.define(v, &format!("or i64 {}, {}", r[0], r[1])),
            Op::IXor => self.define(v, &format!("xor i64 {}, {}", r[0], r[1])),
            Op::INeg => self.define(v, &format!("sub i64 0, {}", r[0])),
            Op::INot => self.define(v, &format!("xor i64 {}, -1", r[0])),
            Op::UDiv => self.define(v, &format!("udiv i64 {}, {}", r[0], r[1])),
            Op::IDiv | Op::IMod => self.divide(v, i.op == Op::IMod, args),
            Op::IShl => self.shift(v, args),
            Op::ILt => self.define(v, &format!("icmp slt i64 {}, {}", r[0], r[1])),
            Op::ILe => self.define(v, &format!("icmp sle i64 {}, {}", r[0], r[1])),
            Op::IUlt => self.define(v, &format!("icmp ult i64 {}, {}", r[0], r[1])),
            Op::IEq => self.define(v, &format!("icmp eq i64 {}, {}", r[0], r[1])),
            Op::FAdd => self.define(v, &format!("fadd double {}, {}", r[0], r[1])),
            Op::FSub => self.define(v, &format!("fsub double {}, {}", r[0], r[1])),
            Op::FMul => self.define(v, &format!("fmul double {}, {}", r[0], r[1])),
            Op::FDiv => self.define(v, &format!("fdiv double {}, {}", r[0], r[1])),
            Op::FNeg => self.define(v, &format!("fneg double {}", r[0])),
            Op::FMod => self.float_mod(v, &r),
            Op::FPow => {
                let two = self.f.insts[args[1].n()];
                if two.op == Op::Float && f64::from_bits(two.imm) == 2.0 {
                    self.define(v, &format!("fmul double {0}, {0}", r[0]));
                } else {
                    self.float_helper(v, Helper::FloatPow, &r);
                }
            }
            Op::FSqrt | Op::FAbs | Op::FFloor | Op::FCeil => {
                let name = match i.op {
                    Op::FSqrt => "sqrt",
                    Op::FAbs => "fabs",
                    Op::FFloor => "floor",
                    _ => "ceil",
                };
                let text = format!("call double @llvm.{name}.f64(double {})", r[0]);
                self.define(v, &text);
            }
            Op::FLt => self.define(v, &format!("fcmp olt double {}, {}", r[0], r[1])),
            Op::FLe => self.define(v, &format!("fcmp ole double {}, {}", r[0], r[1])),
            Op::FEq => self.define(v, &format!("fcmp oeq double {}, {}", r[0], r[1])),
            Op::ToFloat => self.define(v, &format!("sitofp i64 {} to double", r[0])),
            Op::ToInt => self.define(v, &format!("fptosi double {} to i64", r[0])),
            Op::FitsInt => self.fits_int(v, &r[0]),
            Op::Guard => {
                self.guard(&r[0], i.frame, Reason::from_imm(i.imm));
            }
            Op::GuardIs => {
                let t = self.tag_of(args[0]);
                let is = self.temp(&format!("icmp eq i8 {t}, {}", i.imm));
                self.guard(&is, i.frame, Reason::Tag);
                let bits = self.payload_of(args[0]);
                self.define_payload(v, &bits);
            }
            Op::GuardShape => {
                let shape = self.load("ptr", &r[0], T_SHAPE.into(), Region::Shape);
                let is = self.temp(&format!("icmp eq ptr {shape}, {}", r[1]));
                self.guard(&is, i.frame, Reason::Shape);
                self.define(v, &format!("getelementptr i8, ptr {}, i64 0", r[0]));
            }
            Op::GuardMeta => {
                let shape = self.load("ptr", &r[0], T_SHAPE.into(), Region::Shape);
                let meta = self.load("ptr", &shape, SHAPE_META.into(), Region::Shape);
                let is = self.temp(&format!("icmp ne ptr {meta}, null"));
                self.guard(&is, i.frame, Reason::Meta);
                self.define(v, &format!("getelementptr i8, ptr {meta}, i64 0"));
            }
            Op::GuardKind => {
                let kind = self.load("i8", &r[0], T_ARR_KIND.into(), Region::Array);
                let is = self.temp(&format!("icmp eq i8 {kind}, {}", i.imm as u8));
                self.guard(&is, i.frame, Reason::Kind);
                self.define(v, &format!("getelementptr i8, ptr {}, i64 0", r[0]));
            }
            Op::GuardIndex => {
                let is = self.temp(&format!("icmp ult i64 {}, {}", r[0], r[1]));
                self.guard(&is, i.frame, Reason::Index);
                self.define(v, &format!("add i64 {}, 0", r[0]));
            }
            Op::GuardEntry => self.guard_entry(v, &r, i.imm, i.frame),
            Op::SlotLoad => self.load_value(v, "%base", i.imm as i64 * 16, Region::Slot),
            Op::SlotStore => self.store_value(args[0], "%base", i.imm as i64 * 16, Region::Slot),
            Op::CapturedLoad => self.load_value(v, "%base", i.imm as i64 * 16, Region::Upval),
            Op::CapturedStore => {
                self.store_value(args[0], "%base", i.imm as i64 * 16, Region::Upval);
            }
            Op::LinkStore => self.link_store(args, i.imm, i.frame)?,
            Op::Myself => {
                let f = self.load("ptr", "%base", FUNC_PAYLOAD.into(), Region::Slot);
                self.define(v, &format!("getelementptr i8, ptr {f}, i64 0"));
            }
            Op::Shape => self.load_to(v, "ptr", &r[0], T_SHAPE, Region::Shape),
            Op::Epoch => {
                let epoch = self.load("i32", "%vm", VM_EPOCH.into(), Region::Vm);
                self.define(v, &format!("zext i32 {epoch} to i64"));
            }
            Op::SetShape => self.store("ptr", &r[1], &r[0], T_SHAPE.into(), Region::Shape),
            Op::Meta => {
                let shape = self.load("ptr", &r[0], T_SHAPE.into(), Region::Shape);
                self.load_to(v, "ptr", &shape, SHAPE_META, Region::Shape);
            }
            Op::Family => self.load_to(v, "ptr", &r[0], SHAPE_FAMILY, Region::Shape),
            Op::Field => {
                let fields = self.load("ptr", &r[0], T_FIELDS.into(), Region::Shape);
                self.load_value(v, &fields, i.imm as i64 * 16, Region::Field);
            }
            Op::SetField => {
                let fields = self.load("ptr", &r[0], T_FIELDS.into(), Region::Shape);
                self.store_value(args[1], &fields, i.imm as i64 * 16, Region::Field);
            }
            Op::FieldRoom => {
                let cap = self.load("i16", &r[0], T_FIELD_CAP.into(), Region::Shape);
                self.define(v, &format!("zext i16 {cap} to i64"));
            }
            Op::Absent => {
                let bits = self.load("i32", &r[0], T_ABSENT.into(), Region::Heap);
                self.define(v, &format!("zext i32 {bits} to i64"));
            }
            Op::Flags => {
                let flags = self.load("i8", &r[0], FLAGS.into(), Region::Heap);
                self.define(v, &format!("zext i8 {flags} to i64"));
            }
            Op::HashSlot => {
                let f = self.helper(Helper::HashSlot);
                self.define(v, &format!("call ptr {f}(ptr {}, i64 {}) #2", r[0], r[1]));
            }
            Op::SetInt => {
                let t = self.tag_of(args[2]);
                let t = self.temp(&format!("zext i8 {t} to i64"));
                let bits = self.payload_of(args[2]);
                let f = self.helper(Helper::SetInt);
                let stored = self.temp(&format!(
                    "call i64 {f}(ptr %vm, ptr {}, i64 {}, i64 {t}, i64 {bits}) #0",
                    r[0], r[1]
                ));
                self.define(v, &format!("icmp ne i64 {stored}, 0"));
            }
            Op::Entry => self.load_value(v, &r[0], 0, Region::Hash),
            Op::SetEntry => self.store_value(args[1], &r[0], 0, Region::Hash),
            Op::ArrLen => self.load_u32(v, &r[0], T_ARR_LEN),
            Op::ArrCap => self.load_u32(v, &r[0], T_ARR_CAP),
            Op::ArrKind => {
                let kind = self.load("i8", &r[0], T_ARR_KIND.into(), Region::Array);
                self.define(v, &format!("zext i8 {kind} to i64"));
            }
            Op::ArrData => self.load_to(v, "ptr", &r[0], T_ARR, Region::Array),
            Op::ArrTags => self.load_to(v, "ptr", &r[0], T_ARR_TAGS, Region::Array),
            Op::Hash => self.load_to(v, "ptr", &r[0], T_HASH, Region::Array),
            Op::SetArrLen => {
                let n = self.temp(&format!("trunc i64 {} to i32", r[1]));
                self.store("i32", &n, &r[0], T_ARR_LEN.into(), Region::Array);
            }
            Op::LoadInt => {
                let at = self.temp(&format!("getelementptr i64, ptr {}, i64 {}", r[0], r[1]));
                let tbaa = Region::Int.tag();
                self.define(v, &format!("load i64, ptr {at}, !tbaa !{tbaa}"));
            }
            Op::LoadFloat => {
                let at = self.temp(&format!("getelementptr double, ptr {}, i64 {}", r[0], r[1]));
                let tbaa = Region::Float.tag();
                self.define(v, &format!("load double, ptr {at}, !tbaa !{tbaa}"));
            }
            Op::LoadMixed => {
                let at = self.temp(&format!("getelementptr i8, ptr {}, i64 {}", r[1], r[2]));
                let tbaa = Region::Mixed.tag();
                self.line(&format!("%v{}.t = load i8, ptr {at}, !tbaa !{tbaa}", v.0));
                let at = self.temp(&format!("getelementptr i64, ptr {}, i64 {}", r[0], r[2]));
                self.line(&format!("%v{}.p = load i64, ptr {at}, !tbaa !{tbaa}", v.0));
            }
            Op::StoreInt => {
                let at = self.temp(&format!("getelementptr i64, ptr {}, i64 {}", r[0], r[1]));
                self.store("i64", &r[2], &at, 0, Region::Int);
            }
            Op::StoreFloat => {
                let at = self.temp(&format!("getelementptr double, ptr {}, i64 {}", r[0], r[1]));
                self.store("double", &r[2], &at, 0, Region::Float);
            }
            Op::StoreMixed => {
                let t = self.tag_of(args[3]);
                let at = self.temp(&format!("getelementptr i8, ptr {}, i64 {}", r[1], r[2]));
                self.store("i8", &t, &at, 0, Region::Mixed);
                // Booleans are their tags: one byte an element is touched.
                if self.f.ty(args[3]) != Ty::Bool {
                    let bits = self.payload_of(args[3]);
                    let at = self.temp(&format!("getelementptr i64, ptr {}, i64 {}", r[0], r[2]));
                    self.store("i64", &bits, &at, 0, Region::Mixed);
                }
            }
            Op::Upval => {
                let at = i64::from(CLOSURE_UPVALS) + i.imm as i64 * 8;
                let at = self.offset(&r[0], at);
                // The upvalues of a closure stay what they are.
                self.define(
                    v,
                    &format!("load ptr, ptr {at}, !tbaa !{}", Region::Shape.tag()),
                );
            }
            Op::UpvalGet | Op::UpvalFixed => {
                let at = self.load("ptr", &r[0], UPVAL_V.into(), Region::Heap);
                self.load_value(v, &at, 0, Region::Upval);
            }
            Op::UpvalSet => {
                let at = self.load("ptr", &r[0], UPVAL_V.into(), Region::Heap);
                self.store_value(args[1], &at, 0, Region::Upval);
            }
            Op::ProtoOf => self.load_to(v, "ptr", &r[0], CLOSURE_PROTO, Region::Shape),
            Op::HostOf => self.load_to(v, "ptr", &r[0], NATIVE_F, Region::Shape),
            Op::StrLen => self.load_to(v, "i64", &r[0], STR_LEN, Region::Shape),
            Op::StrEq => {
                let f = self.helper(Helper::StrEq);
                let same = self.temp(&format!("call i64 {f}(ptr {}, ptr {}) #0", r[0], r[1]));
                self.define(v, &format!("icmp ne i64 {same}, 0"));
            }
            Op::StrOrder => {
                let f = self.helper(Helper::StrOrder);
                self.define(v, &format!("call i64 {f}(ptr {}, ptr {}) #0", r[0], r[1]));
            }
            Op::StrData => self.load_to(v, "ptr", &r[0], STR_DATA, Region::Heap),
            Op::LoadByte => {
                let at = self.temp(&format!("getelementptr i8, ptr {}, i64 {}", r[0], r[1]));
                let byte = self.temp(&format!("load i8, ptr {at}"));
                self.define(v, &format!("zext i8 {byte} to i64"));
            }
            Op::TypeName => self.type_name(v, args[0]),
            Op::Leaf | Op::LeafArray | Op::LeafStore => self.leaf(v, &r[0], &args[1..]),
            Op::CharStr => self.char_str(v, &r[0]),
            Op::NextEntry => self.next_entry(v, &r[0], i.imm),
            Op::LeafValue => self.leaf_value(v, i.imm),
            Op::IterStart => self.iter_start(&r[0], i.imm),
            Op::Spread => self.spread(v, i.imm),
            Op::Pack => self.pack(v, &r[0], &r[1], i.imm),
            Op::Unpack => self.unpack(v, &r[0], i.imm),
            Op::VarargCount => self.vararg_count(v, i.imm),
            Op::VarargAt => self.vararg_at(v, &r[0], i.imm),
            Op::Barrier | Op::BarrierElem if planted(Bug::OptimizedBarrier) => {}
            Op::Barrier => self.barrier(&r[0], None),
            Op::BarrierElem => self.barrier(&r[0], Some(args[1])),
            Op::Poll => self.poll(i.imm as u32, None, i.frame)?,
            Op::PollRounds => self.poll(i.imm as u32, Some(i.args[0]), i.frame)?,
            Op::NewTable => self.new_table(v, i.frame)?,
            Op::NewClosure => self.new_closure(v, &r),
            Op::NewCell => self.new_upvalue(v, Some(args[0]), i.imm),
            Op::OpenCell => self.new_upvalue(v, None, i.imm),
            // Passes know by it that the cell is needed.
            Op::KeepCell => {}
            Op::CloseCells => self.close_upvalues(i.imm as u32),
            Op::Step => {
                self.step(i.frame)?;
            }
            Op::StepTest => self.step_test(v, i.frame)?,
            Op::Call => self.call(args[1], i.frame)?,
            Op::Single => self.define(v, &format!("and i1 %v{}.one, true", args[0].0)),
            Op::SetTop => {
                let top = self.offset("%base", i.imm as i64 * 16);
                self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
            }
            Op::CallTyped => self.call_typed(v, args, i.frame)?,
            Op::TailCall => self.tail_call(args, i.frame)?,
            Op::CallHost => self.call_host(i.frame)?,
        }
        Ok(())
    }

    fn load_to(&mut self, v: V, ty: &str, p: &str, offset: i32, region: Region) {
        let at = self.offset(p, offset.into());
        self.define(v, &format!("load {ty}, ptr {at}, !tbaa !{}", region.tag()));
    }

    fn load_u32(&mut self, v: V, p: &str, offset: i32) {
        let n = self.load("i32", p, offset.into(), Region::Array);
        self.define(v, &format!("zext i32 {n} to i64"));
    }

    /// What phis name; everybody else looks through the box.
    fn lower_box(&mut self, v: V, inner: V) {
        match self.f.ty(inner) {
            Ty::Bool => {
                let t = self.tag_of(inner);
                self.line(&format!("%v{}.t = add i8 {t}, 0", v.0));
            }
            Ty::Nil | Ty::Int => {}
            _ => {
                let bits = self.payload_of(inner);
                self.line(&format!("%v{}.p = add i64 {bits}, 0", v.0));
            }
        }
    }

    fn same_bits(&mut self, v: V, args: &[V]) {
        // What has no payload is the same if the tags are.
        let simple = self.tag_of(args[0]);
        let simple = self.temp(&format!("icmp ult i8 {simple}, {}", tag::INT));
        let (a, b) = (self.payload_of(args[0]), self.payload_of(args[1]));
        let same = self.temp(&format!("icmp eq i64 {a}, {b}"));
        self.define(v, &format!("or i1 {simple}, {same}"));
    }

    fn select(&mut self, v: V, args: &[V], r: &[String]) {
        if self.f.ty(v) == Ty::Any {
            let (t1, t2) = (self.tag_of(args[1]), self.tag_of(args[2]));
            self.line(&format!(
                "%v{}.t = select i1 {}, i8 {t1}, i8 {t2}",
                v.0, r[0]
            ));
            let (p1, p2) = (self.payload_of(args[1]), self.payload_of(args[2]));
            self.line(&format!(
                "%v{}.p = select i1 {}, i64 {p1}, i64 {p2}",
                v.0, r[0]
            ));
            return;
        }
        let ty = Self::llvm_type(self.f.ty(v));
        self.define(
            v,
            &format!("select i1 {}, {ty} {}, {ty} {}", r[0], r[1], r[2]),
        );
    }

    fn float_helper(&mut self, v: V, helper: Helper, r: &[String]) {
        let f = self.helper(helper);
        self.define(
            v,
            &format!("call double {f}(double {}, double {}) #0", r[0], r[1]),
        );
    }

    /// As `strata_runtime::ops::modulo` does it.
    fn float_mod(&mut self, v: V, r: &[String]) {
        if !has_fma() {
            return self.float_helper(v, Helper::FloatMod, r);
        }
        let (x, y) = (&r[0], &r[1]);
        let [short, long, done] = [(); 3].map(|()| self.new_label());
        let q = self.temp(&format!("fdiv double {x}, {y}"));
        let size = self.temp(&format!("call double @llvm.fabs.f64(double {q})"));
        let limit = EXACT.to_bits();
        let small = self.temp(&format!("fcmp olt double {size}, 0x{limit:016X}"));
        let size = self.temp(&format!("call double @llvm.fabs.f64(double {y})"));
        let infinity = f64::INFINITY.to_bits();
        let finite = self.temp(&format!("fcmp olt double {size}, 0x{infinity:016X}"));
        let fine = self.temp(&format!("and i1 {small}, {finite}"));
        self.line(&format!(
            "br i1 {fine}, label %{short}, label %{long}, !prof !{}",
            super::LIKELY
        ));
        self.label(&short);
        let q = self.temp(&format!("call double @llvm.floor.f64(double {q})"));
        let q = self.temp(&format!("fneg double {q}"));
        let m = self.temp(&format!(
            "call double @llvm.fma.f64(double {q}, double {y}, double {x})"
        ));
        let zero = self.temp(&format!("fcmp oeq double {m}, 0.0"));
        let signed = self.temp(&format!(
            "call double @llvm.copysign.f64(double {m}, double {x})"
        ));
        let below = self.temp(&format!("fcmp olt double {m}, 0.0"));
        let negative = self.temp(&format!("fcmp olt double {y}, 0.0"));
        let differ = self.temp(&format!("xor i1 {below}, {negative}"));
        let more = self.temp(&format!("fadd double {m}, {y}"));
        let m = self.temp(&format!("select i1 {differ}, double {more}, double {m}"));
        let quick = self.temp(&format!("select i1 {zero}, double {signed}, double {m}"));
        self.line(&format!("br label %{done}"));
        self.label(&long);
        let f = self.helper(Helper::FloatMod);
        let slow = self.temp(&format!("call double {f}(double {x}, double {y}) #0"));
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.define(
            v,
            &format!("phi double [ {quick}, %{short} ], [ {slow}, %{long} ]"),
        );
    }

    /// Whether a float has an integer's value.
    fn fits_int(&mut self, v: V, x: &str) {
        let floor = self.temp(&format!("call double @llvm.floor.f64(double {x})"));
        let whole = self.temp(&format!("fcmp oeq double {floor}, {x}"));
        let size = self.temp(&format!("call double @llvm.fabs.f64(double {x})"));
        let limit = 9_223_372_036_854_775_808.0f64.to_bits();
        let small = self.temp(&format!("fcmp olt double {size}, 0x{limit:016X}"));
        self.define(v, &format!("and i1 {whole}, {small}"));
    }

    /// Floor division and modulo; the divisor isn't 0.
    fn divide(&mut self, v: V, modulo: bool, args: &[V]) {
        let (x, y) = (self.r(args[0]), self.r(args[1]));
        if let Some(k) = self.f.int_const(args[1])
            && k > 0
            && k & (k - 1) == 0
        {
            let text = if modulo {
                format!("and i64 {x}, {}", k - 1)
            } else {
                format!("ashr i64 {x}, {}", k.trailing_zeros())
            };
            return self.define(v, &text);
        }
        if let Some(k) = self.f.int_const(args[1]) {
            if let Some(by) = Reciprocal::of(k) {
                return self.divide_by(v, modulo, &x, k, by);
            }
            let result = self.long_divide(modulo, &x, &y, k == -1);
            return self.define(v, &format!("add i64 {result}, 0"));
        }
        // Natural numbers below 2^32 are divided in a fraction of the time.
        let (short, long, done) = (self.new_label(), self.new_label(), self.new_label());
        let both = self.temp(&format!("or i64 {x}, {y}"));
        let high = self.temp(&format!("lshr i64 {both}, 32"));
        let small = self.temp(&format!("icmp eq i64 {high}, 0"));
        self.line(&format!("br i1 {small}, label %{short}, label %{long}"));
        self.label(&short);
        let (a, b) = (
            self.temp(&format!("trunc i64 {x} to i32")),
            self.temp(&format!("trunc i64 {y} to i32")),
        );
        let op = if modulo { "urem" } else { "udiv" };
        let q = self.temp(&format!("{op} i32 {a}, {b}"));
        let quick = self.temp(&format!("zext i32 {q} to i64"));
        self.line(&format!("br label %{done}"));
        self.label(&long);
        let slow = self.long_divide(modulo, &x, &y, true);
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.define(
            v,
            &format!("phi i64 [ {quick}, %{short} ], [ {slow}, %{long} ]"),
        );
    }

    /// Floor division or modulo by a constant.
    fn divide_by(&mut self, v: V, modulo: bool, x: &str, k: i64, by: Reciprocal) {
        let sign = self.temp(&format!("ashr i64 {x}, 63"));
        let natural = self.temp(&format!("xor i64 {x}, {sign}"));
        let high = if self.whom == For::Llvm {
            let wide = self.temp(&format!("zext i64 {natural} to i128"));
            let product = self.temp(&format!("mul i128 {wide}, {}", by.factor));
            let high = self.temp(&format!("lshr i128 {product}, 64"));
            self.temp(&format!("trunc i128 {high} to i64"))
        } else {
            self.temp(&format!("umulh i64 {natural}, {}", by.factor as i64))
        };
        let q = self.temp(&format!("lshr i64 {high}, {}", by.shift));
        if !modulo {
            return self.define(v, &format!("xor i64 {q}, {sign}"));
        }
        let q = self.temp(&format!("xor i64 {q}, {sign}"));
        let whole = self.temp(&format!("mul i64 {q}, {k}"));
        self.define(v, &format!("sub i64 {x}, {whole}"));
    }

    /// Floor division or modulo of any integers; `minus_one`: the divisor may
    /// be -1, which may overflow.
    fn long_divide(&mut self, modulo: bool, x: &str, y: &str, minus_one: bool) -> String {
        let minus = if minus_one {
            self.temp(&format!("icmp eq i64 {y}, -1"))
        } else {
            "false".into()
        };
        let safe = self.temp(&format!("select i1 {minus}, i64 1, i64 {y}"));
        let rem = self.temp(&format!("srem i64 {x}, {safe}"));
        let signs = self.temp(&format!("xor i64 {rem}, {y}"));
        let differ = self.temp(&format!("icmp slt i64 {signs}, 0"));
        let some = self.temp(&format!("icmp ne i64 {rem}, 0"));
        let off = self.temp(&format!("and i1 {differ}, {some}"));
        if modulo {
            let fixed = self.temp(&format!("add i64 {rem}, {y}"));
            let m = self.temp(&format!("select i1 {off}, i64 {fixed}, i64 {rem}"));
            self.temp(&format!("select i1 {minus}, i64 0, i64 {m}"))
        } else {
            let q = self.temp(&format!("sdiv i64 {x}, {safe}"));
            let by = self.temp(&format!("zext i1 {off} to i64"));
            let q = self.temp(&format!("sub i64 {q}, {by}"));
            let negated = self.temp(&format!("sub i64 0, {x}"));
            self.temp(&format!("select i1 {minus}, i64 {negated}, i64 {q}"))
        }
    }

    /// Lua's shift to the left: negative distances go right, far ones give 0.
    fn shift(&mut self, v: V, args: &[V]) {
        let (x, n) = (self.r(args[0]), self.r(args[1]));
        if let Some(k) = self.f.int_const(args[1]) {
            let text = match k {
                0..=63 => format!("shl i64 {x}, {k}"),
                -63..=-1 => format!("lshr i64 {x}, {}", -k),
                _ => "add i64 0, 0".into(),
            };
            return self.define(v, &text);
        }
        let left_by = self.temp(&format!("and i64 {n}, 63"));
        let left = self.temp(&format!("shl i64 {x}, {left_by}"));
        let negated = self.temp(&format!("sub i64 0, {n}"));
        let right_by = self.temp(&format!("and i64 {negated}, 63"));
        let right = self.temp(&format!("lshr i64 {x}, {right_by}"));
        let near_left = self.temp(&format!("icmp ult i64 {n}, 64"));
        let near_right = self.temp(&format!("icmp ult i64 {negated}, 64"));
        let other = self.temp(&format!("select i1 {near_right}, i64 {right}, i64 0"));
        self.define(
            v,
            &format!("select i1 {near_left}, i64 {left}, i64 {other}"),
        );
    }

    /// The entry of a dictionary, if it is still where it was: the address of
    /// its value.
    fn guard_entry(&mut self, v: V, r: &[String], n: u64, frame: Option<crate::ir::FrameId>) {
        let hash = self.load("ptr", &r[0], T_HASH.into(), Region::Array);
        let some = self.temp(&format!("icmp ne ptr {hash}, null"));
        self.guard(&some, frame, Reason::Entry);
        let len = self.load("i32", &hash, HASH_LEN.into(), Region::Hash);
        let inside = self.temp(&format!("icmp ugt i32 {len}, {n}"));
        self.guard(&inside, frame, Reason::Entry);
        let entries = self.load("ptr", &hash, HASH_ENTRIES.into(), Region::Hash);
        let at = self.offset(&entries, n as i64 * i64::from(ENTRY));
        let t = self.load("i8", &at, ENTRY_KEY.into(), Region::Hash);
        let is = self.temp(&format!("icmp eq i8 {t}, {}", tag::STR));
        self.guard(&is, frame, Reason::Entry);
        let key = self.load("ptr", &at, (ENTRY_KEY + PAYLOAD).into(), Region::Hash);
        let is = self.temp(&format!("icmp eq ptr {key}, {}", r[1]));
        self.guard(&is, frame, Reason::Entry);
        self.define(v, &format!("getelementptr i8, ptr {at}, i64 {ENTRY_VAL}"));
    }

    /// The write barrier, if `object` is black. `element`: what was stored to
    /// a table's array part.
    fn barrier(&mut self, object: &str, element: Option<V>) {
        let (slow, done) = (self.new_label(), self.new_label());
        let mark = self.load("i8", object, MARK.into(), Region::Heap);
        let black = self.temp(&format!("icmp eq i8 {mark}, {}", color::BLACK));
        let black = match element {
            Some(v) => {
                let t = self.tag_of(v);
                let gc = self.temp(&format!("and i8 {t}, {}", tag::GC));
                let gc = self.temp(&format!("icmp ne i8 {gc}, 0"));
                self.temp(&format!("and i1 {black}, {gc}"))
            }
            None => black,
        };
        self.line(&format!(
            "br i1 {black}, label %{slow}, label %{done}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&slow);
        let (helper, stored) = match element {
            Some(v) => (Helper::BarrierStored, self.payload_of(v)),
            None => (Helper::Barrier, "0".into()),
        };
        let f = self.helper(helper);
        self.line(&format!(
            "call i64 {f}(ptr %vm, ptr {object}, i64 {stored}) #1"
        ));
        self.line(&format!("br label %{done}"));
        self.label(&done);
    }
}
