//! The code of exits: cold blocks that store what a frame map names.
//!
//! ```text
//!  guard ──▶ exit 3: word 0 = 3 ─┐
//!  guard ──▶ exit 5: word 0 = 5 ─┴▶ store v9 ─┐
//!  guard ──▶ exit 8: word 0 = 8 ──────────────┴▶ store v7, v4 ──▶ leave: call the helper
//! ```
//!
//! Word 0 of the deopt buffer is the number of the exit. The words behind it
//! hold values: each value has the same words at all exits, so that exits can
//! share stores. An exit that needs all that another one needs stores the rest
//! and goes on there. What is left for LLVM to look at is a third of what it
//! would be otherwise.
//!
//! Some values are stored [early](super::early), and not at exits.

use super::early::Early;
use super::maps::Item;
use super::typed::PAIR;
use super::{ExitSite, Lower};
use crate::ir::cfg::Cfg;
use crate::ir::{BlockId, FrameId, Reason, Ty};
use crate::jit::learned::Seen;
use crate::stress::{self, GuardKey};
use crate::tier2::helpers::Helper;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::fmt::Write as _;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;
use strata_spec::module::Proto;

/// Most blocks of stores that are looked through for one that fits.
const LOOK: usize = 100;

/// The block that leaves.
const LEAVE: &str = "leave";

/// An exit that was asked for.
pub(super) struct Exit {
    frame: FrameId,
    reason: Reason,
    /// A guard leads to it, and not only what always leaves.
    guarded: bool,
    /// From where.
    pub(super) from: SmallVec<[BlockId; 2]>,
}

/// Names the guards that leave at `pc` of a prototype.
fn exit_key(proto: &Proto, pc: u32, reason: Reason, early: bool) -> GuardKey {
    GuardKey::new(2, proto, pc, (reason as u8, early))
}

impl ExitSite {
    /// The name of its guards; `proto` is its function.
    pub(crate) fn key(&self, proto: &Proto) -> GuardKey {
        exit_key(proto, self.pc, self.reason, self.early)
    }

    /// What its guards are about.
    pub(crate) fn listed(&self, proto: &Proto) -> stress::Guard {
        stress::Guard::new(2, self.reason.name(), proto, (self.pc, self.early))
    }
}

impl Lower<'_, '_> {
    /// Leaves unless `cond` holds.
    pub(super) fn guard(&mut self, cond: &str, frame: Option<FrameId>, reason: Reason) {
        let Some(frame) = frame else { return };
        let exit = self.exit(frame, reason);
        let number = self.exit_numbers[&(frame, reason)];
        self.wanted[number].guarded = true;
        let next = self.new_label();
        let cond = if self.stress {
            // The guard fails if the helper says so.
            let f = self.helper(Helper::Force);
            let at = self.f.frames[frame.n()];
            let proto = self.s.funcs[at.func as usize].spec();
            let GuardKey(key) = exit_key(proto, at.pc, reason, at.early);
            let key = key as i64;
            let forced = self.temp(&format!("call i64 {f}(ptr %vm, ptr %base, i64 {key}) #1"));
            let free = self.temp(&format!("icmp eq i64 {forced}, 0"));
            self.temp(&format!("and i1 {cond}, {free}"))
        } else {
            cond.to_string()
        };
        self.line(&format!(
            "br i1 {cond}, label %{next}, label %{exit}, !prof !{}",
            super::LIKELY
        ));
        self.label(&next);
    }

    /// The block that leaves at this frame state, for this reason.
    pub(super) fn exit(&mut self, frame: FrameId, reason: Reason) -> String {
        let wanted = &mut self.wanted;
        let number = *self.exit_numbers.entry((frame, reason)).or_insert_with(|| {
            wanted.push(Exit {
                frame,
                reason,
                guarded: false,
                from: SmallVec::new(),
            });
            wanted.len() - 1
        });
        let from = &mut wanted[number].from;
        let here = BlockId(self.at as u32);
        if from.last() != Some(&here) {
            from.push(here);
        }
        format!("exit{number}")
    }

