use std::str::FromStr;

/// A part of a training: what the epochs after `from` up to `to` do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The epoch whose weights it begins with.
    pub(super) from: u32,
    /// The epoch whose weights it ends with.
    pub(super) to: u32,
}

impl FromStr for Segment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form K..M with K below M, as 3..4");
        let (from, to) = text.split_once("..").ok_or_else(wrong)?;
        match (from.parse(), to.parse()) {
            (Ok(from), Ok(to)) if from < to => Ok(Self { from, to }),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_a_beginning_before_its_end() {
        assert_eq!("3..4".parse(), Ok(Segment { from: 3, to: 4 }));
        assert_eq!("0..12".parse(), Ok(Segment { from: 0, to: 12 }));
        for wrong in ["", "3", "3..", "..4", "4..3", "3..3", "-1..2", "1...2"] {
            assert!(wrong.parse::<Segment>().is_err(), "{wrong}");
        }
    }
}
