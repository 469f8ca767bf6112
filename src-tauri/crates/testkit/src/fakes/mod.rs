//! Fakes of the ports whose real adapter needs the world: scripted, in memory, deterministic.

pub mod analyzer;
pub mod camera;
pub mod clock;
pub mod lossy_proxy;
pub mod portal;
pub mod secrets;
pub mod signer;
pub mod uploader;
