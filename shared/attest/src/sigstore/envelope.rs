/// The payload type of in-toto statements in DSSE envelopes.
pub const IN_TOTO_PAYLOAD: &str = "application/vnd.in-toto+json";

/// The bytes that a DSSE signature is made over (DSSE 1.0, "PAE"): type and payload with their lengths, so that no
/// byte can move from one to the other.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
