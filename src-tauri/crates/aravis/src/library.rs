use crate::{
    device::Device,
    error::{Error, checked},
    object::{Owned, c_text, copied},
    sys::{Functions, Text},
};
use libloading::Library;
use std::{
    collections::HashMap,
    ffi::c_uint,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// The name by which the system finds the library.
pub const LIBRARY: &str = "libaravis-0.8.so.0";

/// Devices beyond these are not listed.
const MOST_DEVICES: c_uint = 256;

/// The library is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is not installed, or cannot be read.
    #[error("{library} cannot be loaded ({reason}): sudo apt install libaravis-0.8-0")]
    Missing {
        /// Its name.
        library: String,
        /// The system's words.
        reason: String,
    },
    /// It is there and not what it should be.
    #[error(
        "{library} has no function {function}: install Aravis 0.8.26 or later of its 0.8 line, as libaravis-0.8-0 of Debian 12"
    )]
    Unfit {
        /// Its name.
        library: String,
        /// What it lacks.
        function: &'static str,
    },
}

/// How a device is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// GigE Vision.
    GigeVision,
    /// USB3 Vision.
    Usb3Vision,
    /// Anything else.
    Other,
}

/// A device of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceEntry {
    /// The library's id for it: vendor, model and serial number.
    pub id: String,
    /// MAC address (GigE Vision) or the device's unique id (USB3 Vision).
    pub physical_id: String,
    /// IP address (GigE Vision) or what the USB calls it.
    pub address: String,
    /// Who made it.
    pub vendor: String,
    /// Which model.
    pub model: String,
    /// Serial number; may be empty.
    pub serial: String,
    /// How it is reached.
    pub protocol: Protocol,
}

/// The loaded library.
pub struct Aravis {
    f: Functions,
    /// The list of devices is one for the whole process: who reads or opens from it is alone with it.
    list: Mutex<List>,
    changed: Condvar,
}

#[derive(Default)]
struct List {
    /// Somebody reads or opens from it.
    is_taken: bool,
    /// So many wait to open a device.
    opening: usize,
    /// What was found last, and when the search for it began.
    found: Option<(Instant, Vec<DeviceEntry>)>,
}

impl std::fmt::Debug for Aravis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aravis")
    }
}

impl Aravis {
    /// Loads the library by a name or a path, once for each in the life of the process; usually [`LIBRARY`].
    pub fn load(library: &str) -> Result<&'static Self, LoadError> {
        static LOADED: Mutex<Option<HashMap<String, &'static Aravis>>> = Mutex::new(None);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = loaded.get_or_insert_default();
        if let Some(aravis) = loaded.get(library) {
            return Ok(aravis);
        }
        // SAFETY: loading runs the constructors of GLib, libusb and Aravis, which ask for nothing of us.
        let opened = unsafe { Library::new(library) }.map_err(|error| LoadError::Missing {
            library: library.to_owned(),
            reason: error.to_string(),
        })?;
        // Never unloaded, whatever becomes of it: types and threads of GLib would stay behind without their code.
        let opened = Box::leak(Box::new(opened));
        // SAFETY: the name is that of Aravis' 0.8 line, whose functions never change within it; it is never unloaded.
        let f = unsafe { Functions::find(opened) }.map_err(|function| LoadError::Unfit {
            library: library.to_owned(),
            function,
        })?;
        let aravis: &'static Self = Box::leak(Box::new(Self {
            f,
            list: Mutex::default(),
            changed: Condvar::new(),
        }));
        loaded.insert(library.to_owned(), aravis);
        Ok(aravis)
    }

    pub(crate) fn functions(&'static self) -> &'static Functions {
        &self.f
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &'a self,
        list: MutexGuard<'a, List>,
        is_to_wait: impl FnMut(&mut List) -> bool,
    ) -> MutexGuard<'a, List> {
        let waited = self.changed.wait_while(list, is_to_wait);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the network and the USB which devices there are. Takes about a second. Who had to wait for others takes what
    /// they found, where that search began after this one was asked for: sixteen cameras that are opened at once search
    /// twice. Who opens a device goes before who looks for one, which lost cameras do all the time.
    pub fn devices(&'static self) -> Vec<DeviceEntry> {
        let asked = Instant::now();
        let known = |list: &List| {
            let found = list.found.as_ref();
            let found = found.filter(|(begun, _)| *begun >= asked);
            found.map(|(_, devices)| devices.clone())
        };
        let mut list = self.wait(self.list(), |list| {
            (list.is_taken || list.opening > 0) && known(list).is_none()
        });
        if let Some(devices) = known(&list) {
            return devices;
        }
        list.is_taken = true;
        drop(list);
        let taken = Taken(self);
        let begun = Instant::now();
        let devices = self.search();
        self.list().found = Some((begun, devices.clone()));
        drop(taken);
        devices
    }

    /// To be called with the list in one's hand.
    fn search(&'static self) -> Vec<DeviceEntry> {
        let f = &self.f;
        // SAFETY: the list is the caller's alone until the end of the function, so that its numbers hold.
        let count = unsafe {
            (f.arv_update_device_list)();
            (f.arv_get_n_devices)()
        };
        let text = |get: unsafe extern "C" fn(c_uint) -> Text, number| {
            // SAFETY: the number is below that of the list's devices; the text is the list's, and copied at once.
            unsafe { copied(get(number)) }
        };
        (0..count.min(MOST_DEVICES))
            .map(|number| DeviceEntry {
                id: text(f.arv_get_device_id, number),
                physical_id: text(f.arv_get_device_physical_id, number),
                address: text(f.arv_get_device_address, number),
                vendor: text(f.arv_get_device_vendor, number),
                model: text(f.arv_get_device_model, number),
                serial: text(f.arv_get_device_serial_nbr, number),
                protocol: match &text(f.arv_get_device_protocol, number)[..] {
                    "GigEVision" => Protocol::GigeVision,
                    "USB3Vision" => Protocol::Usb3Vision,
                    _ => Protocol::Other,
                },
            })
            .collect()
    }

    /// Opens a device by its id or IP address, and takes control of it where nobody has it. May take seconds.
    pub fn open(&'static self, address: &str) -> Result<Device, Error> {
        let wanted = c_text(address);
        let opened = {
            let mut list = self.list();
            list.opening += 1;
            list = self.wait(list, |list| list.is_taken);
            list.opening -= 1;
            list.is_taken = true;
            drop(list);
            let _taken = Taken(self);
            // SAFETY: the text lives during the call.
            checked(&self.f, |failure| unsafe {
                (self.f.arv_open_device)(wanted.as_ptr(), failure)
            })?
        };
        let device = Owned::take(&self.f, opened).ok_or_else(|| Error {
            kind: crate::ErrorKind::NotFound,
            message: format!("there is no camera at {address}"),
        })?;
        Device::new(device)
    }
}

/// Alone with the list.
struct Taken(&'static Aravis);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.list().is_taken = false;
        self.0.changed.notify_all();
    }
}
