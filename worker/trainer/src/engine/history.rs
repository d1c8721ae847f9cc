use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The metrics of every epoch, as Keras' `History.history`: name to values, in the order of Keras.
///
/// `val_` names have a value only for the epochs that were validated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    entries: Vec<(String, Vec<f64>)>,
}

impl History {
    /// The values of one metric, an epoch each.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, values)| values)
    }

    /// All metrics in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.entries
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// A history of these metrics.
    pub(crate) fn of(entries: Vec<(String, Vec<f64>)>) -> Self {
        Self { entries }
    }

    /// Adds one value of a metric.
    pub(crate) fn push(&mut self, name: &str, value: f64) {
        match self.entries.iter_mut().find(|(n, _)| n == name) {
            Some((_, values)) => values.push(value),
            None => self.entries.push((name.to_owned(), vec![value])),
        }
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for (name, values) in self.iter() {
            map.serialize_entry(name, values)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_serialises_in_the_order_of_entry() {
        let mut history = History::default();
        history.push("loss", 1.0);
        history.push("accuracy", 0.5);
        history.push("loss", 0.25);
        let text = serde_json::to_string(&history).unwrap();
        assert_eq!(text, r#"{"loss":[1.0,0.25],"accuracy":[0.5]}"#);
        assert_eq!(history.get("loss"), Some(&[1.0, 0.25][..]));
    }
}
