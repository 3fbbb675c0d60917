//! Values that are no secrets because of what is written before them: the function of a digest, a call that gets the value from elsewhere.

/// Whether a value is a digest, with the name of the function before it: `sha256:0f6c1e4b`.
pub(in crate::redact) fn is_digest(value: &[u8]) -> bool {
    const FUNCTIONS: [&[u8]; 4] = [b"sha256:", b"sha512:", b"sha1:", b"md5:"];
    FUNCTIONS.iter().any(|function| {
        value
            .get(..function.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(function))
    })
}

/// Whether a call or a field that gets the value from elsewhere starts here: `props.getProperty("password")`, `ENV["TOKEN"]`.
pub(in crate::redact) fn is_lookup(text: &[u8], start: usize) -> bool {
    const LENGTH_MAX: usize = 64;
    const VERBS: [&[u8]; 12] = [
        b"get", b"env", b"fetch", b"prompt", b"read", b"lookup", b"input", b"load", b"param",
        b"ask", b"headers", b"request",
    ];
    let rest = text.get(start..).unwrap_or_default();
    let near = rest.get(..LENGTH_MAX).unwrap_or(rest);
    let of_path =
        |byte: &&u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b':' | b'$');
    let length = near.iter().take_while(of_path).count();
    if length < 3 || !matches!(near.get(length..), Some([b'(' | b'[', b'"' | b'\'', ..])) {
        return false;
    }
    let path = near.get(..length).unwrap_or_default().to_ascii_lowercase();
    path.starts_with(b"$_")
        || VERBS
            .iter()
            .any(|verb| memchr::memmem::find(&path, verb).is_some())
}
