use std::io;

use super::wrong;

/// Bytes of a tar header, and what entries are padded to (POSIX.1-1988 ustar).
pub(super) const BLOCK: u64 = 512;
/// The largest size that eleven octal digits can say.
const MOST_OCTAL: u64 = 0o777_7777_7777;

/// What the header of an entry says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    File,
    /// A hard link, to this path in the archive.
    Link(String),
    /// To this path, seen from the entry's folder.
    SymbolicLink(String),
    Other,
}

impl Header {
    pub(super) fn read(header: &[u8; BLOCK as usize]) -> io::Result<Self> {
        let text = |field: &[u8]| {
            let end = field.iter().position(|byte| *byte == 0);
            String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
        };
        let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
        let name = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let size = &header[124..136];
        let bytes = if size[0] & 0x80 == 0 {
            // Octal, ended by a space or a zero.
            let digits = text(size);
            let digits = digits.trim();
            if digits.is_empty() {
                Ok(0)
            } else {
                u64::from_str_radix(digits, 8)
            }
        } else {
            // GNU's way for files of 8 GiB and more: a big-endian number.
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&size[4..]);
            Ok(u64::from_be_bytes(bytes))
        };
        let bytes = bytes.map_err(|_| wrong("an entry has no possible size"))?;
        let target = || text(&header[157..257]);
        let kind = match header[156] {
            b'0' | 0 => Kind::File,
            b'1' => Kind::Link(target()),
            b'2' => Kind::SymbolicLink(target()),
            _ => Kind::Other,
        };
        Ok(Self { name, bytes, kind })
    }
}

/// The header of a plain file. The name is short and ours.
pub(super) fn of_file(name: &str, bytes: u64) -> [u8; BLOCK as usize] {
    let mut header = [0; BLOCK as usize];
    let mut put = |at: usize, field: &[u8]| header[at..at + field.len()].copy_from_slice(field);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if bytes <= MOST_OCTAL {
        put(124, format!("{bytes:011o}\0").as_bytes());
    } else {
        put(124, &[0x80]);
        put(128, &bytes.to_be_bytes());
    }
    put(136, b"00000000000\0");
    // The checksum is taken with spaces in its own place.
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
