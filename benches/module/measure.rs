//! Rounds in which all parties take their turns, so that what disturbs the machine disturbs all of
//! them; medians of rounds; and the table that is printed.

use std::{
    sync::Barrier,
    time::{Duration, Instant},
};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// Timed samples of each party in each round.
    pub(crate) samples: usize,
    /// Of each party and number of threads in each round of the threads' contest.
    pub(crate) threads_time: Duration,
    pub(crate) threads_rounds: usize,
    /// Cards derived by each way.
    pub(crate) cards: usize,
    /// Objects on a token that is full.
    pub(crate) objects: u32,
    pub(crate) cold_starts: usize,
}

impl Effort {
    const FULL: Self = Self {
        rounds: 60,
        samples: 25,
        threads_time: Duration::from_millis(300),
        threads_rounds: 15,
        cards: 300,
        objects: 10_000,
        cold_starts: 15,
    };
    const QUICK: Self = Self {
        rounds: 3,
        samples: 3,
        threads_time: Duration::from_millis(20),
        threads_rounds: 2,
        cards: 3,
        objects: 50,
        cold_starts: 2,
    };
}

impl Effort {
    /// As much as the arguments ask for. Cargo says `--bench` when it is to be measured, and not
    /// when it is only to be tried.
    pub(crate) fn asked(arguments: &[String]) -> Self {
        let given = |name: &str| arguments.iter().any(|argument| argument == name);
        if given("--bench") && !given("--quick") {
            return Self::FULL;
        }
        println!("Quick: shows that it runs; the figures mean nothing.");
        Self::QUICK
    }
}

/// One who takes turns.
pub(crate) struct Party<'a> {
    name: &'static str,
    work: Box<dyn FnMut() + 'a>,
}

impl<'a> Party<'a> {
    pub(crate) fn new(name: &'static str, work: impl FnMut() + 'a) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// Of each party, in each round, the median of its samples, in µs for one piece of work.
pub(crate) struct Figures(Vec<(&'static str, Vec<f64>)>);

/// Has the parties take turns, another one first in each round. A sample is `inner` pieces of work.
pub(crate) fn contest(effort: Effort, inner: u32, mut parties: Vec<Party<'_>>) -> Figures {
    let mut figures: Vec<_> = parties.iter().map(|party| (party.name, Vec::new())).collect();
    for party in &mut parties {
        (party.work)();
    }
    for round in 0..effort.rounds {
        for place in 0..parties.len() {
            let at = (place + round) % parties.len();
            let work = &mut parties[at].work;
            let sample = |_| {
                let begun = Instant::now();
                (0..inner).for_each(|_| work());
                micros(begun.elapsed()) / f64::from(inner)
            };
            figures[at].1.push(median((0..effort.samples).map(sample).collect()));
        }
    }
    Figures(figures)
}

impl Figures {
    fn of(&self, name: &str) -> Option<&[f64]> {
        self.0.iter().find(|(party, _)| *party == name).map(|(_, rounds)| rounds.as_slice())
    }

    /// The median round of a party that took part, in µs.
    pub(crate) fn p50(&self, name: &str) -> Option<f64> {
        self.of(name).map(|rounds| median(rounds.to_vec()))
    }

    fn pairs(&self, one: &str, other: &str, how: fn(f64, f64) -> f64) -> Option<f64> {
        let pairs = self.of(one)?.iter().zip(self.of(other)?);
        Some(median(pairs.map(|(one, other)| how(*one, *other)).collect()))
    }

    /// How many times as fast as `other` `one` is: the median of the rounds' ratios.
    pub(crate) fn times(&self, one: &str, other: &str) -> Option<f64> {
        self.pairs(one, other, |one, other| other / one)
    }

    /// How many µs `one` takes more than `other`: the median of the rounds' differences.
    pub(crate) fn more(&self, one: &str, other: &str) -> Option<f64> {
        self.pairs(one, other, |one, other| one - other)
    }

    /// A row for a ratio; none where one of the two did not take part.
    pub(crate) fn ratio(&self, what: &str, one: &str, other: &str, target: Target) {
        let both = self.p50(one).zip(self.p50(other)).zip(self.times(one, other));
        if let Some(((ours, theirs), times)) = both {
            let against = format!("{} {other}", time(theirs));
            row(what, &time(ours), &against, &format!("{times:.2} x"), target, times);
        }
    }
}

/// What a figure is to be.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    None,
}

/// Prints the head of a part of the table.
pub(crate) fn head(title: &str) {
    println!("\n{title:<54} {:>10}  {:<24} {:>9}  target", "p50", "against", "result");
}

/// Prints a row.
pub(crate) fn row(
    what: &str,
    ours: &str,
    against: &str,
    result: &str,
    target: Target,
    figure: f64,
) {
    let verdict = |kept| if kept { "kept" } else { "MISSED" };
    let target = match target {
        Target::AtLeast(least) => format!(">= {least}  {}", verdict(figure >= least)),
        Target::AtMost(most) => format!("<= {most}  {}", verdict(figure <= most)),
        Target::None => "-".to_owned(),
    };
    println!("  {what:<52} {ours:>10}  {against:<24} {result:>9}  {target}");
}

/// Work done in a second by all workers together, each in a thread of its own.
pub(crate) fn rate(time: Duration, workers: Vec<Box<dyn FnMut() + Send + '_>>) -> f64 {
    let begin = Barrier::new(workers.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|mut work| {
                let begin = &begin;
                scope.spawn(move || {
                    begin.wait();
                    let begun = Instant::now();
                    let mut done = 0_u32;
                    while begun.elapsed() < time {
                        work();
                        done += 1;
                    }
                    f64::from(done) / begun.elapsed().as_secs_f64()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 50)
}

/// The value that `percent` of all do not exceed.
pub(crate) fn quantile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values[place]
}

/// A time in a unit that suits it.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        short if short < 1.0 => format!("{:.0} ns", short * 1e3),
        middle if middle < 1e4 => format!("{middle:.1} µs"),
        long => format!("{:.2} ms", long / 1e3),
    }
}
