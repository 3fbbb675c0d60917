//! How many states of a regex can be active at once: this bounds the time for each byte of a message.

use regex_syntax::hir::{Hir, HirKind};

/// Letters, classes and looks within repetitions of `hir`, each as often as it is repeated. Parts outside repetitions are as long
/// as the pattern, which is short. The parser's nest limit bounds the recursion.
pub(in crate::query) fn repeated(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => 0,
        HirKind::Capture(capture) => repeated(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(repeated).fold(0, u64::saturating_add)
        }
        HirKind::Repetition(repetition) => {
            // a repetition without a maximum loops over one copy
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            all(&repetition.sub).saturating_mul(times.into())
        }
    }
}

/// Letters, classes and looks of every part.
fn all(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty => 0,
        HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Capture(capture) => all(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(all).fold(0, u64::saturating_add)
        }
        HirKind::Repetition(_) => repeated(hir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parts_count_once_for_each_repetition() {
        let of = |pattern: &str| repeated(&regex_syntax::parse(pattern).unwrap());
        assert_eq!(of("a long text without any"), 0);
        assert_eq!(of(r"\d+ of [a-z]*"), 2);
        assert_eq!(of("a.{0,200}b"), 200);
        assert_eq!(of(".{7,}"), 7);
        assert_eq!(of("(?:abc|d{3}){10}"), 60);
        assert_eq!(of(r"(?:\b.?){300}"), 600);
        assert_eq!(of("((a{100}){100}){100}"), 1_000_000);
        assert_eq!(
            of("(?:(?:(?:a{1000}){1000}){1000}){1000}"),
            1_000_000_000_000
        );
    }
}
