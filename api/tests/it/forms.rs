//! Forms that are not as they should be.

use crate::support::{Bench, Part, SUBMIT, good, http};

#[tokio::test(flavor = "multi_thread")]
async fn spoilt_values_are_refused_by_field() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    for (field, value, code) in [
        ("epochs", "0", "parameters.out_of_range"),
        ("epochs", "-1", "parameters.not_a_number"),
        ("epochs", "1e3", "parameters.not_a_number"),
        ("epochs", "", "parameters.not_a_number"),
        ("validation_split", "NaN", "parameters.out_of_range"),
        ("validation_split", "1", "parameters.out_of_range"),
        ("validation_split", "inf", "parameters.out_of_range"),
        ("initial_epoch", "50", "parameters.out_of_range"),
        ("batch_size", "0", "parameters.out_of_range"),
        ("steps_per_epoch", "0", "parameters.out_of_range"),
        ("validation_steps", "x", "parameters.not_a_number"),
        ("validation_freq", "0", "parameters.out_of_range"),
        ("seed", "9007199254740992", "parameters.out_of_range"),
        ("device", "gpu", "parameters.device"),
        ("framework", "PyTorch", "parameters.framework"),
        ("no_such_field", "1", "form.unknown_field"),
        ("", "1", "form.unknown_field"),
    ] {
        let mut parts = good();
        parts.retain(|part| part.field != field);
        parts.push(Part::text(field, value));
        let answer = bench.post(SUBMIT, &parts).await;
        if field.is_empty() {
            // A part without a name is no form data at all.
            assert!((400..=422).contains(&answer.status), "{}", answer.text());
            continue;
        }
        let (found, named) = answer.problem(422);
        assert_eq!(
            (found.as_str(), named.as_deref()),
            (code, Some(field)),
            "{value}"
        );
    }
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_repeated_fields_are_named() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    for field in ["model", "dataset", "dataset_definition", "framework"] {
        let mut parts = good();
        parts.retain(|part| part.field != field);
        let (code, named) = bench.post(SUBMIT, &parts).await.problem(422);
        assert_eq!(
            (code.as_str(), named.as_deref()),
            ("form.missing_field", Some(field))
        );
    }
    for index in 0..good().len() {
        let mut parts = good();
        let again = parts[index];
        parts.push(again);
        let (code, named) = bench.post(SUBMIT, &parts).await.problem(422);
        assert_eq!(
            (code.as_str(), named.as_deref()),
            ("form.repeated_field", Some(again.field))
        );
    }
    let answer = bench.post(SUBMIT, &[]).await.json(422);
    let detail = answer["detail"].as_str().unwrap();
    assert!(
        detail.contains("model, dataset, dataset_definition, framework"),
        "{detail}"
    );
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_07_file_names_cannot_lead_anywhere() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    let long = "x".repeat(300);
    for name in [
        "../../escape",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "..",
        "",
        "nul\u{0}",
        "modèle.keras",
        "a\u{202e}b",
        &long,
    ] {
        for index in 0..3 {
            let mut parts = good();
            parts[index].file_name = Some(name);
            let field = parts[index].field;
            let answer = bench.post(SUBMIT, &parts).await;
            // A control character in a head is no form data at all.
            if name.contains('\0') {
                assert!((400..=422).contains(&answer.status), "{}", answer.text());
                continue;
            }
            let (code, named) = answer.problem(422);
            assert_eq!(
                (code.as_str(), named.as_deref()),
                ("upload.file_name", Some(field)),
                "{name:?}"
            );
        }
    }
    let mut parts = good();
    parts[0].file_name = None;
    assert_eq!(
        bench.post(SUBMIT, &parts).await.problem(422).0,
        "upload.file_name"
    );
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_forms_are_refused() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    let whole = http::form(&good());
    let kind = format!("multipart/form-data; boundary={}", http::BOUNDARY);
    let cases: [(&str, &[u8], u16); 7] = [
        ("application/json", b"{}", 415),
        ("text/plain", &whole, 415),
        ("multipart/form-data", &whole, 400),
        ("multipart/form-data; boundary=other", &whole, 400),
        (
            &kind,
            b"--7d1f0c2b9a\r\nContent-Disposition: form-data; na",
            400,
        ),
        (&kind, b"no boundary anywhere", 400),
        (
            &kind,
            b"--7d1f0c2b9a\r\nContent-Type: text/plain\r\n\r\nno name\r\n--7d1f0c2b9a--\r\n",
            400,
        ),
    ];
    for (kind, body, status) in cases {
        for path in [
            SUBMIT,
            "/verify_in-toto_link",
            "/verify_file_hash",
            "/verify_bom_and_link",
        ] {
            let headers = [("Content-Type", kind)];
            let answer = http::ask(bench.address, "POST", path, &headers, body).await;
            let (code, _) = answer.problem(status);
            assert!(code.starts_with("form."), "{code} for {kind} at {path}");
        }
    }
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backslash_in_the_head_of_a_part_is_not_swallowed() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    let whole = String::from_utf8(http::form(&good())).unwrap();
    let kind = format!("multipart/form-data; boundary={}", http::BOUNDARY);
    for name in ["sm\\all.keras", "small\\\".keras"] {
        let body = whole.replace("small.keras", name);
        let headers = [("Content-Type", kind.as_str())];
        let answer = http::ask(bench.address, "POST", SUBMIT, &headers, body.as_bytes()).await;
        let (code, named) = answer.problem(422);
        assert_eq!(
            (code.as_str(), named.as_deref()),
            ("upload.file_name", Some("model")),
            "{name:?}"
        );
    }
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_do_not_look_like_what_they_are_are_refused() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    for value in ["a\0b", "\u{1b}[2J", "abc\u{202e}cba", "\u{2066}x"] {
        let mut parts = good();
        parts.push(Part::text("author", value));
        let (code, named) = bench.post(SUBMIT, &parts).await.problem(422);
        assert_eq!(
            (code.as_str(), named.as_deref()),
            ("form.character", Some("author")),
            "{value:?}"
        );
    }
    assert_eq!(bench.kept().await, before);
}
