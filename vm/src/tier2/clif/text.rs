//! The text that `lower` writes, line by line: labels, parameters (`phi`) and
//! the pieces that instructions are made of.

use rustc_hash::FxHashMap;

/// A type that values have. Pointers are 64 bits wide.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Type {
    /// `i1` to `i64`, by their bits.
    Int(u8),
    Ptr,
    Double,
    /// Two words: what typed entries answer with.
    Pair,
}

impl Type {
    /// The type of this name.
    fn named(name: &str) -> Option<Type> {
        Some(match name {
            "ptr" => Type::Ptr,
            "double" => Type::Double,
            _ => match name.strip_prefix('i')?.parse() {
                Ok(bits @ (1 | 8 | 16 | 32 | 64)) => Type::Int(bits),
                _ => return None,
            },
        })
    }

    /// Bytes of an element of an array.
    pub(super) fn size(self) -> i64 {
        match self {
            Type::Int(bits) => i64::from(bits.max(8) / 8),
            Type::Ptr | Type::Double => 8,
            Type::Pair => 16,
        }
    }
}

/// What an instruction works on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Operand<'t> {
    /// `%name`
    Name(&'t str),
    /// An integer, a boolean, `null`.
    Int(i64),
    Float(f64),
    /// An address in the table of constants.
    Constant(i64),
}

/// Where a block's parameter gets its value from.
pub(super) struct Phi<'t> {
    pub name: &'t str,
    pub ty: Type,
    /// Values, and the blocks that they come from.
    pub ways: Vec<(Operand<'t>, &'t str)>,
}

/// A block.
pub(super) struct Block<'t> {
    pub label: &'t str,
    pub phis: Vec<Phi<'t>>,
    /// The other lines.
    pub lines: Vec<&'t str>,
}

/// A function that a text defines.
pub(super) struct Function<'t> {
    pub name: &'t str,
    /// It, or what it calls, has the convention of typed entries.
    pub tail: bool,
    /// What it answers with.
    pub result: Type,
    pub params: Vec<&'t str>,
    pub blocks: Vec<Block<'t>>,
    /// Blocks by label.
    pub labels: FxHashMap<&'t str, usize>,
}

impl<'t> Function<'t> {
    /// Reads the functions of `text`.
    pub(super) fn read(text: &'t str) -> Result<Vec<Function<'t>>, String> {
        let mut all = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(head) = line.strip_prefix("define ") {
                all.push(Function::head(head)?.body(&mut lines)?);
            }
        }
        Ok(all)
    }

    /// `[tailcc] ty @name(ty %param, …) …`
    fn head(line: &'t str) -> Result<Function<'t>, String> {
        let mut rest = Rest(line);
        let tail = rest.tail();
        let result = rest.ty()?;
        let name = rest.word();
        let mut params = Vec::new();
        rest.expect("(")?;
        while !rest.accept(")") {
            rest.ty()?;
            rest.accept("noundef ");
            params.push(rest.name()?);
            rest.accept(",");
        }
        Ok(Function {
            name: name.strip_prefix('@').ok_or_else(|| unknown(line))?,
            tail,
            result,
            params,
            blocks: Vec::new(),
            labels: FxHashMap::default(),
        })
    }

    /// Reads its lines.
    fn body(mut self, lines: &mut std::str::Lines<'t>) -> Result<Function<'t>, String> {
        for line in lines {
            if line == "}" {
                return Ok(self);
            }
            let Some(line) = line.strip_prefix("  ") else {
                let label = line.strip_suffix(':').ok_or_else(|| unknown(line))?;
                if self.labels.insert(label, self.blocks.len()).is_some() {
                    return Err(format!("two blocks are called {label}"));
                }
                self.blocks.push(Block {
                    label,
                    phis: Vec::new(),
                    lines: Vec::new(),
                });
                continue;
            };
            let block = self.blocks.last_mut().ok_or("no label")?;
            match line.split_once(" = phi ") {
                Some((name, ways)) => block.phis.push(phi(name, ways)?),
                None => block.lines.push(line),
            }
        }
        Err("the function has no end".into())
    }
}

/// The error for a line that isn't known.
pub(super) fn unknown(line: &str) -> String {
    format!("not known: {line}")
}

/// Reads `ty [ value, %from ], …`.
fn phi<'t>(name: &'t str, text: &'t str) -> Result<Phi<'t>, String> {
    let mut rest = Rest(text);
    let ty = rest.ty()?;
    let mut ways = Vec::new();
    loop {
        rest.expect("[")?;
        let value = rest.operand()?;
        rest.expect(",")?;
        let from = rest.name()?;
        rest.expect("]")?;
        ways.push((value, from));
        if !rest.accept(",") {
            break;
        }
    }
    let name = name.strip_prefix('%').ok_or_else(|| unknown(name))?;
    Ok(Phi { name, ty, ways })
}

/// What is left of a line.
#[derive(Clone, Copy)]
pub(super) struct Rest<'t>(pub &'t str);

impl<'t> Rest<'t> {
    /// The next word: up to a space, a comma or a bracket.
    pub(super) fn word(&mut self) -> &'t str {
        let text = self.0.trim_start();
        let end = text
            .find([' ', ',', '(', ')', '[', ']'])
            .unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        word
    }

