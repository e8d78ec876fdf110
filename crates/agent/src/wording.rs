//! Small matters of wording that several parts share.

/// The language of all texts of the agent itself: notifications and terminal. Decisions state it.
pub const LANGUAGE: &str = "en";

/// An error's text as a sentence of its own: begins in upper case, unless with a host's name, and ends with a full stop.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let first_word = text.split(' ').next().unwrap_or_default();
    let mut sentence = text.clone();
    if !first_word.contains(['.', ':', '/'])
        && let Some(first) = sentence.get_mut(..1)
    {
        first.make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_sentence() {
        for (text, wanted) in [
            ("the keyring is locked", "The keyring is locked."),
            ("is it there?", "Is it there?"),
            (
                "id.alder.example cannot be reached",
                "id.alder.example cannot be reached.",
            ),
            ("größer", "Größer."),
            ("über", "über."),
            ("", "."),
        ] {
            assert_eq!(sentence(&std::io::Error::other(text)), wanted);
        }
    }
}
