//! The strength of a name: `password` names a secret, `key` may name anything.

/// The strength of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Strength {
    /// `key`, `sort_key`: more often the name of a thing than a secret.
    Key,
    /// `token`, `session_id`: a secret, a part of parsed text, or a number that counts sessions.
    Token,
    /// `credential`: a secret, or a component that handles secrets.
    Credential,
    /// All other names: the value is a secret.
    Secret,
}

/// Words before `key` that make it a strong name.
pub(in crate::redact) const KEY_WORDS: &[&str] = &[
    "access",
    "account",
    "api",
    "app",
    "auth",
    "consumer",
    "encryption",
    "license",
    "master",
    "private",
    "recovery",
    "secret",
    "session",
    "shared",
    "signing",
    "storage",
    "unseal",
];

/// Words before `token` that make it a strong name.
pub(in crate::redact) const TOKEN_WORDS: &[&str] = &[
    "access", "api", "auth", "bearer", "bot", "login", "oauth", "personal", "private", "refresh",
    "root", "secret", "security", "session",
];

/// The maximum distance between such a word and `key` or `token`.
const DISTANCE_MAX: usize = 16;

/// Names of sessions: the value is a secret, or a number that counts sessions.
pub(in crate::redact) const SESSION_NAMES: &[&str] = &[
    "session_id",
    "sessionid",
    "jsessionid",
    "phpsessid",
    "_session",
    ".sid",
    "session id",
    "sessid",
];

fn is_session(name: &[u8]) -> bool {
    SESSION_NAMES
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// The strength of the name at the end of `text`, whose last part begins at `start`.
pub(in crate::redact) fn strength_of(text: &[u8], start: usize) -> Strength {
    let last = text.get(start..).unwrap_or_default();
    let (strength, words) = if last.eq_ignore_ascii_case(b"key") {
        (Strength::Key, KEY_WORDS)
    } else if last.eq_ignore_ascii_case(b"token") {
        (Strength::Token, TOKEN_WORDS)
    } else if last.eq_ignore_ascii_case(b"credential") {
        return Strength::Credential;
    } else if is_session(last) {
        return Strength::Token;
    } else {
        return Strength::Secret;
    };
    let before = text
        .get(start.saturating_sub(DISTANCE_MAX)..start)
        .unwrap_or_default();
    let before = match before {
        [rest @ .., b'_' | b'-' | b'.' | b' '] => rest,
        all => all,
    };
    // a sign or a digit ends none of the words
    if !before.last().is_some_and(u8::is_ascii_alphabetic) {
        return strength;
    }
    let is_one = |word: &&&str| {
        let last = before.last().map(u8::to_ascii_lowercase);
        if last != word.as_bytes().last().copied() {
            return false;
        }
        let from = before.len().saturating_sub(word.len());
        before
            .get(from..)
            .is_some_and(|end| end.eq_ignore_ascii_case(word.as_bytes()))
    };
    if words.iter().any(|word| is_one(&word)) {
        Strength::Secret
    } else {
        strength
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::written::written;

    #[test]
    fn the_word_before_a_name_decides_on_its_strength() {
        let strength =
            |name: &str, last: &str| strength_of(name.as_bytes(), name.len() - last.len());
        for name in [
            "api_key",
            "apiKey",
            "X-Api-Key",
            "AWS_SECRET_ACCESS_KEY",
            "Unseal Key",
        ] {
            assert_eq!(strength(name, "key"), Strength::Secret, "{name}");
        }
        for name in [
            "key",
            "sort_key",
            "cache.key",
            "foreign key",
            "s3_key",
            "Key",
        ] {
            assert_eq!(strength(name, "key"), Strength::Key, "{name}");
        }
        assert_eq!(strength("access_token", "token"), Strength::Secret);
        assert_eq!(strength("unexpected token", "token"), Strength::Token);
        assert_eq!(strength("credential", "credential"), Strength::Credential);
        assert_eq!(strength("X_SESSION_ID", "session_id"), Strength::Token);
        for name in SESSION_NAMES {
            assert_eq!(strength(name, name), Strength::Token, "{name}");
        }
        assert_eq!(strength("DB_PASSWORD", "password"), Strength::Secret);
    }

    #[test]
    fn the_specified_words_are_those_in_the_code() {
        for (title, separator, words) in [
            ("Words before `key` that leave no doubt:", " ", KEY_WORDS),
            (
                "Words before `token` that leave no doubt:",
                " ",
                TOKEN_WORDS,
            ),
            ("Names of sessions:", ", ", SESSION_NAMES),
        ] {
            assert_eq!(written(title), words.join(separator));
        }
    }
}
