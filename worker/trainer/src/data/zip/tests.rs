use std::io::{Cursor, Write};

use ::zip::CompressionMethod;
use ::zip::write::SimpleFileOptions;
use assay_protocol::DataLimits;
use proptest::prelude::*;

use super::*;

/// An archive of stored or deflated files; a name that ends in `/` makes a folder.
pub(in crate::data) fn archive(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in files {
        if name.ends_with('/') {
            writer.add_directory(*name, options).unwrap();
        } else {
            writer.start_file(*name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

fn open(bytes: &[u8]) -> Result<Archive<'_>, Fault> {
    Archive::open(bytes, &DataLimits::default())
}

fn code(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().code.into_owned()
}

fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = archive(&[(from, b"x")], CompressionMethod::Stored);
    let places: Vec<usize> = memchr::memmem::find_iter(&bytes, from).collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// Offset of the first record of the central directory.
fn central(bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, b"PK\x01\x02").unwrap()
}

#[test]
fn files_come_out_as_they_went_in() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let long = vec![7u8; 5000];
        let bytes = archive(
            &[("a/", b""), ("a/x.png", b"hello"), ("a/y.png", &long)],
            method,
        );
        let opened = open(&bytes).unwrap();
        assert!(opened.entries[0].is_folder());
        assert_eq!(opened.entries[1].unpack().unwrap(), b"hello");
        assert_eq!(opened.entries[2].unpack().unwrap(), long);
    }
}

#[test]
fn names_that_leave_their_folder_are_refused() {
    for (from, to) in [
        ("aaaaaaaa", "../../aa"),
        ("aaaaaaaa", "a/../../"),
        ("aaaaaaaa", "/aaaaaaa"),
        ("aaaaaaaa", "..\\aaaaa"),
        ("aaaaaaaa", "C:aaaaaa"),
        ("aaaaaaaa", "aaa\0aaaa"),
        ("aaaaaaaa", "aaa//aaa"),
        ("aaaaaaaa", "./aaaaaa"),
    ] {
        assert_eq!(code(&renamed(from, to)), "dataset.zip_name", "{to:?}");
    }
}

#[test]
fn links_encryption_and_other_methods_are_refused() {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer
        .add_symlink("a/x.png", "/etc/passwd", SimpleFileOptions::default())
        .unwrap();
    assert_eq!(
        code(&writer.finish().unwrap().into_inner()),
        "dataset.zip_link"
    );

    let mut encrypted = archive(&[("a/x.png", b"x")], CompressionMethod::Stored);
    let at = central(&encrypted);
    encrypted[at + 8] |= 1;
    assert_eq!(code(&encrypted), "dataset.zip_encrypted");

    let mut method = archive(&[("a/x.png", b"x")], CompressionMethod::Stored);
    method[at + 10] = 14;
    assert_eq!(code(&method), "dataset.zip_method");
}

#[test]
fn lying_sizes_and_damage_are_found() {
    let good = archive(&[("a/x.png", &[1; 3000])], CompressionMethod::Deflated);
    let at = central(&good);
    for claimed in [0u32, 2999, 3001, 1 << 19] {
        let mut bytes = good.clone();
        bytes[at + 24..at + 28].copy_from_slice(&claimed.to_le_bytes());
        let fault = open(&bytes).unwrap().entries[0].unpack().unwrap_err();
        assert_eq!(fault.code, "dataset.zip_malformed");
    }
    let mut checksum = good.clone();
    checksum[at + 16] ^= 1;
    assert!(open(&checksum).unwrap().entries[0].unpack().is_err());
    for cut in [0, 1, 10, good.len() / 2, good.len() - 1] {
        assert_eq!(code(&good[..cut]), "dataset.zip_malformed");
    }
}

