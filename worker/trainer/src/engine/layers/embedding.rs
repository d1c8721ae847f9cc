//! Rows of a table, picked by number.

use assay_protocol::Fault;
use candle_core::Tensor;

use crate::engine::error::Result;
use crate::engine::tensor::{tensor, view};

/// The table's row for each number of `input`, which is cut down to a whole number as Keras does.
pub(crate) fn forward(input: &Tensor, table: &Tensor) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    let numbers = view(table)?;
    let mut output = Vec::with_capacity(input.elem_count() * width);
    for &index in view(input)?.iter() {
        let from = place(index, rows)? * width;
        output.extend_from_slice(numbers.get(from..from + width).unwrap_or_default());
    }
    let mut shape = input.dims().to_vec();
    shape.push(width);
    Ok(tensor(output, shape)?)
}

/// The table's gradient: each row gets the sum of the gradients of the places that showed it, in their order.
///
/// Keras on TensorFlow hands these parts to the optimizer unsummed, so that its Adam squares them one by one; on
/// its other backends it is the sum, as here.
pub(crate) fn backward(input: &Tensor, table: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    let mut sums = vec![0.0; rows * width];
    for (&index, grad) in view(input)?
        .iter()
        .zip(view(grad)?.chunks_exact(width.max(1)))
    {
        let from = place(index, rows)? * width;
        for (s, g) in sums.iter_mut().skip(from).zip(grad) {
            *s += g;
        }
    }
    Ok(tensor(sums, (rows, width))?)
}

/// The row that a number names.
pub(crate) fn place(index: f32, rows: usize) -> Result<usize> {
    let place = index.trunc();
    if place >= 0.0 && (place as usize) < rows {
        return Ok(place as usize);
    }
    Err(Fault::dataset(
        "dataset.index_out_of_range",
        format!(
            "the model's embedding takes whole numbers from 0 to {}, but a row holds {index}",
            rows.saturating_sub(1)
        ),
    )
    .into())
}
