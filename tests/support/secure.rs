//! TLS as a client meets it: a certificate of the test's own, and a WebSocket through HTTPS.

use std::fs;
use std::path::Path;

use reqwest::{Certificate, Method, StatusCode, header};

use super::client::Io;
use super::node::{Node, SOCKET_PATH};
use super::raw::{ACCEPT, NONCE};
use super::within;

/// Files of a self-signed certificate for loopback in a folder, and the certificate as clients trust it.
pub(crate) fn certify(folder: &Path) -> Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let pem = made.cert.pem();
    fs::write(folder.join("certificate.pem"), &pem).expect("the folder takes a file");
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("the folder takes a file");
    Certificate::from_pem(pem.as_bytes()).expect("a certificate")
}

/// The stream behind a WebSocket handshake over HTTPS.
pub(crate) async fn upgrade(node: &Node) -> Box<dyn Io> {
    let request = node
        .request(Method::GET, SOCKET_PATH)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, NONCE);
    let response = within("WebSocket handshake", request.send()).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], ACCEPT);
    Box::new(response.upgrade().await.expect("the connection after the handshake"))
}