#[test]
fn bombs_are_refused() {
    let bomb = archive(
        &[("a/x.png", &vec![0; 8 << 20])],
        CompressionMethod::Deflated,
    );
    assert_eq!(code(&bomb), "dataset.zip_bomb");
    let limits = DataLimits {
        zip_entry_bytes: 4,
        zip_total_bytes: 6,
        ..DataLimits::default()
    };
    let with = |bytes: &[u8]| Archive::open(bytes, &limits).unwrap_err().code;
    let stored = CompressionMethod::Stored;
    assert_eq!(
        with(&archive(&[("a", b"12345")], stored)),
        "dataset.zip_too_large"
    );
    assert_eq!(
        with(&archive(&[("a", b"1234"), ("b", b"123")], stored)),
        "dataset.zip_too_large"
    );
}

#[test]
fn entries_that_share_bytes_are_refused() {
    let mut bytes = archive(&[("aa", b"xyz")], CompressionMethod::Stored);
    // A second directory record for the same local entry, under the same name but spelled as another.
    let at = central(&bytes);
    let end = memchr::memmem::find(&bytes, b"PK\x05\x06").unwrap();
    let mut record = bytes[at..end].to_vec();
    record[46] = b'b';
    let mut twice = bytes[..end].to_vec();
    twice.extend(&record);
    let mut tail = bytes.split_off(end);
    tail[8] = 2;
    tail[10] = 2;
    tail[12..16].copy_from_slice(&u32::try_from(2 * record.len()).unwrap().to_le_bytes());
    twice.extend(&tail);
    // The local header's name gives it away; with equal names the duplicate check does.
    assert_eq!(code(&twice), "dataset.zip_malformed");
    let second = at + record.len();
    twice[second + 46] = b'a';
    assert_eq!(code(&twice), "dataset.zip_duplicate");
    twice[second + 46..second + 48].copy_from_slice(b"bb");
    assert_eq!(code(&twice), "dataset.zip_malformed");
}

#[test]
fn overlapping_entries_are_refused() {
    // The data of the first entry is a whole local header of the second.
    let inner = archive(&[("b.png", b"xyz")], CompressionMethod::Stored);
    let local = &inner[..central(&inner)];
    let mut bytes = archive(
        &[("a.png", local), ("b.png", b"xyz")],
        CompressionMethod::Stored,
    );
    let inside = memchr::memmem::find(&bytes[1..], b"PK\x03\x04").unwrap() + 1;
    let second = memchr::memmem::find_iter(&bytes, b"PK\x01\x02")
        .nth(1)
        .unwrap();
    bytes[second + 42..second + 46].copy_from_slice(&u32::try_from(inside).unwrap().to_le_bytes());
    assert_eq!(code(&bytes), "dataset.zip_bomb");
}

#[test]
fn a_million_promised_entries_are_refused_before_anything_is_allocated() {
    let limits = DataLimits {
        zip_entries: 1000,
        ..DataLimits::default()
    };
    let mut bytes = archive(&[("a", b"x")], CompressionMethod::Stored);
    let end = bytes.len() - 22;
    bytes[end + 8..end + 12].copy_from_slice(&[0xff; 4]);
    // Impossible in so small a directory, whatever the limit.
    assert_eq!(code(&bytes), "dataset.zip_malformed");
    let names: Vec<String> = (0..1001).map(|n| format!("a/{n}.png")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let bytes = archive(&files, CompressionMethod::Stored);
    assert_eq!(
        Archive::open(&bytes, &limits).unwrap_err().code,
        "dataset.zip_entries"
    );
}

#[test]
fn the_wide_form_is_read() {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().large_file(true);
    writer.start_file("a/x.png", options).unwrap();
    writer.write_all(b"hello").unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert_eq!(open(&bytes).unwrap().entries[0].unpack().unwrap(), b"hello");
}

proptest! {
    #[test]
    fn no_change_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = archive(
            &[("a/", b""), ("a/x.png", &[1; 300]), ("b/y.png", b"xyz")],
            CompressionMethod::Deflated,
        );
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..cut.index(bytes.len())]] {
            if let Ok(opened) = open(bytes) {
                for entry in &opened.entries {
                    let _ = entry.unpack();
                }
            }
        }
    }
}
