//! Asking a server what waits. The request is signed; there is no session and nothing to log in to.

use jiff::Timestamp;
use url::form_urlencoded;

use crate::{Serial, encoding};

/// The moment of a request, as it is signed and sent: `2026-11-22T20:48:00Z`. `now` is in seconds, by the server's clock.
pub fn timestamp(now: i64) -> String {
    // Out of range only where no clock is: the server refuses it then.
    Timestamp::from_second(now).unwrap_or_default().to_string()
}

/// What is signed for a poll.
pub fn signing_input(serial: &Serial, timestamp: &str) -> String {
    format!("{serial}|{timestamp}")
}

/// The query of the `GET`.
pub fn query(serial: &Serial, timestamp: &str, signature: &[u8]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("serial", serial.as_str())
        .append_pair("timestamp", timestamp)
        .append_pair("signature", &encoding::base32(signature))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_names_token_and_moment() {
        let serial = Serial::try_from("PIPU0001".to_owned()).unwrap();
        let at = timestamp(1_795_380_480);
        assert_eq!(at, "2026-11-22T20:48:00Z");
        assert_eq!(signing_input(&serial, &at), "PIPU0001|2026-11-22T20:48:00Z");
        let query = query(&serial, &at, b"fo");
        assert_eq!(
            query,
            "serial=PIPU0001&timestamp=2026-11-22T20%3A48%3A00Z&signature=MZXQ%3D%3D%3D%3D"
        );
    }
}
