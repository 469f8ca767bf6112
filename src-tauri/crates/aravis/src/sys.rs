//! The functions of the library, by name, as its headers declare them (Aravis 0.8.26, GLib 2.74).

use libloading::Library;
use std::ffi::{c_char, c_double, c_int, c_uint, c_ulong, c_void};

/// An object of the library, whatever its type.
pub(crate) type Object = *mut c_void;
pub(crate) type GType = usize;
pub(crate) type Text = *const c_char;
pub(crate) type Failure = *mut *mut GError;

/// Called on the thread of a stream with what it was given, what happens and the buffer it happens to.
pub(crate) type StreamCallback = unsafe extern "C" fn(*mut c_void, c_int, Object);

#[repr(C)]
pub(crate) struct GError {
    pub(crate) domain: u32,
    pub(crate) code: c_int,
    pub(crate) message: *const c_char,
}

#[repr(C)]
pub(crate) struct GSList {
    pub(crate) data: *mut c_void,
    pub(crate) next: *const GSList,
}

macro_rules! functions {
    ($(fn $name:ident($($argument:ty),*) $(-> $result:ty)?;)*) => {
        pub(crate) struct Functions {
            $(pub(crate) $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            pub(crate) g_object_set: unsafe extern "C" fn(Object, Text, ...),
        }

        impl Functions {
            /// Finds them all, or names the first that is missing.
            ///
            /// # Safety
            /// The library is Aravis 0.8, so that the functions are as declared here, and is never unloaded.
            pub(crate) unsafe fn find(library: &Library) -> Result<Self, &'static str> {
                // SAFETY: the types are those of the headers; the caller warrants the library.
                unsafe {
                    Ok(Self {
                        $($name: *library
                            .get(concat!(stringify!($name), "\0").as_bytes())
                            .map_err(|_| stringify!($name))?,)*
                        g_object_set: *library.get(b"g_object_set\0").map_err(|_| "g_object_set")?,
                    })
                }
            }
        }
    };
}

