/// Whether a name matches a pattern as Python's `fnmatch.fnmatchcase` has it, which in-toto uses.
///
/// `*` stands for any characters (`/` too), `?` any one, `[abc]`, `[a-z]`, `[!abc]`. An unclosed `[` stands for itself.
///
/// Takes time in proportion to name × pattern at worst, whatever the pattern.
pub fn fnmatch(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let tokens = tokens(pattern);
    let (mut at, mut token) = (0, 0);
    // Where to go on when the last star takes one character more: only the last star need ever be tried again.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&char) = name.get(at) {
        match tokens.get(token) {
            Some(Token::Star) => {
                retry = Some((at, token + 1));
                token += 1;
                continue;
            }
            Some(Token::One(set)) if set.holds(char) => {
                at += 1;
                token += 1;
                continue;
            }
            _ => {}
        }
        let Some((from, after_star)) = retry else {
            return false;
        };
        retry = Some((from + 1, after_star));
        at = from + 1;
        token = after_star;
    }
    tokens
        .iter()
        .skip(token)
        .all(|rest| matches!(rest, Token::Star))
}

enum Token {
    Star,
    One(Set),
}

/// The characters in these ranges, or the ones outside them.
struct Set {
    ranges: Vec<(char, char)>,
    inside: bool,
}

impl Set {
    fn holds(&self, char: char) -> bool {
        self.ranges
            .iter()
            .any(|&(low, high)| (low..=high).contains(&char))
            == self.inside
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut rest = pattern.as_slice();
    while let Some((&char, after)) = rest.split_first() {
        rest = after;
        tokens.push(match char {
            '*' => Token::Star,
            '?' => Token::One(Set {
                ranges: Vec::new(),
                inside: false,
            }),
            '[' => match set(after) {
                Some((set, after_set)) => {
                    rest = after_set;
                    Token::One(set)
                }
                None => Token::One(Set {
                    ranges: vec![('[', '[')],
                    inside: true,
                }),
            },
            other => Token::One(Set {
                ranges: vec![(other, other)],
                inside: true,
            }),
        });
    }
    tokens
}

/// The set whose `[` was just read, and what follows its `]`; a `]` in first place is a member.
fn set(text: &[char]) -> Option<(Set, &[char])> {
    let first = usize::from(text.first() == Some(&'!'));
    let end = first + 1 + text.iter().skip(first + 1).position(|&char| char == ']')?;
    let (stuff, after) = text.split_at_checked(end)?;
    let mut parts = parts(stuff);
    let inside = match parts.first_mut() {
        Some(part) if part.first() == Some(&'!') => {
            part.remove(0);
            false
        }
        _ => true,
    };
    let mut ranges = Vec::new();
    let mut before = None;
    for part in &parts {
        // Between two parts stands the hyphen of a range.
        ranges.extend(before.zip(part.first().copied()));
        ranges.extend(part.iter().map(|&char| (char, char)));
        before = part.last().copied();
    }
    let after = after.split_first().map_or(&[][..], |(_, after)| after);
    Some((Set { ranges, inside }, after))
}

/// The text of a set between the hyphens that make ranges, without the ranges that hold nothing: as Python's `fnmatch`
/// takes it apart. It does so before it looks for the `!`, so that `[b-a!]` is any character.
fn parts(stuff: &[char]) -> Vec<Vec<char>> {
    let mut parts: Vec<Vec<char>> = Vec::new();
    let mut from = 0;
    let mut look = 1 + usize::from(stuff.first() == Some(&'!'));
    while let Some(found) = stuff.iter().skip(look).position(|&char| char == '-') {
        let at = look + found;
        parts.push(stuff.get(from..at).unwrap_or_default().to_vec());
        from = at + 1;
        look = at + 3;
    }
    match (stuff.get(from..), parts.last_mut()) {
        (Some([]) | None, Some(last)) => last.push('-'),
        (rest, _) => parts.push(rest.unwrap_or_default().to_vec()),
    }
    for at in (1..parts.len()).rev() {
        let (Some(low), Some(high)) = (parts.get(at - 1), parts.get(at)) else {
            continue;
        };
        if low.last() > high.first() {
            let rest = parts.remove(at).into_iter().skip(1);
            if let Some(low) = parts.get_mut(at - 1) {
                low.pop();
                low.extend(rest);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fnmatch;

    #[test]
    fn answers_are_those_of_python() {
        // (name, pattern, fnmatch.fnmatchcase(name, pattern)) of Python 3.11.
        for (name, pattern, expected) in [
            ("a/b/c", "*", true),
            ("", "*", true),
            ("", "", true),
            ("a", "", false),
            ("a/b", "a*b", true),
            ("job/inputs/model/m.keras", "*/inputs/*", true),
            ("inputs/model", "*/inputs/*", false),
            ("x/inputs", "*/inputs/*", false),
            ("job/outputs/metrics.json", "*/outputs/metrics.json", true),
            (
                "job/outputs/metrics.json.bak",
                "*/outputs/metrics.json",
                false,
            ),
            ("abc", "a?c", true),
            ("ac", "a?c", false),
            ("b", "[abc]", true),
            ("d", "[abc]", false),
            ("d", "[!abc]", true),
            ("b", "[a-c]", true),
            ("]", "[]]", true),
            ("x", "[!]]", true),
            ("[a", "[a", true),
            ("-", "[a-]", true),
            ("-", "[-a]", true),
            ("b", "[c-a]", false),
            ("a\nb", "a?b", true),
            ("aaab", "*a*b", true),
            ("ab", "*a*a*b", false),
            ("A", "a", false),
            ("é", "?", true),
            ("[", "[", true),
            ("[]", "[]", true),
            ("[!]", "[!]", true),
            ("b-", "[a-c-]-", true),
            ("a.b", "a.b", true),
            ("axb", "a.b", false),
        ] {
            assert_eq!(fnmatch(name, pattern), expected, "{name:?} {pattern:?}");
        }
    }

    #[test]
    fn sets_hold_what_they_hold_in_python() {
        // Of these characters, those that `fnmatch.fnmatchcase` of Python 3.11 finds in the set.
        for (pattern, expected) in [
            ("[b-a!]", "abcxy-!]^\\"),
            ("[!b-a]", "abcxy-!]^\\"),
            ("[b-a]", ""),
            ("[a-c-e]", "abc-"),
            ("[b-ax-z]", "xy"),
            ("[!b-a!]", "abcxy-]^\\"),
            ("[a-]x", ""),
            ("[--a]", "a-]^\\"),
            ("[c-a-]", "-"),
            ("[]-a]", "a]^"),
            ("[!-a]", "bcxy!]^\\"),
            ("[b-a-c]", "c-"),
            ("[^a]", "a^"),
            ("[a\\-c]", "abc]^\\"),
        ] {
            let found: String = "abcxy-!]^\\"
                .chars()
                .filter(|char| fnmatch(&char.to_string(), pattern))
                .collect();
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        assert!(!fnmatch(
            &"a".repeat(1024),
            &format!("{}b", "a*".repeat(500))
        ));
    }

    proptest! {
        #[test]
        fn never_panics_and_star_takes_all(name in "\\PC{0,40}", pattern in r"[ab*?\[\]!\-/]{0,20}") {
            let _ = fnmatch(&name, &pattern);
            let _ = fnmatch(&pattern, &pattern);
            prop_assert!(fnmatch(&name, "*"));
        }
    }
}
