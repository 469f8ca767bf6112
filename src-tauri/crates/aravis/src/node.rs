//! One feature of a camera's description. Everything is asked of the camera anew: nothing is cached.

use crate::{
    error::{Error, ErrorKind, checked},
    object::{c_text, copied, is_a},
    sys::{self, Failure, Functions, GSList},
};
use std::{ffi::c_uint, marker::PhantomData, ptr::NonNull};

/// More than any list of a description holds; beyond that it is damaged.
const MOST_LISTED: usize = 10_000;

/// What kind of value a feature has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Lists others.
    Category,
    /// Something to be done.
    Command,
    /// One of several names.
    Enumeration,
    /// On or off.
    Boolean,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// A text.
    String,
    /// Raw memory and what else is of no use here.
    Other,
}

/// What the description allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessMode {
    /// Only to be read.
    ReadOnly,
    /// Only to be set.
    WriteOnly,
    /// Both.
    ReadWrite,
}

/// Who a feature is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody; also where nothing is said.
    Beginner,
    /// Who knows the camera.
    Expert,
    /// Who knows what may break.
    Guru,
    /// Nobody.
    Invisible,
}

/// A feature of a [`crate::Device`], which it borrows.
pub struct Node<'a> {
    f: &'static Functions,
    node: NonNull<std::ffi::c_void>,
    name: String,
    kind: NodeKind,
    device: PhantomData<&'a crate::Device>,
}

