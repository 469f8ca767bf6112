//! Between JSON values and the documents of the AWS SDK.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

/// A JSON value as a document.
pub(super) fn to_document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => Document::Number(match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Number::PosInt(value),
            (None, Some(value)) => Number::NegInt(value),
            (None, None) => Number::Float(number.as_f64().unwrap_or(f64::NAN)),
        }),
        Value::String(value) => Document::String(value.clone()),
        Value::Array(values) => Document::Array(values.iter().map(to_document).collect()),
        Value::Object(map) => Document::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), to_document(value)))
                .collect(),
        ),
    }
}

/// A number that JSON does not know: infinite, or none at all.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number is not finite")]
pub(super) struct NotFinite;

/// A document as a JSON value.
pub(super) fn to_json(document: &Document) -> Result<Value, NotFinite> {
    Ok(match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::Number(Number::PosInt(value)) => Value::from(*value),
        Document::Number(Number::NegInt(value)) => Value::from(*value),
        Document::Number(Number::Float(value)) => serde_json::Number::from_f64(*value)
            .map(Value::Number)
            .ok_or(NotFinite)?,
        Document::String(value) => Value::String(value.clone()),
        Document::Array(values) => {
            Value::Array(values.iter().map(to_json).collect::<Result<_, _>>()?)
        }
        Document::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), to_json(value)?)))
                .collect::<Result<_, _>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_comes_back_as_it_went() {
        let value = json!({"a": [1, -2, 0.5, null, true, "x"], "b": {}});
        assert_eq!(to_json(&to_document(&value)), Ok(value));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_however_deep_it_lies() {
        for number in [f64::NAN, f64::INFINITY] {
            let deep = Document::Array(vec![Document::Number(Number::Float(number))]);
            assert_eq!(to_json(&deep), Err(NotFinite));
        }
    }
}
