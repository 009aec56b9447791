//! What debugging and error messages ask about functions and frames: positions,
//! names of functions and locals, tracebacks.

use crate::frame::{FrameInfo, Frames, call_name, original_base};
use crate::object::Thread;
use crate::state::Vm;
use crate::value::{Value, tag};
use strata_spec::effects::{defined_before, defined_during};
use strata_spec::module::RegSet;
use strata_spec::{Op, Proto};

/// What `debug.getinfo` tells.
#[derive(Clone, Debug)]
pub struct Info {
    /// The function.
    pub func: Value,
    /// Chunk name as given (`@file`), `=[C]` for host functions.
    pub source: Vec<u8>,
    /// Its short form.
    pub short_src: Vec<u8>,
    /// Line being executed, -1 if unknown.
    pub currentline: i64,
    /// Line of its definition, -1 for host functions.
    pub linedefined: i64,
    /// Last line of its definition.
    pub lastlinedefined: i64,
    /// "Lua", "main" or "C".
    pub what: &'static str,
    /// Its name at the call, if known.
    pub name: Option<Vec<u8>>,
    /// What kind of name.
    pub namewhat: &'static str,
    /// Number of upvalues.
    pub nups: u32,
    /// Number of parameters.
    pub nparams: u8,
    /// Takes extra arguments.
    pub isvararg: bool,
    /// Entered by a tail call.
    pub istailcall: bool,
    /// First value passed on in a call or return hook.
    pub ftransfer: u32,
    /// Number of such values.
    pub ntransfer: u32,
}

/// Facts about a function value that do not depend on a frame.
pub fn info_for_function(_vm: &Vm, func: Value) -> Info {
    let mut info = Info {
        func,
        source: b"=[C]".to_vec(),
        short_src: b"[C]".to_vec(),
        currentline: -1,
        linedefined: -1,
        lastlinedefined: -1,
        what: "C",
        name: None,
        namewhat: "",
        nups: 0,
        nparams: 0,
        isvararg: true,
        istailcall: false,
        ftransfer: 0,
        ntransfer: 0,
    };
    // SAFETY: tags say what the payloads are, and values hold live objects.
    unsafe {
        match func.tag {
            tag::CLOSURE => {
                let proto = &*(*func.as_closure()).proto;
                let spec = proto.spec();
                info.source = proto.source().to_vec();
                info.short_src = strata_spec::chunk_id(&info.source);
                info.linedefined = i64::from(spec.line_defined);
                info.lastlinedefined = i64::from(spec.last_line_defined);
                info.what = if spec.line_defined == 0 {
                    "main"
                } else {
                    "Lua"
                };
                info.nups = (*func.as_closure()).hdr.aux;
                info.nparams = spec.params;
                info.isvararg = spec.vararg;
            }
            tag::NATIVE => info.nups = (*func.as_native()).hdr.aux,
            _ => {}
        }
    }
    info
}

/// Facts about a frame and its function.
pub fn info_for_frame(vm: &Vm, frame: &FrameInfo) -> Info {
    let mut info = info_for_function(vm, frame.func());
    let line = frame.pos().line;
    if frame.proto().is_some() && line != 0 {
        info.currentline = i64::from(line);
    }
    info.istailcall = frame.link.tail;
    // SAFETY: `cur` is the live running thread.
    let hook = unsafe { (*vm.cur).hook };
    if hook.inside && frame.base == vm.stack.wrapping_add(hook.at) {
        (info.ftransfer, info.ntransfer) = hook.transfer;
    }
    if let Some(name) = call_name(vm, frame) {
        info.name = Some(name.name);
        info.namewhat = name.what;
    }
    info
}

/// Name and slot of local `n` of a frame: parameters and locals in scope from
/// 1, extra arguments from -1 down. Slots in use without a name are
/// "(temporary)" or, in host functions, "(C temporary)". `above` is the function
/// slot of the frame above, if any: the end of this one's slots.
///
/// The slot is `None` if its register holds no value at this point of the code.
/// Debug ranges and the numbers asked for may lead to such registers: to the
/// link of a call, to scratch, to another frame.
pub fn local_name(
    vm: &Vm,
    frame: &FrameInfo,
    above: Option<*mut Value>,
    n: i64,
) -> Option<(Vec<u8>, Option<*mut Value>)> {
    // SAFETY: all slots computed lie between the frame's original base and
    // the end of its registers (or the top, for the innermost frame).
    unsafe {
        if n < 0 {
            let proto = frame.proto()?;
            let original = original_base(frame.base);
            let extra = (frame.base as usize - original as usize) / size_of::<Value>();
            let extra = extra.checked_sub(2 + usize::from(proto.params))?;
            let i = usize::try_from(n.checked_neg()?).ok()?;
            if original == frame.base || i > extra {
                return None;
            }
            return Some((
                b"(vararg)".to_vec(),
                Some(original.add(usize::from(proto.params) + i - 1)),
            ));
        }
        let i = usize::try_from(n).ok()?.checked_sub(1)?;
        let slot = frame.base.wrapping_add(i);
        let Some(proto) = frame.proto() else {
            let end = above.unwrap_or(vm.top);
            return (slot < end && n > 0).then(|| (b"(C temporary)".to_vec(), Some(slot)));
        };
        let pc = frame.current_pc()?;
        let spec = proto.spec();
        let end = above.unwrap_or_else(|| frame.base.wrapping_add(usize::from(proto.regs)));
        let held = |reg: usize| {
            let slot = frame.base.wrapping_add(reg);
            // A hook runs before the instruction does, and is shown what the
            // frame passes on: open results are in no register set.
            let hook = &(*vm.cur).hook;
            let hooked = hook.inside && vm.stack.wrapping_add(hook.at) == frame.base;
            let first = hook.transfer.0.max(1) as usize - 1;
            let passed = hooked && (first..first + hook.transfer.1 as usize).contains(&reg);
            let holds =
                |r| held(spec, pc).contains(r) || (hooked && defined_before(spec, pc).contains(r));
            let holds = slot < end && (passed || u8::try_from(reg).is_ok_and(holds));
            holds.then_some(slot)
        };
        let mut left = i;
        for local in &spec.locals {
            if local.start > pc {
                break;
            }
            if pc < local.end {
                if left == 0 {
                    let name = proto.module.str(local.name).to_vec();
                    return Some((name, held(usize::from(local.reg))));
                }
                left -= 1;
            }
        }
        (slot < end && n > 0).then(|| (b"(temporary)".to_vec(), held(i)))
    }
}

