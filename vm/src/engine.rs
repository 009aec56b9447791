//! Puts the parts together: a VM of the runtime with the front end and the
//! interpreter plugged in, and what running a chunk takes.

pub use crate::jit::listing::Listing;
pub use crate::jit::status::FunctionStatus;
pub use crate::jit::{
    Backend, Choice, ChosenBy, FunctionRule, JitMode, JitOptions, Level, TargetCpu, Wish,
};
use crate::stress::Coverage;
use crate::stress::states::{self, Place, States};
use crate::stress::{self, StressModes};
use crate::{interp, jit};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strata_lua::{CompileError, SyntaxError};
use strata_profiler::{Recorder, Sink, Stats};
use strata_runtime::Vm;
use strata_runtime::error::{OutOfMemory, Result};
use strata_runtime::heap::{self, poll};
use strata_runtime::limits::Allowance;
use strata_runtime::load;
use strata_runtime::metatable::{Event, metamethod};
use strata_runtime::state::{Compiled, Exec, VmConfig};
use strata_runtime::table;
use strata_runtime::value::{NIL, Value, tag};
use strata_spec::{Budget, Module, VerifyFault};

/// What the runtime calls to execute and compile.
const EXEC: Exec = Exec {
    call: interp::call_host,
    compile,
    instrument: interp::instrument,
    close_thread: interp::close_thread,
    finalize: |vm, base| interp::finalize(vm, base, usize::MAX),
    entry: interp::native::interpret as *const (),
    epoch_changed: jit::epoch_changed,
    upvalues_set: jit::upvalues_set,
    loaded: jit::choice::loaded,
};

fn compile(vm: &mut Vm, source: &[u8], chunk_name: &[u8]) -> Result<Compiled> {
    Ok(compile_text(vm, source, chunk_name)?.map_err(|e| e.message))
}

/// Compiles Lua source to a verified module, within the VM's limits. The
/// inner error is about the source.
///
/// # Errors
/// The limit that was reached.
pub fn compile_text(
    vm: &mut Vm,
    source: &[u8],
    chunk_name: &[u8],
) -> Result<std::result::Result<Module, SyntaxError>> {
    let mut allowance = Allowance::new(vm);
    let module = match strata_lua::compile_within(source, chunk_name, &mut allowance) {
        Ok(module) => module,
        Err(CompileError::Syntax(e)) => return Ok(Err(e)),
        Err(CompileError::Stopped) => return Err(allowance.into_error()),
    };
    match strata_spec::verify_within(&module, &mut allowance) {
        Ok(()) => Ok(Ok(module)),
        Err(VerifyFault::Invalid(e)) => {
            let message = format!("the compiler made invalid bytecode ({e}); please report this");
            Ok(Err(SyntaxError {
                message: message.into_bytes(),
                line: 1,
                column: 1,
                offset: 0,
                len: 0,
            }))
        }
        Err(VerifyFault::Stopped) => {
            allowance.discard(Box::new(module));
            Err(allowance.into_error())
        }
    }
}

/// A VM that can run code, without library.
///
/// # Errors
/// The address space for its stack can't be reserved.
pub fn new_vm(config: &VmConfig) -> std::io::Result<Box<Vm>> {
    let mut vm = Vm::new(config, EXEC)?;
    interp::install(&mut vm);
    let known = jit::library::install(&mut vm);
    known.map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
    Ok(vm)
}

/// Sets up how a new VM, which has loaded nothing yet, compiles. Without the
/// feature `cranelift` everything is interpreted.
pub fn set_jit(vm: &mut Vm, options: &JitOptions) {
    jit::install(vm, options);
}

/// Has a VM keep compiled code there, and look for it. It has loaded nothing yet.
#[cfg(feature = "cranelift")]
pub fn set_cache(vm: &mut Vm, cache: Option<crate::cache::Cache>) {
    jit::set_cache(vm, cache);
}

/// Coroutine `thread` of a VM may be suspended at any poll where others wait for its
/// thread ([`Interrupter::give_way`](strata_runtime::limits::Interrupter::give_way)), by
/// the function of the handle `yields`, which does nothing but yield.
#[cfg(feature = "actors")]
pub(crate) fn let_give_way(vm: &mut Vm, thread: usize, yields: u32) {
    interp::data(vm).gives_way = Some((thread, yields));
}

