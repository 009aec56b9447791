//! Syntax errors and chunk names.
//!
//! A [`SyntaxError`] carries the complete message as Lua words it,
//! `chunk:line: text near 'token'`, and beside it the place in the source
//! that a diagnostic should underline. The two may differ: Lua reports an
//! undefined label at the end of the function, the underlined place is the
//! `goto` itself.

/// The longest short chunk name, with its terminator in the C original.
const ID_SIZE: usize = 60;

/// Why a chunk does not compile, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The full message, with the `chunk:line:` prefix. Bytes, since it quotes
    /// the source.
    pub message: Vec<u8>,
    /// Line of the offending text, from 1.
    pub line: u32,
    /// Column of the offending text in bytes, from 1.
    pub column: u32,
    /// Byte offset of the offending text in the source.
    pub offset: usize,
    /// Length of the offending text in bytes; 0 at the end of the input.
    pub len: usize,
}

impl SyntaxError {
    /// Whether more input could make the chunk valid: the message ends in
    /// `near <eof>`, which is how an interactive prompt knows to go on reading.
    pub fn is_incomplete(&self) -> bool {
        self.message.ends_with(b"near <eof>")
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message))
    }
}

impl std::error::Error for SyntaxError {}

/// The short form of a chunk name, as it stands in messages: `@file` and
/// `=name` lose their mark and are cut to fit, anything else is source text
/// and becomes `[string "first line..."]`.
pub fn chunk_id(chunkname: &[u8]) -> Vec<u8> {
    // Only of a file's name the end matters; source text may be long.
    let name = match chunkname.first() {
        Some(b'@') => chunkname,
        _ => &chunkname[..chunkname.len().min(ID_SIZE)],
    };
    let name = match name.iter().position(|&b| b == 0) {
        Some(nul) => &name[..nul],
        None => name,
    };
    match name.first() {
        Some(b'=') => name[1..name.len().min(ID_SIZE)].to_vec(),
        Some(b'@') if name.len() <= ID_SIZE => name[1..].to_vec(),
        Some(b'@') => {
            let tail = ID_SIZE - "...".len() - 1;
            let mut out = b"...".to_vec();
            out.extend_from_slice(&name[name.len() - tail..]);
            out
        }
        _ => {
            let room = ID_SIZE - "[string \"...\"]".len() - 1;
            let mut out = b"[string \"".to_vec();
            let line = name.iter().position(|&b| b == b'\n');
            if line.is_none() && name.len() < room {
                out.extend_from_slice(name);
            } else {
                let end = line.unwrap_or(name.len()).min(room);
                out.extend_from_slice(&name[..end]);
                out.extend_from_slice(b"...");
            }
            out.extend_from_slice(b"\"]");
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_names() {
        assert_eq!(chunk_id(b"=stdin"), b"stdin");
        assert_eq!(chunk_id(b"="), b"");
        assert_eq!(chunk_id(b"@dir/x.lua"), b"dir/x.lua");
        let long = [b"=".as_slice(), &[b'x'; 80]].concat();
        assert_eq!(chunk_id(&long), vec![b'x'; 59]);
        let long = [b"@".as_slice(), &[b'p'; 100], b"t"].concat();
        let id = chunk_id(&long);
        assert_eq!(id.len(), 59);
        assert!(id.starts_with(b"...p") && id.ends_with(b"pt"));
        let fits = [b"@".as_slice(), &[b'p'; 59]].concat();
        assert_eq!(chunk_id(&fits), vec![b'p'; 59]);
    }

    #[test]
    fn source_text() {
        assert_eq!(chunk_id(b""), b"[string \"\"]");
        assert_eq!(chunk_id(b"x = 1"), b"[string \"x = 1\"]");
        assert_eq!(chunk_id(b"\nx"), b"[string \"...\"]");
        assert_eq!(chunk_id(b"a\nb"), b"[string \"a...\"]");
        let id = chunk_id(&[b'y'; 44]);
        assert_eq!(id.len(), 44 + 11);
        let id = chunk_id(&[b'y'; 45]);
        assert_eq!(id.len(), 59);
        assert!(id.ends_with(b"y...\"]"));
    }
}
