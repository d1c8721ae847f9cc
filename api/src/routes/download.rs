use std::ops::Range;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::SizedStream,
    http::{StatusCode, header},
    web::{Data, Path},
};
use assay_attest::Digest;
use assay_platform::store::{ObjectReader, StoreError, attachment};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::query;
use crate::{problem::Problem, service::Service};

/// The bytes of an object, by a signed link.
///
/// Ranges (RFC 9110 §14), `If-None-Match` and `If-Range` are honoured; `Repr-Digest` (RFC 9530) carries the SHA-256.
#[utoipa::path(
    get, path = "/download/{digest}", tag = "artifacts",
    params(
        ("digest" = String, Path, description = "SHA-256 of the object, 64 hexadecimal digits"),
        ("name" = String, Query, description = "The file name to give it"),
        ("expires" = i64, Query, description = "When the link ends, in seconds since 1970"),
        ("signature" = String, Query, description = "Proves that this service made the link"),
    ),
    responses(
        (status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 206, description = "The range asked for", content_type = "application/octet-stream"),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "The query is not understood"),
        (status = 403, description = "The link is not of this service, or has expired"),
        (status = 404, description = "There is no such object"),
        (status = 416, description = "The object has no such range"),
    )
)]
pub(crate) async fn download(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let digest: Digest = path.parse().map_err(|_| missing())?;
    let name = check_link(&request, &service, digest)?;
    let etag = format!("\"{digest}\"");
    if header_text(&request, header::IF_NONE_MATCH).is_some_and(|tags| tags.contains(&etag)) {
        return Ok(HttpResponse::NotModified()
            .insert_header((header::ETAG, etag))
            .finish());
    }
    let (_, total) = open(&service, digest, Some(0..0)).await?;
    let wanted = wanted_range(&request, &etag, total)?;
    let mut response = HttpResponseBuilder::new(match &wanted {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    });
    if let Some(Range { start, end }) = &wanted {
        let range = format!("bytes {start}-{}/{total}", end.saturating_sub(1));
        response.insert_header((header::CONTENT_RANGE, range));
    }
    let repr_digest = format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()));
    response
        .insert_header((header::ETAG, etag))
        .insert_header(("Repr-Digest", repr_digest))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CACHE_CONTROL, "private, max-age=3600, immutable"))
        .insert_header((header::CONTENT_TYPE, "application/octet-stream"))
        .insert_header((header::CONTENT_DISPOSITION, attachment(&name)));
    let length = wanted
        .as_ref()
        .map_or(total, |range| range.end - range.start);
    let (reader, _) = open(&service, digest, wanted).await?;
    Ok(response.body(SizedStream::new(length, chunks(reader, digest))))
}

/// Checks that the link is ours and has not expired; gives the file name in it.
fn check_link(request: &HttpRequest, service: &Service, digest: Digest) -> Result<String, Problem> {
    let mut pairs = query(request, &["name", "expires", "signature"], &[])?;
    let mut take = |key: &str| {
        let index = pairs.iter().position(|(name, _)| name == key)?;
        Some(pairs.swap_remove(index).1)
    };
    let refused = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "download.link",
            "the link is not of this service or has expired; ask /job_artifacts for a new one",
        )
    };
    let (Some(name), Some(expires), Some(signature)) =
        (take("name"), take("expires"), take("signature"))
    else {
        return Err(refused());
    };
    let expires: i64 = expires.parse().map_err(|_| refused())?;
    let store = &service.platform.store;
    if !store.check_signed_url(digest, &name, expires, &signature) {
        return Err(refused());
    }
    Ok(name)
}

async fn open(
    service: &Service,
    digest: Digest,
    range: Option<Range<u64>>,
) -> Result<(ObjectReader, u64), Problem> {
    match service.platform.store.open(digest, range).await {
        Err(StoreError::Missing(_)) => Err(missing()),
        opened => Ok(opened?),
    }
}

fn missing() -> Problem {
    Problem::not_found("download.not_found", "there is no such object")
}

fn header_text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

/// The one range that is asked for; `None` for all of it, also when several are asked for or the header is not understood.
fn wanted_range(
    request: &HttpRequest,
    etag: &str,
    total: u64,
) -> Result<Option<Range<u64>>, Problem> {
    let same = header_text(request, header::IF_RANGE).is_none_or(|tag| tag == etag);
    match header_text(request, header::RANGE).filter(|_| same) {
        Some(text) => parse_range(text, total).map_err(|Unsatisfiable| {
            let detail = format!("the object has {total} bytes; the range lies outside");
            Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "download.range", detail)
        }),
        None => Ok(None),
    }
}

/// A range that lies outside the object.
#[derive(Debug, PartialEq)]
struct Unsatisfiable;

fn parse_range(text: &str, total: u64) -> Result<Option<Range<u64>>, Unsatisfiable> {
    let range = text
        .strip_prefix("bytes=")
        .and_then(|text| text.split_once('-'));
    let Some((first, last)) = range else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse().ok())
    };
    match (first, last) {
        ("", suffix) => match number(suffix).flatten() {
            Some(0) => Err(Unsatisfiable),
            Some(_) if total == 0 => Err(Unsatisfiable),
            Some(count) => Ok(Some(total.saturating_sub(count)..total)),
            None => Ok(None),
        },
        (first, "") => match number(first).flatten() {
            Some(first) if first < total => Ok(Some(first..total)),
            Some(_) => Err(Unsatisfiable),
            None => Ok(None),
        },
        (first, last) => match (number(first).flatten(), number(last).flatten()) {
            (Some(first), Some(last)) if first > last => Ok(None),
            (Some(first), Some(last)) if first < total => {
                Ok(Some(first..last.saturating_add(1).min(total)))
            }
            (Some(_), Some(_)) => Err(Unsatisfiable),
            _ => Ok(None),
        },
    }
}

fn chunks(
    reader: ObjectReader,
    digest: Digest,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, StoreError>> {
    futures_util::stream::try_unfold(reader, move |mut reader| async move {
        match reader.next().await {
            Ok(Some(chunk)) => Ok(Some((chunk, reader))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(%digest, %error, "an object could not be read to its end");
                Err(error)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_rfc_9110() {
        for (text, total, expected) in [
            ("bytes=0-4", 10, Ok(Some(0..5))),
            ("bytes=5-", 10, Ok(Some(5..10))),
            ("bytes=-3", 10, Ok(Some(7..10))),
            ("bytes=-30", 10, Ok(Some(0..10))),
            ("bytes=9-99", 10, Ok(Some(9..10))),
            ("bytes=0-18446744073709551615", 10, Ok(Some(0..10))),
            ("bytes=10-", 10, Err(Unsatisfiable)),
            ("bytes=10-12", 10, Err(Unsatisfiable)),
            ("bytes=-0", 10, Err(Unsatisfiable)),
            ("bytes=-5", 0, Err(Unsatisfiable)),
            ("bytes=4-2", 10, Ok(None)),
            ("bytes=0-1,3-4", 10, Ok(None)),
            ("bytes=+1-2", 10, Ok(None)),
            ("bytes=99999999999999999999-", 10, Ok(None)),
            ("rows=1-2", 10, Ok(None)),
            ("bytes=", 10, Ok(None)),
            ("bytes=-", 10, Ok(None)),
        ] {
            assert_eq!(parse_range(text, total), expected, "{text}");
        }
    }
}
