//! The signed Statements of a model against its links, its request and its AIBoM.

use super::{ProofFiles, Report, proof::SignedLink, ties::request_of};
use crate::{
    PublicKey,
    intoto::Link,
    json::jcs,
    model_signing::PREDICATE_TYPE,
    statement::{BOM, Build, PROVENANCE, Statement, read_lines},
};

const NO_LINK: &str = "there is no verified run_training link";

/// Checks `statement-signature` of each line, then `provenance`, `aibom-statement` and `model-statement`.
pub(super) fn check(
    files: &ProofFiles<'_>,
    signed_training: Option<&SignedLink>,
    platform: &PublicKey,
    report: &mut Report,
) {
    let Some(bytes) = files.statements else {
        if files.aibom.is_some() {
            let compared = "bundle.jsonl with the pinned platform key";
            report.absent("statement-signature", compared, "there is no bundle.jsonl");
        }
        return;
    };
    let statements = signed(bytes, platform, report);
    check_provenance(&statements, files, signed_training, platform, report);
    let training = signed_training.map(|one| &one.link);
    check_bom(&statements, files, training, report);
    check_model(&statements, training, report);
    let known = [PROVENANCE, BOM, PREDICATE_TYPE];
    let mut kinds = statements.iter();
    if let Some(one) = kinds.find(|one| !known.contains(&one.predicate_type.as_str())) {
        let kind: String = one.predicate_type.chars().take(80).collect();
        let compared = "the kinds of the statements with those that are known";
        let error = Err(format!(
            "nothing is known of statements of the type {kind:?}"
        ));
        report.made("statement-kinds", compared, error);
    }
}

fn signed(bytes: &[u8], platform: &PublicKey, report: &mut Report) -> Vec<Statement> {
    let name = "statement-signature";
    let key = platform.keyid().short();
    let lines = match read_lines(bytes) {
        Ok(lines) => lines,
        Err(error) => {
            let compared = format!("bundle.jsonl with the pinned platform key {key}");
            report.made(name, compared, Err(error));
            return Vec::new();
        }
    };
    let mut statements = Vec::new();
    for (index, line) in lines.into_iter().enumerate() {
        let compared = format!(
            "line {} of bundle.jsonl with the pinned platform key {key}",
            index + 1
        );
        match Statement::verify(line, platform) {
            Ok(statement) => {
                report.made(name, compared, Ok::<(), &str>(()));
                statements.push(statement);
            }
            Err(error) => {
                report.made(name, compared, Err(error));
            }
        }
    }
    statements
}

/// The one verified statement of a type; the reason when there is none or another.
fn only<'a>(statements: &'a [Statement], kind: &str) -> Result<&'a Statement, &'static str> {
    let mut of_kind = statements.iter().filter(|one| one.predicate_type == kind);
    match (of_kind.next(), of_kind.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("there is none that is verified"),
        (Some(_), Some(_)) => Err("there are several"),
    }
}

fn check_provenance(
    statements: &[Statement],
    files: &ProofFiles<'_>,
    training: Option<&SignedLink>,
    platform: &PublicKey,
    report: &mut Report,
) {
    let (name, compared) = (
        "provenance",
        "the SLSA provenance with the run_training link and parameters.json",
    );
    let statement = match only(statements, PROVENANCE) {
        Ok(statement) => statement,
        Err(reason) => return report.absent(name, compared, reason),
    };
    let Some(training) = training else {
        return report.skipped(name, compared, NO_LINK);
    };
    let Some(parameters) = files.parameters else {
        return report.absent(name, compared, "there is no parameters.json");
    };
    let result = expected(parameters, training, platform).and_then(|expected| {
        // Part by part, so that the reason names the one that differs.
        let differs = [
            "/buildDefinition/buildType",
            "/buildDefinition/externalParameters",
            "/buildDefinition/internalParameters",
            "/buildDefinition/resolvedDependencies",
            "/runDetails/builder",
            "/runDetails/metadata",
            "/runDetails/byproducts",
        ]
        .into_iter()
        .find(|part| statement.predicate.pointer(part) != expected.predicate.pointer(part));
        match differs {
            Some(part) => Err(format!("{} differs", part.trim_start_matches('/'))),
            None if statement.subject != expected.subject => Err("the subjects differ".to_owned()),
            None if *statement != expected => Err("it says more".to_owned()),
            None => Ok(()),
        }
    });
    report.made(name, compared, result);
}

/// The provenance that link and request give.
fn expected(
    parameters: &[u8],
    training: &SignedLink,
    platform: &PublicKey,
) -> Result<Statement, String> {
    let request = request_of(&training.link, parameters)?;
    let build = Build {
        training: &training.link,
        link_name: &training.file,
        link: training.digest,
        request: &request,
        platform: platform.keyid(),
    };
    Ok(build.statement())
}

fn check_bom(
    statements: &[Statement],
    files: &ProofFiles<'_>,
    training: Option<&Link>,
    report: &mut Report,
) {
    let (name, compared) = (
        "aibom-statement",
        "the AIBoM statement with aibom.json and the products of run_training",
    );
    let statement = match only(statements, BOM) {
        Ok(statement) => statement,
        Err(reason) => return report.absent(name, compared, reason),
    };
    let Some(training) = training else {
        return report.skipped(name, compared, NO_LINK);
    };
    let Some(aibom) = files.aibom else {
        return report.absent(name, compared, "there is no AIBoM");
    };
    let result = if jcs(&statement.predicate) != aibom {
        Err("it says something else than aibom.json")
    } else if *statement != Statement::of_bom(training, statement.predicate.clone()) {
        Err("its subjects are not the products")
    } else {
        Ok(())
    };
    report.made(name, compared, result);
}

fn check_model(statements: &[Statement], training: Option<&Link>, report: &mut Report) {
    let (name, compared) = (
        "model-statement",
        "the model statement with the products of run_training",
    );
    let statement = match only(statements, PREDICATE_TYPE) {
        Ok(statement) => statement,
        Err(reason) => return report.absent(name, compared, reason),
    };
    let Some(training) = training else {
        return report.skipped(name, compared, NO_LINK);
    };
    let result = match Statement::of_model(training) {
        Ok(expected) if *statement == expected => Ok(()),
        Ok(_) => Err("it says something else than the link".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    report.made(name, compared, result);
}
