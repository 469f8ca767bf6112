//! The inspection station: a window without arguments, a command line with them.

// No console window on Windows beside the station's own.
#![cfg_attr(all(not(debug_assertions), windows), windows_subsystem = "windows")]

fn main() -> std::process::ExitCode {
    wiko_station::main()
}
