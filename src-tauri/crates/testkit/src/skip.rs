//! Tests that cannot run on this machine: noted where the whole run lists them, so that no test is missing
//! unseen.
//!
//! `WIKO_TEST_SKIPS` names a file to which a line is added. Under `WIKO_TEST_REQUIRE=1`, as `make test` sets
//! it, a test that lacks what `make test` itself provides fails.

#![allow(clippy::print_stderr, reason = "what was skipped is said")]

use std::io::Write;

/// Notes that the calling test lacks something that not every machine has, such as real pictures.
pub fn skip(why: &str) {
    let line = format!("skipped {}: {why}\n", test_name());
    eprint!("{line}");
    if let Some(file) = std::env::var_os("WIKO_TEST_SKIPS") {
        // One write of one line: tests of other processes append to the same file.
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap();
    }
}

/// Notes that the calling test lacks a service that `make test` starts; fails there.
pub fn skip_without_service(why: &str) {
    let required = std::env::var_os("WIKO_TEST_REQUIRE").is_some_and(|value| value == "1");
    assert!(
        !required,
        "{why}, and WIKO_TEST_REQUIRE=1 says that it must be there"
    );
    skip(why);
}

/// The test's name: the runner's word for it, or the thread's, which the harness names so.
fn test_name() -> String {
    std::env::var("NEXTEST_TEST_NAME").unwrap_or_else(|_| {
        let thread = std::thread::current();
        thread.name().unwrap_or("a test").to_owned()
    })
}
