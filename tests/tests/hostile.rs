//! Bytecode that a compiler would never emit: the verifier accepts it, since
//! it is memory-safe, and it must not learn or change what values don't say.

use strata_tests::session::{End, Session};

/// Runs a main function in assembly: `head` are its directives but for
/// registers and `_ENV`, `code` its instructions.
fn run(head: &str, code: &str) -> String {
    let text = format!("strata 1\n.proto\n.regs 30\n.upval r0 \"_ENV\"\n{head}.code\n{code}.end\n");
    let module = strata_spec::assemble(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut session = Session::open();
    let outcome = session.run_module(module);
    assert!(matches!(outcome.end, End::Returned(0)), "{}", outcome.end);
    session.check_heap("after hostile bytecode");
    String::from_utf8_lossy(&outcome.output).into_owned()
}

const PRINT: &str = ".const \"print\"\n.const \"type\"\n.const 1.0\n.const 5.0\n.slot field\n.slot field\n.slot call\n.slot call\n.slot site\n";

/// `print(type(R[reg]))`.
fn print_type(reg: u8) -> String {
    format!(
        "  gettabup r10 u0 k0 s0\n  gettabup r12 u0 k1 s1\n  move r14 r{reg}\n\
         \x20 call r12 1 1 s2\n  call r10 1 0 s3\n"
    )
}

#[test]
fn a_loop_takes_no_address_for_a_number() {
    // It ends after the first round, when it looks at its registers.
    let integers = "  loadi r0 1\n  loadi r1 5\n  loadi r2 1\n";
    let floats = "  loadk r0 k2\n  loadk r1 k3\n  loadk r2 k2\n";
    for (loads, first) in [(integers, "1"), (floats, "1.0")] {
        for bad in 0..3 {
            let code = format!(
                "{loads}  forprep r0 out\nbody: loop defined 4\n  newtable r{bad} 0 0 s4\n\
                 {}{}  gettabup r10 u0 k0 s0\n  move r12 r3\n  call r10 1 0 s3\n\
                 \x20 forloop r0 body\nout: defined 0\n  return0\n",
                print_type(bad),
                print_type((bad + 1) % 3),
            );
            let wanted = format!("table\nnumber\n{first}\n");
            assert_eq!(run(PRINT, &code), wanted, "{loads}{bad}");
        }
    }
}

/// Registers with names while `debug.getlocal` is called at r4.
const NAMES: &str = ".local \"sound\" r2 0 99\n.local \"callee\" r4 0 99\n.local \"link\" r5 0 99\n\
    .local \"argument\" r6 0 99\n.local \"never\" r29 0 99\n.local \"gone\" r20 0 99\n";

/// What `debug.getlocal` or `setlocal` (`function`) returns for each local, and
/// the value of r2 afterwards.
fn locals(function: &str, names: &str, numbers: std::ops::RangeInclusive<u8>) -> String {
    let head = format!(
        ".const \"debug\"\n.const \"{function}\"\n.const \"print\"\n\
         .slot field\n.slot field\n.slot field\n.slot call\n.slot call\n{names}"
    );
    let mut code = String::from(
        "  gettabup r0 u0 k0 s0\n  getfield r0 r0 k1 s1\n  gettabup r1 u0 k2 s2\n  loadi r2 42\n\
         \x20 loadi r20 1\n",
    );
    for n in numbers {
        code.push_str(&format!(
            "  move r4 r0\n  loadi r6 1\n  loadi r7 {n}\n  loadi r8 7\n  call r4 3 2 s3\n\
             \x20 move r10 r1\n  move r12 r4\n  move r13 r5\n  move r14 r2\n  call r10 3 0 s4\n"
        ));
    }
    code.push_str("  return0\n");
    let len = code.lines().count();
    run(&head.replace("99", &len.to_string()), &code)
}

#[test]
fn getlocal_shows_no_register_that_holds_nothing() {
    // After the first call `gone` has been under its callee's frame.
    assert_eq!(
        locals("getlocal", NAMES, 1..=6),
        "sound\t42\t42\ncallee\tnil\t42\nlink\tnil\t42\nargument\tnil\t42\nnever\tnil\t42\n\
         gone\tnil\t42\n"
    );
}

#[test]
fn setlocal_changes_no_register_that_holds_nothing() {
    assert_eq!(
        locals("setlocal", NAMES, 1..=6),
        "sound\tnil\t7\ncallee\tnil\t7\nlink\tnil\t7\nargument\tnil\t7\nnever\tnil\t7\n\
         gone\tnil\t7\n"
    );
}

#[test]
fn temporaries_without_value_are_nil() {
    // r3 is never written.
    assert_eq!(
        locals("getlocal", "", 3..=5),
        "(temporary)\t42\t42\n(temporary)\tnil\t42\nnil\tnil\t42\n"
    );
}
