use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use super::wrong;

/// What a layer's bytes are: some tools compress them in the archive, and an image's configuration names the digests of
/// the plain ones.
pub(super) fn plain<'a>(mut from: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::new();
    from.by_ref().take(4).read_to_end(&mut first)?;
    let whole = io::Cursor::new(first.clone()).chain(from);
    match first.as_slice() {
        [0x1f, 0x8b, ..] => Ok(Box::new(MultiGzDecoder::new(whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => Err(wrong(
            "a layer is compressed with zstd; save the image with plain layers",
        )),
        _ => Ok(Box::new(whole)),
    }
}
