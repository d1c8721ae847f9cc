//! Asking for a job to be trained again.

use assay_attest::{WITNESS, intoto::link_file_name};
use assay_platform::{
    ids::JobId,
    job::{Artifact, Completion, Failure, Role, Timings},
    keys::Keys,
};
use assay_protocol::Fault;

use crate::support::{Bench, LONG};

const CLASS: &str = "cpu/x86-64/fma/ftz";

/// A service whose layout names this many workers' keys.
async fn bench(workers: u32) -> Bench {
    Bench::with(|config| {
        Keys::init_with(&config.dir.join("secrets"), workers, false).unwrap();
    })
    .await
}

async fn completed(bench: &Bench, arithmetic: Option<&str>) -> JobId {
    let (id, _) = bench.submit().await;
    bench.complete_by(id, arithmetic).await;
    id
}

/// The code with which asking is refused.
async fn refused(bench: &Bench, id: impl ToString) -> String {
    let path = format!("/jobs/{}/reproduce", id.to_string());
    let problem = bench.post(&path, &[]).await.json(409);
    problem["code"].as_str().unwrap().to_owned()
}

/// Asks, which must be granted; gives the job and whether it is new.
async fn asked(bench: &Bench, id: JobId) -> (JobId, bool) {
    let answer = bench.post(&format!("/jobs/{id}/reproduce"), &[]).await;
    let accepted = answer.json(202);
    assert_eq!(accepted["reproduces"], id.to_string());
    let job = accepted["job_id"].as_str().unwrap();
    let place = format!("/jobs/{job}");
    assert_eq!(answer.header("location"), Some(place.as_str()));
    (job.parse().unwrap(), accepted["new"] == true)
}

/// Ends a reproduction as a worker with this key does, or as one for whom something differs.
async fn end(bench: &Bench, id: JobId, witness: Option<&str>) {
    let platform = &bench.platform;
    let claim = platform
        .db
        .claim(id, "tester", LONG)
        .await
        .unwrap()
        .unwrap();
    let timings = Timings::default();
    let Some(name) = witness else {
        let failure = Failure {
            fault: Fault::without_field("reproduction.differs", "after epoch 2"),
            detail: None,
        };
        let failed = platform.db.fail(id, claim.attempt, &failure, &[], &timings);
        assert!(failed.await.unwrap());
        return;
    };
    let stored = platform.store.put_bytes(name.as_bytes()).await.unwrap();
    let link = Artifact {
        path: format!("{}/{name}", claim.job.unique_dir),
        role: Role::WitnessLink,
        digest: stored.digest,
        bytes: stored.bytes,
    };
    let done = Completion {
        artifacts: vec![link],
        timings,
    };
    let completed = platform.db.complete(id, claim.attempt, &done);
    assert!(completed.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reproduced_is_refused_with_the_reason() {
    let bench = bench(2).await;
    for id in [JobId::new().to_string(), "no-such-job".to_owned()] {
        let answer = bench.post(&format!("/jobs/{id}/reproduce"), &[]).await;
        assert_eq!(answer.json(404)["code"], "job.not_found");
    }
    let (queued, _) = bench.submit().await;
    assert_eq!(refused(&bench, queued).await, "job.not_completed");
    bench.fail(queued).await;
    assert_eq!(refused(&bench, queued).await, "job.not_completed");
    let plain = completed(&bench, None).await;
    assert_eq!(refused(&bench, plain).await, "reproduction.no_transcript");
    let cuda = completed(&bench, Some("cuda/sm90")).await;
    assert_eq!(refused(&bench, cuda).await, "reproduction.not_repeatable");
    let good = completed(&bench, Some(CLASS)).await;
    let (again, _) = asked(&bench, good).await;
    assert_eq!(
        refused(&bench, again).await,
        "reproduction.of_a_reproduction"
    );
    let get = bench.get(&format!("/jobs/{good}/reproduce")).await;
    assert_eq!(get.status, 405);
    bench.stop().await;

    let alone = self::bench(1).await;
    let id = completed(&alone, Some(CLASS)).await;
    assert_eq!(refused(&alone, id).await, "reproduction.no_other_worker");
    alone.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_reproduced_once_at_a_time_and_by_each_key_once() {
    let bench = bench(2).await;
    let id = completed(&bench, Some(CLASS)).await;
    let (first, new) = asked(&bench, id).await;
    assert!(new);
    assert_eq!(asked(&bench, id).await, (first, false));
    let shown = bench.get(&format!("/jobs/{first}")).await.json(200);
    assert_eq!(shown["reproduces"], id.to_string());
    assert_eq!(shown["status"], "queued");
    let original = bench.get(&format!("/jobs/{id}")).await.json(200);
    assert_eq!(shown["request"], original["request"]);
    let listed = &original["reproductions"][0];
    assert_eq!(listed["job_id"], first.to_string());
    assert!(listed["verdict"].is_null() && listed["witness"].is_null());
    // It has no files of its own yet, and is there all the same.
    let files = bench.get(&format!("/job_artifacts/{first}")).await;
    assert_eq!(files.json(200)["artifacts"], serde_json::json!([]));

    // One that somebody stopped, and one that differs, are no witnesses: it may be tried again.
    let stopped = bench.ask("DELETE", &format!("/jobs/{first}"), &[]).await;
    stopped.json(200);
    let (second, new) = asked(&bench, id).await;
    assert!(new && second != first);
    end(&bench, second, None).await;
    let (third, new) = asked(&bench, id).await;
    assert!(new);
    let keys = &bench.platform.keys;
    let other = keys.trust().functionaries.iter().find(|one| {
        one.name.starts_with("worker") && one.key.keyid() != keys.worker().unwrap().keyid()
    });
    let name = link_file_name(WITNESS, &other.unwrap().key.keyid());
    end(&bench, third, Some(&name)).await;
    let original = bench.get(&format!("/jobs/{id}")).await.json(200);
    let verdicts: Vec<_> = (0..3)
        .map(|place| &original["reproductions"][place]["verdict"])
        .collect();
    assert_eq!(
        serde_json::json!(verdicts),
        serde_json::json!(["identical", "different", null])
    );
    let url = &original["reproductions"][0]["witness"]["url"];
    assert_eq!(bench.get(url.as_str().unwrap()).await.body, name.as_bytes());
    // Both keys of the layout have had their say.
    assert_eq!(refused(&bench, id).await, "reproduction.no_other_worker");
    bench.stop().await;
}
