//! `--catalog`: explanations of messages, from the catalog that systemd compiles from its `.catalog` files.
//!
//! The format is that of systemd's `catalog.c`: a header, a sorted table of items (message ID, language, offset), then texts that
//! end with a zero byte. All numbers are little-endian.

use crate::cli::files::read_bytes;
use crate::journal::Entry;
use std::path::Path;

const DATABASE: &str = "/var/lib/systemd/catalog/database";
/// Catalogs in all languages take a quarter of a megabyte.
const DATABASE_BYTES_MAX: u64 = 16 << 20;
const SIGNATURE: &[u8] = b"RHHHKSLP";
/// systemd's own limit for a value inserted into an explanation.
const VALUE_BYTES_MAX: usize = 256;

/// The catalog of this machine, in one language.
#[derive(Debug, Clone)]
pub(super) struct Catalog {
    database: Vec<u8>,
    /// In order of preference; the empty name is the untranslated text.
    languages: Vec<String>,
}

struct CatalogItem<'a> {
    id: &'a [u8],
    language: &'a [u8],
    text_offset: usize,
}

impl Catalog {
    /// The catalog of this machine; `None` if it has none. `locale` is a value such as `de_DE.UTF-8`.
    pub(super) fn open(locale: &str) -> Option<Self> {
        let database = read_bytes(Path::new(DATABASE), DATABASE_BYTES_MAX).ok()?;
        Self::parse(database, locale)
    }

    fn parse(database: Vec<u8>, locale: &str) -> Option<Self> {
        let name = locale.split(['.', '@']).next().unwrap_or_default();
        let short = name.split('_').next().unwrap_or_default();
        let is_default = ["", "C", "POSIX"].contains(&name);
        let languages = if is_default {
            vec![String::new()]
        } else {
            vec![name.to_owned(), short.to_owned(), String::new()]
        };
        database.starts_with(SIGNATURE).then_some(Self {
            database,
            languages,
        })
    }

    /// The explanation of an entry, with its variables replaced.
    pub(super) fn explain(&self, entry: &Entry<'_>) -> Option<String> {
        let id = message_id(entry.field(b"MESSAGE_ID")?)?;
        let text = self
            .languages
            .iter()
            .find_map(|language| self.text(&id, language))?;
        let value = |name: &str| {
            let value = entry.field(name.as_bytes())?;
            (value.len() <= VALUE_BYTES_MAX).then(|| String::from_utf8_lossy(value).into_owned())
        };
        Some(with_values(text, value))
    }

    fn text(&self, id: &[u8; 16], language: &str) -> Option<&str> {
        let header_bytes = self.number(16)?;
        let (count, item_bytes) = (self.number(24)?, self.number(32)?);
        let texts = header_bytes.checked_add(count.checked_mul(item_bytes)?)?;
        let item = (0..count)
            .filter_map(|index| self.item(header_bytes + index * item_bytes))
            .find(|item| item.id == id && item.language == language.as_bytes())?;
        let text = self.database.get(texts.checked_add(item.text_offset)?..)?;
        let end = memchr::memchr(0, text)?;
        str::from_utf8(text.get(..end)?).ok()
    }

    fn item(&self, offset: usize) -> Option<CatalogItem<'_>> {
        let id = self.database.get(offset..offset + 16)?;
        let language = self.database.get(offset + 16..offset + 48)?;
        let end = memchr::memchr(0, language).unwrap_or(language.len());
        Some(CatalogItem {
            id,
            language: language.get(..end)?,
            text_offset: self.number(offset + 48)?,
        })
    }

    fn number(&self, offset: usize) -> Option<usize> {
        let bytes = self.database.get(offset..offset + 8)?;
        usize::try_from(u64::from_le_bytes(bytes.try_into().ok()?)).ok()
    }
}

/// 32 hexadecimal digits.
fn message_id(text: &[u8]) -> Option<[u8; 16]> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// Replaces `@FIELD@` by the value of the field, or by its name if there is no such value.
fn with_values(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        if let Some(tail) = tail.strip_prefix('@').filter(|_| !name.is_empty()) {
            out.push_str(&value(name).unwrap_or_else(|| name.to_owned()));
            rest = tail;
        } else {
            out.push('@');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Vec<u8> {
        let id = [7; 16];
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([0; 8]);
        for number in [40_u64, 2, 56] {
            bytes.extend(number.to_le_bytes());
        }
        for (language, offset) in [("", 0_u64), ("de", 6)] {
            bytes.extend(id);
            let mut name = [0; 32];
            name[..language.len()].copy_from_slice(language.as_bytes());
            bytes.extend(name);
            bytes.extend(offset.to_le_bytes());
        }
        bytes.extend(b"plain\0deutsch\0");
        bytes
    }

    #[test]
    fn finds_text_in_the_language_of_the_locale_or_untranslated() {
        let text = |locale: &str| {
            let catalog = Catalog::parse(database(), locale).unwrap();
            let found = catalog.languages.iter();
            let found = found.clone().find_map(|name| catalog.text(&[7; 16], name));
            found.map(str::to_owned)
        };
        assert_eq!(text("de_AT.UTF-8").as_deref(), Some("deutsch"));
        assert_eq!(text("fr_FR.UTF-8").as_deref(), Some("plain"));
        assert_eq!(text("C.UTF-8").as_deref(), Some("plain"));
        let catalog = Catalog::parse(database(), "C").unwrap();
        assert_eq!(catalog.text(&[8; 16], ""), None);
    }

    #[test]
    fn survives_every_prefix_of_a_database() {
        let whole = database();
        for length in 0..whole.len() {
            if let Some(catalog) = Catalog::parse(whole[..length].to_vec(), "de") {
                let _ = catalog.text(&[7; 16], "de");
            }
        }
    }

    #[test]
    fn replaces_variables_by_values_or_their_names() {
        let value = |name: &str| (name == "UNIT").then(|| "a.service".to_owned());
        assert_eq!(
            with_values("@UNIT@ by user@host: @NO_SUCH@ @", value),
            "a.service by user@host: NO_SUCH @"
        );
    }
}
