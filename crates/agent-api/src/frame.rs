//! Framing: a 32-bit big-endian length, then that many bytes of JSON.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The largest frame either side accepts, in bytes.
pub const MAX_FRAME: usize = 1024 * 1024;

/// The most that lists in one frame take, in bytes: the rest is for what is around them.
const MAX_LIST: usize = MAX_FRAME - 64 * 1024;

/// A frame could not be read or written. The connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer closed the connection between two frames.
    #[error("the connection was closed")]
    Closed,
    /// A frame over [`MAX_FRAME`].
    #[error("a frame of {0} bytes is over the limit of {MAX_FRAME}")]
    TooLarge(usize),
    /// Not the JSON that belongs here.
    #[error("a frame is not understood")]
    Malformed(#[source] serde_json::Error),
    /// The socket failed.
    #[error("the socket failed")]
    Io(#[from] std::io::Error),
}

/// How many bytes a value takes in a frame.
///
/// # Errors
/// [`FrameError::Malformed`] for what is no JSON.
pub fn size<T: Serialize + ?Sized>(value: &T) -> Result<usize, FrameError> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_err(FrameError::Malformed)?;
    Ok(count.0)
}

/// What lists in one frame still have room for.
#[derive(Debug)]
pub struct Room(usize);

/// Whether an item has its place in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// It has.
    Yes,
    /// It has not, and nothing after it has.
    No,
}

impl Room {
    /// All of it.
    pub fn new() -> Self {
        Self(MAX_LIST)
    }

    /// Takes the room for one more item.
    pub fn take<T: Serialize + ?Sized>(&mut self, item: &T) -> Fits {
        // One for the comma.
        let left = size(item).ok().and_then(|size| self.0.checked_sub(size + 1));
        self.0 = left.unwrap_or(0);
        left.map_or(Fits::No, |_| Fits::Yes)
    }

    /// As many of these items as there is room for.
    pub fn fill<T: Serialize>(mut self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        let items = items.into_iter();
        items.take_while(|item| self.take(item) == Fits::Yes).collect()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one frame. Not cancellation-safe: keep one reader task per connection.
///
/// # Errors
/// [`FrameError::Closed`] at a clean end; the others mean a broken peer.
pub async fn read<T: DeserializeOwned>(reader: &mut (impl AsyncRead + Unpin)) -> Result<T, FrameError> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length).await {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Err(FrameError::Closed),
        Err(e) => return Err(e.into()),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(FrameError::TooLarge(length));
    }
    let mut body = Vec::new();
    reader.take(length as u64).read_to_end(&mut body).await?;
    if body.len() < length {
        return Err(FrameError::Closed);
    }
    serde_json::from_slice(&body).map_err(FrameError::Malformed)
}

/// Writes one frame and flushes it.
///
/// # Errors
/// [`FrameError::TooLarge`] (nothing was written) or the socket's.
pub async fn write<T: Serialize>(
    writer: &mut (impl AsyncWrite + Unpin),
    value: &T,
) -> Result<(), FrameError> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, value).map_err(FrameError::Malformed)?;
    let length = bytes.len() - 4;
    let prefix = u32::try_from(length)
        .ok()
        .filter(|_| length <= MAX_FRAME)
        .ok_or(FrameError::TooLarge(length))?;
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    writer.write_all(&bytes).await?;
    writer.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{API_VERSION, Call, Request, Role};

    #[tokio::test]
    async fn what_is_written_is_read() {
        let (mut a, mut b) = tokio::io::duplex(64);
        let call = Call {
            id: 7,
            request: Request::Hello {
                version: API_VERSION,
                role: Role::Terminal,
            },
        };
        let sent = call.clone();
        let writer = tokio::spawn(async move { write(&mut a, &sent).await });
        assert_eq!(read::<Call>(&mut b).await.unwrap(), call);
        writer.await.unwrap().unwrap();
        assert!(matches!(read::<Call>(&mut b).await, Err(FrameError::Closed)));
    }

    #[test]
    fn as_much_as_fits_is_a_list_of_that_size() {
        // Each of them is longer in a frame than in memory.
        let items = vec!["\"\n".repeat(500); 1000];
        let fitting = Room::new().fill(&items);
        let size = size(&fitting).unwrap();
        assert!((MAX_LIST - 2500..=MAX_LIST).contains(&size), "{size}");
    }

    #[test]
    fn after_an_item_that_does_not_fit_nothing_does() {
        let mut room = Room::new();
        assert_eq!(room.take(""), Fits::Yes);
        assert_eq!(room.take(&"x".repeat(MAX_LIST)), Fits::No);
        assert_eq!(room.take(""), Fits::No);
    }

    #[tokio::test]
    async fn an_oversized_length_is_refused_before_allocation() {
        let mut bytes: &[u8] = &[0xff, 0xff, 0xff, 0xff];
        assert!(matches!(
            read::<Call>(&mut bytes).await,
            Err(FrameError::TooLarge(_))
        ));
    }

    #[tokio::test]
    async fn an_unknown_method_is_malformed() {
        let body = br#"{"id":1,"request":{"method":"sign_anything"}}"#;
        let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(body);
        assert!(matches!(
            read::<Call>(&mut bytes.as_slice()).await,
            Err(FrameError::Malformed(_))
        ));
    }
}
