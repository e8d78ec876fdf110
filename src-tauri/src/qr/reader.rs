//! Looks for codes in a process of its own: this program again, told so by an argument.
//!
//! Invariants: whatever a picture does to the process that reads it (it panics, runs for ever, uses up its memory), the app
//! goes on and says that the picture could not be read. Input, answer and time have limits. Only the answer comes back, as text.

use std::{
    io::{Read, Write},
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

use super::{
    QrError,
    codes::{Picture, PictureError, texts},
    sources::MAX_SCREEN,
};

/// The argument that makes this program a reader.
pub(crate) const ARGUMENT: &str = "--read-picture";
/// How long one picture is looked at.
const LIMIT: Duration = Duration::from_secs(20);
/// The longest input, in bytes: the largest file, which is more than the largest picture in grey, and what stands before it.
const MAX_INPUT: u64 = MAX_SCREEN + 16;
/// The longest answer, in bytes: a code holds less than 3 kB.
const MAX_ANSWER: u64 = 256 * 1024;

const FILE: u8 = b'F';
const GREY: u8 = b'G';

/// What is to be read.
#[derive(Debug)]
pub(super) enum Input {
    /// A PNG or JPEG file.
    File(Vec<u8>),
    /// Pixels.
    Grey(Picture),
}

/// What the reader answers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "found", content = "texts", rename_all = "snake_case")]
enum Answer {
    /// The texts of the codes, perhaps none.
    Codes(Vec<String>),
    NotAPicture,
    TooLarge,
}

/// Has `program` look for codes.
///
/// # Errors
/// [`QrError`]: it is no picture, too large, or could not be read.
pub(super) async fn read(program: &Path, input: Input) -> Result<Vec<String>, QrError> {
    let answer = timeout(LIMIT, ask(program, input)).await;
    let answer = answer.ok().and_then(Result::ok).ok_or(QrError::Unclear)?;
    match serde_json::from_slice(&answer).map_err(|_| QrError::Unclear)? {
        Answer::Codes(texts) => Ok(texts),
        Answer::NotAPicture => Err(QrError::NotAPicture),
        Answer::TooLarge => Err(QrError::TooLarge),
    }
}

async fn ask(program: &Path, input: Input) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .arg(ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    };
    match &input {
        Input::File(bytes) => {
            stdin.write_all(&[FILE]).await?;
            stdin.write_all(bytes).await?;
        }
        Input::Grey(picture) => {
            stdin.write_all(&[GREY]).await?;
            stdin.write_all(&(picture.width() as u32).to_le_bytes()).await?;
            stdin.write_all(picture.pixels()).await?;
        }
    }
    stdin.shutdown().await?;
    drop(stdin);
    let mut answer = Vec::new();
    stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// What the reader's process does: one picture in, one answer out.
pub(crate) fn serve(input: impl Read, mut output: impl Write) -> ExitCode {
    let mut bytes = Vec::new();
    if input.take(MAX_INPUT).read_to_end(&mut bytes).is_err() {
        return ExitCode::FAILURE;
    }
    match serde_json::to_writer(&mut output, &answer(&bytes)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(input: &[u8]) -> Answer {
    let picture = match input {
        [FILE, file @ ..] => Picture::decode(file),
        [GREY, a, b, c, d, luma @ ..] => {
            Picture::grey(u32::from_le_bytes([*a, *b, *c, *d]) as usize, luma.to_vec())
        }
        _ => Err(PictureError::NotAPicture(None)),
    };
    match picture {
        Ok(picture) => Answer::Codes(texts(&picture)),
        Err(PictureError::NotAPicture(_)) => Answer::NotAPicture,
        Err(PictureError::TooLarge) => Answer::TooLarge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_ends_without_an_answer_leaves_the_app_alone() {
        for program in ["/bin/false", "/bin/true", "/bin/echo", "/nonexistent/reader"] {
            let input = Input::File(vec![0; 200_000]);
            let result = read(Path::new(program), input).await;
            assert!(matches!(result, Err(QrError::Unclear)), "{program}: {result:?}");
        }
    }

    #[test]
    fn what_is_no_picture_has_an_answer() {
        for input in [
            &b""[..],
            b"x",
            b"F",
            b"Fnot a picture",
            b"G",
            b"G\x02\0\0\0abc",
            b"G\0\0\0\0ab",
        ] {
            assert_eq!(answer(input), Answer::NotAPicture, "{input:?}");
        }
        let mut wide = b"G".to_vec();
        wide.extend(40_000_u32.to_le_bytes());
        wide.extend(vec![0; 40_000]);
        assert_eq!(answer(&wide), Answer::TooLarge);
        let mut output = Vec::new();
        serve(&b"G\x02\0\0\0abcd"[..], &mut output);
        assert_eq!(output, br#"{"found":"codes","texts":[]}"#);
    }
}
