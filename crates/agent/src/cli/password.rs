//! Secrets that are typed: read from the terminal without showing them, or from a file.
//!
//! Invariants: nothing typed is shown or kept; the terminal is as it was before, also after Ctrl+C.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, Read as _, Write as _},
    path::Path,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{CliError, args::PasswordFrom};

/// The longest one, in bytes.
const MAX: usize = 4096;

/// Ctrl+C and Ctrl+D.
const CANCEL: [u8; 2] = [3, 4];

/// From the file that was named, or from the terminal.
pub(super) fn read(from: &PasswordFrom, question: &str) -> Result<Zeroizing<String>, CliError> {
    match &from.password_file {
        Some(path) => first_line(path),
        None => ask(question),
    }
}

/// A new one: typed twice on the terminal.
pub(super) fn read_new(from: &PasswordFrom, question: &str) -> Result<Zeroizing<String>, CliError> {
    let password = read(from, question)?;
    if from.password_file.is_none() && *ask("Again: ")? != *password {
        return Err(CliError::PasswordsDiffer);
    }
    Ok(password)
}

fn first_line(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Io {
        doing: "read the password file",
        source,
    };
    let line = if path == Path::new("-") {
        line_of(io::stdin())
    } else {
        line_of(File::open(path).map_err(failed)?)
    };
    line.map_err(failed)?.ok_or(CliError::PasswordTooLong)
}

/// The first line, without its end. None if it is too long: cut, it would be another password.
fn line_of(input: impl io::Read) -> io::Result<Option<Zeroizing<String>>> {
    let limit = MAX + "\r\n".len();
    let mut line = Zeroizing::new(String::with_capacity(limit));
    io::BufReader::new(input.take(limit as u64)).read_line(&mut line)?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok((end <= MAX).then_some(line))
}

/// Asks on the terminal, whatever standard input is, and shows nothing of the answer.
pub(super) fn ask(question: &str) -> Result<Zeroizing<String>, CliError> {
    let failed = |source| CliError::Io {
        doing: "ask on the terminal",
        source,
    };
    let mut terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(|_| CliError::NoTerminal)?;
    terminal.write_all(question.as_bytes()).map_err(failed)?;
    let quiet = Quiet::new(&terminal).map_err(|errno| failed(errno.into()))?;
    let typed = line(&terminal);
    drop(quiet);
    terminal.write_all(b"\n").map_err(failed)?;
    let typed = typed.map_err(failed)?;
    let text = std::str::from_utf8(&typed).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads to the end of the line, as a terminal in raw mode gives it.
fn line(mut terminal: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut typed = Zeroizing::new(Vec::with_capacity(MAX));
    let mut byte = [0];
    while terminal.read(&mut byte)? == 1 {
        match byte[0] {
            b'\n' | b'\r' => return Ok(typed),
            8 | 127 => {
                // One character, of however many bytes.
                while typed.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
            }
            byte if CANCEL.contains(&byte) => break,
            byte if typed.len() < MAX => typed.push(byte),
            _ => break,
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

/// A terminal that shows nothing and sends no signals, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn new(terminal: &'a File) -> rustix::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Option<String> {
        let line = line_of(text.as_bytes()).unwrap();
        line.map(|line| line.to_string())
    }

    #[test]
    fn the_first_line_is_taken_whole_or_not_at_all() {
        assert_eq!(line("correct horse\r\nsecond").as_deref(), Some("correct horse"));
        assert_eq!(line("").as_deref(), Some(""));
        let longest = "x".repeat(MAX);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(line(&format!("{longest}{end}")).as_deref(), Some(&*longest));
            assert_eq!(line(&format!("{longest}x{end}")), None);
        }
    }
}
