//! A picture in grey, as far as its size is bearable.
//!
//! Invariant: what GTK has decoded is only checked and copied on its thread; it is made grey elsewhere.

use std::io::Cursor;

use gtk::{
    gdk_pixbuf::{Colorspace, Pixbuf},
    glib,
};
use image::{ImageFormat, ImageReader, Limits};

use super::QrError;

/// The largest picture, in pixels: three 4K screens fit.
const MAX_PIXELS: u64 = 40_000_000;
/// The longest side, in pixels.
const MAX_SIDE: u32 = 32_768;
/// What decoding may use, in bytes.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

/// A grey picture.
pub(crate) struct Picture {
    width: usize,
    luma: Vec<u8>,
}

/// What GTK has decoded, as it lies in memory. Unlike GTK's own it can leave the main thread.
pub(super) struct Pixels {
    width: usize,
    height: usize,
    /// From row to row, in bytes.
    stride: usize,
    /// Three, or four with the transparency.
    channels: usize,
    bytes: glib::Bytes,
}

impl std::fmt::Debug for Picture {
    /// Only the size: it may show anything that was on the screen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}×{})", self.width, self.height())
    }
}

impl Picture {
    /// Decodes a PNG or JPEG file.
    ///
    /// # Errors
    /// [`QrError::NotAPicture`] and [`QrError::TooLarge`], the latter before anything is decoded.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, QrError> {
        let format = image::guess_format(bytes).map_err(|e| QrError::NotAPicture(Some(e)))?;
        if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
            return Err(QrError::NotAPicture(None));
        }
        let size = ImageReader::with_format(Cursor::new(bytes), format)
            .into_dimensions()
            .map_err(|e| QrError::NotAPicture(Some(e)))?;
        check(u64::from(size.0), u64::from(size.1))?;
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        let decoded = reader.decode().map_err(|e| QrError::NotAPicture(Some(e)))?;
        // What is transparent is white paper.
        let luma = decoded
            .into_luma_alpha8()
            .pixels()
            .map(|pixel| over_white(pixel.0[0], pixel.0[1]))
            .collect();
        Ok(Self {
            width: size.0 as usize,
            luma,
        })
    }

    /// Makes it grey.
    ///
    /// # Errors
    /// [`QrError::NotAPicture`].
    pub(super) fn from_pixels(pixels: &Pixels) -> Result<Self, QrError> {
        let &Pixels {
            width,
            height,
            stride,
            channels,
            ref bytes,
        } = pixels;
        let luma: Vec<u8> = bytes
            .chunks(stride)
            .take(height)
            .flat_map(|row| row.chunks_exact(channels).take(width))
            .map(|pixel| match *pixel {
                [red, green, blue] => grey(red, green, blue),
                [red, green, blue, alpha] => over_white(grey(red, green, blue), alpha),
                _ => u8::MAX,
            })
            .collect();
        if luma.len() != width * height {
            return Err(QrError::NotAPicture(None));
        }
        Ok(Self { width, luma })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.luma.len().checked_div(self.width).unwrap_or(0)
    }

    /// A pixel, white outside.
    pub(super) fn luma(&self, x: usize, y: usize) -> u8 {
        self.luma.get(y * self.width + x).copied().unwrap_or(u8::MAX)
    }
}

impl Pixels {
    /// Copies a clipboard's picture, or the screen.
    ///
    /// # Errors
    /// [`QrError::NotAPicture`] and [`QrError::TooLarge`].
    pub(super) fn of(pixbuf: &Pixbuf) -> Result<Self, QrError> {
        let plain = pixbuf.colorspace() == Colorspace::Rgb && pixbuf.bits_per_sample() == 8;
        let (Ok(width), Ok(height), Ok(stride), Ok(channels)) = (
            usize::try_from(pixbuf.width()),
            usize::try_from(pixbuf.height()),
            usize::try_from(pixbuf.rowstride()),
            usize::try_from(pixbuf.n_channels()),
        ) else {
            return Err(QrError::NotAPicture(None));
        };
        if !plain || width == 0 || stride == 0 || !matches!(channels, 3 | 4) {
            return Err(QrError::NotAPicture(None));
        }
        check(width as u64, height as u64)?;
        Ok(Self {
            width,
            height,
            stride,
            channels,
            bytes: pixbuf.read_pixel_bytes(),
        })
    }
}

fn check(width: u64, height: u64) -> Result<(), QrError> {
    let fits = width.max(height) <= u64::from(MAX_SIDE) && width * height <= MAX_PIXELS;
    if fits { Ok(()) } else { Err(QrError::TooLarge) }
}

/// Rec. 601 luma, in integers.
fn grey(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1000).unwrap_or(u8::MAX)
}

fn over_white(luma: u8, alpha: u8) -> u8 {
    let (luma, alpha, white) = (u32::from(luma), u32::from(alpha), u32::from(u8::MAX));
    u8::try_from((luma * alpha + white * (white - alpha)) / white).unwrap_or(u8::MAX)
}
