//! Chunk names as messages show them.
//!
//! A chunk's name starts with a mark: `@` in front of a file's name, `=` in
//! front of any other; a name without mark is the source text itself. Errors of
//! the compiler and of running code, tracebacks and `debug.getinfo` show a short
//! form of it.

/// The longest short form, with its terminator in the C original.
const ID_SIZE: usize = 60;

/// The short form of a chunk name, as it stands in messages: `@file` and
/// `=name` lose their mark and are cut to fit, anything else is source text
/// and becomes `[string "first line..."]`.
pub fn chunk_id(chunkname: &[u8]) -> Vec<u8> {
    let name = match chunkname.iter().position(|&b| b == 0) {
        Some(nul) => &chunkname[..nul],
        None => chunkname,
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
