//! Contract of the uploader port.

use crate::builders;
use wiko_core::{inspection::Inspection, ports::Uploader, queue::Obstacle};

/// What lies in the cloud of a part, as a test reads it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Revision of the row.
    pub revision: u32,
    /// The image's bytes, where the adapter keeps them.
    pub image: Option<Vec<u8>>,
}

/// What every uploader keeps to. `n` makes the parts; `stored` reads one back.
pub async fn brings_each_part_once(
    uploader: &dyn Uploader,
    n: u32,
    stored: impl AsyncFn(&Inspection) -> Option<Stored>,
) {
    let bytes = format!("picture of part {n}").into_bytes();
    let (part, image) = (builders::decided(n, &bytes, 1), builders::image(&bytes));
    uploader.reach().await.expect("a sign of life");

    let mut pending = part.clone();
    pending.decision = None;
    let refused = uploader.upload(&pending, &image).await.unwrap_err();
    assert_eq!(refused.obstacle, Obstacle::NeedsPerson);
    assert_eq!(stored(&part).await, None, "a pending part was sent");

    let another = uploader
        .upload(&part, &builders::image(b"other bytes"))
        .await
        .unwrap_err();
    assert_eq!(another.obstacle, Obstacle::NeedsPerson);
    assert_eq!(stored(&part).await, None, "another picture was sent");

    let first = uploader.upload(&part, &image).await.unwrap();
    let key = format!("/inspections/yangjiang/WK-KN-200/{}.jpg", part.capture.id);
    assert!(first.image_url.starts_with("s3://") && first.image_url.ends_with(&key));
    let again = uploader.upload(&part, &image).await.unwrap();
    assert_eq!(first, again, "the same revision again");
    let there = stored(&part).await.expect("the part is there");
    assert_eq!(there.revision, 1);
    assert!(there.image.is_none_or(|image| image == bytes));

    let newer = builders::decided(n, &bytes, 2);
    uploader.upload(&newer, &image).await.unwrap();
    assert_eq!(stored(&part).await.unwrap().revision, 2);
    uploader.upload(&part, &image).await.unwrap();
    assert_eq!(
        stored(&part).await.unwrap().revision,
        2,
        "an older revision replaced a newer one"
    );

    let corrected = builders::decided(n, &bytes, 3);
    let receipt = uploader.upload_record(&corrected).await.unwrap();
    assert_eq!(receipt, first, "the record alone, its picture being there");
    assert_eq!(stored(&part).await.unwrap().revision, 3);
    let never_sent = builders::decided(n + 1, &bytes, 1);
    let refused = uploader.upload_record(&never_sent).await.unwrap_err();
    assert_eq!(refused.obstacle, Obstacle::NeedsPerson, "{refused}");
    assert_eq!(
        stored(&never_sent).await,
        None,
        "a record without a picture"
    );

    let other_bytes = b"quite another picture".to_vec();
    let other = builders::decided(n, &other_bytes, 4);
    let clash = uploader
        .upload(&other, &builders::image(&other_bytes))
        .await
        .unwrap_err();
    assert_eq!(clash.obstacle, Obstacle::NeedsPerson);
    for sha256 in [part.image.sha256, other.image.sha256] {
        assert!(
            clash.reason.contains(&sha256.to_string()),
            "{}",
            clash.reason
        );
    }
    let refused = uploader.upload_record(&other).await.unwrap_err();
    assert_eq!(refused.obstacle, Obstacle::NeedsPerson, "{refused}");
    let there = stored(&part).await.unwrap();
    assert_eq!(there.revision, 3, "the row was overwritten");
    assert!(
        there.image.is_none_or(|image| image == bytes),
        "overwritten"
    );
}
