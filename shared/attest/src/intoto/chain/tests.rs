use std::collections::BTreeMap;

use time::macros::datetime;

use super::*;
use crate::{
    Digest, SigningKey,
    intoto::{Artifacts, Rule, Step, sign},
};

fn artifacts(list: &[(&str, &str)]) -> Artifacts {
    list.iter()
        .map(|(path, content)| ((*path).to_owned(), Digest::of(content.as_bytes())))
        .collect()
}

fn rules(list: &[&str]) -> Vec<Rule> {
    let words = |text: &&str| {
        Rule::try_from(text.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    };
    list.iter().map(words).collect()
}

/// Whether the step `s` with these artifacts keeps the rules for its materials and products, beside a step `t`.
fn keeps(
    materials: &[(&str, &str)],
    products: &[(&str, &str)],
    of_materials: &[&str],
    of_products: &[&str],
) -> bool {
    let mut link = Link::new("s", vec![]);
    link.materials = artifacts(materials);
    link.products = artifacts(products);
    let mut other = Link::new("t", vec![]);
    other.materials = artifacts(&[("m/a", "1")]);
    other.products = artifacts(&[("a", "1"), ("x/a", "1"), ("b", "2")]);
    let mut step = Step::new("s", vec![], vec![]);
    step.expected_materials = rules(of_materials);
    step.expected_products = rules(of_products);
    let layout = Layout::new(
        "",
        datetime!(2030-01-01 0:00 UTC),
        [],
        vec![step, Step::new("t", vec![], vec![])],
    );
    let chain = BTreeMap::from([("s", Sides::from(&link)), ("t", Sides::from(&other))]);
    check_rules(&layout.step_items(), &chain).is_ok()
}

#[test]
fn rules_consume_in_order() {
    // Each answer is the one of in-toto 3.1.0's verify_item_rules for the same links.
    let products = |list, rules| keeps(&[], list, &[], rules);
    assert!(products(&[("a", "1")], &[]));
    assert!(!products(&[("a", "1")], &["DISALLOW *"]));
    assert!(products(&[("a", "1")], &["ALLOW a", "DISALLOW *"]));
    assert!(!products(&[("a", "1")], &["DISALLOW *", "ALLOW a"]));
    assert!(products(&[("a", "1")], &["REQUIRE a", "ALLOW a"]));
    assert!(!products(&[("a", "1")], &["ALLOW a", "REQUIRE a"]));
    assert!(!products(&[("a", "1")], &["REQUIRE *"]));
    assert!(products(&[("d/e/f", "1")], &["CREATE d*", "DISALLOW *"]));
    assert!(products(&[("a", "1")], &["DISALLOW b"]));
}

#[test]
fn create_delete_and_modify_look_at_both_sides() {
    let last = "DISALLOW *";
    assert!(!keeps(
        &[("a", "1")],
        &[("a", "1")],
        &[],
        &["CREATE a", last]
    ));
    assert!(!keeps(
        &[("a", "1")],
        &[("a", "2")],
        &[],
        &["CREATE a", last]
    ));
    assert!(keeps(
        &[("a", "1")],
        &[("a", "2")],
        &[],
        &["MODIFY a", last]
    ));
    assert!(!keeps(
        &[("a", "1")],
        &[("a", "1")],
        &[],
        &["MODIFY a", last]
    ));
    assert!(!keeps(&[], &[("a", "1")], &[], &["MODIFY a", last]));
    assert!(keeps(&[("a", "1")], &[], &["DELETE a", last], &[]));
    assert!(!keeps(
        &[("a", "1")],
        &[("a", "1")],
        &["DELETE a", last],
        &[]
    ));
}

#[test]
fn match_compares_names_and_digests_below_prefixes() {
    let keeps = |list: &[(&str, &str)], rule| keeps(list, &[], &[rule, "DISALLOW *"], &[]);
    assert!(keeps(&[("a", "1")], "MATCH a WITH PRODUCTS FROM t"));
    assert!(!keeps(&[("a", "2")], "MATCH a WITH PRODUCTS FROM t"));
    assert!(!keeps(&[("a", "1")], "MATCH a WITH MATERIALS FROM t"));
    assert!(!keeps(&[("a", "1")], "MATCH a WITH PRODUCTS FROM u"));
    assert!(!keeps(&[("c", "1")], "MATCH * WITH PRODUCTS FROM t"));
    assert!(keeps(
        &[("in/a", "1")],
        "MATCH a IN in WITH PRODUCTS FROM t"
    ));
    assert!(keeps(
        &[("in/a", "1")],
        "MATCH a IN in/ WITH PRODUCTS IN x/ FROM t"
    ));
    assert!(keeps(&[("a", "1")], "MATCH * WITH MATERIALS IN m FROM t"));
    assert!(!keeps(
        &[("inn/a", "1")],
        "MATCH * IN in WITH PRODUCTS FROM t"
    ));
    assert!(!keeps(
        &[("in/a", "1")],
        "MATCH in/a IN in WITH PRODUCTS FROM t"
    ));
}

fn layout_of(keys: &[&SigningKey], threshold: u32) -> Layout {
    let mut step = Step::new("s", keys.iter().map(|key| key.keyid()).collect(), vec![]);
    step.threshold = threshold;
    Layout::new(
        "",
        datetime!(2030-01-01 0:00 UTC),
        keys.iter().map(|key| key.public().clone()),
        vec![step],
    )
}

#[test]
fn signers_are_those_of_the_step() {
    let [a, b] = std::array::from_fn(|_| SigningKey::generate());
    let signed = |name: &str, key| {
        Signed::<Link>::parse(&sign(&Link::new(name, vec![]), key).unwrap()).unwrap()
    };
    let layout = layout_of(&[&a], 1);
    assert!(check_signer(&layout, &signed("s", &a)).is_ok());
    assert!(matches!(
        check_signer(&layout, &signed("s", &b)),
        Err(ChainError::Unauthorised { .. })
    ));
    assert!(matches!(
        check_signer(&layout, &signed("t", &a)),
        Err(ChainError::UnknownStep(_))
    ));
    // In the layout's keys, but not for this step.
    let mut other = layout_of(&[&a, &b], 1);
    other.steps[0].pubkeys = vec![b.keyid()];
    assert!(matches!(
        check_signer(&other, &signed("s", &a)),
        Err(ChainError::Unauthorised { .. })
    ));
}

fn witness(key: &SigningKey, link: &'static Link) -> Witness<'static, Digest> {
    Witness {
        step: "s",
        keyid: key.keyid(),
        sides: link.into(),
    }
}

/// Two links that differ; they live as long as the test program.
fn two_links() -> [&'static Link; 2] {
    let link = Link::new("s", vec![]);
    let mut differs = link.clone();
    differs.products = artifacts(&[("a", "1")]);
    [Box::leak(Box::new(link)), Box::leak(Box::new(differs))]
}

#[test]
fn thresholds_count_functionaries_who_agree() {
    let [a, b, stranger] = std::array::from_fn(|_| SigningKey::generate());
    let [link, differs] = two_links();
    let layout = layout_of(&[&a, &b], 2);
    let check = |links: &[_]| check_thresholds(&layout, links, Agreement::AboveOne).map(|_| ());
    let [of_a, of_b] = [&a, &b].map(|key| witness(key, link));
    for links in [
        &[of_a][..],
        &[of_a, of_a],
        &[of_a, witness(&stranger, link)],
        &[],
    ] {
        assert!(matches!(
            check(links),
            Err(ChainError::Threshold { needed: 2, .. })
        ));
    }
    assert!(check(&[of_a, of_b]).is_ok());
    assert_eq!(
        check(&[of_a, witness(&b, differs)]),
        Err(ChainError::Disagreement("s".into()))
    );
}

#[test]
fn one_of_several_counts_in_in_totos_way_and_all_must_agree_in_ours() {
    let [a, b] = std::array::from_fn(|_| SigningKey::generate());
    let [link, differs] = two_links();
    let layout = layout_of(&[&b, &a], 1);
    let links = [witness(&a, link), witness(&b, differs)];
    assert!(check_thresholds(&layout, &links, Agreement::Always).is_err());
    // The functionary whom the layout names first.
    let chain = check_thresholds(&layout, &links, Agreement::AboveOne).unwrap();
    assert_eq!(chain["s"].products, &differs.products);
}

#[test]
fn a_threshold_of_none_still_wants_a_link() {
    let key = SigningKey::generate();
    let none: &[Witness<'_, Digest>] = &[];
    assert!(check_thresholds(&layout_of(&[&key], 0), none, Agreement::AboveOne).is_err());
}
