//! The environment variables of AIBoMGen, the system that people come from: honoured, or refused with what to set
//! instead. Only the services of a deployment look at them; `assay up` needs nothing set, and another program's
//! `DATABASE_URL` must not change what it does.

use std::collections::BTreeMap;

use super::ConfigError;

/// What is made of a variable.
enum Meaning {
    /// It is this setting.
    Is(&'static str),
    /// It is this setting, and refused where this gives a reason.
    IsUnless(&'static str, fn(&str) -> Option<&'static str>),
    /// It is nothing, and refused where this gives a reason.
    Refused(fn(&str) -> Option<&'static str>),
}

/// In the order of AIBoMGen's README. What only its containers used (`RABBITMQ_USER`, `MYSQL_USER`, …) is the compose
/// file's business; docs/DEPLOYMENT.md has the whole table.
const VARIABLES: [(&str, Meaning); 10] = [
    (
        "FLOWER_BASIC_AUTH",
        Meaning::Refused(|_| {
            Some(
                "there is no Flower; `assay status`, GET /metrics and the broker's console show what it did",
            )
        }),
    ),
    ("CELERY_BROKER_URL", Meaning::IsUnless("queue.url", broker)),
    ("MINIO_ROOT_USER", Meaning::Is("store.access_key")),
    (
        "MINIO_ROOT_PASSWORD",
        Meaning::Refused(|_| {
            Some("the store's secret is read from a file; name it in ASSAY__STORE__SECRET_KEY_FILE")
        }),
    ),
    ("MINIO_ENDPOINT", Meaning::Is("store.endpoint")),
    ("TRAINING_BUCKET", Meaning::Is("store.bucket_jobs")),
    (
        "WORKER_SCANS_BUCKET",
        Meaning::Is("store.bucket_worker_scans"),
    ),
    (
        "SCANNER_SCANS_BUCKET",
        Meaning::Is("store.bucket_scanner_scans"),
    ),
    ("AUTH_ENABLED", Meaning::Refused(authentication)),
    ("DATABASE_URL", Meaning::IsUnless("database.url", database)),
];

fn broker(url: &str) -> Option<&'static str> {
    let account = url.rsplit_once('@').map_or("", |(account, _)| account);
    let account = account.split_once("://").map_or(account, |(_, rest)| rest);
    account.contains(':').then_some(
        "a password does not belong into an address; set ASSAY__QUEUE__URL=amqp://USER@HOST:5672/%2f and \
         ASSAY__QUEUE__PASSWORD_FILE",
    )
}

fn database(url: &str) -> Option<&'static str> {
    let ours = ["postgres://", "postgresql://"];
    (!ours.iter().any(|scheme| url.starts_with(scheme))).then_some(
        "Assay keeps its jobs in PostgreSQL; set ASSAY__DATABASE__URL=postgres://USER@HOST/DATABASE and \
         ASSAY__DATABASE__PASSWORD_FILE",
    )
}

fn authentication(text: &str) -> Option<&'static str> {
    (!matches!(text, "false" | "False" | "0")).then_some(
        "there is no authentication yet; set it to false, and let only those reach the service who may use it",
    )
}

/// The settings that the variables stand for, each with its variable's name.
///
/// # Errors
/// [`ConfigError::Value`] for a variable that cannot be honoured: its name, and what to set instead.
pub(super) fn settings(
    variables: &BTreeMap<String, String>,
) -> Result<Vec<(&'static str, &'static str, String)>, ConfigError> {
    let mut settings = Vec::new();
    for (name, meaning) in &VARIABLES {
        let Some(text) = variables.get(*name).filter(|text| !text.is_empty()) else {
            continue;
        };
        let (setting, reason) = match meaning {
            Meaning::Is(setting) => (Some(*setting), None),
            Meaning::IsUnless(setting, refused) => (Some(*setting), refused(text)),
            Meaning::Refused(refused) => (None, refused(text)),
        };
        if let Some(reason) = reason {
            return Err(ConfigError::Value(format!("{name}: {reason}")));
        }
        settings.extend(setting.map(|setting| (*name, setting, text.clone())));
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Result<Vec<(&'static str, &'static str, String)>, String> {
        let variables = BTreeMap::from([(name.to_owned(), text.to_owned())]);
        settings(&variables).map_err(|error| error.to_string())
    }

    #[test]
    fn what_can_be_honoured_is() {
        let endpoint = "http://minio:9000";
        assert_eq!(
            of("MINIO_ENDPOINT", endpoint).unwrap(),
            [("MINIO_ENDPOINT", "store.endpoint", endpoint.to_owned())]
        );
        assert_eq!(of("AUTH_ENABLED", "false").unwrap(), []);
        assert_eq!(of("DATABASE_URL", "").unwrap(), []);
        assert_eq!(of("PATH", "/bin").unwrap(), []);
        let broker = of("CELERY_BROKER_URL", "amqp://rabbitmq:5672/%2f").unwrap();
        assert_eq!(broker.len(), 1);
    }

    #[test]
    fn what_cannot_says_what_to_set_and_no_password() {
        for (name, text, instead) in [
            (
                "DATABASE_URL",
                "mysql+mysqlconnector://user:hidden@mysql:3306/aibomgen",
                "ASSAY__DATABASE__URL=postgres://",
            ),
            (
                "CELERY_BROKER_URL",
                "amqp://user:hidden@rabbitmq:5672//",
                "ASSAY__QUEUE__PASSWORD_FILE",
            ),
            (
                "MINIO_ROOT_PASSWORD",
                "hidden",
                "ASSAY__STORE__SECRET_KEY_FILE",
            ),
            ("AUTH_ENABLED", "true", "false"),
            ("FLOWER_BASIC_AUTH", "admin:hidden", "/metrics"),
        ] {
            let said = of(name, text).unwrap_err();
            assert!(said.contains(name) && said.contains(instead), "{said}");
            assert!(!said.contains("hidden"), "{said}");
        }
    }
}
