//! A TCP proxy that loses replies: the request arrives, the answer does not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Stands before a real server until it is dropped.
#[derive(Debug)]
pub struct LossyProxy {
    address: SocketAddr,
    to_lose: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl LossyProxy {
    /// Listens on a free port before `upstream`, `host:port`, and loses nothing yet.
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to_lose = Arc::new(AtomicUsize::new(0));
        let (upstream, losing) = (upstream.to_owned(), to_lose.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, upstream.clone(), losing.clone()));
            }
        });
        Self {
            address,
            to_lose,
            accepting,
        }
    }

    /// Where it listens, as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Loses the next `count` replies.
    pub fn lose(&self, count: usize) {
        self.to_lose.store(count, Ordering::SeqCst);
    }

    /// How many replies are still to be lost.
    pub fn still_to_lose(&self) -> usize {
        self.to_lose.load(Ordering::SeqCst)
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes bytes both ways until a reply is to be lost; then the connection is reset.
async fn pass_on(client: TcpStream, upstream: String, to_lose: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
        // "100 Continue" is no reply yet.
        let is_reply = buffer.starts_with(b"HTTP/1.1 ") && !buffer.starts_with(b"HTTP/1.1 100");
        let one_less = |left: usize| left.checked_sub(1);
        if is_reply
            && to_lose
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
                .is_ok()
        {
            break;
        }
        if to_client.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    requests.abort();
}
