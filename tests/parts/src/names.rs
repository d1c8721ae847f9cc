//! The environment variables that name the servers.

use anyhow::Context as _;

/// PostgreSQL, as `postgres://…/postgres`, with an account that may create databases and roles.
pub const POSTGRES: &str = "ASSAY_TEST_POSTGRES";
/// RabbitMQ, as `amqp://user:password@host:port/%2f`.
pub const AMQP: &str = "ASSAY_TEST_AMQP";
/// RabbitMQ's management API, as `http://user:password@host:port`, with an account that may create virtual hosts.
pub const AMQP_MANAGEMENT: &str = "ASSAY_TEST_AMQP_MANAGEMENT";
/// An S3 server, as `http://key:secret@host:port`, with a key that may create buckets.
pub const S3: &str = "ASSAY_TEST_S3";
/// An OpenBao server, as `http://token@host:port`, with a token that may do everything.
pub const OPENBAO: &str = "ASSAY_TEST_OPENBAO";
/// A Docker engine, as `unix:///…sock`.
pub const DOCKER: &str = "ASSAY_TEST_DOCKER";

/// The OpenBao program.
pub const BAO: &str = "ASSAY_TEST_BAO";
/// The Trivy program.
pub const TRIVY: &str = "ASSAY_TEST_TRIVY";

/// What this variable says; where it is not set, an error that says how tests are started.
pub fn of(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| {
        format!("{name} is not set: start the tests with ./test, or through with-parts -- COMMAND")
    })
}
