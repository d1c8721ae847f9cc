use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use assay_platform::{
    Config, Platform,
    scan::{Component, ImageToScan, Scan, Source},
};
use assay_scanner::ScannerError;
use assay_test_parts::trivy;
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

/// How long anything here may take, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A scanner at work: how to stop it, and what comes of it.
type Running = (watch::Sender<bool>, JoinHandle<Result<(), ScannerError>>);

/// A platform of its own, with an image to scan.
pub(crate) struct Bench {
    pub(crate) platform: Platform,
    pub(crate) folder: TempDir,
    scanner: Option<Running>,
}

impl Bench {
    /// A platform whose image is an archive with one old package.
    pub(crate) async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::in_dir(folder.path().join("data")).unwrap();
        let scan = &mut config.scan;
        scan.images = vec![ImageToScan {
            component: Component::Trainer,
            source: Source::Archive(archive(folder.path())),
        }];
        scan.update_database = false;
        scan.cache_dir = folder.path().join("cache");
        scan.trivy = folder.path().join("trivy");
        scan.every = Duration::from_millis(1);
        scan.look = Duration::from_millis(20);
        change(&mut config);
        let platform = Platform::open(config).await.unwrap();
        Self {
            platform,
            folder,
            scanner: None,
        }
    }

    /// Writes the image's archive.
    pub(crate) fn make_image(&self) {
        trivy::write_image(&archive(self.folder.path()), &trivy::DEBIAN).unwrap();
    }

    /// Puts another image in its place.
    pub(crate) fn make_other_image(&self) {
        trivy::write_image(&archive(self.folder.path()), &[("program", "another")]).unwrap();
    }

    /// Puts something harmless in the place of the image's layer, the rest as it is.
    pub(crate) fn exchange_layer(&self) {
        let archive = archive(self.folder.path());
        let harmless = self.folder.path().join("layer.tar");
        fs::write(&harmless, vec![0; 10_240]).unwrap();
        let tar = |arguments: &[&str]| {
            let done = Command::new("tar")
                .arg("-f")
                .arg(&archive)
                .args(arguments)
                .current_dir(self.folder.path())
                .status();
            assert!(done.unwrap().success(), "{arguments:?}");
        };
        tar(&["--delete", "layer.tar"]);
        tar(&["-r", "layer.tar"]);
    }

    /// A program in Trivy's place: `version` and `convert` go well, and `image` does this.
    pub(crate) fn make_trivy(&self, image: &str) {
        let script = format!(
            "#!/bin/sh\ncase $1 in\n\
             version) echo '{{\"Version\":\"0\",\"VulnerabilityDB\":{{\"UpdatedAt\":\"2020-01-01T00:00:00Z\"}}}}';;\n\
             convert) echo '{{\"bomFormat\":\"CycloneDX\"}}';;\n\
             image) {image};;\nesac\n"
        );
        let path = self.folder.path().join("trivy");
        // A program that is being written cannot be started.
        let draft = self.folder.path().join("trivy.draft");
        fs::write(&draft, script).unwrap();
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(draft, path).unwrap();
    }

    /// Starts the scanner.
    pub(crate) fn start(&mut self) {
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(assay_scanner::run(self.platform.clone(), stopping));
        self.scanner = Some((stop, running));
    }

    /// Waits for a scan like this.
    pub(crate) async fn until(&self, wanted: impl Fn(&Scan) -> bool) -> Scan {
        let begun = Instant::now();
        loop {
            let scans = self.platform.db.scans(1000).await.unwrap();
            if let Some(scan) = scans.iter().find(|scan| wanted(scan)) {
                return scan.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "only {scans:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Stops the scanner; it must have gone well.
    pub(crate) async fn stop(&mut self) {
        let (stop, running) = self.scanner.take().unwrap();
        stop.send_replace(true);
        running.await.unwrap().unwrap();
    }
}

fn archive(folder: &Path) -> PathBuf {
    folder.join("image.tar")
}