/// Has a VM compile on threads that it shares with others. It has compiled nothing
/// yet.
#[cfg(feature = "cranelift")]
pub fn set_compile_threads(vm: &mut Vm, threads: Option<jit::CompileThreads>) {
    interp::data(vm).jit.threads = threads;
}

/// How far a VM's functions may go now, and what makes code of very hot ones.
pub fn jit_mode(vm: &mut Vm) -> (JitMode, Backend) {
    let options = &interp::data(vm).jit.options;
    (options.mode, options.backend)
}

/// Changes that. What was compiled is taken out of use.
pub fn set_jit_mode(vm: &mut Vm, mode: JitMode, backend: Backend) {
    interp::data(vm).jit.most = mode;
    jit::choice::set_options(vm, mode, backend);
}

/// Asks something of `f`, if it is a Lua function, and of those `inside` it; `None`
/// takes back what was asked. Its code is taken out of use.
pub fn ask(vm: &mut Vm, f: Value, wish: Option<Wish>, inside: bool) {
    if f.tag == tag::CLOSURE {
        // SAFETY: the tag says that it is a closure; the caller's value is
        // live, and so is its prototype.
        unsafe { jit::choice::ask(vm, (*f.as_closure()).proto, wish, inside) };
    }
}

/// Takes all compiled code out of use.
pub fn flush_jit(vm: &mut Vm) {
    jit::choice::flush(vm);
}

/// Where `f` stands, if it is a Lua function.
pub fn function_status(vm: &mut Vm, f: Value) -> Option<FunctionStatus> {
    // SAFETY: as in `ask`.
    (f.tag == tag::CLOSURE).then(|| unsafe { jit::status::of(vm, (*f.as_closure()).proto) })
}

/// Where all functions of a VM stand, by chunk and line.
pub fn all_status(vm: &mut Vm) -> Vec<FunctionStatus> {
    jit::status::all(vm)
}

/// Why the baseline compiler can't be used, if so.
pub fn baseline() -> Option<&'static str> {
    #[cfg(feature = "cranelift")]
    if crate::tier1::supported() {
        None
    } else {
        Some("missing: Cranelift does not know this machine")
    }
    #[cfg(not(feature = "cranelift"))]
    Some("missing: not built in")
}

/// Why the optimizing compiler can't be used, if so. It needs what the baseline
/// compiler needs; [`llvm`] makes its code better.
pub fn optimizing() -> Option<&'static str> {
    baseline()
}

/// The version of LLVM and the CPU it compiles for.
///
/// # Errors
/// Why it can't be used.
pub fn llvm() -> std::result::Result<String, String> {
    #[cfg(feature = "llvm")]
    return crate::tier2::llvm::describe().map_err(|e| format!("missing: {e}"));
    #[cfg(not(feature = "llvm"))]
    Err("missing: not built in".into())
}

/// Whether bytes are LLVM's bitcode, with or without a wrapper; not our bytecode.
pub fn is_llvm_bitcode(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BC\xc0\xde") || bytes.starts_with(&[0xde, 0xc0, 0x17, 0x0b])
}

/// Ends the process. [`std::process::exit`] would wait until no thread
/// compiles.
pub fn exit(status: i32) -> ! {
    #[cfg(feature = "llvm")]
    crate::tier2::llvm::startup::exit(status);
    #[cfg(not(feature = "llvm"))]
    std::process::exit(status)
}

/// Has all code that waits for it made as good as it gets, as far as that takes no
/// longer than `patience`: for training, when the program is over.
#[cfg(feature = "cranelift")]
pub fn finish_compiles(vm: &mut Vm, patience: std::time::Duration) {
    crate::tier2::finish(vm, patience);
}

/// Sends what happens to compiled code to `sink`, from now on.
pub fn trace_jit(vm: &mut Vm, sink: Box<dyn Sink>) {
    jit::trace(vm, sink);
}

/// Records what happens from now on, for a page to look at. The last figures come
/// when traces end.
///
/// # Errors
/// A thread can't be started.
pub fn record(vm: &mut Vm) -> std::io::Result<Recorder> {
    jit::report::record(vm)
}

/// Keeps the text of code that is made from now on, see [`listings`].
pub fn list_code(vm: &mut Vm) {
    interp::data(vm).jit.listings.get_or_insert_default();
}

/// The code that was made since this was last asked for.
pub fn listings(vm: &mut Vm) -> Vec<Listing> {
    let listings = interp::data(vm).jit.listings.as_mut();
    listings.map(std::mem::take).unwrap_or_default()
}

