//! Between columns and values. A column that holds something that cannot be is [`StoreError::Corrupt`].

use std::fmt::Display;

use countersign_protocol::Outcome;
use rusqlite::{Row, RowIndex};
use serde::{Serialize, de::DeserializeOwned};

use super::error::{StoreErrorExt as _, fail};
use crate::store::{ClientKind, Hash, StoreError, StoreResult};

/// A column by its name, or by its place where a row is read often.
pub(super) trait Column: RowIndex + Copy + Display {}

impl<T: RowIndex + Copy + Display> Column for T {}

/// A column as it is.
pub(super) fn get<T: rusqlite::types::FromSql>(row: &Row<'_>, column: impl Column) -> StoreResult<T> {
    row.get(column).map_err(fail)
}

/// A text column that has to parse.
pub(super) fn parsed<T: TryFrom<String>>(row: &Row<'_>, column: impl Column) -> StoreResult<T> {
    T::try_from(get(row, column)?).map_err(|_| StoreError::corrupt(format!("column {column}")))
}

/// A text column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: impl Column) -> StoreResult<T> {
    from_json(column, &get::<String>(row, column)?)
}

/// A text column that may hold JSON.
pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: impl Column,
) -> StoreResult<Option<T>> {
    get::<Option<String>>(row, column)?
        .map(|text| from_json(column, &text))
        .transpose()
}

/// A column that holds a number that is not negative.
pub(super) fn unsigned<T: TryFrom<i64>>(row: &Row<'_>, column: impl Column) -> StoreResult<T> {
    T::try_from(get::<i64>(row, column)?).map_err(|_| StoreError::corrupt(format!("column {column}")))
}

/// A column that holds a SHA-256 hash.
pub(super) fn hash(row: &Row<'_>, column: impl Column) -> StoreResult<Hash> {
    get::<Vec<u8>>(row, column)?
        .try_into()
        .map_err(|_| StoreError::corrupt(format!("column {column}")))
}

/// A value as JSON.
pub(super) fn to_json(value: &impl Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(error.to_string()))
}

/// A number as SQLite holds it. Ours are below 2^53.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count as SQLite takes it.
pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn kind_text(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::Application => "application",
        ClientKind::IdentityProvider => "identity_provider",
    }
}

pub(super) fn kind(text: &str) -> StoreResult<ClientKind> {
    match text {
        "application" => Ok(ClientKind::Application),
        "identity_provider" => Ok(ClientKind::IdentityProvider),
        _ => Err(StoreError::corrupt("column kind")),
    }
}

/// The outcome that a state other than `pending` stands for.
pub(super) fn outcome(text: &str) -> StoreResult<Outcome> {
    [
        Outcome::Approved,
        Outcome::Denied,
        Outcome::Reported,
        Outcome::Cancelled,
        Outcome::Expired,
        Outcome::Locked,
    ]
    .into_iter()
    .find(|outcome| outcome.as_str() == text)
    .ok_or_else(|| StoreError::corrupt("column state"))
}

fn from_json<T: DeserializeOwned>(column: impl Column, text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|_| StoreError::corrupt(format!("column {column}")))
}
