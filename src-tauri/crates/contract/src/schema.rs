//! The JSON schema of a reply, generated from the types that read it.

use super::wire::{CauseReply, Reply};
use schemars::{
    JsonSchema, Schema,
    generate::SchemaSettings,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Value, json};

/// The schema of [`Reply`], without references and without the keywords that strict tools refuse.
pub fn reply_schema() -> Value {
    schema_of::<Reply>()
}

/// The schema of [`CauseReply`], likewise.
pub fn cause_schema() -> Value {
    schema_of::<CauseReply>()
}

fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(plain_codes).transform(&mut schema);
    RecursiveTransform(all_required).transform(&mut schema);
    schema.to_value()
}

/// Turns a list of documented constants into a plain `enum` whose description says what each code
/// means, and drops what strict tools do not take: `oneOf`, formats and bounds of numbers.
fn plain_codes(schema: &mut Schema) {
    schema.remove("format");
    schema.remove("minimum");
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

/// Strict modes want every property required; one that may be absent is null then.
fn all_required(schema: &mut Schema) {
    if let Some(Value::Object(properties)) = schema.get("properties") {
        let keys = properties.keys().cloned().map(Value::String).collect();
        schema.insert("required".into(), Value::Array(keys));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use wiko_core::defect::DefectType;

    /// The files that people read. `UPDATE_SCHEMA=1` writes them anew.
    const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../prompts");

    #[test]
    fn the_committed_schemas_are_those_that_the_types_give() {
        for (name, schema) in [
            ("reply.schema.json", reply_schema()),
            ("cause.schema.json", cause_schema()),
        ] {
            let generated = format!("{schema:#}\n");
            let path = Path::new(COMMITTED).join(name);
            if std::env::var_os("UPDATE_SCHEMA").is_some() {
                std::fs::write(&path, &generated).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                committed, generated,
                "prompts/{name} is out of date: UPDATE_SCHEMA=1 cargo test -p wiko-contract schema"
            );
        }
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
        let mut strict = |map: &serde_json::Map<String, Value>| {
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
                let properties = map["properties"].as_object().map(serde_json::Map::len);
                let required = map["required"].as_array().map(Vec::len);
                assert_eq!(properties, required, "all of it is required: {map:?}");
            }
        };
        walk(&reply_schema(), &mut strict);
        walk(&cause_schema(), &mut strict);
    }

    #[test]
    fn the_codes_in_the_schema_are_those_of_the_domain() {
        let schema = reply_schema();
        let types = &schema["properties"]["findings"]["items"]["properties"]["type"];
        let codes: Vec<&str> = DefectType::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(types["enum"], json!(codes));
    }
}
