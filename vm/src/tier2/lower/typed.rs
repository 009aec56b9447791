//! The typed entry: arguments and the first result in machine registers.
//!
//! A function that takes no extra arguments is compiled to
//! `strata_typed(vm, frame, tags, payload0, payload1, …)`: the tags of the
//! arguments are the bytes of one word, the least first. It answers with two
//! words. The first is a *code*: a status as other code has it, or
//!
//! ```text
//!   bits 16…   bit 8   bits 0…7
//!   count ^ 1    1     tag of the first result
//! ```
//!
//! and then the second is the payload of the first result (nil if there is
//! none), while the others lie in the slots where results go. The link isn't
//! needed any more by then, so they may take its place.
//!
//! Cranelift and LLVM have conventions of their own for it (`For::convention`), and
//! a prototype has an entry of each. Code of one calls that of the other by the
//! generic entry, as lower tiers do.
//!
//! The frame is laid out as for any call: function and link are in their
//! slots. Only the parameters aren't; they are values like others.
//!
//! The generic entry takes the arguments out of their slots, calls the typed
//! one, and puts the result where the link says.

use super::{ENTRY, For, Lower, Region, TYPED};
use crate::interp::DONE;
use crate::interp::native::DID;
use crate::ir::{FrameId, V};
use crate::tier1::layout::*;
use crate::tier2::helpers::{Helper, VALUES};
use std::fmt::Write as _;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::frame::HOST;
use strata_runtime::value::tag;

/// What typed code answers with.
pub(super) const PAIR: &str = "{ i64, i64 }";

/// Kind of link, results wanted: what a return looks at.
pub(super) const KIND_AND_WANT: u32 = 0xffff_0700;

/// What a return finds there in the link of what a host function has called,
/// which wants all results.
const TO_HOST: u32 = (HOST as u32) << 8;

impl Lower<'_, '_> {
    /// Ends the block with a status.
    pub(super) fn ret_status(&mut self, status: &str) {
        if self.typed.is_none() {
            return self.line(&format!("ret i64 {status}"));
        }
        let pair = self.temp(&format!("insertvalue {PAIR} poison, i64 {status}, 0"));
        self.line(&format!("ret {PAIR} {pair}"));
    }

    /// The function's head.
    pub(super) fn signature(&self) -> String {
        let Some(params) = self.typed else {
            return format!("define i64 @{ENTRY}(ptr %vm, ptr noundef %frame, i64 %at) nounwind");
        };
        let convention = self.whom.convention();
        let mut s =
            format!("define {convention} {PAIR} @{TYPED}(ptr %vm, ptr noundef %frame, i64 %tags");
        for n in 0..params {
            let _ = write!(s, ", i64 %a{n}");
        }
        s + ") nounwind noinline"
    }

    /// An argument.
    pub(super) fn argument(&mut self, v: V, n: u64) {
        if self.typed.is_none() {
            return self.load_value(v, "%frame", n as i64 * 16, Region::Slot);
        }
        let t = self.argument_tag(n);
        self.line(&format!("%v{}.t = add i8 {t}, 0", v.0));
        self.line(&format!("%v{}.p = add i64 %a{n}, 0", v.0));
    }

    fn argument_tag(&mut self, n: u64) -> String {
        let word = match n {
            0 => "%tags".into(),
            _ => self.temp(&format!("lshr i64 %tags, {}", 8 * n)),
        };
        self.temp(&format!("trunc i64 {word} to i8"))
    }

    /// Stores the arguments to the frame's slots, and sets `vm.top` behind
    /// them: in a cold block.
    pub(super) fn arguments_to_slots(&mut self) {
        let Some(params) = self.typed else { return };
        for n in 0..params {
            let t = self.argument_tag(n.into());
            let at = i64::from(n) * 16;
            self.store("i8", &t, "%frame", at, Region::Slot);
            self.store("i64", &format!("%a{n}"), "%frame", at + 8, Region::Slot);
        }
        let top = self.offset("%frame", i64::from(params) * 16);
        self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
    }

