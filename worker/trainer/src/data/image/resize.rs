//! Bilinear resizing with half-pixel centres and no antialiasing, number for number as
//! `tf.image.resize(images, size, method="bilinear", antialias=False)` computes it in 32-bit floats.

/// Where one output row or column takes its two sources, and how far it lies between them.
#[derive(Debug, Clone, Copy)]
struct Tap {
    lower: usize,
    upper: usize,
    lerp: f32,
}

/// The taps of both axes, made once for a data set.
#[derive(Debug)]
pub(super) struct Plan {
    rows: Vec<Tap>,
    columns: Vec<Tap>,
    row_length: usize,
    channels: usize,
}

impl Plan {
    /// From and to are height and width.
    pub(super) fn new(from: [usize; 2], to: [usize; 2], channels: usize) -> Self {
        Self {
            rows: taps(from[0], to[0]),
            columns: taps(from[1], to[1]),
            row_length: from[1] * channels,
            channels,
        }
    }

    /// Resizes one image.
    pub(super) fn apply(&self, image: &[u8], out: &mut [f32]) {
        let out_row = self.columns.len() * self.channels;
        for (tap, out) in self.rows.iter().zip(out.chunks_exact_mut(out_row)) {
            let top = self.row(image, tap.lower);
            let bottom = self.row(image, tap.upper);
            for (column, out) in self.columns.iter().zip(out.chunks_exact_mut(self.channels)) {
                for (channel, out) in out.iter_mut().enumerate() {
                    let at = |row: &[u8], x: usize| {
                        row.get(x * self.channels + channel)
                            .copied()
                            .map_or(0.0, f32::from)
                    };
                    let mix = |row: &[u8]| {
                        let left = at(row, column.lower);
                        left + (at(row, column.upper) - left) * column.lerp
                    };
                    let (top, bottom) = (mix(top), mix(bottom));
                    *out = top + (bottom - top) * tap.lerp;
                }
            }
        }
    }

    fn row<'a>(&self, image: &'a [u8], y: usize) -> &'a [u8] {
        image
            .get(y * self.row_length..(y + 1) * self.row_length)
            .unwrap_or_default()
    }
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f32 / to as f32;
    (0..to)
        .map(|index| {
            let source = (index as f32 + 0.5) * scale - 0.5;
            let floor = source.floor();
            Tap {
                lower: (floor.max(0.0) as usize).min(from - 1),
                upper: (source.ceil().max(0.0) as usize).min(from - 1),
                lerp: source - floor,
            }
        })
        .collect()
}
