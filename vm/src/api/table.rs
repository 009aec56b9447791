//! [`Table`]: a handle to a table, and iteration over it.

use super::convert::{FromLua, IntoLua};
use super::error::Result;
use super::function::{Function, call_method};
use super::handle::Handle;
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::stack::Access;
use super::value::Value;
use std::ffi::c_void;
use std::marker::PhantomData;
use strata_runtime::error::Error as RtError;
use strata_runtime::metatable::{metatable_of, set_metatable};
use strata_runtime::ops::meta;
use strata_runtime::table::{self as raw_table, Cursor, SetError};
use strata_runtime::value::NIL;
use strata_runtime::{Value as Raw, Vm};

/// A Lua table.
#[derive(Clone, Debug)]
pub struct Table(pub(crate) Handle);

/// The Lua error of a failed store.
fn check(cx: &mut Access<'_>, stored: Result<(), SetError>) -> Result<()> {
    match stored {
        Ok(()) => Ok(()),
        Err(e) => {
            let e: RtError = meta::set_error(cx.vm(), e);
            Err(cx.fail(e))
        }
    }
}

impl Table {
    /// Pushes the table and `key`; returns both.
    fn push_with(&self, cx: &mut Access<'_>, key: impl IntoLua) -> Result<(Raw, Raw)> {
        let t = self.0.raw(cx.vm());
        key.push_raw(cx)?;
        let at = cx.top() - 1;
        Ok((t, cx.slot(at)))
    }

    /// `t[key]`; calls `__index`.
    ///
    /// # Errors
    /// What `__index` raises; the value is of another type.
    pub fn get<V: FromLua>(&self, key: impl IntoLua) -> Result<V> {
        self.0.enter(|cx| {
            let (t, key) = self.push_with(cx, key)?;
            let v = cx.push_result(|cx| meta::index(cx, t, key))?;
            V::from_raw(v, cx)
        })
    }

    /// `t[key] = value`; calls `__newindex`.
    ///
    /// # Errors
    /// What `__newindex` raises; the key is nil or NaN.
    pub fn set(&self, key: impl IntoLua, value: impl IntoLua) -> Result<()> {
        self.0.enter(|cx| {
            let (t, key) = self.push_with(cx, key)?;
            value.push_raw(cx)?;
            let at = cx.top() - 1;
            let v = cx.slot(at);
            cx.check_memory(0)?;
            cx.push_result(|cx| meta::set_index(cx, t, key, v).map(|()| NIL))
                .map(drop)
        })
    }

    /// `rawget(t, key)`
    ///
    /// # Errors
    /// The value is of another type.
    pub fn raw_get<V: FromLua>(&self, key: impl IntoLua) -> Result<V> {
        self.0.enter(|cx| {
            let (t, key) = self.push_with(cx, key)?;
            // SAFETY: the handle keeps the table.
            let v = unsafe { raw_table::get(t.as_table(), key) };
            cx.push(v)?;
            V::from_raw(v, cx)
        })
    }

    /// `rawset(t, key, value)`
    ///
    /// # Errors
    /// The key is nil or NaN; the VM's memory limit.
    pub fn raw_set(&self, key: impl IntoLua, value: impl IntoLua) -> Result<()> {
        self.0.enter(|cx| {
            let (t, key) = self.push_with(cx, key)?;
            value.push_raw(cx)?;
            cx.check_memory(0)?;
            let v = cx.pop();
            // SAFETY: the handle keeps the table; key and value were on the
            // stack until now.
            let stored = unsafe { raw_table::set(cx.vm(), t.as_table(), key, v) };
            check(cx, stored)
        })
    }

    /// Whether `t[key]` is not nil; calls `__index`.
    ///
    /// # Errors
    /// What `__index` raises.
    pub fn contains_key(&self, key: impl IntoLua) -> Result<bool> {
        self.0.enter(|cx| {
            let (t, key) = self.push_with(cx, key)?;
            cx.push_result(|cx| meta::index(cx, t, key))
                .map(|v| !v.is_nil())
        })
    }

    /// `#t`; calls `__len`.
    ///
    /// # Errors
    /// What `__len` raises; it returns no integer.
    pub fn len(&self) -> Result<i64> {
        self.0.enter(|cx| {
            let t = self.0.raw(cx.vm());
            let v = cx.push_result(|cx| meta::len(cx, t))?;
            i64::from_raw(v, cx)
        })
    }

