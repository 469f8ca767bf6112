//! Settings on the command line: shown as `NAME = VALUE`, changed by `NAME=VALUE`.
//!
//! Invariant: what is not understood changes nothing; the names and kinds are those of the type itself.

use super::Failure;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What a value that is not there is called.
const NONE: &str = "none";

/// One setting a line; those within another as `outer.inner`, lists with commas.
pub(crate) fn shown<T: Serialize>(settings: &T) -> Result<String, Failure> {
    let mut lines = Vec::new();
    if let Value::Object(fields) = serde_json::to_value(settings)? {
        add(&mut lines, "", &fields);
    }
    Ok(lines.join("\n"))
}

fn add(lines: &mut Vec<String>, outer: &str, fields: &Map<String, Value>) {
    for (name, value) in fields {
        let name = format!("{outer}{name}");
        match value {
            Value::Object(inner) => add(lines, &format!("{name}."), inner),
            value => lines.push(format!("{name} = {}", text_of(value))),
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) => text.clone(),
        // The further digits of what is single precision are nobody's.
        Value::Number(number) => match number.as_f64().map(|wide| (wide, wide as f32)) {
            Some((wide, single)) if number.is_f64() && f64::from(single) == wide => {
                single.to_string()
            }
            _ => number.to_string(),
        },
        Value::Array(values) => values.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The settings with these changes.
pub(crate) fn edited<T: Serialize + DeserializeOwned>(
    settings: &T,
    changes: &[String],
) -> Result<T, Failure> {
    let mut now = serde_json::to_value(settings)?;
    for change in changes {
        let (name, text) = change
            .split_once('=')
            .ok_or_else(|| format!("{change:?}: write NAME=VALUE"))?;
        // What a text means is for the type to say: the first reading that it takes is meant.
        let mut refusal = None;
        let before = place(&mut now, name).cloned();
        if let Some(Value::Object(within)) = &before {
            let first = within.keys().next().map_or("", String::as_str);
            return Err(format!("{name}: write what within it, as {name}.{first}=VALUE").into());
        }
        let is_list = matches!(before, Some(Value::Array(_)));
        let taken = readings(text, is_list).into_iter().find_map(|reading| {
            let mut changed = now.clone();
            put(&mut changed, name, reading)?;
            match serde_json::from_value::<T>(changed.clone()) {
                Ok(_) => Some(changed),
                Err(error) => {
                    refusal = Some(error);
                    None
                }
            }
        });
        now = taken.ok_or_else(|| match &refusal {
            Some(error) => format!("{name}: {error}"),
            None => format!("{name}: there is no such setting"),
        })?;
    }
    Ok(serde_json::from_value(now)?)
}

/// What a text may mean, the likeliest first; the last is what a refusal is told of.
fn readings(text: &str, is_list: bool) -> Vec<Value> {
    let list = || {
        let parts = text.split(',').map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect()
    };
    let mut readings = Vec::new();
    if text == NONE {
        readings.push(Value::Null);
    }
    if let Ok(number) = text.parse::<serde_json::Number>() {
        readings.push(number.into());
    }
    if let Ok(truth) = text.parse::<bool>() {
        readings.push(truth.into());
    }
    if is_list {
        readings.push(Value::Array(list()));
    }
    readings.push(text.into());
    readings
}

/// What stands there now.
fn place<'a>(settings: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    name.split('.')
        .try_fold(settings, |at, part| at.as_object_mut()?.get_mut(part))
}

/// None where there is nothing that could hold it.
fn put(settings: &mut Value, name: &str, value: Value) -> Option<()> {
    let (holder, last) = match name.rsplit_once('.') {
        Some((outer, last)) => (place(settings, outer)?, last),
        None => (settings, name),
    };
    holder.as_object_mut()?.insert(last.to_owned(), value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::{
        camera::QualityLimits,
        trigger::{TriggerSettings, TriggerSource},
    };

    fn changes(all: &[&str]) -> Vec<String> {
        all.iter().map(|change| (*change).to_owned()).collect()
    }

    #[test]
    fn limits_are_set_taken_away_and_shown_as_they_were_given() {
        let set = changes(&["least_focus=12.5", "most_noise=3", "least_likeness=0.7"]);
        let limits = edited(&QualityLimits::default(), &set).unwrap();
        assert_eq!(limits.least_focus, Some(12.5));
        assert_eq!(limits.most_noise, Some(3.0));
        let text = shown(&limits).unwrap();
        assert!(text.contains("least_likeness = 0.7\n"), "{text}");
        assert!(text.contains("most_shift_px = none"), "{text}");
        let none = edited(&limits, &changes(&["least_focus=none"])).unwrap();
        assert_eq!(none.least_focus, None);
        assert_eq!(none.most_noise, Some(3.0));
    }

    #[test]
    fn lists_texts_and_what_lies_within_are_read_by_what_they_are() {
        let set = changes(&[
            "sources=key, http",
            "pedal_key=F13",
            "barcode.prefix=17",
            "barcode.triggers=true",
            "http_port=9000",
        ]);
        let triggers = edited(&TriggerSettings::default(), &set).unwrap();
        assert!(triggers.is_on(TriggerSource::Http));
        assert!(!triggers.is_on(TriggerSource::OnScreen));
        assert_eq!(triggers.barcode.prefix, "17");
        assert!(triggers.barcode.triggers);
        let text = shown(&triggers).unwrap();
        assert!(text.contains("sources = key,http"), "{text}");
        assert!(text.contains("pedal_key = F13"), "{text}");
        let set = changes(&["pedal_key=none", "sources=", "barcode.prefix="]);
        let none = edited(&triggers, &set).unwrap();
        assert_eq!((none.pedal_key, none.sources.len()), (None, 0));
        assert_eq!(none.barcode.prefix, "");
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        let limits = QualityLimits::default();
        for (change, told) in [
            ("least_focus", "NAME=VALUE"),
            ("least_focus=sharp", "least_focus"),
            ("focus=3", "least_focus"),
            ("least_focus.deep=3", "least_focus.deep"),
            ("=3", "least_focus"),
        ] {
            let refused = edited(&limits, &changes(&[change])).unwrap_err();
            assert!(refused.to_string().contains(told), "{change}: {refused}");
        }
        let triggers = TriggerSettings::default();
        for (change, told) in [
            ("sources=foot", "foot"),
            ("debounce_ms=-1", "debounce_ms"),
            ("barcode.fills=colour", "colour"),
            ("barcode=lot", "barcode.fills=VALUE"),
            ("barcode=", "barcode.fills=VALUE"),
        ] {
            let refused = edited(&triggers, &changes(&[change])).unwrap_err();
            assert!(refused.to_string().contains(told), "{change}: {refused}");
        }
    }
}
