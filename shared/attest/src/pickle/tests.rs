use std::{fs::File, io::Write as _};

use proptest::prelude::*;

use super::*;

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/fixtures/weights/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

#[test]
fn what_is_no_file_of_weights_is_refused() {
    for bytes in [
        &b""[..],
        b"PK",
        b"PK\x03\x04",
        b"\x80\x02}.",
        b"{}",
        &[0; 4096],
    ] {
        assert!(read(&file_of(bytes)).is_err());
    }
}

#[test]
fn a_call_is_refused_by_name_and_not_made() {
    for pickle in [
        &b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00x\x85R."[..],
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        b"\x80\x02cbuiltins\neval\n.",
        b"\x80\x02ctorch\nload\n.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
        b"\x80\x02ccollections\nOrderedDict.__init__\n.",
    ] {
        assert!(
            matches!(inspect(pickle), Err(PickleError::Forbidden(_))),
            "{pickle:?}"
        );
    }
}

#[test]
fn machines_that_lie_are_refused() {
    for pickle in [
        &b"\x80\x02."[..],
        b"\x80\x02}",
        b"\x80\x02u.",
        b"\x80\x02(u.",
        b"\x80\x02}(Nu.",
        b"\x80\x02h\x07.",
        b"\x80\x02X\xff\xff\xff\xffabc.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.",
        b"\x80\x02X\x01\x00\x00\x00\xff.",
        b"\x80\x07}.",
        b"\x80\x02NR.",
        b"\x80\x02NNR.",
        b"\x80\x02N}b.",
        b"\x80\x02NQ.",
    ] {
        assert!(
            matches!(inspect(pickle), Err(PickleError::Malformed(_))),
            "{pickle:?}"
        );
    }
    assert_eq!(
        inspect(b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01h\x00h\x00u.").unwrap(),
        3
    );
}

/// A dictionary with one tensor that a function makes from storage `0` of four numbers and more arguments.
fn tensor_by(function: &str, more: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x80\x02}X\x01\0\0\0actorch._utils\n".to_vec();
    bytes.extend(function.as_bytes());
    bytes.extend(
        b"\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000NK\x04tQK\0K\x04\x85K\x01\x85",
    );
    bytes.extend(more);
    bytes.extend(b"tRs.");
    bytes
}

#[test]
fn views_that_mean_other_numbers_are_refused() {
    let negated = b"\x89}}X\x03\0\0\0neg\x88s";
    for (function, more, good) in [
        ("_rebuild_tensor", &b""[..], true),
        ("_rebuild_tensor", b"\x89}", false),
        ("_rebuild_tensor_v2", b"\x89}", true),
        ("_rebuild_tensor_v2", b"\x89}N", true),
        ("_rebuild_tensor_v2", b"\x89}}", true),
        ("_rebuild_tensor_v2", negated, false),
        ("_rebuild_tensor_v2", b"\x89}}N", false),
        ("_rebuild_tensor_v3", b"\x89}ctorch\nuint32\n", true),
        ("_rebuild_tensor_v3", b"\x89}ctorch\nuint32\nK\x01", false),
    ] {
        let read = inspect(&tensor_by(function, more));
        assert_eq!(read.is_ok(), good, "{function} {more:?}: {read:?}");
    }
}

#[test]
fn a_short_program_cannot_make_much_of_it() {
    // A long text named once and cloned by every storage, a long tuple cloned by every size.
    let long = |count: u32| [&b"X"[..], &count.to_le_bytes(), &vec![b'k'; count as usize]].concat();
    let mut keyed = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\n".to_vec();
    keyed.extend(long(65));
    keyed.extend(b"NK\x04tQ.");
    assert!(inspect(&keyed).is_err());
    let mut sized = b"\x80\x02ctorch\nSize\n(".to_vec();
    sized.extend(b"K\x01".repeat(65));
    sized.extend(b"t\x85R.");
    assert!(inspect(&sized).is_err());
    // Objects that nothing names any more count, too.
    let mut many = b"\x80\x02".to_vec();
    many.extend(b"N0".repeat(8_000_000));
    many.push(b'.');
    let refused = inspect(&many).unwrap_err().to_string();
    assert!(refused.contains("512 MiB"), "{refused}");
}

#[test]
fn no_changed_byte_of_a_real_file_makes_the_reader_panic_or_read_beyond_it() {
    for name in ["plain.bin", "strided.legacy.bin"] {
        let bytes = fixture(name);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] = changed[at].wrapping_add(1 + (at % 200) as u8);
            let file = file_of(&changed);
            if let Ok(weights) = read(&file) {
                let _ = crate::tensors::fingerprint(&file, &weights).unwrap();
            }
        }
        for length in 0..bytes.len() {
            assert!(read(&file_of(&bytes[..length])).is_err(), "{length}");
        }
    }
}

proptest! {
    #[test]
    fn no_pickle_makes_the_machine_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = inspect(&bytes);
    }

    #[test]
    fn almost_pickles_never_panic(parts in prop::collection::vec(prop::sample::select(vec![
        &b"}"[..], b"]", b"(", b")", b"u", b"s", b"e", b"a", b"t", b"\x85", b"\x86", b"\x87", b"q\x00", b"h\x00", b"N", b"K\x02",
        b"M\x00\x01", b"J\xff\xff\xff\xff", b"X\x07\x00\x00\x00storage", b"X\x01\x00\x00\x000", b"ctorch\nFloatStorage\n",
        b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"Q", b"R", b"b", b"0", b"\x94", b"\x88",
    ]), 0..60)) {
        let mut bytes = b"\x80\x02".to_vec();
        bytes.extend(parts.concat());
        bytes.push(b'.');
        let _ = inspect(&bytes);
    }
}
