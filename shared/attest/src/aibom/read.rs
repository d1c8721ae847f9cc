use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{
    BomError,
    image::REFERENCE,
    property::find,
    sign::{signature_core, signed_bytes},
};
use crate::{
    ArtifactPath, Digest, PublicKey,
    json::{Limits, parse_canonical},
    verify::MODEL_SIGNATURE_FILE,
};

/// An AIBoM whose signature was verified, and what it ties together.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedBom {
    /// The job.
    pub job_id: String,
    /// The links it names: file name and digest.
    pub links: BTreeMap<String, Digest>,
    /// The artifacts it names: path and digest.
    pub artifacts: BTreeMap<String, Digest>,
    /// Their sizes in bytes, by path.
    pub sizes: BTreeMap<String, u64>,
    /// The training parameters, in the form of [`super::parameters`].
    pub parameters: Vec<(String, String)>,
    /// The submitter's statements, in the form of [`super::claims`].
    pub claims: Vec<(String, String)>,
    /// The id of the image that the training ran in, where it names one.
    pub image: Option<Digest>,
    /// Ids of the vulnerabilities that it names.
    pub vulnerabilities: BTreeSet<String>,
    /// The digest of the model signature, where it names one.
    pub model_signature: Option<Digest>,
    /// All of it.
    pub document: Value,
}

/// Verifies an AIBoM's file: canonical bytes, the trusted key and no other, the signature over everything.
///
/// # Errors
/// [`BomError`], but for `Facts`.
pub fn verify(bytes: &[u8], platform: &PublicKey) -> Result<VerifiedBom, BomError> {
    let document = parse_canonical(bytes, &Limits::BOM)?;
    let members = document
        .as_object()
        .ok_or_else(|| BomError::Shape("it is not an object".into()))?;
    let Some(Value::Object(signature)) = members.get("signature") else {
        return Err(BomError::Signature("it is not signed"));
    };
    let value = signature
        .get("value")
        .and_then(Value::as_str)
        .ok_or(BomError::Signature("its signature has no value"))?;
    let value = URL_SAFE_NO_PAD
        .decode(value)
        .map_err(|_| BomError::Signature("the value is not base64url"))?;
    let mut core = signature.clone();
    core.remove("value");
    let expected = signature_core(platform);
    if core.get("publicKey").is_some() && core.get("publicKey") != expected.get("publicKey") {
        return Err(BomError::OtherKey(platform.keyid()));
    }
    if Value::Object(core) != expected {
        return Err(BomError::Signature("its signature has other members"));
    }
    let mut unsigned = document.clone();
    platform.verify_raw(&signed_bytes(&mut unsigned, &expected), &value)?;
    read(document)
}

/// Whether a document says that this key signed it; nothing is verified.
pub fn names_signer(bytes: &[u8], key: &PublicKey) -> bool {
    let document = parse_canonical(bytes, &Limits::BOM);
    document.is_ok_and(|document| {
        document.pointer("/signature/publicKey") == signature_core(key).get("publicKey")
    })
}

fn read(document: Value) -> Result<VerifiedBom, BomError> {
    let shape = |text: &str| BomError::Shape(text.to_owned());
    let metadata = document
        .pointer("/metadata/component/properties")
        .unwrap_or(&Value::Null);
    let job_id = job_id(&document)
        .ok_or_else(|| shape("it names no job"))?
        .to_owned();
    let claims = list(metadata)
        .filter_map(|property| {
            let name = property
                .get("name")?
                .as_str()?
                .strip_prefix("assay:claimed:")?;
            Some((name.to_owned(), property.get("value")?.as_str()?.to_owned()))
        })
        .collect();
    let workflow = document
        .pointer("/formulation/0/workflows/0/inputs")
        .unwrap_or(&Value::Null);
    let parameters = list(workflow)
        .filter_map(|input| input.get("parameters"))
        .flat_map(list)
        .filter_map(|one| {
            Some((
                one.get("name")?.as_str()?.to_owned(),
                one.get("value")?.as_str()?.to_owned(),
            ))
        })
        .collect();
    let links = references(&document, "attestation")?;
    let artifacts = artifacts(&document)?;
    let sizes = sizes(&document);
    let image = image(&document)?;
    let model_signature = references(&document, "digital-signature")?.remove(MODEL_SIGNATURE_FILE);
    let vulnerabilities = list(document.get("vulnerabilities").unwrap_or(&Value::Null))
        .filter_map(|one| Some(one.get("id")?.as_str()?.to_owned()))
        .collect();
    Ok(VerifiedBom {
        job_id,
        links,
        artifacts,
        sizes,
        parameters,
        claims,
        image,
        vulnerabilities,
        model_signature,
        document,
    })
}

/// The job that a document names, signed or not.
pub(crate) fn job_id(document: &Value) -> Option<&str> {
    find(document.pointer("/metadata/component/properties")?, "job")
}

/// The files of one type that the whole document refers to, with their digests.
fn references(document: &Value, wanted: &str) -> Result<BTreeMap<String, Digest>, BomError> {
    let references = list(document.get("externalReferences").unwrap_or(&Value::Null));
    let mut links = BTreeMap::new();
    for reference in
        references.filter(|reference| reference.get("type").is_some_and(|kind| kind == wanted))
    {
        let url = reference
            .get("url")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if links.insert(url.to_owned(), sha256(reference)?).is_some() {
            return Err(BomError::Shape(format!("it names {url} twice")));
        }
    }
    Ok(links)
}

fn artifacts(document: &Value) -> Result<BTreeMap<String, Digest>, BomError> {
    let mut artifacts = BTreeMap::new();
    for component in list(document.get("components").unwrap_or(&Value::Null)) {
        let Some(path) = component
            .get("properties")
            .and_then(|properties| find(properties, "path"))
        else {
            continue;
        };
        ArtifactPath::parse(path).map_err(|error| BomError::Shape(error.to_string()))?;
        if artifacts
            .insert(path.to_owned(), sha256(component)?)
            .is_some()
        {
            return Err(BomError::Shape(format!("it names {path} twice")));
        }
    }
    Ok(artifacts)
}

fn sizes(document: &Value) -> BTreeMap<String, u64> {
    let components = list(document.get("components").unwrap_or(&Value::Null));
    let properties = components.filter_map(|component| component.get("properties"));
    properties
        .filter_map(|properties| {
            let bytes = find(properties, "bytes")?.parse().ok()?;
            Some((find(properties, "path")?.to_owned(), bytes))
        })
        .collect()
}

/// The id of the component that stands for the image.
fn image(document: &Value) -> Result<Option<Digest>, BomError> {
    list(document.get("components").unwrap_or(&Value::Null))
        .find(|component| {
            component
                .get("bom-ref")
                .is_some_and(|reference| reference == REFERENCE)
        })
        .map(sha256)
        .transpose()
}

fn sha256(holder: &Value) -> Result<Digest, BomError> {
    let hashes = holder
        .get("hashes")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let Some([hash]) = hashes else {
        return Err(BomError::Shape(
            "an artifact or link without exactly one hash".into(),
        ));
    };
    let content = hash
        .get("content")
        .and_then(Value::as_str)
        .filter(|_| hash.get("alg").is_some_and(|alg| alg == "SHA-256"));
    content
        .and_then(|content| content.parse().ok())
        .ok_or_else(|| BomError::Shape("an artifact or link without a SHA-256 hash".into()))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
