//! JSON in which no object has a key twice: of two, a map would keep the last and lose what the first one said.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// The value of a JSON text; none where it is no JSON, or an object in it has a key twice.
pub(crate) fn without_duplicates(text: &str) -> Option<Value> {
    serde_json::from_str::<Unique>(text)
        .ok()
        .map(|unique| unique.0)
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique(Value::Null))
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose objects have each key once")
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(Self(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self, E> {
        Ok(Self(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self, E> {
        Ok(Self(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self, E> {
        Ok(Self(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self, E> {
        Ok(Self(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self, E> {
        Ok(Self(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        let mut values = Vec::new();
        while let Some(Self(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Self(Value::Array(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut values = Map::new();
        while let Some((key, Self(value))) = map.next_entry::<String, Self>()? {
            if values.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(Self(Value::Object(values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_twice_is_refused_however_deep_and_anything_else_is_read_as_it_stands() {
        for text in [
            r#"{"a": 1, "a": 1}"#,
            r#"[{"b": {"a": 1, "a": 2}}]"#,
            "{",
            "a {}",
            "{} a",
        ] {
            assert_eq!(without_duplicates(text), None, "{text}");
        }
        let text = r#"{"a": [1, -2, 0.5, null, true, "x"], "b": {"a": {}}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(without_duplicates(text), Some(value));
    }
}
