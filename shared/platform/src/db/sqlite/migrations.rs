//! The tables' versions, embedded in the program.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Version, name, the way up, the way down.
const MIGRATIONS: [(i64, &str, &str, &str); 2] = [
    (
        1,
        "jobs",
        include_str!("../../../migrations/sqlite/0001_jobs.up.sql"),
        include_str!("../../../migrations/sqlite/0001_jobs.down.sql"),
    ),
    (
        2,
        "events",
        include_str!("../../../migrations/sqlite/0002_events.up.sql"),
        include_str!("../../../migrations/sqlite/0002_events.down.sql"),
    ),
];

pub(super) fn migrator() -> Migrator {
    let both = MIGRATIONS
        .into_iter()
        .flat_map(|(version, name, up, down)| {
            [
                (MigrationType::ReversibleUp, up),
                (MigrationType::ReversibleDown, down),
            ]
            .map(|(kind, sql)| {
                Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
            })
        });
    Migrator::with_migrations(both.collect())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    #[tokio::test]
    async fn up_and_down_and_up_again() {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect("sqlite::memory:")
            .await
            .unwrap();
        let tables = || async {
            sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%sqlx%' AND name NOT LIKE 'sqlite%'",
            )
            .fetch_one(&pool)
            .await
            .unwrap()
        };
        migrator().run(&pool).await.unwrap();
        assert_eq!(tables().await, 5);
        migrator().undo(&pool, 0).await.unwrap();
        assert_eq!(tables().await, 0);
        migrator().run(&pool).await.unwrap();
        migrator().run(&pool).await.unwrap();
        assert_eq!(tables().await, 5);
    }
}
