//! A database of a test's own.

use anyhow::Context as _;
use sqlx::{Connection as _, PgConnection};

use crate::{blocking, names};

/// A new, empty database on the shared server; dropped with the value.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one on the server that the environment names.
    pub fn create() -> anyhow::Result<Self> {
        Self::create_on(&names::of(names::POSTGRES)?)
    }

    /// Makes one on this server.
    pub fn create_on(server: &str) -> anyhow::Result<Self> {
        let this = Self {
            server: server.to_owned(),
            name: format!("assay_{}", uuid::Uuid::new_v4().simple()),
        };
        this.run(format!("CREATE DATABASE {}", this.name))?;
        Ok(this)
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (base, rest) = split_path(&self.server);
        let query = rest.find('?').map_or("", |at| &rest[at..]);
        format!("{base}/{}{query}", self.name)
    }

    fn run(&self, statement: String) -> anyhow::Result<()> {
        blocking::run(async {
            let mut connection = PgConnection::connect(&self.server).await?;
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
            connection.close().await?;
            Ok(())
        })
        .with_context(|| format!("the server that {} names", names::POSTGRES))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server may be gone already.
        let _gone = self.run(format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

/// Splits an address before the `/` that begins its path.
fn split_path(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(path)
}
