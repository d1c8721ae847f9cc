//! The tables' versions, embedded in the program: the same numbers for each database, a folder of files each.

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Version, name, the way up, the way down.
type Step = (i64, &'static str, &'static str, &'static str);

macro_rules! steps {
    ($folder:literal) => {
        steps!($folder: 1 "0001_jobs", 2 "0002_events", 3 "0003_machines", 4 "0004_objects", 5 "0005_scans", 6 "0006_resumed", 7 "0007_upkeep", 8 "0008_numbers", 9 "0009_reproductions")
    };
    ($folder:literal: $($version:literal $name:literal),*) => {
        &[$((
            $version,
            $name,
            include_str!(concat!("../../migrations/", $folder, "/", $name, ".up.sql")),
            include_str!(concat!("../../migrations/", $folder, "/", $name, ".down.sql")),
        )),*]
    };
}

/// The way of SQLite.
pub(super) const SQLITE: &[Step] = steps!("sqlite");
/// The way of PostgreSQL.
pub(super) const POSTGRES: &[Step] = steps!("postgres");

/// The version that this program works with.
pub(super) const NEWEST: i64 = 9;

/// What brings tables up and down these steps. Several processes may run it at once.
pub(super) fn migrator(steps: &[Step]) -> Migrator {
    let both = steps.iter().flat_map(|&(version, name, up, down)| {
        let name = name.split_once('_').map_or(name, |(_, name)| name);
        [
            (MigrationType::ReversibleUp, up),
            (MigrationType::ReversibleDown, down),
        ]
        .map(|(kind, sql)| Migration::new(version, name.into(), kind, sql.into_sql_str(), false))
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
        assert_eq!(SQLITE.last().unwrap().0, NEWEST);
        migrator(SQLITE).run(&pool).await.unwrap();
        assert_eq!(tables().await, 12);
        for (to, left) in [
            (8, 12),
            (7, 12),
            (6, 10),
            (4, 8),
            (3, 6),
            (2, 5),
            (1, 3),
            (0, 0),
        ] {
            migrator(SQLITE).undo(&pool, to).await.unwrap();
            assert_eq!(tables().await, left, "version {to}");
        }
        migrator(SQLITE).run(&pool).await.unwrap();
        migrator(SQLITE).run(&pool).await.unwrap();
        assert_eq!(tables().await, 12);
    }
}
