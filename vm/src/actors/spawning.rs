//! `actors.spawn` and `actors.supervisor`.

use super::Message;
use super::actor::ActorRef;
use super::context::{Host, context, reference};
use super::copy_in::{Loaded, copy_in};
use super::copy_out::{Refusal, copy_out};
use super::options::{Limits, Options};
use super::supervise::{Restart, Strategy, Supervision, Supervisor};
use std::sync::Arc;
use std::time::Duration;
use strata_runtime::error::Result;
use strata_runtime::native::{Cx, Ret, exact_int};
use strata_runtime::object::Table;
use strata_runtime::table::{self, next_at};
use strata_runtime::value::{Value, tag};

/// The fields of a table of options, one by one.
fn each_field(
    cx: &mut Cx<'_>,
    i: usize,
    known: &str,
    mut with: impl FnMut(&mut Cx<'_>, &str, Value) -> Result<Option<()>>,
) -> Result<()> {
    if cx.is_none_or_nil(i) {
        return Ok(());
    }
    let t = cx.check_table(i)?;
    let mut cursor = 0;
    // SAFETY: the table lies in an argument's slot; nothing changes it.
    while let Some((next, key, v)) = unsafe { next_at(t, cursor) } {
        cursor = next;
        let name = match key.is_str() {
            true => String::from_utf8_lossy(cx.vm.bytes(key.as_str())).into_owned(),
            false => format!("a {} value", key.type_name()),
        };
        if with(cx, &name, v)?.is_none() {
            let why = format!("no option is called '{name}'; there are {known}");
            return Err(cx.arg_error(i, &why));
        }
    }
    Ok(())
}

fn wrong(cx: &mut Cx<'_>, i: usize, name: &str, expected: &str) -> strata_runtime::Error {
    cx.arg_error(i, &format!("option '{name}': {expected} expected"))
}

/// An option that counts something, at least 1.
fn count(cx: &mut Cx<'_>, i: usize, name: &str, v: Value) -> Result<u64> {
    let n = exact_int(v).and_then(|n| u64::try_from(n).ok());
    match n.filter(|n| *n > 0) {
        Some(n) => Ok(n),
        None => Err(wrong(cx, i, name, "an integer above 0")),
    }
}

/// An option that is a time in seconds.
fn seconds(cx: &mut Cx<'_>, i: usize, name: &str, v: Value) -> Result<Duration> {
    let n = match v.tag {
        tag::INT => Some(v.as_int() as f64),
        tag::FLOAT => Some(v.as_float()),
        _ => None,
    };
    match n.and_then(|n| Duration::try_from_secs_f64(n).ok()) {
        Some(time) => Ok(time),
        None => Err(wrong(cx, i, name, "a time in seconds")),
    }
}

/// `n`, if the host allows as much.
fn within<T: PartialOrd + std::fmt::Debug>(
    cx: &mut Cx<'_>,
    name: &str,
    n: T,
    most: Option<T>,
) -> Result<T> {
    match most {
        Some(most) if n > most => {
            let why = format!("option '{name}': the host allows {most:?}");
            Err(cx.arg_error(1, &why))
        }
        _ => Ok(n),
    }
}

/// What `actors.spawn` can be told.
const SPAWN: &str = "args, instructions, mailbox, mailbox_bytes, memory, name, supervisor, time";

pub(super) fn spawn(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let system = &context.actor.system;
    let f = cx.check_function(0)?;
    let host = system.config.limits;
    let mut limits = host;
    let mut options = Options::default();
    let mut args: Option<*mut Table> = None;
    each_field(cx, 1, SPAWN, |cx, name, v| {
        match name {
            "args" if v.is_table() => args = Some(v.as_table()),
            "args" => return Err(wrong(cx, 1, name, "a table")),
            "name" if v.is_str() => {
                let name = cx.vm.bytes(v.as_str());
                options.name = Some(String::from_utf8_lossy(name).into_owned());
            }
            "name" => return Err(wrong(cx, 1, name, "a string")),
            "memory" => {
                let n = usize::try_from(count(cx, 1, name, v)?).unwrap_or(usize::MAX);
                // What all have together is looked at when it is started.
                let most = host.memory.filter(|_| system.config.memory.is_none());
                limits.memory = Some(within(cx, name, n, most)?);
            }
            "instructions" => {
                let n = count(cx, 1, name, v)?;
                limits.instructions = Some(within(cx, name, n, host.instructions)?);
            }
            "time" => {
                let time = seconds(cx, 1, name, v)?;
                limits.time = Some(within(cx, name, time, host.time)?);
            }
            "mailbox" => {
                limits.mailbox = usize::try_from(count(cx, 1, name, v)?).unwrap_or(usize::MAX);
            }
            "mailbox_bytes" => {
                let n = usize::try_from(count(cx, 1, name, v)?).unwrap_or(usize::MAX);
                limits.mailbox_bytes = within(cx, name, n, Some(host.mailbox_bytes))?;
            }
            "supervisor" => match supervisor_of(v) {
                Some(supervisor) => options.supervisor = Some(supervisor),
                None => return Err(wrong(cx, 1, name, "a supervisor")),
            },
            _ => return Ok(None),
        }
        Ok(Some(()))
    })?;
    options.limits = Some(limits);
    let mut values = vec![f];
    if let Some(args) = args {
        // SAFETY: the table is in the options, which their slot keeps.
        let n = unsafe { table::len(args) };
        for i in 1..=n {
            // SAFETY: as above.
            values.push(unsafe { table::get_int(args, i) });
        }
        cx.vm.tick(n as u64)?;
    }
    let body = match copy_out(
        cx.vm,
        &values,
        Limits::default().mailbox_bytes,
        &system.modules,
    ) {
        Ok(body) => body,
        Err(Refusal::Vm(e)) => return Err(e),
        Err(Refusal::Value(why)) => return Err(cx.error(&why)),
    };
    match system.spawn(body, options) {
        Ok(actor) => {
            let v = reference(cx.vm, actor)?;
            cx.ret(v)
        }
        Err(e) => Err(cx.error(&e.to_string())),
    }
}

/// What `actors.supervisor` can be told.
const SUPERVISOR: &str = "backoff, escalate, restart, restarts, strategy, within";

pub(super) fn supervisor(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let mut rule = Supervision::default();
    let mut escalates = false;
    each_field(cx, 0, SUPERVISOR, |cx, name, v| {
        let text = match v.is_str() {
            true => String::from_utf8_lossy(cx.vm.bytes(v.as_str())).into_owned(),
            false => String::new(),
        };
        match (name, &text[..]) {
            ("strategy", "one_for_one") => rule.strategy = Strategy::OneForOne,
            ("strategy", "one_for_all") => rule.strategy = Strategy::OneForAll,
            ("strategy", _) => return Err(wrong(cx, 0, name, "one_for_one or one_for_all")),
            ("restart", "never") => rule.restart = Restart::Never,
            ("restart", "on_failure") => rule.restart = Restart::OnFailure,
            ("restart", "always") => rule.restart = Restart::Always,
            ("restart", _) => {
                return Err(wrong(cx, 0, name, "never, on_failure or always"));
            }
            ("restarts", _) => {
                let n = exact_int(v).and_then(|n| u32::try_from(n).ok());
                rule.restarts = n.ok_or_else(|| wrong(cx, 0, name, "an integer from 0 on"))?;
            }
            ("within", _) => rule.within = seconds(cx, 0, name, v)?,
            ("escalate", _) if !v.is_truthy() => escalates = false,
            ("escalate", _) if context.host == Host::Thread => {
                let why = "option 'escalate': only in an actor, which then is the owner";
                return Err(cx.arg_error(0, why));
            }
            ("escalate", _) => escalates = true,
            ("backoff", _) => rule.backoff = seconds(cx, 0, name, v)?,
            _ => return Ok(None),
        }
        Ok(Some(()))
    })?;
    let supervisor = match escalates {
        true => Supervisor::owned(rule, &ActorRef(Arc::clone(&context.actor))),
        false => Supervisor::new(rule),
    };
    let u = cx.vm.heap.new_userdata(Box::new(supervisor), 0, 0);
    cx.ret(Value::userdata(u))
}

fn supervisor_of(v: Value) -> Option<Supervisor> {
    if v.tag != tag::USERDATA {
        return None;
    }
    // SAFETY: the tag says that it is a userdata; the caller's value is live.
    let data = unsafe { (*v.as_userdata()).data.as_ref()? };
    data.downcast_ref::<Supervisor>().cloned()
}

impl Message {
    /// A copy of values of a VM.
    ///
    /// # Errors
    /// A value has no copy, which the error names by its path; a limit.
    pub fn from_lua(
        lua: &crate::api::Lua,
        values: impl crate::api::IntoLuaMulti,
    ) -> crate::api::Result<Message> {
        lua.enter(|cx| {
            let first = cx.top();
            values.push_all(cx)?;
            let values: Vec<Value> = (first..cx.top()).map(|at| cx.slot(at)).collect();
            let modules = super::copy_out::Modules::default();
            match copy_out(cx.vm(), &values, usize::MAX, &modules) {
                Ok(message) => Ok(message),
                Err(Refusal::Vm(e)) => Err(cx.fail(e)),
                Err(Refusal::Value(why)) => Err(crate::api::Error::external(why)),
            }
        })
    }

    /// Its values, copied to a VM.
    ///
    /// # Errors
    /// The VM's limits; it lacks a library function that the message names; the
    /// message names actors, and the VM is not
    /// [attached](super::System::attach); conversions.
    pub fn into_lua<R: crate::api::FromLuaMulti>(
        self,
        lua: &crate::api::Lua,
    ) -> crate::api::Result<R> {
        lua.enter(|cx| {
            let first = cx.top();
            let n = self.len();
            let mut loaded = Loaded::default();
            let copied = copy_in(cx.vm(), &mut loaded, self);
            loaded.release(cx.vm());
            copied.map_err(|e| cx.fail(e))?;
            R::from_slots(crate::api::Slots { first, n }, 0, cx)
        })
    }
}
