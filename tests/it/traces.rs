//! What a collector of OpenTelemetry traces gets to see of a job.

mod collector;

use collector::{Collector, Received};

use super::support::{
    http::Http,
    server::{Folder, Inputs, Server},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
/// A name that a user chose.
const USERS_WORD: &str = "secret-project";

/// The parts of a trained job.
const PARTS: [&str; 17] = [
    "POST /submit_job_by_model_and_data",
    "submit",
    "receive",
    "check",
    "sign",
    "commit",
    "job",
    "queue",
    "stage",
    "train",
    "sandbox.start",
    "trainer.load",
    "trainer.epochs",
    "trainer.export",
    "collect",
    "attest",
    "complete",
];

/// Hands in the wine sample as a client that is in a trace does; gives the answer's document.
fn hand_in(http: &Http, trace: &str, texts: &[(&str, &str)]) -> serde_json::Value {
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::sample("wine", dir.path());
    let [model, dataset, definition] = [&inputs.model, &inputs.dataset, &inputs.definition]
        .map(|path| std::fs::read(path).unwrap());
    let files: [(&'static str, &str, &[u8]); 3] = [
        ("model", "model.keras", &model),
        ("dataset", "secret-project.csv", &dataset),
        ("dataset_definition", "definition.yaml", &definition),
    ];
    let parent = format!("00-{trace}-{CALLER}-01");
    let mut all = vec![("framework", "candle"), ("model_name", USERS_WORD)];
    all.extend(texts);
    let headers = [("traceparent", parent.as_str())];
    http.post_with("/submit_job_by_model_and_data", &headers, &files, &all)
        .json()
}

/// The span of this name.
fn find<'a>(spans: &'a [Received], name: &str) -> &'a Received {
    let found = spans.iter().find(|one| one.span.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// That each span is a part of the one before it, by name.
fn assert_chain(spans: &[Received], names: &[&str]) {
    for pair in names.windows(2) {
        let (outer, inner) = (find(spans, pair[0]), find(spans, pair[1]));
        assert_eq!(
            outer.span.span_id, inner.span.parent_span_id,
            "{} is no part of {}",
            pair[1], pair[0]
        );
    }
}

fn assert_whole(collector: &Collector, spans: &[Received], job: &str) {
    let request = find(spans, PARTS[0]);
    let caller: Vec<u8> = vec![0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];
    assert_eq!(request.span.parent_span_id, caller);
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/submit_job_by_model_and_data"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(request.attribute(key).as_deref(), Some(value));
    }
    assert_chain(spans, &[PARTS[0], "submit", "check"]);
    assert_chain(spans, &["submit", "job", "train", "trainer.epochs"]);
    for part in ["queue", "stage", "collect", "attest", "complete"] {
        assert_chain(spans, &["job", part]);
    }
    assert_eq!(find(spans, "job").attribute("job").as_deref(), Some(job));
    assert!(find(spans, "train").attribute("assay.sandbox").is_some());
    assert!(spans.iter().all(|one| !one.has_failed()), "{spans:?}");
    for one in spans {
        assert!(one.span.end_time_unix_nano >= one.span.start_time_unix_nano);
    }
    assert!(!collector.has_seen(USERS_WORD.as_bytes()), "a user's word");
}

#[test]
fn a_trace_leads_from_the_clients_request_into_the_trainer() {
    let collector = Collector::start();
    let server = Server::over(Folder::new(), &collector.settings());
    let answer = hand_in(&server.http(), TRACE, &[("epochs", "250")]);
    let job = answer["job_id"].as_str().unwrap();
    server.client(&["logs", "-f", job]);
    let spans = collector.wait(TRACE, &PARTS);
    assert!(spans.iter().all(|one| one.service == "assay"));
    assert_whole(&collector, &spans, job);
    // Of many epochs only some are shown, the last among them.
    let epochs = &find(&spans, "trainer.epochs").span.events;
    assert!((50..=100).contains(&epochs.len()), "{}", epochs.len());
    assert_eq!(
        find(&spans, "trainer.epochs").attribute("assay.last_epoch"),
        Some("250".to_owned())
    );
    let said = server.log();
    assert!(said.contains(TRACE), "the log names the trace: {said}");
}

#[test]
fn what_fails_is_marked_and_other_requests_have_spans_of_their_own() {
    let other = "4bf92f3577b34da6a3ce929d0e0e4736";
    let collector = Collector::start();
    let server = Server::over(Folder::new(), &collector.settings());
    let refused = hand_in(&server.http(), other, &[("epochs", "none")]);
    assert_eq!(refused["status"], 422, "{refused}");
    let spans = collector.wait(other, &[PARTS[0], "submit"]);
    let submit = find(&spans, "submit");
    assert!(submit.has_failed());
    assert_eq!(
        submit.attribute("error.type").as_deref(),
        refused["code"].as_str()
    );
    // A refusal is no failure of the server (semantic conventions for HTTP).
    assert!(!find(&spans, PARTS[0]).has_failed());

    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", parent.as_str())];
    server.http().get_with("/jobs/secret-project", &headers);
    let spans = collector.wait(TRACE, &["GET /jobs/{job_id}"]);
    let read = find(&spans, "GET /jobs/{job_id}");
    assert_eq!(
        read.attribute("http.response.status_code").as_deref(),
        Some("404")
    );
    assert!(!collector.has_seen(USERS_WORD.as_bytes()), "a user's word");
}

#[cfg(feature = "outside-parts")]
#[test]
fn a_trace_leads_over_the_broker_into_another_process() {
    use super::support::deployment::Deployment;

    let collector = Collector::start();
    let deployment = Deployment::start(1, &collector.settings());
    let answer = hand_in(&deployment.http(), TRACE, &[("epochs", "2")]);
    let job = answer["job_id"].as_str().unwrap();
    assert_eq!(deployment.wait(job)["status"], "completed");
    let spans = collector.wait(TRACE, &PARTS);
    assert_whole(&collector, &spans, job);
    for (part, service) in [
        ("submit", "assay-api"),
        ("check", "assay-api"),
        ("queue", "assay-worker"),
        ("train", "assay-worker"),
        ("trainer.epochs", "assay-worker"),
    ] {
        assert_eq!(find(&spans, part).service, service, "{part}");
    }
    let queue = find(&spans, "queue").attribute("messaging.system");
    assert_eq!(queue.as_deref(), Some("rabbitmq"));
}
