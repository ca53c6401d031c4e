//! HTTP, as little as it takes: one request at a time, no header but the few that matter.

use std::ops::Range;

use anyhow::{Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use sha1::{Digest, Sha1};

const MOST_HEAD: usize = 16 * 1024;
/// RFC 6455, section 1.3.
const HANDSHAKE: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What every HTTP request is answered, as long as Guildhall's answer to a change of members.
pub(super) const DONE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 41\r\ncontent-type: application/json\r\n\
    date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n{\"code\":0,\"message\":\"Success.\",\"data\":{}}";
/// The answer when the disk refused.
pub(super) const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

/// One request. What it holds are places in the buffer it was read from.
pub(super) struct Request {
    pub(super) method: Range<usize>,
    pub(super) path: Range<usize>,
    pub(super) body: Range<usize>,
    /// The key of a WebSocket handshake.
    pub(super) socket_key: Option<String>,
}

impl Request {
    /// Whether somebody enters or leaves a channel by it.
    pub(super) fn is_membership(&self, bytes: &[u8]) -> bool {
        str::from_utf8(&bytes[self.path.clone()]).is_ok_and(|path| membership(path).is_some())
    }
}

/// The first request in `buffer`; `None` until all of it is there.
///
/// # Errors
/// It is no HTTP request.
pub(super) fn read(buffer: &[u8]) -> Result<Option<Request>> {
    let Some(head) = memmem::find(buffer, b"\r\n\r\n") else {
        if buffer.len() > MOST_HEAD {
            bail!("no end of the head");
        }
        return Ok(None);
    };
    let text = str::from_utf8(&buffer[..head])?;
    let mut line = text.split_once("\r\n").map_or(text, |(line, _)| line).split(' ');
    let (Some(method), Some(path)) = (line.next(), line.next()) else { bail!("no request line") };
    let length = header(text, "content-length").map_or(Ok(0), str::parse::<usize>)?;
    let body = head + 4..head + 4 + length;
    let path = method.len() + 1..method.len() + 1 + path.len();
    let socket_key = header(text, "sec-websocket-key").map(str::to_owned);
    let request = Request { method: 0..method.len(), path, body, socket_key };
    Ok((request.body.end <= buffer.len()).then_some(request))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    };
    head.lines().skip(1).find_map(value)
}

/// The answer to a WebSocket handshake.
pub(super) fn switch(key: &str) -> String {
    let accept = BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(HANDSHAKE).finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
    )
}

/// Game, channel and player of `/api/v1/games/GAME/channels/CHANNEL/members/PLAYER`.
pub(super) fn membership(path: &str) -> Option<[&str; 3]> {
    let (game, rest) = path.strip_prefix("/api/v1/games/")?.split_once("/channels/")?;
    let (channel, player) = rest.split_once("/members/")?;
    Some([game, channel, player])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_once_its_body_is_there() {
        let request = b"POST /customs HTTP/1.1\r\nhost: x\r\nContent-Length: 3\r\n\r\nabcGET";
        let end = request.len() - "GET".len();
        assert!(read(&request[..end - 1]).expect("well formed").is_none());
        let found = read(request).expect("well formed").expect("whole");
        assert_eq!(
            (&request[found.method], &request[found.path], &request[found.body]),
            (&b"POST"[..], &b"/customs"[..], &b"abc"[..])
        );
    }

    #[test]
    fn the_handshake_is_the_one_of_the_rfc() {
        // The example of section 1.3.
        assert!(switch("dGhlIHNhbXBsZSBub25jZQ==").contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    }

    #[test]
    fn a_member_is_named_by_the_path() {
        assert_eq!(membership("/api/v1/games/7/channels/open:1/members/51"), Some(["7", "open:1", "51"]));
        assert_eq!(membership("/api/v1/games/7/channels/open:1"), None);
    }
}
