//! Plain text from a stranger (section 4.4): nothing that could hide, reorder or overflow what a person reads.
//!
//! Nothing is normalised, shortened or interpreted: a text is shown as it is or the request is refused.

/// The longest text of a statement line, in Unicode scalar values.
pub const MAX_TEXT: usize = 1024;

/// Combining marks allowed in a row.
const MAX_MARKS: usize = 4;

/// Why a text is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No characters.
    #[error("is empty")]
    Empty,
    /// More characters than allowed.
    #[error("is longer than {max} characters")]
    TooLong {
        /// The limit, in Unicode scalar values.
        max: usize,
    },
    /// A control, bidirectional, invisible or unassigned-forever character.
    #[error("holds the forbidden character U+{:04X}", *.0 as u32)]
    Forbidden(char),
    /// White space at the beginning or end.
    #[error("begins or ends with white space")]
    OuterSpace,
    /// Too many combining marks in a row.
    #[error("has more than {MAX_MARKS} combining marks in a row")]
    Marks,
}

/// Checks that `text` is plain text of 1 to `max` characters.
///
/// # Errors
/// The first rule of section 4.4 that it breaks.
pub fn check(text: &str, max: usize) -> Result<(), TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    let mut marks = 0;
    for (index, c) in text.chars().enumerate() {
        if index == max {
            return Err(TextError::TooLong { max });
        }
        if is_forbidden(c) {
            return Err(TextError::Forbidden(c));
        }
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        if marks > MAX_MARKS {
            return Err(TextError::Marks);
        }
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(TextError::OuterSpace);
    }
    Ok(())
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || is_line_separator(c) || is_bidi_control(c) || is_invisible(c) || is_noncharacter(c)
}

fn is_line_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{2060}'..='\u{2064}'
            | '\u{206a}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{fdd0}'..='\u{fdef}') || (c as u32) & 0xfffe == 0xfffe
}

fn is_combining_mark(c: char) -> bool {
    matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}
