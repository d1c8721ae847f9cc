//! A transit engine of a test's own.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use anyhow::Context as _;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{blocking, names, vhost::account};

/// A new, empty transit engine of an OpenBao server; gone with the value, and its keys with it.
#[derive(Debug)]
pub struct Transit {
    address: String,
    token: String,
    mount: String,
    tokens: TempDir,
}

impl Transit {
    /// Makes one on the server that the environment names.
    pub fn create() -> anyhow::Result<Self> {
        Self::create_on(&names::of(names::OPENBAO)?)
    }

    /// Makes one on this server, whose address holds a token that may do so.
    pub fn create_on(url: &str) -> anyhow::Result<Self> {
        let (address, account) = account(url);
        let (token, _) = account.context("the address of OpenBao holds no token")?;
        let this = Self {
            address,
            token: token.to_owned(),
            mount: format!("assay-{}", uuid::Uuid::new_v4().simple()),
            tokens: tempfile::tempdir().context("a folder for tokens")?,
        };
        let body = json!({"type": "transit"});
        this.ask(
            Method::POST,
            &format!("sys/mounts/{}", this.mount),
            Some(body),
        )?;
        Ok(this)
    }

    /// The server's address, without a token.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where the engine is mounted.
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// A file with a token that may do what this policy (HCL) says and no more.
    pub fn token_file(&self, name: &str, policy: &str) -> anyhow::Result<PathBuf> {
        let policy_name = format!("{}-{name}", self.mount);
        let path = format!("sys/policies/acl/{policy_name}");
        self.ask(Method::POST, &path, Some(json!({"policy": policy})))?;
        let body = json!({"policies": [policy_name], "no_default_policy": true});
        let made = self.ask(Method::POST, "auth/token/create", Some(body))?;
        let token = made["auth"]["client_token"]
            .as_str()
            .context("the answer holds no token")?;
        let file = self.tokens.path().join(name);
        fs::write(&file, format!("{token}\n")).context("a token's file")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).context("its mode")?;
        Ok(file)
    }

    /// A file with a token that may do everything in this engine.
    pub fn owner_token_file(&self) -> anyhow::Result<PathBuf> {
        let mount = &self.mount;
        let policy =
            format!("path \"{mount}/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}");
        self.token_file("owner", &policy)
    }

    /// One request to the server; its answer, `Null` where it has none.
    pub fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}/v1/{path}", self.address);
        blocking::run(async {
            let mut request = Client::new()
                .request(method, &url)
                .timeout(std::time::Duration::from_secs(30))
                .header("X-Vault-Token", &self.token);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let answer = request.send().await?.error_for_status()?;
            let bytes = answer.bytes().await?;
            if bytes.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&bytes).context("the answer is not JSON")
        })
        .with_context(|| format!("OpenBao, {path}"))
    }
}

impl Drop for Transit {
    fn drop(&mut self) {
        // The server may be gone already.
        let _gone = self.ask(Method::DELETE, &format!("sys/mounts/{}", self.mount), None);
    }
}
