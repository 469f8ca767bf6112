//! The contract of the camera port, on the fake and on both cameras without hardware.

use crate::{clock, folder_of, jpeg};
use wiko_camera::{Pacing, ReplayCamera, ReplaySource, SimulatedCamera, SimulatedCameraConfig};
use wiko_core::{camera::CameraId, ports::Camera, sku::ProductSku, stage::Stage};
use wiko_testkit::{builders, contracts::camera as contract, fakes::camera::FakeCamera};

fn fake() -> FakeCamera {
    let (camera, shutter) = FakeCamera::new("fake", clock());
    for content in [b"one", b"two", b"six"] {
        shutter.show(builders::image(content));
    }
    camera
}

fn replay(folder: &std::path::Path, pacing: Pacing) -> ReplayCamera {
    let source = ReplaySource::Folder(folder.to_owned());
    ReplayCamera::open(CameraId("replay".into()), source, false, pacing, clock()).unwrap()
}

fn simulated(pacing: Pacing) -> SimulatedCamera {
    let sku = ProductSku::new("WK-KN-100").unwrap();
    let demo = SimulatedCameraConfig::demo(sku, Stage::LogoPrint, 1);
    SimulatedCamera::open(SimulatedCameraConfig { pacing, ..demo }, clock()).unwrap()
}

#[test]
fn the_fake_keeps_the_contract() {
    contract::frames_count_up_and_carry_their_own_facts(&mut fake(), 3);
    contract::the_end_stays_the_end(&mut fake());
    contract::a_call_returns_within_its_timeout(&mut FakeCamera::new("silent", clock()).0);
}

#[test]
fn the_replay_keeps_the_contract() {
    let folder = folder_of(&[
        ("a.jpg", jpeg(1)),
        ("b.jpg", b"rubbish".to_vec()),
        ("c.jpg", jpeg(2)),
    ]);
    let open = |pacing| -> Box<dyn Camera> { Box::new(replay(folder.path(), pacing)) };
    contract::frames_count_up_and_carry_their_own_facts(&mut *open(Pacing::AsFastAsAsked), 2);
    contract::the_end_stays_the_end(&mut *open(Pacing::AsFastAsAsked));
    contract::a_call_returns_within_its_timeout(&mut *open(Pacing::Fps(0.01)));
}

#[test]
fn the_simulated_camera_keeps_the_contract() {
    contract::frames_count_up_and_carry_their_own_facts(&mut simulated(Pacing::AsFastAsAsked), 4);
    contract::a_call_returns_within_its_timeout(&mut simulated(Pacing::Fps(0.01)));
}
