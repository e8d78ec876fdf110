//! Where windows go, in physical pixels: geometry without a screen.

use serde::{Deserialize, Serialize};

/// What a title bar takes, in logical pixels: window managers do not say before a window is there.
const TITLE_BAR: f64 = 48.0;
/// So much of a window's upper edge has to be on a screen to be taken hold of, in physical pixels.
const HANDLE: i64 = 64;

/// A part of the desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    /// Left edge.
    pub(crate) x: i32,
    /// Upper edge.
    pub(crate) y: i32,
    /// Width.
    pub(crate) width: u32,
    /// Height.
    pub(crate) height: u32,
}

/// A window's upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corner {
    /// From the desktop's left edge.
    pub(crate) x: i32,
    /// From its upper edge.
    pub(crate) y: i32,
}

/// The corner of a window of this size in the middle of an area, or at its corner if it is larger.
pub(crate) fn centred(area: Area, width: u32, height: u32) -> Corner {
    let offset = |room: u32, size: u32| i32::try_from(room.saturating_sub(size) / 2).unwrap_or(0);
    Corner {
        x: area.x.saturating_add(offset(area.width, width)),
        y: area.y.saturating_add(offset(area.height, height)),
    }
}

/// The tallest window that an area holds with its title bar, in logical pixels.
pub(crate) fn tallest(area: Area, scale: f64) -> f64 {
    f64::from(area.height) / scale - TITLE_BAR
}

/// Whether a window there can be taken hold of on one of these screens.
pub(crate) fn reachable(corner: Corner, width: u32, screens: &[Area]) -> bool {
    let (left, top) = (i64::from(corner.x), i64::from(corner.y));
    let right = left + i64::from(width);
    screens.iter().any(|screen| {
        let (x, y) = (i64::from(screen.x), i64::from(screen.y));
        let seen = right.min(x + i64::from(screen.width)) - left.max(x);
        seen >= HANDLE && (y..y + i64::from(screen.height) - HANDLE).contains(&top)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Area = Area {
        x: 0,
        y: 28,
        width: 1366,
        height: 740,
    };
    const RIGHT: Area = Area {
        x: 1366,
        y: 0,
        width: 1920,
        height: 1080,
    };

    #[test]
    fn a_window_is_centred_in_the_area_that_panels_leave() {
        assert_eq!(centred(LEFT, 440, 640), Corner { x: 463, y: 78 });
        assert_eq!(centred(RIGHT, 440, 640), Corner { x: 2106, y: 220 });
        assert_eq!(centred(LEFT, 2000, 2000), Corner { x: 0, y: 28 });
    }

    #[test]
    fn the_tallest_prompt_fits_a_small_screen() {
        assert!(tallest(LEFT, 1.0) >= 640.0);
        assert!(tallest(LEFT, 2.0) < 370.0);
    }

    #[test]
    fn a_window_is_put_back_only_where_it_can_be_moved() {
        let at = |x, y| reachable(Corner { x, y }, 880, &[LEFT, RIGHT]);
        assert!(at(100, 100) && at(3000, 10) && at(-800, 100));
        assert!(!at(-850, 100), "nearly out on the left");
        assert!(!at(5000, 100), "on a screen that is gone");
        assert!(!at(100, -40) && !at(100, 760), "the title bar is out of reach");
    }
}
