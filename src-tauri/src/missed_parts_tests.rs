use super::*;
use crate::{
    settings::{Environment, Settings},
    wiring::store_options,
};
use wiko_testkit::{builders::NOON, fakes::clock::SetClock};

struct Trail {
    dir: tempfile::TempDir,
    records: Arc<SqliteRecords>,
}

async fn trail() -> Trail {
    let dir = tempfile::tempdir().unwrap();
    let records = opened(&dir).await;
    Trail { dir, records }
}

async fn opened(dir: &tempfile::TempDir) -> Arc<SqliteRecords> {
    let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
    let opened = SqliteRecords::open(dir.path(), store_options(&settings)).await;
    Arc::new(opened.unwrap().records)
}

impl Trail {
    async fn missed_parts(&self) -> MissedParts {
        let clock = Arc::new(SetClock::at(NOON));
        MissedParts::load(self.records.clone(), clock)
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
    assert_eq!(
        missed.open(),
        [Missed::new("belt", 3), Missed::new("edge", 4)]
    );
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
    assert_eq!(
        missed.open(),
        [Missed::new("belt", 2), Missed::new("edge", 1)]
    );
}

#[tokio::test]
async fn parts_that_were_not_found_are_still_to_be_found_after_a_restart() {
    let trail = trail().await;
    {
        let missed = trail.missed_parts().await;
        missed.take_up("camera/belt", "belt", 5);
        missed.note().await.unwrap();
        missed.found("belt", 2, "op-7".into()).await.unwrap();
    }
    let Trail { dir, records } = trail;
    drop(records);
    let records = opened(&dir).await;
    let trail = Trail { dir, records };
    let missed = trail.missed_parts().await;
    assert_eq!(missed.open(), [Missed::new("belt", 3)]);
    missed.take_up("camera/belt", "belt", 1);
    missed.note().await.unwrap();
    assert_eq!(
        read(trail.records.reader()).await.unwrap(),
        [Missed::new("belt", 4)]
    );
    missed.found("belt", 4, "op-8".into()).await.unwrap();
    assert_eq!(missed.open(), []);
    assert_eq!(read(trail.records.reader()).await.unwrap(), []);
    assert_eq!(
        trail.rows().await,
        [
            row("op-8", "belt", 0, 4),
            row("station", "belt", 4, 0),
            row("op-7", "belt", 3, 2),
            row("station", "belt", 5, 0),
        ]
    );
}

#[tokio::test]
async fn who_has_found_some_takes_off_no_more_than_there_are_and_none_that_came_since() {
    let trail = trail().await;
    let missed = trail.missed_parts().await;
    let mut changes = missed.subscribe();
    missed.found("belt", 3, "op-7".into()).await.unwrap();
    assert!(!changes.has_changed().unwrap());
    missed.take_up("camera/belt", "belt", 3);
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    // One more passes while the person reaches for the button that says three.
    missed.take_up("camera/belt", "belt", 4);
    missed.found("belt", 3, "op-7".into()).await.unwrap();
    assert!(changes.has_changed().unwrap());
    assert_eq!(missed.open(), [Missed::new("belt", 1)]);
    missed.found("belt", 100, "op-7".into()).await.unwrap();
    assert_eq!(missed.open(), []);
    assert_eq!(trail.rows().await[0], row("op-7", "belt", 0, 1));
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
    assert_eq!(missed.open(), [Missed::new("belt", 2)]);
    sqlx::query("DROP TRIGGER refuse")
        .execute(&beside)
        .await
        .unwrap();
    missed.note().await.unwrap();
    assert_eq!(trail.rows().await, [row("station", "belt", 2, 0)]);
}
