use std::fmt;

use serde::{Deserialize, Serialize};

/// Which side of a link a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// What the step read.
    Materials,
    /// What the step wrote.
    Products,
}

/// An artifact rule (in-toto specification 1.0 §4.3.3). Patterns are those of Python's `fnmatch`: `*` crosses `/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<String>", try_from = "Vec<String>")]
pub enum Rule {
    /// Consumes artifacts that another step has under the same name with the same digest.
    Match {
        /// Which artifacts, below `source_prefix`.
        pattern: String,
        /// Folder in this step's link; empty for none.
        source_prefix: String,
        /// Side of the other step's link.
        with: Artifact,
        /// Folder in the other step's link; empty for none.
        dest_prefix: String,
        /// The other step.
        from: String,
    },
    /// Consumes products that are not materials.
    Create(String),
    /// Consumes materials that are not products.
    Delete(String),
    /// Consumes artifacts that are material and product, with different digests.
    Modify(String),
    /// Consumes artifacts.
    Allow(String),
    /// Fails when this path (not a pattern) is not in the queue.
    Require(String),
    /// Fails when an artifact that is still in the queue matches.
    Disallow(String),
}

/// A list of strings that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an artifact rule; expected [CREATE|DELETE|MODIFY|ALLOW|REQUIRE|DISALLOW, pattern] or \
     [MATCH, pattern, (IN, prefix,) WITH, MATERIALS|PRODUCTS, (IN, prefix,) FROM, step]"
)]
pub struct RuleSyntaxError(Vec<String>);

impl Rule {
    /// `MATCH pattern WITH … FROM step`, without prefixes.
    pub fn matching(pattern: &str, with: Artifact, from: &str) -> Self {
        Self::Match {
            pattern: pattern.into(),
            source_prefix: String::new(),
            with,
            dest_prefix: String::new(),
            from: from.into(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Vec::from(self.clone()).join(" "))
    }
}

impl From<Rule> for Vec<String> {
    fn from(rule: Rule) -> Self {
        let simple = |word: &str, pattern: String| vec![word.to_owned(), pattern];
        match rule {
            Rule::Create(pattern) => simple("CREATE", pattern),
            Rule::Delete(pattern) => simple("DELETE", pattern),
            Rule::Modify(pattern) => simple("MODIFY", pattern),
            Rule::Allow(pattern) => simple("ALLOW", pattern),
            Rule::Require(path) => simple("REQUIRE", path),
            Rule::Disallow(pattern) => simple("DISALLOW", pattern),
            Rule::Match {
                pattern,
                source_prefix,
                with,
                dest_prefix,
                from,
            } => {
                let mut words = simple("MATCH", pattern);
                if !source_prefix.is_empty() {
                    words.extend(["IN".to_owned(), source_prefix]);
                }
                words.push("WITH".to_owned());
                words.push(
                    if with == Artifact::Materials {
                        "MATERIALS"
                    } else {
                        "PRODUCTS"
                    }
                    .to_owned(),
                );
                if !dest_prefix.is_empty() {
                    words.extend(["IN".to_owned(), dest_prefix]);
                }
                words.extend(["FROM".to_owned(), from]);
                words
            }
        }
    }
}

impl TryFrom<Vec<String>> for Rule {
    type Error = RuleSyntaxError;

    fn try_from(words: Vec<String>) -> Result<Self, RuleSyntaxError> {
        let slices: Vec<&str> = words.iter().map(String::as_str).collect();
        read(&slices).ok_or(RuleSyntaxError(words))
    }
}

/// Keywords are read in any case, as in-toto does.
fn read(words: &[&str]) -> Option<Rule> {
    let (keyword, rest) = words.split_first()?;
    let keyword = keyword.to_ascii_uppercase();
    if keyword == "MATCH" {
        return read_match(rest);
    }
    let [pattern] = rest else { return None };
    let pattern = (*pattern).to_owned();
    match keyword.as_str() {
        "CREATE" => Some(Rule::Create(pattern)),
        "DELETE" => Some(Rule::Delete(pattern)),
        "MODIFY" => Some(Rule::Modify(pattern)),
        "ALLOW" => Some(Rule::Allow(pattern)),
        "REQUIRE" => Some(Rule::Require(pattern)),
        "DISALLOW" => Some(Rule::Disallow(pattern)),
        _ => None,
    }
}

fn read_match(words: &[&str]) -> Option<Rule> {
    let (&pattern, rest) = words.split_first()?;
    let (source_prefix, rest) = read_prefix(rest);
    let [with, side, rest @ ..] = rest else {
        return None;
    };
    let (dest_prefix, rest) = read_prefix(rest);
    let [from, step] = rest else { return None };
    if !with.eq_ignore_ascii_case("with") || !from.eq_ignore_ascii_case("from") {
        return None;
    }
    let with = match side.to_ascii_uppercase().as_str() {
        "MATERIALS" => Artifact::Materials,
        "PRODUCTS" => Artifact::Products,
        _ => return None,
    };
    Some(Rule::Match {
        pattern: pattern.to_owned(),
        source_prefix: source_prefix.to_owned(),
        with,
        dest_prefix: dest_prefix.to_owned(),
        from: (*step).to_owned(),
    })
}

fn read_prefix<'a, 'b>(words: &'b [&'a str]) -> (&'a str, &'b [&'a str]) {
    match words {
        [keyword, prefix, rest @ ..] if keyword.eq_ignore_ascii_case("in") => (prefix, rest),
        _ => ("", words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn every_form_round_trips() {
        for text in [
            "CREATE a*",
            "DELETE a",
            "MODIFY a",
            "ALLOW a",
            "REQUIRE a",
            "DISALLOW *",
            "MATCH * WITH PRODUCTS FROM s",
            "MATCH * IN a WITH MATERIALS FROM s",
            "MATCH * WITH PRODUCTS IN b FROM s",
            "MATCH * IN a WITH PRODUCTS IN b FROM s",
        ] {
            let rule = Rule::try_from(words(text)).unwrap();
            assert_eq!(rule.to_string(), text);
        }
        assert_eq!(
            Rule::try_from(words("disallow *")),
            Ok(Rule::Disallow("*".into()))
        );
    }

    #[test]
    fn other_lists_are_refused() {
        for text in [
            "",
            "CREATE",
            "CREATE a b",
            "PERMIT a",
            "MATCH a",
            "MATCH a WITH THINGS FROM s",
            "MATCH a WITH PRODUCTS",
            "MATCH a WITH PRODUCTS FROM",
            "MATCH a IN x IN y WITH PRODUCTS FROM s",
            "MATCH a WITH PRODUCTS FROM s t",
        ] {
            assert!(Rule::try_from(words(text)).is_err(), "{text}");
        }
    }
}
