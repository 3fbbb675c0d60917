//! Redaction takes time linear in the length of a text, for texts that repeat any pattern.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use vmlog::redact::RULES;
use vmlog::redact::RedactOptions;
use vmlog::redact::Redactor;

/// Texts before and after a literal in a text that repeats it.
const SURROUNDINGS: &[(&str, &str)] = &[
    ("", ""),
    ("", " "),
    ("", "="),
    ("", ":"),
    ("_", ":"),
    ("", ": "),
    ("", "=\""),
    ("\"", "\":{"),
    ("'", "', '"),
    ("--", " "),
    ("%22", "%3D"),
    ("", "a:"),
    ("", " for "),
    ("", "1aA"),
];

/// The processor time of this thread, in seconds, which excludes other load.
fn seconds(redactor: &Redactor, text: &str) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        #[expect(clippy::cast_precision_loss, reason = "seconds of a test, not years")]
        let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
        seconds
    };
    let started = now();
    black_box(redactor.redact_text(black_box(text)));
    now() - started
}

/// How many times as long a text of eight times the length takes; the smallest of several measurements.
fn growth(redactor: &Redactor, unit: &str, attempts: usize) -> f64 {
    const BYTES: usize = 1 << 10;
    let text = |bytes: usize| unit.repeat(bytes.div_ceil(unit.len()));
    let (short, long) = (text(BYTES), text(8 * BYTES));
    let measured = (0..attempts).map(|_| {
        let short = (0..2)
            .map(|_| seconds(redactor, &short))
            .fold(f64::INFINITY, f64::min);
        seconds(redactor, &long) / short.max(2e-5)
    });
    measured.fold(f64::INFINITY, f64::min)
}

#[test]
fn time_grows_with_the_length_of_a_text() {
    /// Quadratic time would be 64 times as long.
    const GROWTH_MAX: f64 = 32.0;
    /// One in this many vendor tokens is tested, because all are matched in the same way.
    const VENDORS_STEP: usize = 12;
    let redactor = Redactor::new(&RedactOptions::default()).unwrap();
    let literals = RULES.iter().flat_map(|rule| {
        let all = rule.literals();
        let step = if all.len() > 40 { VENDORS_STEP } else { 1 };
        all.into_iter().step_by(step)
    });
    let units = literals.flat_map(|literal| {
        let around = SURROUNDINGS.iter();
        around.map(move |(before, after)| format!("{before}{literal}{after}"))
    });
    let mut slow = vec![];
    for unit in units {
        if growth(&redactor, &unit, 1) > GROWTH_MAX {
            // The first use compiles a pattern, and a measurement may be disturbed.
            let growth = growth(&redactor, &unit, 5);
            if growth > GROWTH_MAX {
                slow.push(format!("{unit:?}: {growth:.0} times"));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}
