//! The statement (section 4): the ordered, labelled lines that a device shows, and the bytes whose hash it signs.
//!
//! Invariants: issuer and device compute it from the request with this one function; everything in the request that is meant
//! for the person becomes a line; what cannot become one makes the whole request unusable.

mod details;
mod line;

pub use line::{Line, LineValue};

use serde::Serialize;

use crate::base64url;
use crate::request::{ApprovalRequest, Context};
use crate::text::{self, TextError};

/// The version of section 4 that this module follows.
pub const STATEMENT_VERSION: u32 = 1;

/// The most lines a statement has.
const MAX_LINES: usize = 64;

/// What a device shows for one request, and what its decision is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    lines: Vec<Line>,
    canonical: Vec<u8>,
    hash: String,
}

/// Why a request cannot be shown in full, and so cannot be approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// A text breaks section 4.4.
    #[error("`{line}` {source}")]
    Text {
        /// The line's key, or the field's name if that is plain text itself.
        line: String,
        /// Which rule.
        source: TextError,
    },
    /// A registered member has another type or form than registered.
    #[error("`{member}` has not the registered form")]
    Form {
        /// The member's name.
        member: &'static str,
    },
    /// A field is nested too deeply.
    #[error("a detail is nested more than 6 deep")]
    Depth,
    /// Too much to read.
    #[error("there are more than {MAX_LINES} lines")]
    TooManyLines,
    /// The canonical form cannot be written.
    #[error("the statement has no canonical form")]
    Canonical,
}

impl Statement {
    /// Computes the statement of a request.
    ///
    /// # Errors
    /// If anything in the request that is meant for the person cannot become a line.
    pub fn from_request(request: &ApprovalRequest) -> Result<Self, StatementError> {
        let mut lines = Lines::default();
        lines.text("client", &request.client.name)?;
        lines.text("account", &request.sub)?;
        if let Some(message) = &request.binding_message {
            lines.text("message", message)?;
        }
        for detail in request
            .authorization_details
            .iter()
            .flat_map(|details| details.iter())
        {
            details::push(&mut lines, detail)?;
        }
        if let Some(context) = &request.context {
            push_context(&mut lines, context)?;
        }
        if let Some(acr) = &request.acr {
            lines.text("acr", acr)?;
        }
        Self::of(lines.0)
    }

    /// The statement of a request that came by another protocol, which says less: who asks, for which account, in what words. Under the same
    /// rules as any other.
    ///
    /// # Errors
    /// If one of the texts cannot become a line.
    pub fn plain(client: &str, account: &str, message: Option<&str>) -> Result<Self, StatementError> {
        let mut lines = Lines::default();
        lines.text("client", client)?;
        lines.text("account", account)?;
        if let Some(message) = message {
            lines.text("message", message)?;
        }
        Self::of(lines.0)
    }

    /// The lines, in the order in which they are shown.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Base64url SHA-256 of [`Statement::canonical`]: the `statement_hash` of a decision.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The RFC 8785 form.
    pub fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    fn of(lines: Vec<Line>) -> Result<Self, StatementError> {
        #[derive(Serialize)]
        struct Document<'a> {
            lines: &'a [Line],
            version: u32,
        }
        let document = Document {
            lines: &lines,
            version: STATEMENT_VERSION,
        };
        // Every member is declared in RFC 8785 order, no value is a fraction, and serde_json escapes as RFC 8785 does: the text is
        // canonical as it is written, without a second pass. The tests hold it against the general canonicalizer.
        let canonical = serde_json::to_vec(&document).map_err(|_| StatementError::Canonical)?;
        let hash = base64url::sha256(&canonical);
        Ok(Self {
            lines,
            canonical,
            hash,
        })
    }
}

fn push_context(lines: &mut Lines, context: &Context) -> Result<(), StatementError> {
    if let Some(origin) = context.origin {
        lines.text("context.origin", origin.as_str())?;
    }
    if let Some(place) = &context.place {
        lines.text("context.place", place)?;
    }
    if let Some(ip) = &context.ip {
        lines.text("context.ip", ip)?;
    }
    if let Some(agent) = &context.agent {
        lines.text("context.agent", agent)?;
    }
    if let Some(started_at) = context.started_at {
        lines.push("context.started_at", LineValue::Instant(started_at))?;
    }
    if let Some(risk) = context.risk {
        lines.text("context.risk", risk.as_str())?;
    }
    context
        .hints
        .iter()
        .try_for_each(|hint| lines.text("context.hint", hint))
}

/// Lines as they are made: the one place where texts and their number are checked.
#[derive(Default)]
struct Lines(Vec<Line>);

impl Lines {
    /// A registered line.
    fn push(&mut self, key: &'static str, value: LineValue) -> Result<(), StatementError> {
        check_texts(key, &value)?;
        self.add(Line {
            key,
            name: None,
            value,
        })
    }

    fn text(&mut self, key: &'static str, value: &str) -> Result<(), StatementError> {
        self.push(key, LineValue::Text(value.to_owned()))
    }

    /// A line without a registered key.
    fn field(&mut self, name: &str, value: LineValue) -> Result<(), StatementError> {
        text::check(name, MAX_FIELD_NAME).map_err(|source| StatementError::Text {
            line: "name of a field".to_owned(),
            source,
        })?;
        check_texts(name, &value)?;
        self.add(Line {
            key: "field",
            name: Some(name.to_owned()),
            value,
        })
    }

    fn add(&mut self, line: Line) -> Result<(), StatementError> {
        if self.0.len() == MAX_LINES {
            return Err(StatementError::TooManyLines);
        }
        self.0.push(line);
        Ok(())
    }
}

/// The longest name of a field, in characters.
const MAX_FIELD_NAME: usize = 128;

fn check_texts(line: &str, value: &LineValue) -> Result<(), StatementError> {
    let check = |text: &str| {
        text::check(text, text::MAX_TEXT).map_err(|source| StatementError::Text {
            line: line.to_owned(),
            source,
        })
    };
    match value {
        LineValue::Text(text) => check(text),
        LineValue::List(items) => items.iter().try_for_each(|item| check(item)),
        LineValue::Amount { .. }
        | LineValue::Instant(_)
        | LineValue::Duration(_)
        | LineValue::Count(_)
        | LineValue::Flag(_) => Ok(()),
    }
}
