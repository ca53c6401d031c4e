//! A WebSocket spoken byte by byte (RFC 6455), for what no library would send.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::client::{Packet, login_body};
use super::node::{Node, SOCKET_PATH};
use super::within;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The sample nonce of RFC 6455, section 1.3, and the answer it must get.
pub(crate) const NONCE: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame, right or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// The three reserved bits, as the low bits of a number.
    pub(crate) rsv: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

/// An HTTP answer read to the end of its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A TCP connection to the public listener, usually past the WebSocket handshake.
pub(crate) struct RawSocket {
    tcp: TcpStream,
}

impl Frame {
    /// A final, masked frame, as a client sends it.
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, rsv: 0, opcode, masked: true, payload: payload.into() }
    }

    /// More fragments follow.
    pub(crate) fn unfinished(self) -> Self {
        Self { fin: false, ..self }
    }

    pub(crate) fn rsv(self, rsv: u8) -> Self {
        Self { rsv, ..self }
    }

    pub(crate) fn unmasked(self) -> Self {
        Self { masked: false, ..self }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header(self.payload.len() as u64);
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }

    /// The header up to the mask, announcing a payload of any length.
    pub(crate) fn header(&self, length: u64) -> Vec<u8> {
        let mask_bit = u8::from(self.masked) << 7;
        let mut bytes = vec![u8::from(self.fin) << 7 | self.rsv << 4 | self.opcode];
        match length {
            0..=125 => bytes.push(mask_bit | length as u8),
            126..=0xFFFF => {
                bytes.push(mask_bit | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend(length.to_be_bytes());
            }
        }
        bytes
    }

    /// Code and reason of a close frame.
    pub(crate) fn close_reason(&self) -> (u16, String) {
        assert_eq!(self.opcode, CLOSE, "not a close: {self:?}");
        let (code, reason) = self.payload.split_first_chunk().expect("a close frame with a code");
        (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).expect("a reason is UTF-8"))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl RawSocket {
    /// A socket on which the handshake succeeded.
    pub(crate) async fn open(node: &Node) -> Self {
        Self::upgrade(TcpStream::connect(node.public()).await.expect("the public listener accepts")).await
    }

    /// The same with a receive buffer so small that a reader that stops is soon noticed.
    pub(crate) async fn open_narrow(node: &Node) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(2048).expect("a socket option");
        Self::upgrade(socket.connect(node.public()).await.expect("the public listener accepts")).await
    }

    /// Logged in with a fresh login key.
    pub(crate) async fn connect(node: &Node, player: i64) -> Self {
        Self::open(node).await.logged_in(node, player).await
    }

    /// Sends CONNECT and takes its response off the socket.
    pub(crate) async fn logged_in(mut self, node: &Node, player: i64) -> Self {
        let body = login_body(player, &node.api().token(player).await);
        self.send(&Frame::new(TEXT, json!({ "packetType": "CONNECT", "body": body }).to_string())).await;
        assert_eq!(self.expect_packet("RESPONSE_CONNECT").await.status(), 200);
        self
    }

    /// Sends the text of an HTTP request on a new connection; the answer, and the connection after it.
    pub(crate) async fn request(node: &Node, text: &str) -> (Answer, Self) {
        let tcp = TcpStream::connect(node.public()).await.expect("the public listener accepts");
        let mut socket = Self { tcp };
        socket.send_bytes(text.as_bytes()).await;
        (socket.read_answer().await, socket)
    }

    pub(crate) async fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.encode()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        within("sending bytes", self.tcp.write_all(bytes)).await.expect("the server takes bytes");
    }

    /// Whether the connection still takes bytes.
    pub(crate) async fn takes_bytes(&mut self, bytes: &[u8]) -> bool {
        within("sending bytes", self.tcp.write_all(bytes)).await.is_ok()
    }

    /// The next frame.
    pub(crate) async fn read_frame(&mut self) -> Frame {
        within("a frame", async {
            let [first, second] = self.read_bytes().await;
            let length = match second & 0x7F {
                126 => u64::from(u16::from_be_bytes(self.read_bytes().await)),
                127 => u64::from_be_bytes(self.read_bytes().await),
                short => u64::from(short),
            };
            let masked = second & 0x80 != 0;
            assert!(!masked, "a server masks nothing (RFC 6455, section 5.1)");
            let mut payload = vec![0; usize::try_from(length).expect("a frame that fits the memory")];
            self.tcp.read_exact(&mut payload).await.expect("the whole payload");
            Frame { fin: first & 0x80 != 0, rsv: first >> 4 & 0x7, opcode: first & 0xF, masked, payload }
        })
        .await
    }

    /// The next frame, which must hold a whole packet of this type.
    pub(crate) async fn expect_packet(&mut self, packet_type: &str) -> Packet {
        let frame = self.read_frame().await;
        assert!(frame.fin && frame.rsv == 0 && frame.opcode == TEXT, "not a whole text: {frame:?}");
        let packet = Packet::parse(std::str::from_utf8(&frame.payload).expect("text is UTF-8"));
        assert_eq!(packet.packet_type(), packet_type, "{}", packet.text);
        packet
    }

    /// The next frame must be a close with this code, and the end of the connection must follow our echo of it.
    pub(crate) async fn expect_close(&mut self, code: u16) {
        let close = self.read_frame().await;
        assert_eq!(close.close_reason().0, code, "{close:?}");
        // The server may have gone without awaiting the echo: that is its right after a broken protocol.
        let _ = self.tcp.write_all(&Frame::new(CLOSE, close.payload).encode()).await;
        self.expect_end().await;
    }

    /// The connection ends and nothing else comes.
    pub(crate) async fn expect_end(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = within("the end of the connection", self.tcp.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "bytes before the end: {rest:?}");
    }

    async fn upgrade(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).expect("a socket option");
        let mut socket = Self { tcp };
        socket.send_bytes(handshake(&[]).as_bytes()).await;
        let answer = socket.read_answer().await;
        assert_eq!(answer.status, 101, "{answer:?}");
        socket
    }

    async fn read_answer(&mut self) -> Answer {
        within("an HTTP answer", async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.extend(self.read_bytes::<1>().await);
            }
            let mut answer = parse_head(std::str::from_utf8(&head).expect("a head is ASCII"));
            let length = answer.header("content-length").map_or(0, |text| text.parse().expect("a number"));
            let mut body = vec![0; length];
            self.tcp.read_exact(&mut body).await.expect("the whole body");
            answer.body = String::from_utf8(body).expect("a body is UTF-8");
            answer
        })
        .await
    }

    async fn read_bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.tcp.read_exact(&mut bytes).await.expect("more bytes");
        bytes
    }
}

/// The text of a good handshake, in which each change replaces a header, or the request line under the name "",
/// or with an empty value removes it.
pub(crate) fn handshake(changes: &[(&str, &str)]) -> String {
    let request_line = format!("GET {SOCKET_PATH} HTTP/1.1");
    let mut lines = vec![
        ("", request_line.as_str()),
        ("Host", "localhost"),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", NONCE),
    ];
    for (name, value) in changes {
        match lines.iter_mut().find(|(known, _)| known == name) {
            Some(line) => line.1 = value,
            None => lines.push((name, value)),
        }
    }
    let written = lines.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| match *name {
        "" => format!("{value}\r\n"),
        name => format!("{name}: {value}\r\n"),
    });
    written.chain(["\r\n".to_owned()]).collect()
}

fn parse_head(head: &str) -> Answer {
    let mut lines = head.lines();
    let status_line = lines.next().expect("a status line");
    let status = status_line.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: String::new() }
}
