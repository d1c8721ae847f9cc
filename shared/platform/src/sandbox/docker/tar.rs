//! The one file of a tar archive (POSIX.1-1988 ustar, with the extensions that engines write), as it streams by.

use assay_attest::Digest;

const BLOCK: usize = 512;
/// Bytes of a header's field that hold the size, in octal or, for large files, in base 256.
const SIZE: std::ops::Range<usize> = 124..136;
/// The byte that tells what an entry is.
const KIND: usize = 156;

/// The digest and the first bytes of the first plain file of an archive.
#[derive(Debug)]
pub(super) struct FirstFile {
    state: State,
    hasher: assay_attest::Hasher,
    head: Vec<u8>,
    keep: usize,
}

#[derive(Debug)]
enum State {
    /// Bytes of the next header so far.
    Header(Vec<u8>),
    /// Bytes of an entry that is no file still to pass, padding included.
    Skip(u64),
    /// Bytes of the file still to come.
    File(u64),
    Done,
    Broken,
}

/// What an archive's first file is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// SHA-256 of it.
    pub(super) digest: Digest,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
}

impl FirstFile {
    /// Keeps at most `keep` bytes.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            state: State::Header(Vec::new()),
            hasher: assay_attest::Hasher::new(),
            head: Vec::new(),
            keep,
        }
    }

    /// Takes the next bytes of the archive.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let next = match &mut self.state {
                State::Header(header) => {
                    let taken = take(&mut bytes, (BLOCK - header.len()) as u64);
                    header.extend_from_slice(taken);
                    if header.len() < BLOCK {
                        return;
                    }
                    entry(header)
                }
                State::Skip(left) => {
                    *left -= take(&mut bytes, *left).len() as u64;
                    if *left > 0 {
                        return;
                    }
                    State::Header(Vec::new())
                }
                State::File(left) => {
                    let taken = take(&mut bytes, *left);
                    *left -= taken.len() as u64;
                    self.hasher.update(taken);
                    let room = self.keep.saturating_sub(self.head.len());
                    self.head.extend(taken.iter().take(room));
                    if *left > 0 {
                        return;
                    }
                    State::Done
                }
                State::Done | State::Broken => return,
            };
            self.state = next;
        }
    }

    /// The file, if the archive held one and all of it came.
    pub(super) fn finish(self) -> Option<Found> {
        matches!(self.state, State::Done).then(|| Found {
            digest: self.hasher.finish().0,
            head: self.head,
        })
    }
}

fn take<'a>(bytes: &mut &'a [u8], most: u64) -> &'a [u8] {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (taken, rest) = bytes.split_at(most.min(bytes.len()));
    *bytes = rest;
    taken
}

fn entry(header: &[u8]) -> State {
    let (Some(size), Some(kind)) = (header.get(SIZE).and_then(number), header.get(KIND)) else {
        return State::Broken;
    };
    match kind {
        b'0' | 0 if header.first() == Some(&0) => State::Broken,
        b'0' | 0 if size == 0 => State::Done,
        b'0' | 0 => State::File(size),
        // Extensions, whose text is not needed, and folders.
        b'x' | b'g' | b'L' | b'K' | b'5' => match size.div_ceil(BLOCK as u64) {
            0 => State::Header(Vec::new()),
            blocks => State::Skip(blocks.saturating_mul(BLOCK as u64)),
        },
        _ => State::Broken,
    }
}

fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let low = field.get(field.len() - 8..)?;
        return Some(u64::from_be_bytes(low.try_into().ok()?));
    }
    let text = std::str::from_utf8(field).ok()?;
    u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[SIZE][..11].copy_from_slice(format!("{size:011o}").as_bytes());
        block[KIND] = kind;
        block
    }

    fn archive() -> Vec<u8> {
        let mut all = header("pax", b'x', 700);
        all.extend(vec![b'p'; 1024]);
        all.extend(header("trainer", b'0', 1300));
        all.extend(vec![7; 1300]);
        all.extend(vec![0; 236 + 1024]);
        all
    }

    #[test]
    fn the_file_is_found_however_the_archive_is_cut() {
        for step in [1, 7, 512, 1000, 9999] {
            let mut first = FirstFile::new(3);
            for piece in archive().chunks(step) {
                first.update(piece);
            }
            let found = first.finish().unwrap();
            assert_eq!(found.digest, Digest::of(&[7; 1300]));
            assert_eq!(found.head, [7, 7, 7]);
        }
    }

    #[test]
    fn half_a_file_and_links_are_none() {
        let mut half = FirstFile::new(0);
        half.update(&archive()[..2600]);
        assert_eq!(half.finish(), None);
        let mut link = FirstFile::new(0);
        link.update(&header("trainer", b'2', 0));
        assert_eq!(link.finish(), None);
        let mut nothing = FirstFile::new(0);
        nothing.update(&[0; 1024]);
        assert_eq!(nothing.finish(), None);
    }

    #[test]
    fn large_sizes_are_read() {
        let mut field = [0_u8; 12];
        field[0] = 0x80;
        field[11] = 9;
        assert_eq!(number(&field), Some(9));
        assert_eq!(number(b"00000001750\0"), Some(1000));
        assert_eq!(number(b"x"), None);
    }
}
