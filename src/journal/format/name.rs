//! Names of journal files and of the directories that hold them.

use super::id::Id128;
use std::path::Path;

/// The parts of a journal file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName {
    /// The name that the file shares with its successors: `system`, `user-1000`, `remote-web1`.
    pub(crate) prefix: String,
    /// The file was rotated, or set aside after a crash: no process appends to it.
    pub(crate) archived: bool,
}

impl FileName {
    /// Parses `PREFIX.journal`, `PREFIX@SEQNUM_ID-SEQNUM-REALTIME.journal` and `PREFIX@REALTIME-RANDOM.journal~`.
    /// Other names are not journal files.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stem, aside) = match name.strip_suffix(".journal~") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(".journal")?, false),
        };
        let (prefix, archived) = match stem.split_once('@') {
            Some((prefix, _)) => (prefix, true),
            None => (stem, aside),
        };
        Some(Self {
            prefix: prefix.to_owned(),
            archived,
        })
    }

    /// Parses the name of a file that the user named by its path; accepts any name.
    pub(crate) fn parse_any(path: &Path) -> Self {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self::parse(&name).unwrap_or(Self {
            prefix: name,
            archived: false,
        })
    }
}

/// Which namespaces of journald are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Namespaces {
    /// All namespaces, including the default one.
    #[default]
    All,
    /// Only the default namespace.
    Default,
    /// Only these namespaces; an empty name is the default namespace.
    Named(Vec<String>),
}

impl Namespaces {
    /// Whether the files of a subdirectory called `name` are read: `MACHINE_ID`, `MACHINE_ID.NAMESPACE`, or `remote`.
    pub(crate) fn take_directory(&self, name: &str) -> bool {
        let (machine, namespace) = name.split_once('.').unwrap_or((name, ""));
        if machine.parse::<Id128>().is_err() {
            return name == "remote";
        }
        match self {
            Self::All => true,
            Self::Default => namespace.is_empty(),
            Self::Named(names) => names.iter().any(|wanted| wanted == namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_lineage_and_state() {
        for (name, prefix, archived) in [
            ("system.journal", "system", false),
            ("user-1000.journal", "user-1000", false),
            (
                "system@f8680782c8db4cbcb940ef74580e8d2f-0000000000000001-000660c2047a74d6.journal",
                "system",
                true,
            ),
            (
                "system@000660c204998b28-2d95f859f10abecc.journal~",
                "system",
                true,
            ),
            ("a.journal~", "a", true),
        ] {
            let expected = FileName {
                prefix: prefix.to_owned(),
                archived,
            };
            assert_eq!(FileName::parse(name), Some(expected));
        }
        for name in ["", "system", "system.journal.zst", "journal", "fss"] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn namespaces_choose_directories() {
        let plain = "aaaabbbbccccdddd0000111122223333";
        let named = "aaaabbbbccccdddd0000111122223333.app";
        let only = Namespaces::Named(vec!["app".to_owned()]);
        for (which, takes_plain, takes_named) in [
            (&Namespaces::All, true, true),
            (&Namespaces::Default, true, false),
            (&only, false, true),
        ] {
            assert_eq!(which.take_directory(plain), takes_plain);
            assert_eq!(which.take_directory(named), takes_named);
            assert!(which.take_directory("remote"));
            assert!(!which.take_directory("lost+found"));
        }
    }
}
