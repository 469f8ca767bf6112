use super::{
    gvcp::{self, Pulse},
    load,
    session::{Order, Session},
    worker::{self, Worker},
};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use wiko_aravis::LIBRARY;
use wiko_core::{
    camera::{
        CameraId, DeviceIdentity, Feature, FeatureError, FeatureSettings, FeatureValue,
        FoundDevice, Frame, Mismatch, StreamStatistics, Transport,
    },
    ports::{Camera, CameraError, Clock, LostCause},
};

/// How a camera is opened.
#[derive(Debug, Clone)]
pub struct GenicamOptions {
    /// What its features are to be, by SFNC names; the order does not matter.
    pub settings: FeatureSettings,
    /// Bytes that buffers may take together; three are made whatever they take.
    pub buffers_bytes: usize,
    /// Aravis' library by name or path.
    pub library: String,
}

impl Default for GenicamOptions {
    fn default() -> Self {
        Self {
            settings: FeatureSettings::new(),
            buffers_bytes: 256 << 20,
            library: LIBRARY.to_owned(),
        }
    }
}

/// An open camera of GigE Vision or USB3 Vision, streaming.
pub struct GenicamCamera {
    id: CameraId,
    identity: DeviceIdentity,
    line_scan: bool,
    mismatches: Vec<Mismatch>,
    statistics: StreamStatistics,
    worker: Worker,
}

impl std::fmt::Debug for GenicamCamera {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GenicamCamera({})", self.identity.label())
    }
}

impl GenicamCamera {
    /// Opens a camera that was found, undoes what other programs left in it, sets it and starts it. Takes up to a few
    /// seconds, and no longer than the camera answers. What it did not take is in [`Self::mismatches`].
    pub fn open(
        id: CameraId,
        found: &FoundDevice,
        options: &GenicamOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CameraError> {
        let aravis = load(&options.library)?;
        let identity = found.identity.clone();
        let address = network_address(found);
        if let Some(address) = address {
            must_be_free(address, found)?;
        }
        let pulse = address.map(Pulse::of).transpose();
        let pulse = pulse.map_err(CameraError::failed)?;
        let order = Order {
            id: id.clone(),
            found: found.clone(),
            settings: options.settings.clone(),
            buffers_bytes: options.buffers_bytes,
            clock,
        };
        let (worker, (line_scan, mismatches)) = Worker::start(
            found,
            pulse,
            move |gone| Session::open(aravis, order, gone),
            |session| (session.is_line_scan(), session.mismatches().to_vec()),
        )?;
        Ok(Self {
            id,
            identity,
            line_scan,
            mismatches,
            statistics: StreamStatistics::default(),
            worker,
        })
    }

    /// True where each frame is a block of lines.
    pub fn is_line_scan(&self) -> bool {
        self.line_scan
    }

    /// Features that have not what they were told, on opening or by the last [`Camera::set_feature`] of each. Empty where
    /// the camera does what it was told.
    pub fn mismatches(&self) -> &[Mismatch] {
        &self.mismatches
    }

    /// A camera that does not answer is not asked to let go either.
    fn leave_if_gone(&mut self, error: Option<&CameraError>) {
        if let Some(CameraError::Lost {
            cause: LostCause::Unplugged,
            ..
        }) = error
        {
            self.worker.leave();
        }
    }
}

/// Says at once what Aravis would take many seconds to find out: that nobody is there, or that somebody has it.
fn must_be_free(address: Ipv4Addr, found: &FoundDevice) -> Result<(), CameraError> {
    const TRIES: u16 = 3;
    let label = found.identity.label();
    let mut privilege = gvcp::control_channel_privilege(address, TRIES);
    if gvcp::is_controlled(&privilege) && worker::wait_until_let_go(&found.address) {
        privilege = gvcp::control_channel_privilege(address, TRIES);
    }
    if gvcp::is_controlled(&privilege) {
        return Err(CameraError::lost(
            LostCause::OpenElsewhere,
            format!(
                "{label} is open in another program or at another station; close it there first"
            ),
        ));
    }
    match privilege {
        Err(error) if !gvcp::is_answer(&error) => Err(CameraError::lost(
            LostCause::NotFound,
            format!("{label} does not answer at {address}; check cable, power and network"),
        )),
        // What it answers is no more than a sign of life; opening says the rest.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// None for cameras that are not reached by one.
fn network_address(found: &FoundDevice) -> Option<Ipv4Addr> {
    let is_gige = found.identity.transport == Transport::GigeVision;
    found.address.parse().ok().filter(|_| is_gige)
}

fn loss_of<T>(answer: &Result<T, FeatureError>) -> Option<&CameraError> {
    match answer {
        Err(FeatureError::Camera(error)) => Some(error),
        _ => None,
    }
}

impl Camera for GenicamCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let asked = self.worker.ask(move |session| {
            let frame = session.next_frame(timeout);
            (frame, session.statistics())
        });
        let (frame, statistics) = asked?;
        self.statistics = statistics;
        // A damaged one is a sign of life as well.
        if matches!(frame, Ok(_) | Err(CameraError::BadFrame { .. })) {
            self.worker.heard();
        } else if self.worker.is_gone() {
            // Asked for so short a time that nobody looked while it was waited.
            return Err(self.worker.leave());
        }
        self.leave_if_gone(frame.as_ref().err());
        frame
    }

    fn device(&self) -> Option<&DeviceIdentity> {
        Some(&self.identity)
    }

    fn features(&mut self) -> Result<Vec<Feature>, CameraError> {
        let features = self.worker.ask(Session::features)?;
        self.leave_if_gone(features.as_ref().err());
        features
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        let asked = name.to_owned();
        let feature = self.worker.ask(move |session| session.feature(&asked))?;
        self.leave_if_gone(loss_of(&feature));
        feature
    }

    fn set_feature(&mut self, name: &str, value: &FeatureValue) -> Result<Feature, FeatureError> {
        let (name, value) = (name.to_owned(), value.clone());
        let (set, mismatches) = self.worker.ask(move |session| {
            let set = session.set_feature(&name, &value);
            (set, session.mismatches().to_vec())
        })?;
        self.mismatches = mismatches;
        self.leave_if_gone(loss_of(&set));
        set
    }

    fn statistics(&self) -> StreamStatistics {
        self.statistics
    }
}