impl Node<'_> {
    /// # Safety
    /// `node` is null or a node of a description that outlives the answer.
    pub(crate) unsafe fn new(f: &'static Functions, node: sys::Object, name: &str) -> Option<Self> {
        let object = NonNull::new(node)?;
        if !is_a(f, node, f.arv_gc_feature_node_get_type) {
            return None;
        }
        // An enumeration is also an integer and a text: the more special kinds come first.
        let kinds = [
            (NodeKind::Category, f.arv_gc_category_get_type),
            (NodeKind::Command, f.arv_gc_command_get_type),
            (NodeKind::Enumeration, f.arv_gc_enumeration_get_type),
            (NodeKind::Boolean, f.arv_gc_boolean_get_type),
            (NodeKind::Integer, f.arv_gc_integer_get_type),
            (NodeKind::Float, f.arv_gc_float_get_type),
            (NodeKind::String, f.arv_gc_string_get_type),
        ];
        let kind = kinds
            .into_iter()
            .find(|(_, get_type)| is_a(f, node, *get_type))
            .map_or(NodeKind::Other, |(kind, _)| kind);
        Some(Self {
            f,
            node: object,
            name: name.to_owned(),
            kind,
            device: PhantomData,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of value it has.
    pub fn kind(&self) -> NodeKind {
        self.kind
    }

    fn raw(&self) -> sys::Object {
        self.node.as_ptr()
    }

    fn text(&self, get: unsafe extern "C" fn(sys::Object) -> sys::Text) -> String {
        // SAFETY: the node lives, and is of the type that `get` is for, as each caller sees to; the text is copied.
        unsafe { copied(get(self.raw())) }
    }

    fn checked<T>(&self, get: unsafe extern "C" fn(sys::Object, Failure) -> T) -> Result<T, Error> {
        // SAFETY: as for `text`; the place for the error lives during the call.
        checked(self.f, |failure| unsafe { get(self.raw(), failure) })
    }

    /// The same, of nodes of that kind only: functions of one kind must not be called with another.
    fn of<T>(
        &self,
        kind: NodeKind,
        get: unsafe extern "C" fn(sys::Object, Failure) -> T,
    ) -> Result<T, Error> {
        self.must_be(kind)?;
        self.checked(get)
    }

    fn must_be(&self, kind: NodeKind) -> Result<(), Error> {
        if self.kind == kind {
            return Ok(());
        }
        Err(Error::other(format!(
            "{} is of another kind: {:?}, not {kind:?}",
            self.name, self.kind
        )))
    }

    /// For people; may be empty.
    pub fn display_name(&self) -> String {
        self.text(self.f.arv_gc_feature_node_get_display_name)
    }

    /// What it does: its description, else its tooltip; may be empty.
    pub fn description(&self) -> String {
        let description = self.text(self.f.arv_gc_feature_node_get_description);
        if description.trim().is_empty() {
            self.text(self.f.arv_gc_feature_node_get_tooltip)
        } else {
            description
        }
    }

    /// Unit; may be empty.
    pub fn unit(&self) -> String {
        match self.kind {
            NodeKind::Integer => self.text(self.f.arv_gc_integer_get_unit),
            NodeKind::Float => self.text(self.f.arv_gc_float_get_unit),
            _ => String::new(),
        }
    }

    /// Who it is meant for.
    pub fn visibility(&self) -> Visibility {
        // SAFETY: the node lives and is a feature.
        match unsafe { (self.f.arv_gc_feature_node_get_visibility)(self.raw()) } {
            0 => Visibility::Invisible,
            1 => Visibility::Guru,
            2 => Visibility::Expert,
            _ => Visibility::Beginner,
        }
    }

    /// False where this very camera has it not, though its description knows it.
    pub fn is_implemented(&self) -> Result<bool, Error> {
        self.checked(self.f.arv_gc_feature_node_is_implemented)
            .map(|is| is != 0)
    }

    /// False where other settings rule it out.
    pub fn is_available(&self) -> Result<bool, Error> {
        self.checked(self.f.arv_gc_feature_node_is_available)
            .map(|is| is != 0)
    }

    /// True where it cannot be set now.
    pub fn is_locked(&self) -> Result<bool, Error> {
        self.checked(self.f.arv_gc_feature_node_is_locked)
            .map(|is| is != 0)
    }

    /// What the description allows.
    pub fn access(&self) -> AccessMode {
        // SAFETY: the node lives and is a feature.
        match unsafe { (self.f.arv_gc_feature_node_get_actual_access_mode)(self.raw()) } {
            0 => AccessMode::ReadOnly,
            1 => AccessMode::WriteOnly,
            _ => AccessMode::ReadWrite,
        }
    }

    /// Names that a category lists.
    pub(crate) fn listed(&self) -> Vec<String> {
        if self.kind != NodeKind::Category {
            return Vec::new();
        }
        let mut names = Vec::new();
        // SAFETY: the node is a category; the list and its texts are the description's and are read before it can change.
        unsafe {
            let mut item: *const GSList = (self.f.arv_gc_category_get_features)(self.raw());
            while !item.is_null() && names.len() < MOST_LISTED {
                names.push(copied((*item).data.cast_const().cast()));
                item = (*item).next;
            }
        }
        names
    }

    /// The value of a whole number.
    pub fn integer(&self) -> Result<i64, Error> {
        self.of(NodeKind::Integer, self.f.arv_gc_integer_get_value)
    }

    /// Least, most and step of a whole number.
    pub fn integer_limits(&self) -> Result<(i64, i64, i64), Error> {
        let kind = NodeKind::Integer;
        Ok((
            self.of(kind, self.f.arv_gc_integer_get_min)?,
            self.of(kind, self.f.arv_gc_integer_get_max)?,
            stepless(self.of(kind, self.f.arv_gc_integer_get_inc), 1)?,
        ))
    }

    /// Sets a whole number.
    pub fn set_integer(&self, value: i64) -> Result<(), Error> {
        self.must_be(NodeKind::Integer)?;
        // SAFETY: the node is of that kind.
        checked(self.f, |failure| unsafe {
            (self.f.arv_gc_integer_set_value)(self.raw(), value, failure);
        })
    }

    /// The value of a number.
    pub fn float(&self) -> Result<f64, Error> {
        self.of(NodeKind::Float, self.f.arv_gc_float_get_value)
    }

    /// Least, most and, where it has any, step of a number.
    pub fn float_limits(&self) -> Result<(f64, f64, Option<f64>), Error> {
        let kind = NodeKind::Float;
        let increment = stepless(self.of(kind, self.f.arv_gc_float_get_inc), 0.0)?;
        Ok((
            self.of(kind, self.f.arv_gc_float_get_min)?,
            self.of(kind, self.f.arv_gc_float_get_max)?,
            // Where it has none the library may also answer with the least number that there is.
            (increment > f64::MIN_POSITIVE && increment.is_finite()).then_some(increment),
        ))
    }

    /// Sets a number.
    pub fn set_float(&self, value: f64) -> Result<(), Error> {
        self.must_be(NodeKind::Float)?;
        // SAFETY: the node is of that kind.
        checked(self.f, |failure| unsafe {
            (self.f.arv_gc_float_set_value)(self.raw(), value, failure);
        })
    }

    /// Whether it is on.
    pub fn boolean(&self) -> Result<bool, Error> {
        self.of(NodeKind::Boolean, self.f.arv_gc_boolean_get_value)
            .map(|is| is != 0)
    }

    /// Turns it on or off.
    pub fn set_boolean(&self, value: bool) -> Result<(), Error> {
        self.must_be(NodeKind::Boolean)?;
        // SAFETY: the node is of that kind.
        checked(self.f, |failure| unsafe {
            (self.f.arv_gc_boolean_set_value)(self.raw(), i32::from(value), failure);
        })
    }

    /// The text, or the name of the entry of an enumeration.
    pub fn string(&self) -> Result<String, Error> {
        let text = match self.kind {
            NodeKind::Enumeration => self.checked(self.f.arv_gc_enumeration_get_string_value)?,
            _ => self.of(NodeKind::String, self.f.arv_gc_string_get_value)?,
        };
        // SAFETY: the text belongs to the node, which keeps it until it is asked again.
        Ok(unsafe { copied(text) })
    }

    /// Sets a text, or an enumeration to the entry of that name.
    pub fn set_string(&self, value: &str) -> Result<(), Error> {
        let value = c_text(value);
        let (node, text) = (self.raw(), value.as_ptr());
        if self.kind == NodeKind::Enumeration {
            // SAFETY: the node is of that kind; the text lives during the call.
            return checked(self.f, |failure| unsafe {
                (self.f.arv_gc_enumeration_set_string_value)(node, text, failure);
            });
        }
        self.must_be(NodeKind::String)?;
        // SAFETY: as above.
        checked(self.f, |failure| unsafe {
            (self.f.arv_gc_string_set_value)(node, text, failure);
        })
    }

    /// The number behind the entry of an enumeration, such as a pixel format's code.
    pub fn entry_code(&self) -> Result<i64, Error> {
        self.of(
            NodeKind::Enumeration,
            self.f.arv_gc_enumeration_get_int_value,
        )
    }

    /// Entries of an enumeration that can be had now.
    pub fn entries(&self) -> Result<Vec<String>, Error> {
        self.must_be(NodeKind::Enumeration)?;
        let mut count: c_uint = 0;
        // SAFETY: the node is of that kind; places for the count and the error live during the call.
        let entries = checked(self.f, |failure| unsafe {
            (self.f.arv_gc_enumeration_dup_available_string_values)(
                self.raw(),
                &raw mut count,
                failure,
            )
        })?;
        if entries.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: the array has `count` texts, which are the description's; the array alone is ours to free.
        let names = unsafe {
            let names = (0..count as usize)
                .map(|number| copied(*entries.add(number)))
                .collect();
            (self.f.g_free)(entries.cast());
            names
        };
        Ok(names)
    }

    /// Does what a command is for.
    pub fn execute(&self) -> Result<(), Error> {
        self.of(NodeKind::Command, self.f.arv_gc_command_execute)
    }
}

/// A description without steps is an error to the library, and none here; a camera that does not answer is one.
fn stepless<T>(increment: Result<T, Error>, without: T) -> Result<T, Error> {
    match increment {
        Err(error) if error.kind == ErrorKind::Description => Ok(without),
        other => other,
    }
}
