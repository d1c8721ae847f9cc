use assay_attest::Transcript;
use assay_platform::job::Artifact;
use assay_protocol::room;

use crate::stop::Stop;

/// Holds the last weights that the trainer told of against the file that it left: they are the same bytes.
pub(crate) fn ends_in(transcript: Option<&Transcript>, outputs: &[Artifact]) -> Result<(), Stop> {
    let Some(told) = transcript.and_then(Transcript::last) else {
        return Ok(());
    };
    let left = outputs.iter().find(|one| one.name() == room::WEIGHTS);
    match left {
        Some(left) if left.digest == told => Ok(()),
        Some(left) => Err(Stop::ours(
            "trainer.protocol",
            format!(
                "the trainer reported {told} as the digest of the trained weights, but {} has {}",
                room::WEIGHTS,
                left.digest
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use assay_attest::Digest;
    use assay_platform::job::Role;

    use super::*;

    #[test]
    fn the_last_weights_are_the_file() {
        let digest = Digest::of(b"weights");
        let outputs = [Artifact {
            path: format!("d/outputs/{}", room::WEIGHTS),
            role: Role::Output,
            digest,
            bytes: 7,
        }];
        let of = |last| Transcript::new(0, vec![Digest::of(b"before"), last]);
        assert!(ends_in(None, &outputs).is_ok());
        assert!(ends_in(of(digest).as_ref(), &outputs).is_ok());
        assert!(ends_in(of(Digest::of(b"x")).as_ref(), &outputs).is_err());
    }
}
