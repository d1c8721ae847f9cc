use super::{PickleError, globals::Global};
use crate::tensors::Dtype;

/// Bytes that the objects of one file take in memory at most; those of a large model take some tens of millions.
const MAX_BYTES: usize = 512 << 20;
/// Dimensions of a tensor at most, which is what every list of numbers counts here.
pub(super) const MAX_RANK: usize = 64;
/// Bytes of a storage's key at most; they are numbers.
pub(super) const MAX_KEY_BYTES: usize = 64;

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

impl Object {
    /// Bytes that it takes beside its place among all.
    fn bytes_beside(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Tuple(items) | Self::List(items) => size_of_val(items.as_slice()),
            Self::Dict(members) => size_of_val(members.as_slice()),
            Self::Storage(storage) => storage.key.len(),
            Self::Tensor(view) => view.storage.key.len() + 16 * view.shape.len(),
            Self::Nothing | Self::Bool(_) | Self::Int(_) | Self::Global(_) => 0,
        }
    }
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
pub(super) struct Objects {
    all: Vec<Object>,
    /// What they take, also those that nothing names any more.
    bytes: usize,
}

impl Objects {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn add(&mut self, object: Object) -> Result<Ref, PickleError> {
        self.take(size_of::<Object>() + object.bytes_beside())?;
        self.all.push(object);
        Ok(self.all.len() - 1)
    }

    /// Notes that an object has become larger by so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), PickleError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return Err(PickleError::malformed(
                "its objects would take more than 512 MiB of memory",
            ));
        }
        Ok(())
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

    pub(super) fn counts(&self, at: Ref) -> Result<Vec<u64>, PickleError> {
        let items = self.tuple(at)?;
        if items.len() > MAX_RANK {
            return Err(PickleError::malformed("a tensor of too many dimensions"));
        }
        items.iter().map(|item| self.count(*item)).collect()
    }
}