    /// Returns values from typed code.
    pub(super) fn typed_return(&mut self, values: &[V]) {
        let code = VALUES | (values.len() as u64 ^ 1) << 16;
        let (code, payload) = match values {
            [] => ((code | u64::from(tag::NIL)).to_string(), "0".into()),
            [first, others @ ..] => {
                for (k, &v) in (-1..).zip(others) {
                    self.store_value(v, "%base", k * 16, Region::Slot);
                }
                let t = self.tag_of(*first);
                let code = match t.parse::<u8>() {
                    Ok(t) => (code | u64::from(t)).to_string(),
                    Err(_) => {
                        let t = self.temp(&format!("zext i8 {t} to i64"));
                        self.temp(&format!("or i64 {t}, {code}"))
                    }
                };
                (code, self.payload_of(*first))
            }
        };
        let pair = self.temp(&format!("insertvalue {PAIR} poison, i64 {code}, 0"));
        let pair = self.temp(&format!("insertvalue {PAIR} {pair}, i64 {payload}, 1"));
        self.line(&format!("ret {PAIR} {pair}"));
    }

    /// The arguments of a call of typed code: tags and payloads. What is
    /// missing of `params` is nil.
    fn typed_arguments(&mut self, args: &[V], params: usize) -> String {
        let (mut known, mut word) = (0u64, None::<String>);
        let mut payloads = String::new();
        for n in 0..params {
            let Some(&v) = args.get(n) else {
                known |= u64::from(tag::NIL) << (8 * n);
                payloads += ", i64 0";
                continue;
            };
            let t = self.tag_of(v);
            match t.parse::<u8>() {
                Ok(t) => known |= u64::from(t) << (8 * n),
                Err(_) => {
                    let mut t = self.temp(&format!("zext i8 {t} to i64"));
                    if n > 0 {
                        t = self.temp(&format!("shl i64 {t}, {}", 8 * n));
                    }
                    word = Some(match word {
                        Some(w) => self.temp(&format!("or i64 {w}, {t}")),
                        None => t,
                    });
                }
            }
            let p = self.payload_of(v);
            let _ = write!(payloads, ", i64 {p}");
        }
        let tags = match word {
            Some(w) if known != 0 => self.temp(&format!("or i64 {w}, {known}")),
            Some(w) => w,
            None => known.to_string(),
        };
        format!("i64 {tags}{payloads}")
    }

    /// The typed entry of `proto`, or `slow` if it has none that takes so many
    /// arguments. `params`: how many it takes, if that is known.
    fn typed_entry(&mut self, proto: &str, args: usize, params: Option<u8>, slow: &str) -> String {
        let at = self.whom.typed_entry();
        let entry = self.load("ptr", proto, at.into(), Region::Heap);
        let mut has = self.temp(&format!("icmp ne ptr {entry}, null"));
        if params.is_none() {
            let takes = self.load("i8", proto, PROTO_PARAMS.into(), Region::Shape);
            let same = self.temp(&format!("icmp eq i8 {takes}, {args}"));
            has = self.temp(&format!("and i1 {has}, {same}"));
        }
        let fast = self.new_label();
        self.line(&format!("br i1 {has}, label %{fast}, label %{slow}"));
        self.label(&fast);
        entry
    }

