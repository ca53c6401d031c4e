//! HTTP/1.1 as far as it is needed: requests as bytes, and where an answer ends.

use std::fmt::Write;

use memchr::memmem;

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A request over a kept-alive connection. Each header is a name and a value.
pub(crate) fn request(method: &str, host: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !body.is_empty() {
        let _ = write!(text, "Content-Type: application/json\r\n");
    }
    if method != "GET" {
        let _ = write!(text, "Content-Length: {}\r\n", body.len());
    }
    let _ = write!(text, "\r\n{body}");
    text.into_bytes()
}

/// The request for a WebSocket. The key is RFC 6455's own; nobody here doubts the answer to it.
pub(crate) fn upgrade(host: &str, path: &str) -> Vec<u8> {
    let headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    request("GET", host, path, &headers, "")
}

/// An answer, where it lies in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// Head and body.
    pub(crate) length: usize,
}

/// The first answer of these bytes; `None` when it is not complete. An answer without a `Content-Length` ends with its
/// head, as that of an upgrade does.
pub(crate) fn first(bytes: &[u8]) -> Option<Answer<'_>> {
    let head = memmem::find(bytes, HEAD_END)? + HEAD_END.len();
    let lines = || bytes[..head].split(|byte| *byte == b'\n');
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().unwrap_or_default();
    let length = head + lines().find_map(content_length).unwrap_or_default();
    Some(Answer { status, body: bytes.get(head..length)?, length })
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let bytes = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 4\r\nx: y\r\n\r\n{  }HTTP/1.1 200";
        let answer = Answer { status: 503, body: b"{  }", length: bytes.len() - 12 };
        assert_eq!(first(bytes), Some(answer));
        assert!((0..bytes.len() - 12).all(|cut| first(&bytes[..cut]).is_none()));
    }

    #[test]
    fn an_upgrade_has_no_body() {
        let bytes = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81\x00";
        assert_eq!(first(bytes).map(|answer| (answer.status, answer.length)), Some((101, bytes.len() - 2)));
    }

    #[test]
    fn a_request_tells_the_length_of_its_body() {
        let request = request("POST", "h:1", "/p", &[("A", "b")], "{}");
        let expected =
            "POST /p HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8_lossy(&request), expected);
    }
}
