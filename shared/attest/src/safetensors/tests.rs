mod left_over;

use std::{collections::BTreeMap, fs, os::unix::fs::FileExt as _, path::PathBuf};

use proptest::prelude::*;

use super::{
    file::{Resign, Rewritten, open, recover, sign, update},
    *,
};
use crate::{
    SigningKey,
    sigstore::{Bundle, EcPublicKey, Signer, Verifier},
    tensors::digest,
};

fn file_of(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn parse(header: &str, data_bytes: u64) -> Result<Header, SafetensorsError> {
    Header::parse(header.as_bytes(), 8 + header.len() as u64 + data_bytes)
}

const GOOD: &str = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[0],"data_offsets":[8,8]},"__metadata__":{"format":"pt"}}"#;

fn written(dir: &tempfile::TempDir) -> PathBuf {
    let path = dir.path().join("model.safetensors");
    fs::write(&path, file_of(GOOD, &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
    path
}

fn pinned(key: &SigningKey) -> Verifier {
    Verifier::Key(EcPublicKey::try_from(key.public()).unwrap())
}

fn is_whole(path: &std::path::Path, verifier: &Verifier) -> bool {
    let (file, header) = open(path).unwrap();
    let signed = header.verify(verifier).unwrap().statement.tensors;
    digest(&file, &header.weights).unwrap().hex() == signed
}

#[test]
fn headers_that_lie_are_refused() {
    assert!(parse(GOOD, 8).is_ok());
    let one = |info: &str| format!("{{\"a\":{{{info}}}}}");
    for (header, bytes) in [
        (GOOD.to_owned(), 9),
        (GOOD.to_owned(), 7),
        (format!(" {GOOD}"), 8),
        (format!("{GOOD}x"), 8),
        ("[]".to_owned(), 0),
        (one(r#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#), 4),
        (one(r#""dtype":"F32","shape":[1],"data_offsets":[4,8]"#), 8),
        (one(r#""dtype":"F32","shape":[1],"data_offsets":[4,0]"#), 0),
        (one(r#""dtype":"F33","shape":[1],"data_offsets":[0,4]"#), 4),
        (one(r#""dtype":"F32","shape":[-1],"data_offsets":[0,4]"#), 4),
        (one(r#""dtype":"F32","shape":[18446744073709551615,2],"data_offsets":[0,8]"#), 8),
        (one(r#""dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1"#), 4),
        (one(r#""dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]"#), 4),
        (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#.to_owned(), 3),
        (r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#.to_owned(), 1),
        (r#"{"__metadata__":{"k":"1","\u006b":"2"}}"#.to_owned(), 0),
        (r#"{"__metadata__":{},"__metadata__":{}}"#.to_owned(), 0),
        (r#"{"__metadata__":{"k":1}}"#.to_owned(), 0),
        (r#"{"__metadata__":{"k":{"k":"#.repeat(5000), 0),
    ] {
        assert!(parse(&header, bytes).is_err(), "{header}");
    }
}

#[test]
fn a_header_that_is_said_to_be_long_is_refused_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.safetensors");
    for length in [100_000_001, u64::MAX, 100] {
        fs::write(&path, length.to_le_bytes()).unwrap();
        assert!(
            matches!(open(&path), Err(SafetensorsError::Header(_))),
            "{length}"
        );
    }
    fs::write(&path, [0; 7]).unwrap();
    assert!(open(&path).is_err());
}

#[test]
fn a_signed_file_keeps_its_tensors_and_every_changed_byte_is_refused() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
    let path = written(&dir);
    let claims = Claims {
        name: Some("m".into()),
        ..Claims::default()
    };
    let (statement, rewritten) = sign(&path, &Signer::Key(&key), claims, &BTreeMap::new()).unwrap();
    assert_eq!((statement.count, rewritten), (2, Rewritten::Copied));
    let verifier = pinned(&key);
    assert!(is_whole(&path, &verifier));
    assert!(!journal_is_there(&path));
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.ends_with(&[1, 2, 3, 4, 5, 6, 7, 8]));
    let (_, header) = open(&path).unwrap();
    assert_eq!((header.length + 8) % 8, 0);
    let used = 8 + header.to_json().len();
    let other = dir.path().join("other.safetensors");
    for at in (0..used).step_by(7).chain(bytes.len() - 8..bytes.len()) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&other, &changed).unwrap();
        let refused = open(&other).and_then(|(file, header)| {
            let signed = header.verify(&verifier)?.statement.tensors;
            Ok(digest(&file, &header.weights)?.hex() == signed)
        });
        assert!(!matches!(refused, Ok(true)), "byte {at}");
    }
    assert!(matches!(
        header.verify(&pinned(&SigningKey::generate())),
        Err(SafetensorsError::Bundle(_))
    ));
}

fn journal_is_there(path: &std::path::Path) -> bool {
    journal::path_of(path).exists()
}

#[test]
fn metadata_change_with_the_signature_or_not_at_all() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
    let path = written(&dir);
    let set = BTreeMap::from([("hello".to_owned(), "world".to_owned())]);
    let (signer, verifier) = (Signer::Key(&key), pinned(&key));
    assert_eq!(
        update(&path, &set, &[], Resign::Refuse).unwrap(),
        Rewritten::Copied
    );
    sign(&path, &signer, Claims::default(), &BTreeMap::new()).unwrap();
    assert!(update(&path, &set, &[], Resign::Refuse).is_err());
    let resign = Resign::With(&key);
    let more = BTreeMap::from([("more".to_owned(), "ü\n".to_owned())]);
    assert_eq!(
        update(&path, &more, &["hello".into()], resign).unwrap(),
        Rewritten::InPlace
    );
    assert!(is_whole(&path, &verifier));
    let (_, header) = open(&path).unwrap();
    assert_eq!(header.metadata.get("more").map(String::as_str), Some("ü\n"));
    assert!(!header.metadata.contains_key("hello"));
    let stranger = SigningKey::generate();
    let by_another = Resign::With(&stranger);
    assert!(update(&path, &more, &[], by_another).is_err());
    update(&path, &more, &[], Resign::Drop).unwrap();
    let (_, header) = open(&path).unwrap();
    assert!(matches!(
        header.verify(&verifier),
        Err(SafetensorsError::Unsigned)
    ));
}

#[test]
fn a_file_with_two_names_is_copied_and_the_other_name_keeps_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let longer = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    update(&path, &longer, &[], Resign::Refuse).unwrap();
    let other = dir.path().join("other");
    fs::hard_link(&path, &other).unwrap();
    let before = fs::read(&other).unwrap();
    assert_eq!(
        update(&path, &BTreeMap::new(), &["k".into()], Resign::Refuse).unwrap(),
        Rewritten::Copied
    );
    assert_eq!(fs::read(&other).unwrap(), before);
}

#[test]
fn a_broken_off_change_is_finished_or_forgotten() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
    let path = written(&dir);
    sign(
        &path,
        &Signer::Key(&key),
        Claims::default(),
        &BTreeMap::new(),
    )
    .unwrap();
    let before = fs::read(&path).unwrap();
    let (_, header) = open(&path).unwrap();
    // As after a crash in the middle of the write: the journal is whole, half of the header is there.
    let json = &before[8..8 + header.length as usize];
    let mut old = json.to_vec();
    old[100..300].fill(b'#');
    let journal = journal::bytes_of(before.len() as u64, &old, json);
    fs::write(journal::path_of(&path), &journal).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[b'#'; 150], 8 + 100).unwrap();
    let broken = fs::read(&path).unwrap();
    // Whoever reads is told, and changes nothing.
    assert!(matches!(open(&path), Err(SafetensorsError::BrokenOff(_))));
    assert!(journal_is_there(&path) && fs::read(&path).unwrap() == broken);
    recover(&path).unwrap();
    assert!(is_whole(&path, &pinned(&key)));
    assert_eq!(fs::read(&path).unwrap(), before);
    // As after a crash while the journal was written.
    fs::write(journal::path_of(&path), &journal[..journal.len() - 1]).unwrap();
    recover(&path).unwrap();
    assert!(is_whole(&path, &pinned(&key)));
    assert!(!journal_is_there(&path));
}

#[test]
fn a_journal_of_another_file_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let fresh = fs::read(&path).unwrap();
    let present = GOOD.as_bytes();
    let new = vec![b'n'; present.len()];
    let mut other = present.to_vec();
    other[10] = b'x';
    let size = fresh.len() as u64;
    // Begun with another header, or for a file of another size.
    for (size, old) in [(size, &other[..]), (size + 1, present)] {
        fs::write(journal::path_of(&path), journal::bytes_of(size, old, &new)).unwrap();
        let refused = recover(&path).unwrap_err().to_string();
        assert!(refused.contains("another file"), "{refused}");
        assert!(update(&path, &BTreeMap::new(), &[], Resign::Drop).is_err());
        assert!(fs::read(&path).unwrap() == fresh && journal_is_there(&path));
    }
    // Not begun: a file with the same header may be another one, so it keeps it.
    let journal = journal::bytes_of(size, present, &new);
    fs::write(journal::path_of(&path), &journal).unwrap();
    recover(&path).unwrap();
    assert!(fs::read(&path).unwrap() == fresh && !journal_is_there(&path));
    // With a second name it may be anybody's.
    fs::write(dir.path().join("second"), &journal).unwrap();
    fs::hard_link(dir.path().join("second"), journal::path_of(&path)).unwrap();
    assert!(recover(&path).is_err());
}

#[test]
fn names_beside_a_file_are_its_own() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let of = |name: &[u8]| journal::path_of(std::path::Path::new(OsStr::from_bytes(name)));
    assert_ne!(of(b"a\xff.st"), of(b"a\xfe.st"));
    let (dir, long) = (tempfile::tempdir().unwrap(), "n".repeat(255));
    let path = dir.path().join(long);
    fs::write(&path, file_of(GOOD, &[0; 8])).unwrap();
    let set = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    for way in [Rewritten::Copied, Rewritten::InPlace] {
        assert_eq!(update(&path, &set, &[], Resign::Refuse).unwrap(), way);
    }
}

#[test]
fn two_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                // Too long for the room of the header: the file is copied each time.
                let set = BTreeMap::from([(format!("k{writer}"), "v".repeat(3000))]);
                while let Err(error) = update(path, &set, &[], Resign::Refuse) {
                    assert!(matches!(error, SafetensorsError::Locked(_)), "{error}");
                }
            });
        }
    });
    let (_, header) = open(&path).unwrap();
    assert_eq!(header.metadata.len(), 1 + 4);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_lock_that_is_not_had_is_an_error_and_readers_need_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let (held, file) = (
        fs::File::open(&path).unwrap(),
        fs::File::open(&path).unwrap(),
    );
    held.lock_shared().unwrap();
    let refused = change::lock(&file, &path, std::time::Instant::now());
    assert!(matches!(refused, Err(SafetensorsError::Locked(_))));
    assert!(open(&path).is_ok());
}

#[test]
fn a_signature_with_the_high_s_is_refused_in_a_file() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
    let path = written(&dir);
    let signer = Signer::Key(&key);
    sign(&path, &signer, Claims::default(), &BTreeMap::new()).unwrap();
    let (_, mut header) = open(&path).unwrap();
    let text = header.metadata.get_mut(SIGNATURE_KEY).unwrap();
    let mut bundle = Bundle::parse(text.as_bytes()).unwrap();
    let (r, s) = p256::ecdsa::Signature::from_der(&bundle.signature)
        .unwrap()
        .split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    bundle.signature = high.to_der().as_bytes().to_vec();
    *text = String::from_utf8(bundle.to_bytes()).unwrap();
    assert!(pinned(&key).verify(&bundle).is_ok());
    assert!(matches!(
        header.verify(&pinned(&key)),
        Err(SafetensorsError::Bundle(_))
    ));
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic(text in r#"\{("[ab_]{1,3}":\{("(dtype|shape|data_offsets|x)":("F32"|\[[0-9,]{0,8}\]|[0-9]{1,20}),?){0,4}\},?){0,3}\}"#, bytes in 0..64_u64) {
        let _ = parse(&text, bytes);
    }

    #[test]
    fn what_is_read_is_written_again_the_same(names in prop::collection::btree_set("\\PC{0,6}", 0..6), width in 0..5_u64) {
        let mut members = Vec::new();
        for (index, name) in names.iter().filter(|name| *name != "__metadata__").enumerate() {
            let at = index as u64 * width;
            members.push(format!("{}:{{\"dtype\":\"U8\",\"shape\":[{width}],\"data_offsets\":[{at},{}]}}", serde_json::json!(name), at + width));
        }
        let bytes = members.len() as u64 * width;
        let text = format!("{{{}}}", members.join(","));
        let header = parse(&text, bytes).unwrap();
        let again = header.to_json();
        let read = Header::parse(&again, 8 + again.len() as u64 + bytes).unwrap();
        let shapes = |header: &Header| header.weights.tensors.iter().map(|(name, t)| (name.clone(), t.offset - header.length, t.shape.clone())).collect::<Vec<_>>();
        prop_assert_eq!(shapes(&read), shapes(&header));
    }
}
