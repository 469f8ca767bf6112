//! The app over real parts: the built binary, real servers, the real window.
//!
//! One binary with modules, because each test binary links the whole app.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod azure;
mod bad_input;
mod cameras;
mod cloud;
mod damage;
mod deeds;
mod offline;
mod part;
mod pictures;
mod queue;
mod recipe;
mod restore_drill;
mod screen;
mod services;
mod spending;
mod station;
mod study;
mod triggers;
mod window;
