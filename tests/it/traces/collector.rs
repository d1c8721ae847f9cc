//! A collector that takes spans as OTLP over HTTP.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;

/// How long spans are waited for: they are sent in batches, and a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A span, and the service that sent it.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) service: String,
    pub(super) span: Span,
}

impl Received {
    /// An attribute as text.
    pub(super) fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.span.attributes, key)
    }

    /// Whether it is marked as failed.
    pub(super) fn has_failed(&self) -> bool {
        // STATUS_CODE_ERROR of opentelemetry/proto/trace/v1/trace.proto.
        self.span.status.as_ref().is_some_and(|one| one.code == 2)
    }
}

/// Takes spans until the test ends.
pub(super) struct Collector {
    pub(super) endpoint: String,
    spans: Arc<Mutex<Vec<Received>>>,
    /// Every body, as it came.
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let this = Self {
            endpoint: format!("http://{address}/v1/traces"),
            spans: Arc::default(),
            bytes: Arc::default(),
        };
        let (spans, bytes) = (Arc::clone(&this.spans), Arc::clone(&this.bytes));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (spans, bytes) = (Arc::clone(&spans), Arc::clone(&bytes));
                thread::spawn(move || serve(stream, &spans, &bytes));
            }
        });
        this
    }

    /// What a service is told, so that its spans come here, and soon.
    pub(super) fn settings(&self) -> [(&str, &str); 3] {
        [
            ("ASSAY__LOG__OTLP_ENDPOINT", &self.endpoint),
            ("OTEL_BSP_SCHEDULE_DELAY", "100"),
            ("NO_PROXY", "127.0.0.1"),
        ]
    }

    /// The spans of a trace, once there is one of each of these names in it.
    pub(super) fn wait(&self, trace: &str, names: &[&str]) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let found = self.of(trace);
            let missing: Vec<_> = names
                .iter()
                .filter(|name| !found.iter().any(|one| one.span.name == **name))
                .collect();
            if missing.is_empty() {
                return found;
            }
            let there: Vec<_> = found.iter().map(|one| &one.span.name).collect();
            assert!(
                begun.elapsed() < PATIENCE,
                "no {missing:?} among {there:?} in {trace}"
            );
            // Polling a state, not guessing how long a thing takes.
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether these bytes stood in anything that came.
    pub(super) fn has_seen(&self, part: &[u8]) -> bool {
        let bytes = self.bytes.lock().unwrap();
        bytes.windows(part.len()).any(|window| window == part)
    }

    fn of(&self, trace: &str) -> Vec<Received> {
        let id: Vec<u8> = (0..trace.len() / 2)
            .map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let spans = self.spans.lock().unwrap();
        spans
            .iter()
            .filter(|one| one.span.trace_id == id)
            .cloned()
            .collect()
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, spans: &Mutex<Vec<Received>>, bytes: &Mutex<Vec<u8>>) {
    let mut answers = stream.try_clone().unwrap();
    let mut requests = BufReader::new(stream);
    while let Some(body) = body(&mut requests) {
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        for group in request.resource_spans {
            let resource = group.resource.unwrap_or_default();
            let service = attribute(&resource.attributes, "service.name").unwrap();
            assert!(attribute(&resource.attributes, "service.version").is_some());
            assert!(attribute(&resource.attributes, "host.name").is_some());
            let received = group
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans)
                .map(|span| Received {
                    service: service.clone(),
                    span,
                });
            spans.lock().unwrap().extend(received);
        }
        bytes.lock().unwrap().extend(body);
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if answers.write_all(answer).is_err() {
            return;
        }
    }
}

/// The body of the next request; `None` when the client is gone.
fn body(requests: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = Some(value.trim().parse().unwrap());
        }
    }
    let mut body = vec![0; length?];
    requests.read_exact(&mut body).ok()?;
    Some(body)
}

fn attribute(all: &[KeyValue], key: &str) -> Option<String> {
    let found = all.iter().find(|one| one.key == key)?;
    let AnyValue { value } = found.value.clone()?;
    Some(match value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}
