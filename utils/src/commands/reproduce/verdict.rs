use std::collections::BTreeMap;

use serde::Serialize;

use super::weights::TOLERANCE;
use crate::output::{Output, shown};

/// What came of training again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// The same bytes.
    Identical,
    /// Another class of arithmetic, and every weight within the tolerance.
    WithinTolerance,
    /// Something else came out.
    Different,
}

/// The outcome, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Verdict {
    pub(super) reproduced: Outcome,
    /// The epochs that were run, `from` and `to`; `null` for all.
    pub(super) segment: Option<[u32; 2]>,
    /// Epochs whose weights are those recorded, the weights as handed in among them.
    pub(super) epochs_equal: u32,
    /// The first epoch whose weights are not those recorded.
    pub(super) first_differing_epoch: Option<u32>,
    /// Whether the proof has a transcript at all.
    pub(super) transcript: bool,
    pub(super) arithmetic: Sides,
    pub(super) program_sha256: Sides,
    /// SHA-256 of `model.safetensors`.
    pub(super) model_sha256: Sides,
    /// The largest difference of two weights, where bytes could not be equal.
    pub(super) largest_difference: Option<f32>,
    /// Every output that ought to be the same, and whether it is.
    pub(super) outputs: BTreeMap<&'static str, bool>,
}

/// The same thing in the proof and here; `null` where it is not known, or was not computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sides {
    pub(super) recorded: Option<String>,
    pub(super) here: Option<String>,
}

impl Sides {
    pub(super) fn are_equal(&self) -> bool {
        self.recorded == self.here
    }
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.reproduced != Outcome::Different
    }

    /// Says it to a person.
    pub(super) fn say(&self, output: Output) {
        let known = |side: &Option<String>| shown(side.as_deref().unwrap_or("unknown"));
        if !self.arithmetic.are_equal() {
            output.say(format!(
                "This machine computes as {}, the proof's as {}: the bytes cannot be equal.",
                known(&self.arithmetic.here),
                known(&self.arithmetic.recorded)
            ));
        }
        let recorded = self.arithmetic.recorded.as_deref();
        if self.arithmetic.are_equal() && recorded.is_some_and(|one| one.starts_with("cuda/")) {
            output.say(
                "Sums on a graphics processor have no fixed order: the bytes need not be equal.",
            );
        }
        if self.program_sha256.recorded.is_none() {
            output.say("The proof does not know which program trained.");
        } else if !self.program_sha256.are_equal() {
            output.say(format!(
                "The program here (SHA-256 {}) is not the one that trained ({}).",
                known(&self.program_sha256.here),
                known(&self.program_sha256.recorded)
            ));
        }
        if !self.transcript {
            output.say("The proof records no weights of single epochs; only the end was compared.");
        }
        output.say(self.line());
    }

    /// The outputs that ought to be the same and are not.
    fn differing(&self) -> Vec<&'static str> {
        let differing = self.outputs.iter().filter(|(_, same)| !**same);
        differing.map(|(name, _)| *name).collect()
    }

    fn line(&self) -> String {
        let known = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        let distance = self.largest_difference.map_or_else(String::new, |largest| {
            format!("; the largest difference of two weights is {largest:e}, allowed: {TOLERANCE}")
        });
        match (&self.reproduced, self.segment, self.first_differing_epoch) {
            (Outcome::Identical, Some([from, to]), _) => format!(
                "Reproduced: from the weights after epoch {from}, training gives the recorded weights up to epoch {to}."
            ),
            (Outcome::Identical, None, _) => format!(
                "Reproduced: {}model.safetensors is identical, SHA-256 {}.",
                // One of them is that of the weights as handed in.
                match self.epochs_equal.saturating_sub(1) {
                    0 => String::new(),
                    epochs => format!("{epochs} epochs give the recorded weights, and "),
                },
                known(&self.model_sha256.here)
            ),
            (Outcome::WithinTolerance, ..) => format!("Reproduced within a tolerance{distance}."),
            (Outcome::Different, ..) if self.largest_difference.is_some() => format!(
                "NOT reproduced within the tolerance{distance}. Where bytes cannot be equal, a long training may drift \
                 further apart although nothing is wrong; the proof's own class of arithmetic would tell."
            ),
            (Outcome::Different, _, Some(epoch)) => {
                format!(
                    "NOT reproduced: the weights after epoch {epoch} are the first that differ."
                )
            }
            (Outcome::Different, _, None) if self.model_sha256.are_equal() => format!(
                "NOT reproduced: model.safetensors is identical, and these are not: {}.",
                self.differing().join(", ")
            ),
            (Outcome::Different, _, None) => format!(
                "NOT reproduced: model.safetensors has SHA-256 {} here, {} in the proof.",
                known(&self.model_sha256.here),
                known(&self.model_sha256.recorded)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reproduced: Outcome) -> Verdict {
        Verdict {
            reproduced,
            segment: None,
            epochs_equal: 3,
            first_differing_epoch: None,
            transcript: true,
            arithmetic: Sides::default(),
            program_sha256: Sides::default(),
            model_sha256: Sides::default(),
            largest_difference: None,
            outputs: BTreeMap::new(),
        }
    }

    #[test]
    fn only_what_differs_is_not_good() {
        assert!(verdict(Outcome::Identical).is_good());
        assert!(verdict(Outcome::WithinTolerance).is_good());
        assert!(!verdict(Outcome::Different).is_good());
    }

    #[test]
    fn the_first_epoch_that_differs_is_named() {
        let line = Verdict {
            first_differing_epoch: Some(4),
            ..verdict(Outcome::Different)
        };
        assert!(line.line().contains("after epoch 4"), "{}", line.line());
        // On another class the first epoch says nothing, and the distance does.
        let far = Verdict {
            first_differing_epoch: Some(1),
            largest_difference: Some(0.5),
            ..verdict(Outcome::Different)
        };
        let line = far.line();
        assert!(line.contains("5e-1") && line.contains(TOLERANCE), "{line}");
    }

    #[test]
    fn the_weights_as_handed_in_are_no_epoch() {
        let line = verdict(Outcome::Identical).line();
        assert!(line.contains("2 epochs give"), "{line}");
    }
}
