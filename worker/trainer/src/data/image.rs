//! Images: a zip of class folders, as Keras' `image_dataset_from_directory` reads one.

use std::collections::BTreeSet;

use assay_protocol::{DataLimits, Fault};
use rayon::prelude::*;

use super::zip::{Archive, Entry};

mod decode;
mod resize;
#[cfg(test)]
mod tests;

/// A data set of images in memory, height × width × channels each, values from 0 to 255.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) pixels: Pixels,
    /// Height, width, channels.
    pub(super) shape: [usize; 3],
    /// The class of each image, as an index into `classes`.
    pub(super) labels: Vec<u32>,
    /// Folder names, sorted by code point.
    pub(super) classes: Vec<String>,
    /// Height and width of the files.
    pub(super) file_size: [usize; 2],
}

/// The images' numbers: as they lie in the files, or resized and therefore no longer whole.
#[derive(Debug)]
pub(super) enum Pixels {
    Whole(Vec<u8>),
    Resized(Vec<f32>),
}

/// Reads a zip of class folders. Every image must be of one size; it is then brought to `size` (height, width).
///
/// Images are ordered by path, so the order does not depend on how the zip was made.
///
/// # Errors
/// `dataset.zip_*` and `dataset.image_*`, naming the entry at fault.
pub(super) fn read(
    bytes: &[u8],
    size: [usize; 2],
    channels: usize,
    limits: &DataLimits,
) -> Result<Images, Fault> {
    let archive = Archive::open(bytes, limits)?;
    let Folders { files, classes } = folders(&archive)?;
    let Some((_, first)) = files.first() else {
        return Err(Fault::dataset("dataset.no_rows", "the zip holds no images"));
    };
    let too_large = || {
        Fault::dataset(
            "dataset.too_large",
            format!(
                "{} images of {}×{}×{channels} are more than the {} numbers that are read",
                files.len(),
                size[0],
                size[1],
                limits.values
            ),
        )
    };
    let length = size[0]
        .checked_mul(size[1])
        .and_then(|length| length.checked_mul(channels))
        .filter(|length| *length > 0)
        .ok_or_else(too_large)?;
    let total = length.checked_mul(files.len()).ok_or_else(too_large)?;
    if total as u64 > limits.values || files.len() as u64 > limits.rows {
        return Err(too_large());
    }
    let file_size = decode::dimensions(first, limits)?;
    let reader = Reader {
        files: &files,
        file_size,
        size,
        channels,
        length,
        limits,
    };
    let pixels = if file_size == size {
        let mut pixels = vec![0u8; total];
        reader.fill(&mut pixels, |out, image| out.copy_from_slice(image))?;
        Pixels::Whole(pixels)
    } else {
        let plan = resize::Plan::new(file_size, size, channels);
        let mut pixels = vec![0f32; total];
        reader.fill(&mut pixels, |out, image| plan.apply(image, out))?;
        Pixels::Resized(pixels)
    };
    Ok(Images {
        pixels,
        shape: [size[0], size[1], channels],
        labels: files.iter().map(|(class, _)| *class).collect(),
        classes,
        file_size,
    })
}

struct Reader<'a> {
    files: &'a [(u32, Entry<'a>)],
    file_size: [usize; 2],
    size: [usize; 2],
    channels: usize,
    length: usize,
    limits: &'a DataLimits,
}

impl Reader<'_> {
    /// Decodes every file into its own piece of `all`; of several faults the first by path is told.
    fn fill<T: Send>(
        &self,
        all: &mut [T],
        put: impl Fn(&mut [T], &[u8]) + Sync,
    ) -> Result<(), Fault> {
        debug_assert_eq!(self.length, self.size[0] * self.size[1] * self.channels);
        let fault = all
            .par_chunks_exact_mut(self.length)
            .zip(self.files)
            .map(|(out, (_, entry))| {
                let image = self.decode(entry)?;
                put(out, &image);
                Ok(())
            })
            .find_map_first(Result::err);
        fault.map_or(Ok(()), Err)
    }

    fn decode(&self, entry: &Entry<'_>) -> Result<Vec<u8>, Fault> {
        let (image, found) = decode::decode(entry, self.channels, self.limits)?;
        if found != self.file_size {
            let first = self.files.first().map_or("", |(_, entry)| entry.name);
            let [height, width] = self.file_size;
            return Err(Fault::dataset(
                "dataset.image_sizes_differ",
                format!(
                    "image {first:?} is {height}×{width} (height × width), but {:?} is {}×{}; all images must have one size",
                    entry.name, found[0], found[1]
                ),
            ));
        }
        Ok(image)
    }
}