    /// Takes `what`, if it is next.
    pub(super) fn accept(&mut self, what: &str) -> bool {
        match self.0.trim_start().strip_prefix(what) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    /// Takes `what`, which is next.
    pub(super) fn expect(&mut self, what: &str) -> Result<(), String> {
        if self.accept(what) {
            return Ok(());
        }
        Err(format!("'{what}' expected at '{}'", self.0))
    }

    /// Takes the name of the typed entries' convention, if it is next.
    pub(super) fn tail(&mut self) -> bool {
        self.accept("tailcc ")
    }

    pub(super) fn ty(&mut self) -> Result<Type, String> {
        if self.accept("{ i64, i64 }") {
            return Ok(Type::Pair);
        }
        let word = self.word();
        Type::named(word).ok_or_else(|| format!("no type is called '{word}'"))
    }

    /// `%name`: the name.
    pub(super) fn name(&mut self) -> Result<&'t str, String> {
        let word = self.word();
        word.strip_prefix('%').ok_or_else(|| unknown(word))
    }

    pub(super) fn operand(&mut self) -> Result<Operand<'t>, String> {
        if self.accept("getelementptr inbounds (i8, ptr @strata_constants, i64 ") {
            let Operand::Int(at) = self.operand()? else {
                return Err(unknown(self.0));
            };
            self.expect(")")?;
            return Ok(Operand::Constant(at));
        }
        let word = self.word();
        if let Some(name) = word.strip_prefix('%') {
            return Ok(Operand::Name(name));
        }
        if let Some(bits) = word.strip_prefix("0x") {
            let bits = u64::from_str_radix(bits, 16).map_err(|_| unknown(word))?;
            return Ok(Operand::Float(f64::from_bits(bits)));
        }
        Ok(match word {
            "true" => Operand::Int(1),
            "false" | "null" | "poison" => Operand::Int(0),
            _ => match (word.parse::<i128>(), word.parse()) {
                (Ok(n), _) => Operand::Int(n as i64),
                (_, Ok(x)) => Operand::Float(x),
                _ => return Err(unknown(word)),
            },
        })
    }

    /// The operand behind its type.
    pub(super) fn typed(&mut self) -> Result<(Type, Operand<'t>), String> {
        Ok((self.ty()?, self.operand()?))
    }

    /// Two operands of one type.
    pub(super) fn two(&mut self) -> Result<(Type, Operand<'t>, Operand<'t>), String> {
        let (ty, a) = self.typed()?;
        self.expect(",")?;
        Ok((ty, a, self.operand()?))
    }
}
