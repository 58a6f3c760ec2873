//! What is measured beside what, and the ratio that is aimed at.

use serde_json::{Value, json};

/// Two figures of one run and their ratio.
pub(crate) struct Comparison {
    what: String,
    unit: &'static str,
    ours: f64,
    theirs: f64,
    ratio: f64,
    aim: Option<Aim>,
}

#[derive(Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Comparison {
    /// Of nanoseconds for one operation: how many times as fast ours is.
    pub(crate) fn of_times(what: &str, ours: f64, theirs: f64, at_least: f64) -> Self {
        let ratio = theirs / ours;
        Self { what: what.to_owned(), unit: "ns", ours, theirs, ratio, aim: Some(Aim::AtLeast(at_least)) }
    }

    /// Of operations in a second: how many times as many ours does.
    pub(crate) fn of_rates(what: &str, ours: f64, theirs: f64, at_least: f64) -> Self {
        let ratio = ours / theirs;
        Self { what: what.to_owned(), unit: "/s", ours, theirs, ratio, aim: Some(Aim::AtLeast(at_least)) }
    }

    /// Of something that should not grow from `before` to `after`.
    pub(crate) fn of_growth(what: &str, unit: &'static str, before: f64, after: f64, at_most: f64) -> Self {
        let ratio = after / before;
        Self { what: what.to_owned(), unit, ours: after, theirs: before, ratio, aim: Some(Aim::AtMost(at_most)) }
    }

    /// A figure that stands by itself.
    pub(crate) fn alone(what: &str, unit: &'static str, figure: f64) -> Self {
        Self { what: what.to_owned(), unit, ours: figure, theirs: f64::NAN, ratio: f64::NAN, aim: None }
    }

    fn is_met(&self) -> Option<bool> {
        self.aim.map(|aim| match aim {
            Aim::AtLeast(least) => self.ratio >= least,
            Aim::AtMost(most) => self.ratio <= most,
        })
    }

    /// A line of the table.
    pub(crate) fn line(&self) -> String {
        let Self { what, unit, ours, theirs, ratio, .. } = self;
        let Some(aim) = self.aim else { return format!("{what:58}{ours:>12.0} {unit}") };
        let aim = match aim {
            Aim::AtLeast(least) => format!("at least {least} x"),
            Aim::AtMost(most) => format!("at most {most} x"),
        };
        let met = if self.is_met() == Some(true) { "" } else { "   MISSED" };
        format!("{what:58}{ours:>12.0} {unit:3}{theirs:>12.0} {unit:3}{ratio:>9.2} x   aim: {aim}{met}")
    }

    pub(crate) fn json(&self) -> Value {
        if self.aim.is_none() {
            return json!({ "what": self.what, "unit": self.unit, "figure": self.ours });
        }
        let is_met = self.is_met();
        json!({
            "what": self.what, "unit": self.unit, "figure": self.ours, "beside": self.theirs, "ratio": self.ratio,
            "aim_is_met": is_met,
        })
    }
}
