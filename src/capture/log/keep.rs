//! Which output of a command is recorded.

use super::entry::Stream;

/// How much of a run is recorded. Its start and its end always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Both streams are recorded.
    Output,
    /// Only standard output is recorded; standard error is inherited.
    Stdout,
    /// Only standard error is recorded; standard output is inherited.
    Stderr,
    /// The command has a terminal of its own, which merges both streams and is recorded.
    Terminal,
    /// No output is recorded; both streams are inherited.
    StartAndEnd,
}

impl Keep {
    /// Whether a stream is recorded. A stream that may hold both is only recorded if both may be.
    #[must_use]
    pub fn records(self, stream: Stream) -> bool {
        match (self, stream) {
            (Self::Output | Self::Terminal, _)
            | (_, Stream::System)
            | (Self::Stdout, Stream::Stdout)
            | (Self::Stderr, Stream::Stderr) => true,
            (Self::Stdout | Self::Stderr | Self::StartAndEnd, _) => false,
        }
    }

    /// The words of [`Keep::named`].
    pub(crate) const WORDS: [&str; 4] = ["both", "stdout", "stderr", "none"];

    /// What is recorded, by its word.
    pub(crate) fn named(word: &str) -> Option<Self> {
        match word {
            "both" => Some(Self::Output),
            "stdout" => Some(Self::Stdout),
            "stderr" => Some(Self::Stderr),
            "none" => Some(Self::StartAndEnd),
            _ => None,
        }
    }

    /// What is recorded, for the start of a run; `None` if all output is.
    pub(crate) fn captured(self) -> Option<&'static str> {
        match self {
            Self::Output | Self::Terminal => None,
            Self::Stdout => Some("stdout"),
            Self::Stderr => Some("stderr"),
            Self::StartAndEnd => Some("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_stream_is_not_recorded_if_one_of_its_streams_must_not_be() {
        for (keep, stdout, stderr, merged) in [
            (Keep::Output, true, true, true),
            (Keep::Terminal, true, true, true),
            (Keep::Stdout, true, false, false),
            (Keep::Stderr, false, true, false),
            (Keep::StartAndEnd, false, false, false),
        ] {
            let found = [Stream::Stdout, Stream::Stderr, Stream::Output];
            let found = found.map(|stream| keep.records(stream));
            assert_eq!(found, [stdout, stderr, merged], "{keep:?}");
            assert_eq!(keep.captured().is_none(), merged, "{keep:?}");
        }
        for word in Keep::WORDS {
            let keep = Keep::named(word).unwrap();
            assert_eq!(keep.captured().unwrap_or("both"), word);
        }
        assert_eq!(Keep::named("all"), None);
    }
}
