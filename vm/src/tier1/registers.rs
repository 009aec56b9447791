//! Registers of the function being lowered: what reading and writing one is,
//! with what is known of it ([`super::state`]).

use super::layout::*;
use super::lower::Lower;
use super::state::{Payload, Reg, UNKNOWN};
use cranelift_codegen::ir::{self, Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;

impl Lower<'_> {
    /// The tag that `r` is known to have, or `UNKNOWN`.
    pub(super) fn known(&self, r: u8) -> u8 {
        self.st.get(r).tag
    }

    /// The tag of `r` in a machine register.
    pub(super) fn tag(&mut self, r: u8) -> Value {
        match self.known(r) {
            UNKNOWN => match self.st.get(r).dynamic {
                Some(t) => t,
                None => {
                    let t = self.load(types::I8, self.base, i32::from(r) * SLOT);
                    self.cache_tag(r, t);
                    t
                }
            },
            t => self.b.ins().iconst(types::I8, i64::from(t)),
        }
    }

    /// The unknown tag of `r` is in a machine register.
    pub(super) fn cache_tag(&mut self, r: u8, t: Value) {
        if !self.captured.contains(r) {
            let mut reg = self.st.get(r);
            reg.dynamic = Some(t);
            self.st.set(r, reg);
        }
    }

    /// The 64 bits of the payload of `r`.
    pub(super) fn bits(&mut self, r: u8) -> Value {
        match self.st.get(r).payload {
            Payload::Bits(v) => v,
            Payload::Float(_) => self.load(types::I64, self.base, i32::from(r) * SLOT + PAYLOAD),
            Payload::Slot => {
                let v = self.load(types::I64, self.base, i32::from(r) * SLOT + PAYLOAD);
                self.cache(r, Payload::Bits(v));
                v
            }
        }
    }

    /// The payload of `r` as a float; its tag says that it is one.
    pub(super) fn float(&mut self, r: u8) -> Value {
        match self.st.get(r).payload {
            Payload::Float(v) => v,
            Payload::Bits(v) => {
                let v = self.b.ins().bitcast(types::F64, ir::MemFlagsData::new(), v);
                self.cache(r, Payload::Float(v));
                v
            }
            Payload::Slot => {
                let v = self.load(types::F64, self.base, i32::from(r) * SLOT + PAYLOAD);
                self.cache(r, Payload::Float(v));
                v
            }
        }
    }

    pub(super) fn cache(&mut self, r: u8, payload: Payload) {
        if !self.captured.contains(r) {
            let mut reg = self.st.get(r);
            reg.payload = payload;
            self.st.set(r, reg);
        }
    }

    /// The tag of `r` turned out to be `t`.
    pub(super) fn learn(&mut self, r: u8, t: u8) {
        if planted(Bug::CapturedTag) || !self.captured.contains(r) {
            let payload = self.st.get(r).payload;
            self.st.set(r, Reg::of(t, payload));
        }
    }

    /// Writes `r`: tag `t`, payload.
    pub(super) fn set(&mut self, r: u8, t: u8, payload: Payload) {
        if self.known(r) != t {
            let v = self.b.ins().iconst(types::I8, i64::from(t));
            self.store(v, self.base, i32::from(r) * SLOT);
        }
        match payload {
            Payload::Bits(v) | Payload::Float(v) => {
                self.store(v, self.base, i32::from(r) * SLOT + PAYLOAD);
            }
            Payload::Slot => {}
        }
        self.wrote(r, t, payload);
    }

    /// `r` was written: tag `t`, payload.
    pub(super) fn wrote(&mut self, r: u8, t: u8, payload: Payload) {
        if !self.captured.contains(r) {
            self.st.set(r, Reg::of(t, payload));
        }
    }

    pub(super) fn set_int(&mut self, r: u8, v: Value) {
        self.set(r, tag::INT, Payload::Bits(v));
    }

    pub(super) fn set_float(&mut self, r: u8, v: Value) {
        self.set(r, tag::FLOAT, Payload::Float(v));
    }

    /// Writes `r`: tag and payload from machine registers.
    pub(super) fn set_dynamic(&mut self, r: u8, t: Value, payload: Value) {
        self.store(t, self.base, i32::from(r) * SLOT);
        self.store(payload, self.base, i32::from(r) * SLOT + PAYLOAD);
        self.hold(r, t, payload);
    }

    /// The tag and the payload of `r` are in machine registers.
    pub(super) fn hold(&mut self, r: u8, t: Value, payload: Value) {
        self.st.forget(r);
        self.cache(r, Payload::Bits(payload));
        self.cache_tag(r, t);
    }

    /// A block where ways meet that have written `r`, to be left to by
    /// [`meet`](Lower::meet) and begun by [`met`](Lower::met).
    pub(super) fn meeting(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.append_block_param(block, types::I8);
        self.b.append_block_param(block, types::I64);
        block
    }

    /// Goes to a [`meeting`](Lower::meeting) after `r` was written.
    pub(super) fn meet(&mut self, r: u8, at: Block) {
        let (t, v) = (self.tag(r), self.bits(r));
        self.b.ins().jump(at, &[t.into(), v.into()]);
    }

    /// The slow way to a meeting, which has written `r` in the slot, arrives at
    /// `block`.
    pub(super) fn rejoin(&mut self, r: u8, block: Block, at: Block) {
        self.b.switch_to_block(block);
        self.st.forget(r);
        self.meet(r, at);
    }

    /// Goes on at a meeting. What is known of other registers is for the
    /// caller to say.
    pub(super) fn met(&mut self, r: u8, at: Block) {
        self.b.switch_to_block(at);
        let params = self.b.block_params(at);
        let (t, v) = (params[0], params[1]);
        self.hold(r, t, v);
    }

    /// Copies a value in memory to `r`.
    pub(super) fn set_from(&mut self, r: u8, from: Value, offset: i32) {
        let t = self.load(types::I8, from, offset);
        let v = self.load(types::I64, from, offset + PAYLOAD);
        self.set_dynamic(r, t, v);
    }
}
