//! The os library: clock and calendar, environment, files by name, processes.
//! The system calls are in [`crate::os`], the rules of dates in
//! [`text::date`](crate::text::date).
//!
//! The C locale is the only one. `os.exit` is an error that no Lua code
//! catches: it ends the run, and the host ends the process, after closing the
//! state if asked to (`LibState::close_on_exit`).

use super::Entry;
use super::io::{exit_result, file_result, flush_outputs};
use super::shared::{field_of, new_table, register, set_field};
use crate::error::{Cause, Error, Result};
use crate::native::{Cx, Ret};
use crate::object::Table;
use crate::ops;
use crate::os as system;
use crate::state::Vm;
use crate::text::date::{self, DateError, DateFields, DateResult, FieldValue, INPUT_FIELDS};
use crate::value::{NIL, Value, tag};

const FUNCTIONS: &[Entry] = &[
    ("clock", clock),
    ("date", date),
    ("difftime", difftime),
    ("execute", execute),
    ("exit", exit),
    ("getenv", getenv),
    ("remove", remove),
    ("rename", rename),
    ("setlocale", setlocale),
    ("time", time),
    ("tmpname", tmpname),
];

/// Opens the os library.
///
/// # Errors
/// Out of memory.
pub fn open(vm: &mut Vm) -> Result<()> {
    register(vm, "os", FUNCTIONS).map(drop)
}

// ---- time

fn clock(cx: &mut Cx<'_>) -> Result<Ret> {
    let seconds = system::cpu_seconds().unwrap_or(-1.0);
    cx.ret(Value::float(seconds))
}

/// The error that `os.date` and `os.time` raise.
#[cold]
fn date_error(cx: &mut Cx<'_>, e: &DateError) -> Error {
    match e.argument() {
        Some(number) => cx.arg_error_bytes(number as usize - 1, &e.message()),
        None => cx.error_bytes(&e.message()),
    }
}

fn set_date_fields(cx: &mut Cx<'_>, t: *mut Table, fields: &DateFields) -> Result<()> {
    for (name, value) in fields.integers {
        set_field(cx.vm, t, name.as_bytes(), Value::int(value))?;
    }
    match fields.isdst {
        Some(isdst) => set_field(cx.vm, t, b"isdst", Value::bool(isdst)),
        None => Ok(()),
    }
}

/// The time now, in seconds since 1970.
fn now(cx: &mut Cx<'_>) -> Result<i64> {
    match system::now() {
        Some(time) => Ok(time),
        None => Err(date_error(cx, &DateError::TimeNotRepresentable)),
    }
}

fn date(cx: &mut Cx<'_>) -> Result<Ret> {
    let format = cx.opt_bytes(0)?.unwrap_or(b"%c");
    let time = if cx.is_none_or_nil(1) {
        now(cx)?
    } else {
        cx.check_int(1)?
    };
    cx.vm.tick(format.len() as u64)?;
    cx.vm.heap.check(format.len() * 2)?;
    match date::date_within(format, time, &mut |steps| cx.vm.tick(steps))? {
        Ok(DateResult::Text(text)) => cx.ret_bytes(&text),
        Ok(DateResult::Table(fields)) => {
            let t = new_table(cx.vm);
            set_date_fields(cx, t, &fields)?;
            cx.ret(Value::table(t))
        }
        Err(e) => Err(date_error(cx, &e)),
    }
}

fn time(cx: &mut Cx<'_>) -> Result<Ret> {
    if cx.is_none_or_nil(0) {
        let time = now(cx)?;
        return cx.ret_int(time);
    }
    let t = cx.check_table(0)?;
    let mut fields = [0; 6];
    for (input, value) in INPUT_FIELDS.iter().zip(&mut fields) {
        let v = field_of(cx, Value::table(t), input.name.as_bytes())?;
        let found = match cx.vm.to_integer(v) {
            Some(i) => FieldValue::Int(i),
            None if v.is_nil() => FieldValue::Absent,
            None => FieldValue::Other,
        };
        *value = match input.convert(found) {
            Ok(value) => value,
            Err(e) => return Err(date_error(cx, &e)),
        };
    }
    let isdst = field_of(cx, Value::table(t), b"isdst")?;
    let isdst = (!isdst.is_nil()).then(|| isdst.is_truthy());
    let result = date::time(fields, isdst);
    for (name, value) in result.fields.integers {
        let key = cx.vm.str_value(name.as_bytes())?;
        ops::set_index(cx, Value::table(t), key, Value::int(value))?;
    }
    if let Some(isdst) = result.fields.isdst {
        let key = cx.vm.str_value(b"isdst")?;
        ops::set_index(cx, Value::table(t), key, Value::bool(isdst))?;
    }
    match result.time {
        Some(time) => cx.ret_int(time),
        None => Err(date_error(cx, &DateError::TimeNotRepresentable)),
    }
}

fn difftime(cx: &mut Cx<'_>) -> Result<Ret> {
    let (to, from) = (cx.check_int(0)?, cx.check_int(1)?);
    // Exact where the difference is, as C computes it.
    let difference = to
        .checked_sub(from)
        .map_or(to as f64 - from as f64, |d| d as f64);
    cx.ret(Value::float(difference))
}

// ---- processes and environment

fn execute(cx: &mut Cx<'_>) -> Result<Ret> {
    let Some(command) = cx.opt_bytes(0)? else {
        return cx.ret_bool(system::has_shell());
    };
    flush_outputs(cx);
    exit_result(cx, system::execute(command))
}

fn exit(cx: &mut Cx<'_>) -> Result<Ret> {
    let status = match cx.arg(0).tag {
        tag::TRUE => 0,
        tag::FALSE => 1,
        _ => cx.opt_int(0, 0)? as i32,
    };
    cx.vm.lib.close_on_exit = cx.arg(1).is_truthy();
    Err(Error(Box::new(Cause::Exit(status))))
}

fn getenv(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    match system::getenv(name) {
        Some(value) => cx.ret_bytes(&value),
        None => cx.ret_nil(),
    }
}

fn setlocale(cx: &mut Cx<'_>) -> Result<Ret> {
    const CATEGORIES: &[&str] = &["all", "collate", "ctype", "monetary", "numeric", "time"];
    let name = cx.opt_bytes(0)?;
    cx.check_option(1, Some("all"), CATEGORIES)?;
    match name {
        None | Some(b"" | b"C" | b"POSIX") => cx.ret_bytes(b"C"),
        Some(_) => cx.ret(NIL),
    }
}

// ---- files

fn remove(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.check_bytes(0)?;
    file_result(cx, system::remove(name), Some(name))
}

fn rename(cx: &mut Cx<'_>) -> Result<Ret> {
    let (from, to) = (cx.check_bytes(0)?, cx.check_bytes(1)?);
    file_result(cx, system::rename(from, to), None)
}

fn tmpname(cx: &mut Cx<'_>) -> Result<Ret> {
    match system::temp_name() {
        Ok(name) => cx.ret_bytes(&name),
        Err(_) => Err(cx.error("unable to generate a unique filename")),
    }
}
