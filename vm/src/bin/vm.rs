//! The `vm` command.
use std::sync::Arc;
use strata::engine;

fn main() {
    let path = std::env::args().nth(2).unwrap_or_default();
    let source = std::fs::read(&path).unwrap_or_default();
    let mut vm = engine::new_vm(&strata::runtime::state::VmConfig { allow_bytecode: true, ..Default::default() }).expect("stack");
    strata::runtime::lib::open_all(&mut vm).expect("library");
    let source = if source.starts_with(b"#") { [b"--", &source[..]].concat() } else { source };
    let module = match strata::lua::compile(&source, format!("@{path}").as_bytes()) {
        Ok(m) => m,
        Err(e) => {
            eprintln!("{}", String::from_utf8_lossy(&e.message));
            std::process::exit(2);
        }
    };
    if let Err(e) = strata::spec::verify(&module) {
        eprintln!("verify: {e}");
        std::process::exit(2);
    }
    let f = engine::load_main(&mut vm, Arc::new(module)).expect("load");
    match engine::call(&mut vm, f, &[]) {
        Ok(r) => drop(engine::take_results(&mut vm, r)),
        Err(e) => {
            match *e.0 {
                strata::runtime::error::Cause::Lua(v) if v.is_str() => {
                    eprintln!("vm: {}", String::from_utf8_lossy(vm.bytes(v.as_str())));
                }
                other => eprintln!("vm: {other:?}"),
            }
            if let Some(t) = vm.last_traceback.take() {
                eprintln!("{}", String::from_utf8_lossy(&t));
            }
            std::process::exit(1);
        }
    }
}
