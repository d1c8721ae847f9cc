//! Archives made to harm: every one is a fault or a model, never a panic, a hang or a large allocation.

use std::io::{Cursor, Write};

use hdf5_pure::FileBuilder;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// The three files of a fixture.
fn parts(name: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let bytes = fixture(&format!("{name}.keras"));
    let mut zip = container::Container::open(&bytes).unwrap();
    let mut part = |n| zip.read(n, 1 << 24).unwrap();
    (
        part(container::METADATA),
        part(container::CONFIG),
        part(container::WEIGHTS),
    )
}

fn read_parts(metadata: &[u8], config: &[u8], h5: &[u8]) -> Result<KerasArchive, Fault> {
    read(
        &container::pack(metadata, config, h5).unwrap(),
        &DataLimits::default(),
    )
}

/// A zip of these files.
fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        zip.start_file(
            *name,
            SimpleFileOptions::default().compression_method(CompressionMethod::Deflated),
        )
        .unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn code(bytes: &[u8]) -> String {
    read(bytes, &DataLimits::default())
        .unwrap_err()
        .code
        .into_owned()
}

#[test]
fn other_files_in_the_zip_are_refused() {
    let (m, c, h) = parts("sgd");
    let base: [(&str, &[u8]); 3] = [
        (container::METADATA, &m),
        (container::CONFIG, &c),
        (container::WEIGHTS, &h),
    ];
    assert!(read(&zip_of(&base), &DataLimits::default()).is_ok());
    let mut four = base.to_vec();
    four.push(("assets/x", b"1"));
    assert_eq!(code(&zip_of(&four)), "model.unexpected_file");
    assert_eq!(code(&zip_of(&base[..2])), "model.unexpected_file");
    let mut slip = base;
    slip[0].0 = "../metadata.json";
    assert_eq!(code(&zip_of(&slip)), "model.unexpected_file");
    let mut many = base.to_vec();
    let names: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
    many.extend(names.iter().map(|n| (n.as_str(), &b""[..])));
    assert_eq!(code(&zip_of(&many)), "model.unexpected_file");
}

#[test]
fn what_is_no_archive_is_malformed() {
    assert_eq!(code(b""), "model.malformed");
    assert_eq!(code(b"\x89HDF\r\n\x1a\n and so on"), "model.malformed");
    assert!(code(b"PK\x03\x04").starts_with("model."));
    let (m, c, h) = parts("sgd");
    assert_eq!(
        read_parts(&m, b"{", &h).unwrap_err().code,
        "model.malformed"
    );
    assert_eq!(
        read_parts(b"{\"a\":1,\"a\":2}", &c, &h).unwrap_err().code,
        "model.malformed"
    );
    assert_eq!(read_parts(&m, &c, b"").unwrap_err().code, "model.malformed");
    assert_eq!(
        read_parts(&m, &c, &[0; 4096]).unwrap_err().code,
        "model.malformed"
    );
}

#[test]
fn a_bomb_is_not_unpacked() {
    let (m, _, h) = parts("sgd");
    let zeros = vec![b' '; 12 << 20];
    let bomb = zip_of(&[
        (container::METADATA, &m),
        (container::CONFIG, &zeros),
        (container::WEIGHTS, &h),
    ]);
    assert_eq!(code(&bomb), "limit.model_bytes");
    let (_, c, _) = parts("sgd");
    let bomb = zip_of(&[
        (container::METADATA, &m),
        (container::CONFIG, &c),
        (container::WEIGHTS, &zeros),
    ]);
    assert_eq!(code(&bomb), "limit.model_bytes");
}

/// A weights file with `put` deciding what stands for the first kernel `[3, 4]` of the `sgd` fixture.
fn h5_with(put: impl FnOnce(&mut hdf5_pure::GroupBuilder)) -> Result<KerasArchive, Fault> {
    let mut file = FileBuilder::new();
    let mut layers = file.create_group("layers");
    let mut dense = layers.create_group("dense");
    let mut vars = dense.create_group("vars");
    put(&mut vars);
    vars.create_dataset("1")
        .with_f32_data(&[0.0; 4])
        .with_shape(&[4]);
    dense.add_group(vars.finish());
    layers.add_group(dense.finish());
    let mut second = layers.create_group("dense_1");
    let mut vars = second.create_group("vars");
    vars.create_dataset("0")
        .with_f32_data(&[0.0; 8])
        .with_shape(&[4, 2]);
    vars.create_dataset("1")
        .with_f32_data(&[0.0; 2])
        .with_shape(&[2]);
    second.add_group(vars.finish());
    layers.add_group(second.finish());
    file.add_group(layers.finish());
    let (m, c, _) = parts("sgd");
    read_parts(&m, &c, &file.finish().unwrap())
}

