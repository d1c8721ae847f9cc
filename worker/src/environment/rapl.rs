use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The energy counters of the processor packages, as Linux' powercap framework shows them (`intel-rapl:N`, processors
/// of AMD included). They count the whole package, whoever uses it, in microjoules.
#[derive(Debug)]
pub(super) struct Rapl {
    packages: Vec<Package>,
    microjoules: u64,
}

#[derive(Debug)]
struct Package {
    counter: PathBuf,
    /// The counter begins anew at 0 after this value.
    range: u64,
    last: u64,
}

impl Rapl {
    /// Finds the packages under `root` and reads their counters for the first time. The error says why there are none.
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let entries = fs::read_dir(root).map_err(|error| at(root, &error))?;
        let mut packages = Vec::new();
        for entry in entries {
            let zone = entry.map_err(|error| at(root, &error))?.path();
            if is_package(&zone) {
                let counter = zone.join("energy_uj");
                packages.push(Package {
                    last: number(&counter)?,
                    range: number(&zone.join("max_energy_range_uj"))?,
                    counter,
                });
            }
        }
        if packages.is_empty() {
            let root = root.display();
            return Err(format!(
                "no processor package under {root} counts its energy"
            ));
        }
        Ok(Self {
            packages,
            microjoules: 0,
        })
    }

    /// Adds what was used since the counters were last read. To be called far more often than they begin anew, which
    /// takes minutes.
    pub(super) fn sample(&mut self) -> Result<(), String> {
        for package in &mut self.packages {
            let now = number(&package.counter)?;
            let used = match now.checked_sub(package.last) {
                Some(used) => used,
                None => package.range.saturating_sub(package.last) + now,
            };
            package.last = now;
            self.microjoules = self.microjoules.saturating_add(used);
        }
        Ok(())
    }

    /// Microjoules of all packages since the first reading.
    pub(super) fn microjoules(&self) -> u64 {
        self.microjoules
    }

    pub(super) fn packages(&self) -> usize {
        self.packages.len()
    }
}

/// `intel-rapl:0`, not its parts (`intel-rapl:0:0`), which are counted in it; nor `psys`, which counts more than processors.
fn is_package(zone: &Path) -> bool {
    let name = zone.file_name().and_then(|name| name.to_str());
    let top = name.and_then(|name| name.strip_prefix("intel-rapl:"));
    let top = top.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    top && fs::read_to_string(zone.join("name")).is_ok_and(|name| name.starts_with("package"))
}

fn number(path: &Path) -> Result<u64, String> {
    let text = fs::read_to_string(path).map_err(|error| at(path, &error))?;
    text.trim()
        .parse()
        .map_err(|_| format!("{} holds no number", path.display()))
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A package in a tree like that of the kernel.
    pub(in crate::environment) fn package(root: &Path, number: usize, energy: u64, range: u64) {
        let zone = root.join(format!("intel-rapl:{number}"));
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("package-{number}\n")).unwrap();
        fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), format!("{range}\n")).unwrap();
    }

    #[test]
    fn packages_are_summed_and_counters_may_begin_anew() {
        let root = tempfile::tempdir().unwrap();
        package(root.path(), 0, 1_000, 10_000);
        package(root.path(), 1, 9_000, 10_000);
        // Parts of a package, and the whole platform, are not counted beside it.
        package(root.path(), 2, 5, 10);
        fs::write(root.path().join("intel-rapl:2/name"), "psys").unwrap();
        let part = root.path().join("intel-rapl:0:0");
        fs::create_dir(&part).unwrap();
        fs::write(part.join("name"), "core").unwrap();

        let mut rapl = Rapl::open(root.path()).unwrap();
        assert_eq!((rapl.packages(), rapl.microjoules()), (2, 0));
        package(root.path(), 0, 1_500, 10_000);
        package(root.path(), 1, 200, 10_000);
        rapl.sample().unwrap();
        assert_eq!(rapl.microjoules(), 500 + 1_200);
        package(root.path(), 0, 1_600, 10_000);
        rapl.sample().unwrap();
        assert_eq!(rapl.microjoules(), 1_800);
    }

    #[test]
    fn no_counters_are_a_reason_and_no_figure() {
        let root = tempfile::tempdir().unwrap();
        assert!(Rapl::open(&root.path().join("absent")).is_err());
        assert!(
            Rapl::open(root.path())
                .unwrap_err()
                .contains("no processor package")
        );
        package(root.path(), 0, 1, 2);
        fs::write(root.path().join("intel-rapl:0/energy_uj"), "?").unwrap();
        assert!(Rapl::open(root.path()).unwrap_err().contains("no number"));
    }
}
