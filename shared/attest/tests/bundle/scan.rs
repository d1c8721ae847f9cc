//! Bundles with a scan of the image that trained.

use super::*;

fn after_scan(change: impl FnOnce(&mut Job)) -> Vec<String> {
    let keys = Keys::generate();
    let mut job = Job::scanned(&keys);
    change(&mut job);
    let files = job.sign(&keys).unwrap();
    failed(&verify(&files, &keys.trust().unwrap()))
}

#[test]
fn a_bundle_of_a_scanned_image_is_verified() {
    let keys = Keys::generate();
    let files = Job::scanned(&keys).sign(&keys).unwrap();
    let trust = keys.trust().unwrap();
    let report = verify(&files, &trust);
    assert!(report.is_verified(), "{report:#?}");
    let scan = link_file_name(SCAN_IMAGE, &keys.scanner.keyid());
    for missing in [&scan, "layout.json"] {
        let mut fewer = files.clone();
        fewer.remove(missing).unwrap();
        assert!(!verify(&fewer, &trust).is_verified(), "{missing}");
    }
    // A plain bundle does not become one of a scanned image by the link alone, nor the other way round.
    let mut plain = Job::sample(&keys).sign(&keys).unwrap();
    plain.insert(scan.clone(), files[&scan].clone());
    assert!(verify(&plain, &trust).has_failed());
    let mut swapped = files;
    swapped.insert(
        "layout.json".into(),
        intoto::sign(&keys.layout(), &keys.owner).unwrap(),
    );
    assert!(verify(&swapped, &trust).has_failed());
}

#[test]
fn the_scan_must_be_of_the_image_that_trained() {
    let rules = "artifact-rules".to_owned();
    let other = || Digest::of(b"another image");
    // Another image was scanned; no image was named on one side, or on either; a report is missing or one is more.
    for change in [
        (|job: &mut Job| {
            let scan = job.scan.as_mut().unwrap();
            scan.materials.insert(IMAGE_PATH.into(), Digest::of(b"x"));
        }) as fn(&mut Job),
        |job| {
            job.training.materials.remove(IMAGE_PATH);
        },
        |job| {
            job.scan.as_mut().unwrap().materials.clear();
        },
        |job| {
            job.training.materials.remove(IMAGE_PATH);
            job.scan.as_mut().unwrap().materials.clear();
        },
        |job| {
            let scan = job.scan.as_mut().unwrap();
            scan.products.remove(SCAN_REPORTS[0]);
        },
        |job| {
            let scan = job.scan.as_mut().unwrap();
            scan.products.insert("scan/more".into(), Digest::of(b"x"));
        },
    ] {
        assert!(after_scan(change).contains(&rules));
    }
    let renamed = after_scan(|job| job.facts.image.as_mut().unwrap().id = other());
    assert_eq!(renamed, ["aibom-scan"]);
    let hidden = after_scan(|job| {
        let image = job.facts.image.as_mut().unwrap();
        image.scan = ScanFacts::Unknown { reason: "-".into() };
    });
    assert_eq!(hidden, ["aibom-scan"]);
}
