//! What GTK has decoded, made grey.
//!
//! Invariant: it is only checked and copied on GTK's thread; it is made grey elsewhere.

use gtk::{
    gdk_pixbuf::{Colorspace, Pixbuf},
    glib,
};

use super::{
    QrError,
    codes::{Picture, PictureError, check, over_white},
};

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
            return Err(QrError::NotAPicture);
        };
        if !plain || width == 0 || stride == 0 || !matches!(channels, 3 | 4) {
            return Err(QrError::NotAPicture);
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

    /// Makes it grey.
    ///
    /// # Errors
    /// [`PictureError`].
    pub(super) fn grey(&self) -> Result<Picture, PictureError> {
        let luma: Vec<u8> = self
            .bytes
            .chunks(self.stride)
            .take(self.height)
            .flat_map(|row| row.chunks_exact(self.channels).take(self.width))
            .map(|pixel| match *pixel {
                [red, green, blue] => grey(red, green, blue),
                [red, green, blue, alpha] => over_white(grey(red, green, blue), alpha),
                _ => u8::MAX,
            })
            .collect();
        if luma.len() != self.width * self.height {
            return Err(PictureError::NotAPicture(None));
        }
        Picture::grey(self.width, luma)
    }
}

/// Rec. 601 luma, in integers.
fn grey(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1000).unwrap_or(u8::MAX)
}
