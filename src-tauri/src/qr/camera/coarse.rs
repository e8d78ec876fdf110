//! What a camera sees, so coarse that it shows where something is held and nothing that is written on it.
//!
//! Invariant: at most [`COLUMNS`] × [`ROWS`] cells of sixteen greys. The smallest QR code that holds a link to a one-time code has
//! 25 rows of modules; the one with 21 holds 25 characters.

use serde::{Deserialize, Serialize};

use crate::qr::codes::Picture;

/// Cells in a row.
const COLUMNS: usize = 28;
/// The most rows.
const ROWS: usize = 21;

/// A coarse picture.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Coarse {
    /// Cells in a row.
    columns: u32,
    /// Row by row, a hexadecimal digit each: `0` is black, `f` is white.
    cells: String,
}

impl Coarse {
    pub(super) fn of(picture: &Picture) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let rows = (COLUMNS * height).div_ceil(width.max(1)).clamp(1, ROWS);
        let cells = (0..rows)
            .flat_map(|row| (0..COLUMNS).map(move |column| (column, row)))
            .map(|(column, row)| {
                let across = span(column, COLUMNS, width);
                let down = span(row, rows, height);
                digit(mean(picture, across, down))
            })
            .collect();
        Self {
            columns: COLUMNS as u32,
            cells,
        }
    }
}

impl std::fmt::Debug for Coarse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Coarse({} cells)", self.cells.len())
    }
}

/// The pixels under a cell, at least one.
fn span(cell: usize, cells: usize, pixels: usize) -> std::ops::Range<usize> {
    let from = cell * pixels / cells;
    from..((cell + 1) * pixels / cells).max(from + 1)
}

fn mean(picture: &Picture, across: std::ops::Range<usize>, down: std::ops::Range<usize>) -> u8 {
    let count = across.len() * down.len();
    let sum: usize = down
        .flat_map(|y| across.clone().map(move |x| (x, y)))
        .map(|(x, y)| usize::from(picture.luma(x, y)))
        .sum();
    u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX)
}

fn digit(luma: u8) -> char {
    char::from_digit(u32::from(luma >> 4), 16).unwrap_or('f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_any_shape_has_few_cells() {
        for (width, height, rows) in [
            (1280, 720, 16),
            (640, 480, 21),
            (100, 4000, 21),
            (3, 2, 19),
            (9000, 1, 1),
        ] {
            let picture = Picture::grey(width, vec![0xA5; width * height]).unwrap();
            let coarse = Coarse::of(&picture);
            assert_eq!(coarse.columns, 28);
            assert_eq!(coarse.cells, "a".repeat(28 * rows), "{width}×{height}");
        }
    }

    #[test]
    fn what_is_on_the_left_is_on_the_left() {
        let luma = (0..56 * 42)
            .map(|at| if at % 56 < 28 { 0 } else { 255 })
            .collect();
        let coarse = Coarse::of(&Picture::grey(56, luma).unwrap());
        let row = format!("{}{}", "0".repeat(14), "f".repeat(14));
        assert_eq!(coarse.cells, row.repeat(21));
    }
}
