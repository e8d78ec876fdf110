//! The QR code of one entry, as modules to draw: for moving it to a phone.

use std::fmt;

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::{entry::Details, export};

/// The quiet zone that scanners need on each side, in modules (ISO/IEC 18004). Not part of the modules.
pub const QUIET_ZONE: usize = 4;

/// A square of dark and light modules. It holds the secret: whoever draws it draws the secret.
pub struct QrModules {
    width: usize,
    dark: Zeroizing<Vec<bool>>,
}

/// The entry's names are too long for a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this entry is too long for a QR code. Shorten its names, or export a file")]
pub struct TooLongForQr;

impl QrModules {
    /// The entry's `otpauth://` link as QR code.
    ///
    /// # Errors
    /// [`TooLongForQr`].
    pub fn of(details: &Details) -> Result<Self, TooLongForQr> {
        let link = export::link(details);
        let code =
            QrCode::with_error_correction_level(link.as_bytes(), EcLevel::M).map_err(|_| TooLongForQr)?;
        Ok(Self {
            width: code.width(),
            dark: Zeroizing::new(
                code.to_colors()
                    .into_iter()
                    .map(|color| color == Color::Dark)
                    .collect(),
            ),
        })
    }

    /// How many modules a side has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows from top to bottom; `true` is dark.
    pub fn rows(&self) -> impl Iterator<Item = &[bool]> {
        self.dark.chunks(self.width)
    }
}

impl fmt::Debug for QrModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrModules")
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entry::Kind, testing};

    #[test]
    fn another_program_reads_the_code() {
        for entry in testing::codes().entries() {
            let qr = QrModules::of(&entry.details).unwrap();
            let rows: Vec<&[bool]> = qr.rows().collect();
            assert!(rows.iter().all(|row| row.len() == qr.width()));
            // Drawn with four pixels a module, as somebody would.
            let side = (qr.width() + 2 * QUIET_ZONE) * 4;
            let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| {
                let module = |pixel: usize| (pixel / 4).wrapping_sub(QUIET_ZONE);
                let dark = rows.get(module(y)).and_then(|row| row.get(module(x)));
                if dark == Some(&true) { 0 } else { 255 }
            });
            let grids = picture.detect_grids();
            assert_eq!(grids.len(), 1);
            let (_, read) = grids[0].decode().unwrap();
            assert_eq!(read, export::link(&entry.details).as_str());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let details = testing::details(&"ä".repeat(256), &"ä".repeat(256), Kind::TOTP, "MZXW6YTB");
        assert_eq!(QrModules::of(&details).unwrap_err(), TooLongForQr);
    }
}
