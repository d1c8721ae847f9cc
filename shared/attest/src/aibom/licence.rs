use serde_json::{Value, json};

/// Identifiers of the SPDX licence list that models, data and code commonly carry. Others are kept as names.
const SPDX: [&str; 44] = [
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD-3-Clause-Clear",
    "BSL-1.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDLA-Permissive-1.0",
    "CDLA-Permissive-2.0",
    "CDLA-Sharing-1.0",
    "ECL-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "EUPL-1.1",
    "EUPL-1.2",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MPL-2.0",
    "MS-PL",
    "ODbL-1.0",
    "PDDL-1.0",
    "PostgreSQL",
    "Unlicense",
    "Zlib",
];

/// CycloneDX's licence choice for what the submitter wrote: an SPDX identifier when it is one, its text otherwise.
pub(super) fn choice(name: &str) -> Value {
    match SPDX.iter().find(|id| id.eq_ignore_ascii_case(name.trim())) {
        Some(id) => json!([{"license": {"id": id, "acknowledgement": "declared"}}]),
        None => json!([{"license": {"name": name, "acknowledgement": "declared"}}]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_identifiers_become_ids_and_the_rest_names() {
        assert_eq!(choice("apache-2.0")[0]["license"]["id"], "Apache-2.0");
        assert_eq!(
            choice("our own terms")[0]["license"]["name"],
            "our own terms"
        );
        assert!(choice("our own terms")[0]["license"].get("id").is_none());
    }
}
