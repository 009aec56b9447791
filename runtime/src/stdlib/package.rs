//! The package library and `require`.
//!
//! A module is looked for by the functions in `package.searchers`, in order:
//! `package.preload`, Lua files on `package.path`, and the two searchers for
//! C libraries on `package.cpath`. C libraries can't be loaded: those
//! searchers find files, and then say so.

use super::Entry;
use super::io::c_part;
use super::loading::load_file;
use super::shared::{
    Registry, add_functions, append, field, field_of, geti, new_table, publish, register,
    registry_table, set_field, seti,
};
use crate::error::Result;
use crate::native::{Cx, NativeFn, Ret};
use crate::object::NativeKind;
use crate::os;
use crate::state::Vm;
use crate::value::{NIL, Value};

/// Separates directories in a file name.
const DIR_SEP: &str = if cfg!(windows) { "\\" } else { "/" };
/// Where Lua files are looked for by default.
const PATH: &str = "/usr/local/share/lua/5.4/?.lua;/usr/local/share/lua/5.4/?/init.lua;\
                    /usr/local/lib/lua/5.4/?.lua;/usr/local/lib/lua/5.4/?/init.lua;./?.lua;./?/init.lua";
/// Where C libraries are looked for by default.
const C_PATH: &str = "/usr/local/lib/lua/5.4/?.so;/usr/local/lib/lua/5.4/loadall.so;./?.so";
/// Why a C library isn't loaded.
const NO_LIBRARIES: &str = "dynamic libraries not enabled; check your Lua installation";

const FUNCTIONS: &[Entry] = &[("loadlib", loadlib), ("searchpath", searchpath)];

const SEARCHERS: [(&str, NativeFn); 4] = [
    ("searcher_preload", search_preload),
    ("searcher_Lua", search_lua),
    ("searcher_C", search_c),
    ("searcher_Croot", search_c_root),
];

/// Opens the package library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    let t = register(vm, "package", FUNCTIONS)?;
    let package = Value::table(t);
    let searchers = new_table(vm);
    for (i, (name, f)) in SEARCHERS.into_iter().enumerate() {
        let f = vm.heap.new_native(f, name, NativeKind::Plain, &[package]);
        seti(vm, searchers, i as i64 + 1, Value::native(f))?;
    }
    set_field(vm, t, b"searchers", Value::table(searchers))?;
    for (name, variable, default) in [("path", "LUA_PATH", PATH), ("cpath", "LUA_CPATH", C_PATH)] {
        let path = path_setting(vm, variable, default)?;
        let path = vm.str_value(&path)?;
        set_field(vm, t, name.as_bytes(), path)?;
    }
    let config = vm.str_value(format!("{DIR_SEP}\n;\n?\n!\n-\n").as_bytes())?;
    set_field(vm, t, b"config", config)?;
    let loaded = registry_table(vm, Registry::LOADED)?;
    set_field(vm, t, b"loaded", Value::table(loaded))?;
    let preload = registry_table(vm, Registry::PRELOAD)?;
    set_field(vm, t, b"preload", Value::table(preload))?;
    let globals = vm.globals;
    add_functions(vm, globals, &[("require", require)], &[package])
}

/// Has `require` of `name` call `open`, a function with these upvalues, whose result
/// is the module. Nothing without the package library.
///
/// # Errors
/// Out of memory.
pub fn preload(vm: &mut Vm, name: &'static str, open: NativeFn, upvalues: &[Value]) -> Result<()> {
    preload_as(vm, name.as_bytes(), (name, open), upvalues)
}

