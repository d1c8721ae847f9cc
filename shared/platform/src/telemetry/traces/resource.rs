//! Who sends the spans (OpenTelemetry's semantic conventions for resources).

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use uuid::Uuid;

use crate::Service;

/// The service, its version, which of several it is, and its machine.
pub(super) fn of(service: Service) -> Resource {
    let name = match service {
        Service::All => "assay".to_owned(),
        one => format!("assay-{one}"),
    };
    // Without a name of the machine there is no attribute; an empty one would say that it has none.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty());
    let known = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
    ];
    Resource::builder_empty()
        .with_service_name(name)
        .with_attributes(known)
        .with_attributes(host.map(|host| KeyValue::new("host.name", host)))
        .build()
}