/// The files with their classes, ordered by path.
struct Folders<'a> {
    files: Vec<(u32, Entry<'a>)>,
    classes: Vec<String>,
}

/// Sorts the entries into classes: `class/file`, or `top/class/file` with one common top folder.
fn folders<'a>(archive: &Archive<'a>) -> Result<Folders<'a>, Fault> {
    let top = common_top(archive);
    let below =
        |name: &'a str| top.map_or(Some(name), |top| name.strip_prefix(top)?.strip_prefix('/'));
    let mut empty: BTreeSet<&str> = BTreeSet::new();
    let mut files = Vec::new();
    for entry in &archive.entries {
        let path = below(entry.name).unwrap_or_default();
        if entry.is_folder() {
            let class = path.trim_end_matches('/');
            if class.contains('/') {
                return Err(misplaced(entry.name));
            }
            if !class.is_empty() {
                empty.insert(class);
            }
            continue;
        }
        check_extension(entry.name)?;
        match path.split_once('/') {
            Some((class, file)) if !file.contains('/') => files.push((class, *entry)),
            _ => return Err(misplaced(entry.name)),
        }
    }
    files.sort_by(|a, b| a.1.name.cmp(b.1.name));
    let names: BTreeSet<&str> = files.iter().map(|(class, _)| *class).collect();
    if let Some(class) = empty.difference(&names).next() {
        return Err(Fault::dataset(
            "dataset.empty_class",
            format!("the folder {class:?} has no images; fill it or take it out of the zip"),
        ));
    }
    let classes: Vec<&str> = names.into_iter().collect();
    let files = files
        .into_iter()
        .map(|(class, entry)| {
            // Every class is in the list, since the list was made of them; entries are far fewer than 2^32.
            let index = classes.binary_search(&class).unwrap_or_default();
            (u32::try_from(index).unwrap_or_default(), entry)
        })
        .collect();
    Ok(Folders {
        files,
        classes: classes.into_iter().map(str::to_owned).collect(),
    })
}

/// The folder that every entry lies in, if there are folders below it.
fn common_top<'a>(archive: &Archive<'a>) -> Option<&'a str> {
    let (top, _) = archive.entries.first()?.name.split_once('/')?;
    let mut deep = false;
    for entry in &archive.entries {
        let (first, rest) = entry.name.split_once('/')?;
        if first != top {
            return None;
        }
        deep |= !entry.is_folder() && rest.contains('/');
    }
    deep.then_some(top)
}

fn misplaced(name: &str) -> Fault {
    Fault::dataset(
        "dataset.image_misplaced",
        format!(
            "entry {name:?} does not lie in a class folder; the zip must hold folders named as the classes, with the images directly in them"
        ),
    )
}

fn check_extension(name: &str) -> Result<(), Fault> {
    let extension = name
        .rsplit_once('.')
        .map(|(_, end)| end.to_ascii_lowercase());
    match extension.as_deref() {
        Some("jpg" | "jpeg" | "png") => Ok(()),
        Some("zip" | "tar" | "gz" | "7z" | "rar" | "xz" | "bz2") => Err(Fault::dataset(
            "dataset.zip_nested",
            format!(
                "entry {name:?} is an archive within the zip; only jpg, jpeg and png files are read"
            ),
        )),
        _ => Err(Fault::dataset(
            "dataset.image_extension",
            format!("entry {name:?} is no image; only jpg, jpeg and png files are read"),
        )),
    }
}
