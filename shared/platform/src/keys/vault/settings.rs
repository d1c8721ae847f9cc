use http::Uri;

use crate::keys::VaultConfig;

/// Refuses settings with which a token or a key would go where it must not.
pub(super) fn check(config: &VaultConfig) -> Result<(), String> {
    let rule = |ok: bool, text: &str| if ok { Ok(()) } else { Err(text.to_owned()) };
    let address: Uri = config
        .address
        .parse()
        .map_err(|_| "address is no URL; expected https://vault.example:8200".to_owned())?;
    let loopback = matches!(address.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
    rule(
        address.scheme_str() == Some("https") || address.scheme_str() == Some("http") && loopback,
        "address must begin with https://, for the token goes there; http:// is for this machine alone (127.0.0.1)",
    )?;
    rule(
        matches!(address.path(), "" | "/") && address.query().is_none(),
        "address must be scheme, host and port alone",
    )?;
    rule(
        config.mount.split('/').all(is_word),
        "mount must be letters, digits, hyphens and underscores, with / between them, as in transit",
    )?;
    rule(
        config.prefix.is_empty() || is_word(&config.prefix),
        "prefix must be letters, digits, hyphens and underscores, as in assay-",
    )?;
    rule(
        config.namespace.bytes().all(|byte| byte.is_ascii_graphic()),
        "namespace must be plain letters without spaces",
    )?;
    rule(
        !config.token_file.as_os_str().is_empty(),
        "token_file must be set: a file with the token alone, readable by its owner only",
    )
}

/// What may be a part of a path.
fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