    /// `rawlen(t)`; 0 if the VM is closed.
    pub fn raw_len(&self) -> usize {
        let len = self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_table();
            // SAFETY: the handle keeps the table.
            Ok(unsafe { raw_table::len(t) } as usize)
        });
        len.unwrap_or(0)
    }

    /// Whether it has no entries; does not ask metamethods.
    pub fn is_empty(&self) -> bool {
        let first = self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_table();
            // SAFETY: the handle keeps the table.
            Ok(unsafe { raw_table::next_at(t, 0) }.is_some())
        });
        !first.unwrap_or(false)
    }

    /// `t[#t + 1] = value`, with metamethods.
    ///
    /// # Errors
    /// What metamethods raise; the VM's memory limit.
    pub fn push(&self, value: impl IntoLua) -> Result<()> {
        let n = self.len()?;
        self.set(n.wrapping_add(1), value)
    }

    /// Takes `t[#t]` away, with metamethods; nil if the table is empty.
    ///
    /// # Errors
    /// What metamethods raise; the value is of another type.
    pub fn pop<V: FromLua>(&self) -> Result<V> {
        let n = self.len()?;
        let v = self.get(n)?;
        self.set(n, Value::Nil)?;
        Ok(v)
    }

    /// Appends without metamethods.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn raw_push(&self, value: impl IntoLua) -> Result<()> {
        self.0.enter(|cx| {
            value.push_raw(cx)?;
            cx.check_memory(0)?;
            let t = self.0.raw(cx.vm()).as_table();
            let v = cx.pop();
            // SAFETY: the handle keeps the table; the value was on the stack.
            let stored =
                unsafe { raw_table::set_int(cx.vm(), t, raw_table::len(t).wrapping_add(1), v) };
            check(cx, stored)
        })
    }

    /// Takes the last element away without metamethods.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn raw_pop<V: FromLua>(&self) -> Result<V> {
        self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_table();
            // SAFETY: the handle keeps the table.
            let (n, v) = unsafe {
                let n = raw_table::len(t);
                (n, raw_table::get_int(t, n))
            };
            cx.push(v)?;
            let value = V::from_raw(v, cx)?;
            if n > 0 {
                // SAFETY: as above.
                let stored = unsafe { raw_table::set_int(cx.vm(), t, n, NIL) };
                check(cx, stored)?;
            }
            Ok(value)
        })
    }

    /// Removes all entries, without metamethods.
    ///
    /// # Errors
    /// The VM is closed.
    pub fn clear(&self) -> Result<()> {
        self.0.enter(|cx| {
            let t = self.0.raw(cx.vm()).as_table();
            let mut cursor = 0;
            // SAFETY: the handle keeps the table; clearing moves nothing.
            while let Some((next, key, _)) = unsafe { raw_table::next_at(t, cursor) } {
                // The array part shrinks as its end is cleared: the cursor
                // stays good.
                cursor = next;
                // SAFETY: as above.
                let stored = unsafe { raw_table::set(cx.vm(), t, key, NIL) };
                check(cx, stored)?;
            }
            Ok(())
        })
    }

    /// The metatable.
    pub fn metatable(&self) -> Option<Table> {
        self.0
            .enter(|cx| {
                let v = self.0.raw(cx.vm());
                let meta = metatable_of(cx.vm(), v);
                Ok((!meta.is_null()).then(|| Table(cx.hold(Raw::table(meta)))))
            })
            .ok()
            .flatten()
    }

    /// Sets or removes the metatable, whatever `__metatable` says.
    ///
    /// # Errors
    /// The metatable is of another VM.
    pub fn set_metatable(&self, metatable: Option<Table>) -> Result<()> {
        self.0.enter(|cx| {
            let meta = match &metatable {
                Some(m) => cx.raw_of(&m.0)?.as_table(),
                None => std::ptr::null_mut(),
            };
            let t = self.0.raw(cx.vm()).as_table();
            // SAFETY: handles keep both tables.
            unsafe { set_metatable(cx.vm(), t, meta) };
            Ok(())
        })
    }

    /// `t == other`; calls `__eq`.
    ///
    /// # Errors
    /// What `__eq` raises; the tables are of different VMs.
    pub fn equals(&self, other: &Table) -> Result<bool> {
        self.0.enter(|cx| {
            let (a, b) = (self.0.raw(cx.vm()), cx.raw_of(&other.0)?);
            cx.push_result(|cx| meta::equals(cx, a, b).map(Raw::bool))
                .map(Raw::is_truthy)
        })
    }

    /// `t:name(args)`
    ///
    /// # Errors
    /// As for [`Function::call`].
    pub fn call_method<R: FromLuaMulti>(&self, name: &str, args: impl IntoLuaMulti) -> Result<R> {
        call_method(&self.0, name, args)
    }

    /// `t.name(args)`
    ///
    /// # Errors
    /// As for [`Function::call`]; the field is no function.
    pub fn call_function<R: FromLuaMulti>(&self, name: &str, args: impl IntoLuaMulti) -> Result<R> {
        self.get::<Function>(name)?.call(args)
    }

    /// All entries, without metamethods. Entries may be removed or assigned
    /// meanwhile; what is added may or may not be seen.
    pub fn pairs<K: FromLua, V: FromLua>(&self) -> TablePairs<'_, K, V> {
        TablePairs {
            table: self,
            cursor: Some(0),
            types: PhantomData,
        }
    }

    /// Elements 1, 2, … up to the first nil, without metamethods.
    pub fn sequence_values<V: FromLua>(&self) -> TableSequence<'_, V> {
        TableSequence {
            table: self,
            next: Some(1),
            types: PhantomData,
        }
    }

    /// Calls `f` with each entry, without metamethods.
    ///
    /// # Errors
    /// What `f` returns; an entry is of another type.
    pub fn for_each<K: FromLua, V: FromLua>(
        &self,
        mut f: impl FnMut(K, V) -> Result<()>,
    ) -> Result<()> {
        for pair in self.pairs() {
            let (k, v) = pair?;
            f(k, v)?;
        }
        Ok(())
    }

    /// A number that tells this table from others.
    pub fn to_pointer(&self) -> *const c_void {
        self.0.pointer()
    }
}

