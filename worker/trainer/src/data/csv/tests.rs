use assay_protocol::DataLimits;
use proptest::prelude::*;

use super::*;

fn columns(list: &[(&str, ColumnType)]) -> Vec<(String, ColumnType)> {
    list.iter()
        .map(|(name, kind)| ((*name).to_owned(), *kind))
        .collect()
}

fn abc() -> Vec<(String, ColumnType)> {
    // Not the file's order, which is what counts.
    columns(&[
        ("b", ColumnType::Float),
        ("y", ColumnType::Int),
        ("a", ColumnType::Int),
    ])
}

fn read_abc(text: &str) -> Result<Table, Fault> {
    read(text.as_bytes(), &abc(), "y", &DataLimits::default())
}

fn code(text: &str) -> String {
    read_abc(text).unwrap_err().code.into_owned()
}

#[test]
fn features_enter_in_the_order_of_the_header() {
    let table = read_abc("a,y,b\n1,0,2.5\n3,1,-4e-2\n").unwrap();
    assert_eq!(table.features, ["a", "b"]);
    assert_eq!(table.values, [1.0, 2.5, 3.0, -0.04]);
    assert_eq!(table.labels, RawLabels::Ints(vec![0, 1]));
    assert_eq!(table.rows, 2);
}

#[test]
fn mark_crlf_quotes_blank_lines_and_a_missing_last_line_end_change_nothing() {
    let plain = read_abc("a,y,b\n1,0,2\n3,1,4\n").unwrap();
    for same in [
        "\u{feff}a,y,b\n1,0,2\n3,1,4\n",
        "a,y,b\r\n1,0,2\r\n3,1,4\r\n",
        "a,y,b\n1,0,2\n3,1,4",
        "\"a\",\"y\",\"b\"\r\n\"1\",\"0\",\"2\"\r\n3,1,\"4\"",
        "\n\na,y,b\n\n1,0, 2 \r\n\r\n3,1,4\n\n",
    ] {
        assert_eq!(read_abc(same).unwrap(), plain, "{same:?}");
    }
}

#[test]
fn text_and_bool_labels() {
    let columns = columns(&[("a", ColumnType::Bool), ("y", ColumnType::Text)]);
    let text = "a,y\ntrue,\"x, \"\"z\"\"\nmore\"\n0,b\n1,b\n";
    let table = read(text.as_bytes(), &columns, "y", &DataLimits::default()).unwrap();
    assert_eq!(table.values, [1.0, 0.0, 1.0]);
    let names = vec!["x, \"z\"\nmore".to_owned(), "b".to_owned()];
    assert_eq!(
        table.labels,
        RawLabels::Text {
            names,
            rows: vec![0, 1, 1]
        }
    );
}

#[test]
fn every_bad_file_is_refused_with_its_own_code() {
    for (text, expected) in [
        ("", "dataset.empty"),
        ("\u{feff}", "dataset.empty"),
        ("\n\n", "dataset.empty"),
        ("a,y,b\n", "dataset.no_rows"),
        ("a,y,b\n1,0\n", "dataset.ragged_row"),
        ("a,y,b\n1,0,2,3\n", "dataset.ragged_row"),
        ("a,y,b\n1,0,2,\n", "dataset.ragged_row"),
        ("a,y,b\n1.5,0,2\n", "dataset.wrong_type"),
        ("a,y,b\n1,0,x\n", "dataset.wrong_type"),
        ("a,y,b\n1,0,0x10\n", "dataset.wrong_type"),
        ("a,y,b\n1,0,1_000\n", "dataset.wrong_type"),
        ("a,y,b\n99999999999999999999,0,1\n", "dataset.wrong_type"),
        ("a,y,b\n1,,2\n", "dataset.empty_cell"),
        ("a,y,b\n1,0,\n", "dataset.empty_cell"),
        ("a,y,b\n1,0, \n", "dataset.empty_cell"),
        ("a,y,b\n1,0,NaN\n", "dataset.not_finite"),
        ("a,y,b\n1,0,-inf\n", "dataset.not_finite"),
        ("a,y,b\n1,0,1e999\n", "dataset.not_finite"),
        ("a,b\n1,2\n", "dataset.label_missing"),
        ("y,b\n1,2\n", "dataset.missing_column"),
        ("a,y,b,c\n1,0,2,3\n", "dataset.unknown_column"),
        ("a,y,b,a\n1,0,2,3\n", "dataset.duplicate_column"),
        ("a,y,b\n\"1,0,2\n", "dataset.malformed"),
        ("a,y,b\n\"1\"x,0,2\n", "dataset.malformed"),
        ("1,2,3\n", "dataset.unknown_column"),
    ] {
        assert_eq!(code(text), expected, "{text:?}");
    }
}

