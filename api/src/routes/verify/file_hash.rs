use actix_multipart::Multipart;
use actix_web::{HttpResponse, web::Data};
use assay_attest::{
    Digest, Hasher, Trust,
    intoto::Link,
    verify::{Check, LinkFile, ProofFiles, Report, verify_proof},
};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    answer::{check, message, status},
    blocking,
    given::{GivenLink, LINK_BYTES},
    stored::StoredProof,
};
use crate::{
    form::{Form, Part, missing, over_limit},
    problem::Problem,
    service::Service,
};

/// A link, and a file that it may name.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read part by part")]
pub(crate) struct FileHashForm {
    /// An in-toto link.
    #[schema(value_type = String, format = Binary)]
    link_file: (),
    /// The file; it is hashed as it comes in and not kept.
    #[schema(value_type = String, format = Binary)]
    uploaded_file: (),
}

/// What came of comparing a file with a link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileHashAnswer {
    /// `success` or `failure`.
    status: &'static str,
    /// `Hash matches the recorded metadata.`, or what does not.
    message: String,
    /// What was compared.
    details: FileHashDetails,
    /// Every check.
    #[schema(value_type = Vec<Object>)]
    checks: Vec<Check>,
}

/// What was compared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FileHashDetails {
    /// The file's name, as the link has it if it matches.
    file_name: String,
    /// The file's digest (success).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    hash: Option<Sha256>,
    /// The path under which the link names the file (success).
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The file's digest (failure).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    computed_hash: Option<Digest>,
    /// The digest that the verified link has for a file of this name (failure).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    recorded_hash: Option<Digest>,
}

#[derive(Debug, Serialize)]
struct Sha256 {
    sha256: Digest,
}

/// The file that was handed in, by name and digest.
#[derive(Debug)]
struct Hashed {
    name: String,
    digest: Digest,
}

/// Compare a file with a link. The link's signature is verified first: an edited link vouches for nothing.
#[utoipa::path(
    post, path = "/verify_file_hash", tag = "verification",
    request_body(content = FileHashForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What came of it", body = FileHashAnswer),
        (status = 400, description = "The body is not well-formed multipart/form-data"),
        (status = 413, description = "A file is too large"),
        (status = 415, description = "The body is not multipart/form-data"),
        (status = 422, description = "A file is missing, or link_file is no link"),
        (status = 503, description = "Too many are verifying files"),
    )
)]
pub(crate) async fn file_hash(
    service: Data<Service>,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let _place = service.verifications.take().await?;
    let mut form = Form::new(multipart);
    let limit = service.platform.config.upload_limit_bytes;
    let (link, file) = read(&mut form, limit).await?;
    let given = GivenLink::read(link).await?;
    let stored = StoredProof::of_link(&service, &given).await?;
    let trust = service.trust.clone();
    let answer = blocking(move || verify(&given, &stored, &trust, file)).await?;
    Ok(HttpResponse::Ok().json(answer))
}

async fn read(form: &mut Form, limit: u64) -> Result<(Vec<u8>, Hashed), Problem> {
    let (mut link, mut file) = (None, None);
    while let Some(part) = form.next().await? {
        match part.name.as_str() {
            "link_file" if link.is_none() => link = Some(part.bytes(LINK_BYTES).await?),
            "uploaded_file" if file.is_none() => file = Some(hash(part, limit).await?),
            "link_file" | "uploaded_file" => return Err(part.repeated()),
            _ => return Err(part.unknown("link_file, uploaded_file")),
        }
    }
    match (link, file) {
        (Some(link), Some(file)) => Ok((link, file)),
        (None, Some(_)) => Err(missing(&["link_file"])),
        (Some(_), None) => Err(missing(&["uploaded_file"])),
        (None, None) => Err(missing(&["link_file", "uploaded_file"])),
    }
}

/// Hashes a part as it comes in; none of it is kept. Its name is only ever compared and shown.
async fn hash(mut part: Part<'_>, limit: u64) -> Result<Hashed, Problem> {
    let name = part.file_name.take().unwrap_or_default();
    let mut hasher = Hasher::new();
    let mut bytes = 0_u64;
    while let Some(chunk) = part.chunk().await? {
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(over_limit(&part.name, limit));
        }
        hasher.update(&chunk);
    }
    let (digest, _) = hasher.finish();
    let name = name.chars().take(255).collect();
    Ok(Hashed { name, digest })
}

fn verify(given: &GivenLink, stored: &StoredProof, trust: &Trust, file: Hashed) -> FileHashAnswer {
    let (mut report, link) = verify_signature(given, stored, trust);
    let Some(link) = link else {
        return FileHashAnswer {
            status: status(false),
            message: message(&report, ""),
            details: details(file, None, None),
            checks: report.checks,
        };
    };
    let found = find(&link, &file);
    let compared = "the file's SHA-256 with the one that the link has";
    let (text, result) = match &found {
        Found::Same(_) => ("Hash matches the recorded metadata.", Ok(())),
        Found::Other(recorded) => {
            let digest = file.digest;
            let why = format!("the file has SHA-256 {digest}; the link names {recorded}");
            ("Hash mismatch.", Err(why))
        }
        Found::Nothing => {
            let why = "the link names no file of this name or digest".to_owned();
            ("The link does not name this file.", Err(why))
        }
    };
    report.checks.push(check("file-digest", compared, result));
    let (path, recorded) = match found {
        Found::Same(path) => (Some(path), None),
        Found::Other(recorded) => (None, Some(recorded)),
        Found::Nothing => (None, None),
    };
    FileHashAnswer {
        status: status(path.is_some()),
        message: text.to_owned(),
        details: details(file, path, recorded),
        checks: report.checks,
    }
}

