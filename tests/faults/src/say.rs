use std::io::Write as _;

/// Prints a line; nobody may be there to read it.
pub(crate) fn say(line: impl AsRef<str>) {
    let _nobody = writeln!(std::io::stdout(), "{}", line.as_ref());
}
