//! A connection that can be ended from elsewhere: `hyper` finishes the answers in progress before it closes one, but those of a revoked
//! node end at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;

type Severed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A stream that fails once it is severed.
pub(in crate::gateway::arrivals) struct Severable<S> {
    stream: S,
    severed: Severed,
    is_severed: bool,
}

impl<S> Severable<S> {
    /// It is severed when `sever` is true, or dropped.
    pub(in crate::gateway::arrivals) fn new(stream: S, mut sever: watch::Receiver<bool>) -> Self {
        Self {
            stream,
            severed: Box::pin(async move {
                let _ = sever.wait_for(|sever| *sever).await;
            }),
            is_severed: false,
        }
    }

    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_severed = self.is_severed || self.severed.as_mut().poll(context).is_ready();
        if self.is_severed {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Severable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Severable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_severed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_severed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_when_the_stream_is_severed() {
        let (near, mut far) = tokio::io::duplex(64);
        let (sever, severed) = watch::channel(false);
        let mut stream = Severable::new(near, severed);
        far.write_all(b"ab").await.expect("written");
        let mut two = [0; 2];
        stream.read_exact(&mut two).await.expect("read");
        let waiting = tokio::spawn(async move {
            let read = stream.read(&mut two).await;
            (read, stream)
        });
        tokio::task::yield_now().await;
        sever.send_replace(true);
        let (read, mut stream) = waiting.await.expect("ends");
        let error = read.expect_err("severed");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(stream.write(b"c").await.is_err());
    }

    #[tokio::test]
    async fn a_stream_ends_with_the_one_that_could_sever_it() {
        let (near, _far) = tokio::io::duplex(64);
        let (sever, severed) = watch::channel(false);
        let mut stream = Severable::new(near, severed);
        drop(sever);
        assert!(stream.read(&mut [0; 1]).await.is_err());
    }
}