    /// Calls a closure whose prototype is `proto`: its first result.
    pub(super) fn call_typed(
        &mut self,
        v: V,
        args: &[V],
        frame: Option<FrameId>,
    ) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let state = self.f.frames[frame.n()];
        let (i, pc) = self.insn_of(frame);
        let [closure, proto, args @ ..] = args else {
            return Err("a call without callee".into());
        };
        let at = i64::from(state.base + u32::from(i.a())) * 16;
        self.below(&[*closure], false, 0, frame);
        let convention = self.whom.convention();
        let callee = *proto;
        let params = self.params_of(frame, callee);
        let proto = self.r(callee);
        let [slow, odd, slots, done] = [(); 4].map(|()| self.new_label());
        let entry = self.typed_entry(&proto, args.len(), params, &slow);
        let given = self.typed_arguments(args, params.map_or(args.len(), usize::from));
        let new = self.offset("%base", at + 32);
        let pair = self.temp(&format!(
            "call {convention} {PAIR} {entry}(ptr %vm, ptr {new}, {given}) #0"
        ));
        let code = self.temp(&format!("extractvalue {PAIR} {pair}, 0"));
        let payload = self.temp(&format!("extractvalue {PAIR} {pair}, 1"));
        let (fine, called) = (self.new_label(), self.new_label());
        let values = self.temp(&format!("and i64 {code}, {VALUES}"));
        let values = self.temp(&format!("icmp ne i64 {values}, 0"));
        self.line(&format!("br label %{called}"));
        self.label(&called);
        self.line(&format!(
            "br i1 {values}, label %{fine}, label %{odd}, !prof !{}",
            super::LIKELY
        ));
        self.label(&fine);
        let one = match i.c() {
            0 => self.one_result(&code, &payload, at),
            1 | 2 => "true".into(),
            c => {
                self.fill_results(&code, c - 1, at);
                "true".into()
            }
        };
        let t = self.temp(&format!("trunc i64 {code} to i8"));
        let fast_end = self.new_label();
        self.line(&format!("br label %{fast_end}"));
        self.label(&fast_end);
        self.line(&format!("br label %{done}"));
        // A callee without such an entry.
        self.label(&slow);
        for (k, &v) in (2..).zip(args) {
            self.store_value(v, "%base", at + k * 16, Region::Slot);
        }
        if self.whom == For::Llvm {
            if i.b() == 0 {
                let top = self.offset("%base", at + (args.len() as i64 + 2) * 16);
                self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
            }
            let f = self.helper(Helper::CallClosure);
            let base = self.base_of(frame);
            let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr {base}, i64 {pc}) #0"));
            self.go_on(&status, &slots);
        } else {
            // Until LLVM has been there, many callees have other code.
            self.call_slots(callee, Some(args.len() as u8), frame)?;
            self.line(&format!("br label %{slots}"));
        }
        // It answered with a status.
        self.label(&odd);
        let f = self.helper(Helper::Recheck);
        let base = self.base_of(frame);
        let status = self.temp(&format!(
            "call i64 {f}(ptr %vm, ptr {base}, i64 {pc}, i64 {code}) #1"
        ));
        self.go_on(&status, &slots);
        self.label(&slots);
        let found = self.load("i8", "%base", at, Region::Slot);
        let bits = self.load("i64", "%base", at + 8, Region::Slot);
        let alone = match i.c() {
            0 => {
                let top = self.load("ptr", "%vm", VM_TOP.into(), Region::Vm);
                let end = self.offset("%base", at + 16);
                self.temp(&format!("icmp eq ptr {top}, {end}"))
            }
            _ => "true".into(),
        };
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.line(&format!(
            "%v{}.t = phi i8 [ {t}, %{fast_end} ], [ {found}, %{slots} ]",
            v.0
        ));
        self.line(&format!(
            "%v{}.p = phi i64 [ {payload}, %{fast_end} ], [ {bits}, %{slots} ]",
            v.0
        ));
        self.line(&format!(
            "%v{}.one = phi i1 [ {one}, %{fast_end} ], [ {alone}, %{slots} ]",
            v.0
        ));
        Ok(())
    }

    /// Whether a call with open results, whose slots begin at `at`, has had
    /// one. If not, all are in slots then.
    fn one_result(&mut self, code: &str, payload: &str, at: i64) -> String {
        let (other, go) = (self.new_label(), self.new_label());
        let count = self.temp(&format!("lshr i64 {code}, 16"));
        let one = self.temp(&format!("icmp eq i64 {count}, 0"));
        self.line(&format!(
            "br i1 {one}, label %{go}, label %{other}, !prof !{}",
            super::LIKELY
        ));
        self.label(&other);
        let t = self.temp(&format!("trunc i64 {code} to i8"));
        self.store("i8", &t, "%base", at, Region::Slot);
        self.store("i64", payload, "%base", at + 8, Region::Slot);
        let n = self.temp(&format!("xor i64 {count}, 1"));
        let n = self.temp(&format!("shl i64 {n}, 4"));
        let to = self.offset("%base", at);
        let top = self.temp(&format!("getelementptr i8, ptr {to}, i64 {n}"));
        self.store("ptr", &top, "%vm", VM_TOP.into(), Region::Vm);
        self.line(&format!("br label %{go}"));
        self.label(&go);
        one
    }

    /// Fills up results from the second on, of `want`, whose slots begin at
    /// `at`.
    fn fill_results(&mut self, code: &str, want: u8, at: i64) {
        let (fill, go) = (self.new_label(), self.new_label());
        let n = self.temp(&format!("lshr i64 {code}, 16"));
        let n = self.temp(&format!("xor i64 {n}, 1"));
        let enough = self.temp(&format!("icmp uge i64 {n}, {want}"));
        self.line(&format!(
            "br i1 {enough}, label %{go}, label %{fill}, !prof !{}",
            super::LIKELY
        ));
        self.label(&fill);
        for k in 1..want {
            let (store, next) = (self.new_label(), self.new_label());
            let missing = match planted(Bug::NoNilResults) {
                true => "false".into(),
                false => self.temp(&format!("icmp ule i64 {n}, {k}")),
            };
            self.line(&format!("br i1 {missing}, label %{store}, label %{next}"));
            self.label(&store);
            let nil = tag::NIL.to_string();
            self.store("i8", &nil, "%base", at + i64::from(k) * 16, Region::Slot);
            self.line(&format!("br label %{next}"));
            self.label(&next);
        }
        self.line(&format!("br label %{go}"));
        self.label(&go);
    }

    /// Gives the frame to a closure and leaves.
    pub(super) fn tail_call(&mut self, args: &[V], frame: Option<FrameId>) -> Result<(), String> {
        let frame = Self::frame_of(frame)?;
        let [closure, proto, args @ ..] = args else {
            return Err("a call without callee".into());
        };
        let p = self.r(*proto);
        let params = self.params_of(frame, *proto);
        self.store_value(*closure, "%base", -32, Region::Slot);
        let link = self.load("i64", "%base", LINK0.into(), Region::Slot);
        let link = self.temp(&format!(
            "or i64 {link}, {}",
            strata_runtime::frame::TAIL_BIT
        ));
        self.store("i64", &link, "%base", LINK0.into(), Region::Slot);
        if self.typed.is_some() {
            let slow = self.new_label();
            let entry = self.typed_entry(&p, args.len(), params, &slow);
            let given = self.typed_arguments(args, params.map_or(args.len(), usize::from));
            let convention = self.whom.convention();
            let pair = self.temp(&format!(
                "tail call {convention} {PAIR} {entry}(ptr %vm, ptr %base, {given}) #0"
            ));
            self.line(&format!("ret {PAIR} {pair}"));
            self.label(&slow);
        }
        for (k, &v) in (0..).zip(args) {
            self.store_value(v, "%base", k * 16, Region::Slot);
        }
        let many = self.new_label();
        self.arguments(0, Some(args.len() as u8), &p, params, &many);
        let entry = self.load("ptr", &p, PROTO_ENTRY.into(), Region::Heap);
        if self.typed.is_some() && self.whom == For::Llvm {
            // Called as if it answered alike, so that nothing remains to be done
            // after the call: only the status is looked at.
            let status = self.temp(&format!(
                "tail call {PAIR} {entry}(ptr %vm, ptr %base, i64 0) #0"
            ));
            self.line(&format!("ret {PAIR} {status}"));
        } else {
            let status = self.temp(&format!(
                "tail call i64 {entry}(ptr %vm, ptr %base, i64 0) #0"
            ));
            self.ret_status(&status);
        }
        self.label(&many);
        let f = self.helper(Helper::Enter);
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, i64 0) #1"));
        self.ret_status(&status);
        Ok(())
    }

    /// The generic entry of typed code.
    pub(super) fn generic_entry(&mut self) -> Option<String> {
        let params = self.typed?;
        let convention = self.whom.convention();
        let (result, link) = (-32, -16);
        let returned = (self.s.objects.len() + Helper::Returned as usize) * 8;
        let mut s = format!(
            "define i64 @{ENTRY}(ptr %vm, ptr noundef %frame, i64 %at) nounwind {{\n\
             start:\n\
             \x20 %l0 = getelementptr i8, ptr %frame, i64 {link}\n\
             \x20 %link = load i64, ptr %l0\n\
             \x20 %l1 = getelementptr i8, ptr %frame, i64 {}\n\
             \x20 %pc = load i64, ptr %l1\n",
            link + 8
        );
        let mut given = String::new();
        let mut word = "0".to_string();
        for n in 0..params {
            let at = i64::from(n) * 16;
            let _ = write!(
                s,
                "  %q{n} = getelementptr i8, ptr %frame, i64 {at}\n\
                 \x20 %t{n} = load i8, ptr %q{n}\n\
                 \x20 %r{n} = getelementptr i8, ptr %frame, i64 {}\n\
                 \x20 %p{n} = load i64, ptr %r{n}\n\
                 \x20 %z{n} = zext i8 %t{n} to i64\n\
                 \x20 %s{n} = shl i64 %z{n}, {}\n\
                 \x20 %w{n} = or i64 {word}, %s{n}\n",
                at + 8,
                8 * n
            );
            word = format!("%w{n}");
            let _ = write!(given, ", i64 %p{n}");
        }
        let _ = write!(
            s,
            "  %pair = call {convention} {PAIR} @{TYPED}(ptr %vm, ptr %frame, i64 {word}{given})\n\
             \x20 %code = extractvalue {PAIR} %pair, 0\n\
             \x20 %payload = extractvalue {PAIR} %pair, 1\n\
             \x20 %is = and i64 %code, {VALUES}\n\
             \x20 %status = icmp eq i64 %is, 0\n\
             \x20 br i1 %status, label %out, label %values, !prof !{unlikely}\n\
             out:\n\
             \x20 ret i64 %code\n\
             values:\n\
             \x20 %asked = and i64 %link, {KIND_AND_WANT}\n\
             \x20 %c = lshr i64 %code, 16\n\
             \x20 %n = xor i64 %c, 1\n\
             \x20 %want = add i64 %n, 1\n\
             \x20 %exact = shl i64 %want, 16\n\
             \x20 %fits = icmp eq i64 %asked, %exact\n\
             \x20 %none = icmp eq i64 %asked, 65536\n\
             \x20 %fine = or i1 %fits, %none\n\
             \x20 br i1 %fine, label %store, label %others\n\
             store:\n\
             \x20 %to = getelementptr i8, ptr %frame, i64 {result}\n\
             \x20 %t = trunc i64 %code to i8\n\
             \x20 store i8 %t, ptr %to\n\
             \x20 %bits = getelementptr i8, ptr %frame, i64 {}\n\
             \x20 store i64 %payload, ptr %bits\n\
             \x20 ret i64 {DID}\n\
             others:\n\
             \x20 %host = icmp eq i64 %asked, {host}\n\
             \x20 br i1 %host, label %all, label %slow\n\
             all:\n\
             \x20 %first = getelementptr i8, ptr %frame, i64 {result}\n\
             \x20 %u = trunc i64 %code to i8\n\
             \x20 store i8 %u, ptr %first\n\
             \x20 %first.bits = getelementptr i8, ptr %frame, i64 {}\n\
             \x20 store i64 %payload, ptr %first.bits\n\
             \x20 %size = shl i64 %n, 4\n\
             \x20 %end = getelementptr i8, ptr %first, i64 %size\n\
             \x20 %top = getelementptr i8, ptr %vm, i64 {VM_TOP}\n\
             \x20 store ptr %end, ptr %top\n\
             \x20 ret i64 {DONE}\n\
             slow:\n\
             \x20 %helper = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {returned})\n\
             \x20 %answer = call i64 %helper(ptr %vm, ptr %frame, i64 %link, i64 %pc, i64 %code, i64 %payload)\n\
             \x20 ret i64 %answer\n\
             }}\n",
            result + 8,
            result + 8,
            host = TO_HOST,
            unlikely = super::UNLIKELY,
        );
        Some(s)
    }
}
