//! A release that ends in the middle holds nothing up but its own parts, and lets none of them be judged by less.

use super::*;

#[tokio::test]
async fn a_release_that_is_noted_and_not_there_is_missed_until_it_is_released_once_more() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let claude = place.claude(&standin);
    let first = place.recipe(Some("WK-KN-200"), 1, "Of the product.");
    place.release(&first);
    let second = place.recipe(Some("WK-KN-200"), 2, "Of the product, stricter.");
    place.release(&second);
    // As it lies there where the power went between the note and the folder.
    let folder = place.released(&second.tag().name(), 2);
    fs::remove_dir_all(&folder).unwrap();
    let reason = withheld(&claude, "WK-KN-200").await;
    assert!(reason.contains("v2"), "{reason}");
    assert!(standin.requests().await.is_empty(), "the model was asked");
    place.release(&second);
    assert_eq!(judged_by(&claude, "WK-KN-200").await, second.tag());
}

#[tokio::test]
async fn a_folder_of_recipes_that_is_gone_is_missed() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let claude = place.claude(&standin);
    place.release(&place.recipe(Some("WK-KN-200"), 1, "Of the product."));
    fs::remove_dir_all(place.dir.path().join("recipes")).unwrap();
    let reason = withheld(&claude, "WK-KN-200").await;
    assert!(reason.contains("missing"), "{reason}");
    assert!(standin.requests().await.is_empty(), "the model was asked");
    // What it says nothing of is judged as before.
    assert_eq!(judged_by(&claude, "WK-KN-150").await.version, 1);
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_released() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let claude = place.claude(&standin);
    let first = place.recipe(None, 2, "Of the stage.");
    place.release(&first);
    // In the way of the note that is written aside.
    let aside = place.dir.path().join("recipes/.note.part");
    fs::create_dir(&aside).unwrap();
    let second = place.recipe(None, 3, "Of the stage, stricter.");
    let set = place.set("glaze-1", "");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let release = proof(&second, as_it_should(&set));
    assert!(publisher.publish(&second, &release).is_err());
    assert_eq!(judged_by(&claude, "WK-KN-200").await, first.tag());
    fs::remove_dir(&aside).unwrap();
    publisher.publish(&second, &release).unwrap();
    assert_eq!(judged_by(&claude, "WK-KN-200").await, second.tag());
}

#[tokio::test]
async fn a_release_whose_folder_cannot_be_made_leaves_the_one_before_in_force() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let place = Place::new();
    let claude = place.claude(&standin);
    let first = place.recipe(None, 2, "Of the stage.");
    place.release(&first);
    let second = place.recipe(None, 3, "Of the stage, stricter.");
    let name = second.tag().name();
    let aside = place.dir.path().join(format!("recipes/.{name}.part"));
    // A file where a folder is to be.
    fs::write(&aside, "").unwrap();
    let set = place.set("glaze-1", "");
    let publisher = Publisher::begin(&place.recipes()).unwrap();
    let release = proof(&second, as_it_should(&set));
    assert!(publisher.publish(&second, &release).is_err());
    assert_eq!(judged_by(&claude, "WK-KN-200").await, first.tag());
}
