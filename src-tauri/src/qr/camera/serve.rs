//! What the process with the camera does: pictures in, lines out, until nobody reads them.

use std::{
    io::{Read, Write},
    process::ExitCode,
};

use super::{CameraTrouble, Coarse, Said, device};
use crate::qr::codes::{Picture, texts};

/// More pictures in a row that cannot be read than this are none. Cameras begin with some.
const MAX_UNREADABLE: u32 = 60;

/// Pictures of a camera.
pub(super) trait Frames {
    /// The next one, as soon as there is one; none if it cannot be read.
    ///
    /// # Errors
    /// [`CameraTrouble`]: there will be no more.
    fn next(&mut self) -> Result<Option<Picture>, CameraTrouble>;
}

/// Looks through the first camera that works. Ends when `input` ends, or when nobody reads the output.
pub(crate) fn serve(mut input: impl Read + Send + 'static, output: impl Write) -> ExitCode {
    std::thread::spawn(move || {
        // Nothing is said there: whoever holds the other end has ended, or wants the camera off.
        let _ = input.read(&mut [0]);
        std::process::exit(0)
    });
    match tell(device::open(), output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Tells what is seen, and at last why there is no more.
///
/// # Errors
/// Nobody reads the output.
pub(super) fn tell(
    opened: Result<impl Frames, CameraTrouble>,
    mut output: impl Write,
) -> std::io::Result<()> {
    let why = match opened {
        Ok(mut frames) => {
            let mut unreadable = 0;
            loop {
                match frames.next() {
                    Ok(Some(picture)) => {
                        unreadable = 0;
                        let saw = Said::Saw {
                            picture: Coarse::of(&picture),
                            texts: texts(&picture),
                        };
                        say(&saw, &mut output)?;
                    }
                    Ok(None) if unreadable < MAX_UNREADABLE => unreadable += 1,
                    Ok(None) => break CameraTrouble::Failed,
                    Err(why) => break why,
                }
            }
        }
        Err(why) => why,
    };
    say(&Said::Ended { why }, &mut output)
}

fn say(said: &Said, output: &mut impl Write) -> std::io::Result<()> {
    serde_json::to_writer(&mut *output, said)?;
    output.write_all(b"\n")?;
    output.flush()
}
