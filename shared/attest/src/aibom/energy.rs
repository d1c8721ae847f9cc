use serde_json::{Value, json};

use super::{EnergyFacts, property::Properties};

/// Joules in a kilowatt-hour, the one unit that CycloneDX 1.6 knows.
const JOULES: f64 = 3_600_000.0;

/// The energy that the training used, as CycloneDX 1.6 writes it (`energyConsumption`); `None` when none was measured.
///
/// Where the energy came from is not known, and the document says so.
pub(super) fn energy_consumption(energy: &EnergyFacts) -> Option<Value> {
    let joules = |count: Option<u64>, of_one: f64| count.map(|count| count as f64 / of_one);
    let cpu = joules(energy.cpu_microjoules, 1e6);
    let gpu = joules(energy.gpu_millijoules, 1e3);
    if cpu.is_none() && gpu.is_none() {
        return None;
    }
    let measure = json!({
        "value": (cpu.unwrap_or(0.0) + gpu.unwrap_or(0.0)) / JOULES,
        "unit": "kWh",
    });
    let text = |count: Option<u64>| {
        count.map_or_else(|| "not measured".to_owned(), |count| count.to_string())
    };
    let properties = Properties::new()
        .with("energy:cpu-microjoules", text(energy.cpu_microjoules))
        .with("energy:gpu-millijoules", text(energy.gpu_millijoules))
        .with("energy:scope", &energy.scope);
    Some(json!({
        "activity": "training",
        "energyProviders": [{
            "description": "The supply of the machine that trained; not known to the platform",
            "organization": {"name": "unknown"},
            "energySource": "unknown",
            "energyProvided": measure,
        }],
        "activityEnergyCost": measure,
        "properties": properties.into_value(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(cpu: Option<u64>, gpu: Option<u64>) -> EnergyFacts {
        EnergyFacts {
            cpu_microjoules: cpu,
            gpu_millijoules: gpu,
            scope: "the machine".to_owned(),
        }
    }

    #[test]
    fn kilowatt_hours_are_the_sum_of_what_was_measured() {
        let both = energy_consumption(&facts(Some(1_800_000_000_000), Some(1_800_000_000)));
        let both = both.unwrap();
        assert_eq!(
            both["activityEnergyCost"],
            json!({"value": 1.0, "unit": "kWh"})
        );
        assert_eq!(both["energyProviders"][0]["energySource"], "unknown");
        let one = energy_consumption(&facts(None, Some(3_600))).unwrap();
        assert_eq!(one["activityEnergyCost"]["value"], 1e-6);
        let properties = one["properties"].to_string();
        assert!(properties.contains("not measured"), "{properties}");
    }

    #[test]
    fn what_was_not_measured_is_not_there() {
        assert_eq!(energy_consumption(&facts(None, None)), None);
    }
}
