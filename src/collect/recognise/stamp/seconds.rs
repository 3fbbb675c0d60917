//! Times as seconds since 1970, as programs write them before a text: decimal, hexadecimal, TAI64N.

use super::epoch;
use super::scan::TimeScanner;
use crate::collect::recognise::words::Starts;
use crate::time::Micros;

/// `@4000000069947c3f0755d4dc`, the TAI64N labels of multilog, s6-log and svlogd.
pub(super) fn tai64(cursor: &mut TimeScanner<'_>) -> Option<Micros> {
    /// The label of 1970-01-01 00:00:10 TAI, which is 1970-01-01 00:00:00 UTC.
    const EPOCH: u64 = (1 << 62) + 10;
    cursor.take(b'@').then_some(())?;
    let label = std::str::from_utf8(cursor.rest().get(..24)?).ok()?;
    let seconds = u64::from_str_radix(label.get(..16)?, 16).ok()?;
    let nanos = u32::from_str_radix(label.get(16..)?, 16).ok()?;
    let seconds = i64::try_from(seconds.checked_sub(EPOCH)?).ok()?;
    let micros = seconds
        .checked_mul(1_000_000)?
        .checked_add(i64::from(nanos / 1_000))?;
    cursor.skip(24);
    (cursor.is_word_end() && nanos < 1_000_000_000).then(|| Micros::new(micros))
}

/// The seconds since 1970 of `OpenLDAP`: `5ff4ebce conn=7 op=3 x`, `60e2b1c9.1a2b3c4d 0x7f2b1c0d6700 conn=7 op=3 x`. Only the
/// words of slapd distinguish the former from other hexadecimal numbers, such as those of commits.
pub(super) fn hexadecimal(cursor: &mut TimeScanner<'_>) -> Option<Micros> {
    static STARTS: Starts = Starts::new(&[
        b"conn=",
        b"slapd ",
        b"@(#) $OpenLDAP",
        b"daemon: ",
        b"connection",
        b"backend_",
        b"config",
        b"send_",
        b"mdb_",
        b"hdb_",
        b"bdb_",
        b"olc",
        b"=> ",
        b"<= ",
        b">>> ",
        b"<<< ",
        b"do_",
        b"slap_",
        b"TLS",
        b"syncrepl",
        b"syncprov",
        b"main: ",
        b"unable to open pid",
    ]);
    let text = cursor.rest();
    let seconds = hexadecimal_value(text.get(..8)?)?;
    let (length, micros, is_likely) = match text.get(8)? {
        b' ' => (8, 0, STARTS.begin(text.get(9..)?)),
        b'.' => {
            let nanos = hexadecimal_value(text.get(9..17)?)?;
            (
                17,
                i64::from(nanos / 1000),
                text.get(17..)?.starts_with(b" 0x"),
            )
        }
        _ => return None,
    };
    cursor.skip(length);
    let micros = i64::from(seconds) * 1_000_000 + micros;
    is_likely.then(|| Micros::new(micros))
}

fn hexadecimal_value(digits: &[u8]) -> Option<u32> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = Some(digits).filter(|digits| digits.iter().all(is_digit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// `1771338615.123 text`, `[1771338615] text`, `1771338615: text`.
pub(super) fn epoch_number(cursor: &mut TimeScanner<'_>) -> Option<Micros> {
    let mut after = *cursor;
    let digits = after.digits();
    if !matches!(digits.len(), 10 | 13 | 16 | 19) {
        return None;
    }
    after.skip(digits.len());
    let has_fraction = after.peek() == Some(b'.');
    after.fraction();
    let is_end = matches!(after.peek(), None | Some(b' ' | b'\t' | b']' | b':' | b','));
    let text = cursor.rest().get(..after.at() - cursor.at())?;
    // A number of ten digits is a time only if its context suggests so.
    let is_likely = has_fraction || matches!(after.peek(), Some(b']' | b':')) || digits.len() > 10;
    let time = epoch::of_text(text).filter(|_| is_end && is_likely)?;
    *cursor = after;
    Some(time)
}
