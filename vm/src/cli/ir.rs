//! `vm run` of LLVM IR: files ending in `.ll`, bitcode, and whatever is run with
//! an option that is for IR only.

use super::args::RunArgs;
use super::input::Input;
use std::path::Path;
use strata::engine;

/// Whether the program is LLVM IR.
pub(crate) fn is_meant(args: &RunArgs, input: &Input) -> bool {
    let named = args.words.first().map(Path::new);
    let ir = &args.ir;
    engine::is_llvm_bitcode(&input.bytes)
        || named.is_some_and(|path| path.extension().is_some_and(|e| e == "ll"))
        || ir.entry.is_some()
        || ir.level.is_some()
        || !ir.with.is_empty()
}

#[cfg(not(feature = "llvm"))]
pub(crate) fn run(_: &RunArgs, input: Input) -> super::Outcome<super::Status> {
    Err(super::Problem::input(format!(
        "{}: LLVM IR needs LLVM, which this build lacks (feature `llvm`)",
        input.name
    )))
}

#[cfg(feature = "llvm")]
pub(crate) use with_llvm::{level, run};

#[cfg(feature = "llvm")]
mod with_llvm {
    use crate::cli::args::{Jit, RunArgs};
    use crate::cli::input::{self, Input};
    use crate::cli::jit::Trace;
    use crate::cli::{Outcome, Problem, SUCCESS, Status, put, report};
    use std::ffi::{CString, OsString};
    use std::path::Path;
    use strata::executor::{
        Error, Executor, Function, Int, Level, Library, Options, Program, Source, Type, Value,
    };
    use strata::runtime::os;

    /// The level of optimization with this number.
    pub(crate) fn level(number: Option<u8>) -> Level {
        match number {
            Some(0) => Level::O0,
            Some(1) => Level::O1,
            Some(3..) => Level::O3,
            _ => Level::default(),
        }
    }

    /// Compiles the program and runs `main`, or calls the function that is asked
    /// for.
    pub(crate) fn run(args: &RunArgs, input: Input) -> Outcome<Status> {
        refuse_options(args)?;
        let cache = crate::cli::cache::of_run(&args.vm.cache);
        let mut executor = Executor::new(Options {
            level: level(args.ir.level),
            cache: cache.clone(),
            ..Options::default()
        });
        if args.vm.perf {
            executor.name_code().map_err(|e| {
                let reason = input::reason(&e);
                Problem::input(format!("no map for perf: {reason}"))
            })?;
        }
        if let Some(sink) = args.vm.trace_jit.as_ref().map(Trace::sink).transpose()? {
            sink.into_iter().for_each(|sink| executor.trace(sink));
        }
        let mut inputs = vec![input];
        for path in &args.ir.with {
            let more = Input::read(path)?;
            if more.bytes.starts_with(b"\x7fELF") {
                executor.add(open(path)?);
            } else {
                inputs.push(more);
            }
        }
        let sources = inputs.iter().map(|i| Source::bytes(&*i.name, &*i.bytes));
        // SAFETY: whoever runs a program trusts it, as with any other.
        let loaded = unsafe { executor.load(sources) };
        executor.finish_trace();
        if let Some(cache) = &cache {
            // The program may end the process. Figures alone aren't worth an error.
            let _ = cache.flush();
        }
        let program = loaded.map_err(|e| problem(&e, &inputs))?;
        let (entry, words) = entry(args)?;
        match entry {
            None => {
                // SAFETY: as above.
                let status = unsafe { program.run_main(&words) };
                status.map_err(|e| problem(&e, &inputs))
            }
            Some(name) => call(&program, &name, &words[1..]),
        }
    }

    /// Options that are for Lua are not silently left out if they promise something.
    fn refuse_options(args: &RunArgs) -> Outcome<()> {
        let vm = &args.vm;
        let limited =
            vm.instruction_limit.is_some() || vm.time_limit.is_some() || vm.memory_limit.is_some();
        if limited {
            return Err(Problem::input(
                "limits hold for Lua only: LLVM IR runs as native code",
            ));
        }
        if vm.jit == Jit::Off {
            return Err(Problem::input(
                "--jit=off leaves nothing to run LLVM IR with: there is no interpreter for it",
            ));
        }
        Ok(())
    }

    /// A shared object. A bare name is a file here, not one of the system's.
    fn open(path: &Path) -> Outcome<Library> {
        let file = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        // SAFETY: as for the program.
        unsafe { Library::open(file) }.map_err(|e| Problem::input(e.to_string()))
    }

    /// The function to call, if it isn't `main`, and the words from the program's
    /// name on. `--entry` may stand behind the file, too.
    fn entry(args: &RunArgs) -> Outcome<(Option<String>, Vec<OsString>)> {
        let mut words = args.words.clone();
        let mut entry = args.ir.entry.clone();
        let second = words.get(1).and_then(|word| word.to_str());
        if entry.is_none() && second == Some("--entry") {
            let name = words.get(2).and_then(|word| word.to_str());
            let name =
                name.ok_or_else(|| Problem::input("--entry needs the name of a function"))?;
            entry = Some(name.into());
            words.drain(1..3);
        } else if entry.is_none()
            && let Some(name) = second.and_then(|word| word.strip_prefix("--entry="))
        {
            entry = Some(name.into());
            words.remove(1);
        }
        Ok((entry, words))
    }

