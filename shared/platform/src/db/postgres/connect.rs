//! How a server is found and spoken to, and what is said when that fails.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, PgConnection,
    migrate::MigrateError,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;

use super::super::{DbError, config::DatabaseConfig, error::is_passing};
use crate::{secret, tls::refused_certificate};

/// How long a server may take to let us in.
const CONNECT: Duration = Duration::from_secs(10);
/// How connections present themselves on the server.
const NAME: &str = "assay";

/// What the configuration says of the server.
pub(super) fn options(config: &DatabaseConfig) -> Result<PgConnectOptions, DbError> {
    let url = &config.url;
    let scheme = url.split(':').next().unwrap_or_default();
    if !["postgres", "postgresql"].contains(&scheme) {
        let reason = if scheme.starts_with("mysql") || scheme.starts_with("mariadb") {
            "[database] url is one of MySQL, which is not supported"
        } else {
            "[database] url does not begin with postgres://"
        };
        return Err(DbError::Config(format!(
            "{reason}: set it to postgres://USER@HOST:PORT/NAME of a PostgreSQL server, or to \"\" for an SQLite file"
        )));
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        // What the driver says may repeat the URL, and with it a password.
        DbError::Config(
            "[database] url cannot be read: it must be postgres://USER@HOST:PORT/NAME, with what is special in it written as %XX".to_owned(),
        )
    })?;
    let options = options.application_name(NAME);
    let file = &config.password_file;
    if file.as_os_str().is_empty() {
        return Ok(options);
    }
    let password = secret::read(file).map_err(|error| {
        DbError::Config(format!(
            "[database] password_file {}: {error}",
            file.display()
        ))
    })?;
    Ok(options.password(&password))
}

/// Where a server is, without a password.
pub(super) fn address(options: &PgConnectOptions) -> String {
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let user = options.get_username();
    let name = options.get_database().unwrap_or(user);
    format!("{place} (database {name}, user {user})")
}

/// Opens one connection.
pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, DbError> {
    match timeout(CONNECT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(refused(options, error)),
        Err(_) => Err(DbError::Unreachable {
            address: address(options),
            reason: format!("no answer in {} s", CONNECT.as_secs()),
        }),
    }
}

fn refused(options: &PgConnectOptions, error: sqlx::Error) -> DbError {
    let address = address(options);
    if let Some(reason) = refused_certificate(&error) {
        return DbError::Refused {
            address,
            reason,
            advice: "name the file of its authority as sslrootcert in [database] url (…?sslmode=verify-full&sslrootcert=FILE)",
        };
    }
    if is_passing(&error) {
        let reason = error.to_string();
        return DbError::Unreachable { address, reason };
    }
    let code = code(&error);
    let advice = match (code.as_deref(), &error) {
        // A user's account as the manual's appendix A names its codes: invalid authorization, invalid password.
        (Some("28P01" | "28000"), _) => {
            "check the user in [database] url and the password in [database] password_file, and the server's pg_hba.conf"
        }
        (Some("3D000"), _) => "make that database first, or name another in [database] url",
        (None, sqlx::Error::Tls(_)) => "check sslmode and sslrootcert in [database] url",
        _ => "check [database] url",
    };
    DbError::Refused {
        address,
        reason: error.to_string(),
        advice,
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    let error = error.try_downcast_ref::<PgDatabaseError>()?;
    Some(error.code().to_owned())
}

/// The version of the tables; 0 when there are none.
pub(super) async fn version(connection: &mut PgConnection) -> Result<i64, DbError> {
    let known: Option<String> =
        sqlx::query_scalar("SELECT CAST(to_regclass('_sqlx_migrations') AS TEXT)")
            .fetch_one(&mut *connection)
            .await?;
    if known.is_none() {
        return Ok(0);
    }
    let version: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(connection)
            .await?;
    Ok(version.unwrap_or(0))
}

/// Says what to do about an account that may use the tables and not change them.
pub(super) fn may_not_migrate(options: &PgConnectOptions, error: MigrateError) -> DbError {
    let inner = match &error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error,
        _ => return error.into(),
    };
    // insufficient_privilege
    if code(inner).as_deref() == Some("42501") {
        return DbError::Refused {
            address: address(options),
            reason: inner.to_string(),
            advice: "its tables are absent or of an earlier version: run `assay migrate` with an account that may make tables",
        };
    }
    error.into()
}
