//! A QR image of an enrolment link.

use std::io;

use qrcode::{
    Color, QrCode,
    render::{svg, unicode::Dense1x2},
    types::QrError,
};

/// Light modules around the code, as ISO/IEC 18004 wants them.
const QUIET: usize = 4;
/// Pixels for one module in a PNG.
const SCALE: usize = 8;

/// What kind of image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Image {
    /// Characters for a terminal.
    Terminal,
    /// A PNG file.
    Png,
    /// An SVG file.
    Svg,
}

/// The image could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum QrImageError {
    /// The text is too long.
    #[error("the link is too long for a QR image")]
    TooLong(#[from] QrError),
    /// PNG encoding failed.
    #[error("the image cannot be encoded")]
    Encoding(#[from] png::EncodingError),
}

impl From<QrImageError> for io::Error {
    fn from(error: QrImageError) -> Self {
        Self::other(error)
    }
}

/// Draws the text.
pub(super) fn draw(text: &str, image: Image) -> Result<Vec<u8>, QrImageError> {
    let code = QrCode::new(text)?;
    match image {
        Image::Terminal => Ok(terminal(&code)),
        Image::Png => png(&code),
        Image::Svg => Ok(code
            .render::<svg::Color<'_>>()
            .min_dimensions(240, 240)
            .build()
            .into_bytes()),
    }
}

/// Black on white by escape sequences, so that it can be scanned whatever the terminal's colours are.
fn terminal(code: &QrCode) -> Vec<u8> {
    let drawn = code.render::<Dense1x2>().build();
    let lines: Vec<String> = drawn
        .lines()
        .map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m\n"))
        .collect();
    lines.concat().into_bytes()
}

fn png(code: &QrCode) -> Result<Vec<u8>, QrImageError> {
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let dark = |pixel: usize| {
        (pixel / SCALE)
            .checked_sub(QUIET)
            .filter(|&module| module < modules)
    };
    let mut pixels = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            let is_dark = matches!((dark(x), dark(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark);
            pixels.push(if is_dark { 0 } else { 255 });
        }
    }
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str =
        "countersign://enroll?issuer=https%3A%2F%2Fapprove.example.com&code=AAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn the_png_holds_the_modules_and_a_quiet_zone() {
        let bytes = draw(LINK, Image::Png).unwrap();
        let mut reader = png::Decoder::new(io::Cursor::new(&bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let code = QrCode::new(LINK).unwrap();
        let side = info.width as usize;
        assert_eq!(side, (code.width() + 8) * 8);
        assert!(pixels[..4 * 8 * side].iter().all(|&p| p == 255), "quiet zone");
        for y in 0..code.width() {
            for x in 0..code.width() {
                let pixel = pixels[((y + 4) * 8 + 4) * side + (x + 4) * 8 + 4];
                assert_eq!(pixel == 0, code[(x, y)] == Color::Dark, "module {x},{y}");
            }
        }
    }

    #[test]
    fn the_svg_is_an_svg_and_the_terminal_form_has_a_line_for_two_rows() {
        assert!(
            String::from_utf8(draw(LINK, Image::Svg).unwrap())
                .unwrap()
                .contains("<svg")
        );
        let drawn = String::from_utf8(draw(LINK, Image::Terminal).unwrap()).unwrap();
        assert_eq!(
            drawn.lines().count(),
            (QrCode::new(LINK).unwrap().width() + 8).div_ceil(2)
        );
    }
}
