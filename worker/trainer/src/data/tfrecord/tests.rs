use assay_protocol::DataLimits;
use proptest::prelude::*;

use super::*;

const PLAIN: &[u8] = include_bytes!("../../../tests/fixtures/records.tfrecord");
const GZIP: &[u8] = include_bytes!("../../../tests/fixtures/records.tfrecord.gz");

fn features(list: &[(&str, &[usize], Dtype)]) -> Vec<(String, Feature)> {
    let feature = |shape: &[usize], dtype| Feature {
        shape: shape.to_vec(),
        dtype,
    };
    list.iter()
        .map(|(name, shape, dtype)| ((*name).to_owned(), feature(shape, *dtype)))
        .collect()
}

fn all() -> Vec<(String, Feature)> {
    features(&[
        ("raw", &[2, 2], Dtype::UInt8),
        ("floats", &[3], Dtype::Float32),
        ("count", &[], Dtype::Int64),
    ])
}

fn label(dtype: Option<Dtype>) -> Label<'static> {
    Label {
        name: "label",
        dtype,
    }
}

fn read_with(bytes: &[u8], features: &[(String, Feature)]) -> Result<Records, Fault> {
    read(
        bytes,
        features,
        label(Some(Dtype::Int64)),
        &DataLimits::default(),
    )
}

fn code(bytes: &[u8], features: &[(String, Feature)]) -> String {
    read_with(bytes, features).unwrap_err().code.into_owned()
}

#[test]
fn a_file_of_tensorflow_is_read_in_the_order_of_the_definition() {
    let records = read_with(PLAIN, &all()).unwrap();
    assert_eq!(records.rows, 12);
    assert_eq!(
        &records.values[16..24],
        [2.0, 3.0, 4.0, 5.0, 2.0, 1.0, -0.5, 20.0]
    );
    let expected: Vec<i64> = (0..12).map(|i| i % 3).collect();
    assert_eq!(records.labels, RawLabels::Ints(expected));
}

#[test]
fn compressed_files_hold_the_same() {
    let plain = read_with(PLAIN, &all()).unwrap();
    assert_eq!(read_with(GZIP, &all()).unwrap(), plain);
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut zlib, PLAIN).unwrap();
    assert_eq!(read_with(&zlib.finish().unwrap(), &all()).unwrap(), plain);
    let tight = DataLimits {
        zip_total_bytes: 100,
        ..DataLimits::default()
    };
    let fault = read(GZIP, &all(), label(None), &tight).unwrap_err();
    assert_eq!(fault.code, "limit.dataset_bytes");
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn zeros_are_no_records_however_many_they_are() {
    // A length of zero has another checksum than zero, so the first twelve bytes give it away.
    let zeros = gzipped(&vec![0; 64 << 20]);
    let fault = read_with(&zeros, &all()).unwrap_err();
    assert_eq!(fault.code, "dataset.record_malformed");
    assert!(fault.message.starts_with("record 1 "), "{fault}");
}

#[test]
fn what_unpacks_to_far_more_than_its_size_is_refused() {
    // Good records that hold nothing but zeros in a feature that no one asked for.
    let mut record =
        PLAIN[12..12 + u64::from_le_bytes(PLAIN[..8].try_into().unwrap()) as usize].to_vec();
    record.extend([0x7a, 0x80, 0x80, 0x40]); // field 15, 2^20 bytes
    record.extend(vec![0; 1 << 20]);
    let file = framed(&record).repeat(8);
    assert_eq!(read_with(&file, &all()).unwrap().rows, 8);
    assert_eq!(code(&gzipped(&file), &all()), "limit.dataset_bytes");
}

#[test]
fn a_compressed_file_that_is_cut_off_or_damaged_is_refused() {
    for cut in [GZIP.len() - 1, GZIP.len() - 8, GZIP.len() / 2, 11] {
        assert_eq!(code(&GZIP[..cut], &all()), "dataset.record_malformed");
    }
    let mut sum = GZIP.to_vec();
    let at = sum.len() - 8;
    sum[at] ^= 1;
    assert_eq!(code(&sum, &all()), "dataset.record_malformed");
}

#[test]
fn damage_is_found() {
    for at in 0..PLAIN.len() {
        let mut bytes = PLAIN.to_vec();
        bytes[at] ^= 1;
        assert!(read_with(&bytes, &all()).is_err(), "byte {at}");
    }
    for cut in [1, 11, 12, 20, PLAIN.len() - 1] {
        assert_eq!(code(&PLAIN[..cut], &all()), "dataset.record_malformed");
    }
    assert_eq!(code(b"", &all()), "dataset.empty");
    assert_eq!(code(b"a,b\n1,2\n3,4\n", &all()), "dataset.record_malformed");
}

