use assay_protocol::{Fault, room};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use sha2::{Digest, Sha256};

use super::super::write::check_weights;
use super::tensor_name;
use crate::spec::{Array, ModelSpec, Weights};

/// Numbers that become bytes at a time.
const CHUNK: usize = 16 << 10;
/// The header is padded with spaces to a multiple of this, so that the numbers lie aligned.
const ALIGNMENT: usize = 8;

/// `model.safetensors`: every weight as F32, named `<layer>/<weight>`, sorted by name; equal weights give equal bytes.
///
/// # Errors
/// A fault of the trainer when the weights are not those of the model.
pub fn safetensors(spec: &ModelSpec, weights: &Weights) -> Result<Vec<u8>, Fault> {
    let file = File::of(spec, weights)?;
    let mut bytes = Vec::with_capacity(file.header.len() + file.numbers * 4);
    file.pieces(|piece| bytes.extend_from_slice(piece));
    Ok(bytes)
}

/// SHA-256 of what [`safetensors`] gives, without all of it in memory.
///
/// # Errors
/// As [`safetensors`].
pub fn safetensors_digest(spec: &ModelSpec, weights: &Weights) -> Result<[u8; 32], Fault> {
    let mut hasher = Sha256::new();
    File::of(spec, weights)?.pieces(|piece| hasher.update(piece));
    Ok(hasher.finalize().into())
}

/// The file's parts: its header, and the arrays in the order in which they follow it.
struct File<'a> {
    header: Vec<u8>,
    arrays: Vec<&'a Array>,
    /// Numbers in all arrays together.
    numbers: usize,
}

impl<'a> File<'a> {
    fn of(spec: &ModelSpec, weights: &'a Weights) -> Result<Self, Fault> {
        check_weights(spec, weights)?;
        let mut named: Vec<(String, &Array)> = Vec::new();
        for (layer, arrays) in spec.layers.iter().zip(&weights.layers) {
            let arrays = layer.weights.iter().zip(arrays);
            named.extend(arrays.map(|(weight, array)| (tensor_name(layer, weight.name), array)));
        }
        named.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut numbers = 0;
        let mut infos = Vec::with_capacity(named.len());
        for (name, array) in &named {
            let begin = numbers * 4;
            numbers += array.data.len();
            let info = TensorInfo {
                dtype: Dtype::F32,
                shape: array.shape.clone(),
                data_offsets: (begin, numbers * 4),
            };
            infos.push((name.clone(), info));
        }
        Ok(Self {
            header: header(infos).map_err(|reason| {
                let message = format!("writing {}: {reason}", room::WEIGHTS);
                Fault::without_field("trainer.archive", message)
            })?,
            arrays: named.into_iter().map(|(_, array)| array).collect(),
            numbers,
        })
    }

    /// Hands on all bytes in order, some at a time.
    fn pieces(&self, mut take: impl FnMut(&[u8])) {
        take(&self.header);
        let mut piece = Vec::with_capacity(CHUNK * 4);
        for numbers in self
            .arrays
            .iter()
            .flat_map(|array| array.data.chunks(CHUNK))
        {
            piece.clear();
            piece.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            take(&piece);
        }
    }
}

/// The length of the description, and the description.
fn header(infos: Vec<(String, TensorInfo)>) -> Result<Vec<u8>, String> {
    let metadata = Metadata::new(None, infos).map_err(|error| error.to_string())?;
    let mut text = serde_json::to_vec(&metadata).map_err(|error| error.to_string())?;
    text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.append(&mut text);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{SafeTensors, serialize};

    use super::*;
    use crate::archive::{initial_weights, read, untrained};

    fn spec() -> ModelSpec {
        let layer = |class: &str, config: serde_json::Value| serde_json::json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
        let dense = |name: &str, units: u32| {
            let config = serde_json::json!({"name": name, "trainable": true, "dtype": "float32", "units": units,
                "activation": "linear", "use_bias": true});
            layer("Dense", config)
        };
        let config = serde_json::json!({
            "module": "keras", "class_name": "Sequential", "registered_name": null,
            "config": {"name": "small", "trainable": true, "dtype": "float32", "layers": [
                layer("InputLayer", serde_json::json!({"batch_shape": [null, 130], "dtype": "float32", "name": "in"})),
                dense("z", 130),
                dense("a", 3),
            ]},
            "compile_config": {"optimizer": "adam", "loss": "mse", "metrics": []},
        });
        let archive = untrained(&config, 1).unwrap();
        read(&archive, &assay_protocol::DataLimits::default())
            .unwrap()
            .spec
    }

    #[test]
    fn the_file_is_the_one_that_the_format_s_own_library_writes() {
        let spec = spec();
        let weights = initial_weights(&spec, 3);
        let bytes = safetensors(&spec, &weights).unwrap();
        let read = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.len(), 4);
        assert_eq!(serialize(read.iter(), None).unwrap(), bytes);
        assert_eq!(read.tensor("z/kernel").unwrap().shape(), [130, 130]);
        let first = weights.layers[1][0].data[0].to_le_bytes();
        assert_eq!(read.tensor("z/kernel").unwrap().data()[..4], first);
    }

    #[test]
    fn the_digest_is_that_of_the_file() {
        let spec = spec();
        let weights = initial_weights(&spec, 3);
        let bytes = safetensors(&spec, &weights).unwrap();
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(safetensors_digest(&spec, &weights).unwrap(), digest);
        let mut other = weights;
        other.layers[1][0].data[7] += 1.0;
        assert_ne!(safetensors_digest(&spec, &other).unwrap(), digest);
    }
}
