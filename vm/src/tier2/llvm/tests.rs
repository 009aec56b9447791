//! Modules in LLVM's text form, compiled, linked, called and freed.

use super::link::{LinkError, Linked};
use super::machine::Object;
use super::{Machine, Refusal, link};
use crate::jit::CodeSpace;
use crate::jit::{Level, TargetCpu};
use inkwell::module::Module;

/// Parses `text` and gives the module to `f`.
fn with_module<R>(text: &str, f: impl FnOnce(&Machine, &Module<'_>) -> R) -> R {
    let machine = Machine::new(true, Level::O3, TargetCpu::Native).unwrap();
    let context = machine.context();
    let module = machine.parse(&context, "test", text).unwrap();
    f(&machine, &module)
}

/// Optimizes a module and makes an object of it.
fn make(machine: &Machine, module: &Module<'_>) -> Result<Object, Refusal> {
    machine.optimize(module, Level::O3.tier2_passes())?;
    machine.emit(module)
}

fn compile(text: &str) -> Object {
    with_module(text, make).unwrap()
}

fn load(text: &str, space: &CodeSpace) -> Linked {
    link(&compile(text).bytes, space, &[]).unwrap()
}

/// The function `name`, of type `F`.
unsafe fn function<F: Copy>(code: &Linked, name: &str) -> F {
    let address = code.address(name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(size_of::<F>(), size_of::<usize>());
    // SAFETY: the caller knows that it is a function of this type.
    unsafe { std::mem::transmute_copy(&address) }
}

type Unary = extern "C" fn(i64) -> i64;
type OfFloats = extern "C" fn(f64, f64) -> f64;

fn space() -> CodeSpace {
    CodeSpace::new(1 << 20)
}

#[test]
fn functions_call_one_another_and_are_found_by_name() {
    let space = space();
    let code = load(
        "define i64 @twice(i64 %x) noinline { %r = add i64 %x, %x  ret i64 %r }
         define i64 @entry(i64 %x) { %r = call i64 @twice(i64 %x)  %s = add i64 %r, 1  ret i64 %s }
         define internal i64 @fact(i64 %n) noinline {
           %stop = icmp slt i64 %n, 2
           br i1 %stop, label %one, label %more
         one: ret i64 1
         more:
           %m = sub i64 %n, 1  %f = call i64 @fact(i64 %m)  %r = mul i64 %n, %f
           ret i64 %r
         }
         define i64 @osr_7(i64 %n) { %r = call i64 @fact(i64 %n)  ret i64 %r }",
        &space,
    );
    // SAFETY: they have these types.
    unsafe {
        assert_eq!(function::<Unary>(&code, "entry")(20), 41);
        assert_eq!(function::<Unary>(&code, "twice")(-3), -6);
        assert_eq!(function::<Unary>(&code, "osr_7")(10), 3_628_800);
    }
    assert_eq!(code.address("absent"), None);
    let range = code.range.start()..code.range.start() + code.range.size();
    for f in &code.functions {
        let end = f.address + f.size;
        assert!(range.contains(&f.address) && f.size > 0, "{f:?}");
        assert!(end <= range.end, "{f:?}");
    }
}

/// Constants in memory: floats, a table that is indexed, vectors, and a
/// switch that jumps through a table.
const CONSTANTS: &str = "
    @table = internal constant [5 x i64] [i64 2, i64 3, i64 5, i64 7, i64 11]
    define i64 @prime(i64 %n) {
      %i = urem i64 %n, 5
      %p = getelementptr [5 x i64], ptr @table, i64 0, i64 %i
      %v = load i64, ptr %p
      ret i64 %v
    }
    define double @blend(double %x, double %y) {
      %a = fmul double %x, 0x3FB999999999999A
      %b = fadd double %a, %y
      %c = fmul double %b, 0x400921FB54442D18
      ret double %c
    }
    define void @scale(ptr %p) {
      %v = load <8 x i64>, ptr %p, align 8
      %w = mul <8 x i64> %v, <i64 1, i64 20, i64 300, i64 4, i64 5, i64 60, i64 7, i64 8>
      store <8 x i64> %w, ptr %p, align 8
      ret void
    }
    define i64 @jump(i64 %n) {
      %p = alloca i64
      store volatile i64 %n, ptr %p
      switch i64 %n, label %other [
        i64 0, label %a i64 1, label %b i64 2, label %c
        i64 3, label %d i64 4, label %e i64 5, label %f ]
    a: %ra = call i64 @prime(i64 7)  ret i64 %ra
    b: store volatile i64 77, ptr %p  br label %out
    c: %lc = load volatile i64, ptr %p  %rc = mul i64 %lc, %lc  ret i64 %rc
    d: store volatile i64 300, ptr %p  store volatile i64 333, ptr %p  br label %out
    e: %le = load volatile i64, ptr %p  %re = sdiv i64 1000, %le  ret i64 %re
    f: store volatile i32 1018, ptr %p  br label %out
    other: ret i64 -1
    out: %r = load volatile i64, ptr %p  ret i64 %r
    }";

fn constants_work(code: &Linked) {
    // SAFETY: they have these types.
    unsafe {
        let prime: Unary = function(code, "prime");
        assert_eq!([0, 1, 2, 3, 4, 5].map(|n| prime(n)), [2, 3, 5, 7, 11, 2]);
        let blend: OfFloats = function(code, "blend");
        assert_eq!(blend(2.0, 0.5), (2.0 * 0.1 + 0.5) * std::f64::consts::PI);
        let scale: extern "C" fn(*mut i64) = function(code, "scale");
        let mut v = [1; 8];
        scale(v.as_mut_ptr());
        assert_eq!(v, [1, 20, 300, 4, 5, 60, 7, 8]);
        let jump: Unary = function(code, "jump");
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(|n| jump(n)),
            [5, 77, 4, 333, 250, 1018, -1]
        );
    }
}

#[test]
fn constants_and_jump_tables() {
    let space = space();
    with_module(CONSTANTS, |machine, module| {
        machine.optimize(module, Level::O3.tier2_passes()).unwrap();
        let text = machine.assembly(module).unwrap();
        assert!(text.contains(".LJTI"), "no jump table in:\n{text}");
        assert!(text.contains(".LCPI"), "no constant in:\n{text}");
        // The module is still good for an object.
        constants_work(&link(&machine.emit(module).unwrap().bytes, &space, &[]).unwrap());
    });
}

#[test]
fn code_is_freed_and_its_memory_used_again() {
    let space = space();
    let object = compile(CONSTANTS);
    let mut places = Vec::new();
    for _ in 0..3 {
        let code = link(&object.bytes, &space, &[]).unwrap();
        constants_work(&code);
        places.push(code.range.start());
        let size = code.range.size();
        assert_eq!(space.in_use(), size);
        drop(code);
        assert_eq!(space.reclaim(), size);
        assert_eq!(space.in_use(), 0);
    }
    // Several at once do not disturb one another.
    let all: Vec<Linked> = (0..20)
        .map(|_| link(&object.bytes, &space, &[]).unwrap())
        .collect();
    all.iter().for_each(constants_work);
    let every_other: Vec<Linked> = all.into_iter().step_by(2).collect();
    space.reclaim();
    every_other.iter().for_each(constants_work);
}

const LIBCALLS: &str = "
    declare double @llvm.pow.f64(double, double)
    declare double @llvm.floor.f64(double)
    declare double @llvm.sin.f64(double)
    declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
    declare double @fmod(double, double)
    define double @rem(double %x, double %y) { %r = frem double %x, %y  ret double %r }
    define double @power(double %x, double %y) {
      %r = call double @llvm.pow.f64(double %x, double %y)  ret double %r }
    define double @sine(double %x, double %y) {
      %a = call double @llvm.floor.f64(double %x)
      %b = call double @llvm.sin.f64(double %y)
      %r = fadd double %a, %b  ret double %r }
    define i64 @copy(ptr %to, ptr %from, i64 %n) {
      call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %n, i1 false)  ret i64 %n }
    define void @zero(ptr %p, i64 %n) {
    entry: %none = icmp eq i64 %n, 0  br i1 %none, label %done, label %loop
    loop:
      %i = phi i64 [0, %entry], [%j, %loop]
      %q = getelementptr i8, ptr %p, i64 %i
      store i8 0, ptr %q
      %j = add i64 %i, 1  %more = icmp ult i64 %j, %n
      br i1 %more, label %loop, label %done
    done: ret void
    }
    define ptr @where() { ret ptr @fmod }
    define ptr @here() { ret ptr @where }";