/// Compiles the prototype of `f`, a Lua function, and those inside it, hot or
/// not; `optimized`: by the optimizing compiler.
pub fn compile_all(vm: &mut Vm, f: Value, optimized: bool) {
    if f.tag == tag::CLOSURE {
        // SAFETY: the tag says that it is a closure; the caller's value is
        // live, and so is its prototype.
        unsafe {
            let p = (*f.as_closure()).proto;
            jit::compile_all(vm, p, optimized);
        }
    }
}

/// Has `f`, if it is a Lua function, interpreted always; `inside`: and those
/// inside it.
pub fn interpret_always(vm: &mut Vm, f: Value, inside: bool) {
    if f.tag == tag::CLOSURE {
        // SAFETY: the tag says that it is a closure; the caller's value is
        // live, and so is its prototype.
        unsafe { jit::interpret_always(vm, (*f.as_closure()).proto, inside) };
    }
}

/// Whether code of the optimizing compiler has run since this was last asked, if
/// it was made to tell: under stress, or compiled at once.
pub fn ran_optimized(vm: &mut Vm) -> bool {
    jit::ran_optimized(vm)
}

/// The same of the baseline compiler.
pub fn ran_baseline(vm: &mut Vm) -> bool {
    std::mem::take(&mut interp::data(vm).stress.ran) != 0
}

/// Has profilers and debuggers told of compiled code, from now on: a map for
/// `perf` in `/tmp`, and the interface of GDB.
///
/// # Errors
/// The map can't be written, or this system has neither.
pub fn name_code(vm: &mut Vm) -> std::io::Result<()> {
    #[cfg(feature = "cranelift")]
    {
        interp::data(vm).jit.perf = Some(jit::perf::Perf::new()?);
    }
    let _ = vm;
    Ok(())
}

/// Ends traces: their sinks get the final figures.
pub fn finish_trace(vm: &mut Vm) {
    jit::finish(vm);
}

/// The figures of compilation so far.
pub fn jit_stats(vm: &mut Vm) -> Stats {
    jit::stats(vm)
}

/// Makes rare events frequent in a new VM.
pub fn set_stress(vm: &mut Vm, modes: &StressModes) {
    stress::install(vm, modes);
}

/// Makes other events frequent, while nothing runs. When background compiles are
/// handed over stays as it was set first, and code that was made while no guard was
/// to fail on purpose goes on so.
pub fn change_stress(vm: &mut Vm, modes: &StressModes) {
    stress::change(vm, modes);
}

/// Under `verify=N`: what was wrong with the heap, if anything was.
pub fn unsound(vm: &mut Vm) -> Option<String> {
    interp::data(vm).stress.unsound.take()
}

/// Under `deopt=once`: takes the guards that have failed, and all that there are in
/// what was compiled.
pub fn take_guard_coverage(vm: &mut Vm) -> Coverage {
    crate::interp::data(vm).stress.take_coverage()
}

/// Under `deopt=once`: these guards are done with. To be called before anything runs.
pub fn set_guard_coverage(vm: &mut Vm, before: Coverage) {
    crate::interp::data(vm).stress.set_coverage(before);
}

/// Notes the states of exits of code of these modules from now on, or those that
/// the interpreter has at `places`: see [`stress::states`](crate::stress::states).
pub fn record_states(vm: &mut Vm, modules: &[Arc<Module>], places: Option<HashSet<Place>>) {
    states::record(vm, modules, places);
}

/// What was noted.
pub fn recorded_states(vm: &mut Vm) -> States {
    states::recorded(vm)
}

/// A function of a module's main prototype.
///
/// # Errors
/// Out of memory.
pub fn load_main(vm: &mut Vm, module: Arc<Module>) -> Result<Value> {
    let proto = load::load_module(vm, module)?;
    Ok(Value::closure(load::main_closure(vm, proto, None)))
}

/// Keeps a value alive, instead of the one kept before under this number; nil keeps
/// nothing. What the host holds is garbage to the collector otherwise, which runs
/// only in calls and when it is asked to.
///
/// # Errors
/// Out of memory.
pub fn keep(vm: &mut Vm, number: u32, v: Value) -> Result<()> {
    let registry = vm.registry;
    // SAFETY: the registry is live, and so is the caller's value.
    unsafe { table::set(vm, registry, Value::int(-1 - i64::from(number)), v) }
        .map_err(|_| OutOfMemory.into())
}

