//! Recording a run for [`Recorder::page`]: events, pauses of the collector, and
//! looks at where the program is.
//!
//! A thread sets the poll word's bit every millisecond; at the next safepoint the
//! program notes its innermost frame. What it does between safepoints (a library
//! function, say) counts as the frame that called it, as often as the thread would
//! have looked meanwhile.

use super::events;
#[cfg(feature = "cranelift")]
use super::state;
use crate::interp;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strata_profiler::{Place, Recorder};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_spec::Op;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(1);

/// Records one VM.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Recorder,
    /// When the program was last looked at.
    last: Instant,
    /// The thread is to end.
    over: Arc<AtomicBool>,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Begins to record.
///
/// # Errors
/// The thread can't be started.
pub(crate) fn record(vm: &mut Vm) -> io::Result<Recorder> {
    let recorder = Recorder::default();
    let over = Arc::<AtomicBool>::default();
    let (waker, until) = (vm.waker(), Arc::clone(&over));
    let look = move || {
        while !until.load(Ordering::Relaxed) {
            std::thread::sleep(PERIOD);
            waker.wake();
        }
    };
    std::thread::Builder::new()
        .name("strata-samples".into())
        .spawn(look)?;
    super::trace(vm, Box::new(recorder.clone()));
    interp::data(vm).jit.recording = Some(Recording {
        recorder: recorder.clone(),
        last: Instant::now(),
        over,
    });
    Ok(recorder)
}

/// Does what the collector is to do at a safepoint; the pause is recorded.
#[cold]
pub(crate) fn pause(vm: &mut Vm, collect: impl FnOnce(&mut Vm)) {
    let begun = Instant::now();
    collect(vm);
    let (took, heap) = (begun.elapsed(), vm.heap.bytes);
    let jit = &interp::data(vm).jit;
    if let Some(recording) = &jit.recording {
        recording.recorder.pause(jit.profiler.elapsed(), took, heap);
    }
}

/// At a safepoint: notes where the program is, if it is time.
#[cold]
pub(crate) fn look(vm: &mut Vm) {
    let now = Instant::now();
    let Some(recording) = &mut interp::data(vm).jit.recording else {
        return;
    };
    let passed = now.duration_since(recording.last);
    let times = u32::try_from(passed.as_micros() / PERIOD.as_micros()).unwrap_or(u32::MAX);
    if times == 0 {
        return;
    }
    recording.last = now;
    let Some(place) = place(vm) else { return };
    let heap = vm.heap.bytes;
    let jit = &interp::data(vm).jit;
    if let Some(recording) = &jit.recording {
        let at = jit.profiler.elapsed();
        recording.recorder.sample(at, place, heap, times);
    }
}

/// Where the innermost Lua frame is.
fn place(vm: &mut Vm) -> Option<Place> {
    let frame = vm.frames().find(|f| f.proto().is_some())?;
    let pc = frame.current_pc()?;
    // SAFETY: a frame of a Lua function has a closure, which keeps its prototype.
    let p = unsafe { &mut *(*frame.func().as_closure()).proto };
    #[cfg(feature = "cranelift")]
    let tier = match state(p) {
        Some(s) if !s.tier2.code.is_empty() => 2,
        Some(s) if s.code.is_some() => 1,
        _ => 0,
    };
    #[cfg(not(feature = "cranelift"))]
    let tier = 0;
    let line = |pc: u32| p.spec().pos(pc).line;
    let (line, loop_line) = (line(pc), loop_at(p, pc).map(line));
    let func = events::name(p);
    Some(Place {
        func,
        tier,
        line,
        loop_line,
    })
}

/// The header of the innermost loop around instruction `pc`.
fn loop_at(p: &ProtoObj, pc: u32) -> Option<u32> {
    let code = (0u32..).zip(&p.storage.code).skip(pc as usize);
    let headers = code.filter_map(|(at, i)| {
        let back = i.op().is_some_and(Op::is_back_edge);
        let header = i64::from(at) + 1 + i64::from(i.jump());
        (back && (0..=i64::from(pc)).contains(&header)).then_some(header as u32)
    });
    // The first back-edge behind it whose loop contains it.
    headers.min_by_key(|&header| pc - header)
}
