use clap::CommandFactory;

use super::*;

#[test]
fn command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_parameter_needs_an_equals_sign() {
    assert_eq!(
        key_value("epochs=3"),
        Ok(("epochs".to_owned(), "3".to_owned()))
    );
    assert!(key_value("epochs").is_err());
}
