use super::support::{Server, at};
use crate::{
    db::{DbError, migrations, postgres::Postgres},
    store::Holds,
};
use sqlx::{Connection as _, PgConnection};

async fn refused(url: String) -> DbError {
    Postgres::open(&at(url), Holds::default())
        .await
        .unwrap_err()
}

async fn tables(server: &Server) -> i64 {
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%sqlx%'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn up_and_down_and_up_again() {
    let server = Server::new().await;
    let to = async |to| Postgres::migrate(&server.config(), to).await.unwrap();
    assert_eq!(to(None).await, migrations::NEWEST);
    assert_eq!(tables(&server).await, 12);
    for (version, left) in [
        (7, 12),
        (6, 10),
        (5, 10),
        (4, 8),
        (3, 6),
        (2, 5),
        (1, 3),
        (0, 0),
    ] {
        assert_eq!(to(Some(version)).await, version);
        assert_eq!(tables(&server).await, left, "version {version}");
    }
    assert_eq!(to(Some(2)).await, 2);
    assert_eq!(to(None).await, migrations::NEWEST);
    assert_eq!(to(None).await, migrations::NEWEST);
    assert_eq!(tables(&server).await, 12);
    server.drop_database().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_start_at_once_make_the_tables_once() {
    let server = Server::new().await;
    let opened = futures_util::future::join_all([(); 4].map(|()| server.open())).await;
    for db in opened {
        db.check_writing().await.unwrap();
        db.close().await;
    }
    server.drop_database().await;
}

#[tokio::test]
async fn tables_of_a_later_version_are_left_alone() {
    let server = Server::new().await;
    server.open().await.close().await;
    server
        .ask_here("INSERT INTO _sqlx_migrations SELECT 99, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1")
        .await;
    let error = refused(server.url()).await;
    assert!(matches!(error, DbError::Later { found: 99, .. }), "{error}");
    assert!(!error.is_passing());
    server.drop_database().await;
}

/// What services on many machines use: they may read and write rows, and change no tables.
#[tokio::test]
async fn an_account_that_may_change_no_tables_uses_those_that_are_there() {
    let server = Server::new().await;
    let role = format!("assay_role_{}", uuid::Uuid::new_v4().simple());
    server
        .ask(&format!("CREATE ROLE {role} LOGIN PASSWORD 'p@ss word'"))
        .await;
    server
        .ask_here("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let base = tempfile::tempdir().unwrap();
    let mut config = at(format!(
        "postgres://{role}@{}/{}",
        server.address(),
        server.url().rsplit('/').next().unwrap()
    ));
    config.password_file = base.path().join("password");
    std::fs::write(&config.password_file, "p@ss word\n").unwrap();
    let open = async || Postgres::open(&config, Holds::default()).await;
    let error = open().await.unwrap_err();
    assert!(error.to_string().contains("assay migrate"), "{error}");
    assert!(!error.is_passing() && !error.to_string().contains("p@ss"));

    server.open().await.close().await;
    server
        .ask_here(&format!(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .await;
    let db = crate::db::Db::Postgres(open().await.unwrap());
    crate::db::tests::contract::a_completed_job_shows_its_outputs_in_order(&db).await;
    db.close().await;
    server.ask_here(&format!("DROP OWNED BY {role}")).await;
    server.drop_database().await;
    let admin = Server::new().await;
    admin.ask(&format!("DROP ROLE {role}")).await;
    admin.drop_database().await;
}

#[tokio::test]
async fn what_cannot_be_opened_says_where_and_what_to_do() {
    let server = Server::new().await;
    // Nobody listens where a listener was just closed.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let error = refused(format!("postgres://me:secret@{address}/jobs")).await;
    let text = error.to_string();
    assert!(error.is_passing(), "{text}");
    assert!(
        text.contains(&address) && !text.contains("secret"),
        "{text}"
    );

    let error = refused(format!("{}_absent", server.url())).await;
    assert!(!error.is_passing(), "{error}");
    assert!(
        error.to_string().contains("make that database first"),
        "{error}"
    );

    for url in [
        "mysql://root:secret@db/x",
        "mysql+pymysql://root:secret@db/x",
    ] {
        let text = refused(url.to_owned()).await.to_string();
        assert!(
            text.contains("MySQL") && text.contains("postgres://"),
            "{text}"
        );
        assert!(!text.contains("secret"), "{text}");
    }
    let text = refused("postgres://me:secret@[::1/x".to_owned())
        .await
        .to_string();
    assert!(
        text.contains("url cannot be read") && !text.contains("secret"),
        "{text}"
    );
    let mut config = server.config();
    config.password_file = "/nowhere/password".into();
    let opened = Postgres::open(&config, Holds::default()).await;
    assert!(
        opened
            .unwrap_err()
            .to_string()
            .contains("/nowhere/password")
    );
    assert!(!format!("{:?}", at("postgres://me:secret@db/x".into())).contains("secret"));
    server.drop_database().await;
}