    /// Writes all exits that were asked for, and their frame maps.
    pub(super) fn write_exits(&mut self, cfg: &Cfg) {
        let wanted = std::mem::take(&mut self.wanted);
        let mut needs: Vec<Vec<Item>> = Vec::with_capacity(wanted.len());
        for exit in &wanted {
            let mut values = Vec::new();
            self.frame_map(exit.frame, &mut |item| {
                values.push(item);
                0
            });
            values.sort_unstable();
            values.dedup();
            needs.push(values);
        }
        let early = Early::of(self, cfg, &wanted, &needs);
        let words = self.assign_words(&needs, &early);
        for &Exit {
            frame,
            reason,
            guarded,
            from: _,
        } in &wanted
        {
            let map = self.frame_map(frame, &mut |item| words[&item]);
            let innermost = self.f.frames[frame.n()];
            let func = &self.s.funcs[innermost.func as usize];
            let site = ExitSite {
                map: self.maps.add(map),
                reason,
                func: innermost.func,
                pc: innermost.pc,
                early: innermost.early,
                guarded,
                seen: Seen::of(&func.code[innermost.pc as usize], &func.marks),
            };
            self.exits.push(site);
        }
        for (needed, early) in needs.iter_mut().zip(&early.of_exit) {
            needed.retain(|item| early.binary_search(item).is_err());
        }
        self.write_stores(&needs, &words);
        self.write_early(&early, &words);
    }

    /// Words of the deopt buffer for all values: two that are needed at one
    /// exit don't share any, and what is stored early shares none at all.
    fn assign_words(&mut self, needs: &[Vec<Item>], early: &Early) -> FxHashMap<Item, u16> {
        // Items by number, in the order in which they are met; and where each is
        // needed.
        let mut numbers: FxHashMap<Item, u32> = FxHashMap::default();
        let mut items: Vec<Item> = Vec::new();
        let mut exits: Vec<Vec<u32>> = Vec::new();
        let mut needed: Vec<Vec<u32>> = Vec::with_capacity(needs.len());
        for (n, values) in (0..).zip(needs) {
            let numbered = values.iter().map(|&item| {
                let number = *numbers.entry(item).or_insert_with(|| {
                    items.push(item);
                    exits.push(Vec::new());
                    items.len() as u32 - 1
                });
                exits[number as usize].push(n);
                number
            });
            needed.push(numbered.collect());
        }
        let widths: Vec<usize> = items.iter().map(|&i| self.width(i).into()).collect();
        // Word 0 is the number of the exit: who has it has none yet.
        let mut words: Vec<usize> = vec![0; items.len()];
        let mut first = 1;
        for &(v, _) in &early.values {
            let n = numbers[&Item::Value(v)] as usize;
            words[n] = first;
            first += widths[n];
        }
        self.words = self.words.max(first);
        let mut taken: Vec<u32> = Vec::new();
        for v in 0..items.len() {
            if words[v] > 0 {
                continue;
            }
            let turn = v as u32 + 1;
            for &other in exits[v].iter().flat_map(|&n| &needed[n as usize]) {
                let (word, width) = (words[other as usize], widths[other as usize]);
                if word > 0 {
                    let end = word + width;
                    taken.resize(taken.len().max(end), 0);
                    taken[word..end].fill(turn);
                }
            }
            let free = |w: usize| taken.get(w).is_none_or(|&t| t != turn);
            let mut word = first;
            while !planted(Bug::WrongWord) && !(word..word + widths[v]).all(free) {
                word += 1;
            }
            words[v] = word;
            self.words = self.words.max(word + widths[v]);
        }
        let words = words.into_iter().map(|word| word as u16);
        items.into_iter().zip(words).collect()
    }

    /// In how many words `item` is stored.
    pub(super) fn width(&self, item: Item) -> u16 {
        match item {
            Item::Value(v) => Self::stored(self.f.ty(v)).map_or(0, |(_, words)| words),
            Item::Meta(_) => 1,
        }
    }

