//! What holds wherever private keys are: each test runs over files, and over a real transit engine.

mod contract;
#[cfg(feature = "outside-parts")]
mod engine;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// Where the keys of one test are.
struct Ground {
    base: TempDir,
    #[cfg(feature = "outside-parts")]
    transit: Option<assay_test_parts::Transit>,
}

impl Ground {
    fn files() -> Self {
        Self {
            base: tempfile::tempdir().unwrap(),
            #[cfg(feature = "outside-parts")]
            transit: None,
        }
    }

    fn dir(&self) -> PathBuf {
        self.base.path().join("secrets")
    }

    /// As the owner, who may do everything, has it.
    fn place(&self) -> Place {
        self.place_in(&self.dir())
    }

    #[cfg(not(feature = "outside-parts"))]
    fn place_in(&self, dir: &Path) -> Place {
        Place::from(dir)
    }

    /// As a service has it: in an engine with no more than its own policy.
    #[cfg(not(feature = "outside-parts"))]
    fn service_in(&self, dir: &Path, _role: Role, _name: &str) -> Place {
        Place::from(dir)
    }
}

#[cfg(feature = "outside-parts")]
impl Ground {
    fn engine() -> Self {
        Self {
            base: tempfile::tempdir().unwrap(),
            transit: Some(assay_test_parts::Transit::create().unwrap()),
        }
    }

    fn place_in(&self, dir: &Path) -> Place {
        match &self.transit {
            None => Place::from(dir),
            Some(transit) => {
                let token = transit.owner_token_file().unwrap();
                engine::place(dir, engine::config(transit, token))
            }
        }
    }

    fn service_in(&self, dir: &Path, role: Role, name: &str) -> Place {
        let Some(transit) = &self.transit else {
            return Place::from(dir);
        };
        let owner = self.place_in(dir);
        let policy = owner.engine().unwrap().policy(Grant::Service(role, name));
        let token = format!("{}-{name}", role.as_str());
        let token = transit.token_file(&token, &policy).unwrap();
        engine::place(dir, engine::config(transit, token))
    }
}

/// Each contract over files, and over an engine where there are servers.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod files {
            $(#[test]
            fn $name() {
                super::contract::$name(&super::Ground::files());
            })*
        }
        #[cfg(feature = "outside-parts")]
        mod vault {
            $(#[test]
            fn $name() {
                super::contract::$name(&super::Ground::engine());
            })*
        }
    };
}

contract! {
    a_set_up_signs_what_its_trust_file_verifies,
    a_set_up_is_never_replaced,
    a_service_holds_no_more_than_it_needs,
    a_key_that_is_added_is_named_by_new_layouts,
    a_rotated_key_signs_anew_and_the_old_one_where_it_is_still_named,
    a_revoked_key_signs_no_more,
    what_is_exported_is_enough_for_its_service,
}
