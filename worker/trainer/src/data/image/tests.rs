use std::io::Cursor;

use ::image::{DynamicImage, GrayImage, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use ::zip::CompressionMethod;
use assay_protocol::DataLimits;

use super::*;
use crate::data::zip::tests::archive;

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn flat(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    png(RgbImage::from_pixel(width, height, Rgb(colour)))
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    archive(files, CompressionMethod::Deflated)
}

fn read_small(files: &[(&str, &[u8])], size: [usize; 2], channels: usize) -> Result<Images, Fault> {
    read(&zipped(files), size, channels, &DataLimits::default())
}

fn code(files: &[(&str, &[u8])]) -> String {
    read_small(files, [2, 2], 3).unwrap_err().code.into_owned()
}

fn whole(images: &Images) -> &[u8] {
    match &images.pixels {
        Pixels::Whole(pixels) => pixels,
        Pixels::Resized(_) => panic!("these images were not to be resized"),
    }
}

#[test]
fn classes_are_sorted_folders_and_images_sorted_paths() {
    let (red, green, blue) = (
        flat(2, 2, [255, 0, 0]),
        flat(2, 2, [0, 255, 0]),
        flat(2, 2, [0, 0, 255]),
    );
    for top in ["", "digits/"] {
        let names = ["b/1.png", "a/2.PNG", "a/10.png"].map(|name| format!("{top}{name}"));
        let files = [
            (&names[0][..], &red[..]),
            (&names[1][..], &green[..]),
            (&names[2][..], &blue[..]),
        ];
        let images = read_small(&files, [2, 2], 3).unwrap();
        assert_eq!(images.classes, ["a", "b"]);
        assert_eq!(images.labels, [0, 0, 1]);
        assert_eq!(images.shape, [2, 2, 3]);
        let firsts: Vec<&[u8]> = whole(&images).chunks(12).map(|image| &image[..3]).collect();
        assert_eq!(firsts, [[0, 0, 255], [0, 255, 0], [255, 0, 0]]);
    }
}

#[test]
fn folders_may_be_entries_but_not_empty_classes() {
    let red = flat(2, 2, [255, 0, 0]);
    let good = [
        ("a/", &b""[..]),
        ("a/x.png", &red),
        ("b/", b""),
        ("b/x.png", &red),
    ];
    assert_eq!(read_small(&good, [2, 2], 3).unwrap().labels, [0, 1]);
    let top = [
        ("t/", &b""[..]),
        ("t/a/", b""),
        ("t/a/x.png", &red),
        ("t/b/x.png", &red),
    ];
    assert_eq!(read_small(&top, [2, 2], 3).unwrap().classes, ["a", "b"]);
    assert_eq!(
        code(&[("a/x.png", &red), ("b/", b"")]),
        "dataset.empty_class"
    );
}

#[test]
fn what_is_no_image_in_a_class_folder_is_refused() {
    let red = flat(2, 2, [255, 0, 0]);
    let with = |name: &str, bytes: &[u8]| code(&[("a/x.png", &red), (name, bytes)]);
    assert_eq!(with("x.png", &red), "dataset.image_misplaced");
    assert_eq!(with("a/b/c/x.png", &red), "dataset.image_misplaced");
    assert_eq!(with("b/notes.txt", b"x"), "dataset.image_extension");
    assert_eq!(with("b/x", b"x"), "dataset.image_extension");
    assert_eq!(with("b/more.zip", b"PK"), "dataset.zip_nested");
    assert_eq!(with("b/x.png", b"not a png"), "dataset.image_broken");
    assert_eq!(
        with("b/x.png", &red[..red.len() / 2]),
        "dataset.image_broken"
    );
    assert_eq!(code(&[]), "dataset.no_rows");
    let fault = read_small(&[("a/x.png", &red), ("b/y.png", b"?")], [2, 2], 3).unwrap_err();
    assert!(fault.message.contains("b/y.png"), "{fault}");
}

#[test]
fn images_of_two_sizes_are_refused_by_name() {
    let fault = read_small(
        &[
            ("a/x.png", &flat(2, 2, [1; 3])),
            ("b/y.png", &flat(3, 2, [1; 3])),
        ],
        [2, 2],
        3,
    )
    .unwrap_err();
    assert_eq!(fault.code, "dataset.image_sizes_differ");
    assert!(
        fault.message.contains("a/x.png") && fault.message.contains("b/y.png"),
        "{fault}"
    );
}

#[test]
fn grey_is_repeated_alpha_dropped_and_depth_halved() {
    let one = |image: DynamicImage, channels| {
        let bytes = png(image);
        let images = read_small(&[("a/x.png", &bytes)], [1, 1], channels).unwrap();
        whole(&images).to_vec()
    };
    let grey = GrayImage::from_pixel(1, 1, Luma([9]));
    assert_eq!(one(grey.clone().into(), 3), [9, 9, 9]);
    assert_eq!(one(grey.into(), 1), [9]);
    let mut alpha = DynamicImage::new_rgba8(1, 1).into_rgba8();
    alpha.put_pixel(0, 0, Rgba([1, 2, 3, 0]));
    assert_eq!(one(alpha.clone().into(), 3), [1, 2, 3]);
    assert_eq!(one(alpha.into(), 1), [2]);
    let mut grey = DynamicImage::new_luma_a8(1, 1).into_luma_alpha8();
    grey.put_pixel(0, 0, LumaA([7, 1]));
    assert_eq!(one(grey.into(), 3), [7, 7, 7]);
    let mut deep = DynamicImage::new_rgb16(1, 1).into_rgb16();
    deep.put_pixel(0, 0, Rgb([0x12ff, 0x3400, 0xffff]));
    assert_eq!(one(deep.into(), 3), [0x12, 0x34, 0xff]);
}

#[test]
fn jpeg_is_read() {
    let mut bytes = Cursor::new(Vec::new());
    let image = DynamicImage::from(RgbImage::from_pixel(8, 8, Rgb([200, 100, 50])));
    image.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    let images = read_small(&[("a/x.JPeG", &bytes.into_inner())], [8, 8], 3).unwrap();
    for (found, wanted) in whole(&images).iter().zip([200u8, 100, 50].iter().cycle()) {
        assert!(found.abs_diff(*wanted) <= 3);
    }
}

#[test]
fn limits_hold_before_anything_is_decoded() {
    let big = flat(100, 100, [1; 3]);
    let files = zipped(&[("a/x.png", &big)]);
    let limits = DataLimits {
        image_pixels: 9999,
        ..DataLimits::default()
    };
    assert_eq!(
        read(&files, [100, 100], 3, &limits).unwrap_err().code,
        "dataset.image_too_large"
    );
    let limits = DataLimits {
        values: 29_999,
        ..DataLimits::default()
    };
    assert_eq!(
        read(&files, [100, 100], 3, &limits).unwrap_err().code,
        "dataset.too_large"
    );
    let huge = read(&files, [usize::MAX, usize::MAX], 3, &DataLimits::default());
    assert_eq!(huge.unwrap_err().code, "dataset.too_large");
}

/// `tf.image.resize(image, size, method="bilinear", antialias=False)` of TensorFlow 2.21.0.
#[test]
fn resizing_is_tensorflows() {
    let image: Vec<u8> = (0..12u32).map(|i| ((i * 37 + 11) % 256) as u8).collect();
    let cases: [([usize; 2], &[f32]); 3] = [
        (
            [5, 2],
            &[
                29.5, 103.5, 88.700005, 111.5, 177.5, 123.5, 112.69998, 135.5, 69.5, 143.5,
            ],
        ),
        (
            [2, 7],
            &[
                48.0, 61.214287, 82.35715, 103.5, 120.07143, 104.64285, 95.0, 78.0, 91.21429,
                112.35715, 133.5, 150.07143, 134.64285, 125.0,
            ],
        ),
        ([1, 1], &[214.5]),
    ];
    for (size, expected) in cases {
        let mut out = vec![0.0; expected.len()];
        resize::Plan::new([3, 4], size, 1).apply(&image, &mut out);
        assert_eq!(out, expected, "{size:?}");
    }
}