    /// The blocks: those with the fewest values first.
    fn write_stores(&mut self, needs: &[Vec<Item>], words: &FxHashMap<Item, u16>) {
        let mut order: Vec<usize> = (0..needs.len()).collect();
        order.sort_by_key(|&n| needs[n].len());
        let mut blocks: Vec<(&[Item], String)> = vec![(&[], LEAVE.into())];
        for n in order {
            let values = &needs[n];
            let candidates = blocks.iter().rev().take(LOOK).chain(&blocks[..1]);
            let fitting = candidates.filter(|(stored, _)| contains(values, stored));
            let Some((stored, next)) = fitting.max_by_key(|(stored, _)| stored.len()) else {
                continue;
            };
            let next = next.clone();
            let _ = writeln!(self.cold, "exit{n}:\n  store i64 {n}, ptr %words");
            if stored.len() == values.len() {
                let _ = writeln!(self.cold, "  br label %{next}");
                continue;
            }
            let rest = values.iter().filter(|v| stored.binary_search(v).is_err());
            let rest: Vec<Item> = rest.copied().collect();
            let label = format!("stores{n}");
            let _ = writeln!(self.cold, "  br label %{label}\n{label}:");
            for v in rest {
                self.store_word(v, words[&v]);
            }
            let _ = writeln!(self.cold, "  br label %{next}");
            blocks.push((values, label));
        }
        if needs.is_empty() {
            return;
        }
        let table = (self.s.objects.len() + Helper::Exits as usize) * 8;
        let helper = (self.s.objects.len() + Helper::Exit as usize) * 8;
        let cold = &mut self.cold;
        let _ = writeln!(cold, "{LEAVE}:");
        for (name, at) in [("table", table), ("helper", helper)] {
            let _ = writeln!(
                cold,
                "  %{LEAVE}.{name} = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {at})"
            );
        }
        let _ = writeln!(
            cold,
            "  %{LEAVE}.s = call i64 %{LEAVE}.helper(ptr %vm, ptr %base, ptr %{LEAVE}.table, ptr %words) #1"
        );
        let _ = match self.typed {
            None => writeln!(cold, "  ret i64 %{LEAVE}.s"),
            Some(_) => writeln!(
                cold,
                "  %{LEAVE}.r = insertvalue {PAIR} poison, i64 %{LEAVE}.s, 0\n  ret {PAIR} %{LEAVE}.r"
            ),
        };
    }

    /// Has the blocks that compute them store what is stored early.
    fn write_early(&mut self, early: &Early, words: &FxHashMap<Item, u16>) {
        for &(v, at) in &early.values {
            let exits = std::mem::take(&mut self.cold);
            self.store_word(Item::Value(v), words[&Item::Value(v)]);
            let stores = std::mem::replace(&mut self.cold, exits);
            let block = &mut self.blocks[at.n()];
            block.body.insert_str(block.end, &stores);
        }
    }

    /// Stores `item` at a word of the deopt buffer.
    fn store_word(&mut self, item: Item, word: u16) {
        let v = match item {
            Item::Value(v) => v,
            Item::Meta(meta) => {
                let name = format!("%meta{}", self.temps);
                let at = meta.0 * 8;
                let _ = writeln!(
                    self.cold,
                    "  {name} = load ptr, ptr getelementptr inbounds (i8, ptr @strata_constants, i64 {at})"
                );
                return self.put(word, "ptr", &name);
            }
        };
        let n = v.0;
        match self.f.ty(v) {
            Ty::Nil | Ty::Void => {}
            Ty::Any => {
                self.put(word, "i8", &format!("%v{n}.t"));
                self.put(word + 1, "i64", &format!("%v{n}.p"));
            }
            Ty::Native => {
                self.put(word, "i64", &tag::NATIVE.to_string());
                self.put(word + 1, "ptr", &format!("%v{n}"));
            }
            ty => self.put(word, Self::llvm_type(ty), &format!("%v{n}")),
        }
    }

    /// Stores one word.
    fn put(&mut self, word: u16, ty: &str, value: &str) {
        let cold = &mut self.cold;
        let at = format!("%at{}", self.temps);
        self.temps += 1;
        let _ = writeln!(cold, "  {at} = getelementptr i64, ptr %words, i64 {word}");
        if ty.starts_with('i') && ty != "i64" {
            let _ = writeln!(cold, "  {at}.wide = zext {ty} {value} to i64");
            let _ = writeln!(cold, "  store i64 {at}.wide, ptr {at}");
        } else {
            let _ = writeln!(cold, "  store {ty} {value}, ptr {at}");
        }
    }
}

/// Whether all of `part` is in `all`; both are ascending.
fn contains(all: &[Item], part: &[Item]) -> bool {
    part.len() <= all.len() && part.iter().all(|v| all.binary_search(v).is_ok())
}
