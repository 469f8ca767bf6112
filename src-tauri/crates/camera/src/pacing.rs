use std::time::{Duration, Instant};

/// How fast a camera without hardware gives its frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pacing {
    /// Each frame as soon as it is asked for: tests and folders of files.
    AsFastAsAsked,
    /// So many frames a second.
    Fps(f64),
}

/// Keeps a pace: a frame that is late does not make the next ones hurry.
#[derive(Debug)]
pub(crate) struct Pacer {
    period: Option<Duration>,
    due: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(pacing: Pacing) -> Self {
        let period = match pacing {
            Pacing::Fps(fps) if fps.is_finite() && fps > 0.0 => {
                Some(Duration::from_secs_f64((1.0 / fps).clamp(1e-4, 3600.0)))
            }
            Pacing::Fps(_) | Pacing::AsFastAsAsked => None,
        };
        Self { period, due: None }
    }

    /// Waits for the next frame's turn, at most `timeout`. False where it is not due by then.
    pub(crate) fn wait(&mut self, timeout: Duration) -> bool {
        let Some(period) = self.period else {
            return true;
        };
        let now = Instant::now();
        let due = self.due.unwrap_or(now);
        let ahead = due.saturating_duration_since(now);
        if ahead > timeout {
            std::thread::sleep(timeout);
            return false;
        }
        std::thread::sleep(ahead);
        self.due = Some(due.max(now) + period);
        true
    }
}
