use assay_protocol::DataLimits;
use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Definition, Fault> {
    Definition::parse(text.as_bytes(), &DataLimits::default())
}

fn code(text: &str) -> String {
    parse(text).unwrap_err().code.into_owned()
}

const TABLE: &str = "columns:\n  a: float\n  y: int\nlabel: y\n";

#[test]
fn a_table_with_every_key() {
    let text = format!(
        "{TABLE}type: csv\ninput_shape:\n- 1\noutput_shape: [1]\npreprocessing:\n  clip: [0, 1.0]\n  normalize: true\n  scale: 2\n"
    );
    let definition = parse(&text).unwrap();
    let columns = vec![
        ("a".into(), ColumnType::Float),
        ("y".into(), ColumnType::Int),
    ];
    assert_eq!(
        definition.kind,
        Kind::Csv {
            columns,
            label: "y".into()
        }
    );
    assert_eq!(definition.input_shape, Some(vec![1]));
    assert_eq!(definition.output_shape, Some(vec![1]));
    let expected = Preprocessing {
        normalize: true,
        scale: Some(2.0),
        clip: Some([0.0, 1.0]),
    };
    assert_eq!(definition.preprocessing, expected);
}

#[test]
fn images_take_their_size_from_the_first_key_that_says_it() {
    let size = |text: &str| parse(text).unwrap().kind;
    assert_eq!(
        size("type: image\nimage_size: [8, 9]\n"),
        Kind::Image { size: [8, 9] }
    );
    assert_eq!(
        size("type: image\ninput_shape: [28, 28, 3]\n"),
        Kind::Image { size: [28, 28] }
    );
    assert_eq!(size("type: image\n"), Kind::Image { size: [224, 224] });
    let clash = "type: image\nimage_size: [8, 8]\ninput_shape: [9, 9, 1]\n";
    assert_eq!(code(clash), "definition.image_size");
}

#[test]
fn records_keep_the_order_of_their_features() {
    let text = "type: tfrecord\nfeatures:\n  z: {shape: [2], dtype: float32}\n  b: {shape: [], dtype: int64}\nlabel: {name: y, dtype: int64}\n";
    let Kind::TfRecord {
        features,
        label,
        label_dtype,
        flatten,
    } = parse(text).unwrap().kind
    else {
        panic!("a tfrecord definition");
    };
    assert_eq!(features[0].0, "z");
    assert_eq!(
        features[1].1,
        Feature {
            shape: vec![],
            dtype: Dtype::Int64
        }
    );
    assert_eq!(
        (label.as_str(), label_dtype, flatten),
        ("y", Some(Dtype::Int64), true)
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_bad_definition_is_refused_with_its_own_code() {
    for (text, expected) in [
        ("", "definition.columns_missing"),
        ("- 1\n- 2\n", "definition.malformed"),
        ("label: y\n", "definition.columns_missing"),
        ("columns: {a: float}\n", "definition.label"),
        (
            "columns: {a: float, b: int}\nlabel: y\n",
            "definition.label",
        ),
        ("columns: {y: float}\nlabel: y\n", "definition.no_features"),
        (
            "columns: {a: string, y: int}\nlabel: y\n",
            "definition.text_feature",
        ),
        (
            "columns: {a: complex, y: int}\nlabel: y\n",
            "definition.column_type",
        ),
        (
            "columns: {a: int, a: float, y: int}\nlabel: y\n",
            "definition.duplicate_key",
        ),
        ("label: y\nlabel: z\n", "definition.duplicate_key"),
        ("colums: {a: int}\n", "definition.unknown_key"),
        ("type: parquet\n", "definition.malformed"),
        (
            "columns: {a: int, y: int}\nlabel: y\npreprocessing: {normalise: true}\n",
            "definition.unknown_key",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\npreprocessing: {scale: 0}\n",
            "definition.preprocessing",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\npreprocessing: {scale: .nan}\n",
            "definition.preprocessing",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\npreprocessing: {clip: [1, 0]}\n",
            "definition.preprocessing",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\npreprocessing: {clip: [1]}\n",
            "definition.preprocessing",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\ninput_shape: []\n",
            "definition.shape",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\ninput_shape: [0]\n",
            "definition.shape",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\ninput_shape: [-1]\n",
            "definition.malformed",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\ninput_shape: [4294967296, 4294967296, 4294967296]\n",
            "definition.shape",
        ),
        (
            "columns: {a: int, y: int}\nlabel: y\nimage_size: [1, 1]\n",
            "definition.key_not_used",
        ),
        (
            "columns: {a: int, 1: int}\nlabel: 1\n",
            "definition.malformed",
        ),
        ("type: image\nlabel: y\n", "definition.key_not_used"),
        ("type: image\nimage_size: [1]\n", "definition.image_size"),
        ("type: tfrecord\nlabel: y\n", "definition.features_missing"),
        (
            "type: tfrecord\nfeatures: {y: {dtype: int64}}\nlabel: y\n",
            "definition.label",
        ),
        (
            "type: tfrecord\nfeatures: {a: {dtype: string}}\nlabel: y\n",
            "definition.dtype",
        ),
        (
            "type: tfrecord\nfeatures: {a: {dtype: int64}, b: {dtype: int64}}\nlabel: y\nflatten_features: false\n",
            "definition.flatten_features",
        ),
    ] {
        assert_eq!(
            code(text),
            expected,
            "{text:?}: {}",
            parse(text).unwrap_err()
        );
    }
}

#[test]
fn an_unknown_key_is_named() {
    let fault = parse("colums: {a: int}\n").unwrap_err();
    assert!(fault.message.contains("colums"), "{fault}");
    assert_eq!(fault.field.as_deref(), Some("dataset_definition"));
}

#[test]
fn bombs_are_refused() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        laughs += &format!(
            "a{level}: &a{level} [{}]\n",
            [before.as_str(); 9].join(", ")
        );
    }
    assert!(parse(&laughs).is_err());
    let in_place = laughs.replace("a9: ", "input_shape: ");
    assert!(parse(&in_place).is_err());
    let deep = format!("input_shape: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(parse(&deep).is_err());
    let many = format!("{TABLE}input_shape: [{}1]", "1, ".repeat(400_000));
    assert!(parse(&many).is_err());
    let small = DataLimits {
        definition_bytes: 10,
        ..DataLimits::default()
    };
    let fault = Definition::parse(TABLE.as_bytes(), &small).unwrap_err();
    assert_eq!(fault.code, "definition.too_large");
}

#[test]
fn an_alias_as_a_yaml_writer_makes_it_is_read() {
    let definition = parse(&format!(
        "{TABLE}input_shape: &id001\n- 1\noutput_shape: *id001\n"
    ))
    .unwrap();
    assert_eq!(definition.output_shape, Some(vec![1]));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[a-z:{}\\[\\]&*!|>\"' \n0-9-]{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("{TABLE}{text}"));
    }

    #[test]
    fn no_change_of_a_good_one_panics(at in 0usize..40, byte in any::<u8>()) {
        let mut bytes = TABLE.as_bytes().to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        let _ = Definition::parse(&bytes, &DataLimits::default());
    }
}
