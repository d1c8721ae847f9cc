use std::{fmt, fmt::Write as _, time::Duration};

use assay_attest::Digest;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use time::OffsetDateTime;

/// Signs download links with HMAC-SHA-256 (RFC 2104), so that the holder of a link needs nothing else for as long as
/// it is valid.
#[derive(Clone)]
pub struct LinkKey([u8; 64]);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey")
    }
}

impl LinkKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        // Padded with zeros to the block of SHA-256, as RFC 2104 §2 pads every shorter key.
        let mut block = [0; 64];
        for (slot, byte) in block.iter_mut().zip(bytes) {
            *slot = byte;
        }
        Self(block)
    }

    /// A key that all who share a secret share, too, and that does not tell the secret.
    pub(crate) fn derived(secret: &[u8]) -> Self {
        let mut block = [0; 64];
        if secret.len() > block.len() {
            // RFC 2104 §2.
            let hashed = Digest::of(secret);
            block
                .iter_mut()
                .zip(hashed.as_bytes())
                .for_each(|(slot, byte)| *slot = *byte);
        } else {
            block
                .iter_mut()
                .zip(secret)
                .for_each(|(slot, byte)| *slot = *byte);
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"assay download links");
        Self::from_bytes(mac.finalize().into_bytes().into())
    }

    /// The path and query of a link that is valid until `ttl` has passed.
    pub(crate) fn sign(&self, digest: Digest, name: &str, ttl: Duration) -> String {
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX);
        let expires = OffsetDateTime::now_utc()
            .unix_timestamp()
            .saturating_add(ttl);
        let signature = hex::encode(self.mac(digest, name, expires).finalize().into_bytes());
        format!(
            "/download/{digest}?name={}&expires={expires}&signature={signature}",
            percent_encode(name)
        )
    }

    /// Whether the signature is ours, compared in constant time, and the link has not expired.
    pub(crate) fn check(&self, digest: Digest, name: &str, expires: i64, signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else {
            return false;
        };
        let ours = self.mac(digest, name, expires).verify_slice(&signature);
        ours.is_ok() && OffsetDateTime::now_utc().unix_timestamp() < expires
    }

    /// The parts before the name have fixed alphabets without line ends, so no two links share a message.
    fn mac(&self, digest: Digest, name: &str, expires: i64) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        mac.update(format!("download\n{digest}\n{expires}\n{name}").as_bytes());
        mac
    }
}

/// The header `Content-Disposition` that has a browser save the bytes under this name (RFC 6266).
///
/// Names of artifacts are checked when they come in; the marks that a quoted string cannot hold are still kept out.
pub fn attachment(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' {
                c
            } else {
                '_'
            }
        })
        .collect();
    format!("attachment; filename=\"{name}\"")
}

/// Encodes all but the unreserved characters (RFC 3986 §2.3).
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (i64, String) {
        let value = |key: &str| {
            let (_, rest) = url.split_once(&format!("{key}=")).unwrap();
            rest.split('&').next().unwrap().to_owned()
        };
        (value("expires").parse().unwrap(), value("signature"))
    }

    #[test]
    fn a_link_is_valid_for_its_bytes_name_and_time_only() {
        let key = LinkKey::from_bytes([7; 32]);
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let url = key.sign(one, "a b/ü.json", Duration::from_secs(3600));
        assert!(url.starts_with(&format!(
            "/download/{one}?name=a%20b%2F%C3%BC.json&expires="
        )));
        let (expires, signature) = parts(&url);
        assert!(key.check(one, "a b/ü.json", expires, &signature));
        assert!(!key.check(other, "a b/ü.json", expires, &signature));
        assert!(!key.check(one, "evil.html", expires, &signature));
        assert!(!key.check(one, "a b/ü.json", expires + 1, &signature));
        assert!(!LinkKey::from_bytes([8; 32]).check(one, "a b/ü.json", expires, &signature));
        for wrong in ["", "00", &signature[2..], &format!("{signature}00"), "zz"] {
            assert!(!key.check(one, "a b/ü.json", expires, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_link_expires() {
        let key = LinkKey::from_bytes([7; 32]);
        let digest = Digest::of(b"one");
        let (expires, signature) = parts(&key.sign(digest, "x", Duration::ZERO));
        assert!(!key.check(digest, "x", expires, &signature));
    }

    #[test]
    fn who_shares_a_secret_shares_the_key() {
        let digest = Digest::of(b"one");
        let url = LinkKey::derived(b"a secret").sign(digest, "x", Duration::from_secs(60));
        let (expires, signature) = parts(&url);
        assert!(LinkKey::derived(b"a secret").check(digest, "x", expires, &signature));
        for other in [&b"another"[..], b"", &[7; 200]] {
            assert!(!LinkKey::derived(other).check(digest, "x", expires, &signature));
        }
    }

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        assert_eq!(
            attachment("a b.keras"),
            "attachment; filename=\"a b.keras\""
        );
        assert_eq!(
            attachment("a\"; x=\\\r\né"),
            "attachment; filename=\"a_; x=____\""
        );
    }
}
