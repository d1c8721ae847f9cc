use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Inspection, Item, Rule};
use crate::{KeyId, PublicKey, VerificationKey};

mod keys;
mod names;

/// What must have happened, and who may have done it; signed by the owner (in-toto specification 1.0 §4.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    #[serde(rename = "_type")]
    kind: Kind,
    /// A word to people.
    pub readme: String,
    /// From when on it is worth nothing (UTC, whole seconds).
    #[serde(with = "instant")]
    pub expires: OffsetDateTime,
    /// The functionaries' keys.
    #[serde(with = "keys")]
    pub keys: BTreeMap<KeyId, VerificationKey>,
    /// What is to be done, in order. Names are unique, with those of the inspections.
    #[serde(deserialize_with = "names::unique")]
    pub steps: Vec<Step>,
    /// What the verifier is to look at.
    #[serde(deserialize_with = "names::unique")]
    pub inspect: Vec<Inspection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "layout")]
    Layout,
}

impl Layout {
    /// A layout of these steps, by these keys.
    pub fn new(
        readme: impl Into<String>,
        expires: OffsetDateTime,
        keys: impl IntoIterator<Item = PublicKey>,
        steps: Vec<Step>,
    ) -> Self {
        let keys = keys
            .into_iter()
            .map(|key| (key.keyid(), key.into()))
            .collect();
        Self {
            kind: Kind::Layout,
            readme: readme.into(),
            expires,
            keys,
            steps,
            inspect: Vec::new(),
        }
    }

    /// The step of that name.
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The steps' names and rules, for [`super::check_rules`].
    pub fn step_items(&self) -> Vec<Item<'_>> {
        self.steps.iter().map(Step::item).collect()
    }
}

/// A step of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[serde(rename = "_type")]
    kind: StepKind,
    /// Its name.
    pub name: String,
    /// Rules for what it read, in order.
    pub expected_materials: Vec<Rule>,
    /// Rules for what it wrote, in order.
    pub expected_products: Vec<Rule>,
    /// Who may carry it out.
    pub pubkeys: Vec<KeyId>,
    /// What is to be run.
    pub expected_command: Vec<String>,
    /// How many functionaries must agree.
    pub threshold: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum StepKind {
    #[serde(rename = "step")]
    Step,
}

impl Step {
    /// A step that one functionary of `pubkeys` carries out, without rules yet.
    pub fn new(
        name: impl Into<String>,
        pubkeys: Vec<KeyId>,
        expected_command: Vec<String>,
    ) -> Self {
        Self {
            kind: StepKind::Step,
            name: name.into(),
            expected_materials: Vec::new(),
            expected_products: Vec::new(),
            pubkeys,
            expected_command,
            threshold: 1,
        }
    }

    fn item(&self) -> Item<'_> {
        Item {
            name: &self.name,
            materials: &self.expected_materials,
            products: &self.expected_products,
        }
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`, the one form that in-toto takes.
mod instant {
    use serde::{Deserialize as _, Deserializer, Serializer, de, ser};
    use time::{
        OffsetDateTime, PrimitiveDateTime, UtcOffset, format_description::BorrowedFormatItem,
        macros::format_description,
    };

    const FORM: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

    pub(super) fn serialize<S: Serializer>(
        instant: &OffsetDateTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = instant
            .to_offset(UtcOffset::UTC)
            .format(FORM)
            .map_err(ser::Error::custom)?;
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = PrimitiveDateTime::parse(&text, FORM)
            .ok()
            .filter(|_| text.len() == "YYYY-MM-DDTHH:MM:SSZ".len());
        let wrong = || {
            de::Error::custom(format_args!(
                "{text:?} is not an instant; expected YYYY-MM-DDTHH:MM:SSZ"
            ))
        };
        parsed.map(PrimitiveDateTime::assume_utc).ok_or_else(wrong)
    }
}
