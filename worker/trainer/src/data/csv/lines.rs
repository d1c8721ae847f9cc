//! Records and cells of a CSV file. A file without quotes takes the same way as one with them, only faster.

use std::borrow::Cow;

use assay_protocol::Fault;
use memchr::{memchr, memchr2};

/// The UTF-8 mark that some spreadsheets put before the first cell.
pub(super) const MARK: &[u8] = b"\xEF\xBB\xBF";

/// A cursor over the cells of a file, record by record.
///
/// Lines end in LF or CRLF; empty lines are skipped; a cell that begins with a quote ends at the next
/// single quote and may hold commas, line ends and doubled quotes.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    rest: &'a [u8],
    /// Line of the record, from 1.
    line: u64,
    /// Line ends consumed so far.
    ends: u64,
    /// Length of `rest` when the record began.
    start: usize,
    max_record: u64,
    /// Whether the record has another cell.
    open: bool,
}

impl<'a> Cells<'a> {
    pub(super) fn new(bytes: &'a [u8], max_record: u64) -> Self {
        Self {
            rest: bytes,
            line: 0,
            ends: 0,
            start: bytes.len(),
            max_record,
            open: false,
        }
    }

    /// The line on which the current record begins, counted from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Goes to the next record; false at the end of the file. The record before must be read to its end.
    pub(super) fn next_record(&mut self) -> Result<bool, Fault> {
        loop {
            if let Some(rest) = self.rest.strip_prefix(b"\n") {
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix(b"\r\n") {
                self.rest = rest;
            } else {
                break;
            }
            self.ends += 1;
        }
        self.line = self.ends + 1;
        self.start = self.rest.len();
        self.open = !self.rest.is_empty();
        Ok(self.open)
    }

    /// The next cell of the record, without its quotes; `None` at the end of the record.
    #[inline]
    pub(super) fn next_cell(&mut self) -> Result<Option<Cow<'a, [u8]>>, Fault> {
        if !self.open {
            return Ok(None);
        }
        if self.rest.first() == Some(&b'"') {
            return self.quoted().map(Some);
        }
        let (cell, rest) = match memchr2(b',', b'\n', self.rest) {
            None => {
                self.open = false;
                (strip_return(self.rest), &[][..])
            }
            Some(at) => {
                let (cell, rest) = self.rest.split_at(at);
                if rest.first() == Some(&b'\n') {
                    self.open = false;
                    self.ends += 1;
                    (strip_return(cell), rest.get(1..).unwrap_or_default())
                } else {
                    (cell, rest.get(1..).unwrap_or_default())
                }
            }
        };
        self.rest = rest;
        self.check_length()?;
        Ok(Some(Cow::Borrowed(cell)))
    }

    fn quoted(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        let mut rest = self.rest.get(1..).unwrap_or_default();
        let mut whole: Vec<u8> = Vec::new();
        let cell = loop {
            let Some(at) = memchr(b'"', rest) else {
                return Err(self.fault("opens a quote that is never closed"));
            };
            let (part, after) = rest.split_at(at);
            self.ends += memchr::memchr_iter(b'\n', part).count() as u64;
            rest = after.get(1..).unwrap_or_default();
            self.rest = rest;
            self.check_length()?;
            if rest.first() == Some(&b'"') {
                whole.extend_from_slice(part);
                whole.push(b'"');
                rest = rest.get(1..).unwrap_or_default();
            } else if whole.is_empty() {
                break Cow::Borrowed(part);
            } else {
                whole.extend_from_slice(part);
                break Cow::Owned(whole);
            }
        };
        if let Some(after) = rest.strip_prefix(b",") {
            self.rest = after;
        } else if let Some(after) = rest
            .strip_prefix(b"\n")
            .or_else(|| rest.strip_prefix(b"\r\n"))
        {
            self.ends += 1;
            self.open = false;
            self.rest = after;
        } else if rest.is_empty() || rest == b"\r" {
            self.open = false;
            self.rest = &[];
        } else {
            return Err(self.fault("has text after a closing quote"));
        }
        Ok(cell)
    }

    #[inline]
    fn check_length(&self) -> Result<(), Fault> {
        let length = (self.start - self.rest.len()) as u64;
        if length <= self.max_record {
            return Ok(());
        }
        Err(Fault::dataset(
            "dataset.line_too_long",
            format!(
                "line {} is longer than {} bytes",
                self.line, self.max_record
            ),
        ))
    }

    fn fault(&self, problem: &str) -> Fault {
        Fault::dataset("dataset.malformed", format!("line {} {problem}", self.line))
    }
}

fn strip_return(cell: &[u8]) -> &[u8] {
    cell.strip_suffix(b"\r").unwrap_or(cell)
}
