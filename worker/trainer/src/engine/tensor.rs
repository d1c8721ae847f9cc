//! The numbers of candle tensors as slices, to read and to change in place.

use std::cell::Cell;
use std::ops::Deref;

use candle_core::{
    CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, StorageRef, Tensor, bail,
};

/// The numbers of a contiguous tensor, row by row, without a copy.
pub(crate) struct View<'a> {
    storage: StorageRef<'a>,
    from: usize,
    to: usize,
}

impl Deref for View<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(numbers)) => {
                numbers.get(self.from..self.to).unwrap_or_default()
            }
            // `view` lets nothing else through.
            _ => &[],
        }
    }
}

/// The numbers of `tensor`, which must be contiguous, on the CPU and of 32-bit floats.
pub(crate) fn view(tensor: &Tensor) -> Result<View<'_>> {
    let (storage, layout) = tensor.storage_and_layout();
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("the tensor is not contiguous");
    };
    if !matches!(&*storage, Storage::Cpu(CpuStorage::F32(_))) {
        bail!("the tensor does not hold 32-bit floats in main memory");
    }
    Ok(View { storage, from, to })
}

/// A tensor that takes over `numbers`.
pub(crate) fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(numbers, shape.into(), &Device::Cpu)
}

/// Changes the numbers of `tensor` in place; every tensor that shares its storage changes too.
pub(crate) fn modify(tensor: &Tensor, change: impl FnOnce(&mut [f32])) -> Result<()> {
    tensor.inplace_op1(&Modify(Cell::new(Some(change))))
}

struct Modify<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32])> InplaceOp1 for Modify<F> {
    fn name(&self) -> &'static str {
        "modify"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Some((from, to)) = layout.contiguous_offsets() else {
            bail!("the tensor is not contiguous");
        };
        let CpuStorage::F32(numbers) = storage else {
            bail!("the tensor does not hold 32-bit floats");
        };
        if let (Some(change), Some(numbers)) = (self.0.take(), numbers.get_mut(from..to)) {
            change(numbers);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_a_narrowed_tensor_starts_at_its_own_first_number() {
        let whole = tensor((0..6).map(|i| i as f32).collect(), (3, 2)).unwrap();
        let rows = whole.narrow(0, 1, 2).unwrap();
        assert_eq!(&*view(&rows).unwrap(), [2.0, 3.0, 4.0, 5.0]);
        assert!(view(&whole.t().unwrap()).is_err());
    }

    #[test]
    fn modify_changes_only_its_part_of_the_storage() {
        let whole = tensor(vec![1.0; 4], 4).unwrap();
        modify(&whole.narrow(0, 2, 2).unwrap(), |numbers| numbers.fill(7.0)).unwrap();
        assert_eq!(&*view(&whole).unwrap(), [1.0, 1.0, 7.0, 7.0]);
    }
}
