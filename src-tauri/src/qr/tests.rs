//! Pictures drawn here, read back.

use std::io::Cursor;

use gtk::gdk_pixbuf::{Colorspace, Pixbuf};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, RgbaImage};

use super::{
    codes::{Picture, texts},
    *,
};

pub(super) const LINK: &str =
    "countersign://enroll?issuer=https%3A%2F%2Fid.alder.example&code=0123456789abcdefghijkl";

/// A code in black on white, four pixels a module, with its quiet zone.
pub(super) fn code(text: &str) -> GrayImage {
    let code = qrcode::QrCode::new(text).unwrap();
    let (modules, colors) = (code.width() as u32, code.to_colors());
    let side = (modules + 8) * 4;
    GrayImage::from_fn(side, side, |x, y| {
        let (column, row) = ((x / 4).checked_sub(4), (y / 4).checked_sub(4));
        let dark = match (column, row) {
            (Some(column), Some(row)) if column < modules && row < modules => {
                colors[(row * modules + column) as usize] == qrcode::Color::Dark
            }
            _ => false,
        };
        Luma([if dark { 0 } else { 255 }])
    })
}

fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn found(bytes: &[u8]) -> Vec<String> {
    texts(&Picture::decode(bytes).unwrap())
}

#[test]
fn a_code_is_read_from_png_and_jpeg() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        assert_eq!(found(&file(code(LINK), format)), [LINK], "{format:?}");
    }
}

#[test]
fn a_light_code_on_dark_ground_is_read() {
    let mut image = code(LINK);
    image::imageops::invert(&mut image);
    assert_eq!(found(&file(image, ImageFormat::Png)), [LINK]);
}

#[test]
fn a_code_on_transparent_ground_is_read() {
    let code = code(LINK);
    let image = RgbaImage::from_fn(code.width(), code.height(), |x, y| {
        image::Rgba([0, 0, 0, u8::MAX - code.get_pixel(x, y).0[0]])
    });
    assert_eq!(found(&file(image, ImageFormat::Png)), [LINK]);
}

#[test]
fn several_codes_are_all_found_and_none_twice() {
    let (one, two) = (code("countersign://one"), code("countersign://two"));
    let (width, height) = (one.width().max(two.width()), one.height().max(two.height()));
    let mut image = GrayImage::from_pixel(width * 3, height, Luma([255]));
    for (at, part) in [&one, &two, &one].into_iter().enumerate() {
        image::imageops::overlay(&mut image, part, i64::from(width) * at as i64, 0);
    }
    let mut texts = found(&file(image, ImageFormat::Png));
    texts.sort();
    assert_eq!(texts, ["countersign://one", "countersign://two"]);
}

#[test]
fn a_picture_without_a_code_has_no_texts() {
    let blank = GrayImage::from_pixel(200, 100, Luma([255]));
    assert_eq!(found(&file(blank, ImageFormat::Png)), [""; 0]);
}

#[test]
fn what_is_no_picture_is_refused() {
    for bytes in [
        &b""[..],
        b"countersign://enroll",
        b"<svg/>",
        b"GIF89a\x01\0\x01\0\0\0\0;",
        b"\x89PNG\r\n\x1a\n",
    ] {
        assert!(
            matches!(Picture::decode(bytes), Err(PictureError::NotAPicture(_))),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_huge_picture_is_refused_before_it_is_decoded() {
    // The header of a PNG that claims 20000×20000 pixels, and nothing after it.
    let mut bytes = file(GrayImage::new(1, 1), ImageFormat::Png);
    bytes.truncate(33);
    bytes[16..24].copy_from_slice(&[0, 0, 0x4e, 0x20, 0, 0, 0x4e, 0x20]);
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes.extend_from_slice(&[0, 0, 0, 0, b'I', b'D', b'A', b'T', 0x35, 0xaf, 0x06, 0x1e]);
    assert!(matches!(Picture::decode(&bytes), Err(PictureError::TooLarge)));
}

#[test]
fn a_large_file_is_refused_and_a_directory_is_no_picture() {
    let directory = tempfile::tempdir().unwrap();
    let large = directory.path().join("large.png");
    std::fs::File::create(&large)
        .unwrap()
        .set_len(11 * 1024 * 1024)
        .unwrap();
    let load = |path| sources::load(path, sources::MAX_FILE);
    assert!(matches!(load(&large), Err(QrError::TooLarge)));
    // The desktop's own picture of large screens is that large.
    let screen = sources::load(&large, sources::MAX_SCREEN).unwrap();
    assert_eq!(screen.len(), 11 * 1024 * 1024);
    assert!(matches!(load(directory.path()), Err(QrError::NotAPicture)));
    let absent = directory.path().join("absent.png");
    assert!(matches!(load(&absent), Err(QrError::Unreadable(_))));
}

#[test]
fn what_gtk_decoded_is_read_whatever_its_row_length() {
    let code = code(LINK);
    // An odd width pads the rows.
    let (width, height) = (code.width() as i32 + 1, code.height() as i32);
    let pixbuf = Pixbuf::new(Colorspace::Rgb, false, 8, width, height).unwrap();
    pixbuf.fill(0xffff_ffff);
    for (x, y, pixel) in code.enumerate_pixels() {
        let luma = pixel.0[0];
        pixbuf.put_pixel(x, y, luma, luma, luma, 255);
    }
    let pixels = Pixels::of(&pixbuf).unwrap();
    assert_eq!(texts(&pixels.grey().unwrap()), [LINK]);
}

#[test]
fn what_gtk_decoded_is_made_grey_on_another_thread() {
    let pixbuf = Pixbuf::new(Colorspace::Rgb, true, 8, 2, 1).unwrap();
    pixbuf.put_pixel(0, 0, 255, 0, 0, 255);
    pixbuf.put_pixel(1, 0, 0, 0, 0, 0);
    let pixels = Pixels::of(&pixbuf).unwrap();
    let picture = std::thread::spawn(move || pixels.grey().unwrap());
    let picture = picture.join().unwrap();
    assert_eq!(picture.pixels(), [76, 255]);
}

#[test]
fn a_huge_picture_of_gtk_is_refused_before_it_is_copied() {
    let pixbuf = Pixbuf::new(Colorspace::Rgb, false, 8, 32_769, 1).unwrap();
    assert!(matches!(Pixels::of(&pixbuf), Err(QrError::TooLarge)));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}
