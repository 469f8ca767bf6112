//! The JSON schema of a reply, generated from the types that read it.

use super::wire::Reply;
use schemars::{
    Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Value, json};

/// The schema of [`Reply`], without references and without the keywords that strict tools refuse.
pub fn reply_schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<Reply>();
    RecursiveTransform(plain_codes).transform(&mut schema);
    schema.to_value()
}

/// Turns a list of documented constants into a plain `enum` whose description says what each code
/// means, and drops number formats: strict tools take neither `oneOf` nor `format: double`.
fn plain_codes(schema: &mut Schema) {
    schema.remove("format");
    let Some(Value::Array(variants)) = schema.get("oneOf") else {
        return;
    };
    let constants: Option<Vec<(Value, String)>> = variants
        .iter()
        .map(|variant| {
            let code = variant.get("const")?;
            let meaning = variant.get("description").and_then(Value::as_str)?;
            Some((code.clone(), meaning.replace('\n', " ")))
        })
        .collect();
    let Some(constants) = constants else { return };
    let meanings: Vec<String> = constants
        .iter()
        .map(|(code, meaning)| format!("{}: {meaning}", code.as_str().unwrap_or_default()))
        .collect();
    let of_field = schema
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let description = format!("{of_field}\n{}", meanings.join("\n"));
    let codes: Vec<Value> = constants.into_iter().map(|(code, _)| code).collect();
    schema.remove("oneOf");
    schema.insert("type".into(), json!("string"));
    schema.insert("enum".into(), Value::Array(codes));
    schema.insert("description".into(), json!(description.trim()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use wiko_core::defect::DefectType;

    /// The file that people read. `UPDATE_SCHEMA=1` writes it anew.
    const COMMITTED: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../prompts/reply.schema.json"
    );

    #[test]
    fn the_committed_schema_is_the_one_that_the_types_give() {
        let generated = format!("{:#}\n", reply_schema());
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(COMMITTED, &generated).unwrap();
        }
        let committed = std::fs::read_to_string(Path::new(COMMITTED)).unwrap_or_default();
        assert_eq!(
            committed, generated,
            "prompts/reply.schema.json is out of date: UPDATE_SCHEMA=1 cargo test -p wiko-analyzer schema"
        );
    }

    #[test]
    fn the_schema_keeps_to_what_strict_tools_take() {
        fn walk(value: &Value, seen: &mut impl FnMut(&serde_json::Map<String, Value>)) {
            match value {
                Value::Object(map) => {
                    seen(map);
                    map.values().for_each(|inner| walk(inner, seen));
                }
                Value::Array(items) => items.iter().for_each(|inner| walk(inner, seen)),
                _ => {}
            }
        }
        walk(&reply_schema(), &mut |map| {
            for refused in [
                "oneOf", "$ref", "$defs", "minimum", "maximum", "minItems", "format",
            ] {
                assert!(!map.contains_key(refused), "{refused} in {map:?}");
            }
            if map.get("type") == Some(&json!("object")) {
                assert_eq!(
                    map.get("additionalProperties"),
                    Some(&json!(false)),
                    "{map:?}"
                );
            }
        });
    }

    #[test]
    fn the_codes_in_the_schema_are_those_of_the_domain() {
        let schema = reply_schema();
        let types = &schema["properties"]["findings"]["items"]["properties"]["type"];
        let codes: Vec<&str> = DefectType::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(types["enum"], json!(codes));
    }
}
