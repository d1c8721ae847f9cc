use serde_json::{Value, json};

/// The identifiers of the SPDX licence list 3.28 as CycloneDX 1.6 and 1.7 know them, one a line, licences and exceptions.
const SPDX: &str = include_str!("spdx.txt");
/// Words of an expression at most; no real one is near that.
const MAX_WORDS: usize = 64;

/// CycloneDX's licence choice for what the submitter wrote: an SPDX identifier or expression when it is one, its text
/// otherwise.
pub(super) fn choice(text: &str) -> Value {
    let text = text.trim();
    if let Some(id) = identifier(text).filter(|id| !is_exception(id)) {
        json!([{"license": {"id": id, "acknowledgement": "declared"}}])
    } else if let Some(expression) = expression(text) {
        json!([{"expression": expression, "acknowledgement": "declared"}])
    } else {
        json!([{"license": {"name": text, "acknowledgement": "declared"}}])
    }
}

/// One licence of a list: an identifier or a name, never an expression.
pub(super) fn single_choice(text: &str) -> Option<Value> {
    let text = text.trim();
    let id = identifier(text).filter(|id| !is_exception(id));
    (!text.is_empty()).then(|| match id {
        Some(id) => json!({"license": {"id": id, "acknowledgement": "declared"}}),
        None => json!({"license": {"name": text, "acknowledgement": "declared"}}),
    })
}

/// The identifier in SPDX's own spelling.
fn identifier(text: &str) -> Option<&'static str> {
    SPDX.lines().find(|id| id.eq_ignore_ascii_case(text))
}

fn is_exception(id: &str) -> bool {
    id.contains("-exception")
}

/// An expression (SPDX 2.3, annex D) of known identifiers, in SPDX's own spelling; `None` for anything else.
fn expression(text: &str) -> Option<String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    if words.len() < 2 || words.len() > MAX_WORDS {
        return None;
    }
    let mut rest = words.as_slice();
    let parsed = alternatives(&mut rest)?;
    rest.is_empty().then_some(parsed)
}

/// `a OR b …`, and `a AND b …`: for spelling, their precedence does not matter.
fn alternatives(rest: &mut &[&str]) -> Option<String> {
    let mut all = single(rest)?;
    while let Some((operator @ ("OR" | "AND"), after)) = next(rest) {
        *rest = after;
        all = format!("{all} {operator} {}", single(rest)?);
    }
    Some(all)
}

/// A licence, one with an exception, or something in parentheses.
fn single(rest: &mut &[&str]) -> Option<String> {
    let (word, after) = next(rest)?;
    *rest = after;
    if word == "(" {
        let inner = alternatives(rest)?;
        let (")", after) = next(rest)? else {
            return None;
        };
        *rest = after;
        return Some(format!("({inner})"));
    }
    let licence = match word.strip_suffix('+') {
        Some(older) => format!("{}+", identifier(older)?),
        None => identifier(word).filter(|id| !is_exception(id))?.to_owned(),
    };
    let Some(("WITH", after)) = next(rest) else {
        return Some(licence);
    };
    let (word, after) = next(&after)?;
    *rest = after;
    let exception = identifier(word).filter(|id| is_exception(id))?;
    Some(format!("{licence} WITH {exception}"))
}

fn next<'a, 'b>(rest: &&'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    let (first, after) = rest.split_first()?;
    Some((first, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_identifiers_become_ids_and_the_rest_names() {
        assert_eq!(choice("apache-2.0")[0]["license"]["id"], "Apache-2.0");
        for text in [
            "our own terms",
            "MIT OR ours",
            "MIT OR",
            "(MIT",
            "MIT WITH MIT",
            "Classpath-exception-2.0",
            "MIT MIT",
        ] {
            assert_eq!(choice(text)[0]["license"]["name"], text);
            assert!(choice(text)[0]["license"].get("id").is_none());
        }
    }

    #[test]
    fn expressions_are_read() {
        for (text, read) in [
            ("mit or apache-2.0", None),
            ("mit OR apache-2.0", Some("MIT OR Apache-2.0")),
            (
                "(MIT AND CC-BY-4.0) OR GPL-2.0-only WITH classpath-exception-2.0",
                Some("(MIT AND CC-BY-4.0) OR GPL-2.0-only WITH Classpath-exception-2.0"),
            ),
        ] {
            let choice = choice(text);
            assert_eq!(choice[0]["expression"].as_str(), read, "{text}");
        }
        assert_eq!(expression(&"( ".repeat(60)), None);
    }
}
