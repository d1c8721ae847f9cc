use super::{PickleError, globals::Global};
use crate::tensors::Dtype;

/// Objects in one file at most.
const MAX_OBJECTS: usize = 8_000_000;

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
    Storage(Storage),
    Tensor(View),
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
    pub(super) storage: Storage,
    pub(super) dtype: Dtype,
    /// Numbers before the first.
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// All objects of a file. They name one another by place, so a loop among them is no loop for us.
#[derive(Debug, Default)]
pub(super) struct Objects(Vec<Object>);

impl Objects {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, object: Object) -> Result<Ref, PickleError> {
        if self.0.len() >= MAX_OBJECTS {
            return Err(PickleError::malformed("too many objects"));
        }
        self.0.push(object);
        Ok(self.0.len() - 1)
    }

    pub(super) fn get(&self, at: Ref) -> Result<&Object, PickleError> {
        self.0
            .get(at)
            .ok_or_else(|| PickleError::malformed("an object that is not there"))
    }

    pub(super) fn get_mut(&mut self, at: Ref) -> Result<&mut Object, PickleError> {
        self.0
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

    pub(super) fn counts(&self, at: Ref) -> Result<Vec<u64>, PickleError> {
        self.tuple(at)?
            .iter()
            .map(|item| self.count(*item))
            .collect()
    }
}
