use serde_json::{Map, Value, json};

use super::*;

fn output(class: &str, settings: Value, inputs: &[&[usize]]) -> Result<Vec<usize>, Fault> {
    let map: Map<String, Value> = serde_json::from_value(settings).unwrap();
    let mut s = Settings::new(class.to_owned(), &map);
    let built = build(class, &mut s, inputs, &DataLimits::default())?;
    s.finish()?;
    Ok(built.output)
}

/// Shapes as `compute_output_shape` of Keras 3.15.1 gives them.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn output_shapes_are_those_of_keras() {
    let image: &[usize] = &[7, 10, 3];
    for (class, settings, wanted) in [
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [3, 2]}),
            vec![5, 9, 5],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}),
            vec![4, 5, 5],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": 3, "dilation_rate": [2, 3]}),
            vec![3, 4, 5],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": 3, "strides": [2, 3]}),
            vec![3, 3, 5],
        ),
        (
            "DepthwiseConv2D",
            json!({"depth_multiplier": 2, "kernel_size": 2}),
            vec![6, 9, 6],
        ),
        ("MaxPooling2D", json!({"pool_size": [2, 2]}), vec![3, 5, 3]),
        (
            "MaxPooling2D",
            json!({"pool_size": 3, "strides": 2, "padding": "same"}),
            vec![4, 5, 3],
        ),
        (
            "AveragePooling2D",
            json!({"pool_size": [3, 3], "strides": [1, 2]}),
            vec![5, 4, 3],
        ),
        ("GlobalMaxPooling2D", json!({}), vec![3]),
        (
            "GlobalAveragePooling2D",
            json!({"keepdims": true}),
            vec![1, 1, 3],
        ),
        (
            "ZeroPadding2D",
            json!({"padding": [[1, 2], [3, 4]]}),
            vec![10, 17, 3],
        ),
        ("ZeroPadding2D", json!({"padding": [1, 2]}), vec![9, 14, 3]),
        ("ZeroPadding2D", json!({"padding": 1}), vec![9, 12, 3]),
        ("Flatten", json!({}), vec![210]),
        ("Reshape", json!({"target_shape": [-1, 6]}), vec![35, 6]),
        ("Dense", json!({"units": 4}), vec![7, 10, 4]),
        (
            "Embedding",
            json!({"input_dim": 4, "output_dim": 9}),
            vec![7, 10, 3, 9],
        ),
    ] {
        assert_eq!(
            output(class, settings.clone(), &[image]).unwrap(),
            wanted,
            "{class} {settings}"
        );
    }
    let joined = output("Concatenate", json!({"axis": 1}), &[&[2, 3], &[4, 3]]);
    assert_eq!(joined.unwrap(), [6, 3]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_does_not_fit_is_refused() {
    let image: &[usize] = &[7, 10, 3];
    for (class, settings, inputs) in [
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [8, 2]}),
            vec![image],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [3, 3]}),
            vec![&[7, 10][..]],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [3, 3], "strides": [0, 1]}),
            vec![image],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [3, 3], "strides": 2, "dilation_rate": 2}),
            vec![image],
        ),
        (
            "Conv2D",
            json!({"filters": 5, "kernel_size": [u64::MAX, 3]}),
            vec![image],
        ),
        (
            "Conv2D",
            json!({"filters": u64::MAX, "kernel_size": 1}),
            vec![image],
        ),
        (
            "DepthwiseConv2D",
            json!({"depth_multiplier": u64::MAX, "kernel_size": 1}),
            vec![image],
        ),
        ("ZeroPadding2D", json!({"padding": u64::MAX}), vec![image]),
        ("MaxPooling2D", json!({"pool_size": 11}), vec![image]),
        ("Reshape", json!({"target_shape": [-1, 11]}), vec![image]),
        ("Reshape", json!({"target_shape": [-1, -1]}), vec![image]),
        ("Reshape", json!({"target_shape": []}), vec![image]),
        ("Dropout", json!({"rate": 1.0}), vec![image]),
        ("Dropout", json!({"rate": -0.1}), vec![image]),
        ("BatchNormalization", json!({"axis": 0}), vec![image]),
        ("BatchNormalization", json!({"axis": 4}), vec![image]),
        ("LayerNormalization", json!({"axis": 1}), vec![image]),
        ("Add", json!({}), vec![image]),
        ("Add", json!({}), vec![image, &[7, 10, 1]]),
        ("Concatenate", json!({"axis": 0}), vec![image, image]),
        ("Concatenate", json!({"axis": 1}), vec![image, &[7, 9, 3]]),
        ("Dense", json!({"units": 4}), vec![image, image]),
        ("Dense", json!({"units": -4}), vec![image]),
        (
            "Embedding",
            json!({"input_dim": 4, "output_dim": 2, "mask_zero": true}),
            vec![image],
        ),
    ] {
        assert!(
            output(class, settings.clone(), &inputs).is_err(),
            "{class} {settings}"
        );
    }
}
