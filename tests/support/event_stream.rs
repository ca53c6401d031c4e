//! A stream of server-sent events, read by its own rules (WHATWG HTML, "server-sent events").

use serde_json::Value;

use super::within;

/// What is still to come of it.
pub(crate) struct Stream {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(super) fn new(response: reqwest::Response) -> Self {
        Self { response, buffer: Vec::new() }
    }

    /// The next event; comments are passed over.
    pub(crate) async fn next(&mut self) -> Sent {
        self.next_or_end().await.expect("the stream goes on")
    }

    /// `None` when the node ended the stream.
    pub(crate) async fn next_or_end(&mut self) -> Option<Sent> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<_> = self.buffer.drain(..end + 2).collect();
                if let Some(sent) = parse(std::str::from_utf8(&block).expect("UTF-8")) {
                    return Some(sent);
                }
            }
            let chunk = within("more of the stream", self.response.chunk()).await.ok()??;
            self.buffer.extend(chunk);
        }
    }
}

fn parse(block: &str) -> Option<Sent> {
    let field = |name: &str| {
        let values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    let data = field("data");
    if data.is_empty() {
        return None;
    }
    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("{error}: {block}"));
    Some(Sent { id: field("id"), event: field("event"), data })
}
