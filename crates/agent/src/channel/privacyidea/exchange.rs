//! One call to a server.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use crate::net::{Answer, Connection, Mark, Net, NetError};

/// How long a server may take: it verifies a signature, and hashes nothing for a device.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// The way to one server: one connection at a time, used for as long as the server leaves it open and the way stays the same.
#[derive(Debug, Default)]
pub(super) struct Line(Option<(Connection, Mark)>);

impl Line {
    pub(super) async fn get(&mut self, net: &Net, url: &Url) -> Result<Answer, NetError> {
        self.send(net, Method::GET, url, Vec::new()).await
    }

    async fn send(
        &mut self,
        net: &Net,
        method: Method,
        url: &Url,
        body: Vec<u8>,
    ) -> Result<Answer, NetError> {
        let mark = net.mark();
        let is_usable = |(open, of): &(Connection, Mark)| open.is_usable() && *of == mark;
        let mut connection = match self.0.take().filter(is_usable) {
            Some((connection, _)) => connection,
            None => Connection::open(net, url).await?,
        };
        let mut headers = HeaderMap::new();
        if !body.is_empty() {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
        }
        let answer = connection.send(method, url, headers, body, ANSWER_LIMIT).await?;
        self.0 = Some((connection, mark));
        Ok(answer)
    }
}

/// Posts a form, on a connection of its own.
pub(super) async fn post(net: &Net, url: &Url, form: &str) -> Result<Answer, NetError> {
    let form = form.as_bytes().to_vec();
    Line::default().send(net, Method::POST, url, form).await
}
