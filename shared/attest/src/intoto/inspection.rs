use serde::{Deserialize, Serialize};

use super::{Item, Rule};

/// The one command with which an inspection does nothing but look at the files it finds.
const NOTHING: &str = "true";

/// What a verifier is to do with the final product: run a command, then hold the files around it, hashed before and
/// after, against rules (in-toto specification 1.0 §4.3.2).
///
/// No command is ever run here: a layout must not decide what runs on a verifier's machine. So only inspections whose
/// command is `true`, which hash the product and no more, can be verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspection {
    #[serde(rename = "_type")]
    kind: Kind,
    /// Its name.
    pub name: String,
    /// Rules for the files before, in order.
    pub expected_materials: Vec<Rule>,
    /// Rules for the files after, in order.
    pub expected_products: Vec<Rule>,
    /// The command.
    pub run: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "inspection")]
    Inspection,
}

impl Inspection {
    /// Whether it only hashes.
    pub fn only_hashes(&self) -> bool {
        matches!(self.run.as_slice(), [command] if command == NOTHING)
    }

    pub(super) fn item(&self) -> Item<'_> {
        Item {
            name: &self.name,
            materials: &self.expected_materials,
            products: &self.expected_products,
        }
    }
}
