//! Work for the async runtime, without its type: each type of future or closure that a runtime is given is one more copy of the code that
//! runs it, and there are a hundred of them.

use std::any::Any;
use std::pin::Pin;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// A value whose type is known where it was made.
pub(crate) type Erased = Box<dyn Any + Send>;

/// Begins `work` on a thread that may block. The future ends with it, or with an error if it panicked.
pub(crate) fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, JoinError>> + Send {
    let running = begin(Box::new(move || Box::new(work())));
    async move { Ok(restored(running.await?)) }
}

fn begin(work: Box<dyn FnOnce() -> Erased + Send>) -> JoinHandle<Erased> {
    spawn_blocking(work)
}

/// The value that was boxed as another type in this module.
pub(crate) fn restored<T: 'static>(value: Erased) -> T {
    match value.downcast() {
        Ok(value) => *value,
        Err(_) => unreachable!("made as a `T`"),
    }
}

/// Runs `task` beside the caller.
pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    run(Box::pin(task))
}

fn run(task: Pin<Box<dyn Future<Output = ()> + Send>>) -> JoinHandle<()> {
    tokio::spawn(task)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_gives_its_value_and_a_panic_is_an_error() {
        assert_eq!(
            blocking(|| String::from("done")).await.ok().as_deref(),
            Some("done")
        );
        let failed = blocking(|| -> u8 { panic!("on purpose") }).await;
        assert!(failed.is_err_and(|error| error.is_panic()));
    }

    #[tokio::test]
    async fn work_begins_before_it_is_waited_for() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let running = blocking(move || sender.send(7));
        assert_eq!(receiver.await, Ok(7));
        assert!(running.await.is_ok());
    }
}