#[test]
fn faults_name_the_line_and_the_column() {
    let fault = read_abc("a,y,b\n1,0,2\n\n1.5,0,2\n").unwrap_err();
    assert!(fault.message.contains("line 4, column \"a\""), "{fault}");
    assert!(fault.message.contains("1.5"), "{fault}");
    assert_eq!(fault.field.as_deref(), Some("dataset"));
    let fault = read_abc("a,y,b\n\"1\",0,2\r\n1,0\n").unwrap_err();
    assert!(fault.message.contains("line 3 has 2 cells"), "{fault}");
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_line() {
    let fault = read(
        b"a,y,b\n1,0,2\n1,\xff,2\n",
        &abc(),
        "y",
        &DataLimits::default(),
    )
    .unwrap_err();
    assert_eq!(fault.code, "dataset.not_utf8");
    assert!(fault.message.contains("line 3"), "{fault}");
}

#[test]
fn limits_hold() {
    let tight = DataLimits {
        csv_line_bytes: 20,
        csv_columns: 3,
        rows: 2,
        ..DataLimits::default()
    };
    let with = |text: &str| read(text.as_bytes(), &abc(), "y", &tight).unwrap_err().code;
    assert_eq!(
        with("a,y,b\n1,0,00000000000000000000000000002\n"),
        "dataset.line_too_long"
    );
    assert_eq!(
        with("a,y,b\n1,0,\"000\n000000000000000000002\"\n"),
        "dataset.line_too_long"
    );
    assert_eq!(with("a,y,b,c\n"), "dataset.too_many_columns");
    assert_eq!(with("a,y,b\n1,0,2\n1,0,2\n1,0,2\n"), "dataset.too_large");
    let ten_megabytes = format!("a,y,b\n1,0,{}\n", "1".repeat(10 << 20));
    assert_eq!(code(&ten_megabytes), "dataset.line_too_long");
    let few = DataLimits {
        values: 3,
        ..DataLimits::default()
    };
    let fault = read(b"a,y,b\n1,0,2\n1,0,2\n", &abc(), "y", &few).unwrap_err();
    assert_eq!(fault.code, "dataset.too_large");
}

/// The same file once plain and once quoted wherever `quoted` says so.
fn write(rows: &[(i32, f64, u8)], quoted: u64, end: &str) -> String {
    let mut text = format!("a,b,y{end}");
    for (index, (a, b, y)) in rows.iter().enumerate() {
        let cell = |column: usize, value: String| {
            if quoted >> ((index * 3 + column) % 64) & 1 == 1 {
                format!("\"{value}\"")
            } else {
                value
            }
        };
        let cells = [
            cell(0, a.to_string()),
            cell(1, b.to_string()),
            cell(2, y.to_string()),
        ];
        text += &cells.join(",");
        text += end;
    }
    text
}

proptest! {
    #[test]
    fn quotes_and_line_ends_never_change_the_numbers(
        rows in prop::collection::vec((any::<i32>(), -1e30..1e30f64, 0u8..9), 1..20),
        quoted in any::<u64>(),
        crlf in any::<bool>(),
    ) {
        let plain = read_abc(&write(&rows, 0, "\n")).unwrap();
        let other = read_abc(&write(&rows, quoted, if crlf { "\r\n" } else { "\n" })).unwrap();
        prop_assert_eq!(&plain, &other);
        let expected: Vec<f64> = rows.iter().flat_map(|(a, b, _)| [f64::from(*a), *b]).collect();
        prop_assert_eq!(plain.values, expected);
    }

    /// What we accept, the `csv` crate reads as the same cells.
    #[test]
    fn cells_are_those_of_the_csv_crate(text in "([ab]{0,2}|\"([ab,\n]|\"\"){0,4}\"|,|,|\n|\r\n){0,20}") {
        let mut cells = Cells::new(text.as_bytes(), 1 << 20);
        let mut ours = Vec::new();
        let mut good = true;
        while good && cells.next_record().unwrap() {
            let mut record = Vec::new();
            loop {
                match cells.next_cell() {
                    Ok(Some(cell)) => record.push(String::from_utf8(cell.into_owned()).unwrap()),
                    Ok(None) => break,
                    Err(_) => { good = false; break; }
                }
            }
            ours.push(record);
        }
        if !good {
            return Ok(());
        }
        let theirs: Vec<Vec<String>> = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes())
            .into_records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut file = b"a,y,b\n".to_vec();
        file.extend(bytes);
        let _ = read(&file, &abc(), "y", &DataLimits::default());
    }
}