/// Calls `f` from outside any Lua code. The results are on the stack from
/// slot `first` of the pair to `vm.top`; see [`take_results`].
///
/// # Errors
/// What the function raised.
pub fn call(vm: &mut Vm, f: Value, args: &[Value]) -> Result<(usize, usize)> {
    let at = (vm.top as usize - vm.stack as usize) / size_of::<Value>();
    vm.grow_stack(args.len() + 8)?;
    // SAFETY: there is room above the top; the slots become the callee's frame.
    unsafe {
        let slot = vm.stack.add(at);
        *slot = f;
        *slot.add(1) = NIL;
        for (i, a) in args.iter().enumerate() {
            *slot.add(2 + i) = *a;
        }
        vm.top = slot.add(2 + args.len());
        let base = if vm.base.is_null() {
            0
        } else {
            (vm.base as usize - vm.stack as usize) / size_of::<Value>()
        };
        let n = interp::call_host(vm, base, at, args.len())?;
        Ok((at, n))
    }
}

/// Slot of the innermost frame's base; 0 outside of any frame.
#[inline(always)]
pub(crate) fn base_slot(vm: &Vm) -> usize {
    if vm.base.is_null() {
        0
    } else {
        (vm.base as usize - vm.stack as usize) / size_of::<Value>()
    }
}

/// Lets the collector and finalizers have their turn, if it has come. To be
/// called where the host enters the VM, between or inside calls.
///
/// # Errors
/// A limit was reached, or a host function panicked, in a finalizer.
#[inline]
pub(crate) fn poll(vm: &mut Vm) -> Result<()> {
    if vm.heap.poll.load(Ordering::Relaxed) == 0 {
        Ok(())
    } else {
        poll_slow(vm)
    }
}

#[cold]
fn poll_slow(vm: &mut Vm) -> Result<()> {
    let bits = vm.heap.poll.load(Ordering::Relaxed);
    if bits & (poll::GC | poll::STRESS) != 0 {
        // SAFETY: no fast path is running: the host or a host function called.
        unsafe { heap::safepoint(vm) };
    }
    if vm.heap.poll.load(Ordering::Relaxed) & poll::FINALIZERS != 0
        && vm.limits.instructions_left() != Some(0)
    {
        let base = base_slot(vm);
        interp::finalize(vm, base, interp::FEW)?;
    }
    Ok(())
}

/// Takes the results of [`call`] off the stack.
pub fn take_results(vm: &mut Vm, (at, n): (usize, usize)) -> Vec<Value> {
    // SAFETY: `call` left `n` values from slot `at` on.
    unsafe {
        let slot = vm.stack.add(at);
        let values = std::slice::from_raw_parts(slot, n).to_vec();
        vm.top = slot;
        values
    }
}

/// An error value as `tostring` shows it, without calling metamethods other
/// than `__tostring`.
pub fn message_of(vm: &mut Vm, v: Value) -> Vec<u8> {
    if v.is_str() {
        return vm.bytes(v.as_str()).to_vec();
    }
    if v.is_number() {
        let s = vm.number_to_str(v);
        return vm.bytes(s).to_vec();
    }
    let h = metamethod(vm, v, Event::Tostring);
    if h.is_function()
        && let Ok(r) = call(vm, h, &[v])
        && let Some(s) = take_results(vm, r).first().filter(|s| s.is_str())
    {
        return vm.bytes(s.as_str()).to_vec();
    }
    format!("(error object is a {} value)", v.type_name()).into_bytes()
}

/// Collects all garbage and calls finalizers.
///
/// # Errors
/// A limit was reached in a finalizer.
pub fn collect(vm: &mut Vm) -> Result<()> {
    // SAFETY: no fast path is running: the host or a host function called.
    unsafe { heap::full_collect(vm) };
    let base = if vm.base.is_null() {
        0
    } else {
        (vm.base as usize - vm.stack as usize) / size_of::<Value>()
    };
    interp::finalize(vm, base, usize::MAX)
}

/// Calls all finalizers, as when a Lua state is closed. The VM must not run
/// code afterwards. What is left of its limits goes on to hold: a finalizer
/// must not keep the host for ever.
pub fn close(vm: &mut Vm) {
    heap::finalize_all(vm);
    let _ = interp::finalize(vm, 0, usize::MAX);
    vm.lib.flush();
}
