//! `vm compile`, `vm asm` and `vm disasm`: source, assembly and bytecode into
//! each other.

use super::args::{AsmArgs, CompileArgs, DisasmArgs};
use super::input::{self, Input};
use super::session::Session;
use super::{BAD_INPUT, Outcome, Problem, SUCCESS, Status, put, report, run};
use strata::engine::{self, Listing};
use strata::runtime::os;
use strata::spec::disasm::Options;
use strata::spec::{self, Module};

/// Source to bytecode.
pub(crate) fn compile(args: &CompileArgs) -> Outcome<Status> {
    let output = input::bytecode_path(&args.file, args.output.as_deref())?;
    let source = Input::read(&args.file)?;
    if source.is_bytecode() {
        return Err(Problem::input(format!(
            "{} is bytecode already",
            source.name
        )));
    }
    let mut module = source.compile()?;
    if args.strip {
        module.strip();
    }
    input::write(&output, &spec::write(&module))?;
    Ok(SUCCESS)
}

/// Assembly to bytecode, which is verified before it is written.
pub(crate) fn asm(args: &AsmArgs) -> Outcome<Status> {
    let output = input::bytecode_path(&args.file, args.output.as_deref())?;
    let text = Input::read(&args.file)?;
    let name = &text.name;
    let assembly = std::str::from_utf8(&text.bytes).map_err(|e| {
        Problem::input(format!(
            "{name}: not UTF-8 text from byte {} on",
            e.valid_up_to()
        ))
    })?;
    let module = spec::assemble(assembly).map_err(|e| {
        let before: usize = assembly
            .split_inclusive('\n')
            .take(e.line.max(1) as usize - 1)
            .map(str::len)
            .sum();
        let offset = before + e.column.max(1) as usize - 1;
        let snippet = report::snippet(&text.bytes, offset, 1, e.line);
        Problem::input(format!("{name}:{e}\n{snippet}"))
    })?;
    spec::verify(&module)
        .map_err(|e| Problem::input(format!("{name}: unsafe bytecode, not written: {e}")))?;
    input::write(&output, &spec::write(&module))?;
    Ok(SUCCESS)
}

/// Bytecode, or what source compiles to, as text.
pub(crate) fn disasm(args: &DisasmArgs) -> Outcome<Status> {
    if args.compiled() {
        return compiled(args);
    }
    if args.warm {
        return Err(Problem::input(
            "--warm goes with --clif, --ir, --llvm, --asm or --frame-maps",
        ));
    }
    let file = Input::read(&args.file)?;
    let (module, unsafe_because) = if file.is_bytecode() {
        // Text about an unsafe module is safe, and helps to find the fault.
        let module = spec::read(&file.bytes)
            .map_err(|e| Problem::input(format!("{}: malformed bytecode: {e}", file.name)))?;
        let verdict = spec::verify(&module).err();
        (module, verdict)
    } else {
        (file.compile()?, None)
    };
    let source = if args.source {
        source_of(&module, &file)?
    } else {
        None
    };
    let text = spec::disassemble_with(
        &module,
        Options {
            source: source.as_deref(),
        },
    );
    match &args.output {
        Some(path) => input::write(path, text.as_bytes())?,
        None => put(text.as_bytes())?,
    }
    match unsafe_because {
        None => Ok(SUCCESS),
        Some(e) => {
            report::problem(
                format!("{}: unsafe bytecode, which will not run: {e}", file.name).as_bytes(),
            );
            Ok(BAD_INPUT)
        }
    }
}

/// What functions are compiled to.
fn compiled(args: &DisasmArgs) -> Outcome<Status> {
    let compiler = if args.optimized() {
        ("optimizing", engine::optimizing())
    } else {
        ("baseline", engine::baseline())
    };
    if let (name, Some(why)) = compiler {
        return Err(Problem::input(format!("the {name} compiler is {why}")));
    }
    if args.llvm {
        engine::llvm().map_err(|why| Problem::input(format!("LLVM is {why}")))?;
    }
    let mut session = Session::compiling(&args.vm)?;
    engine::list_code(&mut session.vm);
    let (listings, outcome) = if args.warm {
        let mut listings = Vec::new();
        let words = [args.file.clone().into_os_string()];
        let outcome = run::execute(session, &words, |session| {
            listings = engine::listings(&mut session.vm);
            Ok(())
        });
        (listings, outcome)
    } else {
        let main = session.load(Input::read(&args.file)?.module()?)?;
        engine::compile_all(&mut session.vm, main, args.optimized());
        session.finish_trace();
        (engine::listings(&mut session.vm), Ok(SUCCESS))
    };
    let text = listing_text(args, &listings);
    match &args.output {
        Some(path) => input::write(path, text.as_bytes())?,
        None => put(text.as_bytes())?,
    }
    outcome
}

/// The parts of code listings that were asked for; of functions compiled
/// several times the last.
fn listing_text(args: &DisasmArgs, listings: &[Listing]) -> String {
    let mut text = String::new();
    for (n, listing) in listings.iter().enumerate() {
        let same = |l: &Listing| {
            (&l.func, l.tier, &l.part) == (&listing.func, listing.tier, &listing.part)
        };
        let other_tier = (listing.tier == 2) != args.optimized();
        if other_tier || listings[n + 1..].iter().any(same) {
            continue;
        }
        text.push_str(&format!("; {}", listing.func));
        text.push_str(&match &listing.part {
            Some(part) => format!(", {part}\n"),
            None => "\n".into(),
        });
        if let Some(why) = &listing.missing {
            text.push_str(&format!("; not compiled: {why}\n\n"));
            continue;
        }
        let parts = [
            (true, "bytecode", &listing.bytecode),
            (args.clif, "intermediate code", &listing.clif),
            (
                args.ir.is_some(),
                "intermediate code",
                &listing.ir(args.ir.as_deref()),
            ),
            (args.llvm, "LLVM", &listing.llvm),
            (args.asm, "machine code", &listing.asm),
            (args.frame_maps, "frame maps", &listing.frame_maps),
        ];
        for (_, title, part) in parts.iter().filter(|part| part.0) {
            text.push_str(&format!("; {title}\n{}\n\n", part.trim_end()));
        }
    }
    text
}

/// The source text of a module: the file itself, or the file that the module
/// says it comes from.
fn source_of(module: &Module, file: &Input) -> Outcome<Option<Vec<u8>>> {
    if !file.is_bytecode() {
        return Ok(Some(file.bytes.clone()));
    }
    let source = module.protos.first().and_then(|main| main.source);
    let Some(name) = source.and_then(|id| module.strings.get(id.0 as usize)) else {
        return Err(Problem::input(format!(
            "{} does not say what it was compiled from",
            file.name
        )));
    };
    let Some(path) = name.strip_prefix(b"@") else {
        return match name.strip_prefix(b"=") {
            // The chunk name of anything but a file is its text.
            None => Ok(Some(name.to_vec())),
            Some(name) => Err(Problem::input(format!(
                "{} was compiled from {}, which is not a file",
                file.name,
                String::from_utf8_lossy(name)
            ))),
        };
    };
    let read = os::path(path).and_then(|path| spec::read_file(&path));
    read.map(Some).map_err(|e| {
        Problem::input(format!(
            "cannot open {}, from which {} was compiled: {}",
            String::from_utf8_lossy(path),
            file.name,
            input::reason(&e)
        ))
    })
}
