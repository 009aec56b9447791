//! From IR to LLVM's text form.
//!
//! The text is what LLVM parses and what `vm disasm --llvm` begins with, so
//! what one reads is what was compiled. A value of type `Any` is two: `%v7.t`,
//! its tag, and `%v7.p`, its payload; others are one, `%v7`. Constants have no
//! name, they stand where they are used.
//!
//! Regions of memory are told to LLVM as TBAA types ([`Region`]). Guards
//! branch to cold blocks, one for each frame state and reason, which store
//! the raw values that the frame map names to the deopt buffer and share a
//! call of the exit helper. Everything that is an address in this process is loaded from
//! `@strata_constants`, a table that the linker places beside the code.
//!
//! - `insts`: instructions that compute, and access memory
//! - `calls`: steps, calls, returns, polls, exits
//! - `exits`: guards, and the code of exits
//! - `maps`: frame states to frame maps
//! - `alloc`: tables, closures, upvalues
//! - `typed`: arguments and results in machine registers

mod alloc;
mod calls;
mod early;
mod exits;
mod insts;
mod leaves;
mod maps;
mod typed;

use super::helpers::Helper;
use super::layouts::Layouts;
use super::snapshot::{Obj, Snapshot};
use crate::ir::cfg::Cfg;
use crate::ir::{BlockId, FrameId, Func, Op, Reason, Target, Term, Ty, V};
use crate::jit::learned::Seen;
use crate::tier1::layout::PROTO_TYPED;
use rustc_hash::FxHashMap;
use std::fmt::Write as _;
use strata_runtime::value::tag;
use strata_spec::frame_map::{FrameMapId, FrameMaps};

/// The symbol of the code's entry.
pub(crate) const ENTRY: &str = "strata_entry";

/// The symbol of the typed entry.
pub(crate) const TYPED: &str = "strata_typed";

/// A place at which code is left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExitSite {
    pub map: FrameMapId,
    pub reason: Reason,
    /// The innermost function and its instruction.
    pub func: u32,
    pub pc: u32,
    /// What feedback knew of that instruction.
    pub seen: Seen,
    /// The instruction begins a loop, and it is about what is done in that.
    pub early: bool,
    /// A guard leads here.
    pub guarded: bool,
}

/// What lowering made.
pub(crate) struct Lowered {
    /// The module.
    pub text: String,
    pub maps: FrameMaps,
    pub exits: Vec<ExitSite>,
    /// Words of the deopt buffer.
    pub words: usize,
}

impl Lowered {
    /// The exits with the numbers of their frame maps, and the maps.
    pub(crate) fn maps_text(&self) -> String {
        let mut text = String::new();
        for site in &self.exits {
            let ExitSite {
                map,
                reason,
                func,
                pc,
                ..
            } = site;
            let reason = reason.name();
            let _ = writeln!(text, "exit at f{func} pc {pc}, {reason}: map {}", map.0);
        }
        text + &self.maps.to_string()
    }
}

/// Regions of memory as LLVM knows them: names of TBAA access tags.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Region {
    Slot,
    Shape,
    Field,
    Array,
    Int,
    Float,
    Mixed,
    Upval,
    Hash,
    Heap,
    Vm,
}

impl Region {
    const ALL: [Region; 11] = [
        Region::Slot,
        Region::Shape,
        Region::Field,
        Region::Array,
        Region::Int,
        Region::Float,
        Region::Mixed,
        Region::Upval,
        Region::Hash,
        Region::Heap,
        Region::Vm,
    ];

    /// The number of its access tag's metadata.
    fn tag(self) -> usize {
        self as usize + 1 + Region::ALL.len()
    }
}

/// Branch weights: the first arm is taken nearly always, or the second.
pub(crate) const LIKELY: usize = 2 * Region::ALL.len() + 1;
pub(crate) const UNLIKELY: usize = LIKELY + 1;

/// Regions of memory as Cranelift knows them. What has no region at all, such
/// as the header of a new table, is one of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Memory {
    /// The VM's slots.
    Slots,
    /// Elements of arrays.
    Elements,
    Other,
}

impl Memory {
    /// The region of an access with this tag's metadata.
    pub(crate) fn of(tag: usize) -> Memory {
        match Region::ALL.iter().find(|r| r.tag() == tag) {
            Some(Region::Slot) => Memory::Slots,
            Some(Region::Int | Region::Float | Region::Mixed) => Memory::Elements,
            _ => Memory::Other,
        }
    }
}