impl PartialEq for Table {
    /// The same table.
    fn eq(&self, other: &Table) -> bool {
        self.0.same(&other.0)
    }
}

/// Iterator of [`Table::pairs`].
#[derive(Debug)]
pub struct TablePairs<'a, K, V> {
    table: &'a Table,
    cursor: Option<Cursor>,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: FromLua, V: FromLua> Iterator for TablePairs<'_, K, V> {
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Result<(K, V)>> {
        let cursor = self.cursor?;
        let handle = &self.table.0;
        let found = handle.enter(|cx| {
            let t = handle.raw(cx.vm()).as_table();
            // SAFETY: the handle keeps the table.
            let Some((next, k, v)) = (unsafe { raw_table::next_at(t, cursor) }) else {
                return Ok((None, None));
            };
            cx.push(k)?;
            cx.push(v)?;
            let entry = K::from_raw(k, cx).and_then(|key| Ok((key, V::from_raw(v, cx)?)));
            Ok((Some(next), Some(entry)))
        });
        match found {
            Ok((next, entry)) => {
                self.cursor = next;
                entry
            }
            Err(e) => {
                self.cursor = None;
                Some(Err(e))
            }
        }
    }
}

/// Iterator of [`Table::sequence_values`].
#[derive(Debug)]
pub struct TableSequence<'a, V> {
    table: &'a Table,
    next: Option<i64>,
    types: PhantomData<fn() -> V>,
}

impl<V: FromLua> Iterator for TableSequence<'_, V> {
    type Item = Result<V>;

    fn next(&mut self) -> Option<Result<V>> {
        let i = self.next?;
        let handle = &self.table.0;
        let found = handle.enter(|cx| {
            // SAFETY: the handle keeps the table.
            let v = unsafe { raw_table::get_int(handle.raw(cx.vm()).as_table(), i) };
            if v.is_nil() {
                return Ok(None);
            }
            cx.push(v)?;
            V::from_raw(v, cx).map(Some)
        });
        self.next = matches!(found, Ok(Some(_))).then(|| i + 1);
        found.transpose()
    }
}

/// A new table with room for `elements` and `entries`.
pub(crate) fn new_table(vm: &mut Vm, elements: usize, entries: usize) -> Result<Raw, RtError> {
    vm.heap.check(
        elements
            .saturating_mul(8)
            .saturating_add(entries.saturating_mul(40)),
    )?;
    let root = vm.shapes.root();
    let t = vm.heap.new_table(root, entries.min(8) as u8);
    if elements > 0 {
        // SAFETY: the table was just made; nothing collects in between.
        unsafe { raw_table::reserve(vm, t, elements, 0)? };
    }
    Ok(Raw::table(t))
}
