//! How much a name says about its value: `password` names a secret, `key` may name anything.

/// How much a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redact) enum Strength {
    /// `key`, `sort_key`: more often the name of a thing than a secret.
    Key,
    /// `token`: a secret, or a part of a text that was taken apart.
    Token,
    /// `credential`: a secret, or the part of a program that handles secrets.
    Credential,
    /// Everything else: what stands there is secret.
    Secret,
}

/// Words before `key` that leave no doubt.
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

/// Words before `token` that leave no doubt.
pub(in crate::redact) const TOKEN_WORDS: &[&str] = &[
    "access", "api", "auth", "bearer", "bot", "login", "oauth", "personal", "private", "refresh",
    "root", "secret", "security", "session",
];

/// How far before `key` or `token` a word is looked for.
const DISTANCE_MAX: usize = 16;

/// How much the name says that ends where `text` ends and whose last part begins at `start`.
pub(in crate::redact) fn strength_of(text: &[u8], start: usize) -> Strength {
    let last = text.get(start..).unwrap_or_default();
    let (strength, words) = if last.eq_ignore_ascii_case(b"key") {
        (Strength::Key, KEY_WORDS)
    } else if last.eq_ignore_ascii_case(b"token") {
        (Strength::Token, TOKEN_WORDS)
    } else if last.eq_ignore_ascii_case(b"credential") {
        return Strength::Credential;
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
    let is_one = |word: &&&str| {
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
    fn words_before_a_name_decide() {
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
        assert_eq!(strength("DB_PASSWORD", "password"), Strength::Secret);
    }

    #[test]
    fn the_written_words_are_the_words_in_force() {
        for (title, words) in [
            ("Words before `key` that leave no doubt:", KEY_WORDS),
            ("Words before `token` that leave no doubt:", TOKEN_WORDS),
        ] {
            assert_eq!(written(title), words.join(" "));
        }
    }
}
