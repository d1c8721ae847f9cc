//! Names and addresses by which others find a thing: package URLs, web addresses.

use crate::Digest;

/// A package URL (ECMA-427).
pub(super) fn purl(kind: &str, name: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("@{}", percent_encoded(version)));
    format!(
        "pkg:{kind}/{}{}",
        percent_encoded(name),
        version.unwrap_or_default()
    )
}

/// The package URL of bytes that no registry of packages has: they are told by their digest.
pub(super) fn purl_of_bytes(name: &str, version: Option<&str>, sha256: Digest) -> String {
    format!(
        "{}?checksum=sha256:{sha256}",
        purl("generic", name, version)
    )
}

/// Only what is an `http` URL by RFC 3986 for certain may stand where the schema wants one.
pub(super) fn is_url(text: &str) -> bool {
    let after = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?#@:!$&'()*+,;=".contains(&byte);
    after.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric()) && rest.bytes().all(allowed)
    })
}

/// `pkg:type/…/name`, by ECMA-427's grammar as far as it tells a package URL from anything else.
pub(super) fn is_purl(text: &str) -> bool {
    let Some((kind, rest)) = text
        .strip_prefix("pkg:")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let first = kind
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic());
    let typed = kind
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~%/@?=&:#+,".contains(&byte);
    let path = rest.split(['@', '?', '#']).next().unwrap_or_default();
    first && typed && !path.trim_matches('/').is_empty() && rest.bytes().all(allowed)
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purls_are_percent_encoded() {
        assert_eq!(
            purl("generic", "Wein/Modell é", Some("1 0@b")),
            "pkg:generic/Wein%2FModell%20%C3%A9@1%200%40b"
        );
        assert_eq!(purl("cargo", "candle-core", None), "pkg:cargo/candle-core");
        let sha256 = Digest::of(b"");
        let expected = format!("pkg:generic/a?checksum=sha256:{sha256}");
        assert_eq!(purl_of_bytes("a", None, sha256), expected);
    }

    #[test]
    fn only_certain_urls_are_urls() {
        assert!(is_url("https://example.org/a_b/c-1.0~x?y=1#z"));
        for text in [
            "https://",
            "example.org",
            "javascript:x",
            "https://a b",
            "https://é.org",
            "https://[x",
            "https:///x",
            "https://a/%zz",
        ] {
            assert!(!is_url(text), "{text}");
        }
    }
}
