//! Side-by-side measurement of Lua engines.
//!
//! A **program** is a Lua file that checks its own result and prints one line. An **engine** is a
//! command that runs such a file: our `vm`, `lua5.4`, `luajit`, or whatever `--engine` names. A
//! **run** is one process. The harness runs the engines in turns (A B C A B C …), so that a machine
//! that grows slower hits all of them alike, takes the median of the times (wall, or processor with
//! `--cpu`), and compares a
//! **subject** (our `vm`, one column for each JIT mode) with each **reference** (the others). A ratio
//! is `reference / subject`: above 1 the subject is faster.
//!
//! ```text
//!  programs/<group>/<name>.lua ──discover──▶ [Program] ─┐
//!  flags and PATH ───────────────find──────▶ [Engine] ──┴─measure──▶ Report ──▶ table, HTML, JSON
//! ```
//!
//! Not handled here: time inside one process (that is what the criterion benches are for) and memory.

pub mod actors;
pub mod cache;
pub mod cpu;
pub mod engine;
pub mod ir;
pub mod measure;
pub mod process;
pub mod program;
pub mod report;
pub mod rules;
pub mod standalone;
pub mod stats;
pub mod tiers;
