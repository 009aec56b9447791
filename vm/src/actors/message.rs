//! [`Message`]: values on their way from one VM to another.
//!
//! A message belongs to no VM. It is a list of values; tables and functions
//! among them lie in arrays beside the list and are named by their numbers, so
//! that what was shared, or contained itself, is so again where it arrives, and
//! nothing here recurses however deep a table is nested.
//!
//! ```text
//!   parts      1, "x", table 0
//!   tables     0: {[1] = table 1, back = table 0}    1: {}
//!   functions  0: bytecode, upvalues 0 and 1
//!   upvalues   0: 35    1: table 1
//! ```

use super::ActorRef;
use smallvec::SmallVec;
use std::sync::Arc;
use strata_spec::Module;

/// One value.
#[derive(Clone, Debug, Default)]
pub(super) enum Part {
    #[default]
    Nil,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    String(Box<[u8]>),
    Actor(ActorRef),
    /// Its number.
    Table(u32),
    /// Its number.
    Function(u32),
    /// What the receiver knows by this name: a library, or a function in it.
    Library(Box<str>),
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct TableCopy {
    /// Elements 1 …
    pub list: Vec<Part>,
    /// All others.
    pub entries: Vec<(Part, Part)>,
    /// Its metatable.
    pub meta: Option<Part>,
}

/// A function of a script: verified bytecode, and the numbers of its upvalues.
#[derive(Clone, Debug)]
pub(super) struct FunctionCopy {
    pub module: Arc<Module>,
    pub upvalues: Box<[u32]>,
}

/// A variable that functions have captured.
#[derive(Clone, Debug, Default)]
pub(super) struct UpvalueCopy {
    pub value: Part,
    /// Functions of the message that have it.
    pub uses: u32,
    /// One of them assigns to it.
    pub assigned: bool,
}

/// What does not fit into a list of parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Bulk {
    pub tables: Vec<TableCopy>,
    pub functions: Vec<FunctionCopy>,
    pub upvalues: Vec<UpvalueCopy>,
}

/// Values on their way from one VM to another: copies, which belong to none.
///
/// ```
/// use strata::actors::{Data, Item, Message};
///
/// let message = Message::new().with("add").with(Data::list([1, 2, 3]));
/// assert_eq!(message.len(), 2);
/// assert_eq!(message.str(0), Some("add"));
/// let Item::Table(numbers) = message.get(1) else { panic!() };
/// assert_eq!(numbers.index(3).as_integer(), Some(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Message {
    pub(super) parts: SmallVec<[Part; 2]>,
    pub(super) bulk: Option<Box<Bulk>>,
    pub(super) bytes: usize,
}

/// Bytes that a value takes in a message, without what it refers to.
pub(super) const PART: usize = size_of::<Part>();
/// Bytes that a message takes at least.
const ENVELOPE: usize = 128;

/// A value for a [`Message`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Data {
    /// nil
    #[default]
    Nil,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Number(f64),
    /// A string.
    String(Vec<u8>),
    /// An actor.
    Actor(ActorRef),
    /// A table with these elements.
    List(Vec<Data>),
    /// A table with these entries. One whose key is nil or NaN is left out.
    Map(Vec<(Data, Data)>),
}

impl Data {
    /// A table with these elements.
    pub fn list<T: Into<Data>>(items: impl IntoIterator<Item = T>) -> Data {
        Data::List(items.into_iter().map(Into::into).collect())
    }

    /// A table with these entries.
    pub fn map<K: Into<Data>, V: Into<Data>>(entries: impl IntoIterator<Item = (K, V)>) -> Data {
        let entry = |(k, v): (K, V)| (k.into(), v.into());
        Data::Map(entries.into_iter().map(entry).collect())
    }
}

macro_rules! data_from {
    ($($from:ty: $v:ident => $data:expr;)*) => {
        $(impl From<$from> for Data {
            fn from($v: $from) -> Data {
                $data
            }
        })*
    };
}

data_from! {
    bool: v => Data::Boolean(v);
    i64: v => Data::Integer(v);
    i32: v => Data::Integer(v.into());
    u32: v => Data::Integer(v.into());
    f64: v => Data::Number(v);
    &str: v => Data::String(v.as_bytes().to_vec());
    String: v => Data::String(v.into_bytes());
    &[u8]: v => Data::String(v.to_vec());
    Vec<u8>: v => Data::String(v);
    ActorRef: v => Data::Actor(v);
    &ActorRef: v => Data::Actor(v.clone());
    (): _v => Data::Nil;
}

impl<T: Into<Data>> From<Option<T>> for Data {
    fn from(v: Option<T>) -> Data {
        v.map_or(Data::Nil, Into::into)
    }
}

