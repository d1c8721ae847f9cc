//! `assay up` as a child process.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{assay, backend::Backend, http::Http, run_ok, text};

/// A running server over a folder; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `None` once it has been handed on.
    folder: Option<Folder>,
    /// Its address, as `http://127.0.0.1:1234`.
    pub(crate) url: String,
}

/// The server's folder, and what it keeps elsewhere, kept over restarts.
pub(crate) struct Folder {
    backend: Backend,
    dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            backend: Backend::of_this_run(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// One whose database and store lie in it, whatever this run of the tests asks for.
    pub(crate) fn embedded() -> Self {
        Self {
            backend: Backend::Embedded,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Server {
    /// A server over a new folder.
    pub(crate) fn start() -> Self {
        Self::over(Folder::new(), &[])
    }

    /// A server over this folder, with these environment variables.
    pub(crate) fn over(folder: Folder, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(assay())
            .args(["up", "--json", "--listen", "127.0.0.1:0", "--dir"])
            .arg(folder.path().join("data"))
            .envs(folder.backend.environment())
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let started: Value = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = fs::read_to_string(folder.path().join("log")).unwrap();
            panic!("the server did not start: {log}")
        });
        Self {
            child,
            folder: Some(folder),
            url: started["url"].as_str().unwrap().to_owned(),
        }
    }

    /// The folder that holds keys, store and database.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().path().join("data")
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder().path().join("log")).unwrap()
    }

    /// Requests to it.
    pub(crate) fn http(&self) -> Http {
        Http::new(&self.url)
    }

    /// Ends it at once (SIGKILL); gives its folder, to start another one over.
    pub(crate) fn kill(mut self) -> Folder {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.take().unwrap()
    }

    fn folder(&self) -> &Folder {
        self.folder.as_ref().unwrap()
    }

    /// Runs a client command against it, which must succeed.
    pub(crate) fn client(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--server", &self.url];
        all.extend(arguments);
        run_ok(&all)
    }

    /// Hands in a sample with these parameters and waits for its end; gives the job's id.
    pub(crate) fn train(&self, sample: &str, parameters: &[&str]) -> String {
        let inputs = tempfile::tempdir().unwrap();
        let job = self.submit(&Inputs::sample(sample, inputs.path()), parameters);
        self.client(&["logs", "-f", &job]);
        job
    }

    /// Hands in a job without waiting; gives its id.
    pub(crate) fn submit(&self, inputs: &Inputs, parameters: &[&str]) -> String {
        submit(&self.url, inputs, parameters)
    }

    /// Fetches a job's bundle into a new folder below `dir`.
    pub(crate) fn bundle(&self, job: &str, dir: &Path) -> PathBuf {
        let bundle = dir.join(job);
        self.client(&["get", job, text(&bundle)]);
        bundle
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands in a job to the server at `url` without waiting; gives its id.
pub(crate) fn submit(url: &str, inputs: &Inputs, parameters: &[&str]) -> String {
    let mut arguments = vec![
        "--server",
        url,
        "submit",
        "--json",
        "--model",
        text(&inputs.model),
        "--dataset",
        text(&inputs.dataset),
        "--definition",
        text(&inputs.definition),
    ];
    for parameter in parameters {
        arguments.extend(["--param", parameter]);
    }
    let answer: Value = serde_json::from_str(&run_ok(&arguments)).unwrap();
    answer["job_id"].as_str().unwrap().to_owned()
}

/// The three files of a job.
pub(crate) struct Inputs {
    pub(crate) model: PathBuf,
    pub(crate) dataset: PathBuf,
    pub(crate) definition: PathBuf,
}

impl Inputs {
    /// A sample's files, written to `dir`.
    pub(crate) fn sample(name: &str, dir: &Path) -> Self {
        let said = run_ok(&["sample", "--json", name, text(dir)]);
        let paths: Value = serde_json::from_str(&said).unwrap();
        let path = |key: &str| PathBuf::from(paths[key].as_str().unwrap());
        Self {
            model: path("model"),
            dataset: path("dataset"),
            definition: path("definition"),
        }
    }
}

impl Inputs {
    /// A table whose label is `2a - 3b + 1`, and a linear model for it.
    pub(crate) fn regression(dir: &Path) -> Self {
        let rows: String = (0..200_u32)
            .map(|row| {
                let a = f64::from(row * 37 % 101) / 101.0;
                let b = f64::from(row * 53 % 103) / 103.0;
                format!("{a:.6},{b:.6},{:.6}\n", 2.0 * a - 3.0 * b + 1.0)
            })
            .collect();
        let text = format!("a,b,y\n{rows}");
        let definition = "columns: {a: float, b: float, y: float}\nlabel: y\ninput_shape: [2]\noutput_shape: [1]\n";
        Self::written(
            dir,
            &dense_model(2, 1, "linear", "mse"),
            ("line.csv", text.as_bytes()),
            definition,
        )
    }

    /// Twelve records that TensorFlow wrote, and a model for them.
    pub(crate) fn records(dir: &Path) -> Self {
        let records = include_bytes!("../../../worker/trainer/tests/fixtures/records.tfrecord");
        let definition = "type: tfrecord\nfeatures: {floats: {shape: [3], dtype: float32}}\n\
                          label: {name: label, dtype: int64}\ninput_shape: [3]\noutput_shape: [3]\n";
        Self::written(
            dir,
            &dense_model(3, 3, "softmax", "sparse_categorical_crossentropy"),
            ("records.tfrecord", records),
            definition,
        )
    }

    fn written(dir: &Path, model: &[u8], (name, data): (&str, &[u8]), definition: &str) -> Self {
        let inputs = Self {
            model: dir.join("model.keras"),
            dataset: dir.join(name),
            definition: dir.join("definition.yaml"),
        };
        fs::write(&inputs.model, model).unwrap();
        fs::write(&inputs.dataset, data).unwrap();
        fs::write(&inputs.definition, definition).unwrap();
        inputs
    }
}

/// An untrained model of one dense layer.
fn dense_model(input: usize, units: usize, activation: &str, loss: &str) -> Vec<u8> {
    let config = serde_json::json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "small", "trainable": true, "dtype": "float32", "layers": [
            {"module": "keras.layers", "class_name": "InputLayer", "registered_name": null,
             "config": {"batch_shape": [null, input], "dtype": "float32", "sparse": false, "name": "in"}},
            {"module": "keras.layers", "class_name": "Dense", "registered_name": null,
             "config": {"name": "out", "trainable": true, "dtype": "float32", "units": units,
                        "activation": activation, "use_bias": true}}
        ]},
        "build_config": {"input_shape": [null, input]},
        "compile_config": {"loss": loss, "metrics": [],
            "optimizer": {"module": "keras.optimizers", "class_name": "Adam", "registered_name": null,
                          "config": {"learning_rate": 0.05}}}
    });
    assay_trainer::archive::untrained(&config, 5).unwrap()
}
