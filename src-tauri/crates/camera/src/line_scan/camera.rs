use super::{
    assembler::{CorrectLines, LineAssembler, LinePicture, LineStatistics, SignalRefused},
    config::{LineScanConfig, LineScanRefused},
    paging::PartSignal,
    rate::LineRate,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use wiko_core::{
    camera::{
        CameraId, DeviceIdentity, Feature, FeatureError, FeatureValue, Frame, FramePicture,
        StreamStatistics,
    },
    ports::{Camera, CameraError, Clock, LostCause},
};

/// So many signals may wait for the next block.
const SIGNALS: usize = 64;

/// A camera whose lines stopped coming for so long is not waiting for a part.
const LINES_WITHIN_MS: u64 = 1_000;

/// Gives each part, or each window, of a line-scan camera as one frame.
///
/// Its frames are numbered from 0; those of the camera behind it are blocks of lines, whose numbers follow the device's.
pub struct LineScanCamera {
    camera: Box<dyn Camera>,
    assembler: LineAssembler,
    clock: Arc<dyn Clock>,
    signals: Receiver<PartSignal>,
    control: LineScanControl,
    sequence: u64,
    /// When the last block came, by the monotonic clock.
    block_came_ms: Option<u64>,
    /// Why there are no more blocks.
    over: Option<CameraError>,
}

/// A hold on a [`LineScanCamera`] from other threads.
#[derive(Debug, Clone)]
pub struct LineScanControl {
    signals: SyncSender<PartSignal>,
    status: Arc<Mutex<LineScanStatus>>,
}

/// How the lines come.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LineScanStatus {
    /// The line rate over the last blocks; none before it can be told.
    pub rate: Option<LineRate>,
    /// What came and what was lost.
    pub statistics: LineStatistics,
}

impl LineScanControl {
    /// Tells that a part begins or has ended, for [`super::PartTrigger::External`]; others do not heed it. It takes effect
    /// with the next row that comes in.
    pub fn tell(&self, signal: PartSignal) -> Result<(), SignalRefused> {
        self.signals.try_send(signal).map_err(|_| SignalRefused)
    }

    /// How the lines come.
    pub fn status(&self) -> LineScanStatus {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineScanCamera {
    /// Takes the memory for the longest picture at once. `camera` gives blocks of lines; `correct` is applied to each
    /// line.
    pub fn new(
        camera: Box<dyn Camera>,
        config: LineScanConfig,
        correct: Option<CorrectLines>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LineScanRefused> {
        let (sender, signals) = sync_channel(SIGNALS);
        Ok(Self {
            camera,
            assembler: LineAssembler::new(config, correct)?,
            clock,
            signals,
            control: LineScanControl {
                signals: sender,
                status: Arc::default(),
            },
            sequence: 0,
            block_came_ms: None,
            over: None,
        })
    }

    /// For other threads.
    pub fn control(&self) -> LineScanControl {
        self.control.clone()
    }

    /// The line rate over the last blocks; none before it can be told.
    pub fn line_rate(&self) -> Option<LineRate> {
        self.assembler.line_rate()
    }

    /// Waits for the next block and takes it in. Gives the picture that a belt which stands ends.
    fn take_block(&mut self, timeout: Duration) -> Result<Option<LinePicture>, CameraError> {
        match self.camera.next_frame(timeout) {
            Ok(block) => {
                let now_ms = self.clock.reading().monotonic_ms;
                self.block_came_ms = Some(now_ms);
                match self.assembler.push(block, now_ms) {
                    Ok(()) => Ok(None),
                    Err(refused) => {
                        let cause = LostCause::NoUsableFormat;
                        self.over = Some(CameraError::lost(cause, refused.to_string()));
                        Ok(None)
                    }
                }
            }
            Err(CameraError::Timeout { .. }) => {
                let now_ms = self.clock.reading().monotonic_ms;
                self.assembler.stand(now_ms).map_err(CameraError::failed)
            }
            Err(bad @ (CameraError::BadFrame { .. } | CameraError::NotReady { .. })) => Err(bad),
            Err(over @ (CameraError::Ended | CameraError::Lost { .. })) => {
                self.over = Some(over);
                Ok(None)
            }
        }
    }

    fn pass_signals_on(&mut self) {
        while let Ok(signal) = self.signals.try_recv() {
            if let Err(refused) = self.assembler.tell(signal) {
                tracing::error!(%refused, "a part's signal is lost");
            }
        }
    }

    fn frame(&mut self, picture: LinePicture) -> Frame {
        let sequence = self.sequence;
        self.sequence += 1;
        Frame {
            sequence,
            exposed_at: picture.exposed_at,
            camera: self.camera.id().clone(),
            picture: FramePicture::Raw(picture.image),
            faults: picture.faults,
            invalid_rows: picture.invalid_rows,
        }
    }

    fn next_picture(&mut self, timeout: Duration) -> Result<LinePicture, CameraError> {
        let begun = Instant::now();
        let mut tried = false;
        loop {
            let picture = self.assembler.next_picture().map_err(CameraError::failed)?;
            if let Some(picture) = picture {
                return Ok(picture);
            }
            if let Some(over) = &self.over {
                let rest = self.assembler.finish().map_err(CameraError::failed)?;
                return rest.ok_or(over.clone());
            }
            self.pass_signals_on();
            let left = timeout.saturating_sub(begun.elapsed());
            if tried && left.is_zero() {
                return Err(CameraError::Timeout {
                    waited_ms: timeout.as_millis() as u64,
                });
            }
            tried = true;
            if let Some(picture) = self.take_block(left)? {
                return Ok(picture);
            }
        }
    }
}

impl Camera for LineScanCamera {
    fn id(&self) -> &CameraId {
        self.camera.id()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let picture = self.next_picture(timeout);
        let status = LineScanStatus {
            rate: self.assembler.line_rate(),
            statistics: self.assembler.statistics(),
        };
        *self
            .control
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = status;
        picture.map(|picture| self.frame(picture))
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        self.camera.device()
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        self.camera.features()
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        self.camera.feature(name)
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        self.camera.set_feature(name, value)
    }

    fn is_waiting(&self) -> bool {
        let now_ms = self.clock.reading().monotonic_ms;
        let since = self.block_came_ms.map(|came| now_ms.saturating_sub(came));
        since.is_some_and(|ms| ms < LINES_WITHIN_MS)
    }

    fn gives_parts(&self) -> bool {
        true
    }

    /// That of the camera behind it: its frames are blocks. What became of rows is in [`LineScanStatus`].
    fn statistics(&self) -> StreamStatistics {
        self.camera.statistics()
    }
}