#[test]
fn library_functions_are_reached_through_stubs() {
    let space = space();
    let code = load(LIBCALLS, &space);
    // SAFETY: they have these types.
    unsafe {
        assert_eq!(function::<OfFloats>(&code, "rem")(7.5, 2.0), 1.5);
        assert_eq!(
            function::<OfFloats>(&code, "power")(3.0, 4.5),
            3f64.powf(4.5)
        );
        assert_eq!(
            function::<OfFloats>(&code, "sine")(-2.5, 1.0),
            -3.0 + 1f64.sin()
        );
        let copy: extern "C" fn(*mut u8, *const u8, usize) -> i64 = function(&code, "copy");
        let mut to = [0; 300];
        assert_eq!(copy(to.as_mut_ptr(), [7; 300].as_ptr(), 299), 299);
        assert_eq!((to[0], to[298], to[299]), (7, 7, 0));
        let zero: extern "C" fn(*mut u8, usize) = function(&code, "zero");
        zero(to[1..].as_mut_ptr(), 200);
        assert_eq!((to[0], to[1], to[200], to[201]), (7, 0, 0, 7));
        // Addresses of functions, as values.
        let at: extern "C" fn() -> OfFloats = function(&code, "where");
        assert_eq!(at()(9.0, 4.0), 1.0);
        let here: extern "C" fn() -> usize = function(&code, "here");
        assert_eq!(Some(here()), code.address("where"));
    }
}