#[test]
fn arrays_must_be_finite_floats_of_the_right_shape_in_one_piece() {
    let good = h5_with(|v| {
        v.create_dataset("0")
            .with_f32_data(&[0.5; 12])
            .with_shape(&[3, 4]);
    });
    assert_eq!(good.unwrap().optimizer, None);
    let bad = |put: fn(&mut hdf5_pure::GroupBuilder)| h5_with(put).unwrap_err();
    let shape = bad(|v| {
        v.create_dataset("0")
            .with_f32_data(&[0.5; 12])
            .with_shape(&[4, 3]);
    });
    assert_eq!(shape.code, "model.weight_shape");
    assert!(shape.message.contains("kernel"), "{shape}");
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let fault = h5_with(|v| {
            v.create_dataset("0")
                .with_f32_data(&[number; 12])
                .with_shape(&[3, 4]);
        });
        assert_eq!(fault.unwrap_err().code, "model.not_finite");
    }
    let doubles = bad(|v| {
        v.create_dataset("0")
            .with_f64_data(&[0.5; 12])
            .with_shape(&[3, 4]);
    });
    assert_eq!(doubles.code, "model.malformed");
    let chunked = bad(|v| {
        v.create_dataset("0")
            .with_f32_data(&[0.5; 12])
            .with_shape(&[3, 4])
            .with_chunks(&[1, 4]);
    });
    assert!(chunked.message.contains("one piece"), "{chunked}");
    let missing = bad(|v| {
        v.create_dataset("7")
            .with_f32_data(&[0.5; 12])
            .with_shape(&[3, 4]);
    });
    assert_eq!(missing.code, "model.malformed");
}

#[test]
fn a_tree_that_points_at_itself_ends() {
    let (m, c, mut h) = parts("sgd");
    let nodes: Vec<usize> = h
        .windows(4)
        .enumerate()
        .filter(|(_, w)| *w == b"TREE")
        .map(|(i, _)| i)
        .collect();
    assert!(!nodes.is_empty());
    for at in nodes {
        let own = (at as u64).to_le_bytes();
        h[at + 5] = 1; // an inner node
        h[at + 6..at + 8].copy_from_slice(&3u16.to_le_bytes()); // of three children
        for child in 0..3 {
            let place = at + 24 + 8 + 16 * child;
            h[place..place + 8].copy_from_slice(&own);
        }
    }
    assert_eq!(read_parts(&m, &c, &h).unwrap_err().code, "model.malformed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_weights_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        name in prop::sample::select(vec!["sgd", "tokens", "images", "written"]),
    ) {
        let (m, c, mut h) = if name == "written" {
            let bytes = untrained(&small_config(), 1).unwrap();
            let mut zip = container::Container::open(&bytes).unwrap();
            let mut part = |n| zip.read(n, 1 << 24).unwrap();
            (part(container::METADATA), part(container::CONFIG), part(container::WEIGHTS))
        } else {
            parts(name)
        };
        for (index, byte) in changes {
            let at = index.index(h.len());
            h[at] = byte;
        }
        if let Err(fault) = read_parts(&m, &c, &h) {
            prop_assert!(fault.is_users(), "{fault}");
        }
    }

    #[test]
    fn changed_configurations_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        name in prop::sample::select(vec!["sgd", "images", "table"]),
    ) {
        let (m, mut c, h) = parts(name);
        for (index, byte) in changes {
            let at = index.index(c.len());
            c[at] = byte;
        }
        if let Err(fault) = read_parts(&m, &c, &h) {
            prop_assert!(fault.is_users(), "{fault}");
        }
    }

    #[test]
    fn truncated_and_changed_archives_never_panic(
        keep in any::<prop::sample::Index>(),
        change in any::<(prop::sample::Index, u8)>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = fixture("table.keras");
        let at = change.0.index(bytes.len());
        bytes[at] = change.1;
        if !whole {
            bytes.truncate(keep.index(bytes.len()));
        }
        if let Err(fault) = read(&bytes, &DataLimits::default()) {
            prop_assert!(fault.is_users(), "{fault}");
        }
    }
}
