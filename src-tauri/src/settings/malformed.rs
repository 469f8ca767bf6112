//! What is wrong in `station.toml`, in words that repeat no secret.
//!
//! Invariant: the line itself is never shown. Somebody may have written a key of AWS into it, and errors
//! go to terminals, logs and dialogs.

/// Parts of names that credentials have.
const CREDENTIAL_WORDS: [&str; 8] = [
    "secret",
    "access_key",
    "accesskey",
    "api_key",
    "apikey",
    "password",
    "token",
    "credential",
];

/// How the key ids of AWS begin.
const KEY_ID_STARTS: [&str; 2] = ["AKIA", "ASIA"];

/// Words as long as this with letters and digits are taken for keys.
const SECRET_LENGTH: usize = 16;

const NO_SECRETS: &str = "secrets never go into station.toml. Take them out, have them replaced if others \
     may have read this file, and set them with: wiko-station credentials set";

/// Line, key and reason.
pub(super) fn describe(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..at).unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    let line = text.lines().nth(number - 1).unwrap_or_default();
    let key = key_of(line);
    let place = match key {
        Some(key) if !is_secret(key) => format!("line {number}, {key}"),
        _ => format!("line {number}"),
    };
    // What the message lists as possible is ours; what stands before it was given.
    let message = error.message();
    let (given, possible) = match message.rsplit_once(", expected ") {
        Some((given, possible)) => (given, format!("expected {possible}; ")),
        None => (message, String::new()),
    };
    let of_credentials = section_of(before).is_some_and(names_credentials)
        || key.is_some_and(names_credentials)
        || names_credentials(given);
    let has_secret = given
        .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
        .any(is_secret);
    if of_credentials || has_secret {
        return match key {
            Some(key) if names_credentials(key) && !is_secret(key) => {
                format!("line {number}: {key} has no place here: {NO_SECRETS}")
            }
            _ => format!("{place}: {possible}{NO_SECRETS}"),
        };
    }
    format!("{place}: {message}")
}

/// The key of a line, or the name of the table that it opens. What does not look like one is not named.
fn key_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let name = match line.strip_prefix('[') {
        Some(table) => table.trim_start_matches('[').split(']').next(),
        None => line.split_once('=').map(|(key, _)| key),
    }?
    .trim();
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && name.len() <= 64 && name.chars().all(bare)).then_some(name)
}

/// The table that was opened last.
fn section_of(before: &str) -> Option<&str> {
    let opened = before
        .lines()
        .rfind(|line| line.trim_start().starts_with('['))?;
    key_of(opened)
}

fn names_credentials(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    CREDENTIAL_WORDS.iter().any(|word| name.contains(word)) || name.contains("key_id")
}

fn is_secret(word: &str) -> bool {
    let has = |what: fn(&char) -> bool| word.chars().any(|c| what(&c));
    KEY_ID_STARTS.iter().any(|start| word.starts_with(start))
        || (word.len() >= SECRET_LENGTH
            && has(char::is_ascii_alphabetic)
            && has(char::is_ascii_digit))
}

/// As long as a secret of AWS.
const AWS_SECRET_LENGTH: usize = 40;

/// The text with each line left out that looks as if it held a secret, and how many those are.
///
/// Stricter than for an error, where more is hidden: a path must not go for its length alone.
pub fn without_secrets(text: &str) -> (String, usize) {
    let mut left_out = 0;
    let lines: Vec<_> = text
        .lines()
        .map(|line| {
            if holds_secret(line) {
                left_out += 1;
                "# a line that looked like a secret was left out of the backup"
            } else {
                line
            }
        })
        .collect();
    let mut kept = lines.join("\n");
    if text.ends_with('\n') {
        kept.push('\n');
    }
    (kept, left_out)
}

fn holds_secret(line: &str) -> bool {
    let assigned = line.trim_start_matches(['#', ' ', '\t']);
    let named = assigned.split_once('=').is_some_and(|(key, value)| {
        names_credentials(key) && !value.trim().trim_matches('"').is_empty()
    });
    // A password within an address.
    let in_address = line.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '"'])
            .next()
            .unwrap_or_default()
            .contains('@')
    });
    let word = |word: &str| {
        let has = |what: fn(&char) -> bool| word.chars().any(|c| what(&c));
        let key_id = word.len() >= SECRET_LENGTH
            && KEY_ID_STARTS.iter().any(|start| word.starts_with(start));
        let secret = word.len() == AWS_SECRET_LENGTH
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_digit);
        key_id || secret
    };
    let of_a_secret = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    named || in_address || line.split(|c| !of_a_secret(c)).any(word)
}
