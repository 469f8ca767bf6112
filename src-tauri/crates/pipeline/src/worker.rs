//! One loop for both queues: take what is due, work on it with a bounded number in flight, sleep until
//! something falls due or somebody knocks.

use std::{future::Future, sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    ports::{Clock, StoreError},
    time::UnixMillis,
};

/// The longest sleep: due times are looked at again at least so often, whatever the clock does.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The sleep after the records could not be read.
const SLEEP_AFTER_FAULT: Duration = Duration::from_secs(5);

/// Where a worker takes its work from, and what it does with it.
pub(crate) trait Source: Send + Sync + 'static {
    type Work: Send + 'static;

    /// Takes the next piece that is due by `now`.
    fn lease(
        &self,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<Self::Work>, StoreError>> + Send;

    /// Does it, to an end of some kind: failures go back into the queue.
    fn process(&self, work: Self::Work) -> impl Future<Output = ()> + Send;

    /// When the next piece falls due.
    fn next_due(&self) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// The queue itself does not answer. Somebody may be waiting for a part in it, and must hear of that.
    fn failed(&self, error: &StoreError);
}

/// Works until `stop`; what is in flight then is finished or, after its lease, taken up again.
pub(crate) async fn work<S: Source>(
    source: Arc<S>,
    clock: Arc<dyn Clock>,
    knock: Arc<Notify>,
    in_flight: usize,
    stop: CancellationToken,
) {
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        // Registered before the queue is read, so that a knock in between is not missed.
        let knocked = knock.notified();
        tokio::pin!(knocked);
        knocked.as_mut().enable();

        let mut faulted = false;
        while running.len() < in_flight && !stop.is_cancelled() {
            match source.lease(clock.now()).await {
                Ok(Some(work)) => {
                    let source = source.clone();
                    running.spawn(async move { source.process(work).await });
                }
                Ok(None) => break,
                Err(error) => {
                    source.failed(&error);
                    faulted = true;
                    break;
                }
            }
        }
        let full = running.len() >= in_flight;
        let sleep = if faulted {
            SLEEP_AFTER_FAULT
        } else if full {
            // Not slept: the next that ends makes room. Looking for what is due reads the whole queue.
            LONGEST_SLEEP
        } else {
            until_due(&*source, &*clock).await
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = &mut knocked, if !full => {}
            () = tokio::time::sleep(sleep), if !full => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Err(error) = ended {
                    // Its lease runs out, and the part is taken up again.
                    tracing::error!(%error, "a piece of work broke off");
                }
            }
        }
    }
    running.join_all().await;
}

async fn until_due<S: Source>(source: &S, clock: &dyn Clock) -> Duration {
    match source.next_due().await {
        Ok(Some(due)) => due.since(clock.now()).min(LONGEST_SLEEP),
        Ok(None) => LONGEST_SLEEP,
        Err(error) => {
            source.failed(&error);
            SLEEP_AFTER_FAULT
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may")]
    use super::*;
    use tokio::sync::mpsc;
    use wiko_testkit::{builders::NOON, fakes::clock::SetClock};

    /// A queue on a disk that is full.
    struct Full(mpsc::UnboundedSender<StoreError>);

    impl Source for Full {
        type Work = ();

        async fn lease(&self, _: UnixMillis) -> Result<Option<()>, StoreError> {
            Err(StoreError::DiskFull {
                data_dir: "/data".into(),
                reserve: None,
            })
        }

        async fn process(&self, (): ()) {}

        async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
            Ok(None)
        }

        fn failed(&self, error: &StoreError) {
            self.0.send(error.clone()).unwrap();
        }
    }

    #[tokio::test]
    async fn a_queue_that_does_not_answer_is_told_of_at_once() {
        let (told, mut heard) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let work = work(
            Arc::new(Full(told)),
            Arc::new(SetClock::at(NOON)),
            Arc::new(Notify::new()),
            1,
            stop.clone(),
        );
        let listens = async {
            let error = heard.recv().await.unwrap();
            stop.cancel();
            error
        };
        let ((), error) = tokio::join!(work, listens);
        assert!(error.stops_capture());
    }
}