/// Verifies layout and signature of one link alone; gives the link if they hold.
pub(super) fn verify_signature(
    given: &GivenLink,
    stored: &StoredProof,
    trust: &Trust,
) -> (Report, Option<Link>) {
    let files = ProofFiles {
        layout: Some(&stored.layout),
        links: vec![LinkFile {
            name: &given.name,
            bytes: &given.bytes,
        }],
        ..ProofFiles::default()
    };
    let proof = verify_proof(&files, trust, OffsetDateTime::now_utc());
    let mut report = proof.report;
    let wanted = [
        "layout-signature",
        "layout-expiry",
        "link-signature",
        "link-command",
    ];
    report
        .checks
        .retain(|check| wanted.contains(&check.name.as_str()));
    let link = proof.training.or(proof.ingest).or(proof.scan);
    let link = link.filter(|_| report.is_verified());
    (report, link)
}

/// What a link has of a file.
enum Found {
    /// The digest, under this path.
    Same(String),
    /// Another digest under the same name.
    Other(Digest),
    Nothing,
}

/// Products of the file's name decide first, then materials of it: the untrained model under the trained one's name is
/// another file, although the link names its bytes elsewhere. Only a name that the link does not have is looked up by
/// its digest alone.
fn find(link: &Link, file: &Hashed) -> Found {
    let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
    for artifacts in [&link.products, &link.materials] {
        let of_name = || {
            artifacts
                .iter()
                .filter(|(path, _)| path.rsplit('/').next() == Some(name))
        };
        let same = of_name().find(|(_, digest)| **digest == file.digest);
        match (same, of_name().next()) {
            (Some((path, _)), _) => return Found::Same(path.clone()),
            (None, Some((_, recorded))) => return Found::Other(*recorded),
            (None, None) => {}
        }
    }
    let mut all = link.products.iter().chain(&link.materials);
    match all.find(|(_, digest)| **digest == file.digest) {
        Some((path, _)) => Found::Same(path.clone()),
        None => Found::Nothing,
    }
}

fn details(file: Hashed, path: Option<String>, recorded: Option<Digest>) -> FileHashDetails {
    let matches = path.is_some();
    let sha256 = file.digest;
    let recorded_name = path.as_deref().and_then(|path| path.rsplit('/').next());
    FileHashDetails {
        file_name: recorded_name.map_or(file.name, str::to_owned),
        hash: matches.then_some(Sha256 { sha256 }),
        path,
        computed_hash: (!matches).then_some(sha256),
        recorded_hash: recorded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_attest::{RUN_TRAINING, training_command};

    fn judge(link: &Link, name: &str, bytes: &[u8]) -> Result<String, bool> {
        let (name, digest) = (name.to_owned(), Digest::of(bytes));
        match find(link, &Hashed { name, digest }) {
            Found::Same(path) => Ok(path),
            Found::Other(_) => Err(true),
            Found::Nothing => Err(false),
        }
    }

    #[test]
    fn the_entry_of_the_name_decides() {
        let mut link = Link::new(RUN_TRAINING, training_command());
        let all = |paths: &[(&str, &[u8])]| {
            let named = paths.iter();
            named
                .map(|(path, bytes)| ((*path).to_owned(), Digest::of(bytes)))
                .collect()
        };
        link.materials = all(&[
            ("d/inputs/model/trained.keras", b"untrained"),
            ("d/inputs/model/data", b"model"),
            ("d/inputs/dataset/data", b"rows"),
        ]);
        link.products = all(&[("d/outputs/trained.keras", b"trained")]);
        let trained = Ok("d/outputs/trained.keras".to_owned());
        assert_eq!(judge(&link, "trained.keras", b"trained"), trained);
        assert_eq!(judge(&link, "renamed.keras", b"trained"), trained);
        for name in ["trained.keras", "x/trained.keras", "C:\\x\\trained.keras"] {
            assert_eq!(judge(&link, name, b"untrained"), Err(true), "{name}");
            assert_eq!(judge(&link, name, b"evil"), Err(true), "{name}");
        }
        assert_eq!(judge(&link, "data", b"trained"), Err(true));
        for (path, bytes) in [
            ("d/inputs/model/data", &b"model"[..]),
            ("d/inputs/dataset/data", b"rows"),
        ] {
            assert_eq!(judge(&link, "data", bytes), Ok(path.to_owned()));
        }
        let untrained = Ok("d/inputs/model/trained.keras".to_owned());
        assert_eq!(judge(&link, "other.keras", b"untrained"), untrained);
        assert_eq!(judge(&link, "other.keras", b"evil"), Err(false));
    }
}
