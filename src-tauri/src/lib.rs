//! The app: the one place that sees every crate, builds the station of them, and shows it.
//!
//! Invariants:
//! - Commands and subcommands unpack, call and map; what is decided is decided in the crates.
//! - `wiring` alone builds adapters.
//! - Errors are turned into a code and a sentence once, in `dto` for the window and in `cli` for the
//!   command line.

// Nothing but the binary uses this library: `pub` says what a module offers the rest of the app.
#![allow(unreachable_pub)]

mod access;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator;
mod app;
mod backups;
mod cameras;
mod circuits;
mod cli;
mod clock;
mod commands;
mod demo_screen;
mod doctor;
mod dto;
mod housekeeping;
mod images;
mod live;
mod log;
mod missed_parts;
mod preview;
#[cfg(target_os = "linux")]
mod renderer;
mod set_up_file;
mod settings;
#[cfg(target_os = "linux")]
mod start_failure;
mod take_part;
mod trail;
mod triggers;
mod window;
mod wiring;

pub use cli::main;
