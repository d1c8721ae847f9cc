//! Bad input: each a 4xx problem that names the field, and nothing of it stays behind.

use std::{collections::BTreeSet, fs, io::Write, path::PathBuf};

use super::support::{
    files,
    http::{Answer, Http},
    server::{Inputs, Server},
};

const SUBMIT: &str = "/submit_job_by_model_and_data";

/// A good job's files, to be spoilt one by one.
struct Good {
    model: Vec<u8>,
    dataset: Vec<u8>,
    definition: String,
}

impl Good {
    fn new(sample: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs::sample(sample, dir.path());
        Self {
            model: fs::read(inputs.model).unwrap(),
            dataset: fs::read(inputs.dataset).unwrap(),
            definition: fs::read_to_string(inputs.definition).unwrap(),
        }
    }

    fn submit(&self, http: &Http, texts: &[(&str, &str)]) -> Answer {
        self.submit_as(http, ["model.keras", "data", "definition.yaml"], texts)
    }

    fn submit_as(&self, http: &Http, names: [&str; 3], texts: &[(&str, &str)]) -> Answer {
        let mut all = vec![("framework", "candle"), ("epochs", "1")];
        all.retain(|(field, _)| !texts.iter().any(|(other, _)| other == field));
        all.extend(texts);
        http.post(
            SUBMIT,
            &[
                ("model", names[0], &self.model),
                ("dataset", names[1], &self.dataset),
                ("dataset_definition", names[2], self.definition.as_bytes()),
            ],
            &all,
        )
    }
}

/// What the server keeps on disk. Left out are its database's own files, and the worker's word, which it may write when
/// the server already answers.
fn kept(server: &Server) -> BTreeSet<PathBuf> {
    let own = |path: &PathBuf| {
        let name = path.to_str().unwrap();
        name.contains("assay.db") || name.starts_with("worker.")
    };
    files(&server.data())
        .into_iter()
        .filter(|path| !own(path))
        .collect()
}

/// Hands in each, wants a 4xx that names the field, and nothing left behind.
fn all_refused(
    server: &Server,
    cases: impl IntoIterator<Item = (&'static str, &'static str, Answer)>,
) {
    for (what, field, answer) in cases {
        let status = answer.status;
        assert!(
            (400..500).contains(&status),
            "{what}: {status} {}",
            String::from_utf8_lossy(&answer.body)
        );
        answer.problem(status);
        assert_eq!(answer.json()["field"], field, "{what}: {}", answer.json());
    }
    let jobs = server.http().get("/jobs").json();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 0);
}

#[test]
fn spoilt_forms_are_refused_and_leave_nothing() {
    let server = Server::start();
    let http = server.http();
    let before = kept(&server);
    let good = Good::new("wine");
    let cases = [
        ("epochs", "0"),
        ("epochs", "-1"),
        ("epochs", "1e3"),
        ("epochs", "99999999999"),
        ("validation_split", "NaN"),
        ("validation_split", "1.0"),
        ("validation_split", "inf"),
        ("validation_split", "-0.1"),
        ("initial_epoch", "5"),
        ("batch_size", "0"),
        ("steps_per_epoch", "0"),
        ("validation_steps", "x"),
        ("validation_freq", "0"),
        ("seed", "9007199254740992"),
        ("device", "gpu"),
        ("framework", "PyTorch"),
        ("no_such_field", "1"),
    ];
    all_refused(
        &server,
        cases.map(|(field, value)| (value, field, good.submit(&http, &[(field, value)]))),
    );
    let long = "x".repeat(300);
    let names = [
        "../model.keras",
        "/etc/passwd",
        "a\\b",
        "modèle.keras",
        &long,
        "..",
        "a\u{202e}b",
    ];
    all_refused(
        &server,
        names.map(|name| {
            let answer = good.submit_as(&http, [name, "data.csv", "definition.yaml"], &[]);
            ("a file name", "model", answer)
        }),
    );
    assert_eq!(kept(&server), before);
}

