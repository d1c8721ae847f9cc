use std::{collections::BTreeMap, io};

use time::OffsetDateTime;

use super::{Agreement, ChainError, Sides, Witness, check_rules, check_thresholds};
use crate::{
    KeyId, VerificationKey, check_path,
    intoto::{
        AnyArtifacts, DigestSet, Inspection, Layout, Metadata, Payload, Step, link_file_name,
    },
};

/// Layouts within layouts at most.
const MAX_DEPTH: usize = 8;
/// Files looked for at most, in all layouts together.
const MAX_FILES: usize = 2_000;

/// What a whole supply chain started from and led to: the materials of its first step, the products of its last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What went in.
    pub materials: AnyArtifacts,
    /// What came out.
    pub products: AnyArtifacts,
}

/// Verifies a layout with its links, to the answers of in-toto 3.1.0 (`in_toto_verify`).
///
/// Every key of `owners` must have signed the layout. `read` gives the file at a path below the links' folder, or
/// `None`; links lie there as `<step>.<keyid8>.link`, those of a sublayout in `<step>.<keyid8>/`. `product` are the
/// files around an inspection with their SHA-256; without it a layout with inspections is refused.
///
/// As in in-toto a step's name is where its link lies, whatever the link calls itself, and commands are not compared.
/// Unlike in-toto no command is run, and keys must stand under the id that is computed from them.
///
/// # Errors
/// [`ChainError`] for the first thing that does not hold.
pub fn verify_layout(
    layout: &Metadata,
    owners: &[VerificationKey],
    read: &mut dyn FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    product: Option<&AnyArtifacts>,
    now: OffsetDateTime,
) -> Result<Summary, ChainError> {
    let mut chain = Chain {
        read,
        product,
        now,
        files: 0,
    };
    let owners: Vec<_> = owners.iter().collect();
    chain.layout(layout, &owners, "", 0)
}

struct Chain<'a> {
    read: &'a mut dyn FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    product: Option<&'a AnyArtifacts>,
    now: OffsetDateTime,
    files: usize,
}

impl Chain<'_> {
    fn layout(
        &mut self,
        metadata: &Metadata,
        owners: &[&VerificationKey],
        folder: &str,
        depth: usize,
    ) -> Result<Summary, ChainError> {
        if depth > MAX_DEPTH {
            return Err(ChainError::TooMuch("layouts lie too deep in one another"));
        }
        if owners.is_empty() {
            return Err(ChainError::NoOwner);
        }
        for owner in owners {
            metadata.verify(owner).map_err(|error| ChainError::Owner {
                folder: folder.to_owned(),
                error,
            })?;
        }
        let Payload::Layout(layout) = metadata.payload() else {
            return Err(ChainError::NotALayout);
        };
        if layout.expires <= self.now {
            return Err(ChainError::Expired {
                folder: folder.to_owned(),
                expires: layout.expires,
            });
        }
        let mut said: Vec<(&str, KeyId, Summary)> = Vec::new();
        for step in &layout.steps {
            for (keyid, summary) in self.step(layout, step, folder, depth)? {
                said.push((&step.name, keyid, summary));
            }
        }
        let witnesses: Vec<Witness<'_, DigestSet>> = said
            .iter()
            .map(|(step, keyid, summary)| Witness {
                step,
                keyid: *keyid,
                sides: summary.into(),
            })
            .collect();
        let chain = check_thresholds(layout, &witnesses, Agreement::AboveOne)?;
        check_rules(&layout.step_items(), &chain)?;
        self.inspect(layout, &chain)?;
        let of = |step: Option<&Step>| step.and_then(|step| chain.get(step.name.as_str()));
        let first = of(layout.steps.first());
        let last = of(layout.steps.last());
        Ok(Summary {
            materials: first.map_or_else(BTreeMap::new, |sides| sides.materials.clone()),
            products: last.map_or_else(BTreeMap::new, |sides| sides.products.clone()),
        })
    }

    /// What each functionary of a step says of it. A link whose signature does not hold counts for nothing.
    fn step(
        &mut self,
        layout: &Layout,
        step: &Step,
        folder: &str,
        depth: usize,
    ) -> Result<Vec<(KeyId, Summary)>, ChainError> {
        let mut said: Vec<(KeyId, Summary)> = Vec::new();
        for keyid in &step.pubkeys {
            if said.iter().any(|(one, _)| one == keyid) {
                continue;
            }
            let path = format!("{folder}{}", link_file_name(&step.name, keyid));
            let Some(metadata) = self.file(&path)? else {
                continue;
            };
            let Some(key) = layout.keys.get(keyid) else {
                continue;
            };
            match metadata.verify(key) {
                Ok(()) => {}
                Err(error) if error.is_of_signature() => continue,
                Err(error) => {
                    let reason = error.to_string();
                    return Err(ChainError::File { path, reason });
                }
            }
            let summary = match metadata.payload() {
                Payload::Link(link) => Summary {
                    materials: link.materials.clone(),
                    products: link.products.clone(),
                },
                Payload::Layout(_) => {
                    let folder = format!("{folder}{}.{}/", step.name, keyid.short());
                    self.layout(&metadata, &[key], &folder, depth + 1)?
                }
            };
            said.push((*keyid, summary));
        }
        Ok(said)
    }

    fn file(&mut self, path: &str) -> Result<Option<Metadata>, ChainError> {
        let unusable = |reason: String| ChainError::File {
            path: path.to_owned(),
            reason,
        };
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(ChainError::TooMuch("too many links"));
        }
        // A step's name comes from the layout and becomes part of a path.
        check_path(path).map_err(|error| unusable(error.to_string()))?;
        let bytes = (self.read)(path).map_err(|error| unusable(error.to_string()))?;
        bytes
            .map(|bytes| Metadata::parse(&bytes))
            .transpose()
            .map_err(|error| unusable(error.to_string()))
    }

    fn inspect(
        &self,
        layout: &Layout,
        chain: &BTreeMap<&str, Sides<'_, DigestSet>>,
    ) -> Result<(), ChainError> {
        let Some(first) = layout.inspect.first() else {
            return Ok(());
        };
        let cannot = |name: &str, reason| ChainError::Inspection {
            name: name.to_owned(),
            reason,
        };
        let Some(product) = self.product else {
            return Err(cannot(&first.name, "the product's files were not given"));
        };
        if let Some(one) = layout.inspect.iter().find(|one| !one.only_hashes()) {
            let reason =
                "no command is run here; only inspections with the command `true` are made";
            return Err(cannot(&one.name, reason));
        }
        let sides = Sides {
            materials: product,
            products: product,
        };
        let mut chain: BTreeMap<&str, Sides<'_, DigestSet>> =
            chain.iter().map(|(&name, &sides)| (name, sides)).collect();
        chain.extend(layout.inspect.iter().map(|one| (one.name.as_str(), sides)));
        let items: Vec<_> = layout.inspect.iter().map(Inspection::item).collect();
        Ok(check_rules(&items, &chain)?)
    }
}

impl<'a> From<&'a Summary> for Sides<'a, DigestSet> {
    fn from(summary: &'a Summary) -> Self {
        Self {
            materials: &summary.materials,
            products: &summary.products,
        }
    }
}
