//! The matrix product.
//!
//! candle's own product cannot write into memory that is there, reads the number of processors from the
//! operating system on every call and starts threads inside ours; so its kernels are called directly.

use candle_core::{Result, bail};
use gemm::Parallelism;

/// A matrix over numbers that lie row by row.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    numbers: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The matrix of `rows` × `columns` numbers.
    pub(crate) fn new(numbers: &'a [f32], rows: usize, columns: usize) -> Result<Self> {
        if rows.checked_mul(columns) != Some(numbers.len()) {
            bail!(
                "{} numbers are not a matrix of {rows} × {columns}",
                numbers.len()
            );
        }
        Ok(Self {
            numbers,
            rows,
            columns,
            row_stride: columns,
            column_stride: 1,
        })
    }

    /// The same numbers with rows and columns swapped.
    pub(crate) fn transposed(self) -> Self {
        Self {
            numbers: self.numbers,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// Who computes a product. The result is the same.
#[derive(Clone, Copy)]
pub(crate) enum Workers {
    /// The calling thread: the caller has given the other threads work of their own.
    One,
    /// The threads of the caller's pool.
    All,
}

/// Writes `left · right` to `output`, row by row.
#[expect(
    unsafe_code,
    reason = "the kernels take raw pointers; the lengths behind them are checked right here"
)]
pub(crate) fn multiply(
    left: Matrix<'_>,
    right: Matrix<'_>,
    output: &mut [f32],
    workers: Workers,
) -> Result<()> {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    if inner != right.rows || rows.checked_mul(columns) != Some(output.len()) {
        bail!(
            "{rows} × {inner} times {} × {columns} does not make {} numbers",
            right.rows,
            output.len()
        );
    }
    if output.is_empty() || inner == 0 {
        output.fill(0.0);
        return Ok(());
    }
    let parallelism = match workers {
        Workers::One => Parallelism::None,
        // 0 is the size of the pool that the call is made from.
        Workers::All => Parallelism::Rayon(0),
    };
    // Strides are at most lengths of slices, and those fit into an isize.
    let stride = |stride: usize| stride as isize;
    // SAFETY: `Matrix::new` checked that rows × columns numbers lie behind each operand, and either stride
    // reaches no further; the shapes of operands and output agree (above); `output` is borrowed mutably, so
    // it overlaps neither operand; the first `false` says that what it holds is not read.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.as_mut_ptr(),
            1,
            stride(columns),
            false,
            left.numbers.as_ptr(),
            stride(left.column_stride),
            stride(left.row_stride),
            right.numbers.as_ptr(),
            stride(right.column_stride),
            stride(right.row_stride),
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(a: &[f32], b: &[f32], rows: usize, inner: usize, columns: usize) -> Vec<f32> {
        let cell = |i: usize| {
            (0..inner)
                .map(|k| a[i / columns * inner + k] * b[k * columns + i % columns])
                .sum()
        };
        (0..rows * columns).map(cell).collect()
    }

    fn turned(numbers: &[f32], rows: usize, columns: usize) -> Vec<f32> {
        (0..numbers.len())
            .map(|i| numbers[i % rows * columns + i / rows])
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn it_is_the_product(rows in 1usize..20, inner in 0usize..20, columns in 1usize..20, seed in 0u32..100) {
            // Small whole numbers, so that any order of adding gives the same sum.
            let number = |i: usize| ((i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 28) as f32 - 8.0;
            let a: Vec<f32> = (0..rows * inner).map(number).collect();
            let b: Vec<f32> = (0..inner * columns).map(|i| number(i + 1000)).collect();
            let want = plain(&a, &b, rows, inner, columns);
            let (at, bt) = (turned(&a, rows, inner), turned(&b, inner, columns));
            let straight = [Matrix::new(&a, rows, inner).unwrap(), Matrix::new(&b, inner, columns).unwrap()];
            let crossed = [
                Matrix::new(&at, inner, rows).unwrap().transposed(),
                Matrix::new(&bt, columns, inner).unwrap().transposed(),
            ];
            for [left, right] in [straight, crossed] {
                for workers in [Workers::One, Workers::All] {
                    let mut output = vec![f32::NAN; rows * columns];
                    multiply(left, right, &mut output, workers).unwrap();
                    proptest::prop_assert_eq!(&output, &want);
                }
            }
        }
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Matrix::new(&[0.0; 5], 2, 3).is_err());
        assert!(Matrix::new(&[], usize::MAX, 2).is_err());
        let matrix = Matrix::new(&[0.0; 6], 2, 3).unwrap();
        assert!(multiply(matrix, matrix, &mut [0.0; 4], Workers::One).is_err());
        assert!(multiply(matrix, matrix.transposed(), &mut [0.0; 3], Workers::One).is_err());
    }
}
