use serde::{Deserialize, Serialize};

use super::field_fault;
use crate::Fault;

/// One list of fields for the struct, the form and the documentation.
macro_rules! fields {
    ($count:literal; $($(#[doc = $text:literal])+ $field:ident,)+) => {
        /// What the submitter says of model and data set. Nothing here is measured; the AIBoM marks it as claimed by
        /// the submitter.
        ///
        /// An absent or empty field is `None` and stays out of the AIBoM. Fields that say "one a line" are lists there.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Metadata {
            $(
                $(#[doc = $text])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<String>,
            )+
        }

        impl Metadata {
            /// The form fields, in the order of the documentation.
            pub const FIELDS: [&'static str; $count] = [$(stringify!($field)),+];

            fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
                match name {
                    $(stringify!($field) => Some(&mut self.$field),)+
                    _ => None,
                }
            }
        }
    };
}

fields! {
    25;
    /// Name of the model.
    model_name,
    /// Version of the model.
    model_version,
    /// What the model does.
    model_description,
    /// Who made the model.
    author,
    /// What kind of model it is, in the submitter's words.
    model_type,
    /// The model that it was made from.
    base_model,
    /// Where that model is from.
    base_model_source,
    /// What it is for, one a line.
    intended_use,
    /// What it is not for, one a line.
    out_of_scope,
    /// How it could be misused.
    misuse_or_malicious,
    /// Licence of the model: an SPDX identifier or expression, or a name.
    license_name,
    /// The organisation that made the model.
    manufacturer,
    /// The organisation that hands it out.
    supplier,
    /// For whom it is, one a line.
    intended_users,
    /// What is known not to work well, one a line.
    technical_limitations,
    /// Address of a model card written by people, `https://…`.
    model_card_url,
    /// Name of the data set; its file's name when absent.
    dataset_name,
    /// Version of the data set.
    dataset_version,
    /// What the data set is.
    dataset_description,
    /// Licence of the data set, as `license_name`.
    dataset_license,
    /// Where the data set is from: an address or words.
    dataset_source,
    /// What in the data set is sensitive, one a line; `none` where nothing is.
    dataset_sensitivity,
    /// Who owns the data, one a line.
    dataset_owner,
    /// Who looks after the data, one a line.
    dataset_steward,
    /// How the data were gathered and labelled.
    dataset_collection,
}

impl Metadata {
    /// Characters of one field at most.
    pub const MAX_CHARS: usize = 10_000;

    /// Sets one form field; `Ok(false)` when the name is not a metadata field.
    ///
    /// # Errors
    /// `parameters.too_long`, and `parameters.not_a_url` for a model card that is at no web address.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, Fault> {
        let Some(slot) = self.slot(name) else {
            return Ok(false);
        };
        if value.chars().count() > Self::MAX_CHARS {
            return Err(field_fault(
                name,
                "parameters.too_long",
                format!("{name} is longer than {} characters", Self::MAX_CHARS),
            ));
        }
        let given = !value.trim().is_empty();
        if given && name == "model_card_url" && !is_web_address(value) {
            return Err(field_fault(
                name,
                "parameters.not_a_url",
                format!("{name} must be an address that begins with https:// or http://"),
            ));
        }
        *slot = given.then(|| value.to_owned());
        Ok(true)
    }

    /// Whether nothing at all was said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a text is an `http` URL by RFC 3986 for certain, without literal addresses in brackets.
fn is_web_address(text: &str) -> bool {
    let after = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/?#@:!$&'()*+,;=".contains(&byte);
    after.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric()) && rest.bytes().all(allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_form_is_known_and_no_other() {
        let mut metadata = Metadata::default();
        assert!(metadata.is_empty());
        for name in Metadata::FIELDS {
            assert_eq!(metadata.set(name, "https://x.org/"), Ok(true), "{name}");
        }
        assert_eq!(metadata.set("nothing", "x"), Ok(false));
        let long = "x".repeat(Metadata::MAX_CHARS + 1);
        assert!(metadata.set("author", &long).is_err());
        assert_eq!(metadata.set("author", "  "), Ok(true));
        assert_eq!(metadata.author, None);
        assert!(!metadata.is_empty());
    }

    #[test]
    fn a_model_card_is_at_a_web_address() {
        for bad in [
            "card.md",
            "javascript:x",
            "https://",
            "https://a b",
            "https://[::1]/",
        ] {
            let fault = Metadata::default().set("model_card_url", bad).unwrap_err();
            assert_eq!(fault.code, "parameters.not_a_url", "{bad}");
        }
        let good = "https://example.org:8080/a?b=c#d";
        assert_eq!(Metadata::default().set("model_card_url", good), Ok(true));
    }
}
