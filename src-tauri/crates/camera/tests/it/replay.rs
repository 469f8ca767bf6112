//! A folder or a list of files in place of a camera.

use crate::{clock, folder_of, jpeg};
use std::{path::PathBuf, time::Duration};
use wiko_camera::{Pacing, ReplayCamera, ReplaySource};
use wiko_core::{
    camera::CameraId,
    ports::{Camera, CameraError},
};

const SOON: Duration = Duration::from_millis(5);

fn open(source: ReplaySource, looping: bool) -> Result<ReplayCamera, CameraError> {
    let id = CameraId("replay".into());
    ReplayCamera::open(id, source, looping, Pacing::AsFastAsAsked, clock())
}

#[test]
fn pictures_come_by_name_with_their_bytes_untouched_and_then_end() {
    let folder = folder_of(&[
        ("b.JPG", jpeg(2)),
        ("a.jpeg", jpeg(1)),
        ("notes.txt", b"no picture".to_vec()),
    ]);
    let mut camera = open(ReplaySource::Folder(folder.path().into()), false).unwrap();
    assert_eq!(
        &camera
            .next_frame(SOON)
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()[..],
        &jpeg(1)[..]
    );
    assert_eq!(
        &camera
            .next_frame(SOON)
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()[..],
        &jpeg(2)[..]
    );
    assert!(matches!(camera.next_frame(SOON), Err(CameraError::Ended)));
}

#[test]
fn a_bad_file_is_named_and_the_next_one_comes() {
    let mut cut = jpeg(1);
    cut.truncate(cut.len() / 2);
    let folder = folder_of(&[("1.jpg", cut), ("2.jpg", vec![]), ("4.jpg", jpeg(4))]);
    std::fs::create_dir(folder.path().join("3.jpg")).unwrap();
    let mut camera = open(ReplaySource::Folder(folder.path().into()), false).unwrap();
    for (name, reason) in [
        ("1.jpg", "damaged"),
        ("2.jpg", "empty"),
        ("3.jpg", "folder"),
    ] {
        let Err(CameraError::BadFrame {
            source_name,
            reason: said,
        }) = camera.next_frame(SOON)
        else {
            panic!("{name} is no good");
        };
        assert!(
            source_name.ends_with(name) && said.contains(reason),
            "{source_name}: {said}"
        );
    }
    assert_eq!(camera.next_frame(SOON).unwrap().sequence, 3);
}

#[test]
fn a_list_of_files_keeps_its_order_and_names_the_missing() {
    let folder = folder_of(&[("z.jpg", jpeg(1)), ("a.jpg", jpeg(2))]);
    let files = ["z.jpg", "gone.jpg", "a.jpg"].map(|name| folder.path().join(name));
    let mut camera = open(ReplaySource::Files(files.to_vec()), false).unwrap();
    assert_eq!(
        &camera
            .next_frame(SOON)
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()[..],
        &jpeg(1)[..]
    );
    let refused = camera.next_frame(SOON).unwrap_err().to_string();
    assert!(
        refused.contains("gone.jpg: there is no such file"),
        "{refused}"
    );
    assert_eq!(
        &camera
            .next_frame(SOON)
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()[..],
        &jpeg(2)[..]
    );
}

#[test]
fn a_loop_goes_round_and_numbers_its_frames_on_and_on() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    let mut camera = open(ReplaySource::Folder(folder.path().into()), true).unwrap();
    let numbers: Vec<_> = (0..5)
        .map(|_| camera.next_frame(SOON).unwrap().sequence)
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

#[test]
fn a_file_that_is_damaged_between_two_rounds_of_a_loop_is_refused() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    let mut camera = open(ReplaySource::Folder(folder.path().into()), true).unwrap();
    camera.next_frame(SOON).unwrap();
    camera.next_frame(SOON).unwrap();
    let mut damaged = jpeg(1);
    let middle = damaged.len() / 2;
    damaged.truncate(middle);
    std::fs::write(folder.path().join("a.jpg"), damaged).unwrap();
    assert!(matches!(
        camera.next_frame(SOON),
        Err(CameraError::BadFrame { .. })
    ));
    assert_eq!(
        camera
            .next_frame(SOON)
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()[..],
        jpeg(2)[..]
    );
}

#[test]
fn a_loop_over_nothing_but_bad_files_ends() {
    let folder = folder_of(&[("a.jpg", vec![])]);
    let mut camera = open(ReplaySource::Folder(folder.path().into()), true).unwrap();
    assert!(matches!(
        camera.next_frame(SOON),
        Err(CameraError::BadFrame { .. })
    ));
    assert!(matches!(camera.next_frame(SOON), Err(CameraError::Ended)));
}

#[test]
fn a_folder_that_is_missing_or_empty_is_refused_with_what_to_do() {
    let folder = folder_of(&[]);
    for (path, said) in [
        (folder.path().to_owned(), "holds no pictures"),
        (
            PathBuf::from("/no/such/folder"),
            "choose a folder that can be read",
        ),
    ] {
        let refused = open(ReplaySource::Folder(path), false)
            .err()
            .unwrap()
            .to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn a_paced_camera_gives_no_frame_before_its_turn() {
    let folder = folder_of(&[("a.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    let mut camera = ReplayCamera::open(
        CameraId("replay".into()),
        ReplaySource::Folder(folder.path().into()),
        true,
        Pacing::Fps(0.01),
        clock(),
    )
    .unwrap();
    assert!(camera.next_frame(SOON).is_ok());
    assert!(matches!(
        camera.next_frame(SOON),
        Err(CameraError::Timeout { waited_ms: 5 })
    ));
}
