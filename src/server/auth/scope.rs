//! The records that a principal may see: all, or the sources of one workspace.

use crate::query::{Filter, SourcePattern};
use crate::record::Source;

/// Replaced by the name of the workspace in [`WorkspaceSources`].
const PLACEHOLDER: &str = "{workspace}";

/// Maximum length of the name of a workspace.
const WORKSPACE_BYTES_MAX: usize = 128;

/// The records that a principal may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::server) enum AccessScope {
    /// All records.
    Everything,
    /// Only these sources.
    Only(Vec<SourcePattern>),
}

impl AccessScope {
    /// Whether records of a source may be seen.
    pub(in crate::server) fn allows(&self, source: &Source) -> bool {
        match self {
            Self::Everything => true,
            Self::Only(sources) => sources.iter().any(|pattern| pattern.matches(source)),
        }
    }

    /// Narrows a filter to the visible records. No parameter of a query can undo it.
    pub(in crate::server) fn narrow(&self, filter: Filter) -> Filter {
        match self {
            Self::Everything => filter,
            Self::Only(sources) => filter.narrowed_to(sources.clone()),
        }
    }
}

/// The sources of a workspace: names that contain `{workspace}`; `*` at the end matches any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceSources(Vec<String>);

impl WorkspaceSources {
    /// Parses names; `None` if there are none, or if one does not contain `{workspace}`: all workspaces would see it.
    #[must_use]
    pub fn parse(names: &[String]) -> Option<Self> {
        let all_have_it = names.iter().all(|name| name.contains(PLACEHOLDER));
        (all_have_it && !names.is_empty()).then(|| Self(names.to_vec()))
    }

    /// The sources of a workspace; `None` for an invalid name. A name has no characters with a special meaning in patterns.
    pub(in crate::server) fn of(&self, workspace: &str) -> Option<AccessScope> {
        let is_name = !workspace.is_empty()
            && workspace.len() <= WORKSPACE_BYTES_MAX
            && workspace
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        let patterns = self.0.iter().map(|name| match name.strip_suffix('*') {
            Some(start) => SourcePattern::prefix(&start.replace(PLACEHOLDER, workspace)),
            None => SourcePattern::exact(&name.replace(PLACEHOLDER, workspace)),
        });
        is_name.then(|| AccessScope::Only(patterns.collect()))
    }
}

impl Default for WorkspaceSources {
    /// Its devcontainer, the container with its name, and its events.
    fn default() -> Self {
        Self(vec![
            format!("devcontainer:{PLACEHOLDER}"),
            format!("docker:{PLACEHOLDER}"),
            format!("event:workspace/{PLACEHOLDER}"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Id, Level, Metadata, Record, StoredRecord};
    use crate::time::Micros;

    fn sees(scope: &AccessScope, source: &str) -> bool {
        let asked = Filter::default().with_source(SourcePattern::parse("*"));
        scope.narrow(asked).matches(&StoredRecord {
            id: Id(1),
            record: Record {
                timestamp: Micros::new(0),
                source: source.parse().expect("a source"),
                level: Level::Info,
                message: String::new(),
                metadata: Metadata::new(),
            },
        })
    }

    #[test]
    fn workspace_sees_only_its_own_sources() {
        let scope = WorkspaceSources::default().of("ws-1").expect("a name");
        for source in ["devcontainer:ws-1", "docker:ws-1", "event:workspace/ws-1"] {
            assert!(sees(&scope, source), "{source}");
        }
        for source in [
            "devcontainer:ws-12",
            "devcontainer:ws-1-2",
            "docker:ws",
            "docker:",
            "system:ws-1",
            "ws-1",
            "devcontainer:WS-1",
        ] {
            assert!(!sees(&scope, source), "{source}");
        }
        assert!(sees(&AccessScope::Everything, "system:ssh"));
    }

    #[test]
    fn only_the_setting_can_contain_a_prefix() {
        let names = ["docker:{workspace}-*".to_owned()];
        let sources = WorkspaceSources::parse(&names).expect("good names");
        let scope = sources.of("a").expect("a name");
        assert!(sees(&scope, "docker:a-db") && !sees(&scope, "docker:ab"));
        for workspace in [
            "",
            "*",
            "a*",
            "a:b",
            "a/b",
            "a b",
            "\u{e4}",
            &"a".repeat(129),
        ] {
            assert_eq!(sources.of(workspace), None, "{workspace:?}");
        }
    }

    #[test]
    fn name_without_placeholder_is_refused() {
        let parse = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            WorkspaceSources::parse(&names)
        };
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&["docker:*"]), None);
        assert_eq!(parse(&["docker:{workspace}", "cloud-init"]), None);
    }
}
