//! Display names of sources.

use crate::record::Source;

/// Sources with a display name of their own.
const NAMED: [(&str, &str); 6] = [
    ("cloud-init", "Cloud Init"),
    ("cloud-init-output", "Cloud Init Output"),
    ("system:kernel", "Kernel"),
    ("system:vm-agent", "VM Agent"),
    ("system:vmlog", "vmlog"),
    ("system:vmlog-other-sources", "Other sources"),
];

/// `Docker: ws-abc123` for `docker:ws-abc123`, `Cloud Init` for `cloud-init`.
pub(super) fn label(source: &Source) -> String {
    let text = source.as_str();
    if let Some((_, label)) = NAMED.iter().find(|(name, _)| *name == text) {
        return (*label).to_owned();
    }
    match text.split_once(':') {
        Some((kind, name)) if !name.is_empty() => {
            format!("{}: {}", title(kind), name.trim_end_matches(".service"))
        }
        _ => title(text),
    }
}

/// `cloud-init` as `Cloud Init`.
fn title(words: &str) -> String {
    let words: Vec<_> = words
        .split(['-', '_'])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect::<String>())
                .unwrap_or_default()
        })
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_display_names() {
        for (source, expected) in [
            ("cloud-init", "Cloud Init"),
            ("cloud-init-output", "Cloud Init Output"),
            ("system:vm-agent", "VM Agent"),
            ("system:vmlog", "vmlog"),
            ("system:kernel", "Kernel"),
            ("system:ssh", "System: ssh"),
            ("system:ssh.service", "System: ssh"),
            ("system:dev-sda.mount", "System: dev-sda.mount"),
            ("docker:ws-abc123", "Docker: ws-abc123"),
            ("devcontainer:ws-abc123", "Devcontainer: ws-abc123"),
            ("file:nginx", "File: nginx"),
            ("docker:a:b", "Docker: a:b"),
            ("docker:", "Docker:"),
            ("\u{e4}rger-x", "\u{c4}rger X"),
            ("-", ""),
        ] {
            let source: Source = source.parse().expect("a source");
            assert_eq!(label(&source), expected, "{source}");
        }
    }
}
