use super::*;
use crate::{
    settings::{Environment, Settings},
    wiring::store_options,
};
use wiko_testkit::{builders::NOON, fakes::clock::SetClock};

struct Trail {
    dir: tempfile::TempDir,
    records: Arc<SqliteRecords>,
    clock: Arc<SetClock>,
}

async fn trail() -> Trail {
    let dir = tempfile::tempdir().unwrap();
    let records = opened(&dir).await;
    let clock = Arc::new(SetClock::at(NOON));
    Trail {
        dir,
        records,
        clock,
    }
}

async fn opened(dir: &tempfile::TempDir) -> Arc<SqliteRecords> {
    let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
    let opened = SqliteRecords::open(dir.path(), store_options(&settings)).await;
    Arc::new(opened.unwrap().records)
}

impl Trail {
    async fn missed_parts(&self) -> MissedParts {
        MissedParts::load(self.records.clone(), self.clock.clone())
            .await
            .unwrap()
    }

    /// The details of all rows, newest first.
    async fn rows(&self) -> Vec<(String, String, String)> {
        let rows = self.records.reader().audit(None, false, 100).await.unwrap();
        let of_parts = rows
            .into_iter()
            .filter(|row| row.entry.category == AuditCategory::Containment);
        of_parts
            .map(|row| {
                let entry = row.entry;
                (entry.identity, entry.subject.unwrap(), entry.detail)
            })
            .collect()
    }
}

fn told(camera: &str, parts: u64, counted: u64) -> Missed {
    Missed {
        camera: camera.to_owned(),
        parts,
        counted,
    }
}

fn row(identity: &str, camera: &str, open: u64, found: u64) -> (String, String, String) {
    let detail = serde_json::json!({"open": open, "found": found});
    (
        identity.to_owned(),
        format!("missed_parts/{camera}"),
        detail.to_string(),
    )
}

#[tokio::test]
async fn counters_that_count_from_the_start_are_taken_up_once_and_noted_once() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    missed.take_up("camera/belt", "belt", 0);
    assert_eq!(missed.open(), []);
    missed.take_up("camera/belt", "belt", 2);
    missed.take_up("camera/belt", "belt", 2);
    missed.take_up("triggers", "belt", 1);
    missed.take_up("camera/edge", "edge", 4);
    assert_eq!(missed.open(), [told("belt", 3, 3), told("edge", 4, 4)]);
    missed.note().await.unwrap();
    missed.note().await.unwrap();
    assert_eq!(
        trail.rows().await,
        [row("station", "edge", 4, 0), row("station", "belt", 3, 0)]
    );
}

#[tokio::test]
async fn what_the_same_triggers_missed_at_the_camera_before_stays_with_that_camera() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    missed.take_up("triggers", "belt", 2);
    missed.take_up("triggers", "edge", 3);
    assert_eq!(missed.open(), [told("belt", 2, 2), told("edge", 1, 1)]);
}

#[tokio::test]
async fn parts_that_were_not_found_are_still_to_be_found_after_a_restart() {
    let trail = trail().await;
    {
        let missed = trail.missed_parts().await;
        missed.take_up("camera/belt", "belt", 2);
        missed.note().await.unwrap();
        assert_eq!(missed.found("belt", 2, "op-7".into()).await.unwrap(), 2);
        missed.take_up("camera/belt", "belt", 5);
        missed.note().await.unwrap();
    }
    let Trail {
        dir,
        records,
        clock,
    } = trail;
    drop(records);
    let records = opened(&dir).await;
    let trail = Trail {
        dir,
        records,
        clock,
    };
    let missed = trail.missed_parts().await;
    assert_eq!(missed.open(), [told("belt", 3, 3)]);
    missed.take_up("camera/belt", "belt", 1);
    missed.note_all().await.unwrap();
    assert_eq!(
        read(trail.records.reader()).await.unwrap(),
        [told("belt", 4, 4)]
    );
    assert_eq!(missed.found("belt", 4, "op-8".into()).await.unwrap(), 4);
    assert_eq!(missed.open(), []);
    assert_eq!(read(trail.records.reader()).await.unwrap(), []);
    assert_eq!(
        trail.rows().await,
        [
            row("op-8", "belt", 0, 4),
            row("station", "belt", 4, 0),
            row("station", "belt", 3, 0),
            row("op-7", "belt", 0, 2),
            row("station", "belt", 2, 0),
        ]
    );
}

#[tokio::test]
async fn who_has_found_some_takes_off_those_that_they_were_shown_once() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    let mut changes = missed.subscribe();
    assert_eq!(missed.found("belt", 3, "op-7".into()).await.unwrap(), 0);
    assert!(!changes.has_changed().unwrap());
    missed.take_up("camera/belt", "belt", 3);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    // Two more pass while the person reaches for the key that says three, and presses it twice.
    missed.take_up("camera/belt", "belt", 5);
    assert_eq!(missed.found("belt", 3, "op-7".into()).await.unwrap(), 3);
    assert_eq!(missed.found("belt", 3, "op-7".into()).await.unwrap(), 0);
    assert!(changes.has_changed().unwrap());
    assert_eq!(missed.open(), [told("belt", 2, 5)]);
    assert_eq!(missed.found("belt", 100, "op-7".into()).await.unwrap(), 2);
    assert_eq!(missed.open(), []);
    assert_eq!(
        trail.rows().await,
        [row("op-7", "belt", 0, 2), row("op-7", "belt", 2, 3)]
    );
}

#[tokio::test]
async fn a_belt_that_misses_parts_for_an_hour_writes_a_row_a_minute_and_the_last_number() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    for second in 1..=3600 {
        trail.clock.advance(std::time::Duration::from_secs(1));
        missed.take_up("camera/belt", "belt", second);
        missed.note().await.unwrap();
    }
    let rows = trail.rows().await.len();
    assert!((60..=75).contains(&rows), "{rows}");
    missed.note_all().await.unwrap();
    assert_eq!(trail.rows().await[0], row("station", "belt", 3600, 0));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_ends_no_alarm() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    missed.take_up("camera/belt", "belt", 3);
    missed.note().await.unwrap();
    let entry = AuditEntry {
        detail: "three".into(),
        ..missed.row(
            "belt",
            Detail { open: 3, found: 0 },
            AuditSource::Station,
            STATION.into(),
        )
    };
    trail.records.note(&entry).await.unwrap();
    assert_eq!(trail.missed_parts().await.open(), [told("belt", 1, 1)]);
}

#[tokio::test]
async fn a_trail_that_cannot_be_written_forgets_no_part() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    missed.take_up("camera/belt", "belt", 2);
    let database = trail.dir.path().join("wiko.sqlite3");
    let beside = sqlx::SqlitePool::connect(&format!("sqlite://{}", database.display()))
        .await
        .unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'refused'); END";
    sqlx::query(refuse).execute(&beside).await.unwrap();
    missed.note().await.unwrap_err();
    missed.found("belt", 2, "op-7".into()).await.unwrap_err();
    assert_eq!(missed.open(), [told("belt", 2, 2)]);
    sqlx::query("DROP TRIGGER refuse")
        .execute(&beside)
        .await
        .unwrap();
    missed.note().await.unwrap();
    assert_eq!(trail.rows().await, [row("station", "belt", 2, 0)]);
}
