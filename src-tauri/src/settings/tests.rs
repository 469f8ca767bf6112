use super::*;

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
    Settings::load(dir.path(), false, &Environment::of(variables))
}

fn refusal(text: &str) -> String {
    load(text, &[]).unwrap_err().to_string()
}

#[test]
fn a_missing_or_empty_file_is_a_station_with_all_defaults() {
    let settings = load("", &[]).unwrap();
    assert_eq!(settings.facility, Facility::Yangjiang);
    assert_eq!(settings.chain, [Provider::Claude, Provider::Screen]);
    assert_eq!(settings.order.product_sku.as_str(), "WK-KN-200");
    let dir = tempfile::tempdir().unwrap();
    let missing = Settings::load(dir.path(), false, &Environment::default()).unwrap();
    assert_eq!(missing.station, settings.station);
}

#[test]
fn a_wrong_key_or_type_is_refused_with_its_line() {
    let wrong_key = refusal("[station]\nname = \"a\"\nfacilty = \"yangjiang\"\n");
    assert!(
        wrong_key.contains("line 3") && wrong_key.contains("facilty"),
        "{wrong_key}"
    );
    let wrong_type = refusal("[analysis]\nin_flight = \"four\"\n");
    assert!(wrong_type.contains("line 2"), "{wrong_type}");
    let wrong_value = refusal("[station]\nfacility = \"paris\"\n");
    assert!(
        wrong_value.contains("line 2") && wrong_value.contains("hongkong"),
        "{wrong_value}"
    );
    let wrong_time = refusal("[[shifts]]\ncode = \"A\"\nstarts = \"7 am\"\n");
    assert!(
        wrong_time.contains("line 3") && wrong_time.contains("07:00"),
        "{wrong_time}"
    );
}

#[test]
fn values_that_cannot_be_are_named_with_their_key() {
    assert!(refusal("[order]\nproduct_sku = \"WK-KN-999\"\n").contains("order.product_sku"));
    assert!(refusal("[station]\ntime_zone = \"Mars/Base\"\n").contains("station.time_zone"));
    assert!(refusal("[station]\nproduct_skus = []\n").contains("the list is empty"));
    assert!(refusal("[analysis]\nin_flight = 0\n").contains("analysis.in_flight"));
    assert!(refusal("shifts = []\n").contains("no shift is listed"));
}

#[test]
fn the_environment_overrides_the_file() {
    let variables = [
        ("WIKO_ANALYSIS_CHAIN", "screen"),
        ("WIKO_S3_BUCKET", "from-environment"),
        ("WIKO_CREDENTIALS", "environment"),
    ];
    let settings = load("[aws]\ns3_bucket = \"from-file\"\n", &variables).unwrap();
    assert_eq!(settings.chain, [Provider::Screen]);
    assert_eq!(settings.aws.s3_bucket.as_deref(), Some("from-environment"));
    assert_eq!(settings.credentials, CredentialsSource::Environment);
    let wrong = load("", &[("WIKO_ANALYSIS_CHAIN", "claude,gemini")])
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("gemini") && wrong.contains("azure"),
        "{wrong}"
    );
}
