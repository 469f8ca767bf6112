use crate::{
    error::{Error, checked},
    node::{Node, NodeKind},
    object::{Owned, c_text},
    stream::Stream,
    sys::{self, Functions},
};
use std::{
    collections::HashSet,
    ffi::c_void,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// More features than any camera has; beyond them a description goes in circles.
const MOST_FEATURES: usize = 20_000;
/// ARV_GV_PACKET_SIZE_ADJUSTMENT_NEVER: the size was chosen before the stream.
const NEVER_ADJUST: i32 = 0;
/// ARV_GV_STREAM_OPTION_PACKET_SOCKET_DISABLED.
const NO_PACKET_SOCKET: i32 = 1;

/// How large packets are to be (GigE Vision).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketSize {
    /// So many bytes, headers of IP and UDP included.
    Bytes(u16),
    /// The largest that comes through, found out by trying.
    Largest,
}

/// An open camera. Dropping it gives control back, which takes up to five seconds where the camera is gone.
pub struct Device {
    device: Owned,
    control_lost: Arc<AtomicBool>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Device")
    }
}

impl Device {
    pub(crate) fn new(device: Owned) -> Result<Self, Error> {
        let f = device.f;
        let control_lost = Arc::new(AtomicBool::new(false));
        let name = c_text("control-lost");
        let flag = Arc::into_raw(Arc::clone(&control_lost));
        // SAFETY: the library calls `note` from its own threads with the flag, which one count of the `Arc` keeps until
        // the library calls `forget` with it, once, after the last call of `note`.
        let connected = unsafe {
            (f.g_signal_connect_data)(
                device.raw(),
                name.as_ptr(),
                note_control_lost,
                flag.cast_mut().cast(),
                forget_flag,
                0,
            )
        };
        if connected == 0 {
            return Err(Error::other("its loss cannot be listened for"));
        }
        // SAFETY: the device is open; the description belongs to it.
        let genicam = unsafe { (f.arv_device_get_genicam)(device.raw()) };
        if genicam.is_null() {
            return Err(Error::other("the camera gives no description of itself"));
        }
        Ok(Self {
            device,
            control_lost,
        })
    }

    fn f(&self) -> &'static Functions {
        self.device.f
    }

    /// True once the camera has stopped answering: it was unplugged or has lost its power.
    pub fn control_is_lost(&self) -> bool {
        self.control_lost.load(Ordering::Acquire)
    }

    /// True for GigE Vision.
    pub fn is_gige(&self) -> bool {
        self.device.is_a(self.f().arv_gv_device_get_type)
    }

    /// True where this process may write to it. Opening succeeds also where another has control.
    pub fn is_controller(&self) -> bool {
        // SAFETY: asked of GigE Vision devices only.
        !self.is_gige() || unsafe { (self.f().arv_gv_device_is_controller)(self.device.raw()) != 0 }
    }

    /// A feature by name; none where the camera's description has none.
    pub fn node(&self, name: &str) -> Option<Node<'_>> {
        let f = self.f();
        let name_c = c_text(name);
        // SAFETY: the description lives as long as the device and is never changed; the text lives during the call.
        let node = unsafe {
            let genicam = (f.arv_device_get_genicam)(self.device.raw());
            (f.arv_gc_get_node)(genicam, name_c.as_ptr())
        };
        // SAFETY: the node is the description's, which outlives the borrow of `self`.
        unsafe { Node::new(f, node, name) }
    }

    /// Names of all features under `Root`, each with the category that lists it, in the order of the description.
    pub fn features(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        self.collect("Root", &mut seen, &mut found, 0);
        found
    }

    fn collect(
        &self,
        category: &str,
        seen: &mut HashSet<String>,
        found: &mut Vec<(String, String)>,
        depth: u8,
    ) {
        let Some(node) = self.node(category) else {
            return;
        };
        for name in node.listed() {
            if seen.len() >= MOST_FEATURES || !seen.insert(name.clone()) {
                continue;
            }
            match self.node(&name).map(|node| node.kind()) {
                Some(NodeKind::Category) if depth < 16 => {
                    self.collect(&name, seen, found, depth + 1);
                }
                Some(NodeKind::Category) | None => {}
                Some(_) => found.push((category.to_owned(), name)),
            }
        }
    }

    /// Chooses the size of packets and answers with what it is then (GigE Vision; 0 for others).
    pub fn set_packet_size(&self, size: PacketSize) -> Result<u32, Error> {
        if !self.is_gige() {
            return Ok(0);
        }
        let (f, device) = (self.f(), self.device.raw());
        // SAFETY: the device is open and of GigE Vision, in all three calls.
        match size {
            PacketSize::Bytes(bytes) => checked(f, |failure| unsafe {
                (f.arv_gv_device_set_packet_size)(device, i32::from(bytes), failure);
            })?,
            PacketSize::Largest => checked(f, |failure| unsafe {
                (f.arv_gv_device_auto_packet_size)(device, failure);
            })?,
        }
        checked(f, |failure| unsafe {
            (f.arv_gv_device_get_packet_size)(device, failure)
        })
    }

    /// Begins to listen for frames; the camera is not told to send any. The kernel's packet socket is never used: it asks
    /// for rights that a station has not, and as root on loopback it delivers nothing.
    pub fn stream(&self) -> Result<Stream, Error> {
        let (f, device) = (self.f(), self.device.raw());
        if self.is_gige() {
            // SAFETY: the device is open and of GigE Vision.
            unsafe {
                (f.arv_gv_device_set_packet_size_adjustment)(device, NEVER_ADJUST);
                (f.arv_gv_device_set_stream_options)(device, NO_PACKET_SOCKET);
            }
        }
        let functions: *const Functions = f;
        // SAFETY: the functions are there as long as the process, and nothing writes to them.
        let stream = checked(f, |failure| unsafe {
            (f.arv_device_create_stream)(
                device,
                hurry_at_begin,
                functions.cast_mut().cast(),
                failure,
            )
        })?;
        let stream = Owned::take(f, stream)
            .ok_or_else(|| Error::other("the camera has no stream of frames"))?;
        Ok(Stream::new(stream))
    }
}

/// A thread that waits for the processor while a line sensor sends loses blocks. Where the system gives no right to more,
/// it stays as it is.
unsafe extern "C" fn hurry_at_begin(functions: *mut c_void, what: i32, _buffer: sys::Object) {
    const BEGIN: i32 = 0;
    const NICE: i32 = -10;
    if what == BEGIN {
        // SAFETY: `stream` gave these functions, which live as long as the process.
        unsafe { ((*functions.cast::<Functions>()).arv_make_thread_high_priority)(NICE) };
    }
}

unsafe extern "C" fn note_control_lost(_device: sys::Object, flag: *mut c_void) {
    // SAFETY: the flag lives until `forget_flag`, which comes last.
    unsafe { (*flag.cast::<AtomicBool>()).store(true, Ordering::Release) };
}

unsafe extern "C" fn forget_flag(flag: *mut c_void, _closure: *mut c_void) {
    // SAFETY: the count was taken when the signal was connected, and is given back here once.
    drop(unsafe { Arc::from_raw(flag.cast::<AtomicBool>().cast_const()) });
}
