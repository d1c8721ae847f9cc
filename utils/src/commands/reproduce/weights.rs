use safetensors::{Dtype, SafeTensors};

/// What two weights may differ by where bytes cannot be equal: so much, and so much for each unit of the recorded one. It is
/// a convention; what was measured of it stands in `docs/DECISIONS.md` ("A tolerance is a convention").
const ABSOLUTE: f32 = 1e-3;
const RELATIVE: f32 = 1e-2;
/// The same for people.
pub(super) const TOLERANCE: &str = "0.001 + 1 % of the recorded weight";

/// How far apart two sets of weights are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Distance {
    /// The largest difference of two weights.
    pub(super) largest: f32,
    /// Weights that differ by more than the tolerance.
    pub(super) beyond: u64,
    /// Weights in all.
    pub(super) weights: u64,
}

/// Compares two safetensors files of one model, number by number.
///
/// # Errors
/// A clause for people when they are not of one model.
pub(super) fn distance(recorded: &[u8], here: &[u8]) -> Result<Distance, String> {
    let read = |bytes, whose: &str| {
        SafeTensors::deserialize(bytes).map_err(|error| format!("the {whose} weights: {error}"))
    };
    let (recorded, here) = (read(recorded, "recorded")?, read(here, "new")?);
    let mut distance = Distance {
        largest: 0.0,
        beyond: 0,
        weights: 0,
    };
    if recorded.len() != here.len() {
        return Err("they have different tensors".to_owned());
    }
    for (name, one) in recorded.iter() {
        let other = here
            .tensor(name)
            .map_err(|_| format!("the new weights have no {name}"))?;
        let numbers = [one.dtype(), other.dtype()] == [Dtype::F32, Dtype::F32];
        if !numbers || one.shape() != other.shape() {
            return Err(format!("{name} has another shape or type"));
        }
        let pairs = one.data().as_chunks::<4>().0.iter();
        for (one, other) in pairs.zip(other.data().as_chunks::<4>().0) {
            let (one, other) = (f32::from_le_bytes(*one), f32::from_le_bytes(*other));
            let apart = (one - other).abs();
            distance.weights += 1;
            // NaN is within no tolerance.
            let within = apart <= ABSOLUTE + RELATIVE * one.abs();
            distance.beyond += u64::from(!within);
            distance.largest = distance.largest.max(apart);
        }
    }
    Ok(distance)
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{TensorView, serialize};

    use super::*;

    fn file(name: &str, numbers: &[f32]) -> Vec<u8> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, vec![numbers.len()], &bytes).unwrap();
        serialize([(name, view)], None).unwrap()
    }

    #[test]
    fn the_largest_difference_is_found() {
        let recorded = file("a", &[1.0, -2.0, 0.0]);
        let near = distance(&recorded, &file("a", &[1.005, -2.0, 0.0005])).unwrap();
        assert_eq!((near.beyond, near.weights), (0, 3));
        assert!((near.largest - 0.005).abs() < 1e-5);
        let far = distance(&recorded, &file("a", &[1.0, -2.5, 0.1])).unwrap();
        assert_eq!(far.beyond, 2);
        let nowhere = distance(&recorded, &file("a", &[1.0, f32::NAN, 0.0])).unwrap();
        assert_eq!(nowhere.beyond, 1);
    }

    #[test]
    fn other_models_are_not_compared() {
        let recorded = file("a", &[1.0]);
        assert!(distance(&recorded, &file("b", &[1.0])).is_err());
        assert!(distance(&recorded, &file("a", &[1.0, 2.0])).is_err());
        assert!(distance(&recorded, b"").is_err());
    }
}
