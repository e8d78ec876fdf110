//! One call to a server.

use std::time::Duration;

use countersign_privacyidea::reply::MAX_BODY;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use crate::net::{Answer, Connection, Mark, Net, NetError};

/// How long a server may take: it verifies a signature, and hashes nothing for a device.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The way to one server: one connection at a time, used for as long as the server leaves it open and the way stays the same.
#[derive(Debug, Default)]
pub(super) struct Line(Option<(Connection, Mark)>);

impl Line {
    /// Asks for what changes nothing at the server.
    pub(super) async fn get(&mut self, net: &Net, url: &Url) -> Result<Answer, NetError> {
        let mark = net.mark();
        let is_usable = |(open, of): &(Connection, Mark)| open.is_usable() && *of == mark;
        if let Some((mut open, _)) = self.0.take().filter(is_usable) {
            match send(&mut open, Method::GET, url, Vec::new()).await {
                // The server may have closed it in the moment in which it was used (RFC 9112, section 9.3.1). What changes nothing may be
                // asked once more, on a connection of its own.
                Err(NetError::Broken { .. }) => {}
                answered => {
                    let answer = answered?;
                    self.0 = Some((open, mark));
                    return Ok(answer);
                }
            }
        }
        let mut fresh = open(net, url).await?;
        let answer = send(&mut fresh, Method::GET, url, Vec::new()).await?;
        self.0 = Some((fresh, mark));
        Ok(answer)
    }
}

/// Posts a form, on a connection of its own: nothing is ever sent twice because an old one was closed.
pub(super) async fn post(net: &Net, url: &Url, form: &str) -> Result<Answer, NetError> {
    let mut connection = open(net, url).await?;
    send(&mut connection, Method::POST, url, form.as_bytes().to_vec()).await
}

async fn open(net: &Net, url: &Url) -> Result<Connection, NetError> {
    Ok(Connection::open(net, url).await?.reading(MAX_BODY))
}

async fn send(
    connection: &mut Connection,
    method: Method,
    url: &Url,
    body: Vec<u8>,
) -> Result<Answer, NetError> {
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
    }
    connection.send(method, url, headers, body, ANSWER_LIMIT).await
}