#[test]
fn spoilt_tables_are_refused_and_leave_nothing() {
    let server = Server::start();
    let http = server.http();
    let before = kept(&server);
    let good = Good::new("wine");
    let text = String::from_utf8(good.dataset.clone()).unwrap();
    let header = text.lines().next().unwrap();
    let row = text.lines().nth(1).unwrap();
    let spoilt: [(&'static str, String); 12] = [
        ("empty", String::new()),
        ("header only", format!("{header}\n")),
        ("ragged", format!("{text}1,2,3\n")),
        ("too many cells", format!("{text}{row},9\n")),
        ("a word among numbers", text.replacen("14.23", "strong", 1)),
        ("NaN", text.replacen("14.23", "NaN", 1)),
        ("infinite", text.replacen("14.23", "inf", 1)),
        ("an empty cell", text.replacen("14.23", "", 1)),
        (
            "a fraction among integers",
            text.replacen(",0\n", ",0.5\n", 1),
        ),
        (
            "one class",
            text.lines()
                .filter(|line| line.ends_with(",0") || line.ends_with("cultivar"))
                .map(|line| format!("{line}\n"))
                .collect(),
        ),
        ("no label column", text.replacen("cultivar", "variety", 1)),
        (
            "a line of 10 MB",
            format!("{header}\n{}\n", "1".repeat(10 << 20)),
        ),
    ];
    all_refused(
        &server,
        spoilt.into_iter().map(|(what, text)| {
            let dataset = text.into_bytes();
            let job = Good {
                dataset,
                model: good.model.clone(),
                definition: good.definition.clone(),
            };
            (what, "dataset", job.submit(&http, &[]))
        }),
    );
    assert_eq!(kept(&server), before);

    // What only looks odd is read: a byte order mark, CRLF, quotes.
    let odd = format!("\u{feff}{}", text.replace('\n', "\r\n")).replacen("14.23", "\"14.23\"", 1);
    let job = Good {
        dataset: odd.into_bytes(),
        ..good
    };
    assert_eq!(job.submit(&http, &[]).status, 200);
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn spoilt_images_are_refused_and_leave_nothing() {
    let server = Server::start();
    let http = server.http();
    let before = kept(&server);
    let good = Good::new("digits");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(good.dataset.clone())).unwrap();
    let mut png = Vec::new();
    std::io::copy(&mut archive.by_index(0).unwrap(), &mut png).unwrap();
    drop(archive);
    let bomb = vec![0; 70 << 20];
    let nested = zip(&[("a/1.png", &png)]);
    let spoilt: [(&'static str, Vec<u8>); 10] = [
        ("no zip", b"not a zip".to_vec()),
        ("cut short", good.dataset[..good.dataset.len() / 2].to_vec()),
        ("nothing in it", zip(&[])),
        ("one class", zip(&[("a/1.png", &png), ("a/2.png", &png)])),
        ("slip", zip(&[("../a/1.png", &png), ("b/2.png", &png)])),
        ("absolute", zip(&[("/a/1.png", &png), ("b/2.png", &png)])),
        ("nested", zip(&[("a/1.zip", &nested), ("b/2.png", &png)])),
        (
            "broken image",
            zip(&[("a/1.png", b"\x89PNG\r\n\x1a\nrest"), ("b/2.png", &png)]),
        ),
        ("another type", zip(&[("a/1.exe", &png), ("b/2.png", &png)])),
        ("bomb", zip(&[("a/1.png", &bomb), ("b/2.png", &png)])),
    ];
    all_refused(
        &server,
        spoilt.into_iter().map(|(what, dataset)| {
            let job = Good {
                dataset,
                model: good.model.clone(),
                definition: good.definition.clone(),
            };
            (
                what,
                "dataset",
                job.submit(&http, &[("validation_split", "0")]),
            )
        }),
    );
    assert_eq!(kept(&server), before);
}

#[test]
fn defect_08_spoilt_models_and_code_in_them_are_refused_and_leave_nothing() {
    let server = Server::start();
    let http = server.http();
    let before = kept(&server);
    let good = Good::new("wine");
    let config = |from: &str, to: &str| rewrite_config(&good.model, from, to);
    let spoilt: [(&'static str, Vec<u8>); 5] = [
        ("no archive", b"HDF".to_vec()),
        ("cut short", good.model[..good.model.len() / 2].to_vec()),
        (
            "a Lambda layer",
            config("\"class_name\":\"Dense\"", "\"class_name\":\"Lambda\""),
        ),
        (
            "an unknown layer",
            config("\"class_name\":\"Dense\"", "\"class_name\":\"LSTM\""),
        ),
        (
            "another input",
            config("\"batch_shape\":[null,13]", "\"batch_shape\":[null,14]"),
        ),
    ];
    all_refused(
        &server,
        spoilt.into_iter().map(|(what, model)| {
            let job = Good {
                model,
                dataset: good.dataset.clone(),
                definition: good.definition.clone(),
            };
            (what, "model", job.submit(&http, &[]))
        }),
    );
    assert_eq!(kept(&server), before);
}

#[test]
fn spoilt_definitions_are_refused_and_leave_nothing() {
    let server = Server::start();
    let http = server.http();
    let before = kept(&server);
    let good = Good::new("wine");
    let bomb = format!(
        "a: &a [x,x,x,x,x,x,x,x,x]\n{}",
        ('b'..='i')
            .map(|c| {
                let before = char::from(c as u8 - 1);
                format!("{c}: &{c} [{}]\n", vec![format!("*{before}"); 9].join(","))
            })
            .collect::<String>()
    );
    let definitions: [(&'static str, String); 6] = [
        ("not YAML", "columns: [".into()),
        ("aliases that grow", bomb),
        ("deep", "[".repeat(100_000)),
        (
            "an unknown key",
            format!("{}\nmode: fast\n", good.definition),
        ),
        ("no label", good.definition.replace("label: cultivar\n", "")),
        (
            "another shape",
            good.definition
                .replace("input_shape: [13]", "input_shape: [12]"),
        ),
    ];
    all_refused(
        &server,
        definitions.into_iter().map(|(what, definition)| {
            let job = Good {
                model: good.model.clone(),
                dataset: good.dataset.clone(),
                definition,
            };
            (what, "dataset_definition", job.submit(&http, &[]))
        }),
    );
    assert_eq!(kept(&server), before);
}

/// The archive with another `config.json`.
fn rewrite_config(model: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(model)).unwrap();
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut entry, &mut bytes).unwrap();
        let name = entry.name().unwrap().into_owned();
        if name == "config.json" {
            let text = String::from_utf8(bytes)
                .unwrap()
                .replace(": ", ":")
                .replace(", ", ",");
            assert!(text.contains(from), "{from} is not in {text}");
            bytes = text.replacen(from, to, 1).into_bytes();
        }
        entries.push((name, bytes));
    }
    let entries: Vec<(&str, &[u8])> = entries
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    zip(&entries)
}
