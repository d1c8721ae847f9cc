//! The least that a token has to be allowed.

use super::Engine;
use crate::keys::{
    Role,
    files::{OWNER, PLATFORM},
};

/// Whose token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant<'a> {
    /// A service's, by the name of its key.
    Service(Role, &'a str),
    /// The owner's, who makes and replaces keys and signs `trust.json`.
    Owner,
}

impl Engine {
    /// A policy (HCL) with the least that is needed, to be written with `bao policy write`.
    pub fn policy(&self, grant: Grant<'_>) -> String {
        let line = |path: String, rights: &str| {
            format!("path \"{path}\" {{ capabilities = [{rights}] }}\n")
        };
        let signs = |file: &str| {
            line(self.path("keys", file), "\"read\"") + &line(self.path("sign", file), "\"update\"")
        };
        match grant {
            Grant::Service(Role::Worker, name) => {
                signs(&Role::Worker.file(name)) + &signs(PLATFORM)
            }
            Grant::Service(role, name) => signs(&role.file(name)),
            Grant::Owner => {
                let all = self.path("keys", "*");
                line(all, "\"create\", \"read\", \"update\"")
                    + &line(self.path("sign", OWNER), "\"update\"")
            }
        }
    }
}
