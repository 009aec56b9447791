//! Discovery of benchmark programs.
//!
//! A program lives at `<root>/<group>/<name>.lua`. It opens with comment lines: what it computes, then
//! `-- Stresses: …`; a line `-- Needs: Lua 5.4` keeps it from engines of an older language. Files
//! directly under the root belong to no group and are not programs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The order in which groups are shown; unknown groups follow alphabetically.
const GROUP_ORDER: [&str; 9] = [
    "numeric",
    "arrays",
    "strings",
    "calls",
    "objects",
    "coroutines",
    "alloc",
    "sorting",
    "programs",
];

/// One benchmark program and what its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The folder it lies in, such as `numeric`.
    pub group: String,
    /// The file name without `.lua`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The header's first line: what the program does.
    pub title: String,
    /// The text after `Stresses:`.
    pub stresses: String,
    /// The language version it needs (as `_VERSION` has it), if it says so.
    pub needs: Option<String>,
    /// How many lines the file has.
    pub lines: usize,
}

impl Program {
    /// `group/name`, as filters and messages use it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// Whether an engine that implements `version` can run the program.
    pub fn runs_on(&self, version: &str) -> bool {
        self.needs.as_deref().is_none_or(|needed| needed == version)
    }

    fn parse(group: &str, path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let source = String::from_utf8_lossy(&bytes);
        let mut program = Program {
            group: group.to_owned(),
            name: path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            path: path.to_owned(),
            title: String::new(),
            stresses: String::new(),
            needs: None,
            lines: source.lines().count(),
        };
        for line in source.lines() {
            let Some(comment) = line.strip_prefix("--") else {
                break;
            };
            let comment = comment.trim();
            if let Some(text) = comment.strip_prefix("Stresses:") {
                program.stresses = text.trim().trim_end_matches('.').to_owned();
            } else if let Some(text) = comment.strip_prefix("Needs:") {
                program.needs = Some(text.trim().to_owned());
            } else if program.title.is_empty() {
                program.title = comment.to_owned();
            }
        }
        Ok(program)
    }
}

/// All programs below `root` whose `group/name` contains one of `filters` (all, if there are none),
/// by group and name.
pub fn discover(root: &Path, filters: &[String]) -> io::Result<Vec<Program>> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(root)? {
        let folder = entry?.path();
        if !folder.is_dir() {
            continue;
        }
        let group = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "lua") {
                programs.push(Program::parse(&group, &path)?);
            }
        }
    }
    if !filters.is_empty() {
        programs.retain(|p| filters.iter().any(|f| p.id().contains(f.as_str())));
    }
    programs.sort_by_cached_key(|p| (group_rank(&p.group), p.group.clone(), p.name.clone()));
    Ok(programs)
}

fn group_rank(group: &str) -> usize {
    GROUP_ORDER
        .iter()
        .position(|&known| known == group)
        .unwrap_or(GROUP_ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Program> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        discover(&root, &[]).unwrap()
    }

    #[test]
    fn the_collection_is_complete() {
        let programs = all();
        assert!(programs.len() >= 28, "{} programs", programs.len());
        for group in GROUP_ORDER {
            assert!(
                programs.iter().any(|p| p.group == group),
                "group {group} is empty"
            );
        }
        let large = programs
            .iter()
            .filter(|p| p.group == "programs" && p.lines > 300)
            .count();
        assert!(large >= 8, "{large} whole programs above 300 lines");
    }

    #[test]
    fn every_program_has_a_header_and_checks_its_result() {
        for program in all() {
            let id = program.id();
            assert!(!program.title.is_empty(), "{id} has no title");
            assert!(!program.stresses.is_empty(), "{id} has no `Stresses:` line");
            let source = fs::read_to_string(&program.path).unwrap();
            let check = "assert(got == \"";
            let at = source
                .find(check)
                .unwrap_or_else(|| panic!("{id} asserts nothing"));
            assert!(
                !source[at + check.len()..].starts_with('?'),
                "{id} has no expected value"
            );
        }
    }

    #[test]
    fn the_readme_lists_every_program() {
        let readme = include_str!("../README.md");
        for program in all() {
            let id = program.id();
            assert!(
                readme.contains(&format!("`{id}`")),
                "{id} is missing in README.md"
            );
        }
    }

    #[test]
    fn groups_come_in_the_given_order_and_filters_select() {
        let programs = all();
        let ranks: Vec<_> = programs.iter().map(|p| group_rank(&p.group)).collect();
        assert!(ranks.is_sorted());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        let filtered = discover(&root, &["calls/fib".to_owned()]).unwrap();
        assert_eq!(filtered.len(), 1);
        assert_eq!(filtered[0].id(), "calls/fib");
    }

    #[test]
    fn needs_limits_the_engines() {
        let mut program = all().swap_remove(0);
        program.needs = None;
        assert!(program.runs_on("Lua 5.1"));
        program.needs = Some("Lua 5.4".to_owned());
        assert!(program.runs_on("Lua 5.4"));
        assert!(!program.runs_on("Lua 5.1"));
    }
}
