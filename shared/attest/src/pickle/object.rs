use std::rc::Rc;

use super::{PickleError, globals::Global};
use crate::tensors::Dtype;

/// Objects in one file at most.
const MAX_OBJECTS: usize = 8_000_000;
/// Bytes of memory that all objects of a file may take, whether they are still used or not. A model of 100,000 tensors
/// takes a fifth of it.
const MAX_BYTES: u64 = 512 << 20;
/// Bytes of memory that they may take for each byte of the pickle, of which weights take ten, and at first.
const BYTES_PER_BYTE: u64 = 64;
const FIRST_BYTES: u64 = 1 << 20;
/// Bytes of the key of a storage at most: they are small numbers.
pub(super) const MAX_KEY_BYTES: usize = 64;
/// Dimensions of a tensor at most.
pub(super) const MAX_RANK: usize = 64;

/// An object's place among all.
pub(super) type Ref = usize;

/// What the machine knows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// `None`, floats, bytes: what may stand in a file and is of no use here.
    Nothing,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Ref>),
    List(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    Global(Global),
    Storage(Rc<Storage>),
    Tensor(Rc<View>),
}

/// Where a tensor's numbers come from, as the pickle names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    /// `None`: bytes without a type.
    pub(super) dtype: Option<Dtype>,
    pub(super) key: String,
    /// Numbers, or bytes without a type.
    pub(super) count: u64,
}

/// A tensor: a view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) storage: Rc<Storage>,
    pub(super) dtype: Dtype,
    /// Numbers before the first.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

impl Object {
    /// Bytes that it holds beside its place.
    fn held(&self) -> usize {
        match self {
            Self::Nothing | Self::Bool(_) | Self::Int(_) | Self::Global(_) => 0,
            Self::Text(text) => text.capacity(),
            Self::Tuple(items) | Self::List(items) => size_of_val(items.as_slice()),
            Self::Dict(members) => size_of_val(members.as_slice()),
            Self::Storage(storage) => size_of::<Storage>() + storage.key.capacity(),
            Self::Tensor(view) => size_of::<View>() + 16 * view.shape.len(),
        }
    }
}

/// All objects of a file. They name one another by place, so a loop among them is no loop for us.
#[derive(Debug, Default)]
pub(super) struct Objects {
    all: Vec<Object>,
    /// Bytes taken so far, and how many may be.
    taken: u64,
    most: u64,
}

impl Objects {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// After so many bytes of the pickle, so many bytes of memory may be taken.
    pub(super) fn allow(&mut self, position: u64) {
        self.most = MAX_BYTES.min(FIRST_BYTES + BYTES_PER_BYTE.saturating_mul(position));
    }

    /// Counts bytes that are about to be taken.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), PickleError> {
        self.taken = self.taken.saturating_add(bytes as u64);
        if self.taken <= self.most {
            Ok(())
        } else {
            Err(PickleError::malformed(
                "its objects would take far more memory than those of weights do",
            ))
        }
    }

    pub(super) fn add(&mut self, object: Object) -> Result<Ref, PickleError> {
        if self.all.len() >= MAX_OBJECTS {
            return Err(PickleError::malformed("too many objects"));
        }
        self.charge(size_of::<Object>() + object.held())?;
        self.all.push(object);
        Ok(self.all.len() - 1)
    }

    pub(super) fn get(&self, at: Ref) -> Result<&Object, PickleError> {
        self.all
            .get(at)
            .ok_or_else(|| PickleError::malformed("an object that is not there"))
    }

    pub(super) fn get_mut(&mut self, at: Ref) -> Result<&mut Object, PickleError> {
        self.all
            .get_mut(at)
            .ok_or_else(|| PickleError::malformed("an object that is not there"))
    }

    pub(super) fn tuple(&self, at: Ref) -> Result<&[Ref], PickleError> {
        match self.get(at)? {
            Object::Tuple(items) => Ok(items),
            _ => Err(PickleError::malformed("a tuple was expected")),
        }
    }

    pub(super) fn text(&self, at: Ref) -> Result<&str, PickleError> {
        match self.get(at)? {
            Object::Text(text) => Ok(text),
            _ => Err(PickleError::malformed("a text was expected")),
        }
    }

    /// An integer that is not negative.
    pub(super) fn count(&self, at: Ref) -> Result<u64, PickleError> {
        match self.get(at)? {
            Object::Int(number) => {
                u64::try_from(*number).map_err(|_| PickleError::malformed("a size below zero"))
            }
            _ => Err(PickleError::malformed("an integer was expected")),
        }
    }

    /// The dimensions of a tensor, or the strides along them.
    pub(super) fn counts(&self, at: Ref) -> Result<Vec<u64>, PickleError> {
        let items = self.tuple(at)?;
        if items.len() > MAX_RANK {
            return Err(PickleError::malformed(
                "a tensor of more than 64 dimensions",
            ));
        }
        items.iter().map(|item| self.count(*item)).collect()
    }
}
