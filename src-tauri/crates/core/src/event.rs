//! What happens to parts and to the station, for whoever wants to show it: window, command line, log.

use crate::{
    analysis::Analysis,
    circuit::CircuitReport,
    clock_watch::ClockTrouble,
    id::InspectionId,
    image::ImageFacts,
    inspection::{CaptureFacts, Decision, OperatorDecision},
    ports::StoreError,
    queue::{Obstacle, Queue},
};

/// Something happened. Events tell of what is already durable; none is ever the only trace of it.
#[derive(Debug, Clone)]
pub enum StationEvent {
    /// The frame is safe on disk and in the database.
    Captured {
        /// The part.
        capture: CaptureFacts,
        /// Its picture.
        image: ImageFacts,
    },
    /// The local screen has answered; where the chain goes on, the part is still pending.
    Screened {
        /// The part.
        id: InspectionId,
        /// What the screen says.
        screening: Analysis,
    },
    /// The part is decided.
    Decided {
        /// The part.
        id: InspectionId,
        /// How.
        decision: Decision,
    },
    /// A try failed, and the part waits on.
    Delayed {
        /// The part.
        id: InspectionId,
        /// In which queue it waits.
        queue: Queue,
        /// What stands in the way.
        obstacle: Obstacle,
        /// In words, with what to do.
        reason: String,
    },
    /// A person has confirmed or overridden.
    OperatorDecided {
        /// The part.
        id: InspectionId,
        /// How.
        decision: OperatorDecision,
    },
    /// A person has seen to a part of the containment list.
    ContainmentAcknowledged {
        /// The part.
        id: InspectionId,
    },
    /// The part is in S3 and DynamoDB, verified.
    Uploaded {
        /// The part.
        id: InspectionId,
    },
    /// A service is not asked any more, or is asked again. Told once, however many parts wait for it.
    CircuitTurned(CircuitReport),
    /// The clock of this machine cannot be trusted.
    ClockTroubled(ClockTrouble),
    /// The disk failed; no part is captured until a person has looked.
    StorageFault {
        /// What was refused, and what to do.
        error: StoreError,
    },
}
