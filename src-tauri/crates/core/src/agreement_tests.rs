use super::*;
use proptest::prelude::*;

fn near(given: Option<f64>, expected: f64) {
    assert!(
        given.is_some_and(|given| (given - expected).abs() < 0.0005),
        "{given:?}, expected {expected}"
    );
}

/// `n` times the same.
fn times<C: Copy>(n: usize, rating: C) -> impl Iterator<Item = C> {
    std::iter::repeat_n(rating, n)
}

#[test]
fn fifty_proposals_read_by_two_people_agree_by_a_kappa_of_0_4() {
    // The usual worked example: 20 both yes, 5 and 10 apart, 15 both no.
    let pairs: Vec<(bool, bool)> = times(20, (true, true))
        .chain(times(5, (true, false)))
        .chain(times(10, (false, true)))
        .chain(times(15, (false, false)))
        .collect();
    let kappa = cohen(&pairs);
    near(kappa.observed, 0.7);
    near(kappa.expected, 0.5);
    near(kappa.kappa, 0.4);
    assert_eq!(kappa.subjects, 50);
}

#[test]
fn fourteen_raters_of_ten_subjects_agree_by_a_fleiss_kappa_of_0_210() {
    // The usual worked example: how many of the 14 put each subject into each of five categories.
    let table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ];
    let ratings = |counts: &[usize; 5]| {
        let of_each = counts.iter().enumerate();
        of_each
            .flat_map(|(category, n)| times(*n, category))
            .collect()
    };
    let kappa = fleiss(&table.iter().map(ratings).collect::<Vec<_>>());
    near(kappa.observed, 0.378);
    near(kappa.expected, 0.213);
    near(kappa.kappa, 0.210);
}

#[test]
fn intervals_are_those_of_newcombe_1998_for_wilsons_method() {
    // R. G. Newcombe, Statistics in Medicine 17 (1998) 857–872, table I, method 3.
    for (count, of, low, high) in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ] {
        let share = Proportion::new(count, of);
        near(share.low_95, low);
        near(share.high_95, high);
    }
    assert_eq!(Proportion::new(20, 20).high_95, Some(1.0));
    assert_eq!(Proportion::new(0, 0).share, None);
    assert_eq!(Proportion::new(0, 0).high_95, None);
}

#[test]
fn a_kappa_that_does_not_exist_says_why() {
    let why = |kappa: Kappa| {
        assert_eq!(kappa.kappa, None);
        kappa.undefined
    };
    assert_eq!(why(cohen::<u8>(&[])), Some(NoKappa::NothingRated));
    assert_eq!(why(cohen(&[(1, 1), (1, 1)])), Some(NoKappa::OneCategory));
    assert_eq!(why(fleiss::<u8>(&[])), Some(NoKappa::NothingRated));
    assert_eq!(why(fleiss(&[vec![1], vec![2]])), Some(NoKappa::OneRating));
    let unequal = [vec![1, 1], vec![1, 2, 2]];
    assert_eq!(why(fleiss(&unequal)), Some(NoKappa::UnequalRatings));
    let one = [vec![1, 1], vec![1, 1]];
    assert_eq!(why(fleiss(&one)), Some(NoKappa::OneCategory));
    // One of two who always says the same agrees by chance alone.
    near(cohen(&[(1, 1), (1, 2), (1, 1), (1, 2)]).kappa, 0.0);
}

#[test]
fn confidence_is_compared_with_how_often_it_was_right() {
    let statements = [
        (0.95, true),
        (0.95, true),
        (0.95, false),
        (0.15, false),
        (1.0, true),
        (f64::NAN, true),
        (1.5, true),
    ];
    let calibration = calibration(&statements, 10);
    assert_eq!(calibration.statements, 5);
    let last = calibration.bins[9];
    assert_eq!((last.right.count, last.right.of), (3, 4));
    near(last.mean_confidence, 0.9625);
    // 4/5 of |0.75 - 0.9625| and 1/5 of |0 - 0.15|.
    near(calibration.expected_error, 0.2);
    assert_eq!(calibration.bins[5].mean_confidence, None);
    assert_eq!(super::calibration(&[], 10).expected_error, None);
}

#[test]
fn percentiles_are_values_that_were_measured() {
    let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
    assert_eq!(percentile(&values, 50), Some(10.0));
    assert_eq!(percentile(&values, 95), Some(19.0));
    assert_eq!(percentile(&values, 100), Some(20.0));
    assert_eq!(percentile(&[7.0], 50), Some(7.0));
    assert_eq!(percentile(&[], 50), None);
}

proptest! {
    #[test]
    fn who_agrees_wholly_has_a_kappa_of_one(ratings in prop::collection::vec(0u8..3, 2..60)) {
        let pairs: Vec<_> = ratings.iter().map(|r| (*r, *r)).collect();
        let triples: Vec<_> = ratings.iter().map(|r| vec![*r; 3]).collect();
        for kappa in [cohen(&pairs), fleiss(&triples)] {
            match kappa.kappa {
                Some(kappa) => prop_assert!((kappa - 1.0).abs() < 1e-12),
                None => prop_assert_eq!(kappa.undefined, Some(NoKappa::OneCategory)),
            }
        }
    }

    #[test]
    fn it_does_not_matter_who_is_named_first(
        pairs in prop::collection::vec((0u8..3, 0u8..3), 0..60),
    ) {
        let turned: Vec<_> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
        prop_assert_eq!(cohen(&pairs), cohen(&turned));
        let lists: Vec<_> = pairs.iter().map(|(a, b)| vec![*a, *b]).collect();
        let turned: Vec<_> = pairs.iter().map(|(a, b)| vec![*b, *a]).collect();
        prop_assert_eq!(fleiss(&lists), fleiss(&turned));
    }

    #[test]
    fn a_kappa_lies_between_minus_one_and_one(
        pairs in prop::collection::vec((0u8..3, 0u8..3), 1..60),
    ) {
        let lists: Vec<_> = pairs.iter().map(|(a, b)| vec![*a, *b]).collect();
        for kappa in [cohen(&pairs), fleiss(&lists)] {
            prop_assert!(kappa.kappa.is_none_or(|kappa| (-1.0..=1.0).contains(&kappa)));
            prop_assert_eq!(kappa.kappa.is_none(), kappa.undefined.is_some());
        }
    }

    #[test]
    fn an_interval_holds_the_share_and_lies_in_0_to_1(of in 1usize..500, part in 0.0f64..=1.0) {
        let share = Proportion::new((part * of as f64) as usize, of);
        let (low, p, high) = (share.low_95.unwrap(), share.share.unwrap(), share.high_95.unwrap());
        prop_assert!((0.0..=p).contains(&low) && (p..=1.0).contains(&high), "{:?}", share);
    }
}
