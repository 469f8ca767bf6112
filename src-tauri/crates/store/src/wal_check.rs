//! Whether the write-ahead log that a crash left has lost what was committed.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong and takes that for the end, because the end of
//! a log may be torn where the power went. It says nothing where the frame was in the middle, and what was committed
//! after it is gone.
//!
//! Invariant: nothing is said of a log that a power cut can leave. Each commit is on the platter before the next one
//! begins, so behind the first wrong frame of such a log stands at most one commit.
//!
//! Source: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The last bit says in which order of bytes the checksums are made.
const MAGIC: u32 = 0x377f_0682;

/// A page of SQLite has no more bytes.
const LARGEST_PAGE: usize = 65_536;

/// Commits that stand behind the first frame that cannot be read, where they are more than a power cut leaves;
/// otherwise 0. Of a log that is not there 0. Blocks.
pub(crate) fn lost_commits(wal: &Path) -> io::Result<u64> {
    let mut file = match File::open(wal) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER];
    if !filled(&mut file, &mut header)? {
        return Ok(0);
    }
    let page = word(&header, 8) as usize;
    if word(&header, 0) & !1 != MAGIC || !(512..=LARGEST_PAGE).contains(&page) {
        return Ok(0);
    }
    let mut sum = Checksum {
        big_endian: word(&header, 0) & 1 == 1,
        sums: (0, 0),
    };
    let (signed, said) = header.split_at(24);
    sum.add(signed);
    let mut whole = sum.is(said);
    let mut commits_behind = 0;
    let mut frame = vec![0; FRAME_HEADER + page];
    while filled(&mut file, &mut frame)? {
        // Frames of an earlier round of the log lie behind its end, with other salts.
        let of_this_round = frame.get(8..16) == header.get(16..24);
        if whole {
            sum.add(frame.get(..8).unwrap_or_default());
            sum.add(frame.get(FRAME_HEADER..).unwrap_or_default());
            whole = of_this_round && sum.is(frame.get(16..24).unwrap_or_default());
        }
        let ends_a_commit = word(&frame, 4) != 0;
        if !whole && of_this_round && ends_a_commit {
            commits_behind += 1;
        }
    }
    Ok(if commits_behind > 1 {
        commits_behind
    } else {
        0
    })
}

/// Fills the whole of it; false at the end of the file.
fn filled(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A big-endian word; 0 beyond the end.
fn word(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    found.map_or(0, u32::from_be_bytes)
}

/// The running checksum of a log.
struct Checksum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let of = |word: [u8; 4]| match self.big_endian {
            true => u32::from_be_bytes(word),
            false => u32::from_le_bytes(word),
        };
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            let [a, b, c, d, e, f, g, h] = *pair else {
                continue;
            };
            first = first.wrapping_add(of([a, b, c, d])).wrapping_add(second);
            second = second.wrapping_add(of([e, f, g, h])).wrapping_add(first);
        }
        self.sums = (first, second);
    }

    fn is(&self, said: &[u8]) -> bool {
        self.sums == (word(said, 0), word(said, 4))
    }
}
