//! A training that is interrupted after any epoch and gone on with from its checkpoint gives the same bits.

use assay_protocol::{Fault, Parameters};

use super::Table;
use super::determinism::{model, table, weights};
use crate::checkpoint::{self, Checkpoint};
use crate::engine::{Engine, Epoch, Resume, random, train};
use crate::spec::*;

const OF: &str = "the test";

/// Every rule, with everything that it can remember.
fn rules() -> Vec<OptimizerRule> {
    let sgd = |momentum, nesterov| OptimizerRule::Sgd { momentum, nesterov };
    let rms = |momentum, centered| OptimizerRule::RmsProp {
        rho: 0.9,
        momentum,
        epsilon: 1e-7,
        centered,
    };
    let (beta_1, beta_2, epsilon) = (0.9, 0.999, 1e-7);
    let mut rules = vec![
        sgd(0.0, false),
        sgd(0.9, false),
        sgd(0.9, true),
        rms(0.0, false),
        rms(0.5, true),
    ];
    for amsgrad in [false, true] {
        rules.push(OptimizerRule::Adam {
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
        });
        rules.push(OptimizerRule::AdamW {
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
        });
    }
    rules
}

struct Training {
    spec: ModelSpec,
    table: Table,
    parameters: Parameters,
}

impl Training {
    fn new(rule: OptimizerRule, steps: Option<u32>) -> Self {
        Self {
            spec: model(rule),
            table: table(40),
            parameters: Parameters {
                initial_epoch: 1,
                epochs: 4,
                batch_size: 8,
                steps_per_epoch: steps,
                validation_freq: 2,
                seed: 9,
                ..Parameters::default()
            },
        }
    }

    /// Trains from a checkpoint, if one is given; gives the checkpoint after the last epoch.
    fn run(
        &self,
        from: Option<Vec<u8>>,
        on_epoch: &mut dyn FnMut(&Epoch<'_>) -> Result<(), Fault>,
    ) -> Vec<u8> {
        let (spec, parameters) = (&self.spec, &self.parameters);
        let from = from.map(|bytes| checkpoint::read(&bytes, OF, spec, parameters).unwrap());
        let (weights, state, resume) = match from {
            None => (weights(spec), None, None),
            Some(from) => {
                let resume = Resume {
                    epoch: from.epoch,
                    history: from.history,
                };
                (from.weights, Some(from.optimizer), Some(resume))
            }
        };
        let rows = 40;
        let split = random::split(rows, parameters.validation_split, parameters.seed);
        let mut engine = Engine::new(spec, weights, state, parameters.seed).unwrap();
        let mut last = Vec::new();
        let trained = train(
            &mut engine,
            &self.table,
            &split,
            parameters,
            resume,
            &mut |epoch| {
                last = written(&epoch);
                on_epoch(&epoch)
            },
        );
        drop(trained);
        last
    }
}

fn written(epoch: &Epoch<'_>) -> Vec<u8> {
    let number = epoch.report.epoch;
    let checkpoint = Checkpoint {
        epoch: number,
        weights: epoch.engine.weights(),
        optimizer: epoch.engine.optimizer_state(),
        history: epoch.history.clone(),
        // One for each epoch since the first, whose number is 1.
        transcript: vec![[0; 32]; number as usize],
    };
    checkpoint::write(OF, &checkpoint).unwrap()
}

#[test]
fn a_resumed_training_gives_the_same_bits_with_every_optimizer() {
    for rule in rules() {
        let training = Training::new(rule.clone(), None);
        let mut checkpoints = Vec::new();
        let whole = training.run(None, &mut |epoch| {
            checkpoints.push(written(epoch));
            Ok(())
        });
        assert_eq!(checkpoints.len(), 3);
        for (after, checkpoint) in checkpoints.into_iter().take(2).enumerate() {
            let resumed = training.run(Some(checkpoint), &mut |_| Ok(()));
            assert!(resumed == whole, "{rule:?}, {} epochs", after + 1);
        }
    }
}

#[test]
fn a_pass_that_an_epoch_did_not_end_goes_on_where_it_stopped() {
    let rule = OptimizerRule::Sgd {
        momentum: 0.9,
        nesterov: false,
    };
    let training = Training::new(rule, Some(3));
    let mut checkpoints = Vec::new();
    let whole = training.run(None, &mut |epoch| {
        checkpoints.push(written(epoch));
        Ok(())
    });
    for checkpoint in checkpoints.into_iter().take(2) {
        assert!(training.run(Some(checkpoint), &mut |_| Ok(())) == whole);
    }
}
