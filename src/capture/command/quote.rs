//! A command line as a shell would read it.

use std::borrow::Cow;
use std::ffi::OsString;

/// The arguments as one line that a shell would split into the same arguments; invalid UTF-8 is shown as U+FFFD.
pub(crate) fn command_line(arguments: &[OsString]) -> String {
    let words: Vec<String> = arguments
        .iter()
        .map(|argument| quoted(&argument.to_string_lossy()).into_owned())
        .collect();
    words.join(" ")
}

fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(&byte) || !byte.is_ascii()
    };
    if !word.is_empty() && word.bytes().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_it_back() {
        let words = [
            "sh",
            "-c",
            "echo \"it's $HOME\"",
            "",
            "a b",
            "caf\u{e9}",
            "x=1",
        ]
        .map(OsString::from);
        let line = command_line(&words);
        assert_eq!(
            line,
            "sh -c 'echo \"it'\\''s $HOME\"' '' 'a b' caf\u{e9} x=1"
        );
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("printf '%s\\n' {line}"))
            .output()
            .unwrap();
        let read: Vec<OsString> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(OsString::from)
            .collect();
        assert_eq!(read, words);
    }
}
