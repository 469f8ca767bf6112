use super::*;
use crate::time::BootId;

const NOON: UnixMillis = UnixMillis(1_772_352_000_000);

/// Both clocks so many seconds after noon.
fn at(seconds: u64) -> ClockReading {
    clocks(seconds, 0)
}

/// The clock that people set is ahead of the other by so many seconds.
fn clocks(seconds: u64, ahead: i64) -> ClockReading {
    ClockReading {
        now: UnixMillis(NOON.0 + (seconds.cast_signed() + ahead) * 1000),
        boot_id: BootId("boot".into()),
        monotonic_ms: 50_000 + seconds * 1000,
    }
}

fn met(obstacle: Obstacle) -> Hindered {
    Hindered {
        service: Some(Service::S3),
        obstacle,
        reason: obstacle.to_string(),
        retry_after: None,
    }
}

/// Sends a request at `seconds` that meets `obstacle`.
fn fail(circuit: &mut Circuit, seconds: u64, obstacle: Obstacle) -> Option<Turn> {
    let sent = circuit.send(&at(seconds)).unwrap();
    circuit.failed(&sent, &at(seconds), &met(obstacle), 1.0)
}

fn refused() -> Circuit {
    let mut circuit = Circuit::new(NOON);
    assert_eq!(
        fail(&mut circuit, 0, Obstacle::Credentials),
        Some(Turn::Opened)
    );
    circuit
}

fn wait(circuit: &Circuit, seconds: u64) -> Option<Duration> {
    circuit.admits(&at(seconds)).unwrap_err().wait
}

#[test]
fn refused_credentials_and_missing_rights_open_it_at_once() {
    for obstacle in [Obstacle::Credentials, Obstacle::NeedsPerson] {
        let mut circuit = Circuit::new(NOON);
        assert_eq!(fail(&mut circuit, 0, obstacle), Some(Turn::Opened));
        assert_eq!(circuit.admits(&at(1)).unwrap_err().met.obstacle, obstacle);
    }
}

#[test]
fn five_transient_failures_in_a_row_open_it_and_an_answer_begins_the_count_anew() {
    let mut circuit = Circuit::new(NOON);
    for _ in 0..4 {
        assert_eq!(fail(&mut circuit, 0, Obstacle::Transient), None);
    }
    let sent = circuit.send(&at(0)).unwrap();
    assert_eq!(circuit.answered(&sent, &at(0)), None);
    for _ in 0..4 {
        assert_eq!(fail(&mut circuit, 0, Obstacle::Transient), None);
    }
    assert!(circuit.admits(&at(0)).is_ok());
    assert_eq!(
        fail(&mut circuit, 0, Obstacle::Transient),
        Some(Turn::Opened)
    );
    assert!(circuit.admits(&at(0)).is_err());
}

#[test]
fn after_the_wait_one_probe_goes_and_the_others_wait_for_what_it_meets() {
    let mut circuit = refused();
    assert_eq!(wait(&circuit, 0), Some(Duration::from_secs(5)));
    let probe = circuit.send(&at(5)).unwrap();
    assert_eq!(circuit.send(&at(500)).unwrap_err().wait, None);
    assert_eq!(circuit.answered(&probe, &at(6)), Some(Turn::Closed));
    assert!(circuit.admits(&at(6)).is_ok());
}

