use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::*;

type Files<'a> = Vec<(&'a str, Vec<u8>)>;

fn archive(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (name, bytes) in files {
        file.write_all(&header::of_file(name, bytes.len() as u64))
            .unwrap();
        file.write_all(bytes).unwrap();
        let padding = bytes.len().next_multiple_of(512) - bytes.len();
        file.write_all(&vec![0; padding]).unwrap();
    }
    file
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let ids: Vec<String> = layers
        .iter()
        .map(|layer| format!("sha256:{}", Digest::of(layer)))
        .collect();
    json!({"rootfs": {"type": "layers", "diff_ids": ids}})
        .to_string()
        .into_bytes()
}

/// An archive of an image whose configuration speaks of two layers, `one` and `two`, as changed.
async fn copied(change: impl FnOnce(&mut Files<'_>)) -> Result<Vec<u8>, String> {
    let config = config(&[b"one", b"two"]);
    let id = Digest::of(&config);
    let manifest = br#"[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]"#;
    let mut files = vec![
        ("a/layer.tar", b"one".to_vec()),
        ("b/layer.tar", b"two".to_vec()),
        ("manifest.json", manifest.to_vec()),
        ("c.json", config),
    ];
    change(&mut files);
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, b)| (*name, b.as_slice()))
        .collect();
    let from = archive(&files);
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.tar");
    copy(from.path().to_owned(), to.clone(), id).await?;
    assert_eq!(image_id(&to).unwrap(), id);
    let mut file = File::open(&to).unwrap();
    let index = Index::read(&mut file).unwrap();
    let image = listed(&mut file, &index).unwrap();
    let layers = image.layers.iter();
    Ok(layers
        .flat_map(|name| small(&mut file, &index, name).unwrap())
        .collect())
}

#[test]
fn the_id_is_the_digest_of_the_configuration() {
    let manifest = br#"[{"Config":"c.json","RepoTags":null,"Layers":[]}]"#;
    let file = archive(&[
        ("layer.tar", &[7; 1000]),
        ("manifest.json", manifest),
        ("c.json", b"{}"),
    ]);
    assert_eq!(image_id(file.path()).unwrap(), Digest::of(b"{}"));
}

#[test]
fn what_is_no_archive_of_one_image_is_refused() {
    let two = br#"[{"Config":"c.json"},{"Config":"c.json"}]"#;
    for files in [
        &[][..],
        &[("other", b"x" as &[u8])][..],
        &[("manifest.json", b"no json" as &[u8])][..],
        &[("manifest.json", two as &[u8]), ("c.json", b"{}")][..],
        &[("manifest.json", br#"[{"Config":"gone"}]"# as &[u8])][..],
    ] {
        assert!(image_id(archive(files).path()).is_err(), "{files:?}");
    }
    let mut endless = tempfile::NamedTempFile::new().unwrap();
    let mut header = [0; 512];
    header[0] = b'x';
    header[124..136].copy_from_slice(&[0xff; 12]);
    endless.write_all(&header).unwrap();
    assert!(image_id(endless.path()).is_err());
}

#[tokio::test]
async fn a_copy_has_the_layers_of_the_image() {
    assert_eq!(copied(|_| ()).await.unwrap(), b"onetwo");
    // What else lies in the archive is left out; of two entries of a name the first is taken.
    let more = copied(|files| {
        files.push(("b/layer.tar", b"harmless".to_vec()));
        files.push(("d/layer.tar", b"more".to_vec()));
    });
    assert_eq!(more.await.unwrap(), b"onetwo");
}

#[tokio::test]
async fn a_compressed_layer_is_compared_and_copied_plain() {
    let compressed = copied(|files| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"two").unwrap();
        files[1].1 = encoder.finish().unwrap();
    });
    assert_eq!(compressed.await.unwrap(), b"onetwo");
    let zstd = copied(|files| files[1].1 = b"\x28\xb5\x2f\xfd...".to_vec()).await;
    assert!(zstd.unwrap_err().contains("zstd"));
    let cut = copied(|files| files[1].1 = b"\x1f\x8b\x08\x00".to_vec()).await;
    assert!(cut.is_err());
}

#[tokio::test]
async fn contents_of_another_image_are_refused() {
    let harmless = copied(|files| files[1].1 = b"harmless".to_vec()).await;
    let told = harmless.unwrap_err();
    assert!(told.contains("not the contents of the image"), "{told}");
    let swapped = copied(|files| {
        files[0].1 = b"two".to_vec();
        files[1].1 = b"one".to_vec();
    });
    assert!(swapped.await.is_err());
    for layers in [
        r#"[]"#,
        r#"["a/layer.tar"]"#,
        r#"["a/layer.tar","b/layer.tar","a/layer.tar"]"#,
    ] {
        let manifest = format!(r#"[{{"Config":"c.json","Layers":{layers}}}]"#);
        let counted = copied(|files| files[2].1 = manifest.into_bytes()).await;
        assert!(counted.unwrap_err().contains("layers"), "{layers}");
    }
    let gone = copied(|files| drop(files.remove(1))).await;
    assert!(gone.unwrap_err().contains("b/layer.tar is not in it"));
    let other = copied(|files| files[3].1.push(b' ')).await;
    assert!(other.unwrap_err().contains("expected sha256:"));
}

#[tokio::test]
async fn a_layer_may_be_a_link_to_another() {
    let config = config(&[b"one", b"one"]);
    let manifest = br#"[{"Config":"c.json","Layers":["a/layer.tar","b/layer.tar"]}]"#;
    let mut file = archive(&[
        ("manifest.json", manifest),
        ("c.json", &config),
        ("a/layer.tar", b"one"),
    ]);
    let mut link = header::of_file("b/layer.tar", 0);
    link[156] = b'2';
    link[157..171].copy_from_slice(b"../a/layer.tar");
    file.write_all(&link).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.tar");
    let id = Digest::of(&config);
    copy(file.path().to_owned(), to.clone(), id).await.unwrap();
    let mut copied = File::open(&to).unwrap();
    let index = Index::read(&mut copied).unwrap();
    assert_eq!(small(&mut copied, &index, "1.tar").unwrap(), b"one");
}

#[test]
fn sizes_beyond_eight_gibibytes_can_be_said() {
    for bytes in [0, 1, 0o777_7777_7777, 0o1000_0000_0000, 60 << 30] {
        let header = header::Header::read(&header::of_file("x", bytes)).unwrap();
        assert_eq!((header.name.as_str(), header.bytes), ("x", bytes));
    }
}
