use super::*;

fn digests(count: u8) -> Vec<Digest> {
    (0..count).map(|byte| Digest::of(&[byte])).collect()
}

/// As the documentation says it, step by step.
fn by_hand(first: u64, digests: &[Digest]) -> Digest {
    let mut begin = b"assay/transcript/v1".to_vec();
    begin.extend(first.to_be_bytes());
    begin.extend(digests[0].as_bytes());
    let mut head = Digest::of(&begin);
    for (place, digest) in digests.iter().enumerate().skip(1) {
        let mut next = head.as_bytes().to_vec();
        next.extend((first + place as u64).to_be_bytes());
        next.extend(digest.as_bytes());
        head = Digest::of(&next);
    }
    head
}

fn link_with(recorded: &RecordedTranscript) -> Link {
    let mut link = Link::new("run_training", Vec::new());
    let value = serde_json::to_value(recorded).unwrap();
    link.byproducts.insert(TRANSCRIPT.to_owned(), value);
    link
}

#[test]
fn the_head_is_the_chain_that_is_documented() {
    for first in [0, 7] {
        let all = digests(5);
        let recorded = Transcript::new(first, all.clone()).unwrap().record();
        assert_eq!(recorded.head, by_hand(first.into(), &all));
        assert_eq!(recorded.last_epoch, first + 4);
        assert_eq!(recorded.after(first), Some(all[0]));
        assert_eq!(recorded.after(first + 4), Some(all[4]));
        assert_eq!(recorded.after(first + 5), None);
        assert_eq!(recorded.check(all[4]), Ok(()));
    }
    assert_eq!(Transcript::new(0, Vec::new()), None);
    assert_eq!(Transcript::new(u32::MAX, digests(2)), None);
}

#[test]
fn it_survives_the_link_and_any_change_shows() {
    let recorded = Transcript::new(0, digests(4)).unwrap().record();
    let read = RecordedTranscript::of(&link_with(&recorded)).unwrap();
    assert_eq!(read, Some(recorded.clone()));
    let weights = Digest::of(&[3]);
    let refused = |change: &dyn Fn(&mut RecordedTranscript)| {
        let mut changed = recorded.clone();
        change(&mut changed);
        changed.check(weights).unwrap_err().to_string()
    };
    assert!(refused(&|r| r.head = Digest::of(b"x")).contains("ends in"));
    assert!(refused(&|r| r.sha256.as_mut().unwrap()[1] = weights).contains("ends in"));
    assert!(refused(&|r| r.sha256.as_mut().unwrap()[3] = Digest::of(b"x")).contains("last digest"));
    assert!(refused(&|r| r.sha256.as_mut().unwrap().truncate(3)).contains("each epoch"));
    assert!(refused(&|r| r.first_epoch = 1).contains("each epoch"));
    assert!(refused(&|r| r.last_epoch = 2).contains("each epoch"));
    assert!(refused(&|r| r.sha256 = None).contains("either"));
    assert!(recorded.check(Digest::of(b"x")).is_err());
    let shifted = RecordedTranscript {
        first_epoch: 1,
        last_epoch: 4,
        ..recorded.clone()
    };
    assert!(shifted.check(weights).is_err(), "epochs are in the chain");
}

#[test]
fn a_very_long_one_keeps_the_end_of_its_chain() {
    let many: Vec<Digest> = (0..MAX_LISTED as u32 + 1)
        .map(|number| Digest::of(&number.to_be_bytes()))
        .collect();
    let last = *many.last().unwrap();
    let recorded = Transcript::new(0, many.clone()).unwrap().record();
    assert_eq!(recorded.sha256, None);
    assert_eq!(recorded.head, by_hand(0, &many));
    assert_eq!(recorded.check(last), Ok(()));
    assert!(recorded.check(Digest::of(b"x")).is_err());
    let read = RecordedTranscript::of(&link_with(&recorded)).unwrap();
    assert_eq!(read, Some(recorded));
}

#[test]
fn links_without_one_say_nothing_and_other_forms_are_refused() {
    let mut link = Link::new("run_training", Vec::new());
    assert_eq!(RecordedTranscript::of(&link), Ok(None));
    link.byproducts
        .insert(TRANSCRIPT.to_owned(), serde_json::json!({}));
    assert!(RecordedTranscript::of(&link).is_err());
    let mut other = Transcript::new(0, digests(2)).unwrap().record();
    other.algorithm = "assay/transcript/v2".to_owned();
    let error = RecordedTranscript::of(&link_with(&other)).unwrap_err();
    assert!(error.to_string().contains("v2"), "{error}");
}