functions! {
    fn arv_update_device_list();
    fn arv_get_n_devices() -> c_uint;
    fn arv_get_device_id(c_uint) -> Text;
    fn arv_get_device_physical_id(c_uint) -> Text;
    fn arv_get_device_address(c_uint) -> Text;
    fn arv_get_device_vendor(c_uint) -> Text;
    fn arv_get_device_model(c_uint) -> Text;
    fn arv_get_device_serial_nbr(c_uint) -> Text;
    fn arv_get_device_protocol(c_uint) -> Text;
    fn arv_open_device(Text, Failure) -> Object;

    fn arv_device_get_genicam(Object) -> Object;
    fn arv_device_create_stream(Object, StreamCallback, *mut c_void, Failure) -> Object;
    fn arv_make_thread_high_priority(c_int) -> c_int;
    fn arv_device_error_quark() -> u32;

    fn arv_gv_device_get_type() -> GType;
    fn arv_gv_device_is_controller(Object) -> c_int;
    fn arv_gv_device_auto_packet_size(Object, Failure) -> c_uint;
    fn arv_gv_device_set_packet_size(Object, c_int, Failure);
    fn arv_gv_device_get_packet_size(Object, Failure) -> c_uint;
    fn arv_gv_device_set_packet_size_adjustment(Object, c_int);
    fn arv_gv_device_set_stream_options(Object, c_int);

    fn arv_gc_error_quark() -> u32;
    fn arv_gc_get_node(Object, Text) -> Object;
    fn arv_gc_feature_node_get_type() -> GType;
    fn arv_gc_feature_node_get_tooltip(Object) -> Text;
    fn arv_gc_feature_node_get_description(Object) -> Text;
    fn arv_gc_feature_node_get_display_name(Object) -> Text;
    fn arv_gc_feature_node_get_visibility(Object) -> c_int;
    fn arv_gc_feature_node_is_available(Object, Failure) -> c_int;
    fn arv_gc_feature_node_is_implemented(Object, Failure) -> c_int;
    fn arv_gc_feature_node_is_locked(Object, Failure) -> c_int;
    fn arv_gc_feature_node_get_actual_access_mode(Object) -> c_int;
    fn arv_gc_category_get_type() -> GType;
    fn arv_gc_category_get_features(Object) -> *const GSList;
    fn arv_gc_integer_get_type() -> GType;
    fn arv_gc_integer_get_value(Object, Failure) -> i64;
    fn arv_gc_integer_set_value(Object, i64, Failure);
    fn arv_gc_integer_get_min(Object, Failure) -> i64;
    fn arv_gc_integer_get_max(Object, Failure) -> i64;
    fn arv_gc_integer_get_inc(Object, Failure) -> i64;
    fn arv_gc_integer_get_unit(Object) -> Text;
    fn arv_gc_float_get_type() -> GType;
    fn arv_gc_float_get_value(Object, Failure) -> c_double;
    fn arv_gc_float_set_value(Object, c_double, Failure);
    fn arv_gc_float_get_min(Object, Failure) -> c_double;
    fn arv_gc_float_get_max(Object, Failure) -> c_double;
    fn arv_gc_float_get_inc(Object, Failure) -> c_double;
    fn arv_gc_float_get_unit(Object) -> Text;
    fn arv_gc_boolean_get_type() -> GType;
    fn arv_gc_boolean_get_value(Object, Failure) -> c_int;
    fn arv_gc_boolean_set_value(Object, c_int, Failure);
    fn arv_gc_string_get_type() -> GType;
    fn arv_gc_string_get_value(Object, Failure) -> Text;
    fn arv_gc_string_set_value(Object, Text, Failure);
    fn arv_gc_command_get_type() -> GType;
    fn arv_gc_command_execute(Object, Failure);
    fn arv_gc_enumeration_get_type() -> GType;
    fn arv_gc_enumeration_get_string_value(Object, Failure) -> Text;
    fn arv_gc_enumeration_set_string_value(Object, Text, Failure) -> c_int;
    fn arv_gc_enumeration_get_int_value(Object, Failure) -> i64;
    fn arv_gc_enumeration_dup_available_string_values(Object, *mut c_uint, Failure) -> *mut Text;

    fn arv_stream_push_buffer(Object, Object);
    fn arv_stream_try_pop_buffer(Object) -> Object;
    fn arv_stream_timeout_pop_buffer(Object, u64) -> Object;
    fn arv_stream_get_statistics(Object, *mut u64, *mut u64, *mut u64);
    fn arv_gv_stream_get_type() -> GType;
    fn arv_gv_stream_get_port(Object) -> u16;
    fn arv_gv_stream_get_statistics(Object, *mut u64, *mut u64);

    fn arv_buffer_new_allocate(usize) -> Object;
    fn arv_buffer_get_status(Object) -> c_int;
    fn arv_buffer_get_payload_type(Object) -> c_int;
    fn arv_buffer_get_system_timestamp(Object) -> u64;
    fn arv_buffer_get_frame_id(Object) -> u64;
    fn arv_buffer_get_image_data(Object, *mut usize) -> *const c_void;
    fn arv_buffer_get_image_pixel_format(Object) -> u32;
    fn arv_buffer_get_image_width(Object) -> c_int;
    fn arv_buffer_get_image_height(Object) -> c_int;
    fn arv_buffer_get_image_padding(Object, *mut c_int, *mut c_int);

    fn arv_gv_fake_camera_new_full(Text, Text, Text) -> Object;
    fn arv_gv_fake_camera_is_running(Object) -> c_int;
    fn arv_gv_fake_camera_get_fake_camera(Object) -> Object;
    fn arv_fake_camera_read_register(Object, u32, *mut u32) -> c_int;
    fn arv_fake_camera_write_register(Object, u32, u32) -> c_int;
    fn arv_fake_camera_write_memory(Object, u32, u32, *const c_void) -> c_int;

    fn g_object_unref(Object);
    fn g_type_check_instance_is_a(Object, GType) -> c_int;
    fn g_signal_connect_data(
        Object,
        Text,
        unsafe extern "C" fn(Object, *mut c_void),
        *mut c_void,
        unsafe extern "C" fn(*mut c_void, *mut c_void),
        c_int
    ) -> c_ulong;
    fn g_error_free(*mut GError);
    fn g_free(*mut c_void);
}
