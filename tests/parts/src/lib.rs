//! The real servers that the tests talk to.
//!
//! - [`Postgres`], [`Rabbit`], [`S3`], [`OpenBao`] and [`Docker`] start a server of their own on free ports, with its data in a
//!   temporary folder. It can be killed, paused and started again on the same data and port. It ends with the value,
//!   and also when the process that started it is killed.
//! - [`Authority`] gives the first four a certificate, so that they can also be reached over TLS.
//! - `with-parts` starts one of each for a whole run of tests and names them in environment variables ([`names`]).
//! - [`Database`], [`Vhost`], [`Buckets`], [`Transit`] and [`Image`] are a test's own part of such a server, removed when dropped; [`Corner`] is
//!   the first three, and the settings that make a deployment work there.
//!
//! Everything here blocks, and may be called from synchronous and asynchronous tests alike.

mod authority;
mod blocking;
mod buckets;
mod corner;
mod database;
mod docker;
mod folder;
mod guard;
mod image;
pub mod names;
mod openbao;
mod ports;
mod postgres;
mod rabbit;
mod s3;
mod server;
mod transit;
pub mod trivy;
mod vhost;
mod wait;

pub use authority::Authority;
pub use buckets::Buckets;
pub use corner::Corner;
pub use database::Database;
pub use docker::Docker;
pub use image::Image;
pub use openbao::OpenBao;
pub use postgres::Postgres;
pub use rabbit::Rabbit;
pub use s3::S3;
pub use transit::Transit;
pub use vhost::Vhost;
pub use wait::{until, within};
