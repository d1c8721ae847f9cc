/// The labels of some rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// One class a row, counted from 0: for the sparse and the binary losses.
    Classes(Vec<u32>),
    /// `width` numbers a row, row by row: for regression and one-hot classes.
    Values {
        /// Numbers in a row.
        width: usize,
        /// The numbers, as many as rows × `width`.
        data: Vec<f32>,
    },
}

/// What training needs of a data set.
pub trait Rows {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// Shape of one row, without the batch.
    fn input_shape(&self) -> &[usize];

    /// Replaces the contents of `x` and `y` by the given rows, in the given order.
    ///
    /// Every number in `rows` is below [`Rows::rows`]. `y` keeps its kind if the data set has that kind of
    /// label, so its memory is used again from batch to batch.
    fn gather(&self, rows: &[u32], x: &mut Vec<f32>, y: &mut Labels);
}
