//! QR codes in a picture: decoding, and looking for them. No I/O, no GTK, nothing of the app.
//!
//! Invariant: the size of a picture is checked before it is decoded. What is read here is a stranger's and may end the
//! program that reads it: only [`super::reader`]'s process does.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

/// The largest picture, in pixels: three 4K screens fit.
const MAX_PIXELS: u64 = 40_000_000;
/// The longest side, in pixels.
const MAX_SIDE: u32 = 32_768;
/// What decoding may use, in bytes.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;
/// More codes than this in one picture are not reported.
const MAX_CODES: usize = 16;

/// A picture that is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    #[error("not a PNG or JPEG picture")]
    NotAPicture(#[source] Option<image::ImageError>),
    #[error("larger than is looked at")]
    TooLarge,
}

/// A grey picture.
pub(crate) struct Picture {
    width: usize,
    luma: Vec<u8>,
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
    /// [`PictureError`]; a picture that is too large is noticed before it is decoded.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let format = image::guess_format(bytes).map_err(|e| PictureError::NotAPicture(Some(e)))?;
        if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
            return Err(PictureError::NotAPicture(None));
        }
        let size = ImageReader::with_format(Cursor::new(bytes), format)
            .into_dimensions()
            .map_err(|e| PictureError::NotAPicture(Some(e)))?;
        check(u64::from(size.0), u64::from(size.1))?;
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_MEMORY);
        reader.limits(limits);
        let decoded = reader.decode().map_err(|e| PictureError::NotAPicture(Some(e)))?;
        // What is transparent is white paper.
        let luma = decoded
            .into_luma_alpha8()
            .pixels()
            .map(|pixel| over_white(pixel.0[0], pixel.0[1]))
            .collect();
        Self::grey(size.0 as usize, luma)
    }

    /// Of grey pixels, row by row.
    ///
    /// # Errors
    /// [`PictureError`]: they are no rectangle, or too many.
    pub(crate) fn grey(width: usize, luma: Vec<u8>) -> Result<Self, PictureError> {
        if width == 0 || luma.is_empty() || !luma.len().is_multiple_of(width) {
            return Err(PictureError::NotAPicture(None));
        }
        check(width as u64, (luma.len() / width) as u64)?;
        Ok(Self { width, luma })
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.luma.len().checked_div(self.width).unwrap_or(0)
    }

    /// All pixels, row by row.
    pub(crate) fn pixels(&self) -> &[u8] {
        &self.luma
    }

    /// A pixel, white outside.
    pub(crate) fn luma(&self, x: usize, y: usize) -> u8 {
        self.luma.get(y * self.width + x).copied().unwrap_or(u8::MAX)
    }
}

/// The texts of the codes in a picture, each once. A code may be printed light on dark.
pub(crate) fn texts(picture: &Picture) -> Vec<String> {
    let mut found = Vec::new();
    for inverted in [false, true] {
        let mut prepared =
            rqrr::PreparedImage::prepare_from_greyscale(picture.width(), picture.height(), |x, y| {
                let luma = picture.luma(x, y);
                if inverted { u8::MAX - luma } else { luma }
            });
        for grid in prepared.detect_grids() {
            let Ok((_, text)) = grid.decode() else { continue };
            if found.len() < MAX_CODES && !text.is_empty() && !found.contains(&text) {
                found.push(text);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// Whether a picture of this size is looked at.
///
/// # Errors
/// [`PictureError::TooLarge`].
pub(crate) fn check(width: u64, height: u64) -> Result<(), PictureError> {
    let fits = width.max(height) <= u64::from(MAX_SIDE) && width.saturating_mul(height) <= MAX_PIXELS;
    if fits { Ok(()) } else { Err(PictureError::TooLarge) }
}

/// As on white paper.
pub(crate) fn over_white(luma: u8, alpha: u8) -> u8 {
    let (luma, alpha, white) = (u32::from(luma), u32::from(alpha), u32::from(u8::MAX));
    u8::try_from((luma * alpha + white * (white - alpha)) / white).unwrap_or(u8::MAX)
}
