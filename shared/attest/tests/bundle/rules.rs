//! What the layout demands of links.

use super::*;

#[test]
fn rules_bind_inputs_and_outputs() {
    let input = Role::Dataset.path(DIR, "Wein é.csv").unwrap();
    let rules = "artifact-rules".to_owned();
    // Trained from other data than was taken in.
    assert!(
        after(|job| {
            job.training
                .materials
                .insert(input.clone(), Digest::of(b"x"));
        })
        .contains(&rules)
    );
    // Trained without data that was taken in; with data that was not.
    assert!(
        after(|job| {
            job.training.materials.remove(&input);
        })
        .contains(&rules)
    );
    let more = Role::Dataset.path(DIR, "more.csv").unwrap();
    assert!(
        after(|job| {
            job.training.materials.insert(more, Digest::of(b"x"));
        })
        .contains(&rules)
    );
    // Ingest made from something; a product under another name; a product that was a material.
    assert!(
        after(|job| {
            job.ingest.materials.insert(input.clone(), Digest::of(b"x"));
        })
        .contains(&rules)
    );
    let renamed = format!("{DIR}/outputs/evil.keras");
    assert!(
        after(|job| {
            job.training.products.insert(renamed, Digest::of(b"x"));
        })
        .contains(&rules)
    );
    assert!(
        after(|job| {
            job.training.products.insert(input, Digest::of(b"x"));
        })
        .contains(&rules)
    );
}

#[test]
fn what_rules_cannot_say_is_checked_too() {
    let paths = "artifact-paths".to_owned();
    assert!(
        after(|job| {
            job.training.products.remove(&output("metrics.json"));
        })
        .contains(&paths)
    );
    let elsewhere = "job-0002/outputs/metrics.json".to_owned();
    let moved = after(|job| {
        let digest = job
            .training
            .products
            .remove(&output("metrics.json"))
            .unwrap();
        job.training.products.insert(elsewhere, digest);
    });
    assert!(moved.contains(&paths));
    let command = after(|job| job.training.command = vec!["rm".into(), "-rf".into(), "/".into()]);
    assert_eq!(command, ["link-command"]);
    let expired = after(|job| job.layout.expires = now());
    assert_eq!(expired, ["layout-expiry"]);
}