/// A value of a [`Message`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'m> {
    /// nil, or there is no such value.
    Nil,
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Integer(i64),
    /// A float.
    Number(f64),
    /// A string.
    String(&'m [u8]),
    /// An actor.
    Actor(&'m ActorRef),
    /// A table.
    Table(TableItem<'m>),
    /// A function of a script, or of a library.
    Function,
}

/// A table of a [`Message`]. Metatables play no part.
#[derive(Clone, Copy, Debug)]
pub struct TableItem<'m> {
    message: &'m Message,
    table: &'m TableCopy,
}

impl<'m> Item<'m> {
    /// The integer it is, or, of a float, exactly equals.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            Item::Integer(i) => Some(i),
            Item::Number(n) => strata_runtime::value::float_to_int(n),
            _ => None,
        }
    }

    /// The number it is, as a float.
    pub fn as_number(self) -> Option<f64> {
        match self {
            Item::Integer(i) => Some(i as f64),
            Item::Number(n) => Some(n),
            _ => None,
        }
    }

    /// The string it is, if that is UTF-8.
    pub fn as_str(self) -> Option<&'m str> {
        match self {
            Item::String(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The actor it is.
    pub fn as_actor(self) -> Option<&'m ActorRef> {
        match self {
            Item::Actor(actor) => Some(actor),
            _ => None,
        }
    }

    /// The table it is.
    pub fn as_table(self) -> Option<TableItem<'m>> {
        match self {
            Item::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Whether it is neither nil nor false.
    pub fn is_truthy(self) -> bool {
        !matches!(self, Item::Nil | Item::Boolean(false))
    }
}

impl<'m> TableItem<'m> {
    /// Number of elements: of the keys 1 … that are there without a gap.
    pub fn len(self) -> usize {
        self.table.list.len()
    }

    /// Whether it has no entries at all.
    pub fn is_empty(self) -> bool {
        self.table.list.is_empty() && self.table.entries.is_empty()
    }

    /// Element `n`, from 1.
    pub fn index(self, n: i64) -> Item<'m> {
        let at = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        if let Some(part) = at.and_then(|at| self.table.list.get(at)) {
            return self.message.item(part);
        }
        self.find(|key| matches!(key, Part::Integer(i) if *i == n))
    }

    /// The field with this name.
    pub fn field(self, name: &str) -> Item<'m> {
        self.find(|key| matches!(key, Part::String(s) if **s == *name.as_bytes()))
    }

    fn find(self, is_it: impl Fn(&Part) -> bool) -> Item<'m> {
        let found = self.table.entries.iter().find(|(key, _)| is_it(key));
        found.map_or(Item::Nil, |(_, part)| self.message.item(part))
    }

    /// All entries: elements, then the others.
    pub fn iter(self) -> impl Iterator<Item = (Item<'m>, Item<'m>)> {
        let list = (1..).map(Item::Integer).zip(&self.table.list);
        let list = list.map(move |(key, part)| (key, self.message.item(part)));
        let entries = self.table.entries.iter();
        list.chain(
            entries.map(move |(key, part)| (self.message.item(key), self.message.item(part))),
        )
    }
}

impl Message {
    /// One without values.
    pub fn new() -> Message {
        Message::default()
    }

    /// The same with one value more.
    #[must_use]
    pub fn with(mut self, value: impl Into<Data>) -> Message {
        let part = self.part(value.into());
        self.parts.push(part);
        self
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Value `n`, from 0; nil if there are not so many.
    pub fn get(&self, n: usize) -> Item<'_> {
        self.parts.get(n).map_or(Item::Nil, |part| self.item(part))
    }

    /// Value `n`, from 0, if it is a string, and UTF-8.
    pub fn str(&self, n: usize) -> Option<&str> {
        self.get(n).as_str()
    }

    /// Value `n`, from 0, if it is an integer.
    pub fn integer(&self, n: usize) -> Option<i64> {
        self.get(n).as_integer()
    }

    /// About how many bytes it takes while it waits.
    pub fn bytes(&self) -> usize {
        ENVELOPE + self.parts.len() * PART + self.bytes
    }

    /// Adds the values of another message.
    pub(super) fn append(&mut self, other: Message) {
        let Message { parts, bulk, bytes } = other;
        self.bytes += bytes;
        let Some(bulk) = bulk else {
            self.parts.extend(parts);
            return;
        };
        let own = self.bulk();
        let shift = Shift {
            tables: own.tables.len() as u32,
            functions: own.functions.len() as u32,
            upvalues: own.upvalues.len() as u32,
        };
        let Bulk {
            mut tables,
            mut functions,
            mut upvalues,
        } = *bulk;
        for table in &mut tables {
            let entries = table.entries.iter_mut().flat_map(|(k, v)| [k, v]);
            let all = table.list.iter_mut().chain(&mut table.meta).chain(entries);
            all.for_each(|part| shift.part(part));
        }
        for function in &mut functions {
            function
                .upvalues
                .iter_mut()
                .for_each(|n| *n += shift.upvalues);
        }
        upvalues.iter_mut().for_each(|u| shift.part(&mut u.value));
        own.tables.append(&mut tables);
        own.functions.append(&mut functions);
        own.upvalues.append(&mut upvalues);
        self.parts.extend(parts.into_iter().map(|mut part| {
            shift.part(&mut part);
            part
        }));
    }

