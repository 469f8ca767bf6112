//! Which parts belong to a sample: one in so many, by the random part of their id alone.
//!
//! Invariants:
//! - A further try of the same part comes to the same.
//! - No order of the parts on the line hides a kind of them from a sample.
//! - The samples are independent of each other.

use crate::id::InspectionId;

/// Parts that models are asked for although their budget is spent; 0 for none.
pub fn of_budget(id: InspectionId, every: u32) -> bool {
    drawn(id.random_tail(), every)
}

/// Parts that were found good and that a person looks at all the same; 0 for none.
pub fn of_review(id: InspectionId, every: u32) -> bool {
    drawn(mixed(id.random_tail()), every)
}

/// Every bit of it depends on every bit of the number: the finalizer of MurmurHash3 (Appleby). Bytes in another
/// order would not do, for their sum stays, and with it the number modulo 5.
fn mixed(number: u32) -> u32 {
    let number = (number ^ (number >> 16)).wrapping_mul(0x85eb_ca6b);
    let number = (number ^ (number >> 13)).wrapping_mul(0xc2b2_ae35);
    number ^ (number >> 16)
}

fn drawn(random: u32, every: u32) -> bool {
    random.checked_rem(every) == Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{image::Sha256, time::UnixMillis};

    fn ids() -> impl Iterator<Item = InspectionId> {
        (0_u32..10_000).map(|n| {
            let mut random = [0; 10];
            random.copy_from_slice(&Sha256::of(&n.to_be_bytes()).bytes()[..10]);
            InspectionId::new(UnixMillis(1), random)
        })
    }

    #[test]
    fn a_sample_holds_one_part_in_so_many_and_none_where_it_is_switched_off() {
        for sample in [of_budget, of_review] {
            let size = |every| ids().filter(|id| sample(*id, every)).count();
            assert!((400..600).contains(&size(20)), "{}", size(20));
            assert_eq!(size(1), 10_000);
            assert_eq!(size(0), 0);
        }
    }

    #[test]
    fn the_samples_are_independent() {
        let both = ids().filter(|id| of_budget(*id, 20) && of_review(*id, 20));
        assert!((5..60).contains(&both.count()));
    }
}
