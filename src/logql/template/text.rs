//! Text functions of templates: cutting, padding, aligning and printing, within limits.

use super::value::TemplateValue;

/// Maximum length of a text that a function returns.
const TEXT_BYTES_MAX: usize = 1 << 20;

pub(super) fn bounded(text: String) -> Result<String, String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the result is longer than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(text)
}

pub(super) fn title(text: &str) -> String {
    let mut begins = true;
    let each = |c: char| {
        let c = if begins {
            c.to_uppercase().to_string()
        } else {
            c.to_string()
        };
        begins = c
            .chars()
            .all(|c| !c.is_alphanumeric() && c != '_' && c != '\'');
        c
    };
    text.chars().map(each).collect()
}

/// The first `length` characters, or the last ones if it is negative.
pub(super) fn truncated(text: &str, length: i64) -> String {
    let count = text.chars().count();
    let wanted = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    if length < 0 {
        text.chars().skip(count.saturating_sub(wanted)).collect()
    } else {
        text.chars().take(wanted).collect()
    }
}

pub(super) fn substring(text: &str, start: i64, end: i64) -> String {
    let start = usize::try_from(start).unwrap_or(0);
    let end = usize::try_from(end).unwrap_or(usize::MAX);
    text.chars()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect()
}

pub(super) fn repeated(text: &str, count: i64) -> Result<String, String> {
    let count = usize::try_from(count).map_err(|_| "negative Repeat count")?;
    if text.len().saturating_mul(count) > TEXT_BYTES_MAX {
        return Err(format!("the result is longer than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(text.repeat(count))
}

pub(super) fn indented(text: &str, count: i64) -> Result<String, String> {
    let pad = repeated(" ", count)?;
    bounded(format!("{pad}{}", text.replace('\n', &format!("\n{pad}"))))
}

pub(super) fn aligned(text: &str, width: i64, is_left: bool) -> Result<String, String> {
    let width = usize::try_from(width).map_err(|_| "negative width")?;
    let length = text.chars().count();
    let pad = repeated(
        " ",
        i64::try_from(width.saturating_sub(length)).unwrap_or(i64::MAX),
    )?;
    let kept = i64::try_from(width).unwrap_or(i64::MAX);
    Ok(match (is_left, length > width) {
        (true, true) => truncated(text, kept),
        (true, false) => format!("{text}{pad}"),
        (false, true) => truncated(text, -kept),
        (false, false) => format!("{pad}{text}"),
    })
}

/// The verbs of `printf`: `%s %v %d %f %t %q %x %%`, with a width and a number of decimals.
pub(super) fn printed(format: &str, values: &[TemplateValue]) -> Result<String, String> {
    let mut values = values.iter();
    let mut out = String::new();
    let mut rest = format;
    while let Some((before, verb)) = rest.split_once('%') {
        out.push_str(before);
        let flags_end = verb
            .find(|c: char| !matches!(c, '-' | '+' | '#' | ' ' | '0'))
            .unwrap_or(verb.len());
        let (flags, after) = verb.split_at_checked(flags_end).unwrap_or((verb, ""));
        let size_end = after
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(after.len());
        let (size, after) = after.split_at_checked(size_end).unwrap_or((after, ""));
        let Some(letter) = after.chars().next() else {
            out.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
        if letter == '%' {
            out.push('%');
            continue;
        }
        let (width, decimals) = size.split_once('.').unwrap_or((size, ""));
        let text = match values.next() {
            Some(value) => verbed(letter, value, decimals),
            None => format!("%!{letter}(MISSING)"),
        };
        out.push_str(&padded(&text, flags, width)?);
        if out.len() > TEXT_BYTES_MAX {
            return bounded(out);
        }
    }
    out.push_str(rest);
    bounded(out)
}

fn verbed(letter: char, value: &TemplateValue, decimals: &str) -> String {
    match letter {
        'd' => match value {
            TemplateValue::Int(_) | TemplateValue::Time(_) => value.to_string(),
            TemplateValue::Float(_) => format!("%!d(float64={value})"),
            _ => format!("%!d(string={value})"),
        },
        'f' | 'g' | 'e' => match value {
            TemplateValue::Float(number) => {
                let decimals = decimals.parse().unwrap_or(6_usize).min(64);
                format!("{number:.decimals$}")
            }
            _ => format!("%!{letter}(string={value})"),
        },
        'q' => crate::logql::print::quoted(&value.to_string()),
        'x' => match value {
            TemplateValue::Int(number) => format!("{number:x}"),
            other => hexadecimal(&other.to_string()),
        },
        _ => match decimals.parse().ok().filter(|_| letter == 's') {
            Some(count) => value.to_string().chars().take(count).collect(),
            None => value.to_string(),
        },
    }
}

fn hexadecimal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
        out.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    out
}

fn padded(text: &str, flags: &str, width: &str) -> Result<String, String> {
    let width: usize = width.parse().unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    let fill = if flags.contains('0') && !flags.contains('-') {
        "0"
    } else {
        " "
    };
    let pad = repeated(fill, i64::try_from(missing).unwrap_or(i64::MAX))?;
    Ok(if flags.contains('-') {
        format!("{text}{pad}")
    } else {
        format!("{pad}{text}")
    })
}
