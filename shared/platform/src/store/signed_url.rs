use std::{fmt, time::Duration};

use assay_attest::Digest;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

/// Signs download links of the local store: HMAC-SHA-256 (RFC 2104) over digest, file name and expiry.
#[derive(Clone)]
pub struct UrlSigner {
    key: [u8; 32],
}

impl fmt::Debug for UrlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlSigner")
    }
}

impl UrlSigner {
    /// A signer with this secret key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    pub(super) fn sign(&self, digest: Digest, name: &str, ttl: Duration) -> String {
        let expires = OffsetDateTime::now_utc().unix_timestamp() + ttl.as_secs() as i64;
        let signature = hex::encode(self.mac(digest, name, expires));
        let name = percent_encoded(name);
        format!("/download/{digest}?name={name}&expires={expires}&signature={signature}")
    }

    pub(super) fn check(&self, digest: Digest, name: &str, expires: i64, signature: &str) -> bool {
        let mut given = [0; 32];
        if hex::decode_to_slice(signature, &mut given).is_err() {
            return false;
        }
        let expected = self.mac(digest, name, expires);
        // Every byte is looked at, so that the time taken tells nothing of where they differ.
        let differing = expected
            .iter()
            .zip(&given)
            .fold(0, |all, (a, b)| all | (a ^ b));
        differing == 0 && OffsetDateTime::now_utc().unix_timestamp() < expires
    }

    fn mac(&self, digest: Digest, name: &str, expires: i64) -> [u8; 32] {
        // The digest has a fixed length and a name has no line feed, so no two triples give one text.
        hmac(&self.key, format!("{digest}\n{expires}\n{name}").as_bytes())
    }
}

/// HMAC-SHA-256 (RFC 2104) for keys of at most a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

/// RFC 3986 §2.1: everything but unreserved characters.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3, test case 2.
    #[test]
    fn hmac_is_that_of_the_rfc() {
        assert_eq!(
            hex::encode(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_link_is_good_for_its_bytes_its_name_and_its_time() {
        let signer = UrlSigner::new([7; 32]);
        let digest = Digest::of(b"one");
        let url = signer.sign(digest, "a b.json", Duration::from_secs(60));
        assert!(url.contains("name=a%20b.json&"));
        let field = |name: &str| {
            let (_, rest) = url.split_once(&format!("{name}=")).unwrap();
            rest.split('&').next().unwrap().to_owned()
        };
        let expires: i64 = field("expires").parse().unwrap();
        let signature = field("signature");
        assert!(signer.check(digest, "a b.json", expires, &signature));
        assert!(!signer.check(Digest::of(b"two"), "a b.json", expires, &signature));
        assert!(!signer.check(digest, "other.json", expires, &signature));
        assert!(!signer.check(digest, "a b.json", expires + 1, &signature));
        assert!(!signer.check(digest, "a b.json", expires, &signature[..62]));
        assert!(!UrlSigner::new([8; 32]).check(digest, "a b.json", expires, &signature));
        let past = hex::encode(signer.mac(digest, "a b.json", 1000));
        assert!(!signer.check(digest, "a b.json", 1000, &past));
    }
}
