use crate::{
    error::Error,
    library::Aravis,
    object::{Owned, c_text},
    sys::{self, Functions},
};
use std::path::Path;

/// Registers of a GigE Vision camera that answers on a network interface of this machine: for simulators. It answers
/// discovery, reads and writes; frames are sent by whoever runs it.
pub struct FakeGigeCamera {
    camera: Owned,
}

impl FakeGigeCamera {
    /// Starts it at the interface with that address, with the description of a file.
    pub fn start(
        aravis: &'static Aravis,
        interface: &str,
        serial: &str,
        description: &Path,
    ) -> Result<Self, Error> {
        let f = aravis.functions();
        let [interface_c, serial_c] = [interface, serial].map(c_text);
        let description = c_text(&description.to_string_lossy());
        // SAFETY: the texts live during the call, which copies them.
        let camera = unsafe {
            (f.arv_gv_fake_camera_new_full)(
                interface_c.as_ptr(),
                serial_c.as_ptr(),
                description.as_ptr(),
            )
        };
        let camera = Owned::take(f, camera).ok_or_else(|| Error::other("it cannot be made"))?;
        // SAFETY: the camera lives.
        if unsafe { (f.arv_gv_fake_camera_is_running)(camera.raw()) } == 0 {
            return Err(Error::other(format!(
                "nothing can listen at {interface}, port 3956: another simulator is there, or no interface has the address"
            )));
        }
        Ok(Self { camera })
    }

    fn parts(&self) -> (&'static Functions, sys::Object) {
        let f = self.camera.f;
        // SAFETY: the camera lives and keeps its inner one.
        (f, unsafe {
            (f.arv_gv_fake_camera_get_fake_camera)(self.camera.raw())
        })
    }

    /// The value of a register; 0 beyond its memory.
    pub fn register(&self, address: u32) -> u32 {
        let (f, camera) = self.parts();
        let mut value = 0;
        // SAFETY: the place lives during the call; addresses beyond the memory are refused by the library.
        unsafe { (f.arv_fake_camera_read_register)(camera, address, &raw mut value) };
        value
    }

    /// Writes a register.
    pub fn set_register(&self, address: u32, value: u32) {
        let (f, camera) = self.parts();
        // SAFETY: addresses beyond the memory are refused by the library.
        unsafe { (f.arv_fake_camera_write_register)(camera, address, value) };
    }

    /// Writes a text of at most `size` bytes, filled up with zeros.
    pub fn set_text(&self, address: u32, size: usize, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(size.min(512), 0);
        let (f, camera) = self.parts();
        // SAFETY: as many bytes as are said are there; the library copies them.
        unsafe {
            (f.arv_fake_camera_write_memory)(
                camera,
                address,
                bytes.len() as u32,
                bytes.as_ptr().cast(),
            );
        }
    }
}
