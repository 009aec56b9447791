//! Compiles Lua's own test suite, if it is there: set `LUA_TESTES` to its
//! folder (`testes` of the Lua repository). Whether the programs run right is
//! checked elsewhere; here they must compile to modules that verify.

#[test]
fn official_suite_compiles() {
    let Some(folder) = std::env::var_os("LUA_TESTES") else {
        eprintln!("LUA_TESTES is not set: nothing to compile");
        return;
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "lua") {
            continue;
        }
        let source = std::fs::read(&path).expect("a readable file");
        let name = format!("@{}", path.display());
        match strata_lua::compile_file(&source, name.as_bytes()) {
            Ok(module) => {
                if let Err(error) = strata_spec::verify(&module) {
                    panic!("{name}: {error}");
                }
            }
            Err(error) => panic!("{error}"),
        }
        count += 1;
    }
    assert!(count > 0, "no Lua files in LUA_TESTES");
}
