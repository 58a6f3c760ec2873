use super::*;

#[test]
fn each_has_a_name_and_says_what_to_do() {
    for preset in Preset::ALL {
        assert_eq!(Preset::by_name(preset.name).map(|found| found.title), Some(preset.title));
        assert!(
            !preset.steps.is_empty() && !preset.algorithms.is_empty() && !preset.title.is_empty(),
            "{}",
            preset.name
        );
        let (PresetIssuer::Fixed(issuer) | PresetIssuer::Like(issuer)) = preset.issuer;
        assert!(issuer.starts_with("https://"), "{issuer}");
        for claim in preset.scopes.iter().chain(preset.named.iter().map(|(claim, _)| claim)) {
            assert!(claim.parse::<crate::ClaimPath>().is_ok(), "{claim}");
        }
    }
    let names: std::collections::BTreeSet<_> = Preset::ALL.iter().map(|preset| preset.name).collect();
    assert_eq!(names.len(), Preset::ALL.len());
    assert!(Preset::by_name("Keycloak").is_none());
}
