use super::Report;
use crate::{RecordedTranscript, intoto::Link, trained_weights};

/// The training's transcript: its chain recomputed, its last digest that of the trained weights.
pub(super) fn check(training: Option<&Link>, report: &mut Report) {
    let (name, compared) = (
        "transcript",
        "the digests of the weights of each epoch with their chain and model.safetensors",
    );
    let Some(link) = training else {
        return report.skipped(name, compared, "there is no verified run_training link");
    };
    let recorded = match RecordedTranscript::of(link) {
        Ok(Some(recorded)) => recorded,
        Ok(None) => return report.absent(name, compared, "the link records none"),
        Err(error) => {
            report.made(name, compared, Err(error));
            return;
        }
    };
    let Some(weights) = trained_weights(link) else {
        return report.absent(name, compared, "the link names no model.safetensors");
    };
    report.made(name, compared, recorded.check(weights));
}
