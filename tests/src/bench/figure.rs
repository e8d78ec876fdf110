//! What a benchmark prints: a figure, beside a floor or a peer measured in the same run.

use std::time::Duration;

use anyhow::{Error, Result};
use serde::Serialize;

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its fixed name.
    pub figure: &'static str,
    /// Ours.
    pub value: f64,
    /// Unit of both values.
    pub unit: &'static str,
    /// What it was measured beside, in a few words.
    pub beside: &'static str,
    /// The other's value; `null` if it could not be had.
    pub beside_value: Option<f64>,
    /// `value / beside_value`.
    pub ratio: Option<f64>,
}

impl Figure {
    /// A figure beside another; rounds for reading.
    pub fn new(
        figure: &'static str,
        value: f64,
        unit: &'static str,
        beside: &'static str,
        beside_value: Option<f64>,
    ) -> Self {
        let ratio = beside_value
            .filter(|other| *other > 0.0)
            .map(|other| rounded(value / other));
        Self {
            figure,
            value: rounded(value),
            unit,
            beside,
            beside_value: beside_value.map(rounded),
            ratio,
        }
    }
}

/// Prints figures as they come: one that cannot be had costs none of the others.
#[derive(Debug)]
pub struct Report {
    format: Format,
    failures: usize,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Report {
    /// Nothing printed yet.
    pub fn new(format: Format) -> Self {
        Self { format, failures: 0 }
    }

    /// Prints a figure to standard output.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn figure(&mut self, figure: &Figure) -> Result<()> {
        match self.format {
            Format::Json => println!("{}", serde_json::to_string(figure)?),
            Format::Text => {
                let or_none = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| v.to_string());
                println!(
                    "{:28} {:>10} {:18} {}: {}, ratio {}",
                    figure.figure,
                    figure.value,
                    figure.unit,
                    figure.beside,
                    or_none(figure.beside_value),
                    or_none(figure.ratio),
                );
            }
        }
        Ok(())
    }

    /// Prints what was measured, or says why it could not be.
    ///
    /// # Errors
    /// As [`Report::figure`].
    pub fn all<const N: usize>(&mut self, what: &str, figures: Result<[Figure; N]>) -> Result<()> {
        match figures {
            Ok(figures) => figures.iter().try_for_each(|figure| self.figure(figure)),
            Err(error) => {
                self.failure(what, &error);
                Ok(())
            }
        }
    }

    /// Says on standard error what could not be measured, and why.
    pub fn failure(&mut self, what: &str, error: &Error) {
        eprintln!("{what} could not be measured: {error:#}");
        self.failures += 1;
    }

    /// How much could not be measured.
    pub fn failures(&self) -> usize {
        self.failures
    }
}

/// As the figures have it.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// To three decimals: more would pretend.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// The value below which this share of the samples lies (nearest rank). `None` without samples.
pub(super) fn quantile(samples: &[f64], share: f64) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index below the number of samples"
    )]
    let rank = ((last as f64) * share).round() as usize;
    sorted.get(rank).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let samples = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(quantile(&samples, 0.5), Some(3.0));
        assert_eq!(quantile(&samples, 0.99), Some(5.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn a_ratio_needs_something_beside() {
        assert_eq!(Figure::new("x", 3.0, "ms", "floor", Some(2.0)).ratio, Some(1.5));
        assert_eq!(Figure::new("x", 3.0, "ms", "floor", None).ratio, None);
    }
}
