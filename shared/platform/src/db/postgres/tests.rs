//! The contract over a real server, each test in a database of its own.

mod cut;
mod grants;
mod locks;
mod news;
mod opening;
mod support;
mod tls;

use crate::db::tests::contract;
use support::Server;

macro_rules! run {
    ($($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let server = Server::new().await;
            let db = server.open().await;
            contract::$name(&db).await;
            server.remove(db).await;
        })*
    };
}

contract::all!(run);
