use std::fmt;

/// The type of a tensor's numbers, as safetensors 0.8 names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    missing_docs,
    non_camel_case_types,
    reason = "the standard's own names"
)]
pub enum Dtype {
    BOOL,
    F4,
    F6_E2M3,
    F6_E3M2,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64,
}

/// Name and bits of each.
const ALL: [(Dtype, &str, u64); 22] = [
    (Dtype::BOOL, "BOOL", 8),
    (Dtype::F4, "F4", 4),
    (Dtype::F6_E2M3, "F6_E2M3", 6),
    (Dtype::F6_E3M2, "F6_E3M2", 6),
    (Dtype::U8, "U8", 8),
    (Dtype::I8, "I8", 8),
    (Dtype::F8_E5M2, "F8_E5M2", 8),
    (Dtype::F8_E4M3, "F8_E4M3", 8),
    (Dtype::F8_E8M0, "F8_E8M0", 8),
    (Dtype::F8_E4M3FNUZ, "F8_E4M3FNUZ", 8),
    (Dtype::F8_E5M2FNUZ, "F8_E5M2FNUZ", 8),
    (Dtype::I16, "I16", 16),
    (Dtype::U16, "U16", 16),
    (Dtype::F16, "F16", 16),
    (Dtype::BF16, "BF16", 16),
    (Dtype::I32, "I32", 32),
    (Dtype::U32, "U32", 32),
    (Dtype::F32, "F32", 32),
    (Dtype::C64, "C64", 64),
    (Dtype::F64, "F64", 64),
    (Dtype::I64, "I64", 64),
    (Dtype::U64, "U64", 64),
];

impl Dtype {
    /// The type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        ALL.iter()
            .find(|(_, known, _)| *known == name)
            .map(|(dtype, ..)| *dtype)
    }

    fn row(self) -> (&'static str, u64) {
        ALL.iter()
            .find(|(dtype, ..)| *dtype == self)
            .map_or(("", 0), |(_, name, bits)| (name, *bits))
    }

    /// The name.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// Bits of one number.
    pub fn bits(self) -> u64 {
        self.row().1
    }

    /// Bytes of a tensor of this shape; `None` if they are no whole number, or more than can be counted.
    pub fn bytes_of(self, shape: &[u64]) -> Option<u64> {
        let numbers = shape
            .iter()
            .try_fold(1_u64, |all, size| all.checked_mul(*size))?;
        let bits = numbers.checked_mul(self.bits())?;
        (bits % 8 == 0).then_some(bits / 8)
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_sizes_do_not_wrap() {
        for (dtype, name, bits) in ALL {
            assert_eq!(
                (Dtype::from_name(name), dtype.name(), dtype.bits()),
                (Some(dtype), name, bits)
            );
        }
        assert_eq!(Dtype::F32.bytes_of(&[2, 3]), Some(24));
        assert_eq!(Dtype::F4.bytes_of(&[3]), None);
        assert_eq!(Dtype::F32.bytes_of(&[]), Some(4));
        assert_eq!(Dtype::F32.bytes_of(&[0, u64::MAX]), Some(0));
        assert_eq!(Dtype::U8.bytes_of(&[u64::MAX, 2]), None);
        assert_eq!(Dtype::F64.bytes_of(&[u64::MAX]), None);
    }
}
