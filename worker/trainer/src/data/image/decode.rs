//! One image file to 8-bit grey or RGB, as TensorFlow's `decode_image` gives it.

use std::io::Cursor;

use assay_protocol::{DataLimits, Fault};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::data::zip::Entry;

/// Height and width that the file's header states.
pub(super) fn dimensions(entry: &Entry<'_>, limits: &DataLimits) -> Result<[usize; 2], Fault> {
    let bytes = entry.unpack()?;
    let decoder = open(&bytes, entry.name)?;
    checked(decoder.dimensions(), entry.name, limits)
}

/// Decodes to height × width × channels bytes. The pixel count is checked before anything of that size is allocated.
pub(super) fn decode(
    entry: &Entry<'_>,
    channels: usize,
    limits: &DataLimits,
) -> Result<(Vec<u8>, [usize; 2]), Fault> {
    let bytes = entry.unpack()?;
    let mut decoder = open(&bytes, entry.name)?;
    let size = checked(decoder.dimensions(), entry.name, limits)?;
    let mut budget = Limits::no_limits();
    // Sixteen bytes a pixel: 16-bit RGBA and as much again for the decoder itself.
    budget.max_alloc = Some(
        (size[0] as u64)
            .saturating_mul(size[1] as u64)
            .saturating_mul(16)
            + (1 << 20),
    );
    decoder
        .set_limits(budget)
        .map_err(|error| broken(entry.name, &error))?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| broken(entry.name, &error))?;
    Ok((to_channels(&image, channels, entry.name)?, size))
}

fn open<'a>(bytes: &'a [u8], name: &str) -> Result<impl ImageDecoder + 'a, Fault> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| broken(name, &error))?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        return Err(broken(name, &"its content is neither PNG nor JPEG"));
    }
    reader.into_decoder().map_err(|error| broken(name, &error))
}

fn checked(
    (width, height): (u32, u32),
    name: &str,
    limits: &DataLimits,
) -> Result<[usize; 2], Fault> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > limits.image_pixels {
        return Err(Fault::dataset(
            "dataset.image_too_large",
            format!(
                "image {name:?} is {height}×{width}; an image has at least 1 and at most {} pixels",
                limits.image_pixels
            ),
        ));
    }
    Ok([height as usize, width as usize])
}

fn broken(name: &str, error: &dyn std::fmt::Display) -> Fault {
    let text: String = error.to_string().chars().take(200).collect();
    Fault::dataset(
        "dataset.image_broken",
        format!("image {name:?} cannot be decoded: {text}"),
    )
}

/// Alpha is dropped and grey is repeated, as TensorFlow does; 16-bit values lose their lower byte.
fn to_channels(image: &DynamicImage, channels: usize, name: &str) -> Result<Vec<u8>, Fault> {
    let high = |value: &u16| (value >> 8) as u8;
    Ok(match image {
        DynamicImage::ImageLuma8(grey) => pick(grey.as_raw(), 1, channels, |v| *v),
        DynamicImage::ImageLumaA8(grey) => pick(grey.as_raw(), 2, channels, |v| *v),
        DynamicImage::ImageRgb8(rgb) => pick(rgb.as_raw(), 3, channels, |v| *v),
        DynamicImage::ImageRgba8(rgb) => pick(rgb.as_raw(), 4, channels, |v| *v),
        DynamicImage::ImageLuma16(grey) => pick(grey.as_raw(), 1, channels, high),
        DynamicImage::ImageLumaA16(grey) => pick(grey.as_raw(), 2, channels, high),
        DynamicImage::ImageRgb16(rgb) => pick(rgb.as_raw(), 3, channels, high),
        DynamicImage::ImageRgba16(rgb) => pick(rgb.as_raw(), 4, channels, high),
        _ => return Err(broken(name, &"its pixels are of an unknown kind")),
    })
}

/// `from` numbers a pixel (grey, grey and alpha, RGB, RGB and alpha) to 1 or 3.
fn pick<T>(pixels: &[T], from: usize, channels: usize, byte: impl Fn(&T) -> u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() / from * channels);
    for pixel in pixels.chunks_exact(from) {
        match (pixel, channels) {
            ([grey] | [grey, _], 1) => out.push(byte(grey)),
            ([grey] | [grey, _], _) => out.extend([byte(grey); 3]),
            ([red, green, blue, ..], 1) => out.push(luma(byte(red), byte(green), byte(blue))),
            ([red, green, blue, ..], _) => out.extend([byte(red), byte(green), byte(blue)]),
            ([], _) => {}
        }
    }
    out
}

/// ITU-R BT.601 luma in the fixed point of libjpeg.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 32_768) >> 16) as u8
}
