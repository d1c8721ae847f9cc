//! Plain requests, for what the command line does not do.

use reqwest::multipart::{Form, Part};
use serde_json::Value;

/// A client that reports status and document of every answer.
pub(crate) struct Http {
    base: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

/// An answer: status, content type, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as an RFC 9457 problem of this status; gives its code.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(self.content_type, "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem["code"].as_str().unwrap().to_owned()
    }
}

impl Http {
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            client: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(self.url(path)))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(self.client.delete(self.url(path)))
    }

    /// GETs with these headers.
    pub(crate) fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.client.get(self.url(path));
        self.send(with(request, headers))
    }

    /// POSTs a form of files (field, file name, bytes) and texts (field, value).
    pub(crate) fn post(
        &self,
        path: &str,
        files: &[(&'static str, &str, &[u8])],
        texts: &[(&str, &str)],
    ) -> Answer {
        self.post_with(path, &[], files, texts)
    }

    /// The same with these headers.
    pub(crate) fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        files: &[(&'static str, &str, &[u8])],
        texts: &[(&str, &str)],
    ) -> Answer {
        let mut form = Form::new();
        for (field, name, bytes) in files {
            form = form.part(
                *field,
                Part::bytes(bytes.to_vec()).file_name((*name).to_owned()),
            );
        }
        for (field, value) in texts {
            form = form.text((*field).to_owned(), (*value).to_owned());
        }
        let request = self.client.post(self.url(path)).multipart(form);
        self.send(with(request, headers))
    }

    fn url(&self, path: &str) -> String {
        if path.starts_with("http://") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        }
    }

    fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let content_type = response
                .headers()
                .get("content-type")
                .map(|value| value.to_str().unwrap().to_owned())
                .unwrap_or_default();
            let body = response.bytes().await.unwrap().to_vec();
            Answer {
                status,
                content_type,
                body,
            }
        })
    }
}

fn with(request: reqwest::RequestBuilder, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}