    /// What only messages with tables and functions have.
    pub(super) fn bulk(&mut self) -> &mut Bulk {
        self.bulk.get_or_insert_default()
    }

    fn item<'m>(&'m self, part: &'m Part) -> Item<'m> {
        match part {
            Part::Nil => Item::Nil,
            Part::Boolean(b) => Item::Boolean(*b),
            Part::Integer(i) => Item::Integer(*i),
            Part::Number(n) => Item::Number(*n),
            Part::String(s) => Item::String(s),
            Part::Actor(actor) => Item::Actor(actor),
            Part::Function(_) | Part::Library(_) => Item::Function,
            Part::Table(n) => match self.bulk.as_ref().and_then(|b| b.tables.get(*n as usize)) {
                Some(table) => Item::Table(TableItem {
                    message: self,
                    table,
                }),
                None => Item::Nil,
            },
        }
    }

    /// The part for a value of the host, whose nesting is the host's affair.
    fn part(&mut self, data: Data) -> Part {
        match data {
            Data::Nil => Part::Nil,
            Data::Boolean(b) => Part::Boolean(b),
            Data::Integer(i) => Part::Integer(i),
            Data::Number(n) => Part::Number(n),
            Data::String(s) => {
                self.bytes += s.len();
                Part::String(s.into())
            }
            Data::Actor(actor) => Part::Actor(actor),
            Data::List(items) => {
                let entries = (1..).map(Data::Integer).zip(items).collect();
                self.table(entries)
            }
            Data::Map(entries) => self.table(entries),
        }
    }

    fn table(&mut self, entries: Vec<(Data, Data)>) -> Part {
        let n = self.bulk().tables.len();
        self.bulk().tables.push(TableCopy::default());
        let mut table = TableCopy::default();
        for (key, value) in entries {
            let nan = matches!(key, Data::Number(n) if n.is_nan());
            let (key, value) = (self.part(key), self.part(value));
            if !nan && !matches!(key, Part::Nil) && !matches!(value, Part::Nil) {
                table.add(key, value);
                self.bytes += 2 * PART;
            }
        }
        self.bytes += size_of::<TableCopy>();
        self.bulk().tables[n] = table;
        Part::Table(n as u32)
    }
}

/// By how much the numbers of a message grow when it becomes part of another.
struct Shift {
    tables: u32,
    functions: u32,
    upvalues: u32,
}

impl Shift {
    fn part(&self, part: &mut Part) {
        match part {
            Part::Table(n) => *n += self.tables,
            Part::Function(n) => *n += self.functions,
            _ => {}
        }
    }
}

impl TableCopy {
    /// Adds an entry.
    pub(super) fn add(&mut self, key: Part, value: Part) {
        match key {
            Part::Integer(n) if n == self.list.len() as i64 + 1 => self.list.push(value),
            key => self.entries.push((key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_host_can_be_read_again() {
        let inner = Data::map([("x", Data::from(1.5)), ("list", Data::list([true, false]))]);
        let message = Message::new().with(7).with("seven").with(inner).with(());
        assert_eq!((message.len(), message.integer(0)), (4, Some(7)));
        assert_eq!(message.str(1), Some("seven"));
        let table = message.get(2).as_table().expect("a table");
        assert_eq!(table.field("x").as_number(), Some(1.5));
        let list = table.field("list").as_table().expect("a list");
        assert_eq!((list.len(), list.index(1).is_truthy()), (2, true));
        assert!(!list.index(2).is_truthy() && matches!(list.index(3), Item::Nil));
        assert_eq!(table.iter().count(), 2);
        assert!(matches!(message.get(3), Item::Nil) && matches!(message.get(9), Item::Nil));
        assert!(message.bytes() > 5 + 4 * PART);
    }

    #[test]
    fn entries_that_no_table_has_are_left_out() {
        let odd = [
            (Data::Nil, Data::from(1)),
            (f64::NAN.into(), 2.into()),
            (3.into(), Data::Nil),
        ];
        let message = Message::new().with(Data::Map(odd.into()));
        assert!(message.get(0).as_table().is_some_and(TableItem::is_empty));
    }
}
