//! The client of an S3 server: addresses, account, connections, and what is believed of answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_s3::{
    Client, Config,
    config::{
        BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RequestChecksumCalculation,
        ResponseChecksumValidation, RuntimeComponents, SharedHttpClient,
        StalledStreamProtectionConfig,
        interceptors::{
            BeforeDeserializationInterceptorContextMut, BeforeDeserializationInterceptorContextRef,
        },
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
    error::BoxError,
    primitives::{DateTime, DateTimeFormat, SdkBody},
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use http_body_util::Limited;

use crate::{
    secret,
    store::{StoreConfig, StoreError},
    tls,
};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept that nobody uses: shorter than servers and firewalls keep theirs.
const IDLE: Duration = Duration::from_secs(15);
/// Bytes of an answer that is a document. A page of a listing has a thousand names of a kilobyte at most.
const LARGEST_DOCUMENT: usize = 8 << 20;

/// Three clients over the same connections.
#[derive(Debug)]
pub(super) struct Clients {
    /// For what is answered with a document.
    pub(super) plain: Client,
    /// For what is answered with an object: only refusals are documents.
    pub(super) streams: Client,
    /// Makes links to the address that people reach; it never sends anything.
    pub(super) public: Option<Client>,
}

/// What the account is known by.
pub(super) struct Account {
    access_key: String,
    secret: String,
}

impl Account {
    /// Reads the account's secret.
    pub(super) fn read(config: &StoreConfig) -> Result<Self, StoreError> {
        let path = &config.secret_key_file;
        let secret = secret::read(path).map_err(|error| {
            let shown = path.display();
            StoreError::Settings(format!("store.secret_key_file {shown}: {error}"))
        })?;
        Ok(Self {
            access_key: config.access_key.clone(),
            secret,
        })
    }

    /// The account's secret, for deriving other keys from it.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }
}

impl Clients {
    /// Makes the clients; connects to nothing.
    pub(super) fn new(config: &StoreConfig, account: &Account) -> Result<Self, StoreError> {
        let public = &config.public_endpoint;
        let http = http_client(config)?;
        let with = |endpoint: &str, answers: Answers| {
            let built = settings(config, account, endpoint)
                .http_client(http.clone())
                .interceptor(answers)
                .build();
            Client::from_conf(built)
        };
        Ok(Self {
            plain: with(&config.endpoint, Answers::Documents),
            streams: with(&config.endpoint, Answers::Objects),
            public: (!public.is_empty()).then(|| with(public, Answers::Objects)),
        })
    }
}

fn settings(
    config: &StoreConfig,
    account: &Account,
    endpoint: &str,
) -> aws_sdk_s3::config::Builder {
    let credentials = Credentials::new(
        &account.access_key,
        &account.secret,
        None,
        None,
        "store.secret_key_file",
    );
    Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(config.region.clone()))
        .endpoint_url(endpoint.trim_end_matches('/'))
        .force_path_style(config.path_style)
        .credentials_provider(credentials)
        // Requests are made again by `patiently`, which knows how long that makes sense.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        // Every wait has a limit of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // Objects are named by their SHA-256, which goes along as checksum and is compared on the way back.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// Connections, with or without TLS.
fn http_client(config: &StoreConfig) -> Result<SharedHttpClient, StoreError> {
    let builder = Builder::new().pool_idle_timeout(IDLE);
    if !config.endpoint.starts_with("https://") {
        return Ok(builder.build_http());
    }
    let authorities = tls::authorities(&config.ca_file)
        .map_err(|error| StoreError::Settings(format!("store.ca_file: {error}")))?;
    // The library must not be asked for a machine's roots where there are none: it panics, or trusts nobody and says so
    // of every connection.
    let machine = tls::machine_has_authorities();
    let mut trusted = TrustStore::empty().with_native_roots(machine);
    match authorities {
        Some(text) => trusted = trusted.with_pem_certificate(text),
        None if machine => {}
        None => {
            return Err(StoreError::Settings(
                "store.endpoint is https, but this machine has no root certificates; \
                 install the package ca-certificates, or name a file of them in store.ca_file"
                    .to_owned(),
            ));
        }
    }
    let context = TlsContext::builder()
        .with_trust_store(trusted)
        .build()
        .map_err(|error| StoreError::Settings(format!("store.ca_file: {error}")))?;
    Ok(builder
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(context)
        .build_https())
}

/// Bounds what an answer may hold, so that a server cannot fill the memory.
#[derive(Debug, Clone, Copy)]
enum Answers {
    Documents,
    Objects,
}

impl Intercept for Answers {
    fn name(&self) -> &'static str {
        "bounds of answers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if matches!(self, Self::Objects) && response.status().is_success() {
            return Ok(());
        }
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, LARGEST_DOCUMENT));
        Ok(())
    }
}

/// Notes when the server says that it answered, by its own clock.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<DateTime>>>);

impl ServerClock {
    /// The time of the answer; `None` when the server gave none.
    pub(super) fn read(&self) -> Option<DateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "the server's clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| DateTime::from_str(text, DateTimeFormat::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