/// The registers that hold values while the instruction at `pc` is under way.
fn held(proto: &Proto, pc: u32) -> RegSet {
    match proto.code.get(pc as usize).and_then(|insn| insn.op()) {
        // What is being closed keeps its value until all is closed.
        Some(Op::Close) => defined_before(proto, pc),
        _ => defined_during(proto, pc),
    }
}

/// Name of parameter `n` (from 1) of a Lua function that is not running.
pub fn param_name(func: Value, n: i64) -> Option<Vec<u8>> {
    if func.tag != tag::CLOSURE {
        return None;
    }
    // SAFETY: the tag says that the payload is a live closure.
    let proto = unsafe { &*(*func.as_closure()).proto };
    let i = usize::try_from(n).ok()?.checked_sub(1)?;
    let spec = proto.spec();
    if i >= usize::from(spec.params) {
        return None;
    }
    let local = spec.locals.iter().filter(|l| l.start == 0).nth(i)?;
    Some(proto.module.str(local.name).to_vec())
}

/// Lines of a Lua function that have code, ascending, without repeats.
pub fn active_lines(func: Value) -> Option<Vec<u32>> {
    if func.tag != tag::CLOSURE {
        return None;
    }
    // SAFETY: the tag says that the payload is a live closure.
    let proto = unsafe { &*(*func.as_closure()).proto };
    let spec = proto.spec();
    // The frame set-up of a vararg function is no line of its own.
    let skip = usize::from(spec.vararg && !spec.positions.is_empty());
    let mut lines: Vec<u32> = spec
        .positions
        .iter()
        .skip(skip)
        .map(|p| p.line)
        .filter(|l| *l != 0)
        .collect();
    // The `end`, where the implicit return is.
    if spec.line_defined != 0 && !spec.positions.is_empty() {
        lines.push(spec.last_line_defined);
    }
    lines.sort_unstable();
    lines.dedup();
    Some(lines)
}

/// The frames of any thread, innermost first.
pub fn frames_of(vm: &Vm, thread: *mut Thread) -> Frames {
    if thread == vm.cur {
        return vm.frames();
    }
    // SAFETY: `thread` is live, and not running: its saved registers are true.
    unsafe { Frames::new((*thread).stack, (*thread).base, (*thread).pc) }
}

const FIRST_LEVELS: usize = 10;
const LAST_LEVELS: usize = 11;

/// A traceback as `debug.traceback` words it, starting at `level`.
pub fn traceback(vm: &mut Vm, thread: *mut Thread, msg: Option<&[u8]>, level: usize) -> Vec<u8> {
    let mut text = Vec::new();
    if let Some(m) = msg {
        text.extend_from_slice(m);
        text.push(b'\n');
    }
    text.extend_from_slice(b"stack traceback:");
    let total = frames_of(vm, thread).count();
    let shown = total.saturating_sub(level);
    let skip = if shown > FIRST_LEVELS + LAST_LEVELS {
        level + FIRST_LEVELS..total - LAST_LEVELS
    } else {
        usize::MAX..usize::MAX
    };
    for (i, frame) in frames_of(vm, thread).enumerate().skip(level) {
        if i == skip.start {
            let n = skip.end - skip.start;
            text.extend_from_slice(format!("\n\t...\t(skipping {n} levels)").as_bytes());
        }
        if skip.contains(&i) {
            continue;
        }
        let info = info_for_frame(vm, &frame);
        text.extend_from_slice(b"\n\t");
        text.extend_from_slice(&info.short_src);
        if info.currentline > 0 {
            text.extend_from_slice(format!(":{}", info.currentline).as_bytes());
        }
        text.extend_from_slice(b": in ");
        if let Some(name) = vm.global_function_name(info.func) {
            text.extend_from_slice(b"function '");
            text.extend_from_slice(&name);
            text.push(b'\'');
        } else if let Some(name) = &info.name {
            text.extend_from_slice(info.namewhat.as_bytes());
            text.extend_from_slice(b" '");
            text.extend_from_slice(name);
            text.push(b'\'');
        } else if info.what == "main" {
            text.extend_from_slice(b"main chunk");
        } else if info.what != "C" {
            text.extend_from_slice(b"function <");
            text.extend_from_slice(&info.short_src);
            text.extend_from_slice(format!(":{}>", info.linedefined).as_bytes());
        } else {
            text.push(b'?');
        }
        if info.istailcall {
            text.extend_from_slice(b"\n\t(...tail calls...)");
        }
    }
    text
}
