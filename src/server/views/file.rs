//! The file of the saved views. It is read for each request: requests are rare, and the file is small.

use crate::server::auth::private_file;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of views: more than anybody finds a view among.
pub(in crate::server) const VIEWS_MAX: usize = 100;
/// Maximum characters of a name: a line of the page.
pub(in crate::server) const NAME_CHARS_MAX: usize = 100;
/// Maximum bytes of a query: the longest expression of the page, percent-encoded.
pub(in crate::server) const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Maximum bytes of the file: [`VIEWS_MAX`] of the largest views.
const FILE_BYTES_MAX: u64 = 2 << 20;

const NAME: &str = "views.json";

/// A name for a query of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::server) struct SavedView {
    pub(in crate::server) name: String,
    /// The address of the page from `?` on; empty: the page without a filter.
    pub(in crate::server) query: String,
}

/// Why a view cannot be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum InvalidView {
    Name,
    Query,
    /// The query contains an access token.
    Secret,
    TooMany,
}

impl fmt::Display for InvalidView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "name must have 1 to {NAME_CHARS_MAX} characters without control characters"
            ),
            Self::Query => write!(
                f,
                "query must be empty, or ? and up to {QUERY_BYTES_MAX} visible ASCII characters"
            ),
            Self::Secret => f.write_str("query must not contain an access token"),
            Self::TooMany => write!(f, "{VIEWS_MAX} views are saved: delete one first"),
        }
    }
}

impl SavedView {
    /// A view whose name and query are within the bounds.
    pub(in crate::server) fn new(name: &str, query: &str) -> Result<Self, InvalidView> {
        let name = name.trim();
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || name.chars().any(char::is_control) {
            return Err(InvalidView::Name);
        }
        let is_query = query.is_empty() || query.starts_with('?');
        if !is_query
            || query.len() > QUERY_BYTES_MAX
            || !query.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(InvalidView::Query);
        }
        let mut pairs = query.trim_start_matches('?').split('&');
        if pairs.any(|pair| matches!(pair.split('=').next(), Some("token" | "ticket"))) {
            return Err(InvalidView::Secret);
        }
        Ok(Self {
            name: name.to_owned(),
            query: query.to_owned(),
        })
    }
}

/// What became of a change.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Changed {
    /// The views after it, by name.
    Done(Vec<SavedView>),
    /// There is no view of that name.
    NoSuchView,
    TooMany,
}

/// The saved views of a server.
#[derive(Debug)]
pub(in crate::server) struct SavedViews {
    /// Where the file is.
    directory: PathBuf,
    /// Held while the file is changed.
    changing: Arc<Mutex<()>>,
}

impl SavedViews {
    pub(in crate::server) fn new(directory: PathBuf, changing: Arc<Mutex<()>>) -> Self {
        Self {
            directory,
            changing,
        }
    }

