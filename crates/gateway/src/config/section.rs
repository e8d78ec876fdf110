//! Reads a TOML table key by key and collects every problem instead of stopping at the first.
//!
//! Invariant: whatever is left in a table when its [`Section`] is finished was not asked for, and is reported as
//! unknown. So a misspelt key can never be taken for a default.

use std::{
    fmt::{self, Display},
    ops::RangeInclusive,
    path::PathBuf,
    str::FromStr,
};

use toml::{Table, Value};

/// One thing that is wrong, with the key where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The dotted path of the key.
    pub key: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.what)
    }
}

/// One table that is being read.
#[derive(Debug)]
pub(super) struct Section {
    path: String,
    table: Table,
    problems: Vec<Problem>,
}

impl Section {
    /// The top of a file.
    pub(super) fn top(table: Table) -> Self {
        Self {
            path: String::new(),
            table,
            problems: Vec::new(),
        }
    }

    /// Notes a problem of a key of this section.
    pub(super) fn problem(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            key: self.name(key),
            what: what.into(),
        });
    }

    /// Whether the key is there and has not been read yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reads a table of this section. An absent table reads like an empty one.
    pub(super) fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let expected = format!("a table [{}]", self.name(key));
        let table = self
            .read(key, &expected, |value| value.as_table().cloned())
            .unwrap_or_default();
        let mut inner = Self {
            path: self.name(key),
            table,
            problems: Vec::new(),
        };
        let value = read(&mut inner);
        self.problems.extend(inner.finish());
        value
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        if text.is_empty() {
            self.problem(key, "must not be empty");
            return None;
        }
        Some(PathBuf::from(text))
    }

    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, expected: &str) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                self.problem(key, format!("must be {expected}, not {text:?}"));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// An integer within a range. Outside of it the default stands in, and the problem is noted.
    pub(super) fn number<T>(&mut self, key: &str, range: RangeInclusive<T>, default: T) -> T
    where
        T: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let Some(value) = self.read(key, "a whole number", Value::as_integer) else {
            return default;
        };
        match T::try_from(value) {
            Ok(number) if range.contains(&number) => number,
            Ok(_) | Err(_) => {
                self.problem(
                    key,
                    format!(
                        "must be between {} and {}, not {value}",
                        range.start(),
                        range.end()
                    ),
                );
                default
            }
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.read(key, "a list of strings", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        })
    }

    /// Ends reading: everything that is left is unknown.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let left: Vec<String> = self.table.keys().cloned().collect();
        for key in left {
            self.problem(
                &key,
                "is not a setting of this version; remove it or correct its spelling",
            );
        }
        self.problems
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn read<T>(&mut self, key: &str, expected: &str, convert: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.table.remove(key)?;
        let converted = convert(&value);
        if converted.is_none() {
            self.problem(key, format!("must be {expected}, not {}", kind(&value)));
        }
        converted
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a decimal number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