#[test]
fn features_must_be_as_the_definition_says() {
    for wrong in [
        features(&[("other", &[], Dtype::Int64)]),
        features(&[("floats", &[2], Dtype::Float32)]),
        features(&[("floats", &[3], Dtype::Int64)]),
        features(&[("count", &[], Dtype::Float32)]),
        features(&[("raw", &[2, 2], Dtype::Float32)]),
    ] {
        let fault = read_with(PLAIN, &wrong).unwrap_err();
        assert_eq!(fault.code, "dataset.record_mismatch");
        assert!(fault.message.starts_with("record 1: "), "{fault}");
    }
    let float = read(
        PLAIN,
        &all(),
        label(Some(Dtype::Float32)),
        &DataLimits::default(),
    );
    assert_eq!(float.unwrap_err().code, "dataset.record_mismatch");
    let missing = Label {
        name: "nothing",
        dtype: None,
    };
    assert!(read(PLAIN, &all(), missing, &DataLimits::default()).is_err());
}

#[test]
fn raw_bytes_are_little_endian_numbers() {
    let raw = features(&[("raw", &[], Dtype::Int32)]);
    let records = read_with(PLAIN, &raw).unwrap();
    assert_eq!(records.values[1], i32::from_le_bytes([1, 2, 3, 4]) as f32);
    let raw = features(&[("raw", &[2], Dtype::UInt16)]);
    assert_eq!(read_with(PLAIN, &raw).unwrap().values[0], 256.0);
}

#[test]
fn limits_hold() {
    let fault = |limits: &DataLimits| read(PLAIN, &all(), label(None), limits).unwrap_err().code;
    assert_eq!(
        fault(&DataLimits {
            rows: 11,
            ..DataLimits::default()
        }),
        "dataset.too_large"
    );
    assert_eq!(
        fault(&DataLimits {
            values: 95,
            ..DataLimits::default()
        }),
        "dataset.too_large"
    );
    assert_eq!(
        fault(&DataLimits {
            record_bytes: 8,
            ..DataLimits::default()
        }),
        "dataset.record_too_large"
    );
    // A header that promises 2^60 bytes, with a right checksum.
    let mut lying = (1u64 << 60).to_le_bytes().to_vec();
    lying.extend(crc32c::masked(&lying).to_le_bytes());
    assert_eq!(code(&lying, &all()), "dataset.record_too_large");
}

/// A file of one record.
fn framed(record: &[u8]) -> Vec<u8> {
    let mut file = (record.len() as u64).to_le_bytes().to_vec();
    file.extend(crc32c::masked(&file).to_le_bytes());
    file.extend(record);
    file.extend(crc32c::masked(record).to_le_bytes());
    file
}

#[test]
fn a_value_that_is_not_finite_is_refused() {
    // floats = [NaN], label = [1]; written by hand in the wire format.
    let feature = |name: &[u8], list: &[u8]| {
        let mut entry = vec![0x0a, name.len() as u8];
        entry.extend(name);
        entry.extend([0x12, list.len() as u8]);
        entry.extend(list);
        let mut out = vec![0x0a, entry.len() as u8];
        out.extend(entry);
        out
    };
    let mut nan = vec![0x12, 6, 0x0a, 4];
    nan.extend(f32::NAN.to_le_bytes());
    let mut map = feature(b"f", &nan);
    map.extend(feature(b"label", &[0x1a, 2, 0x08, 1]));
    let mut record = vec![0x0a, map.len() as u8];
    record.extend(map);
    let wanted = features(&[("f", &[], Dtype::Float32)]);
    assert_eq!(code(&framed(&record), &wanted), "dataset.not_finite");
}

proptest! {
    #[test]
    fn no_record_panics(record in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_with(&framed(&record), &all());
    }

    #[test]
    fn no_change_of_a_good_record_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let length = u64::from_le_bytes(PLAIN[..8].try_into().unwrap()) as usize;
        let mut record = PLAIN[12..12 + length].to_vec();
        for (at, byte) in changes {
            let at = at.index(record.len());
            record[at] = byte;
        }
        let _ = read_with(&framed(&record), &all());
    }

    #[test]
    fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_with(&bytes, &all());
        let mut gzip = vec![0x1f, 0x8b, 0x08];
        gzip.extend(bytes);
        let _ = read_with(&gzip, &all());
    }
}
