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
fn a_secret_written_here_by_mistake_is_never_repeated() {
    let (id, secret) = (
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    );
    for text in [
        format!("[aws]\nregion = \"cn\"\nsecret_access_key = \"{secret}\"\n"),
        format!("[aws]\nregion = \"cn\"\nsecret_access_key = {secret}\n"),
        format!("[aws]\nregion = \"cn\"\naccess_key_id = \"{id}\" \n"),
        format!("[aws]\nregion = \"cn\"\n{id} = \"{secret}\"\n"),
        format!("[aws]\nregion = \"cn\"\n{id}\n"),
        format!("[aws]\nregion = \"cn\"\nuploads_in_flight = \"{secret}\"\n"),
        format!("[credentials]\n\nsource = \"{secret}\"\n"),
        format!("[credentials]\n\naws = {{ id = \"{id}\", key = \"{secret}\" }}\n"),
        format!("\n\naws = {{ secret_access_key = \"{secret}\" }}\n"),
        format!("\n\n[secrets]\naws = \"{secret}\"\n"),
    ] {
        let error = load(&text, &[]).unwrap_err();
        for told in [error.to_string(), format!("{error:?}")] {
            assert!(!told.contains(id) && !told.contains(secret), "{told}");
            assert!(!told.contains("wJalr") && !told.contains("AKIA"), "{told}");
            assert!(told.contains("line 3"), "{told}");
        }
    }
    let named = refusal("[aws]\nsecret_access_key = \"x\"\n");
    assert!(
        named.contains("line 2: secret_access_key has no place here"),
        "{named}"
    );
    assert!(named.contains("wiko-station credentials set"), "{named}");
    let wrong = load("", &[("WIKO_CREDENTIALS", secret)]).unwrap_err();
    assert!(!wrong.to_string().contains(secret), "{wrong}");
}

#[test]
fn the_environment_is_printed_without_its_values() {
    let environment = Environment::of(&[("AWS_SECRET_ACCESS_KEY", "hunter2")]);
    let printed = format!("{environment:?}");
    assert!(printed.contains("AWS_SECRET_ACCESS_KEY"), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn values_that_cannot_be_are_named_with_their_key() {
    for (table, key, bad) in [
        ("camera", "frames_per_second", "0"),
        ("camera", "frames_per_second", "-5.0"),
        ("camera", "frames_per_second", "nan"),
        ("camera", "frames_per_second", "inf"),
        ("camera", "defect_rate", "1.2"),
        ("camera", "defect_rate", "-0.1"),
        ("camera", "defect_rate", "nan"),
        ("camera", "id", "\"\""),
        ("station", "name", "\" \""),
        ("aws", "region", "\"\""),
        ("aws", "s3_bucket", "\"\""),
        ("aws", "dynamodb_table", "\"  \""),
    ] {
        let told = refusal(&format!("[{table}]\n{key} = {bad}\n"));
        assert!(
            told.contains(&format!("{table}.{key}")),
            "{key} = {bad}: {told}"
        );
    }
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
