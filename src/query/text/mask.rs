//! Masks the variable parts of a message, so that similar lines become equal: numbers, identifiers, addresses and paths.

/// Words of a message that are looked at: longer messages differ in their ends.
const WORDS_MAX: usize = 48;
/// Bytes of a message that are looked at.
const BYTES_MAX: usize = 1_024;
/// The mask of the words of a message that were not read.
const REST: &str = "<...>";
/// Hexadecimal digits from this length on, with a digit and a letter among them, are an identifier.
const HEX_CHARS_MIN: usize = 8;
/// Letters and digits from this length on, with three digits among them, are an identifier.
const ID_CHARS_MIN: usize = 16;
const ID_DIGITS_MIN: usize = 3;

/// Puts a message with its variable parts masked in `out`, its words parted by one blank: `<num>`, `<hex>`, `<uuid>`, `<ip>`,
/// `<mac>`, `<id>` and `<path>` stand for what they name.
pub(in crate::query) fn mask(message: &str, out: &mut String) {
    out.clear();
    let end = message.floor_char_boundary(BYTES_MAX);
    let is_cut = end < message.len();
    let text = message.get(..end).unwrap_or(message);
    let mut words = 0;
    let mut left = text.split_whitespace().peekable();
    while words < WORDS_MAX
        && let Some(word) = left.next()
    {
        // the last word may have lost its end
        if is_cut && left.peek().is_none() {
            break;
        }
        part(out);
        mask_word(word, out);
        words += 1;
    }
    if is_cut || left.peek().is_some() {
        part(out);
        out.push_str(REST);
    }
}

fn part(out: &mut String) {
    if !out.is_empty() {
        out.push(' ');
    }
}

fn mask_word(word: &str, out: &mut String) {
    let (before, core, after) = without_marks(word);
    if let Some(mask) = address(core) {
        out.extend([before, mask, after]);
        return;
    }
    let mut rest = word;
    while let Some(next) = rest.chars().next() {
        let length = run_length(rest);
        if length == 0 {
            out.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
        } else if let Some(uuid) = uuid_length(rest) {
            out.push_str("<uuid>");
            rest = rest.get(uuid..).unwrap_or_default();
        } else {
            let (run, others) = rest.split_at(length);
            rest = mask_run(run, others, out);
        }
    }
}

/// Brackets, quotes and stops around a word.
fn without_marks(word: &str) -> (&str, &str, &str) {
    let core = word.trim_start_matches(['(', '[', '{', '<', '"', '\'']);
    let before = word.get(..word.len() - core.len()).unwrap_or_default();
    let core_end = core
        .trim_end_matches([')', ']', '}', '>', '"', '\'', ',', ';', '.', ':', '!', '?'])
        .len();
    let (core, after) = core.split_at(core_end);
    (before, core, after)
}

/// The mask of a word that is an address or a path as a whole.
fn address(word: &str) -> Option<&'static str> {
    if word.len() > 1
        && word.starts_with('/')
        && word.bytes().any(|byte| byte.is_ascii_alphanumeric())
    {
        return Some("<path>");
    }
    if is_of(word, ':', 6, |part| part.len() == 2 && is_hex(part)) {
        return Some("<mac>");
    }
    let of_ip6 = |byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.';
    let colons = word.bytes().filter(|byte| *byte == b':').count();
    let is_ip6 = colons >= 2 && word.bytes().all(of_ip6) && (word.contains("::") || colons == 7);
    if is_ip6 {
        return Some("<ip>");
    }
    let host = word.split_once(':').map_or(
        word,
        |(host, port)| {
            if is_number(port) { host } else { word }
        },
    );
    let is_octet = |part: &str| is_number(part) && part.len() <= 3;
    is_of(host, '.', 4, is_octet).then_some("<ip>")
}

fn is_of(word: &str, separator: char, count: usize, is_part: impl Fn(&str) -> bool) -> bool {
    word.split(separator).count() == count && word.split(separator).all(is_part)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// How many bytes of letters and digits are next.
fn run_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len())
}

/// The length of a UUID at the beginning of a text.
fn uuid_length(text: &str) -> Option<usize> {
    const UUID_CHARS: usize = 36;
    let uuid = text.get(..UUID_CHARS)?;
    let lengths = [8, 4, 4, 4, 12];
    let is_whole = run_length(text.get(UUID_CHARS..)?) == 0;
    let mut parts = uuid.split('-').zip(lengths);
    let fits = uuid.split('-').count() == lengths.len()
        && parts.all(|(part, length)| part.len() == length && is_hex(part));
    (is_whole && fits).then_some(UUID_CHARS)
}

/// Adds a run of letters and digits to `out`, masked; gives the text after it. A fraction belongs to its number.
fn mask_run<'t>(run: &str, after: &'t str, out: &mut String) -> &'t str {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    let is_mixed = digits > 0 && digits < run.len();
    if digits == 0 {
        out.push_str(run);
    } else if is_mixed && run.len() >= HEX_CHARS_MIN && is_hex(run)
        || run.strip_prefix("0x").is_some_and(is_hex)
    {
        out.push_str("<hex>");
    } else if is_mixed && run.len() >= ID_CHARS_MIN && digits >= ID_DIGITS_MIN {
        out.push_str("<id>");
    } else {
        let mut was_digit = false;
        for c in run.chars() {
            if !c.is_ascii_digit() {
                out.push(c);
            } else if !was_digit {
                out.push_str("<num>");
            }
            was_digit = c.is_ascii_digit();
        }
        if is_number(run)
            && let Some(fraction) = after.strip_prefix('.')
            && fraction.starts_with(|c: char| c.is_ascii_digit())
        {
            let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
            return fraction.get(end..).unwrap_or_default();
        }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message: &str) -> String {
        let mut masked = String::new();
        mask(message, &mut masked);
        masked
    }

    #[test]
    fn variable_parts_are_masked_and_words_are_not() {
        for (message, expected) in [
            ("Accepted publickey for root", "Accepted publickey for root"),
            ("took 12.5ms, 3 rows", "took <num>ms, <num> rows"),
            ("from 10.0.0.1 port 51234", "from <ip> port <num>"),
            ("from [10.0.0.1:51234]", "from [<ip>]"),
            ("peer fe80::1 is up", "peer <ip> is up"),
            ("link 52:54:00:12:34:56", "link <mac>"),
            ("id=4bf92f35-77b3-4da6-a3ce-929d0e0e4736.", "id=<uuid>."),
            ("commit 8f3a2bc91d (0xdeadbeef)", "commit <hex> (<hex>)"),
            ("open /var/log/app.log: denied", "open <path>: denied"),
            (
                "worker-12 eth0 2026-11-28T10:00:00Z",
                "worker-<num> eth<num> <num>-<num>-<num>T<num>:<num>:<num>Z",
            ),
            ("token AbC123xyz789QRS456", "token <id>"),
            ("feedback deadbeef", "feedback deadbeef"),
            ("", ""),
            ("\u{e4}rger 7", "\u{e4}rger <num>"),
        ] {
            assert_eq!(text(message), expected, "{message}");
        }
    }

    #[test]
    fn the_end_of_a_long_message_is_one_mark() {
        let long = "word ".repeat(400);
        let masked = text(&long);
        assert_eq!(masked.split(' ').count(), WORDS_MAX + 1);
        assert!(masked.ends_with(" <...>"));
        assert_eq!(text(&"x".repeat(2_000)), REST);
    }
}
