//! Identity of an inspection: a UUIDv7, called `defect_id` outside.

use crate::time::UnixMillis;
use std::{fmt, str::FromStr};

/// The id of one inspection. UUIDv7: sorts by the millisecond of capture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct InspectionId(uuid::Uuid);

impl InspectionId {
    /// From the time of capture and ten random bytes.
    pub fn new(captured_at: UnixMillis, random: [u8; 10]) -> Self {
        let millis = u64::try_from(captured_at.0).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The last of its random bits, as a number.
    pub fn random_tail(self) -> u32 {
        let [.., a, b, c, d] = self.0.into_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for InspectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for InspectionId {
    type Err = NotAnInspectionId;

    /// Only the canonical form is taken, because an id is also a file's name.
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let id = uuid::Uuid::try_parse(given).map_err(|_| NotAnInspectionId)?;
        if id.as_hyphenated().to_string() == given {
            Ok(Self(id))
        } else {
            Err(NotAnInspectionId)
        }
    }
}

/// The text is no inspection id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an inspection id: it looks like 0198c0de-0000-7000-8000-000000000000")]
pub struct NotAnInspectionId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_of_capture() {
        let early = InspectionId::new(UnixMillis(1_000), [0xff; 10]);
        let late = InspectionId::new(UnixMillis(1_001), [0; 10]);
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
    }

    #[test]
    fn an_id_that_could_be_a_path_is_refused() {
        for given in [
            "../x",
            "",
            "{00000000-0000-7000-8000-000000000000}",
            "A0000000-0000-7000-8000-00000000000A",
        ] {
            assert_eq!(
                given.parse::<InspectionId>(),
                Err(NotAnInspectionId),
                "{given}"
            );
        }
    }
}
