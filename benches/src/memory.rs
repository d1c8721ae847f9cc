//! Memory of the server: idle, and while a large file is handed in.

use reqwest::{
    Body,
    multipart::{Form, Part},
};

use crate::{
    data, print,
    server::{Server, http},
};

pub(crate) fn run(megabytes: u64) -> anyhow::Result<()> {
    let inputs = data::table()?;
    let server = Server::start()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let http = http()?;
        http.get(format!("{}/health", server.url)).send().await?;
        let (idle, _) = server.memory()?;
        print(format!("idle: {:.1} MB", idle as f64 / 1e3));

        // Made as it is sent, so that neither side holds it. It is no table, and refused in the end: what counts is the way in.
        let chunk = vec![b'7'; 1 << 20];
        let chunks = megabytes * 1_000_000 / (1 << 20);
        let stream = futures_util::stream::iter((0..chunks).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
        let form = Form::new()
            .text("framework", "candle")
            .part("model", Part::bytes(inputs.model).file_name("model.keras"))
            .part("dataset", Part::stream(Body::wrap_stream(stream)).file_name("big.csv"))
            .part("dataset_definition", Part::text(inputs.definition).file_name("definition.yaml"));
        let status = http
            .post(format!("{}/submit_job_by_model_and_data", server.url))
            .multipart(form)
            .send()
            .await?
            .status();
        let (after, most) = server.memory()?;
        print(format!(
            "upload of {megabytes} MB (answered {status}): most {:.1} MB, {:.1} MB above idle; after it {:.1} MB",
            most as f64 / 1e3,
            (most.saturating_sub(idle)) as f64 / 1e3,
            after as f64 / 1e3
        ));
        Ok(())
    })
}
