//! Container to module, from bytes nobody vouches for.
//!
//! Every count is compared with the bytes that are left before memory for it
//! is reserved, so that reading takes at most some twenty times the input's
//! size. The result has the shape of a module, no more: indices may be out of
//! range and code may be nonsense until [`crate::verify::verify`] has said
//! otherwise.

use crate::container::{
    HEADER_LEN, MAGIC, REQUIRED, ReadError, SECTION_HEADER_LEN, SectionId, VERSION, checksum,
};
use crate::insn::Insn;
use crate::module::{
    ANNOTATION_BIT, Annotation, Block, Const, Hint, HintKind, LocalVar, Module, Pos, Proto,
    ProtoId, RegSet, SlotKind, StrId, UpvalDesc,
};

const DAMAGED: &str = "the file is damaged or was not written by Strata: compile it again";
const OTHER_VERSION: &str =
    "it was written by another version of Strata: compile it again with this one";

type Read<T> = Result<T, ReadError>;

/// Reads a container. Does not verify the module.
pub fn read(bytes: &[u8]) -> Result<Module, ReadError> {
    let mut header = Cursor::new(bytes, 0, "header");
    if header.bytes(MAGIC.len()).ok() != Some(&MAGIC[..]) {
        return Err(ReadError {
            section: "header",
            offset: 0,
            what: "not a Strata bytecode file (the magic bytes differ)".into(),
            help: "compile the source again, or load it as text",
        });
    }
    let version = header.u16()?;
    if version != VERSION {
        return Err(ReadError {
            section: "header",
            offset: 8,
            what: format!("format version {version}, this is version {VERSION}"),
            help: OTHER_VERSION,
        });
    }
    let flags = header.u16()?;
    if flags != 0 {
        return Err(ReadError {
            section: "header",
            offset: 10,
            what: format!("unknown flags {flags:#06x}"),
            help: OTHER_VERSION,
        });
    }
    let sections = header.u32()?;
    let stored = header.u64()?;
    if checksum(version, flags, sections, header.rest) != stored {
        return Err(ReadError {
            section: "header",
            offset: 16,
            what: "the checksum does not match".into(),
            help: DAMAGED,
        });
    }
    read_sections(&bytes[HEADER_LEN..], sections)
}

fn read_sections(body: &[u8], sections: u32) -> Read<Module> {
    let mut all = Cursor::new(body, HEADER_LEN, "header");
    if sections as usize > body.len() / SECTION_HEADER_LEN {
        return Err(all.error(format!("{sections} sections do not fit")));
    }
    let mut module = Module::default();
    let mut last = 0u16;
    let mut strings = false;
    let mut protos = false;
    for _ in 0..sections {
        let id = all.u16()?;
        let flags = all.u16()?;
        let length = all.u32()? as usize;
        let offset = all.offset();
        let payload = all.bytes(length)?;
        if id <= last {
            return Err(all.error(format!("section {id} after section {last}")));
        }
        last = id;
        let Some(known) = SectionId::from_u16(id) else {
            if flags & REQUIRED != 0 {
                let mut error = all.error(format!("unknown required section {id}"));
                error.help = OTHER_VERSION;
                return Err(error);
            }
            continue;
        };
        let mut cursor = Cursor::new(payload, offset, known.name());
        match known {
            SectionId::Strings => {
                strings = true;
                module.strings = read_strings(&mut cursor)?;
            }
            SectionId::Protos => {
                protos = true;
                let count = cursor.count(12)?;
                module.protos = cursor.list(count, |c, _| read_proto(c))?;
            }
            SectionId::Debug => {
                let count = cursor.count(4)?;
                if count != module.protos.len() {
                    return Err(cursor.error(format!(
                        "debug data for {count} of {} prototypes",
                        module.protos.len()
                    )));
                }
                for proto in &mut module.protos {
                    read_debug(&mut cursor, proto)?;
                }
            }
        }
        cursor.end()?;
    }
    all.end()?;
    if !strings || !protos {
        return Err(all.error("the strings or the prototypes are missing".into()));
    }
    Ok(module)
}