/// For whom the text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// Cranelift. What is executed is counted, so that LLVM is asked for better
    /// code in the end.
    Cranelift {
        counts: bool,
    },
    Llvm,
}

impl For {
    /// The convention of typed entries, which callers have to know: code of one
    /// compiler calls that of the other by the generic entry.
    ///
    /// In LLVM's nothing is preserved by the callee, so that its short ways need
    /// no prologue. Cranelift's lets tail calls give up the native frame.
    fn convention(self) -> &'static str {
        match self {
            For::Cranelift { .. } => "tailcc",
            For::Llvm => "preserve_nonecc",
        }
    }

    /// Where a prototype has its entry of that convention.
    fn typed_entry(self) -> i32 {
        match self {
            For::Cranelift { .. } => PROTO_TYPED + 8,
            For::Llvm => PROTO_TYPED,
        }
    }
}

/// A block's text.
#[derive(Default)]
struct Text {
    phis: String,
    body: String,
    /// In the body, where all values of the block are known.
    end: usize,
}

struct Lower<'l, 'a> {
    s: &'l Snapshot,
    /// Names of fields, for tables that are made at exits.
    layouts: &'l Layouts,
    f: &'l Func<'a>,
    blocks: Vec<Text>,
    /// The block that is being written.
    at: usize,
    /// Cold blocks: exits and the like.
    cold: String,
    temps: u32,
    labels: u32,
    maps: FrameMaps,
    exits: Vec<ExitSite>,
    /// Exits that were asked for, and their numbers.
    wanted: Vec<exits::Exit>,
    exit_numbers: FxHashMap<(FrameId, Reason), usize>,
    /// Words of the deopt buffer that the biggest exit needs.
    words: usize,
    /// VM slots of all frames.
    slots: u32,
    /// Which guards ask whether they are to fail.
    stress: bool,
    /// For whom the text is.
    whom: For,
    /// It tells that it runs.
    tells: bool,
    /// The parameters of the typed entry, if there is one.
    typed: Option<u8>,
}

/// Lowers `f`, whose frames take `slots` VM slots. `stress`: guards ask
/// whether they are to fail; `tells`: the code tells that it runs.
///
/// # Errors
/// There is no code for something.
pub(crate) fn lower(
    s: &Snapshot,
    layouts: &Layouts,
    f: &Func<'_>,
    slots: u32,
    (stress, tells): (bool, bool),
    whom: For,
) -> Result<Lowered, String> {
    let cfg = Cfg::of(f).ok_or("a loop is entered at two places")?;
    let mut l = Lower {
        s,
        layouts,
        f,
        blocks: (0..f.blocks.len()).map(|_| Text::default()).collect(),
        at: 0,
        cold: String::new(),
        temps: 0,
        labels: 0,
        maps: FrameMaps::new(),
        exits: Vec::new(),
        wanted: Vec::new(),
        exit_numbers: FxHashMap::default(),
        words: 1,
        slots,
        stress,
        whom,
        tells,
        typed: s.typed(),
    };
    for &b in &cfg.order {
        l.block(b)?;
    }
    for &b in &cfg.order {
        l.phis(b);
    }
    l.write_exits(&cfg);
    let text = l.assemble(&cfg)?;
    Ok(Lowered {
        text,
        maps: l.maps,
        exits: l.exits,
        words: l.words,
    })
}

impl Lower<'_, '_> {
    /// Appends a line to the current block.
    fn line(&mut self, text: &str) {
        let body = &mut self.blocks[self.at].body;
        body.push_str("  ");
        body.push_str(text);
        body.push('\n');
    }

    /// Begins a new LLVM block in the current one's text.
    fn label(&mut self, name: &str) {
        let body = &mut self.blocks[self.at].body;
        let _ = writeln!(body, "{name}:");
    }

    /// A new temporary: `%t4 = text`.
    fn temp(&mut self, text: &str) -> String {
        let name = format!("%t{}", self.temps);
        self.temps += 1;
        self.line(&format!("{name} = {text}"));
        name
    }

    /// A name for a block.
    fn new_label(&mut self) -> String {
        self.labels += 1;
        format!("l{}", self.labels)
    }

    /// Defines `v` itself.
    fn define(&mut self, v: V, text: &str) {
        self.line(&format!("%v{} = {text}", v.0));
    }

