use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use super::{
    header::{BLOCK, Header, Kind},
    wrong,
};

/// Entries of an archive at most; an image has a few for each layer.
const MOST_ENTRIES: usize = 10_000;

/// Where the files of an archive lie.
///
/// Readers of tar archives differ in what they make of odd ones, so nobody else gets to read this archive: what is found
/// here is written to a plain one.
#[derive(Debug)]
pub(super) struct Index(HashMap<String, Place>);

#[derive(Debug)]
enum Place {
    File {
        at: u64,
        bytes: u64,
    },
    /// Another name for a file: `docker save` writes a layer that an image has twice so.
    Link(String),
}

impl Index {
    /// Reads all headers. Of two entries of one name the first counts.
    pub(super) fn read(file: &mut File) -> io::Result<Self> {
        let mut places = HashMap::new();
        let mut at = 0_u64;
        for _ in 0..MOST_ENTRIES {
            file.seek(SeekFrom::Start(at))?;
            let mut block = [0; BLOCK as usize];
            match file.read_exact(&mut block) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(Self(places));
                }
                read => read?,
            }
            if block.iter().all(|byte| *byte == 0) {
                return Ok(Self(places));
            }
            let header = Header::read(&block)?;
            at = at.saturating_add(BLOCK);
            let place = match header.kind {
                Kind::File => Some(Place::File {
                    at,
                    bytes: header.bytes,
                }),
                Kind::Link(target) => Some(Place::Link(target)),
                Kind::SymbolicLink(target) => Some(Place::Link(beside(&header.name, &target))),
                Kind::Other => None,
            };
            if let Some(place) = place {
                places.entry(header.name).or_insert(place);
            }
            at = header
                .bytes
                .checked_next_multiple_of(BLOCK)
                .and_then(|padded| at.checked_add(padded))
                .ok_or_else(|| wrong("an entry has no possible size"))?;
        }
        Err(wrong("it has too many entries"))
    }

    /// Where the bytes of a file begin, and how many they are.
    pub(super) fn find(&self, name: &str) -> io::Result<(u64, u64)> {
        let place = match self.0.get(name) {
            Some(Place::Link(target)) => self.0.get(target),
            place => place,
        };
        match place {
            Some(Place::File { at, bytes }) => Ok((*at, *bytes)),
            _ => {
                let name: String = name.chars().take(100).collect();
                Err(wrong(&format!("{name} is not in it")))
            }
        }
    }
}

/// The path that a symbolic link beside `name` leads to.
fn beside(name: &str, target: &str) -> String {
    let mut path: Vec<&str> = name.split('/').collect();
    path.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.join("/")
}
