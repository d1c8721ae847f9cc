use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::{
    db::{Db, config::DatabaseConfig, postgres::Postgres},
    store::Holds,
};

/// A new database on the server that `ASSAY_TEST_POSTGRES` names.
pub(super) struct Server {
    admin: String,
    name: String,
}

impl Server {
    pub(super) async fn new() -> Self {
        let admin = std::env::var("ASSAY_TEST_POSTGRES").expect(
            "ASSAY_TEST_POSTGRES must be the postgres:// URL of a superuser; ./test sets it",
        );
        let name = format!("assay_test_{}", Uuid::new_v4().simple());
        let server = Self { admin, name };
        server
            .ask(&format!("CREATE DATABASE {}", server.name))
            .await;
        server
    }

    /// The database's URL.
    pub(super) fn url(&self) -> String {
        let (before, _) = self.admin.rsplit_once('/').unwrap();
        format!("{before}/{}", self.name)
    }

    /// Host and port.
    pub(super) fn address(&self) -> String {
        let (before, _) = self.admin.rsplit_once('/').unwrap();
        before.rsplit(['@', '/']).next().unwrap().to_owned()
    }

    /// The same database, reached at another address.
    pub(super) fn url_at(&self, address: &str) -> String {
        self.url().replacen(&self.address(), address, 1)
    }

    pub(super) fn config(&self) -> DatabaseConfig {
        at(self.url())
    }

    pub(super) async fn open(&self) -> Db {
        open(self.url()).await
    }

    /// A statement of the superuser, in the database that all have.
    pub(super) async fn ask(&self, statement: &str) {
        run(&self.admin, statement).await;
    }

    /// A statement of the superuser, in this database.
    pub(super) async fn ask_here(&self, statement: &str) {
        run(&self.url(), statement).await;
    }

    pub(super) async fn remove(self, db: Db) {
        db.close().await;
        self.drop_database().await;
    }

    pub(super) async fn drop_database(self) {
        self.ask(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await;
    }
}

async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection
        .execute(AssertSqlSafe(statement.to_owned()))
        .await
        .unwrap();
    connection.close().await.unwrap();
}

pub(super) fn at(url: String) -> DatabaseConfig {
    DatabaseConfig {
        url,
        password_file: "".into(),
        connections: 8,
    }
}

pub(super) async fn open(url: String) -> Db {
    Db::Postgres(Postgres::open(&at(url), Holds::default()).await.unwrap())
}
