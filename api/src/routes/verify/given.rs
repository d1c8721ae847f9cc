use actix_multipart::Multipart;
use assay_attest::{
    ArtifactPath, Digest,
    intoto::{Link, MetadataError, Signed, link_file_name},
    json::{JsonError, Limits, parse},
};
use assay_platform::ids::UniqueDir;
use serde_json::Value;

use super::blocking;
use crate::{
    form::{Form, missing},
    problem::Problem,
};

/// Bytes of an uploaded link at most.
pub(super) const LINK_BYTES: usize = 4 << 20;
/// Bytes of an uploaded AIBoM at most.
pub(super) const BOM_BYTES: usize = 16 << 20;

/// Reads a form with one file of at most `limit` bytes.
pub(super) async fn read_file(
    multipart: Multipart,
    field: &'static str,
    limit: usize,
) -> Result<Vec<u8>, Problem> {
    let mut form = Form::new(multipart);
    let mut file = None;
    while let Some(part) = form.next().await? {
        if part.name != field {
            return Err(part.unknown(field));
        }
        if file.is_some() {
            return Err(part.repeated());
        }
        file = Some(part.bytes(limit).await?);
    }
    file.ok_or_else(|| missing(&[field]))
}

/// A link as somebody handed it in.
#[derive(Debug)]
pub(super) struct GivenLink {
    pub(super) bytes: Vec<u8>,
    /// The name that its content belongs under.
    pub(super) name: String,
    /// The digest of the bytes.
    pub(super) digest: Digest,
    signed: Option<Signed<Link>>,
}

impl GivenLink {
    /// Takes what is at least JSON of a signed link; whether it holds is for the verification to say.
    pub(super) async fn read(bytes: Vec<u8>) -> Result<Self, Problem> {
        blocking(move || Self::parse(bytes)).await?
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, Problem> {
        let document = read_json(&bytes, &Limits::METADATA, "link_file", "link")?;
        let is_link = document.pointer("/signed/_type") == Some(&Value::from("link"))
            && document.get("signatures").is_some_and(Value::is_array);
        if !is_link {
            let detail = "link_file is JSON, but not a signed in-toto link";
            return Err(Problem::unprocessable("link.not_a_link", detail).field("link_file"));
        }
        let signed: Result<Signed<Link>, MetadataError> = Signed::parse(&bytes);
        let signed = signed.ok();
        let name = signed.as_ref().map_or_else(
            || "the link".to_owned(),
            |signed| link_file_name(&signed.unverified().name, &signed.keyid()),
        );
        Ok(Self {
            digest: Digest::of(&bytes),
            bytes,
            name,
            signed,
        })
    }

    /// The folder of the job that the link speaks of, if it names any artifact. Not verified: good for looking up only.
    pub(super) fn unique_dir(&self) -> Option<UniqueDir> {
        let link = self.signed.as_ref()?.unverified();
        let mut paths = link.products.keys().chain(link.materials.keys());
        let path = paths.find_map(|path| ArtifactPath::parse(path).ok())?;
        path.unique_dir.parse().ok()
    }
}

/// Reads JSON within limits; the problem names the field and what kind of file was expected.
pub(super) fn read_json(
    bytes: &[u8],
    limits: &Limits,
    field: &'static str,
    kind: &'static str,
) -> Result<Value, Problem> {
    parse(bytes, limits).map_err(|error| {
        let problem = match &error {
            JsonError::TooLarge { .. } => {
                Problem::too_large("upload.too_large", format!("{field}: {error}"))
            }
            _ => Problem::new(
                actix_web::http::StatusCode::UNPROCESSABLE_ENTITY,
                format!("{kind}.malformed"),
                format!("{field}: {error}"),
            ),
        };
        problem.field(field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError as _;

    #[test]
    fn what_is_no_link_is_a_problem() {
        let deep = "[".repeat(10_000);
        let huge = format!("\"{}\"", "x".repeat(5 << 20));
        for (text, status) in [
            ("", 422),
            ("no json", 422),
            ("{}", 422),
            (r#"{"a":1,"a":2}"#, 422),
            (r#"{"signed":{"_type":"layout"},"signatures":[]}"#, 422),
            (deep.as_str(), 422),
            (huge.as_str(), 413),
        ] {
            let problem = GivenLink::parse(text.into()).unwrap_err();
            assert_eq!(problem.status_code(), status, "{problem}");
        }
        // Not signed by anybody: a link that does not verify.
        let unsigned = r#"{"signatures":[],"signed":{"_type":"link"}}"#;
        assert!(GivenLink::parse(unsigned.into()).is_ok());
    }
}
