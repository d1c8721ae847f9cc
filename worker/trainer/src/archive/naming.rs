//! Keras' names of groups in `model.weights.h5`: the class in snake case and a counter, not the layer's name.

use std::collections::HashMap;

use crate::spec::{ModelClass, ModelSpec};

/// The group of every layer; `None` for the input layer of a Sequential model, which Keras does not save.
pub(super) fn groups(spec: &ModelSpec) -> Vec<Option<String>> {
    let mut used: HashMap<String, usize> = HashMap::new();
    spec.layers
        .iter()
        .map(|layer| {
            if spec.class == ModelClass::Sequential && layer.class == "InputLayer" {
                return None;
            }
            let base = snake_case(&layer.class);
            let count = used.entry(base.clone()).or_default();
            let name = if *count == 0 {
                base
            } else {
                format!("{base}_{count}")
            };
            *count += 1;
            Some(name)
        })
        .collect()
}

/// Keras' `to_snake_case`: `MaxPooling2D` → `max_pooling2d`, `LeakyReLU` → `leaky_re_lu`.
fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().collect();
    let mut out = String::with_capacity(class.len() + 4);
    for (i, c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|b| chars.get(b));
        let starts_word = chars.get(i + 1).is_some_and(char::is_ascii_lowercase);
        let ends_word = before.is_some_and(char::is_ascii_lowercase);
        if c.is_ascii_uppercase() && before.is_some() && (starts_word || ends_word) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn classes_become_the_names_that_keras_gives() {
        for (class, group) in [
            ("Dense", "dense"),
            ("Conv2D", "conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("BatchNormalization", "batch_normalization"),
            ("ZeroPadding2D", "zero_padding2d"),
            ("InputLayer", "input_layer"),
            ("LeakyReLU", "leaky_re_lu"),
            ("ReLU", "re_lu"),
            ("ELU", "elu"),
        ] {
            assert_eq!(snake_case(class), group);
        }
    }
}
