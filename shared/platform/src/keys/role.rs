use assay_attest::{INGEST, RUN_TRAINING, SCAN_IMAGE};

/// The name of the first key of a kind.
pub const FIRST: &str = "1";

/// Who signs links, by the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Signs `ingest`.
    Api,
    /// Signs `run_training`.
    Worker,
    /// Signs `scan_image`.
    Scanner,
}

impl Role {
    /// The word of the command line and of file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Scanner => "scanner",
        }
    }

    /// The role of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Api, Self::Worker, Self::Scanner]
            .into_iter()
            .find(|role| role.as_str() == text)
    }

    /// The step that it may carry out.
    pub fn step(self) -> &'static str {
        match self {
            Self::Api => INGEST,
            Self::Worker => RUN_TRAINING,
            Self::Scanner => SCAN_IMAGE,
        }
    }

    /// The file of a private key: the first one's has no number.
    pub(super) fn file(self, name: &str) -> String {
        if name == FIRST {
            format!("{}.pem", self.as_str())
        } else {
            format!("{}-{name}.pem", self.as_str())
        }
    }

    /// The functionary's name in `trust.json`.
    pub(super) fn functionary(self, name: &str) -> String {
        match (self, name) {
            (Self::Api, FIRST) => self.as_str().to_owned(),
            _ => format!("{}-{name}", self.as_str()),
        }
    }
}

/// Whether a key may have this name: it becomes part of a file's name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len())
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_other_files_are_none() {
        for good in ["1", "gpu-2", "a"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "../x", "a/b", "A", "-x", "a.pem", &"a".repeat(41)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert_eq!(Role::Worker.file(FIRST), "worker.pem");
        assert_eq!(Role::Scanner.file("2"), "scanner-2.pem");
        assert_eq!(Role::Api.functionary(FIRST), "api");
        assert_eq!(Role::Worker.functionary(FIRST), "worker-1");
    }
}
