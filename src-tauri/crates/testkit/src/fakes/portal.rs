//! A server in place of the right one: it answers whatever it is asked with the same few bytes, as a
//! sign-in page or a broken proxy does.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Answers until it is dropped.
#[derive(Debug)]
pub struct Portal {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Portal {
    /// Listens on a free port and answers each request with this head (status line and headers, without
    /// `Content-Length`) and body.
    pub async fn answering(head: &'static str, body: &'static str) -> Self {
        Self::answering_after(Duration::ZERO, head, body).await
    }

    /// The same so long after each request.
    pub async fn answering_after(delay: Duration, head: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(answer(client, delay, head, body));
            }
        });
        Self { address, accepting }
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one request to its end and answers it; whoever hangs up on the way gets nothing.
async fn answer(client: TcpStream, delay: Duration, head: &str, body: &str) -> Option<()> {
    let (from_client, mut to_client) = client.into_split();
    let mut lines = BufReader::new(from_client);
    let (mut line, mut length, mut is_head) = (String::new(), 0, false);
    loop {
        line.clear();
        lines.read_line(&mut line).await.ok()?;
        let told = line.trim().to_ascii_lowercase();
        is_head |= told.starts_with("head ");
        match told.split_once(':') {
            Some(("content-length", number)) => length = number.trim().parse().ok()?,
            Some(("expect", _)) => {
                let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
                to_client.write_all(go_on).await.ok()?;
            }
            _ if told.is_empty() => break,
            _ => {}
        }
    }
    tokio::io::copy(&mut lines.take(length), &mut tokio::io::sink())
        .await
        .ok()?;
    tokio::time::sleep(delay).await;
    let length = body.len();
    let body = if is_head { "" } else { body };
    let reply = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    to_client.write_all(reply.as_bytes()).await.ok()
}