/// The same for a name that isn't known before, of modules that share an opener.
/// Messages call the function as `open` says.
///
/// # Errors
/// Out of memory.
pub fn preload_as(
    vm: &mut Vm,
    name: &[u8],
    open: (&'static str, NativeFn),
    upvalues: &[Value],
) -> Result<()> {
    let preload = registry_table(vm, Registry::PRELOAD)?;
    let open = vm
        .heap
        .new_native(open.1, open.0, NativeKind::Plain, upvalues);
    set_field(vm, preload, name, Value::native(open))
}

/// The module that `require` of `name` would find loaded.
pub fn loaded(vm: &mut Vm, name: &[u8]) -> Option<Value> {
    let loaded = registry_table(vm, Registry::LOADED).ok()?;
    field(vm, loaded, name).ok().filter(|v| !v.is_nil())
}

/// Makes `module` what `require` of `name` finds loaded.
///
/// # Errors
/// Out of memory.
pub fn set_loaded(vm: &mut Vm, name: &'static str, module: Value) -> Result<()> {
    publish(vm, name, module)
}

/// A path from the environment, in which `;;` stands for the default.
fn path_setting(vm: &mut Vm, variable: &str, default: &str) -> Result<Vec<u8>> {
    let registry = vm.registry;
    let ignore = field(vm, registry, b"LUA_NOENV")?.is_truthy();
    let versioned = format!("{variable}_5_4");
    let set = os::getenv(versioned.as_bytes()).or_else(|| os::getenv(variable.as_bytes()));
    Ok(match set {
        Some(path) if !ignore => expand_default(&path, default),
        _ => default.as_bytes().to_vec(),
    })
}

fn expand_default(path: &[u8], default: &str) -> Vec<u8> {
    let Some(at) = path.windows(2).position(|pair| pair == b";;") else {
        return path.to_vec();
    };
    let mut parts = Vec::new();
    parts.extend_from_slice(&path[..at]);
    if at > 0 {
        parts.push(b';');
    }
    parts.extend_from_slice(default.as_bytes());
    if at + 2 < path.len() {
        parts.push(b';');
        parts.extend_from_slice(&path[at + 2..]);
    }
    parts
}

/// `text` with every `from` replaced by `to`. Charges the work.
fn replace(cx: &mut Cx<'_>, text: &[u8], from: &[u8], to: &[u8]) -> Result<Vec<u8>> {
    if from.is_empty() {
        return Ok(text.to_vec());
    }
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        append(cx.vm, &mut out, &rest[..at])?;
        append(cx.vm, &mut out, to)?;
        rest = &rest[at + from.len()..];
        cx.vm.tick(8 + (at + to.len()) as u64 / 8)?;
    }
    append(cx.vm, &mut out, rest)?;
    Ok(out)
}

/// The first readable file for `name` among the templates in `path`, or the
/// message that lists what was tried.
fn find_file(
    cx: &mut Cx<'_>,
    name: &[u8],
    path: &[u8],
    sep: &[u8],
    dir_sep: &[u8],
) -> Result<std::result::Result<Vec<u8>, Vec<u8>>> {
    let name = if sep.is_empty() {
        name.to_vec()
    } else {
        replace(cx, name, sep, dir_sep)?
    };
    let files = replace(cx, path, b"?", &name)?;
    for file in files.split(|b| *b == b';') {
        if is_readable(file) {
            return Ok(Ok(file.to_vec()));
        }
        cx.vm.tick(1 << 10)?;
    }
    let listed = replace(cx, &files, b";", b"'\n\tno file '")?;
    Ok(Err([b"no file '", listed.as_slice(), b"'"].concat()))
}

fn is_readable(file: &[u8]) -> bool {
    !file.is_empty() && os::path(file).is_ok_and(|path| std::fs::File::open(path).is_ok())
}

fn searchpath(cx: &mut Cx<'_>) -> Result<Ret> {
    let (name, path) = (c_part(cx.check_bytes(0)?), c_part(cx.check_bytes(1)?));
    let sep = c_part(cx.opt_bytes(2)?.unwrap_or(b"."));
    let dir_sep = c_part(cx.opt_bytes(3)?.unwrap_or(DIR_SEP.as_bytes()));
    match find_file(cx, name, path, sep, dir_sep)? {
        Ok(file) => cx.ret_bytes(&file),
        Err(msg) => {
            let msg = cx.vm.str_value(&msg)?;
            cx.ret2(NIL, msg)
        }
    }
}

fn loadlib(cx: &mut Cx<'_>) -> Result<Ret> {
    cx.check_bytes(0)?;
    cx.check_bytes(1)?;
    let msg = cx.vm.str_value(NO_LIBRARIES.as_bytes())?;
    let place = cx.vm.str_value(b"absent")?;
    cx.ret_all(&[NIL, msg, place])
}

// ---- searchers

fn search_preload(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    let registry = Value::table(cx.vm.registry);
    let preload = field_of(cx, registry, Registry::PRELOAD.as_bytes())?;
    let loader = field_of(cx, preload, name)?;
    if loader.is_nil() {
        return cx.ret_bytes(&[b"no field package.preload['", name, b"']"].concat());
    }
    let data = cx.vm.str_value(b":preload:")?;
    cx.ret2(loader, data)
}

/// The file for `name` on `package[field]`, or the message.
fn find_on(
    cx: &mut Cx<'_>,
    name: &[u8],
    field: &str,
) -> Result<std::result::Result<Vec<u8>, Vec<u8>>> {
    let package = cx.upval(0);
    let path = field_of(cx, package, field.as_bytes())?;
    if !(path.is_str() || path.is_number()) {
        return Err(cx.error(&format!("'package.{field}' must be a string")));
    }
    let path = text_of(cx, path);
    find_file(cx, c_part(name), c_part(path), b".", DIR_SEP.as_bytes())
}

