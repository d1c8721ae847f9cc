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

fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

/// The storage of a key, of four numbers, as an instruction.
fn storage(key: &str) -> Vec<u8> {
    let parts = [
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
    ];
    [b"(".to_vec(), parts.concat(), b"K\x04tQ".to_vec()].concat()
}

/// A dictionary of one tensor, made by this function of `torch._utils` with these arguments more.
fn rebuilt(function: &str, key: &str, more: &[u8]) -> Vec<u8> {
    let call = format!("ctorch._utils\n{function}\n(").into_bytes();
    let (name, storage) = (text("w"), storage(key));
    let shape = b"K\x00K\x04\x85K\x01\x85".to_vec();
    [
        &b"\x80\x02}"[..],
        &name,
        &call,
        &storage,
        &shape,
        more,
        b"tRs.",
    ]
    .concat()
}

/// An archive as `PyTorch` writes it, but for the checksums, which nobody reads.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let (at, size) = (
            (bytes.len() as u32).to_le_bytes(),
            (content.len() as u32).to_le_bytes(),
        );
        let length = (name.len() as u16).to_le_bytes();
        let common = [&[0; 12][..], &size, &size, &length, &[0; 2]].concat();
        bytes.extend([b"PK\x03\x04\x14\0", &common[..], name.as_bytes(), content].concat());
        directory.extend(
            [
                b"PK\x01\x02\x14\0\x14\0",
                &common[..],
                &[0; 10],
                &at,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let (count, start) = (
        (entries.len() as u16).to_le_bytes(),
        (bytes.len() as u32).to_le_bytes(),
    );
    let size = (directory.len() as u32).to_le_bytes();
    let end = [
        b"PK\x05\x06\0\0\0\0",
        &count[..],
        &count,
        &size,
        &start,
        &[0; 2],
    ]
    .concat();
    [bytes, directory, end].concat()
}

#[test]
fn tensors_marked_as_other_than_their_numbers_are_refused() {
    let hooks = &b"\x89ccollections\nOrderedDict\n)R"[..];
    let typed = &b"ctorch\nfloat32\n"[..];
    let negated = [b"}", &text("neg")[..], b"\x88s"].concat();
    let with = |parts: &[&[u8]]| parts.concat();
    for (function, more, fine) in [
        ("_rebuild_tensor", with(&[]), true),
        ("_rebuild_tensor", with(&[hooks]), false),
        ("_rebuild_tensor_v2", with(&[hooks]), true),
        ("_rebuild_tensor_v2", with(&[hooks, b"N"]), true),
        ("_rebuild_tensor_v2", with(&[hooks, b"}"]), true),
        ("_rebuild_tensor_v2", with(&[hooks, &negated]), false),
        ("_rebuild_tensor_v2", with(&[hooks, b"K\x01"]), false),
        ("_rebuild_tensor_v2", with(&[hooks, b"NN"]), false),
        ("_rebuild_tensor_v3", with(&[hooks, typed]), true),
        ("_rebuild_tensor_v3", with(&[hooks, typed, b"}"]), true),
        ("_rebuild_tensor_v3", with(&[hooks, typed, &negated]), false),
    ] {
        let pickle = rebuilt(function, "0", &more);
        let file = archive(&[("a/data.pkl", &pickle), ("a/data/0", &[7; 16])]);
        let found = read(&file_of(&file));
        assert_eq!(found.is_ok(), fine, "{function} {more:?}: {found:?}");
    }
}

#[test]
fn what_other_readers_may_find_elsewhere_is_refused() {
    let (one, other) = (
        rebuilt("_rebuild_tensor", "0", b""),
        rebuilt("_rebuild_tensor", "1", b""),
    );
    let data: [(&str, &[u8]); 2] = [("a/data/0", &[7; 16]), ("a/data/1", &[9; 16])];
    let with = |entries: &[(&str, &[u8])]| {
        let all = [entries, &data].concat();
        read(&file_of(&archive(&all)))
    };
    assert!(with(&[("a/data.pkl", &one)]).is_ok());
    assert!(with(&[("a/DATA.PKL", &other), ("a/data.pkl", &one)]).is_err());
    assert!(with(&[("a/data.pkl", &one), ("a/Data/0", &[1; 16])]).is_err());
    // Another folder comes first.
    assert!(with(&[("b/version", b"3\n"), ("a/data.pkl", &one)]).is_err());
    assert!(with(&[("a/b/data.pkl", &one)]).is_err());
}

#[test]
fn a_small_pickle_cannot_take_much_memory() {
    let repeated = |start: &[u8], part: &[u8], end: &[u8]| {
        inspect(&[start, &part.repeat(40_000), end].concat()).map_err(|error| error.to_string())
    };
    // A key of a MiB in 40,000 storages.
    let key = storage(&"k".repeat(1 << 20));
    let tuple = [b"\x80\x02", &key[..key.len() - 1], b"q\x000"].concat();
    let refused = repeated(&tuple, b"h\x00Q0", b"}.").unwrap_err();
    assert!(refused.contains("64 bytes"), "{refused}");
    // A size of 64 or of more dimensions, again and again.
    for (count, why) in [(64, "memory"), (65, "64 dimensions")] {
        let sizes = [
            b"\x80\x02(",
            &b"K\x01".repeat(count)[..],
            b"t\x85q\x010ctorch\nSize\nq\x020",
        ]
        .concat();
        let refused = repeated(&sizes, b"h\x02h\x01R0", b"}.").unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    // So many numbers are fine, as are the tuples of a model's shapes.
    assert!(repeated(b"\x80\x02", b"K\x01\x850", b"}.").is_ok());
    // Nothing but marks.
    let marks = [&b"\x80\x02"[..], &b"(".repeat(2 << 20), b"."].concat();
    assert!(inspect(&marks).unwrap_err().to_string().contains("stack"));
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
