use serde_json::{Number, Value};

/// The largest integer that every JSON reader keeps exact: 2^53 - 1 (RFC 7493, RFC 8785 §3.2.2.3).
const MAX_SAFE: u64 = (1 << 53) - 1;

/// A value that the OLPC encoding does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// The encoding has integers only.
    #[error("{0} is not an integer; signed in-toto metadata holds fractions as strings")]
    Fraction(String),
    /// Readers that use doubles would see another number.
    #[error("{0} is beyond 2^53 - 1; signed in-toto metadata holds such numbers as strings")]
    Unsafe(String),
}

/// The JSON Canonicalization Scheme, RFC 8785: no white space, members in the order of their keys' UTF-16 code units,
/// numbers as ECMAScript writes doubles, the shortest escapes.
pub fn jcs(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_jcs(value, &mut out);
    out
}

fn write_jcs(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(ecmascript(number).as_bytes()),
        Value::String(text) => jcs_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_jcs(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                jcs_string(key, out);
                out.push(b':');
                write_jcs(member, out);
            }
            out.push(b'}');
        }
    }
}

/// A number as ECMAScript's `Number::toString` writes the double nearest to it.
fn ecmascript(number: &Number) -> String {
    match (number.as_u64(), number.as_i64()) {
        (Some(integer), _) if integer <= MAX_SAFE => integer.to_string(),
        (_, Some(integer)) if integer.unsigned_abs() <= MAX_SAFE => integer.to_string(),
        // A value of serde_json is always finite, as no document can spell another.
        _ => ryu_js::Buffer::new()
            .format(number.as_f64().unwrap_or_default())
            .to_owned(),
    }
}

fn jcs_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for char in text.chars() {
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\0'..='\u{1f}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes())
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// The canonical JSON that in-toto's metablocks sign (OLPC, as securesystemslib 1.6 writes it).
///
/// No white space, members in the order of their keys' code points, only `\` and `"` escaped, control characters raw, integers only.
///
/// The result is what a signature is made over; it need not be JSON that a parser accepts.
///
/// # Errors
/// [`CanonicalError`] for a number that is not an integer within ±(2^53 - 1).
pub fn olpc(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(1024);
    write_olpc(value, &mut out)?;
    Ok(out)
}

fn write_olpc(value: &Value, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(integer(number)?.as_bytes()),
        Value::String(text) => olpc_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_olpc(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // The order of UTF-8 bytes is that of code points.
            members.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                olpc_string(key, out);
                out.push(b':');
                write_olpc(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn integer(number: &Number) -> Result<String, CanonicalError> {
    let magnitude = match (number.as_u64(), number.as_i64()) {
        (Some(integer), _) => integer,
        (_, Some(integer)) => integer.unsigned_abs(),
        _ => return Err(CanonicalError::Fraction(number.to_string())),
    };
    if magnitude > MAX_SAFE {
        return Err(CanonicalError::Unsafe(number.to_string()));
    }
    Ok(number.to_string())
}

fn olpc_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(jcs(value)).unwrap()
    }

    #[test]
    fn jcs_writes_the_example_of_rfc_8785() {
        let value: Value = serde_json::from_str(
            r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
               "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        )
        .unwrap();
        assert_eq!(
            text(&value),
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn jcs_sorts_keys_by_utf_16_units() {
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        assert_eq!(
            text(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn jcs_writes_integers_as_doubles_do() {
        assert_eq!(
            text(&json!([
                9_007_199_254_740_991_u64,
                9_007_199_254_740_993_u64,
                -5,
                u64::MAX
            ])),
            "[9007199254740991,9007199254740992,-5,18446744073709552000]"
        );
    }

    #[test]
    fn olpc_escapes_two_characters_only() {
        let value =
            json!({"b": "tab\tnew\nquote\"back\\é\u{1}", "a": [1, -2, null, true], "Ä": {}});
        let expected =
            "{\"a\":[1,-2,null,true],\"b\":\"tab\tnew\nquote\\\"back\\\\é\u{1}\",\"Ä\":{}}";
        assert_eq!(olpc(&value).unwrap(), expected.as_bytes());
    }

    #[test]
    fn olpc_has_no_fractions_and_no_unsafe_integers() {
        assert!(matches!(
            olpc(&json!([0.5])),
            Err(CanonicalError::Fraction(_))
        ));
        assert!(matches!(
            olpc(&json!(1.0)),
            Err(CanonicalError::Fraction(_))
        ));
        assert!(matches!(
            olpc(&json!(1_u64 << 53)),
            Err(CanonicalError::Unsafe(_))
        ));
        assert!(olpc(&json!(-((1_i64 << 53) - 1))).is_ok());
    }
}
