//! Sums of money as languages write them. Digits are never changed, only grouped.

/// A sum as the request has it: a decimal number, and the currency's code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum<'a> {
    pub(super) amount: &'a str,
    pub(super) currency: &'a str,
}

impl Sum<'_> {
    /// `€4,250.00`
    pub(super) fn currency_first(&self, group: &str, decimal: &str) -> String {
        let (sign, digits) = self.grouped(group, decimal, 4);
        match self.symbol() {
            Some(symbol) => format!("{sign}{symbol}{digits}"),
            None => format!("{sign}{}\u{a0}{digits}", self.currency),
        }
    }

    /// `4.250,00 €`, with groups from so many digits on.
    pub(super) fn currency_last(&self, group: &str, decimal: &str, grouped_from: usize) -> String {
        let (sign, digits) = self.grouped(group, decimal, grouped_from);
        format!("{sign}{digits}\u{a0}{}", self.symbol().unwrap_or(self.currency))
    }

    /// The symbol, where there is only one reading of it.
    fn symbol(&self) -> Option<&'static str> {
        match self.currency {
            "EUR" => Some("€"),
            "GBP" => Some("£"),
            _ => None,
        }
    }

    fn grouped(&self, group: &str, decimal: &str, grouped_from: usize) -> (&'static str, String) {
        let (sign, number) = self
            .amount
            .strip_prefix('-')
            .map_or(("", self.amount), |number| ("-", number));
        let (whole, fraction) = number
            .split_once('.')
            .map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
        let mut digits = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && whole.len() >= grouped_from && (whole.len() - index) % 3 == 0 {
                digits.push_str(group);
            }
            digits.push(digit);
        }
        if let Some(fraction) = fraction {
            digits.push_str(decimal);
            digits.push_str(fraction);
        }
        (sign, digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: Sum<'_> = Sum {
        amount: "-1234567.890",
        currency: "EUR",
    };

    #[test]
    fn a_sum_keeps_its_digits() {
        assert_eq!(SUM.currency_first(",", "."), "-€1,234,567.890");
        assert_eq!(SUM.currency_last(".", ",", 4), "-1.234.567,890\u{a0}€");
        let (amount, currency) = ("1000", "JPY");
        assert_eq!(
            Sum { amount, currency }.currency_first(",", "."),
            "JPY\u{a0}1,000"
        );
    }

    #[test]
    fn short_numbers_are_grouped_only_where_that_is_usual() {
        let (amount, currency) = ("4250.00", "EUR");
        let sum = Sum { amount, currency };
        assert_eq!(sum.currency_last(".", ",", 5), "4250,00\u{a0}€");
        assert_eq!(sum.currency_last(".", ",", 4), "4.250,00\u{a0}€");
    }
}
