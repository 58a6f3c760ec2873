//! Time for one operation, the cases of a comparison by turns.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How long a case runs in each round.
pub(crate) const BUDGET: Duration = Duration::from_millis(300);

/// One way to do a thing.
pub(crate) struct Way<'a>(Box<dyn FnMut() -> Result<()> + 'a>);

impl<'a> Way<'a> {
    pub(crate) fn new(run: impl FnMut() -> Result<()> + 'a) -> Self {
        Self(Box::new(run))
    }
}

/// Nanoseconds for each way, the median over `rounds` in which every way is measured once (A B C A B C …).
pub(crate) fn by_turns(ways: &mut [Way<'_>], rounds: u32) -> Result<Vec<f64>> {
    let mut figures = vec![Vec::new(); ways.len()];
    for _ in 0..rounds {
        for (way, figures) in ways.iter_mut().zip(&mut figures) {
            figures.push(nanoseconds(&mut way.0)?);
        }
    }
    Ok(figures.into_iter().map(|figures| crate::report::median(figures.into_iter())).collect())
}

fn nanoseconds(run: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    let mut times = 1_u64;
    loop {
        let began = Instant::now();
        for _ in 0..times {
            run()?;
        }
        let took = began.elapsed();
        if took >= BUDGET {
            return Ok(took.as_nanos() as f64 / times as f64);
        }
        let wanted = BUDGET.as_secs_f64() / took.as_secs_f64().max(1e-7) * 1.1;
        times = (times as f64 * wanted.clamp(1.5, 1_000.0)) as u64 + 1;
    }
}
