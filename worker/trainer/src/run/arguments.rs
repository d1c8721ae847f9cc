//! The command line: two modes, three options.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(super) const HELP: &str = "\
Trains a Keras model in a sealed room. Reads one folder, writes one folder, prints one JSON object a line.

usage: assay-trainer check --in DIR [--threads N]
       assay-trainer train --in DIR --out DIR [--threads N]
       assay-trainer --version | --help

  --in DIR      folder with model, dataset, dataset_definition, parameters.json and, if wanted, limits.json,
                checkpoints.json and the checkpoint to go on from
  --out DIR     folder for the outputs; it must exist
  --threads N   threads to compute with, 1 to 1024; by default one a processor. The result does not depend on it.

exit code: 0 done, 2 the inputs are at fault, 1 the trainer or the machine is
";
const MAX_THREADS: usize = 1024;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Version,
    Check {
        input: PathBuf,
        threads: usize,
    },
    Train {
        input: PathBuf,
        output: PathBuf,
        threads: usize,
    },
}

/// Reads the arguments after the program's name; the error is a sentence for people.
pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments.into_iter();
    let Some(mode) = arguments.next() else {
        return Err("say check or train".to_owned());
    };
    let (mut input, mut output, mut threads) = (None, None, None);
    if mode == "--help" || mode == "-h" {
        return Ok(Command::Help);
    }
    if mode == "--version" || mode == "-V" {
        return Ok(Command::Version);
    }
    if mode != "check" && mode != "train" {
        return Err(format!("{mode:?} is no mode; say check or train"));
    }
    while let Some(option) = arguments.next() {
        let slot = match option.to_str() {
            Some("--in") => &mut input,
            Some("--out") if mode == "train" => &mut output,
            Some("--threads") => &mut threads,
            _ => return Err(format!("{option:?} is no option of this mode")),
        };
        let value = arguments
            .next()
            .ok_or_else(|| format!("{option:?} needs a value"))?;
        if slot.replace(value).is_some() {
            return Err(format!("{option:?} is given twice"));
        }
    }
    let input = PathBuf::from(input.ok_or("--in DIR is missing")?);
    let threads = threads.map_or_else(
        || Ok(std::thread::available_parallelism().map_or(1, usize::from)),
        |text| {
            text.to_str()
                .and_then(|text| text.parse().ok())
                .filter(|count| (1..=MAX_THREADS).contains(count))
                .ok_or_else(|| {
                    format!("--threads is {text:?}; it must be between 1 and {MAX_THREADS}")
                })
        },
    )?;
    if mode == "check" {
        return Ok(Command::Check { input, threads });
    }
    let output = PathBuf::from(output.ok_or("--out DIR is missing")?);
    Ok(Command::Train {
        input,
        output,
        threads,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_text(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace().map(OsString::from))
    }

    #[test]
    fn both_modes() {
        let check = Command::Check {
            input: "a".into(),
            threads: 3,
        };
        assert_eq!(parse_text("check --in a --threads 3"), Ok(check));
        let train = Command::Train {
            input: "a".into(),
            output: "b".into(),
            threads: 1,
        };
        assert_eq!(parse_text("train --threads 1 --out b --in a"), Ok(train));
        assert_eq!(parse_text("--help"), Ok(Command::Help));
        assert_eq!(parse_text("--version"), Ok(Command::Version));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in [
            "",
            "serve",
            "check",
            "train --in a",
            "check --in a --out b",
            "check --in a --in b",
            "check --in",
            "check --in a --threads 0",
            "check --in a --threads many",
            "check --in a extra",
        ] {
            assert!(parse_text(bad).is_err(), "{bad:?}");
        }
    }
}
