//! Names that a layout may give once.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, de::Error as _};

use super::Step;
use crate::intoto::Inspection;

pub(super) trait Named {
    fn name(&self) -> &str;
}

impl Named for Step {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Named for Inspection {
    fn name(&self) -> &str {
        &self.name
    }
}

/// Refuses a list in which a name stands twice: rules say `FROM name`, and links lie under it.
pub(super) fn unique<'de, D: Deserializer<'de>, T: Named + Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(deserializer)?;
    let mut seen = BTreeSet::new();
    match list.iter().find(|one| !seen.insert(one.name())) {
        Some(twice) => Err(D::Error::custom(format_args!(
            "the name {:?} stands twice",
            twice.name().chars().take(80).collect::<String>()
        ))),
        None => Ok(list),
    }
}
