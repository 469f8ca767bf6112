//! The contract suite of each port: functions that take an adapter and panic where it breaks its port's word.

pub mod analyzer;
pub mod camera;
pub mod records;
pub mod secrets;
pub mod uploader;
