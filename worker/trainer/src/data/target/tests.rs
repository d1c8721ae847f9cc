use super::*;

fn loss() -> Loss {
    Loss::SparseCategoricalCrossentropy { from_logits: false }
}

#[test]
fn numbers_become_classes_in_numeric_order() {
    let target = Target::of(loss(), &[3]).unwrap();
    let (labels, names) = fit(RawLabels::Ints(vec![10, 9, -1, 10]), "y", target).unwrap();
    assert_eq!(labels, Labels::Classes(vec![2, 1, 0, 2]));
    assert_eq!(names, ["-1", "9", "10"]);
}

#[test]
fn text_becomes_classes_in_sorted_order() {
    let raw = RawLabels::Text {
        names: vec!["b".into(), "a".into()],
        rows: vec![0, 1, 1],
    };
    let (labels, names) = fit(raw, "y", Target::OneHot { classes: 2 }).unwrap();
    assert_eq!(names, ["a", "b"]);
    let data = vec![0., 1., 1., 0., 1., 0.];
    assert_eq!(labels, Labels::Values { width: 2, data });
}

#[test]
fn whole_floats_are_classes_and_fractions_are_not() {
    let target = Target::Class { classes: 2 };
    let raw = |data| RawLabels::Floats { width: 1, data };
    assert_eq!(fit(raw(vec![1.0, 0.0]), "y", target).unwrap().1, ["0", "1"]);
    let fault = fit(raw(vec![1.0, 0.5]), "y", target).unwrap_err();
    assert_eq!(fault.code, "dataset.label_type");
}

#[test]
fn one_class_and_too_many_classes_are_refused() {
    let target = Target::Class { classes: 2 };
    let one = fit(RawLabels::Ints(vec![4, 4]), "y", target).unwrap_err();
    assert_eq!(one.code, "dataset.one_class");
    let many = fit(RawLabels::Ints(vec![1, 2, 3]), "y", target).unwrap_err();
    assert_eq!(many.code, "dataset.too_many_classes");
}

#[test]
fn regression_keeps_the_numbers() {
    let target = Target::of(Loss::MeanSquaredError, &[1]).unwrap();
    let raw = RawLabels::Floats {
        width: 1,
        data: vec![0.5, 2.0],
    };
    let (labels, names) = fit(raw, "y", target).unwrap();
    assert_eq!(
        labels,
        Labels::Values {
            width: 1,
            data: vec![0.5, 2.0]
        }
    );
    assert!(names.is_empty());
    let wide = fit(RawLabels::Ints(vec![1]), "y", Target::Values { width: 3 }).unwrap_err();
    assert_eq!(wide.code, "model.output_shape");
}
