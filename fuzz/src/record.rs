/// The bytes as one TFRecord, both checksums fitting.
pub fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let mut file = length.to_vec();
    file.extend(masked(&length).to_le_bytes());
    file.extend_from_slice(record);
    file.extend(masked(record).to_le_bytes());
    file
}

/// CRC-32C, rotated and shifted as TensorFlow does.
fn masked(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    (!sum).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_tensorflow_is_framed_alike() {
        let file = include_bytes!("../../worker/trainer/tests/fixtures/records.tfrecord");
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let expected = &file[..length + 16];
        assert_eq!(framed(&file[12..12 + length]), expected);
    }
}
