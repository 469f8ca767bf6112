//! Texts from outside, such as a model's or a service's, before they are kept and shown.

/// The text on one line and without what no person can see: control characters, which colour or forge lines in a
/// terminal, and the marks that turn the direction of writing, which let a text read as another one.
pub fn plain(text: &str) -> String {
    let seen = |c: char| {
        !c.is_control()
            && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let one_line: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| seen(*c))
        .collect();
    one_line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_text_that_would_forge_a_line_or_turn_its_writing_is_one_line_as_it_is_read() {
        assert_eq!(
            plain(" rust\u{1b}[31m\nverdict  pass\t "),
            "rust[31m verdict  pass"
        );
        assert_eq!(plain("a\u{202e}ssap\u{2066}"), "assap");
        assert_eq!(plain("刀面：锈斑 ②"), "刀面：锈斑 ②");
    }
}
