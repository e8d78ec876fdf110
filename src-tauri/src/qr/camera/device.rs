//! Cameras as Linux has them (V4L2): the first one whose pictures can be read.
//!
//! Invariant: what a driver says of its pictures is checked against what it delivers.

use std::io::{Error, ErrorKind};

use linuxvideo::{
    BufType, Device,
    format::{PixFormat, PixelFormat},
    stream::ReadStream,
};

use super::{CameraTrouble, serve::Frames};
use crate::qr::codes::{Picture, check};

/// Device files beyond this number are not looked at.
const MAX_DEVICES: u32 = 64;
/// Large enough for the codes of a batch; the driver gives what comes near.
const WANTED: (u32, u32) = (1280, 720);
/// How pictures may come, the best first. Grey is that of cameras for faces, which see no screen: only if there is nothing else.
const LAYOUTS: [(PixelFormat, Layout); 6] = [
    (PixelFormat::YUYV, Layout::Every { step: 2, first: 0 }),
    (
        PixelFormat::from_fourcc(*b"UYVY"),
        Layout::Every { step: 2, first: 1 },
    ),
    (
        PixelFormat::from_fourcc(*b"NV12"),
        Layout::Every { step: 1, first: 0 },
    ),
    (PixelFormat::MJPG, Layout::Jpeg),
    (PixelFormat::JPEG, Layout::Jpeg),
    (
        PixelFormat::from_fourcc(*b"GREY"),
        Layout::Every { step: 1, first: 0 },
    ),
];
/// How the greys lie in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In every so manieth byte of a row. Colours beside or below are left out.
    Every { step: usize, first: usize },
    /// Compressed.
    Jpeg,
}

/// What the driver said about its pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) height: usize,
    /// From row to row, in bytes; 0: not said.
    pub(super) stride: usize,
    pub(super) layout: Layout,
}

/// A camera that is on.
struct Camera {
    stream: ReadStream,
    shape: Shape,
}

/// Turns on the camera that fits best, of those that work.
///
/// # Errors
/// Why none does: of several reasons the last one.
pub(super) fn open() -> Result<impl Frames, CameraTrouble> {
    let mut trouble = CameraTrouble::Missing;
    let mut found = Vec::new();
    for number in 0..MAX_DEVICES {
        match find(number) {
            Ok(Some((rank, device))) => found.push((rank, device)),
            Ok(None) => {}
            Err(error) => trouble = reason(&error),
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    for (rank, device) in found {
        match start(device, rank) {
            Ok(camera) => return Ok(camera),
            Err(error) => trouble = reason(&error),
        }
    }
    Err(trouble)
}

/// The camera with this number and the place of its layout in [`LAYOUTS`]; none if there is no such camera.
fn find(number: u32) -> std::io::Result<Option<(usize, Device)>> {
    let device = match Device::open(format!("/dev/video{number}")) {
        Ok(device) => device,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Cameras have further device files, for what is no picture.
    let given: Vec<PixelFormat> = device
        .formats(BufType::VIDEO_CAPTURE)
        .map_while(Result::ok)
        .map(|format| format.pixel_format())
        .collect();
    let rank = LAYOUTS.iter().position(|(format, _)| given.contains(format));
    Ok(rank.map(|rank| (rank, device)))
}

fn start(device: Device, rank: usize) -> std::io::Result<Camera> {
    let (format, layout) = LAYOUTS.get(rank).copied().ok_or(ErrorKind::Unsupported)?;
    let capture = device.video_capture(PixFormat::new(WANTED.0, WANTED.1, format))?;
    let agreed = capture.format();
    if agreed.pixel_format() != format {
        return Err(ErrorKind::Unsupported.into());
    }
    let shape = Shape {
        width: agreed.width() as usize,
        height: agreed.height() as usize,
        stride: agreed.bytes_per_line() as usize,
        layout,
    };
    let stream = capture.into_stream()?;
    Ok(Camera { stream, shape })
}

fn reason(error: &Error) -> CameraTrouble {
    const OF: [(ErrorKind, CameraTrouble); 3] = [
        (ErrorKind::PermissionDenied, CameraTrouble::Forbidden),
        (ErrorKind::ResourceBusy, CameraTrouble::Busy),
        // It was unplugged.
        (ErrorKind::NotFound, CameraTrouble::Missing),
    ];
    let known = OF.iter().find(|(kind, _)| *kind == error.kind());
    known.map_or(CameraTrouble::Failed, |(_, trouble)| *trouble)
}

impl Frames for Camera {
    fn next(&mut self) -> Result<Option<Picture>, CameraTrouble> {
        let shape = self.shape;
        self.stream
            .dequeue(|frame| {
                Ok(if frame.is_error() {
                    None
                } else {
                    picture(shape, &frame)
                })
            })
            .map_err(|error| reason(&error))
    }
}

/// The greys of a picture; none if it is not what the driver said.
pub(super) fn picture(shape: Shape, bytes: &[u8]) -> Option<Picture> {
    let Shape {
        width,
        height,
        stride,
        layout,
    } = shape;
    let (step, first) = match layout {
        Layout::Jpeg => return Picture::decode(bytes).ok(),
        Layout::Every { step, first } => (step, first),
    };
    check(width as u64, height as u64).ok()?;
    let row = width * step;
    let stride = if stride == 0 { row } else { stride };
    if width == 0 || height == 0 || stride < row || bytes.len() < stride.checked_mul(height - 1)? + row {
        return None;
    }
    let luma = bytes
        .chunks(stride)
        .take(height)
        .flat_map(|line| line.iter().take(row).skip(first).step_by(step).copied())
        .collect();
    Picture::grey(width, luma).ok()
}
