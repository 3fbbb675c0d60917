//! A line without what programs that run other programs put before it.

/// The text of a line without the prefixes of `docker build` and `docker compose`, frames of Terraform, times and list marks.
pub(in crate::triage) fn plain(line: &str) -> &str {
    let mut text = line.trim();
    // each prefix at most once, the outermost first
    for strip in [
        of_syslog_time,
        of_compose,
        of_build,
        of_frame,
        of_elapsed,
        of_time,
    ] {
        text = strip(text).unwrap_or(text).trim_start();
    }
    text
}

/// `web-1  | text`
fn of_compose(text: &str) -> Option<&str> {
    let (name, rest) = text.split_once(" | ")?;
    let name = name.trim_end();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_service = !name.is_empty() && name.len() <= 64 && name.chars().all(is_name);
    let is_numbered = name.ends_with(|c: char| c.is_ascii_digit());
    // `12 | source text` is a line of a compiler
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    (is_service && is_numbered && !is_number).then_some(rest)
}

/// `#12 3.201 text`, and `12.34 text` in the excerpt that follows
fn of_build(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix('#') {
        Some(rest) => {
            let (step, rest) = rest.split_once(' ')?;
            if !step.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            rest
        }
        None => text,
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (time, after) = rest.split_once(' ').unwrap_or((rest, ""));
    let seconds = time.split_once('.');
    if seconds.is_some_and(|(whole, fraction)| is_number(whole) && is_number(fraction)) {
        return Some(after);
    }
    text.starts_with('#').then_some(rest)
}

/// The frame that Terraform draws around a message.
fn of_frame(text: &str) -> Option<&str> {
    let starts = ["\u{2502}", "\u{2577}", "\u{2575}"];
    starts.iter().find_map(|start| text.strip_prefix(start))
}

/// `2026-02-17 14:30:15.123 UTC [28] text`, `[2026-02-17T14:30:15Z] text`, `14:30:15 text`
fn of_time(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('[');
    let begins = rest.bytes().take(2).all(|byte| byte.is_ascii_digit());
    if !begins
        || !text
            .get(..19.min(text.floor_char_boundary(19)))?
            .contains(':')
    {
        return None;
    }
    let is_part = |word: &str| {
        let is_time = |c: char| c.is_ascii_digit() || "-:./,+TZ[]()".contains(c);
        word == "UTC" || !word.is_empty() && word.chars().all(is_time)
    };
    let mut words = 0;
    while let Some((word, after)) = rest.split_once(' ') {
        if !is_part(word) || words == 4 {
            break;
        }
        words += 1;
        rest = after.trim_start();
    }
    (words > 0).then_some(rest)
}

/// `[10051 ms] text` of devcontainers
fn of_elapsed(text: &str) -> Option<&str> {
    let (millis, rest) = text.strip_prefix('[')?.split_once(" ms] ")?;
    millis
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(rest)
}

/// `Feb 17 14:30:15 vm app[12]: text`, `Feb 17 14:30:15 vm app: text`
fn of_syslog_time(text: &str) -> Option<&str> {
    const MONTHS: [&str; 12] = [
        "Jan ", "Feb ", "Mar ", "Apr ", "May ", "Jun ", "Jul ", "Aug ", "Sep ", "Oct ", "Nov ",
        "Dec ",
    ];
    MONTHS.iter().find(|month| text.starts_with(**month))?;
    let (header, rest) = text.split_once(": ")?;
    let words = header.split_ascii_whitespace().count();
    // month, day, time, host and tag
    (header.len() < 120 && words == 5).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_other_programs_are_removed() {
        for (line, expected) in [
            (
                "#12 3.201 npm error code ERESOLVE",
                "npm error code ERESOLVE",
            ),
            (
                "#12 ERROR: process did not complete",
                "ERROR: process did not complete",
            ),
            (
                "12.34 E: Unable to locate package x",
                "E: Unable to locate package x",
            ),
            ("web-1  | Error: x", "Error: x"),
            ("12 | let x = 1;", "12 | let x = 1;"),
            ("\u{2502} Error: Invalid value", "Error: Invalid value"),
            ("2026-02-17 14:30:15.123 UTC [28] FATAL:  no", "FATAL:  no"),
            ("[2026-02-17T14:30:15Z] ERROR x", "ERROR x"),
            (
                "2026/02/17 14:30:15 [emerg] 1#1: bind()",
                "[emerg] 1#1: bind()",
            ),
            ("Feb 17 14:30:15 vm app[12]: x failed", "x failed"),
            ("Feb  7 14:30:15 vm app.sh: Error: x", "Error: x"),
            ("[10051 ms] Error: x", "Error: x"),
            ("2026-11-29 04:50:59.459Z: usage: x", "usage: x"),
            ("20 files were changed: ok", "20 files were changed: ok"),
            ("  plain  ", "plain"),
        ] {
            assert_eq!(plain(line), expected, "{line}");
        }
    }
}