/// What is left of a section.
pub(crate) struct Cursor<'b> {
    rest: &'b [u8],
    /// Offset in the file of the end of `rest`.
    end: usize,
    section: &'static str,
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(bytes: &'b [u8], offset: usize, section: &'static str) -> Self {
        Cursor {
            rest: bytes,
            end: offset + bytes.len(),
            section,
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.end - self.rest.len()
    }

    #[cold]
    pub(crate) fn error(&self, what: String) -> ReadError {
        ReadError {
            section: self.section,
            offset: self.offset(),
            what,
            help: DAMAGED,
        }
    }

    pub(crate) fn end(&self) -> Read<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.error(format!("{} bytes too many", self.rest.len())))
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Read<&'b [u8]> {
        match self.rest.split_at_checked(count) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.error(format!(
                "{count} bytes wanted, {} are left",
                self.rest.len()
            ))),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.error(format!("{N} bytes wanted, {} are left", self.rest.len()))),
        }
    }

    pub(crate) fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Read<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// LEB128 in its shortest form, up to 64 bits.
    pub(crate) fn number(&mut self) -> Read<u64> {
        let mut value = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 || byte == 0 && shift > 0 {
                return Err(self.error("a number that is not in its shortest form".into()));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
            if shift > 63 {
                return Err(self.error("a number of more than 64 bits".into()));
            }
        }
    }

    pub(crate) fn signed(&mut self) -> Read<i64> {
        Ok(unfold(self.number()?))
    }

    /// A number that fits `u32`.
    pub(crate) fn small(&mut self) -> Read<u32> {
        let value = self.number()?;
        u32::try_from(value).map_err(|_| self.error(format!("{value} is out of range")))
    }

    /// How many items follow, of at least `least` bytes each.
    pub(crate) fn count(&mut self, least: usize) -> Read<usize> {
        let count = self.number()?;
        self.fitting(count, least)
    }

    /// `count` as a number of items of at least `least` bytes each that follow.
    pub(crate) fn fitting(&self, count: u64, least: usize) -> Read<usize> {
        let room = self.rest.len() / least;
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(self.error(format!("{count} items do not fit the bytes left"))),
        }
    }

    /// `count` items, with the number of each. `count` has been held against
    /// the bytes left.
    pub(crate) fn list<T>(
        &mut self,
        count: usize,
        mut item: impl FnMut(&mut Self, usize) -> Read<T>,
    ) -> Read<Vec<T>> {
        let mut items = Vec::with_capacity(count);
        for n in 0..count {
            items.push(item(self, n)?);
        }
        Ok(items)
    }

    pub(crate) fn optional(&mut self) -> Read<Option<StrId>> {
        let id = self.number()?;
        match id.checked_sub(1).map(u32::try_from) {
            None => Ok(None),
            Some(Ok(id)) => Ok(Some(StrId(id))),
            Some(Err(_)) => Err(self.error(format!("{id} is out of range"))),
        }
    }

    pub(crate) fn flags(&mut self, known: u8) -> Read<u8> {
        let flags = self.u8()?;
        if flags & !known == 0 {
            return Ok(flags);
        }
        Err(self.error(format!("unknown flags {flags:#04x}")))
    }
}

