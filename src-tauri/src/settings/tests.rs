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
        ("storage", "keep_days", "0"),
        ("storage", "keep_defect_days", "40000"),
        ("storage", "keep_defect_days", "89"),
        ("storage", "budget_gb", "0.0"),
        ("storage", "budget_gb", "-1.0"),
        ("storage", "low_disk_gb", "nan"),
        ("storage", "low_disk_gb", "0.1"),
        ("storage", "reserve_mb", "2000000"),
        ("storage", "ballast_mb", "2000000"),
        ("backup", "keep", "0"),
        ("backup", "folder", "\"backups\""),
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

#[test]
fn pictures_are_kept_as_long_as_the_cloud_keeps_them_and_defects_longest() {
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let settings = load("", &[]).unwrap();
    let retention = settings.storage.retention;
    assert_eq!(
        (retention.keep, retention.keep_defects),
        (90 * day, 365 * day)
    );
    assert_eq!(retention.budget_bytes, None);
    assert_eq!(retention.free_floor_bytes, 5 << 30);
    assert_eq!(settings.storage.reserve_bytes, 256 << 20);
    assert_eq!(settings.storage.ballast_bytes, 128 << 20);
    assert_eq!(settings.backup, None);
    let small =
        "[storage]\nreserve_mb = 8\nballast_mb = 4\nlow_disk_gb = 0.0625\nbudget_gb = 0.5\n";
    let small = load(small, &[]).unwrap().storage;
    assert_eq!(small.retention.free_floor_bytes, 64 << 20);
    assert_eq!(small.retention.budget_bytes, Some(512 << 20));
    assert_eq!(
        (small.reserve_bytes, small.ballast_bytes),
        (8 << 20, 4 << 20)
    );
}

#[test]
fn a_daily_backup_goes_to_another_place_than_the_data_directory() {
    let settings = load("[backup]\nfolder = \"/mnt/backup\"\n", &[]).unwrap();
    let backup = settings.backup.unwrap();
    assert_eq!(backup.at, jiff::civil::time(3, 30, 0, 0));
    assert_eq!(
        (backup.keep, backup.images),
        (7, wiko_store::BackupImages::Unsent)
    );
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("backups");
    let text = format!(
        "[backup]\nfolder = '{}'\nat = \"12:00\"\n",
        inside.display()
    );
    std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
    let refused = Settings::load(dir.path(), false, &Environment::default()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("backup.folder: lies in the data directory"),
        "{refused}"
    );
}

#[test]
fn no_line_that_looks_like_a_secret_goes_into_a_backup_and_every_setting_does() {
    let settings = "[station]\nname = \"yj-1\"\n[aws]\ns3_bucket = \"wiko-defect-analyzer-images-891612561074\"\n\
        s3_endpoint = \"https://s3.plant.local:9000\"\nca_bundle = \"/etc/ssl/Plant2/root.pem\"\n\
        [credentials]\nsource = \"keyring\"\n[backup]\nfolder = \"/mnt/backup2/station1\"\n";
    assert_eq!(without_secrets(settings), (settings.to_owned(), 0));
    for secret in [
        "# AKIAIOSFODNN7EXAMPLE",
        "# wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "# password = \"x\"",
        "aws_secret_access_key = x",
        "s3_endpoint = \"https://user:pass@proxy:8080\"",
    ] {
        let (kept, left_out) = without_secrets(&format!("a = 1\n{secret}\nb = 2\n"));
        assert_eq!(left_out, 1, "{secret}");
        assert!(
            !kept.contains(secret) && kept.starts_with("a = 1\n#") && kept.ends_with("\nb = 2\n"),
            "{kept}"
        );
    }
}