#[test]
fn each_failed_probe_doubles_the_wait_up_to_five_minutes_and_nobody_is_told_again() {
    let mut circuit = refused();
    let (mut now, mut waits) = (0, vec![]);
    for _ in 0..8 {
        let wait = wait(&circuit, now).unwrap().as_secs();
        waits.push(wait);
        now += wait;
        assert_eq!(fail(&mut circuit, now, Obstacle::Credentials), None);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
    assert_eq!(circuit.report(Service::S3, &at(now)).since, NOON);
}

#[test]
fn a_probe_that_meets_something_else_is_told_of() {
    let mut circuit = refused();
    assert_eq!(
        fail(&mut circuit, 5, Obstacle::Transient),
        Some(Turn::Opened)
    );
}

#[test]
fn jitter_takes_away_up_to_half_of_the_wait() {
    let mut circuit = Circuit::new(NOON);
    let sent = circuit.send(&at(0)).unwrap();
    circuit.failed(&sent, &at(0), &met(Obstacle::Credentials), 0.0);
    assert_eq!(wait(&circuit, 0), Some(Duration::from_millis(2_500)));
}

#[test]
fn where_a_person_is_needed_the_probes_are_few() {
    let mut circuit = Circuit::new(NOON);
    fail(&mut circuit, 0, Obstacle::NeedsPerson);
    assert_eq!(wait(&circuit, 0), Some(backoff::LONGEST));
    assert!(!circuit.alive(&at(1)), "it was alive before");
    assert_eq!(wait(&circuit, 0), Some(backoff::LONGEST));
}

#[test]
fn what_the_service_asks_for_is_waited_up_to_the_cap_and_no_sign_of_life_shortens_it() {
    for (asked, waited) in [(40, 40), (2_000, 2_000), (40_000, 3_600)] {
        let mut circuit = Circuit::new(NOON);
        let slow_down = Hindered {
            retry_after: Some(Duration::from_secs(asked)),
            ..met(Obstacle::Transient)
        };
        for _ in 0..FAILURES {
            // Who asks for longer than any part waits need not ask twice.
            let Ok(sent) = circuit.send(&at(0)) else {
                break;
            };
            circuit.failed(&sent, &at(0), &slow_down, 0.0);
        }
        assert_eq!(wait(&circuit, 0), Some(Duration::from_secs(waited)));
        assert!(!circuit.alive(&at(1)));
        assert_eq!(wait(&circuit, 0), Some(Duration::from_secs(waited)));
    }
}

#[test]
fn a_sign_of_life_lets_the_probe_go_at_once() {
    let mut circuit = refused();
    assert!(circuit.alive(&at(1)));
    assert!(circuit.send(&at(1)).is_ok());
    assert!(circuit.send(&at(1)).is_err(), "and only the probe");
}

#[test]
fn a_clock_that_is_set_back_or_ahead_changes_no_wait() {
    let mut circuit = refused();
    for ahead in [-3600, 3600] {
        let early = circuit.admits(&clocks(4, ahead)).unwrap_err();
        assert_eq!(early.wait, Some(Duration::from_secs(1)));
        assert!(circuit.admits(&clocks(5, ahead)).is_ok());
    }
    assert!(circuit.send(&clocks(5, -3600)).is_ok());
}

#[test]
fn it_holds_also_for_whoever_read_the_clock_just_before_it_opened() {
    let circuit = refused();
    let before = ClockReading {
        monotonic_ms: at(0).monotonic_ms - 5,
        ..at(0)
    };
    assert!(circuit.admits(&before).is_err());
}

#[test]
fn what_was_sent_before_it_was_reset_does_not_open_it_anew() {
    let mut circuit = Circuit::new(NOON);
    let (early, late) = (circuit.send(&at(0)).unwrap(), circuit.send(&at(0)).unwrap());
    circuit.failed(&early, &at(0), &met(Obstacle::Credentials), 1.0);
    assert_eq!(circuit.reset(&at(1)), Some(Turn::Closed));
    assert_eq!(
        circuit.failed(&late, &at(2), &met(Obstacle::Credentials), 1.0),
        None
    );
    assert!(circuit.admits(&at(2)).is_ok());
}

#[test]
fn what_was_sent_before_it_opened_neither_closes_nor_prolongs_it() {
    let mut circuit = Circuit::new(NOON);
    let sent: Vec<_> = (0..3).map(|_| circuit.send(&at(0)).unwrap()).collect();
    circuit.failed(&sent[0], &at(0), &met(Obstacle::Credentials), 1.0);
    assert_eq!(
        circuit.failed(&sent[1], &at(4), &met(Obstacle::Credentials), 1.0),
        None
    );
    assert_eq!(circuit.answered(&sent[2], &at(4)), None);
    assert_eq!(wait(&circuit, 4), Some(Duration::from_secs(1)));
}

#[test]
fn a_probe_that_was_not_sent_after_all_makes_room_for_another() {
    let mut circuit = refused();
    let probe = circuit.send(&at(5)).unwrap();
    circuit.untold(&probe);
    assert!(circuit.send(&at(5)).is_ok());
}

#[test]
fn the_report_tells_the_state_since_when_until_when_and_why() {
    let mut circuit = refused();
    let report = circuit.report(Service::Bedrock, &at(1));
    assert_eq!(report.state, CircuitState::Open);
    assert_eq!((report.since, report.until), (NOON, Some(at(5).now)));
    assert_eq!(report.obstacle, Some(Obstacle::Credentials));
    assert!(!report.reason.is_empty());
    assert_eq!(
        circuit.report(Service::Bedrock, &at(5)).state,
        CircuitState::HalfOpen
    );
    let probe = circuit.send(&at(5)).unwrap();
    let probing = circuit.report(Service::Bedrock, &at(5));
    assert_eq!(
        (probing.state, probing.until),
        (CircuitState::HalfOpen, None)
    );
    circuit.answered(&probe, &at(7));
    let closed = circuit.report(Service::Bedrock, &at(9));
    assert_eq!(
        (closed.state, closed.since),
        (CircuitState::Closed, at(7).now)
    );
    assert_eq!((closed.obstacle, closed.reason.as_str()), (None, ""));
}
