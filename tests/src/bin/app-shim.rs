//! Stands where the agent expects the app: tells the test which arguments it was started with, and ends when the test
//! closes the connection, as the app ends with its last window. First argument: the test's socket.

use std::{
    io::{Read, Write},
    os::unix::{ffi::OsStrExt, net::UnixStream},
    process::ExitCode,
};

fn main() -> ExitCode {
    match report() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("countersign-app-shim: {e}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let socket = arguments
        .next()
        .ok_or_else(|| std::io::Error::other("no socket given"))?;
    let mut stream = UnixStream::connect(socket)?;
    let arguments: Vec<_> = arguments.collect();
    let joined = arguments
        .iter()
        .map(|a| a.as_bytes())
        .collect::<Vec<_>>()
        .join(&0);
    let length = u32::try_from(joined.len()).map_err(std::io::Error::other)?;
    stream.write_all(&length.to_be_bytes())?;
    stream.write_all(&joined)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