/// The signed number that was folded into `value`.
fn unfold(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn read_strings(c: &mut Cursor<'_>) -> Read<Vec<Box<[u8]>>> {
    let count = c.count(1)?;
    c.list(count, |c, _| {
        let length = c.count(1)?;
        Ok(c.bytes(length)?.into())
    })
}

fn read_proto(c: &mut Cursor<'_>) -> Read<Proto> {
    let flags = c.flags(3 | 7 << ANNOTATION_BIT)?;
    let Some(annotation) = Annotation::from_u8(flags >> ANNOTATION_BIT) else {
        return Err(c.error(format!("unknown annotation {}", flags >> ANNOTATION_BIT)));
    };
    let mut proto = Proto {
        vararg: flags & 1 != 0,
        annotation,
        params: c.u8()?,
        regs: c.u8()?,
        line_defined: c.small()?,
        last_line_defined: c.small()?,
        ..Proto::default()
    };
    let upvals = c.count(2)?;
    let children = c.count(1)?;
    let consts = c.count(1)?;
    let slots = c.count(1)?;
    let blocks = c.count(3)?;
    let insns = c.count(4)?;
    let words = c.count(4)?;
    if flags & 2 != 0 {
        for word in &mut proto.captured.0 {
            *word = c.u64()?;
        }
        if proto.captured == RegSet::EMPTY {
            return Err(c.error("an empty set of captured registers".into()));
        }
    }
    proto.upvals = c.list(upvals, |c, _| {
        let flags = c.flags(3)?;
        Ok(UpvalDesc {
            from_register: flags & 1 != 0,
            read_only: flags & 2 != 0,
            index: c.u8()?,
            name: None,
        })
    })?;
    proto.children = c.list(children, |c, _| Ok(ProtoId(c.small()?)))?;
    proto.consts = c.list(consts, |c, _| read_const(c))?;
    proto.slots = c.list(slots, |c, _| match c.u8()? {
        0 => Ok(SlotKind::Field),
        1 => Ok(SlotKind::Call),
        2 => Ok(SlotKind::Site),
        kind => Err(c.error(format!("unknown feedback slot kind {kind}"))),
    })?;
    let mut pc = 0u32;
    proto.blocks = c.list(blocks, |c, _| {
        pc = pc.wrapping_add(c.small()?);
        let flags = c.flags(7)?;
        let mut block = Block {
            pc,
            loop_header: flags & 1 != 0,
            defined: c.u8()?,
            ..Block::default()
        };
        if flags & 2 != 0 {
            block.open = Some(c.u8()?);
        }
        if flags & 4 != 0 {
            let count = c.count(1)?;
            if count == 0 {
                return Err(c.error("an empty list of to-be-closed registers".into()));
            }
            block.tbc.extend_from_slice(c.bytes(count)?);
        }
        Ok(block)
    })?;
    proto.code = read_code(c, insns, words)?;
    Ok(proto)
}

fn read_const(c: &mut Cursor<'_>) -> Read<Const> {
    Ok(match c.u8()? {
        0 => Const::Nil,
        1 => Const::False,
        2 => Const::True,
        3 => Const::Int(c.signed()?),
        4 => Const::Float(f64::from_bits(c.u64()?)),
        5 => Const::Str(StrId(c.small()?)),
        kind => return Err(c.error(format!("unknown constant kind {kind}"))),
    })
}

fn read_code(c: &mut Cursor<'_>, insns: usize, words: usize) -> Read<Vec<Insn>> {
    if words > c.rest.len() / 4 || insns > words {
        return Err(c.error(format!(
            "{insns} instructions in {words} words do not fit the bytes left"
        )));
    }
    let after = c.rest.len() - words * 4;
    let mut code = Vec::with_capacity(insns);
    while c.rest.len() > after {
        let low = c.u32()?;
        let extended = Insn(u64::from(low)).op().map(|op| op.info().ext);
        let high = match extended {
            Some(crate::op::Ext::None) | None => None,
            Some(_) if c.rest.len() > after => Some(c.u32()?),
            Some(_) => return Err(c.error("the last instruction lacks its second word".into())),
        };
        match Insn::from_words(low, high) {
            Some(insn) => code.push(insn),
            None => {
                return Err(c.error(format!(
                    "instruction {}: unknown opcode or operand out of range ({low:#010x} {:#010x})",
                    code.len(),
                    high.unwrap_or(0)
                )));
            }
        }
    }
    if code.len() != insns {
        return Err(c.error(format!("{} instructions instead of {insns}", code.len())));
    }
    Ok(code)
}

fn read_debug(c: &mut Cursor<'_>, proto: &mut Proto) -> Read<()> {
    proto.source = c.optional()?;
    for upval in &mut proto.upvals {
        upval.name = c.optional()?;
    }
    let locals = c.count(4)?;
    proto.locals = c.list(locals, |c, _| {
        Ok(LocalVar {
            name: StrId(c.small()?),
            reg: c.u8()?,
            start: c.small()?,
            end: c.small()?,
        })
    })?;
    let positions = c.count(1)?;
    let (mut line, mut column) = (0u32, 0u32);
    proto.positions = c.list(positions, |c, _| {
        let folded = c.number()?;
        column = moved(c, column, unfold(folded >> 1))?;
        if folded & 1 != 0 {
            let down = c.signed()?;
            if down == 0 {
                return Err(c.error("a line difference of 0".into()));
            }
            line = moved(c, line, down)?;
        }
        Ok(Pos { line, column })
    })?;
    let hints = c.count(4)?;
    let mut pc = 0u32;
    proto.hints = c.list(hints, |c, _| {
        pc = pc.wrapping_add(c.small()?);
        let reg = c.u8()?;
        let kind = match c.u8()? {
            0 => HintKind::Local,
            1 => HintKind::Upvalue,
            2 => HintKind::Global,
            3 => HintKind::Field,
            4 => HintKind::Method,
            5 => HintKind::Constant,
            kind => return Err(c.error(format!("unknown kind of name {kind}"))),
        };
        Ok(Hint {
            pc,
            reg,
            kind,
            name: StrId(c.small()?),
        })
    })?;
    Ok(())
}

/// `from` moved by a signed difference.
fn moved(c: &Cursor<'_>, from: u32, by: i64) -> Read<u32> {
    i64::from(from)
        .checked_add(by)
        .and_then(|sum| u32::try_from(sum).ok())
        .ok_or_else(|| c.error(format!("position {from} moved by {by}")))
}
