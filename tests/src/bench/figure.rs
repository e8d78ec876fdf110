//! What a benchmark prints: a figure, beside a floor or a peer measured in the same run.

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