#[test]
fn constants_come_with_an_object() {
    let text = "@strata_constants = external hidden constant [3 x i64]
         define i64 @second(i64 %x) {
           %p = getelementptr [3 x i64], ptr @strata_constants, i64 0, i64 1
           %c = load i64, ptr %p  %r = add i64 %c, %x  ret i64 %r }
         define ptr @table() { ret ptr @strata_constants }";
    let (object, space) = (compile(text), space());
    for constants in [[1, 20, 300], [4, u64::MAX, 6]] {
        let code = link(&object.bytes, &space, &constants).unwrap();
        // SAFETY: they have these types; the table has three words.
        unsafe {
            let second: Unary = function(&code, "second");
            assert_eq!(second(5), (constants[1] as i64).wrapping_add(5));
            let table: extern "C" fn() -> *const [u64; 3] = function(&code, "table");
            assert_eq!(*table(), constants);
            let range = code.range.start()..code.range.start() + code.range.size();
            assert!(range.contains(&(table() as usize)));
        }
    }
}

/// Links `text`, which must fail, and leave no code behind.
fn refused(text: &str) -> LinkError {
    let space = space();
    let error = link(&compile(text).bytes, &space, &[]).unwrap_err();
    space.reclaim();
    assert_eq!(space.in_use(), 0);
    error
}

#[test]
fn what_an_object_may_not_have_is_refused() {
    let e = refused(
        "declare i64 @nobody(i64)
         define i64 @f(i64 %x) { %r = call i64 @nobody(i64 %x)  ret i64 %r }",
    );
    assert!(
        matches!(&e, LinkError::UnknownSymbols(names) if names[..] == [("nobody".into(), 0)]),
        "{e}"
    );
    let e = refused(
        "@count = global i64 0
         define void @f(i64 %x) { store i64 %x, ptr @count  ret void }",
    );
    assert!(e.to_string().contains("writable"), "{e}");
    let e = refused(
        "@all = constant [2 x ptr] [ptr @f, ptr @f]
         define ptr @f(i64 %x) {
           %p = getelementptr ptr, ptr @all, i64 %x  %r = load ptr, ptr %p  ret ptr %r }",
    );
    assert!(e.to_string().contains("writable"), "{e}");
    let e = refused(
        "@x = thread_local global i64 1
                     define ptr @g() { ret ptr @x }",
    );
    assert!(
        e.to_string().contains("writable") || e.to_string().contains("relocation"),
        "{e}"
    );
}

