//! `POST /verify_bom_and_link`, one request after the other on one connection.

use std::time::Instant;

use anyhow::{Context, bail};
use reqwest::multipart::{Form, Part};

use crate::{
    data, print,
    server::{Server, http, json, submit, wait},
    summary,
};

pub(crate) fn run(requests: u32) -> anyhow::Result<()> {
    let inputs = data::table()?;
    let server = Server::start()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let http = http()?;
        let url = &server.url;
        let job = submit(&http, url, &inputs, &[("epochs", "5")]).await?;
        wait(&http, url, &job).await?;
        let link = json(http.get(format!("{url}/job_artifacts/{job}/aibom.json"))).await?;
        let link = link["url"].as_str().context("no link to the AIBoM")?;
        let bom = http.get(link).send().await?.bytes().await?.to_vec();
        let mut times = Vec::new();
        for _ in 0..requests {
            let form =
                Form::new().part("bom_file", Part::bytes(bom.clone()).file_name("aibom.json"));
            let begun = Instant::now();
            let answer = json(
                http.post(format!("{url}/verify_bom_and_link"))
                    .multipart(form),
            )
            .await?;
            times.push(begun.elapsed());
            if answer["status"] != "success" {
                bail!("refused: {answer}");
            }
        }
        let (median, slowest) = summary(&mut times);
        print(format!(
            "verify_bom_and_link: median {median:.2} ms, p99 {slowest:.2} ms ({requests} requests)"
        ));
        Ok(())
    })
}
