use super::*;
use crate::settings::Environment;
use wiko_store::RecordsReader;

fn deed(detail: &str) -> Deed {
    Deed {
        at: UnixMillis(1_772_352_000_000),
        category: AuditCategory::Credentials,
        subject: "aws_access_key".to_owned(),
        detail: detail.to_owned(),
        result: AuditResult::Done,
    }
}

async fn trail(reader: &RecordsReader) -> Vec<AuditEntry> {
    let rows = reader.audit(None, false, 100).await.unwrap();
    rows.into_iter().rev().map(|row| row.entry).collect()
}

#[tokio::test]
async fn a_deed_beside_a_running_station_is_taken_into_its_trail_once_and_the_next_goes_there_directly()
 {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
    let open = async || {
        SqliteRecords::open(dir.path(), store_options(&settings))
            .await
            .unwrap()
            .records
    };
    let running = open().await;
    let left_for_later = note(&settings, &deed("set")).await.unwrap();
    assert!(
        matches!(left_for_later, Noted::ForLater(StoreError::InUse { .. })),
        "{left_for_later:?}"
    );
    assert!(trail(running.reader()).await.is_empty());

    let file = deeds_left(dir.path()).unwrap().remove(0).path;
    let kept = fs::read(&file).unwrap();
    take_in(&running, dir.path()).await.unwrap();
    assert_eq!(trail(running.reader()).await, [deed("set").entry()]);
    // The power went after the row was written and before the file was removed.
    fs::write(&file, kept).unwrap();
    fs::write(dir.path().join(FOLDER).join("0.json"), "{").unwrap();
    take_in(&running, dir.path()).await.unwrap();
    assert_eq!(trail(running.reader()).await, [deed("set").entry()]);
    let left = deeds_left(dir.path()).unwrap();
    let states: Vec<_> = left.iter().map(|left| left.state).collect();
    assert_eq!(states, [LeftState::Unreadable], "{left:?}");

    note(&settings, &deed("cleared")).await.unwrap();
    running.close().await;
    let after = Deed {
        subject: "models/x".to_owned(),
        ..deed("learnt")
    };
    assert_eq!(note(&settings, &after).await.unwrap(), Noted::InTrail);
    let records = open().await;
    assert_eq!(
        trail(records.reader()).await,
        [deed("set").entry(), deed("cleared").entry(), after.entry()]
    );
    records.close().await;
}

async fn opened(dir: &Path) -> (Settings, SqliteRecords) {
    let settings = Settings::load(dir, false, &Environment::default()).unwrap();
    let opened = SqliteRecords::open(dir, store_options(&settings)).await;
    (settings, opened.unwrap().records)
}

#[tokio::test]
async fn what_the_disk_does_not_give_stays_and_is_told_while_the_others_go_into_the_trail() {
    let dir = tempfile::tempdir().unwrap();
    let (_, records) = opened(dir.path()).await;
    let folder = dir.path().join(FOLDER);
    // A folder can be read by nobody as a file.
    fs::create_dir_all(folder.join("0.json")).unwrap();
    put(&folder, "1", ENDING, &deed("set")).unwrap();
    let told = take_in(&records, dir.path()).await.unwrap_err();
    assert!(
        matches!(&told, NotTakenIn::Files(files) if files.len() == 1 && files[0].contains("0.json")),
        "{told:?}"
    );
    assert!(folder.join("0.json").exists());
    assert_eq!(trail(records.reader()).await, [deed("set").entry()]);

    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(take_in(&records, dir.path()).await, Ok(()));
    fs::write(&folder, "no folder").unwrap();
    assert!(take_in(&records, dir.path()).await.is_err());
    records.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_deed_that_is_in_the_trail_and_cannot_be_removed_is_not_noted_again_in_this_run() {
    let dir = tempfile::tempdir().unwrap();
    let (_, records) = opened(dir.path()).await;
    let folder = dir.path().join(FOLDER);
    put(&folder, "1", ENDING, &deed("set")).unwrap();
    put(&folder, "2", ENDING, &deed("cleared")).unwrap();
    // What is begun goes first, and a folder is not removed as a file.
    for name in ["1", "2"] {
        fs::create_dir(folder.join(format!("{name}.{BEGUN}"))).unwrap();
    }
    assert!(take_in(&records, dir.path()).await.is_err());
    for _ in 0..3 {
        let _ = take_in(&records, dir.path()).await;
    }
    let rows = [deed("set").entry(), deed("cleared").entry()];
    assert_eq!(trail(records.reader()).await, rows);
    records.close().await;
}

#[tokio::test]
async fn a_deed_that_was_begun_and_not_ended_is_in_the_trail_as_failed_once_its_command_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, records) = opened(dir.path()).await;
    let begun = begin(&settings, &deed("set")).unwrap();
    take_in(&records, dir.path()).await.unwrap();
    assert_eq!(trail(records.reader()).await, [], "it is still at work");
    // The command is killed: its file stays, its lock goes.
    drop(begun);
    take_in(&records, dir.path()).await.unwrap();
    let rows = trail(records.reader()).await;
    let [row] = &rows[..] else {
        panic!("{rows:?}");
    };
    assert_eq!(row.result, AuditResult::Failed);
    assert!(
        row.detail.starts_with("begun: set; its end is not known"),
        "{row:?}"
    );
    assert_eq!(deeds_left(dir.path()).unwrap(), []);
    records.close().await;
}

#[tokio::test]
async fn a_deed_that_was_finished_is_one_row_also_where_the_word_of_its_begin_outlived_it() {
    let dir = tempfile::tempdir().unwrap();
    let (settings, records) = opened(dir.path()).await;
    let begun = begin(&settings, &deed("set")).unwrap();
    let path = begun.path(BEGUN);
    let word = fs::read(&path).unwrap();
    let ended = begun.finish(&settings, &deed("set")).await.unwrap();
    assert!(
        matches!(ended, Noted::ForLater(StoreError::InUse { .. })),
        "{ended:?}"
    );
    // The power went between the two.
    fs::write(&path, word).unwrap();
    take_in(&records, dir.path()).await.unwrap();
    assert_eq!(trail(records.reader()).await, [deed("set").entry()]);
    assert_eq!(deeds_left(dir.path()).unwrap(), []);
    records.close().await;

    let after = Deed {
        at: UnixMillis(deed("").at.0 + 1),
        ..deed("cleared")
    };
    let begun = begin(&settings, &after).unwrap();
    let ended = begun.finish(&settings, &after).await.unwrap();
    assert_eq!(ended, Noted::InTrail);
    assert_eq!(deeds_left(dir.path()).unwrap(), []);
    let (_, records) = opened(dir.path()).await;
    let rows = [deed("set").entry(), after.entry()];
    assert_eq!(trail(records.reader()).await, rows);
    records.close().await;
}