/// The bytes of a string or number.
fn text_of<'b>(cx: &mut Cx<'_>, v: Value) -> &'b [u8] {
    let s = if v.is_str() {
        v.as_str()
    } else {
        cx.vm.number_to_str(v)
    };
    cx.vm.bytes(s)
}

/// "error loading module …"
#[cold]
fn loading_error(cx: &mut Cx<'_>, name: &[u8], file: &[u8], why: &[u8]) -> crate::Error {
    let msg = [
        b"error loading module '",
        c_part(name),
        b"' from file '",
        file,
        b"':\n\t",
        why,
    ]
    .concat();
    cx.error_bytes(&msg)
}

fn search_lua(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    let file = match find_on(cx, name, "path")? {
        Ok(file) => file,
        Err(msg) => return cx.ret_bytes(&msg),
    };
    match load_file(cx, Some(&file), b"bt", None)? {
        Ok(f) => {
            let file = cx.vm.str_value(&file)?;
            cx.ret2(f, file)
        }
        Err(msg) => Err(loading_error(cx, name, &file, &msg)),
    }
}

fn search_c(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    match find_on(cx, name, "cpath")? {
        Ok(file) => Err(loading_error(cx, name, &file, NO_LIBRARIES.as_bytes())),
        Err(msg) => cx.ret_bytes(&msg),
    }
}

/// Looks for the library of the root of a name with dots.
fn search_c_root(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    let Some(dot) = name.iter().position(|b| *b == b'.') else {
        return cx.ret0();
    };
    match find_on(cx, &name[..dot], "cpath")? {
        Ok(file) => Err(loading_error(cx, name, &file, NO_LIBRARIES.as_bytes())),
        Err(msg) => cx.ret_bytes(&msg),
    }
}

// ---- require

/// Calls `f` and returns its first two results, which stay reachable from
/// the two slots that are pushed.
fn call2(cx: &mut Cx<'_>, f: Value, args: &[Value]) -> Result<[Value; 2]> {
    let at = cx.top();
    cx.push(f)?;
    cx.push(NIL)?;
    for v in args {
        cx.push(*v)?;
    }
    cx.call_slots(at, args.len())?;
    cx.set_top(at + 2)?;
    Ok([cx.slot(at), cx.slot(at + 1)])
}

/// The loader of a module and its data.
fn find_loader(cx: &mut Cx<'_>, name: Value) -> Result<[Value; 2]> {
    let package = cx.upval(0);
    let searchers = field_of(cx, package, b"searchers")?;
    if !searchers.is_table() {
        return Err(cx.error("'package.searchers' must be a table"));
    }
    cx.push(searchers)?;
    let bottom = cx.top();
    let mut tried = Vec::new();
    let mut i = 0;
    loop {
        i += 1;
        let searcher = geti(searchers.as_table(), i);
        if searcher.is_nil() {
            let name = cx.vm.bytes(name.as_str());
            let msg = [b"module '", c_part(name), b"' not found:", tried.as_slice()].concat();
            return Err(cx.error_bytes(&msg));
        }
        cx.set_top(bottom)?;
        let [loader, data] = call2(cx, searcher, &[name])?;
        if loader.is_function() {
            return Ok([loader, data]);
        }
        if loader.is_str() || loader.is_number() {
            tried.extend_from_slice(b"\n\t");
            let msg = text_of(cx, loader);
            tried.extend_from_slice(msg);
        }
        cx.vm.tick(16)?;
    }
}

fn require(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = Value::str(cx.check_str(0)?);
    cx.set_top(1)?;
    let key = cx.vm.bytes(name.as_str());
    let registry = Value::table(cx.vm.registry);
    let loaded = field_of(cx, registry, Registry::LOADED.as_bytes())?;
    cx.push(loaded)?;
    let module = field_of(cx, loaded, key)?;
    if module.is_truthy() {
        return cx.ret(module);
    }
    let [loader, data] = find_loader(cx, name)?;
    let [result, _] = call2(cx, loader, &[name, data])?;
    if !result.is_nil() {
        crate::ops::set_index(cx, loaded, name, result)?;
    }
    let mut module = field_of(cx, loaded, key)?;
    if module.is_nil() {
        module = Value::bool(true);
        crate::ops::set_index(cx, loaded, name, module)?;
    }
    cx.ret2(module, data)
}

#[cfg(test)]
mod tests {
    use super::expand_default;

    #[test]
    fn default_paths() {
        let expanded =
            |path: &str| String::from_utf8(expand_default(path.as_bytes(), "D")).unwrap();
        assert_eq!(expanded("a;b"), "a;b");
        assert_eq!(expanded(";;"), "D");
        assert_eq!(expanded("a;;"), "a;D");
        assert_eq!(expanded(";;b"), "D;b");
        assert_eq!(expanded("a;;b"), "a;D;b");
    }
}
