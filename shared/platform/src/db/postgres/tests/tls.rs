//! Over TLS, to a server with a certificate of the test's own authority.

use assay_test_parts::{Authority, Database};
use sqlx::{Connection as _, PgConnection};

use super::support::{at, open};
use crate::{
    db::{DbError, postgres::Postgres, tests::contract},
    store::Holds,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_by_its_certificate() {
    let (ours, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = assay_test_parts::Postgres::start_tls(&ours).unwrap();
    let database = Database::create_on(&server.url()).unwrap();
    let url = |host: &str, authority: &Authority| {
        format!(
            "{}?sslmode=verify-full&sslrootcert={}",
            database.url().replacen("127.0.0.1", host, 1),
            authority.file().display()
        )
    };
    let db = open(url("127.0.0.1", &ours)).await;
    contract::a_completed_job_shows_its_outputs_in_order(&db).await;
    db.close().await;

    // By its other name; and the server, too, says that it is TLS.
    let mut connection = PgConnection::connect(&url("localhost", &ours))
        .await
        .unwrap();
    let encrypted: bool =
        sqlx::query_scalar("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(&mut connection)
            .await
            .unwrap();
    assert!(encrypted);
    connection.close().await.unwrap();

    let refused = Postgres::open(&at(url("127.0.0.1", &another)), Holds::default()).await;
    let error = refused.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DbError::Refused { .. }), "{text}");
    assert!(!error.is_passing());
    assert!(
        text.contains("not from an authority that is trusted") && text.contains("sslrootcert"),
        "{text}"
    );
}
