//! Small matters of wording that several parts share.

/// The language of all texts of the agent itself: notifications and terminal. Decisions state it.
pub const LANGUAGE: &str = "en";

/// An error's text as a sentence of its own: begins in upper case and ends with a full stop.
pub fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let mut sentence: String = characters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .collect();
    sentence.push_str(characters.as_str());
    if !sentence.ends_with(['.', '?']) {
        sentence.push('.');
    }
    sentence
}