    /// Calls a function with these words and prints its result.
    fn call(program: &Program, name: &str, words: &[OsString]) -> Outcome<Status> {
        let bad = |e: Error| Problem::input(e.to_string());
        let function = program.function(name).map_err(bad)?;
        // Pointers to them are passed.
        let mut strings = Vec::new();
        let args = arguments(&function, words, &mut strings)?;
        // SAFETY: as for the program.
        let result = unsafe { function.call(&args) }.map_err(bad)?;
        if result != Value::Void {
            put(format!("{result}\n").as_bytes())?;
        }
        Ok(SUCCESS)
    }

    /// Words as the types that a function takes.
    fn arguments(
        function: &Function<'_>,
        words: &[OsString],
        strings: &mut Vec<CString>,
    ) -> Outcome<Vec<Value>> {
        let params = &function.signature().params;
        let mut args = Vec::new();
        for (n, word) in words.iter().enumerate() {
            let word = String::from_utf8_lossy(&os::bytes(word)).into_owned();
            // Beyond the parameters: as whatever they look like.
            let ty = params.get(n).map_or_else(|| guess(&word), |p| p.ty);
            let bad = || {
                Problem::input(format!(
                    "argument {} of '{}' is {ty}, and '{word}' is none",
                    n + 1,
                    function.name()
                ))
            };
            let value = match ty {
                Type::Ptr => {
                    let string = CString::new(word.as_bytes()).map_err(|_| bad())?;
                    strings.push(string);
                    strings.last().map(|s| Value::from(s.as_ptr()))
                }
                ty => scalar(&word, ty),
            };
            args.push(value.ok_or_else(bad)?);
        }
        Ok(args)
    }

    fn guess(word: &str) -> Type {
        let types = [Type::Int(32), Type::Int(64), Type::F64];
        let fits = types.into_iter().find(|&ty| scalar(word, ty).is_some());
        fits.unwrap_or(Type::Ptr)
    }

    /// A word as a number; integers with or without sign, as long as they fit.
    fn scalar(word: &str, ty: Type) -> Option<Value> {
        match ty {
            Type::Void | Type::Ptr => None,
            Type::F32 => word.parse().ok().map(Value::F32),
            Type::F64 => word.parse().ok().map(Value::F64),
            Type::Int(1) if word == "true" => Some(true.into()),
            Type::Int(1) if word == "false" => Some(false.into()),
            Type::Int(bits) => {
                let (sign, digits) = match word.strip_prefix('-') {
                    Some(digits) => (-1, digits),
                    None => (1, word),
                };
                let number = match digits.strip_prefix("0x") {
                    Some(hex) => i128::from(u64::from_str_radix(hex, 16).ok()?),
                    None => i128::from(digits.parse::<u64>().ok()?),
                };
                let number = sign * number;
                let range = -(1i128 << (bits - 1))..1i128 << bits;
                let int = range
                    .contains(&number)
                    .then(|| Int::new(bits, number as u64));
                int.flatten().map(Value::Int)
            }
        }
    }

    /// An error of the executor, with the line of text that it is about.
    fn problem(error: &Error, inputs: &[Input]) -> Problem {
        let mut message = error.to_string();
        if let Error::Syntax(syntax) = error
            && let Some(line) = syntax.line
            && let Some(input) = inputs.iter().find(|i| i.name == syntax.name)
        {
            let before: usize = input
                .bytes
                .split_inclusive(|&b| b == b'\n')
                .take(line as usize - 1)
                .map(<[u8]>::len)
                .sum();
            let column = syntax.column.unwrap_or(1).max(1) as usize - 1;
            message.push('\n');
            message += &report::snippet(&input.bytes, before + column, 1, line);
        }
        Problem::input(message)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn words_are_numbers_if_they_fit() {
            for (word, bits, value) in [
                ("12", 32, Some(12)),
                ("-128", 8, Some(-128)),
                ("255", 8, Some(-1)),
                ("256", 8, None),
                ("-129", 8, None),
                ("0xff", 64, Some(255)),
                ("18446744073709551615", 64, Some(-1)),
                ("-9223372036854775808", 64, Some(i64::MIN)),
                ("-9223372036854775809", 64, None),
                ("true", 1, Some(-1)),
                ("1", 1, Some(-1)),
                ("true", 8, None),
                ("", 8, None),
                ("1.0", 8, None),
                ("--1", 8, None),
            ] {
                let read = scalar(word, Type::Int(bits)).and_then(Value::as_i64);
                assert_eq!(read, value, "{word}");
            }
            assert_eq!(scalar("1e3", Type::F64), Some(1000.0.into()));
            assert_eq!(scalar("x", Type::F32), None);
            let guesses = ["1", "5000000000", "1.5", "x"].map(|w| guess(w).to_string());
            assert_eq!(guesses, ["i32", "i64", "double", "ptr"]);
        }
    }
}