    /// All views, by name. An error if the file cannot be read or is damaged: it is never overwritten then.
    pub(in crate::server) fn list(&self) -> io::Result<Vec<SavedView>> {
        let file = match File::open(self.directory.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut text = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Saves a view in place of that of the same name, and of the one named `replaced`.
    pub(in crate::server) fn save(
        &self,
        view: SavedView,
        replaced: Option<&str>,
    ) -> io::Result<Changed> {
        self.change(|views| {
            if replaced.is_some_and(|old| !views.iter().any(|known| known.name == old)) {
                return Err(Changed::NoSuchView);
            }
            views.retain(|known| known.name != view.name && replaced != Some(&*known.name));
            if views.len() == VIEWS_MAX {
                return Err(Changed::TooMany);
            }
            views.push(view);
            Ok(())
        })
    }

    pub(in crate::server) fn delete(&self, name: &str) -> io::Result<Changed> {
        self.change(|views| {
            let before = views.len();
            views.retain(|known| known.name != name);
            if views.len() == before {
                Err(Changed::NoSuchView)
            } else {
                Ok(())
            }
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Vec<SavedView>) -> Result<(), Changed>,
    ) -> io::Result<Changed> {
        // A panic while it was held left the file whole: it is replaced in one step.
        let _held = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut views = self.list()?;
        if let Err(refused) = change(&mut views) {
            return Ok(refused);
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        let text = serde_json::to_vec(&views)?;
        private_file::write(&self.directory, NAME, &text)?;
        Ok(Changed::Done(views))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn view(name: &str, query: &str) -> SavedView {
        SavedView::new(name, query).expect("a view")
    }

    fn views_in(folder: &Path) -> SavedViews {
        SavedViews::new(folder.to_owned(), Arc::default())
    }

    fn names(views: &[SavedView]) -> Vec<&str> {
        views.iter().map(|view| view.name.as_str()).collect()
    }

    #[test]
    fn views_are_saved_renamed_and_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let views = views_in(folder.path());
        assert_eq!(views.list().expect("none"), []);
        let errors = view(" errors ", "?level=error");
        views.save(errors, None).expect("saved");
        views
            .save(view("api", "?source=docker:api"), None)
            .expect("saved");
        views
            .save(view("errors", "?levels=error"), None)
            .expect("saved");
        let listed = views_in(folder.path()).list();
        let listed = listed.expect("a list");
        assert_eq!(names(&listed), ["api", "errors"], "a name is unique");
        assert_eq!(listed[1].query, "?levels=error");
        let renamed = views.save(view("web", "?source=docker:api"), Some("api"));
        let Changed::Done(listed) = renamed.expect("renamed") else {
            panic!("it is there")
        };
        assert_eq!(names(&listed), ["errors", "web"]);
        let unknown = views.save(view("x", ""), Some("api")).expect("answered");
        assert_eq!(unknown, Changed::NoSuchView);
        assert_eq!(views.delete("api").expect("answered"), Changed::NoSuchView);
        views.delete("web").expect("deleted");
        assert_eq!(names(&views.list().expect("a list")), ["errors"]);
    }

    #[test]
    fn number_is_bounded_and_a_view_can_be_replaced_at_the_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let views = views_in(folder.path());
        let longest = format!("?q={}", "x".repeat(QUERY_BYTES_MAX - 3));
        for n in 0..VIEWS_MAX {
            let name = format!("{n:0>NAME_CHARS_MAX$}").replace('0', "\u{1f980}");
            let saved = views.save(view(&name, &longest), None).expect("saved");
            assert!(matches!(saved, Changed::Done(_)), "{n}");
        }
        let bytes = fs::metadata(folder.path().join(NAME))
            .expect("a file")
            .len();
        assert!(bytes < FILE_BYTES_MAX, "{bytes}");
        let more = views.save(view("more", ""), None).expect("answered");
        assert_eq!(more, Changed::TooMany);
        let known = views.list().expect("a list")[0].name.clone();
        let renamed = views.save(view("more", ""), Some(&known)).expect("saved");
        assert!(matches!(renamed, Changed::Done(_)));
    }

    #[test]
    fn invalid_names_and_queries_are_refused() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        for name in ["", "  ", "a\nb", "\u{7}", &long] {
            assert_eq!(SavedView::new(name, ""), Err(InvalidView::Name), "{name:?}");
        }
        let long = format!("?{}", "x".repeat(QUERY_BYTES_MAX));
        for query in ["level=error", "?a b", "?\u{e9}", "?a\n", &long] {
            let refused = SavedView::new("a", query);
            assert_eq!(refused, Err(InvalidView::Query), "{query:?}");
        }
        for query in ["?token=abc", "?level=error&token=abc", "?ticket=1"] {
            let refused = SavedView::new("a", query);
            assert_eq!(refused, Err(InvalidView::Secret), "{query:?}");
        }
        assert!(SavedView::new("a", "?q=token%3Dabc").is_ok());
    }

    #[test]
    fn damaged_file_is_an_error_and_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let views = views_in(folder.path());
        for damaged in ["", "[{\"name\": \"a\"", "{}"] {
            fs::write(folder.path().join(NAME), damaged).expect("written");
            assert!(views.list().is_err(), "{damaged}");
            assert!(views.save(view("a", ""), None).is_err());
            assert!(views.delete("a").is_err());
            let kept = fs::read_to_string(folder.path().join(NAME));
            assert_eq!(kept.expect("a file"), damaged);
        }
    }
}
