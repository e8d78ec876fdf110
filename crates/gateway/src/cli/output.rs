//! How data is written: aligned columns for people, JSON for programs.

use std::io::{self, Write};

use clap::Args;
use serde::Serialize;

/// The choice between text and JSON.
#[derive(Debug, Clone, Copy, Args)]
pub struct Format {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Writes one JSON value and a line break.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Writes aligned columns, or that there is nothing.
pub(super) fn table<const N: usize>(
    out: &mut dyn Write,
    heads: [&str; N],
    rows: &[[String; N]],
    nothing: &str,
) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "{nothing}");
    }
    let mut widths = heads.map(|head| head.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut line = |cells: [&str; N]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end())
    };
    line(heads)?;
    rows.iter()
        .try_for_each(|row| line(row.each_ref().map(String::as_str)))
}

/// An instant for people, in UTC.
pub(super) fn instant(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_is_said_in_words() {
        let mut out = Vec::new();
        table(
            &mut out,
            ["ID", "NAME"],
            &[["a".into(), "One".into()], ["long".into(), "Two".into()]],
            "none",
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "ID    NAME\na     One\nlong  Two\n"
        );
        let mut out = Vec::new();
        table(&mut out, ["ID"], &[], "no clients").unwrap();
        assert_eq!(out, b"no clients\n");
    }

    #[test]
    fn instants_are_in_utc() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
    }
}
