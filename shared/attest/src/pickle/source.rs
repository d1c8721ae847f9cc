use std::io::Read;

use super::PickleError;

/// Bytes of a pickle at most.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// The bytes of one or more pickles, so many and no more.
pub(super) struct Source<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            left: MAX_BYTES,
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> u64 {
        MAX_BYTES - self.left
    }

    pub(super) fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.little(1)? as u8)
    }

    /// Up to 8 bytes, the least first.
    pub(super) fn little(&mut self, count: usize) -> Result<u64, PickleError> {
        let mut raw = [0; 8];
        let part = raw.get_mut(..count).ok_or_else(too_long)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(too_long)?;
        self.reader.read_exact(part).map_err(ended)?;
        Ok(u64::from_le_bytes(raw))
    }

    pub(super) fn bytes(&mut self, count: u64) -> Result<Vec<u8>, PickleError> {
        self.left = self.left.checked_sub(count).ok_or_else(too_long)?;
        // Grows with what is there, not with what is said to be.
        let mut bytes = Vec::new();
        self.reader.by_ref().take(count).read_to_end(&mut bytes)?;
        if bytes.len() as u64 == count {
            Ok(bytes)
        } else {
            Err(PickleError::malformed("the pickle ends early"))
        }
    }

    pub(super) fn line(&mut self) -> Result<String, PickleError> {
        let mut text = Vec::new();
        while text.len() < 256 {
            match self.byte()? {
                b'\n' => {
                    return String::from_utf8(text)
                        .map_err(|_| PickleError::malformed("a name that is not UTF-8"));
                }
                byte => text.push(byte),
            }
        }
        Err(PickleError::malformed("a name of more than 256 bytes"))
    }
}

fn too_long() -> PickleError {
    PickleError::malformed("the pickle is longer than 256 MiB")
}

fn ended(error: std::io::Error) -> PickleError {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        PickleError::malformed("the pickle ends early")
    } else {
        error.into()
    }
}
