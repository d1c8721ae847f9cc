use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
};

/// Where Fulcio writes the identity provider (`1.3.6.1.4.1.57264.1.8`: a DER string; `….1.1`, older: bare text).
const OIDC_ISSUER: &str = "1.3.6.1.4.1.57264.1.8";
const OIDC_ISSUER_BARE: &str = "1.3.6.1.4.1.57264.1.1";

/// Whom a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its subject alternative names: mail addresses, URIs and host names; without one the subject's common name.
    pub identities: Vec<String>,
    /// The identity provider that a Fulcio certificate names, or else the common name of the one who issued it.
    pub issuer: Option<String>,
}

impl Subject {
    /// Reads the names.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let common = |name: &x509_parser::x509::X509Name<'_>| {
            name.iter_common_name()
                .next()
                .and_then(|one| one.as_str().ok())
                .map(str::to_owned)
        };
        let mut identities = Vec::new();
        let mut provider = None;
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    identities.extend(names.general_names.iter().filter_map(|name| match name {
                        GeneralName::RFC822Name(text)
                        | GeneralName::DNSName(text)
                        | GeneralName::URI(text) => Some((*text).to_owned()),
                        _ => None,
                    }));
                }
                _ => match extension.oid.to_id_string().as_str() {
                    OIDC_ISSUER => provider = utf8_string(extension.value).or(provider),
                    OIDC_ISSUER_BARE if provider.is_none() => {
                        provider = std::str::from_utf8(extension.value).ok().map(str::to_owned);
                    }
                    _ => {}
                },
            }
        }
        if identities.is_empty() {
            identities.extend(common(certificate.subject()));
        }
        Self {
            identities,
            issuer: provider.or_else(|| common(certificate.issuer())),
        }
    }
}

/// A DER `UTF8String` shorter than 128 bytes, or with a length of one byte more.
fn utf8_string(der: &[u8]) -> Option<String> {
    let text = match der {
        [0x0c, length @ 0..=0x7f, text @ ..] if usize::from(*length) == text.len() => text,
        [0x0c, 0x81, length @ 0x80..=0xff, text @ ..] if usize::from(*length) == text.len() => text,
        _ => return None,
    };
    std::str::from_utf8(text).ok().map(str::to_owned)
}