    /// Where `v` is not `Any` (nor nil): its name or constant.
    fn r(&self, v: V) -> String {
        let i = &self.f.insts[v.n()];
        match i.op {
            Op::Int => (i.imm as i64).to_string(),
            Op::Float => format!("0x{:016X}", i.imm),
            Op::Bool => (i.imm != 0).to_string(),
            _ => format!("%v{}", v.0),
        }
    }

    /// LLVM's type of values of `ty`.
    fn llvm_type(ty: Ty) -> &'static str {
        match ty {
            Ty::Int => "i64",
            Ty::Float => "double",
            Ty::Bool => "i1",
            _ => "ptr",
        }
    }

    /// The tag of a value, an `i8`.
    fn tag_of(&mut self, v: V) -> String {
        match self.f.ty(v) {
            Ty::Any => match self.boxed(v) {
                Some(inner) => self.tag_of(inner),
                None => format!("%v{}.t", v.0),
            },
            Ty::Bool => {
                let i = &self.f.insts[v.n()];
                if i.op == Op::Bool {
                    let t = tag::FALSE + u8::from(i.imm != 0);
                    return t.to_string();
                }
                let b = self.r(v);
                self.temp(&format!(
                    "select i1 {b}, i8 {}, i8 {}",
                    tag::TRUE,
                    tag::FALSE
                ))
            }
            ty => ty.tag().unwrap_or(tag::NIL).to_string(),
        }
    }

    /// The payload of a value, an `i64`.
    fn payload_of(&mut self, v: V) -> String {
        match self.f.ty(v) {
            Ty::Any => match self.boxed(v) {
                Some(inner) => self.payload_of(inner),
                None => format!("%v{}.p", v.0),
            },
            Ty::Nil | Ty::Bool => "0".into(),
            Ty::Int => self.r(v),
            Ty::Float => {
                let i = &self.f.insts[v.n()];
                if i.op == Op::Float {
                    return (i.imm as i64).to_string();
                }
                let x = self.r(v);
                self.temp(&format!("bitcast double {x} to i64"))
            }
            _ => {
                let p = self.r(v);
                self.temp(&format!("ptrtoint ptr {p} to i64"))
            }
        }
    }

    /// The value inside of a `box` instruction.
    fn boxed(&self, v: V) -> Option<V> {
        let i = &self.f.insts[v.n()];
        (i.op == Op::Box).then(|| i.args[0])
    }

    /// Gives the payload `bits` to `v`, by its type.
    fn define_payload(&mut self, v: V, bits: &str) {
        let text = match self.f.ty(v) {
            Ty::Int => format!("add i64 {bits}, 0"),
            Ty::Float => format!("bitcast i64 {bits} to double"),
            Ty::Bool => format!("icmp ne i64 {bits}, 0"),
            Ty::Nil | Ty::Void => return,
            _ => format!("inttoptr i64 {bits} to ptr"),
        };
        self.define(v, &text);
    }

    /// The address `offset` bytes behind `p`.
    fn offset(&mut self, p: &str, offset: i64) -> String {
        if offset == 0 {
            return p.into();
        }
        self.temp(&format!("getelementptr i8, ptr {p}, i64 {offset}"))
    }

    /// Loads from `p`.
    fn load(&mut self, ty: &str, p: &str, offset: i64, region: Region) -> String {
        let at = self.offset(p, offset);
        self.temp(&format!("load {ty}, ptr {at}, !tbaa !{}", region.tag()))
    }

    fn store(&mut self, ty: &str, v: &str, p: &str, offset: i64, region: Region) {
        let at = self.offset(p, offset);
        self.line(&format!(
            "store {ty} {v}, ptr {at}, !tbaa !{}",
            region.tag()
        ));
    }

    /// Stores a whole value, tag and payload.
    fn store_value(&mut self, v: V, p: &str, offset: i64, region: Region) {
        let t = self.tag_of(v);
        self.store("i8", &t, p, offset, region);
        if !matches!(self.f.ty(v), Ty::Nil | Ty::Bool) {
            let bits = self.payload_of(v);
            self.store("i64", &bits, p, offset + 8, region);
        }
    }

    /// Loads a whole value to `v`.
    fn load_value(&mut self, v: V, p: &str, offset: i64, region: Region) {
        let at = self.offset(p, offset);
        let tbaa = region.tag();
        self.line(&format!("%v{}.t = load i8, ptr {at}, !tbaa !{tbaa}", v.0));
        let at = self.offset(p, offset + 8);
        self.line(&format!("%v{}.p = load i64, ptr {at}, !tbaa !{tbaa}", v.0));
    }

    /// An address out of the table of constants.
    fn object(&mut self, at: Obj) -> String {
        self.constant(at.0 as usize)
    }

    fn constant(&mut self, n: usize) -> String {
        let at = n * 8;
        self.temp(&format!(
            "load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {at}), !invariant.load !0"
        ))
    }

    /// The address of a helper.
    fn helper(&mut self, helper: Helper) -> String {
        self.constant(self.s.objects.len() + helper as usize)
    }

    fn block(&mut self, b: BlockId) -> Result<(), String> {
        self.at = b.n();
        if b == BlockId::ENTRY {
            self.prologue();
        }
        let block = &self.f.blocks[b.n()];
        for n in 0..block.insts.len() {
            let v = block.insts[n];
            self.inst(v)
                .map_err(|e| format!("{}: {e}", self.f.inst_text(v)))?;
        }
        self.blocks[self.at].end = self.blocks[self.at].body.len();
        // What phis of other blocks name as where control comes from.
        self.line(&format!("br label %b{}.end", b.0));
        self.label(&format!("b{}.end", b.0));
        self.term(b)
    }

    fn term(&mut self, b: BlockId) -> Result<(), String> {
        let f = self.f;
        match &f.blocks[b.n()].term {
            Term::Open => return Err("the block isn't finished".into()),
            Term::Jump(t) => self.line(&format!("br label %b{}", t.block.0)),
            Term::Branch {
                cond,
                yes,
                no,
                likely,
            } => {
                let c = self.r(*cond);
                let weights = match likely {
                    Some(true) => format!(", !prof !{LIKELY}"),
                    Some(false) => format!(", !prof !{UNLIKELY}"),
                    None => String::new(),
                };
                let arms = [(yes, "yes"), (no, "no")];
                if yes.block == no.block {
                    // Two ways to one block have to be told apart.
                    let names = arms.map(|(_, arm)| format!("b{}.{arm}", b.0));
                    self.line(&format!(
                        "br i1 {c}, label %{}, label %{}{weights}",
                        names[0], names[1]
                    ));
                    for ((t, _), name) in arms.iter().zip(&names) {
                        self.label(name);
                        self.line(&format!("br label %b{}", t.block.0));
                    }
                } else {
                    self.line(&format!(
                        "br i1 {c}, label %b{}, label %b{}{weights}",
                        yes.block.0, no.block.0
                    ));
                }
            }
            Term::Exit {
                frame,
                reason: Reason::Done,
            } if self.f.frames[frame.n()].sunk.is_empty() => self.done(*frame),
            Term::Exit { frame, reason } => {
                let exit = self.exit(*frame, *reason);
                self.line(&format!("br label %{exit}"));
            }
            Term::Return { frame, values } => self.ret(*frame, values),
            Term::Leave { frame } => self.leave(*frame)?,
        }
        Ok(())
    }

    /// Writes the parameters of the blocks that `b` leads to: the values that
    /// come from `b`.
    fn phis(&mut self, b: BlockId) {
        let f = self.f;
        let term = &f.blocks[b.n()].term;
        let mut ways: Vec<(&Target, String)> = Vec::new();
        match term {
            Term::Jump(t) => ways.push((t, format!("b{}.end", b.0))),
            Term::Branch { yes, no, .. } if yes.block == no.block => {
                ways.push((yes, format!("b{}.yes", b.0)));
                ways.push((no, format!("b{}.no", b.0)));
            }
            Term::Branch { yes, no, .. } => {
                ways.push((yes, format!("b{}.end", b.0)));
                ways.push((no, format!("b{}.end", b.0)));
            }
            _ => {}
        }
        for (t, from) in ways {
            for (&p, &v) in f.blocks[t.block.n()].params.iter().zip(&t.args) {
                let parts: Vec<(String, &str, String)> = match f.ty(p) {
                    Ty::Nil | Ty::Void => continue,
                    Ty::Any => vec![
                        (format!("%v{}.t", p.0), "i8", self.phi_tag(v)),
                        (format!("%v{}.p", p.0), "i64", self.phi_payload(v)),
                    ],
                    ty => vec![(format!("%v{}", p.0), Self::llvm_type(ty), self.r(v))],
                };
                let phis = &mut self.blocks[t.block.n()].phis;
                for (name, ty, value) in parts {
                    let _ = writeln!(phis, "{name}|{ty}|[ {value}, %{from} ]");
                }
            }
        }
    }

    /// The tag of what is passed on, which needs no instruction there: what a
    /// `box` computes has names of its own.
    fn phi_tag(&self, v: V) -> String {
        let i = &self.f.insts[v.n()];
        match i.op {
            Op::Box => match self.f.ty(i.args[0]) {
                Ty::Bool => format!("%v{}.t", v.0),
                ty => ty.tag().unwrap_or(tag::NIL).to_string(),
            },
            _ => format!("%v{}.t", v.0),
        }
    }

    fn phi_payload(&self, v: V) -> String {
        let i = &self.f.insts[v.n()];
        match i.op {
            Op::Box => match self.f.ty(i.args[0]) {
                Ty::Nil | Ty::Bool => "0".into(),
                Ty::Int => self.r(i.args[0]),
                _ => format!("%v{}.p", v.0),
            },
            _ => format!("%v{}.p", v.0),
        }
    }

    /// The module's text.
    fn assemble(&mut self, cfg: &Cfg) -> Result<String, String> {
        let mut out = String::new();
        let constants = self.s.objects.len() + Helper::COUNT;
        let w = &mut out;
        let _ = writeln!(
            w,
            "@strata_constants = external hidden constant [{constants} x i64]"
        );
        for f in [
            "double @llvm.floor.f64(double)",
            "double @llvm.ceil.f64(double)",
            "double @llvm.sqrt.f64(double)",
            "double @llvm.fabs.f64(double)",
            "double @llvm.fma.f64(double, double, double)",
            "double @llvm.copysign.f64(double, double)",
        ] {
            let _ = writeln!(w, "declare {f}");
        }
        let _ = writeln!(w, "{} {{", self.signature());
        let _ = writeln!(w, "start:");
        let _ = writeln!(w, "  %words = alloca [{} x i64], align 8", self.words);
        let places = leaves::places(&self.f.insts);
        if places > 0 {
            let _ = writeln!(w, "  %leaf = alloca [{} x i64], align 16", places * 2);
        }
        if self.tells {
            let at = (self.s.objects.len() + Helper::Ran as usize) * 8;
            let _ = writeln!(
                w,
                "  %ran = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {at})\n  store volatile i64 1, ptr %ran"
            );
        }
        let _ = writeln!(w, "  br label %b0");
        for &b in &cfg.order {
            let text = &self.blocks[b.n()];
            let _ = writeln!(w, "b{}:", b.0);
            // One line for each value: the ways to the block, in any order.
            let mut ways: Vec<(&str, &str, String)> = Vec::new();
            for line in text.phis.lines() {
                let mut parts = line.splitn(3, '|');
                let (Some(name), Some(ty), Some(way)) = (parts.next(), parts.next(), parts.next())
                else {
                    return Err("a parameter without a value".into());
                };
                match ways.iter_mut().find(|(known, ..)| *known == name) {
                    Some((.., all)) => {
                        all.push_str(", ");
                        all.push_str(way);
                    }
                    None => ways.push((name, ty, way.into())),
                }
            }
            for (name, ty, all) in ways {
                let _ = writeln!(w, "  {name} = phi {ty} {all}");
            }
            w.push_str(&text.body);
        }
        w.push_str(&self.cold);
        let _ = writeln!(w, "}}");
        w.push_str(&self.generic_entry().unwrap_or_default());
        let _ = writeln!(w, "attributes #0 = {{ nounwind }}");
        let _ = writeln!(w, "attributes #1 = {{ cold nounwind }}");
        // What looks, and changes nothing.
        let _ = writeln!(w, "attributes #2 = {{ nounwind willreturn memory(read) }}");
        let _ = writeln!(w, "!0 = !{{!\"strata\"}}");
        for (n, region) in Region::ALL.iter().enumerate() {
            let _ = writeln!(w, "!{} = !{{!\"{region:?}\", !0, i64 0}}", n + 1);
        }
        for (n, region) in Region::ALL.iter().enumerate() {
            let _ = writeln!(w, "!{} = !{{!{1}, !{1}, i64 0}}", region.tag(), n + 1);
        }
        let weights = |a: u32, b: u32| format!("!{{!\"branch_weights\", i32 {a}, i32 {b}}}");
        let _ = writeln!(w, "!{LIKELY} = {}", weights(2000, 1));
        let _ = writeln!(w, "!{UNLIKELY} = {}", weights(1, 2000));
        Ok(out)
    }
}
