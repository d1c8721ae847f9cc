//! CRC-32C (Castagnoli), and the mask that TFRecord puts over it.

const POLYNOMIAL: u32 = 0x82f6_3b78;

/// `TABLES[k][b]`: the checksum of byte `b` followed by `k` zero bytes; eight bytes are taken at a step.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ POLYNOMIAL
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The CRC-32C of some bytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let table = |k: usize, byte: u8| TABLES[k][usize::from(byte)];
    let mut crc = !0u32;
    let (eights, rest) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in eights {
        let [w, x, y, z] = crc.to_le_bytes();
        crc = table(7, a ^ w)
            ^ table(6, b ^ x)
            ^ table(5, c ^ y)
            ^ table(4, d ^ z)
            ^ table(3, *e)
            ^ table(2, *f)
            ^ table(1, *g)
            ^ table(0, *h);
    }
    for byte in rest {
        crc = (crc >> 8) ^ table(0, byte ^ (crc & 0xff) as u8);
    }
    !crc
}

/// The masked checksum as it stands in the file, so that checksums of data holding checksums stay good.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // RFC 3720 appendix B.4, and the check value of the CRC catalogue.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b""), 0);
    }
}
