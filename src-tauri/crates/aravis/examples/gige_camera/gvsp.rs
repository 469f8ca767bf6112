//! Sends frames by GVSP 1 (GigE Vision 1.2): a leader, packets of pixels, a trailer.

use crate::{
    registers::{Registers, Stream},
    scene::Scene,
};
use std::{
    net::{Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Headers of IP, UDP and GVSP, which the size of a packet includes.
const HEADERS: usize = 20 + 8 + 8;
const LEADER: u8 = 1;
const TRAILER: u8 = 2;
const PIXELS: u8 = 3;
const IMAGE: u16 = 1;
/// A look at the registers while nothing is sent.
const LOOK: Duration = Duration::from_millis(1);

/// What goes wrong.
pub(crate) struct Faults {
    pub(crate) stop_after: Option<u64>,
    pub(crate) short_block: u32,
    pub(crate) stop_ms: u64,
    pub(crate) drop_every: Option<u64>,
    pub(crate) tear_every: Option<u64>,
    pub(crate) cut_every: Option<u64>,
    pub(crate) shorten_every: Option<u64>,
    pub(crate) oversize_every: Option<u64>,
    pub(crate) empty_every: Option<u64>,
}

impl Faults {
    /// What becomes of the pixels of a block, and of the rows that the camera says it has.
    fn misshape(&self, number: u64, pixels: &mut Vec<u8>, stream: &mut Stream) {
        if every(number, self.cut_every) {
            let row_bytes = pixels.len() / stream.height.max(1) as usize;
            pixels.truncate(pixels.len() - row_bytes / 2);
        }
        if every(number, self.shorten_every) {
            pixels.truncate(pixels.len() / 2);
        }
        if every(number, self.oversize_every) {
            pixels.extend_from_within(..);
            stream.height *= 2;
        }
        if every(number, self.empty_every) {
            pixels.clear();
        }
    }
}

pub(crate) struct Sender {
    pub(crate) registers: Arc<Registers>,
    pub(crate) interface: Ipv4Addr,
    pub(crate) scene: Scene,
    /// True where each frame goes on where the last one ended.
    pub(crate) moves: bool,
    pub(crate) silent: Arc<Mutex<bool>>,
    pub(crate) faults: Faults,
    pub(crate) first_id: u16,
}

fn every(number: u64, fault: Option<u64>) -> bool {
    fault.is_some_and(|every| every > 0 && number.is_multiple_of(every))
}

impl Sender {
    pub(crate) fn run(&self) {
        let socket = UdpSocket::bind((self.interface, 0)).ok();
        // The belt goes on whether anybody looks or not.
        let mut line = 0;
        loop {
            match (self.registers.stream(), &socket) {
                (Some(stream), Some(socket)) => self.stream(socket, stream, &mut line),
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// Until it is stopped or told to send otherwise.
    fn stream(&self, socket: &UdpSocket, stream: Stream, line: &mut u64) {
        let begun = Instant::now();
        let (mut id, mut number) = (self.first_id, 0);
        // Of so many rows.
        let (mut pixels, mut drawn) = (Vec::new(), 0);
        let mut due = Instant::now();
        while self.registers.stream() == Some(stream) {
            if self.registers.waits_for_trigger() {
                if !self.registers.triggered() {
                    std::thread::sleep(LOOK);
                    continue;
                }
            } else {
                due += self.registers.period(stream.height);
                let now = Instant::now();
                if now + Duration::from_secs(2) < due {
                    due = now;
                }
                std::thread::sleep(due.saturating_duration_since(now));
                // One that fell far behind, as on a loaded machine, does not catch up in one burst.
                due = due.max(now.checked_sub(Duration::from_millis(200)).unwrap_or(now));
            }
            // Held until the frame is sent: who is told `done` sees no frame any more.
            let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            if *silent {
                continue;
            }
            number += 1;
            let stops = every(number, self.faults.stop_after);
            let rows = if stops {
                self.faults.short_block.clamp(1, stream.height)
            } else {
                stream.height
            };
            // Where the same is seen again it is not drawn again: a real camera takes nothing of this machine.
            if self.moves || drawn != rows {
                drawn = rows;
                pixels.clear();
                for row in 0..rows {
                    let at = u64::from(stream.offset_y) + u64::from(row) + *line;
                    self.scene.row(
                        stream.format,
                        stream.offset_x,
                        stream.width,
                        at,
                        &mut pixels,
                    );
                }
            }
            let mut said = stream;
            self.faults.misshape(number, &mut pixels, &mut said);
            // What an area sensor looks at stays where it is.
            if self.moves {
                *line += u64::from(rows);
            }
            if !every(number, self.faults.drop_every) {
                let torn = every(number, self.faults.tear_every);
                send(socket, &said, id, begun.elapsed(), rows, &pixels, torn);
            }
            // 0 is no number of a frame.
            id = id.checked_add(1).unwrap_or(1);
            self.registers.one_frame_was_sent();
            drop(silent);
            if stops {
                std::thread::sleep(Duration::from_millis(self.faults.stop_ms));
                due = Instant::now();
            }
        }
    }
}

fn send(
    socket: &UdpSocket,
    stream: &Stream,
    id: u16,
    since_start: Duration,
    rows: u32,
    pixels: &[u8],
    torn: bool,
) {
    let timestamp = since_start.as_nanos() as u64;
    let mut leader = Vec::with_capacity(44);
    leader.extend([0, 0]);
    leader.extend(IMAGE.to_be_bytes());
    leader.extend(timestamp.to_be_bytes());
    // A line sensor does not know at the start of a block how many rows it will have.
    for value in [
        stream.format,
        stream.width,
        stream.height,
        stream.offset_x,
        stream.offset_y,
    ] {
        leader.extend(value.to_be_bytes());
    }
    leader.extend([0; 4]);
    let mut trailer = Vec::with_capacity(16);
    trailer.extend([0, 0]);
    trailer.extend(IMAGE.to_be_bytes());
    trailer.extend(rows.to_be_bytes());

    let mut packet = Vec::with_capacity(stream.packet_size);
    let mut number = 0u32;
    let mut out = |kind: u8, body: &[u8], lost: bool| {
        packet.clear();
        packet.extend([0, 0]);
        packet.extend(id.to_be_bytes());
        packet.extend((u32::from(kind) << 24 | number).to_be_bytes());
        packet.extend(body);
        number += 1;
        if !lost {
            // Nobody listening is not this camera's trouble.
            let _ = socket.send_to(&packet, stream.to);
        }
    };
    out(LEADER, &leader, false);
    let body_bytes = stream.packet_size.saturating_sub(HEADERS).max(1);
    for (n, body) in pixels.chunks(body_bytes).enumerate() {
        out(PIXELS, body, torn && n == 1);
    }
    out(TRAILER, &trailer, false);
}
