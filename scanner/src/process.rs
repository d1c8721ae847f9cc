//! Running a program that may take too long, print too much, or fail in any other way.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use assay_attest::{Digest, Hasher};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

/// Bytes of standard error that are kept: the last ones, where programs say why they failed.
const TAIL: usize = 4096;

/// A program about to be run.
#[derive(Debug)]
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// An empty folder, so that no file lying about changes what the program does; also for its temporary files.
    pub(crate) folder: &'a Path,
    /// Bytes of standard output at most.
    pub(crate) most: u64,
    pub(crate) limit: Duration,
}

/// What a program that ended by itself left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; `None` if a signal ended it.
    pub(crate) status: Option<i32>,
    /// Its standard output.
    pub(crate) output: Output,
    /// The end of its standard error, on one line.
    pub(crate) said: String,
}

/// A file that holds a program's standard output.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

impl Output {
    pub(crate) fn open(&self) -> std::io::Result<File> {
        File::open(&self.path)
    }
}

/// Runs it, its standard output into `to`. A program over a limit is killed; the error says which limit.
pub(crate) async fn run(job: Job<'_>, to: PathBuf) -> Result<Ended, String> {
    let name = job.program.display().to_string();
    let mut command = Command::new(job.program);
    command
        .args(&job.arguments)
        .current_dir(job.folder)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_passed_on(name)))
        // What it unpacks needs more room than a container's /tmp has, and goes with the folder when it is killed.
        .env("TMPDIR", job.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(format!("{name} was started without its output"));
    };
    let whole = async {
        let (output, said) = tokio::join!(keep(stdout, to, job.most), tail(stderr));
        let output = output.map_err(|error| format!("the output of {name}: {error}"))?;
        let status = child
            .wait()
            .await
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Ended {
            status: status.code(),
            output,
            said,
        })
    };
    // Dropped at the limit, and with it the child.
    timeout(job.limit, whole).await.unwrap_or_else(|_| {
        Err(format!(
            "{name} took longer than {} seconds and was stopped",
            job.limit.as_secs()
        ))
    })
}

/// What Trivy needs to find its files and the network. Its own variables would change what it reports.
fn is_passed_on(name: &std::ffi::OsStr) -> bool {
    let plain = [
        "PATH",
        "HOME",
        "XDG_CACHE_HOME",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
    name.to_str().is_some_and(|name| {
        plain.contains(&name) || proxies.contains(&name.to_ascii_uppercase().as_str())
    })
}

/// Writes what comes to a file. More than `most` bytes are an error as soon as they come.
async fn keep(mut from: impl AsyncRead + Unpin, to: PathBuf, most: u64) -> std::io::Result<Output> {
    let mut file = tokio::fs::File::create_new(&to).await?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0_u64;
    loop {
        let read = from.read(&mut buffer).await?;
        let Some(new) = buffer.get(..read).filter(|new| !new.is_empty()) else {
            break;
        };
        bytes += read as u64;
        if bytes > most {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                format!("more than {most} bytes (scan.report_bytes); it was stopped"),
            ));
        }
        hasher.update(new);
        file.write_all(new).await?;
    }
    file.flush().await?;
    let (digest, bytes) = hasher.finish();
    Ok(Output {
        path: to,
        digest,
        bytes,
    })
}

/// The last bytes that come, on one line.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = vec![0; TAIL];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let over = kept.len().saturating_sub(TAIL);
        kept.drain(..over);
    }
    let text = String::from_utf8_lossy(&kept);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, most: u64, limit: Duration) -> Result<Ended, String> {
        let folder = tempfile::tempdir().unwrap();
        let job = Job {
            program: Path::new("/bin/sh"),
            arguments: vec!["-c".into(), script.into()],
            folder: folder.path(),
            most,
            limit,
        };
        run(job, folder.path().join("out")).await
    }

    const LONG: Duration = Duration::from_secs(120);

    #[tokio::test]
    async fn output_and_status_are_kept() {
        let ended = shell("printf abc; echo no >&2; exit 3", 3, LONG)
            .await
            .unwrap();
        assert_eq!((ended.status, ended.output.bytes), (Some(3), 3));
        assert_eq!(ended.output.digest, Digest::of(b"abc"));
        assert_eq!(ended.said, "no");
        let killed = shell("kill -9 $$", 3, LONG).await.unwrap();
        assert_eq!(killed.status, None);
    }

    #[tokio::test]
    async fn limits_end_a_program_that_never_would() {
        let endless = shell("while :; do echo xxxxxxxxxxxxxxxx; done", 1000, LONG).await;
        assert!(endless.unwrap_err().contains("scan.report_bytes"));
        let slow = shell("exec sleep 1000", 3, Duration::from_millis(50)).await;
        assert!(slow.unwrap_err().contains("took longer"));
        let folder = tempfile::tempdir().unwrap();
        let job = Job {
            program: Path::new("/nowhere/trivy"),
            arguments: Vec::new(),
            folder: folder.path(),
            most: 1,
            limit: LONG,
        };
        let missing = run(job, folder.path().join("out")).await.unwrap_err();
        assert!(missing.contains("cannot be started"), "{missing}");
    }

    #[test]
    fn variables_that_change_reports_are_kept_back() {
        for name in ["TRIVY_IGNOREFILE", "TRIVY_SEVERITY", "DOCKER_HOST"] {
            assert!(!is_passed_on(name.as_ref()), "{name}");
        }
        assert!(is_passed_on("https_proxy".as_ref()) && is_passed_on("HOME".as_ref()));
    }
}
