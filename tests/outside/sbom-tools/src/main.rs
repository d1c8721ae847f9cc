//! `assay-outside-sbom-tools FILE…`: what sbom-tools finds in each AIBoM under its rule sets `bsi-ai` and `ai-act`.
//!
//! One line a file: `{"SBOM-BSIAI-MODEL-CARD": "warning", …}`, every rule that fired with its severity.

use std::{collections::BTreeMap, error::Error, fs};

use sbom_tools::quality::{ComplianceChecker, ComplianceLevel, ViolationSeverity};

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args().skip(1) {
        let bom = sbom_tools::parse_sbom_str(&fs::read_to_string(path)?)?;
        let mut fired = BTreeMap::new();
        for level in [ComplianceLevel::BsiSbomForAi, ComplianceLevel::EuAiAct] {
            for violation in ComplianceChecker::new(level).check(&bom).violations {
                let severity = match violation.severity {
                    ViolationSeverity::Error => "error",
                    ViolationSeverity::Warning => "warning",
                    ViolationSeverity::Info => "info",
                };
                fired.insert(violation.rule_id, severity);
            }
        }
        println!("{}", serde_json::to_string(&fired)?);
    }
    Ok(())
}
