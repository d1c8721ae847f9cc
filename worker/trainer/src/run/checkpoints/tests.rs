use std::process::ExitCode;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::run::tests::Room;

/// A checkpoint after every epoch.
fn rule() -> serde_json::Value {
    json!({"every_epochs": 1, "min_seconds": 0, "max_bytes": 1 << 20, "belongs_to": "this job"})
}

fn with_rule(rule: &serde_json::Value) -> Room {
    let room = Room::good();
    std::fs::write(room.input().join(room::CHECKPOINT_RULE), rule.to_string()).unwrap();
    room
}

/// The events of a training, without its start, lines and end; in words.
fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Epoch(report) => Some(format!("epoch {}", report.epoch)),
            Event::Checkpoint { epoch, .. } => Some(format!("checkpoint {epoch}")),
            Event::Resumed { epoch } => Some(format!("resumed {epoch}")),
            _ => None,
        })
        .collect()
}

/// Every digest of the weights that a run told of, with its epoch.
fn transcript(events: &[Event]) -> Vec<(u32, String)> {
    let digest = |event: &Event| match event {
        Event::Weights { epoch, sha256 } => Some((*epoch, sha256.clone())),
        Event::Epoch(report) => Some((report.epoch, report.weights_sha256.clone().unwrap())),
        _ => None,
    };
    events.iter().filter_map(digest).collect()
}

/// The outputs that must not depend on interruptions.
fn outputs(room: &Room) -> [Vec<u8>; 3] {
    [room::WEIGHTS, room::TRAINED_MODEL, room::METRICS].map(|name| room.read(name))
}

/// A checkpoint of this room's job after an epoch, as an attempt that was killed has left it.
fn interrupted(room: &Room, after: u32) -> Vec<u8> {
    let mut sink = Vec::new();
    let mut reporter = Reporter::new(&mut sink);
    let mut job = Job::read(&room.input(), 1).unwrap();
    let mut checkpoints = Checkpoints::new(&room.output(), &job, &mut reporter)
        .unwrap()
        .unwrap();
    let stop = Fault::without_field("trainer.test", "killed");
    let mut transcript = Transcript::begin(&job, &mut reporter).unwrap();
    let spec = &job.archive.spec;
    let stopped = crate::engine::train(
        &mut job.engine,
        &job.dataset,
        &job.split,
        &job.parameters,
        None,
        &mut |epoch| {
            transcript.after(spec, &epoch)?;
            checkpoints.after(&epoch, &transcript, &mut reporter)?;
            if epoch.report.epoch < after {
                Ok(())
            } else {
                Err(stop.clone())
            }
        },
    );
    assert_eq!(stopped.unwrap_err(), stop);
    room.read(&room::checkpoint(after))
}

#[test]
fn checkpoints_are_told_and_none_is_left() {
    let plain = Room::good();
    plain.run("train", "1");
    let room = with_rule(&rule());
    let (code, events) = room.run("train", "1");
    assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
    let expected = [
        "epoch 1",
        "checkpoint 1",
        "epoch 2",
        "checkpoint 2",
        "epoch 3",
    ];
    assert_eq!(told(&events), expected);
    let left = std::fs::read_dir(room.output()).unwrap().count();
    assert_eq!(left, room::OUTPUTS.len());
    assert!(outputs(&room) == outputs(&plain));
}

#[test]
fn a_resumed_training_gives_the_same_files() {
    let whole = with_rule(&rule());
    let (_, uninterrupted) = whole.run("train", "1");
    let digests = transcript(&uninterrupted);
    let epochs: Vec<u32> = digests.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [0, 1, 2, 3]);
    let last = Sha256::digest(whole.read(room::WEIGHTS));
    let last: String = last.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digests[3].1, last);
    for after in [1, 2] {
        let checkpoint = interrupted(&with_rule(&rule()), after);
        let room = with_rule(&rule());
        std::fs::write(room.input().join(room::CHECKPOINT), checkpoint).unwrap();
        let (code, events) = room.run("train", "2");
        assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
        assert_eq!(told(&events)[0], format!("resumed {after}"));
        assert_eq!(told(&events)[1], format!("epoch {}", after + 1));
        assert!(outputs(&room) == outputs(&whole), "after epoch {after}");
        assert_eq!(transcript(&events), digests);
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_ignored_and_said() {
    let whole = with_rule(&rule());
    whole.run("train", "1");
    let mut other = rule();
    other["belongs_to"] = "another job".into();
    let good = interrupted(&with_rule(&rule()), 1);
    let cut = good[..good.len() - 1].to_vec();
    let strange = interrupted(&with_rule(&other), 1);
    for checkpoint in [cut, strange, Vec::new(), vec![0; 8 << 20]] {
        let room = with_rule(&rule());
        std::fs::write(room.input().join(room::CHECKPOINT), checkpoint).unwrap();
        let (code, events) = room.run("train", "1");
        assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
        assert_eq!(told(&events)[0], "epoch 1");
        let said = |event: &Event| matches!(event, Event::Log { message, .. } if message.contains("begins anew"));
        assert!(events.iter().any(said), "{events:?}");
        assert!(outputs(&room) == outputs(&whole));
    }
}

#[test]
fn checkpoints_that_are_too_large_too_soon_or_not_wanted_are_not_written() {
    for (key, value) in [
        ("max_bytes", 10),
        ("min_seconds", 3600),
        ("every_epochs", 0),
    ] {
        let mut rule = rule();
        rule[key] = value.into();
        let (code, events) = with_rule(&rule).run("train", "1");
        assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
        assert_eq!(told(&events), ["epoch 1", "epoch 2", "epoch 3"], "{key}");
    }
}

#[test]
fn as_many_stay_as_are_to_be_kept() {
    let mut rule = rule();
    rule["keep"] = 2.into();
    let room = with_rule(&rule);
    let (code, events) = room.run("train", "1");
    assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
    let Some(Event::Done { outputs, .. }) = events.last() else {
        panic!("{events:?}");
    };
    let kept: Vec<_> = outputs.iter().skip(room::OUTPUTS.len()).collect();
    let names: Vec<&str> = kept.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        ["checkpoint-1.safetensors", "checkpoint-2.safetensors"]
    );
    for file in kept {
        assert_eq!(room.read(&file.name).len() as u64, file.bytes);
    }
}

#[test]
fn a_checkpoint_whose_weights_are_not_those_that_it_names_is_ignored() {
    let room = with_rule(&rule());
    let bytes = interrupted(&with_rule(&rule()), 1);
    let job = Job::read(&room.input(), 1).unwrap();
    let belongs_to = belongs_to(&job.checkpoints.clone().unwrap(), &job.device);
    let spec = &job.archive.spec;
    let whole = checkpoint::read(&bytes, &belongs_to, spec, &job.parameters).unwrap();
    let mut sink = std::io::sink();
    let mut reporter = Reporter::new(&mut sink);
    let transcript = Transcript::begin(&job, &mut reporter).unwrap();
    assert_eq!(transcript.unfit(spec, &whole).unwrap(), None);

    let mut other = whole.clone();
    other.weights.layers[1][0].data[0] += 1.0;
    let reason = transcript.unfit(spec, &other).unwrap().unwrap();
    assert!(reason.contains("not those"), "{reason}");
    let mut other = whole;
    other.transcript[0][0] ^= 1;
    let reason = transcript.unfit(spec, &other).unwrap().unwrap();
    assert!(reason.contains("other weights"), "{reason}");
}