#[test]
fn code_memory_is_limited() {
    let space = CodeSpace::new(64 << 10);
    let object = compile(CONSTANTS);
    let mut all = Vec::new();
    let error = loop {
        match link(&object.bytes, &space, &[]) {
            Ok(code) => all.push(code),
            Err(e) => break e,
        }
    };
    assert!(matches!(error, LinkError::Memory(_)), "{error}");
    assert!(all.len() > 10, "{}", all.len());
    drop(all);
    space.reclaim();
    constants_work(&link(&object.bytes, &space, &[]).unwrap());
}

#[test]
fn damaged_objects_are_errors() {
    let space = space();
    let object = compile(LIBCALLS).bytes;
    let mut linked = 0;
    for n in 0..object.len() {
        assert!(
            link(&object[..n], &space, &[]).is_err() || n > object.len() - 64,
            "{n}"
        );
        for bit in [1, 0x80] {
            let mut bytes = object.to_vec();
            bytes[n] ^= bit;
            linked += usize::from(link(&bytes, &space, &[]).is_ok());
            space.reclaim();
        }
    }
    // A changed instruction or constant is still an object.
    assert!(linked > 100, "{linked}");
    assert_eq!(space.in_use(), 0);
}

#[test]
fn bad_modules_and_passes_are_refused() {
    let machine = Machine::new(true, Level::O3, TargetCpu::Native).unwrap();
    let context = machine.context();
    let e = machine
        .parse(&context, "test", "define i64 @f( {")
        .err()
        .unwrap();
    assert!(matches!(e, Refusal::Invalid(_)), "{e}");
    let invalid = "declare void @g()
                   define i64 @f(i64 %x) { %r = add i64 %x, 1  ret i64 %r }";
    with_module(invalid, |machine, module| {
        // A block without an end.
        let f = module.get_function("g").unwrap();
        module.get_context().append_basic_block(f, "entry");
        let e = make(machine, module).err().unwrap();
        assert!(matches!(e, Refusal::Invalid(_)), "{e}");
    });
    with_module(CONSTANTS, |machine, module| {
        let e = machine.optimize(module, "no-such-pass").err().unwrap();
        assert!(
            matches!(&e, Refusal::Passes(why) if why.contains("no-such-pass")),
            "{e}"
        );
        // The machine and the module are as good as before.
        constants_work(&link(&make(machine, module).unwrap().bytes, &space(), &[]).unwrap());
    });
    // An operand in a register that doesn't exist: LLVM tells its handler.
    let operand = "define i64 @f(i64 %x) {
                     %r = call i64 asm \"\", \"=r,{nonesuch}\"(i64 %x)  ret i64 %r }";
    with_module(operand, |machine, module| {
        let e = make(machine, module).err().unwrap();
        assert!(matches!(e, Refusal::Codegen(_)), "{e}");
    });
}

/// Sums an array of integers.
const SUM: &str = "
    define i64 @sum(ptr %p, i64 %n) {
    entry: %none = icmp eq i64 %n, 0  br i1 %none, label %done, label %loop
    loop:
      %i = phi i64 [0, %entry], [%j, %loop]
      %s = phi i64 [0, %entry], [%t, %loop]
      %q = getelementptr i64, ptr %p, i64 %i
      %v = load i64, ptr %q
      %t = add i64 %s, %v
      %j = add i64 %i, 1  %more = icmp ult i64 %j, %n
      br i1 %more, label %loop, label %done
    done: %r = phi i64 [0, %entry], [%t, %loop]  ret i64 %r
    }";

#[test]
fn code_is_made_for_this_cpu() {
    with_module(SUM, |machine, module| {
        assert!(!machine.cpu().is_empty());
        machine.optimize(module, Level::O3.tier2_passes()).unwrap();
        let text = machine.assembly(module).unwrap();
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            assert!(text.contains("vpaddq"), "not vectorised:\n{text}");
        }
        assert!(text.contains("sum:"));
    });
}

#[test]
fn threads_compile_at_the_same_time() {
    let sum = |k: i64| {
        let code = load(SUM, &space());
        let numbers: Vec<i64> = (0..1000).map(|n| n * k).collect();
        // SAFETY: it has this type.
        let f: extern "C" fn(*const i64, usize) -> i64 = unsafe { function(&code, "sum") };
        f(numbers.as_ptr(), numbers.len())
    };
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..4).map(|k| s.spawn(move || sum(k))).collect();
        for (k, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().unwrap(), 499_500 * k as i64);
        }
    });
}
