//! The domain of the inspection station and the ports its adapters stand behind.
//!
//! Invariants:
//! - No I/O, no clock, no randomness: time and ids are passed in, so that every rule here can be
//!   tested as a table.
//! - A [`verdict::Verdict::Pass`] is made in [`verdict::judge`] and nowhere else. What is read back
//!   from a record is a [`verdict::VerdictCode`], which cannot be turned into a verdict again.
//! - Codes ([`stage::Stage`], [`defect::DefectType`], …) are the vocabulary of screen, database, cloud
//!   and command line alike: they never change once released.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod agreement;
pub mod analysis;
pub mod audit;
pub mod backoff;
pub mod camera;
pub mod chain;
pub mod circuit;
pub mod clock_watch;
pub mod containment;
pub mod defect;
pub mod disposition;
pub mod event;
pub mod facility;
pub mod geometry;
pub mod history;
pub mod id;
pub mod image;
pub mod inspection;
pub mod matching;
pub mod ports;
pub mod queue;
pub mod role;
pub mod sampling;
pub mod service;
pub mod shift;
pub mod sku;
pub mod spending;
pub mod stage;
pub mod summary;
pub mod text;
pub mod time;
pub mod trigger;
pub mod verdict;

/// A code that is none of the known ones. The message lists those that are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} \"{given}\"; known: {known}")]
pub struct UnknownCode {
    /// What was looked for: `stage`, `facility`, ….
    pub what: &'static str,
    /// What was given.
    pub given: String,
    /// The known codes, separated by commas.
    pub known: String,
}

/// Gives a coded enum its `code()`, `ALL`, `Display` and a `FromStr` whose error lists the codes.
macro_rules! coded {
    ($type:ty, $what:literal) => {
        impl $type {
            /// Every value, in its order.
            pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

            /// The code under which the value stands in records, in the cloud and on the command line.
            pub fn code(self) -> &'static str {
                self.into()
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.code())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownCode;

            fn from_str(given: &str) -> Result<Self, Self::Err> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|known| known.code() == given)
                    .ok_or_else(|| {
                        let known: Vec<_> = Self::ALL.iter().map(|known| known.code()).collect();
                        $crate::UnknownCode {
                            what: $what,
                            given: given.to_owned(),
                            known: known.join(", "),
                        }
                    })
            }
        }
    };
}
pub(crate) use coded;
