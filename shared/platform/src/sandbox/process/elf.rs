//! The one fact about the trainer's file that Landlock needs: which dynamic loader the kernel runs for it.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::unix::{ffi::OsStringExt, fs::FileExt},
    path::{Path, PathBuf},
};

const PT_INTERP: u32 = 3;
const MAX_PATH: usize = 4096;

/// The path in the file's `PT_INTERP` header (System V ABI, 64-bit little-endian); `None` for a static program.
pub(super) fn interpreter(program: &Path) -> io::Result<Option<PathBuf>> {
    let file = File::open(program)?;
    let mut head = Vec::new();
    (&file).take(4096).read_to_end(&mut head)?;
    if head.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the trainer is not a 64-bit ELF program",
        ));
    }
    let Some((offset, length)) = find(&head) else {
        return Ok(None);
    };
    let mut path = vec![0; length];
    file.read_exact_at(&mut path, offset)?;
    path.pop();
    Ok(Some(PathBuf::from(OsString::from_vec(path))))
}

fn find(head: &[u8]) -> Option<(u64, usize)> {
    let table = usize::try_from(number::<8>(head, 32)?).ok()?;
    let size = usize::try_from(number::<2>(head, 54)?).ok()?;
    let count = usize::try_from(number::<2>(head, 56)?).ok()?;
    (0..count)
        .filter_map(|i| head.get(table.checked_add(i.checked_mul(size)?)?..))
        .find(|header| number::<4>(header, 0) == Some(u64::from(PT_INTERP)))
        .and_then(|header| {
            let length = usize::try_from(number::<8>(header, 32)?).ok()?;
            (1..=MAX_PATH)
                .contains(&length)
                .then_some((number::<8>(header, 8)?, length))
        })
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(N)?)?;
    let mut wide = [0; 8];
    wide.get_mut(..N)?.copy_from_slice(field);
    Some(u64::from_le_bytes(wide))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_test_program_has_a_loader_that_exists() {
        let loader = interpreter(Path::new("/proc/self/exe")).unwrap();
        assert!(loader.is_none_or(|path| path.exists()));
    }

    #[test]
    fn a_script_is_refused() {
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), "#!/bin/sh\n").unwrap();
        assert!(interpreter(script.path()).is_err());
    }

    proptest! {
        #[test]
        fn any_header_is_survived(mut head in prop::collection::vec(any::<u8>(), 0..512)) {
            if let Some(magic) = head.get_mut(..6) {
                magic.copy_from_slice(b"\x7fELF\x02\x01");
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &head).unwrap();
            let _ = interpreter(file.path());
        }
    }
}
