//! Asks a GigE Vision camera for a register by itself, without its control channel and without Aravis, whose calls take
//! seconds where nobody answers.
//!
//! Invariant: nothing here waits longer than it says, and a camera counts as gone only by questions that it left
//! unanswered, never by the time alone: a station that was held up itself loses no camera.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

const GVCP_PORT: u16 = 3956;
/// An answer on a network of cameras takes less than a millisecond.
const ANSWER_WITHIN: Duration = Duration::from_millis(250);
/// The register that says who controls a camera, which every camera has and lets anybody read.
const CONTROL_CHANNEL_PRIVILEGE: u32 = 0x0a00;
/// A camera that gives something is not asked.
const QUIET: Duration = Duration::from_millis(200);
/// Answers that are looked at in one go.
const MOST_ANSWERS: usize = 16;
/// So many questions in a row without an answer, and it is gone.
const UNANSWERED: u32 = 6;

fn connect(camera: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((camera, GVCP_PORT))?;
    Ok(socket)
}

fn ask(socket: &UdpSocket, number: u16) -> io::Result<()> {
    let [high, low] = number.to_be_bytes();
    let [a, b, c, d] = CONTROL_CHANNEL_PRIVILEGE.to_be_bytes();
    // READREG with an answer asked for, four bytes: the address.
    let question = [0x42, 0x01, 0x00, 0x80, 0x00, 0x04, high, low, a, b, c, d];
    socket.send(&question).map(drop)
}

/// Who controls a camera. Asks `tries` times.
pub(super) fn control_channel_privilege(camera: Ipv4Addr, tries: u16) -> io::Result<u32> {
    let socket = connect(camera)?;
    socket.set_read_timeout(Some(ANSWER_WITHIN))?;
    let mut last = io::ErrorKind::TimedOut.into();
    for number in 1..=tries.max(1) {
        // A network that is just coming up refuses for a moment.
        match ask(&socket, number).and_then(|()| answer(&socket)) {
            Ok(privilege) => return Ok(privilege),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn answer(socket: &UdpSocket) -> io::Result<u32> {
    let mut answer = [0; 64];
    let length = socket.recv(&mut answer)?;
    match &answer[..length] {
        [0, 0, 0, 0x81, 0, 4, _, _, a, b, c, d] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// True where somebody has it, this station or another.
pub(super) fn is_controlled(privilege: &io::Result<u32>) -> bool {
    privilege.as_ref().is_ok_and(|privilege| privilege & 3 != 0)
}

/// True where it answered, only otherwise than it was asked: a refusal is a sign of life as well.
pub(super) fn is_answer(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData
}

/// Signs of life of a camera that gives nothing at the moment.
pub(super) struct Pulse {
    socket: UdpSocket,
    number: u16,
    quiet_since: Instant,
    /// When it was asked last.
    asked: Option<Instant>,
    is_answered: bool,
    unanswered: u32,
}

impl Pulse {
    pub(super) fn of(camera: Ipv4Addr) -> io::Result<Self> {
        let socket = connect(camera)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            number: 0,
            quiet_since: Instant::now(),
            asked: None,
            is_answered: false,
            unanswered: 0,
        })
    }

    /// Something came from it.
    pub(super) fn heard(&mut self) {
        self.quiet_since = Instant::now();
        self.asked = None;
        self.unanswered = 0;
    }

    /// Asks it where it is time to, and answers whether it is gone. To be called again and again while it is quiet; does
    /// not wait.
    pub(super) fn is_gone(&mut self) -> bool {
        let mut answer = [0; 64];
        for _ in 0..MOST_ANSWERS {
            match self.socket.recv(&mut answer) {
                Ok(_) => {
                    self.is_answered = true;
                    self.unanswered = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // That nobody listens there is no sign of life; the question stays unanswered.
                Err(_) => {}
            }
        }
        let just_asked = self
            .asked
            .is_some_and(|asked| asked.elapsed() < ANSWER_WITHIN);
        if just_asked || self.quiet_since.elapsed() < QUIET {
            return false;
        }
        if self.asked.is_some() && !self.is_answered {
            self.unanswered += 1;
        }
        if self.unanswered >= UNANSWERED {
            return true;
        }
        self.number = self.number.checked_add(1).unwrap_or(1);
        // One that cannot be sent stays unanswered.
        let _ = ask(&self.socket, self.number);
        self.asked = Some(Instant::now());
        self.is_answered = false;
        false
    }
}
