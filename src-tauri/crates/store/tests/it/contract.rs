use crate::open;
use wiko_testkit::contracts::records;

#[tokio::test]
async fn the_store_keeps_the_contract_of_the_records_port() {
    let root = tempfile::tempdir().unwrap();
    let count = std::cell::Cell::new(0);
    records::all(async || {
        count.set(count.get() + 1);
        open(&root.path().join(count.get().to_string())).await
    })
    .await;
}
