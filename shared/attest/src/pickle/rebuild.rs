//! The functions that a pickle of weights calls, on descriptions instead of tensors.

use std::rc::Rc;

use super::{
    PickleError,
    globals::Global,
    object::{MAX_KEY_BYTES, MAX_RANK, Object, Objects, Ref, Storage, View},
};
use crate::tensors::Dtype;

/// What a persistent id names: `("storage", type, key, device, count)`, and in the older form a sixth, which must be
/// `None`: a view of another storage.
pub(super) fn storage(objects: &Objects, id: Ref) -> Result<Storage, PickleError> {
    let (kind, dtype, key, count) = match *objects.tuple(id)? {
        [kind, dtype, key, _, count] => (kind, dtype, key, count),
        [kind, dtype, key, _, count, view] if *objects.get(view)? == Object::Nothing => {
            (kind, dtype, key, count)
        }
        _ => return Err(PickleError::malformed("a storage described in another way")),
    };
    let Object::Global(Global::Storage(dtype)) = *objects.get(dtype)? else {
        return Err(PickleError::malformed("a storage of no type"));
    };
    if objects.text(kind)? != "storage" {
        return Err(PickleError::malformed("a persistent id of another kind"));
    }
    let key = objects.text(key)?;
    if key.len() > MAX_KEY_BYTES {
        return Err(PickleError::malformed(
            "a storage with a key of more than 64 bytes",
        ));
    }
    Ok(Storage {
        dtype,
        key: key.to_owned(),
        count: objects.count(count)?,
    })
}

/// Calls an allowed function.
pub(super) fn call(
    objects: &Objects,
    function: Ref,
    arguments: Ref,
) -> Result<Object, PickleError> {
    let Object::Global(function) = *objects.get(function)? else {
        return Err(PickleError::malformed("a call of what is no function"));
    };
    let arguments = objects.tuple(arguments)?;
    match (function, arguments) {
        (Global::OrderedDict, []) => Ok(Object::Dict(Vec::new())),
        (Global::Size, [sizes]) => match objects.tuple(*sizes)? {
            sizes if sizes.len() <= MAX_RANK => Ok(Object::Tuple(sizes.to_vec())),
            _ => Err(PickleError::malformed("a size of more than 64 dimensions")),
        },
        (Global::RebuildPlain, [storage, offset, shape, strides]) => {
            view(objects, None, [*storage, *offset, *shape, *strides])
        }
        (Global::RebuildTensor, [storage, offset, shape, strides, _, _, metadata @ ..]) => {
            no_metadata(objects, metadata)?;
            view(objects, None, [*storage, *offset, *shape, *strides])
        }
        (Global::RebuildTyped, [storage, offset, shape, strides, _, _, dtype, metadata @ ..]) => {
            no_metadata(objects, metadata)?;
            let Object::Global(Global::Dtype(dtype)) = *objects.get(*dtype)? else {
                return Err(PickleError::malformed("a tensor of no type"));
            };
            view(objects, Some(dtype), [*storage, *offset, *shape, *strides])
        }
        (Global::RebuildParameter, [tensor, ..]) if arguments.len() <= 3 => {
            match objects.get(*tensor)? {
                Object::Tensor(view) => Ok(Object::Tensor(Rc::clone(view))),
                _ => Err(PickleError::malformed("a parameter of what is no tensor")),
            }
        }
        _ => Err(PickleError::malformed(format!(
            "a call of {function:?} in another way"
        ))),
    }
}

/// The last argument may say that the numbers are to be negated or conjugated when they are used: they would be other
/// weights than those in the file.
fn no_metadata(objects: &Objects, metadata: &[Ref]) -> Result<(), PickleError> {
    let none = match metadata {
        [] => true,
        [one] => match objects.get(*one)? {
            Object::Nothing => true,
            Object::Dict(members) => members.is_empty(),
            _ => false,
        },
        _ => false,
    };
    if none {
        Ok(())
    } else {
        Err(PickleError::Unsupported(
            "a tensor is marked (as negated or conjugated, for instance), so its numbers are not those in the file; \
             save it after resolve_neg() and resolve_conj()"
                .to_owned(),
        ))
    }
}

fn view(
    objects: &Objects,
    dtype: Option<Dtype>,
    [storage, offset, shape, strides]: [Ref; 4],
) -> Result<Object, PickleError> {
    let Object::Storage(storage) = objects.get(storage)? else {
        return Err(PickleError::malformed("a tensor without a storage"));
    };
    let dtype = dtype
        .or(storage.dtype)
        .ok_or_else(|| PickleError::malformed("a tensor of no type"))?;
    let view = View {
        dtype,
        offset: objects.count(offset)?,
        shape: objects.counts(shape)?,
        strides: objects.counts(strides)?,
        storage: Rc::clone(storage),
    };
    if view.shape.len() == view.strides.len() {
        Ok(Object::Tensor(Rc::new(view)))
    } else {
        Err(PickleError::malformed(
            "a tensor with other strides than dimensions",
        ))
    }
}
