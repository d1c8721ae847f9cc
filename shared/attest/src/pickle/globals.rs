use super::PickleError;
use crate::tensors::Dtype;

/// The names that a pickle may use, all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch.Size`
    Size,
    /// `torch._utils._rebuild_tensor`
    RebuildPlain,
    /// `torch._utils._rebuild_tensor_v2`: with metadata
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v3`: with a type of its own, and metadata
    RebuildTyped,
    /// `torch._utils._rebuild_parameter`
    RebuildParameter,
    /// `torch.FloatStorage` and its like; `None` for `torch.storage.UntypedStorage`
    Storage(Option<Dtype>),
    /// `torch.float32` and its like
    Dtype(Dtype),
}

const STORAGES: [(&str, Dtype); 11] = [
    ("DoubleStorage", Dtype::F64),
    ("FloatStorage", Dtype::F32),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("CharStorage", Dtype::I8),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
    ("ComplexFloatStorage", Dtype::C64),
];

const DTYPES: [(&str, Dtype); 19] = [
    ("float64", Dtype::F64),
    ("float32", Dtype::F32),
    ("float16", Dtype::F16),
    ("bfloat16", Dtype::BF16),
    ("int64", Dtype::I64),
    ("int32", Dtype::I32),
    ("int16", Dtype::I16),
    ("int8", Dtype::I8),
    ("uint64", Dtype::U64),
    ("uint32", Dtype::U32),
    ("uint16", Dtype::U16),
    ("uint8", Dtype::U8),
    ("bool", Dtype::BOOL),
    ("complex64", Dtype::C64),
    ("float8_e4m3fn", Dtype::F8_E4M3),
    ("float8_e5m2", Dtype::F8_E5M2),
    ("float8_e4m3fnuz", Dtype::F8_E4M3FNUZ),
    ("float8_e5m2fnuz", Dtype::F8_E5M2FNUZ),
    ("float8_e8m0fnu", Dtype::F8_E8M0),
];

/// What a pickle means by a module and a name.
pub(super) fn find(module: &str, name: &str) -> Result<Global, PickleError> {
    let in_list = |list: &[(&str, Dtype)]| {
        list.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, dtype)| *dtype)
    };
    let found = match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch", "Size") => Some(Global::Size),
        ("torch._utils", "_rebuild_tensor") => Some(Global::RebuildPlain),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_tensor_v3") => Some(Global::RebuildTyped),
        ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
        ("torch" | "torch.storage", "UntypedStorage") => Some(Global::Storage(None)),
        ("torch", _) => in_list(&STORAGES)
            .map(|dtype| Global::Storage(Some(dtype)))
            .or_else(|| in_list(&DTYPES).map(Global::Dtype)),
        _ => None,
    };
    found.ok_or_else(|| {
        let whole = module.chars().chain(['.']).chain(name.chars());
        PickleError::Forbidden(whole.take(120).collect())
    })
}
