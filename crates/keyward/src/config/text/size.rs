//! Sizes: `4MiB`, `32KiB`, `512B`.

use super::TextValue;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// As a length in memory.
    pub(crate) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl TextValue for Size {
    const FORMAT: &'static str = "keyward-size";
    const NOUN: &'static str = "a size";
    const EXAMPLE: &'static str = "4MiB";

    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "is a whole number with a unit B, KiB, MiB or GiB, such as 4MiB".to_owned();
        let (number, factor) =
            UNITS.iter().find_map(|(unit, factor)| text.strip_suffix(unit).map(|n| (n, *factor))).ok_or_else(wrong)?;
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(factor).map(Self).ok_or_else(|| "is less than 16 EiB".to_owned())
    }

    fn to_text(&self) -> String {
        let (unit, factor) =
            UNITS.iter().find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor)).unwrap_or(&("B", 1));
        format!("{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for (text, bytes) in [("4MiB", 4 << 20), ("32KiB", 32 << 10), ("512B", 512), ("0B", 0), ("1GiB", 1 << 30)] {
            let size = Size::parse(text).expect(text);
            assert_eq!(size.0, bytes);
            assert_eq!(size.to_text(), text);
        }
        for bad in ["", "4", "MiB", "4mib", "4 MiB", "+4MiB", "-1B", "18014398509481984KiB"] {
            assert!(Size::parse(bad).is_err(), "{bad}");
        }
    }
}
