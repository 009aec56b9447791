//! Options of compilation: thresholds, and where traces and figures go.

use super::units;
use super::{Outcome, Problem, input, report};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use strata::engine::{Level, TargetCpu};
use strata::profiler::{JsonSink, Sink, Stats, TextSink, Thresholds};

/// A threshold and its value.
pub(crate) type Threshold = (String, u64);

/// Reads `name=value`.
pub(crate) fn threshold(text: &str) -> Result<Threshold, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| {
        format!(
            "a threshold is given as NAME=N; there are {}",
            Thresholds::NAMES.join(", ")
        )
    })?;
    let name = name.trim();
    let value = match name {
        "code-memory" => units::size(value)? as u64,
        _ => units::count(value)?,
    };
    Thresholds::default().set(name, value)?;
    Ok((name.to_string(), value))
}

/// Reads a level.
pub(crate) fn level(text: &str) -> Result<Level, String> {
    let number = text.parse().ok();
    number
        .and_then(Level::from_number)
        .ok_or_else(|| "it is one of 0, 1, 2, 3".into())
}

/// Reads the name of a processor.
pub(crate) fn target_cpu(text: &str) -> Result<TargetCpu, String> {
    TargetCpu::from_name(text).ok_or_else(|| "it is one of native, baseline".into())
}

/// How something is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whether, how and where something is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Trace {
    /// Not at all: what an environment variable may say.
    Off,
    /// To a file, or standard error.
    On(Format, Option<PathBuf>),
}

/// Reads `text`, `json:FILE` and so on.
pub(crate) fn trace(text: &str) -> Result<Trace, String> {
    let (format, file) = match text.split_once(':') {
        Some((_, "")) => return Err(format!("the name of the file is missing in '{text}'")),
        Some((format, file)) => (format, Some(PathBuf::from(file))),
        None => (text, None),
    };
    match format {
        "text" | "1" => Ok(Trace::On(Format::Text, file)),
        "json" => Ok(Trace::On(Format::Json, file)),
        "" | "0" | "off" if file.is_none() => Ok(Trace::Off),
        _ => Err("it is one of text, text:FILE, json, json:FILE".into()),
    }
}

/// Where lines go: a file, or standard error, which is not held back.
pub(crate) fn open(file: Option<&PathBuf>) -> Outcome<Box<dyn Write + Send>> {
    let Some(path) = file else {
        return Ok(Box::new(io::stderr()));
    };
    let file = File::create(path).map_err(|e| {
        let reason = input::reason(&e);
        Problem::input(format!("cannot write {}: {reason}", path.display()))
    })?;
    Ok(Box::new(BufWriter::new(file)))
}

impl Trace {
    /// The sink for a trace, unless there is to be none.
    pub(crate) fn sink(&self) -> Outcome<Option<Box<dyn Sink>>> {
        let Trace::On(format, file) = self else {
            return Ok(None);
        };
        let out = open(file.as_ref())?;
        Ok(Some(match format {
            Format::Text => Box::new(TextSink::new(out, file.is_none() && report::coloured())),
            Format::Json => Box::new(JsonSink::new(out)),
        }))
    }

    /// Writes figures.
    pub(crate) fn write(&self, stats: &Stats) -> Outcome<()> {
        self.write_either(|| stats.table(), || stats.to_json() + "\n")
    }

    /// Writes figures that are text or JSON.
    pub(crate) fn write_either(
        &self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> String,
    ) -> Outcome<()> {
        let Trace::On(format, file) = self else {
            return Ok(());
        };
        let text = match format {
            Format::Text => text(),
            Format::Json => json(),
        };
        let mut out = open(file.as_ref())?;
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|e| Problem::input(format!("cannot write: {}", input::reason(&e))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        assert_eq!(threshold("calls=5k"), Ok(("calls".into(), 5000)));
        assert_eq!(
            threshold("code-memory=1M"),
            Ok(("code-memory".into(), 1 << 20))
        );
        for bad in ["calls", "calls=", "calls=x", "heat=3", "compiles=300", ""] {
            assert!(threshold(bad).is_err(), "{bad}");
        }
        assert!(threshold("heat=3").unwrap_err().contains("back-edges"));
    }

    #[test]
    fn traces() {
        assert_eq!(trace("text"), Ok(Trace::On(Format::Text, None)));
        let file = Some(PathBuf::from("a:b"));
        assert_eq!(trace("json:a:b"), Ok(Trace::On(Format::Json, file)));
        assert_eq!(trace("0"), Ok(Trace::Off));
        for bad in ["xml", "json:", "off:x", "true"] {
            assert!(trace(bad).is_err(), "{bad}");
        }
    }
}
