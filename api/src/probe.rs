use assay_platform::{Platform, sandbox::Isolation};
use tokio::sync::OnceCell;

/// What health and metrics are told from.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) platform: Platform,
    /// What this machine's sandbox gives; probed once, when it is first asked for.
    isolation: OnceCell<Isolation>,
}

impl Probe {
    pub(crate) fn new(platform: Platform) -> Self {
        Self {
            platform,
            isolation: OnceCell::new(),
        }
    }

    /// What keeps the trainer in its room, in the sandbox that this service uses; or why it cannot be had.
    pub(crate) async fn isolation(&self) -> Result<Isolation, String> {
        let platform = &self.platform;
        let limits = &platform.config.sandbox.check_limits;
        let sandbox = if platform.service.serves() {
            &platform.checks
        } else {
            &platform.sandbox
        };
        let probe = || async { sandbox.probe(&platform.rooms(), limits).await };
        self.isolation
            .get_or_try_init(probe)
            .await
            .cloned()
            .map_err(|error| error.to_string())
    }
}
