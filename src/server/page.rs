//! The browser page: its files are part of the program.

use crate::server::http::encoding::ContentEncoding;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::{LazyLock, OnceLock};
use warp::http::StatusCode;
use warp::http::header::{self, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// A file of the page.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    sent: OnceLock<AssetBody>,
}

/// A file as it goes over the wire, made when it is first asked for.
struct AssetBody {
    plain: Vec<u8>,
    gzipped: Vec<u8>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

static INDEX: Asset = file_of("index.html", HTML, include_bytes!("../ui/index.html"));

/// Names a file of the page once: its address below `/ui/` is its path in `src/ui`.
macro_rules! page_files {
    ($($content_type:ident $name:literal,)*) => {
        [$(file_of($name, $content_type, include_bytes!(concat!("../ui/", $name)))),*]
    };
}

/// What `/ui/` holds.
static FILES: [Asset; 63] = page_files![
    JAVASCRIPT "actions.js",
    JAVASCRIPT "api.js",
    CSS "app.css",
    JAVASCRIPT "app.js",
    JAVASCRIPT "browse.js",
    JAVASCRIPT "clipboard.js",
    SVG "icon.svg",
    JAVASCRIPT "keys.js",
    JAVASCRIPT "lib/ansi.js",
    JAVASCRIPT "lib/cells.js",
    JAVASCRIPT "lib/command.js",
    JAVASCRIPT "lib/display.js",
    JAVASCRIPT "lib/filter.js",
    JAVASCRIPT "lib/geometry.js",
    JAVASCRIPT "lib/histogram.js",
    JAVASCRIPT "lib/items.js",
    JAVASCRIPT "lib/json.js",
    JAVASCRIPT "lib/match.js",
    JAVASCRIPT "lib/ring.js",
    JAVASCRIPT "lib/route.js",
    JAVASCRIPT "lib/runs.js",
    JAVASCRIPT "lib/secrets.js",
    JAVASCRIPT "lib/sources.js",
    JAVASCRIPT "lib/sse.js",
    JAVASCRIPT "lib/story.js",
    JAVASCRIPT "lib/time.js",
    JAVASCRIPT "lib/title.js",
    JAVASCRIPT "lib/types.js",
    JAVASCRIPT "lib/visible.js",
    CSS "list.css",
    JAVASCRIPT "list/metrics.js",
    JAVASCRIPT "list/row.js",
    JAVASCRIPT "list/view.js",
    JAVASCRIPT "live.js",
    JAVASCRIPT "runs.js",
    JAVASCRIPT "select.js",
    JAVASCRIPT "session.js",
    JAVASCRIPT "state.js",
    JAVASCRIPT "story.js",
    JAVASCRIPT "tail.js",
    CSS "theme.css",
    TEXT "vendor/LICENSES.txt",
    JAVASCRIPT "vendor/hooks.js",
    JAVASCRIPT "vendor/htm.js",
    JAVASCRIPT "vendor/preact.js",
    JAVASCRIPT "vendor/signals-core.js",
    JAVASCRIPT "vendor/signals.js",
    JAVASCRIPT "view/bar.js",
    JAVASCRIPT "view/detail.js",
    JAVASCRIPT "view/dialogs.js",
    JAVASCRIPT "view/find.js",
    JAVASCRIPT "view/histogram.js",
    JAVASCRIPT "view/html.js",
    JAVASCRIPT "view/lines.js",
    JAVASCRIPT "view/palette.js",
    JAVASCRIPT "view/runs.js",
    JAVASCRIPT "view/select.js",
    JAVASCRIPT "view/sign-in.js",
    JAVASCRIPT "view/sources.js",
    JAVASCRIPT "view/stage.js",
    JAVASCRIPT "view/story.js",
    JAVASCRIPT "view/theme.js",
    JAVASCRIPT "view/top.js",
];

/// Names the state of all files: they change together, with the program. It is weak, since a file is the same compressed or not.
static ETAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut hasher = crc32fast::Hasher::new();
    for file in FILES.iter().chain([&INDEX]) {
        hasher.update(file.content);
    }
    let tag = format!(
        "W/\"{}-{:08x}\"",
        env!("CARGO_PKG_VERSION"),
        hasher.finalize()
    );
    tag.parse().unwrap_or(HeaderValue::from_static("W/\"0\""))
});

impl Asset {
    fn sent(&self) -> &AssetBody {
        self.sent.get_or_init(|| {
            let own =
                [CSS, JAVASCRIPT].contains(&self.content_type) && !self.name.starts_with("vendor/");
            let plain = match std::str::from_utf8(self.content) {
                Ok(text) if own => without_comments(text).into_bytes(),
                _ => self.content.to_vec(),
            };
            let gzipped = gzip(&plain);
            AssetBody { plain, gzipped }
        })
    }

    /// The file as this client takes it.
    fn response(&self, encoding: ContentEncoding) -> Response {
        let sent = self.sent();
        let content = match encoding {
            ContentEncoding::Plain => &sent.plain,
            ContentEncoding::Gzip => &sent.gzipped,
        };
        let mut response = reply::bytes(self.content_type, Bytes::copy_from_slice(content));
        encoding.mark(&mut response);
        response
    }
}

const fn file_of(name: &'static str, content_type: &'static str, content: &'static [u8]) -> Asset {
    Asset {
        name,
        content_type,
        content,
        sent: OnceLock::new(),
    }
}

/// As small as it gets: a file is compressed once and sent often.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // a `Vec` takes every write
    encoder.write_all(bytes).ok();
    encoder.finish().unwrap_or_default()
}

/// A script or style without what only its readers need: comments on lines of their own, types (`/** @...`) anywhere, and
/// indentation. A fifth of what would travel.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines() {
        let code = code_of(line.trim(), &mut in_comment);
        let code = code.trim();
        if !code.is_empty() && !code.starts_with("//") {
            out.push_str(code);
            out.push('\n');
        }
    }
    out
}

/// What a line holds outside block comments. Where `in_comment`, the line begins within one.
fn code_of(line: &str, in_comment: &mut bool) -> String {
    let mut code = String::new();
    let mut rest = line;
    loop {
        if *in_comment {
            let Some((_, after)) = rest.split_once("*/") else {
                return code;
            };
            *in_comment = false;
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        let start = if code.is_empty() && rest.starts_with("/*") {
            Some(0)
        } else {
            rest.find("/** @")
        };
        let Some((before, comment)) = start.and_then(|start| rest.split_at_checked(start)) else {
            code.push_str(rest);
            return code;
        };
        code.push_str(before);
        rest = comment.get(2..).unwrap_or_default();
        *in_comment = true;
    }
}

/// `GET /`. What follows `?` in its address is for the page's own scripts.
pub(super) fn index(request: &ApiRequest) -> Response {
    send(&INDEX, request)
}

/// `GET /ui/{file...}`
pub(super) fn file(request: &ApiRequest, name: &str) -> Result<Response, ApiError> {
    FILES
        .iter()
        .find(|file| file.name == name)
        .map(|file| send(file, request))
        .ok_or_else(ApiError::unknown_path)
}

/// The file, or 304 when the browser has it. It asks each time: a new program brings new files.
fn send(file: &Asset, request: &ApiRequest) -> Response {
    let known = request
        .header(&header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|tag| names_ours(tag.trim())));
    let encoding = ContentEncoding::asked_by(&request.headers);
    let mut response = if known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        file.response(encoding)
    };
    let headers = response.headers_mut();
    reply::set(
        headers,
        header::VARY,
        HeaderValue::from_static("accept-encoding"),
    );
    reply::set(headers, header::ETAG, ETAG.clone());
    reply::set(
        headers,
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache"),
    );
    response
}

/// Whether a tag is that of our files, or any. A proxy that changes a file's encoding may have made it weak or strong.
fn names_ours(tag: &str) -> bool {
    let bare = |tag: &str| tag.trim_start_matches("W/").to_owned();
    tag == "*" || ETAG.to_str().is_ok_and(|ours| bare(ours) == bare(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::reply::tests::body_text;
    use crate::server::http::request::tests::request;

    #[tokio::test]
    async fn every_file_that_the_page_names_is_there() {
        let mut texts = vec![body_text(index(&request("/", &[]))).await];
        for known in &FILES {
            let path = request("/ui/x", &[]);
            texts.push(body_text(file(&path, known.name).expect("a file")).await);
        }
        let mut named = 0;
        for text in &texts {
            for start in ["src=\"ui/", "href=\"ui/"] {
                for rest in text.split(start).skip(1) {
                    let name = rest.split('"').next().unwrap_or_default();
                    assert!(
                        FILES.iter().any(|file| file.name == name),
                        "{name} is missing"
                    );
                    named += 1;
                }
            }
        }
        assert!(named > 5, "the page names its files: {named}");
        assert!(file(&request("/ui/x", &[]), "../app.js").is_err());
    }

    #[tokio::test]
    async fn a_browser_that_has_the_file_is_told_so() {
        let first = index(&request("/", &[]));
        let tag = first.headers()["etag"].to_str().expect("ASCII").to_owned();
        let strong = tag.strip_prefix("W/").expect("a weak tag");
        for known in [&format!("\"x\", {tag}"), strong, "*"] {
            let again = index(&request("/", &[("if-none-match", known)]));
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(again.headers()["vary"], "accept-encoding");
            assert_eq!(body_text(again).await, "");
        }
        let other = index(&request("/", &[("if-none-match", "\"x\"")]));
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn comments_stay_at_home() {
        let script = "// what it is for\n\n/**\n * @param {string} a\n */\nexport function f(a) {\n  \
            // why\n  return /** @type {any} */ (a) + \"//\"; // said\n}\n/* one */ /** @type {X} */\nconst b = 1;\n";
        assert_eq!(
            without_comments(script),
            "export function f(a) {\nreturn (a) + \"//\"; // said\n}\nconst b = 1;\n"
        );
    }

    #[test]
    fn the_page_is_small() {
        /// All that a browser loads, compressed as one.
        const TOGETHER_BYTES_MAX: usize = 80 * 1024;
        /// As it travels: each file compressed by itself.
        const WIRE_BYTES_MAX: usize = 100 * 1024;
        let licences = "vendor/LICENSES.txt";
        let files: Vec<&AssetBody> = FILES
            .iter()
            .filter(|file| file.name != licences)
            .chain([&INDEX])
            .map(Asset::sent)
            .collect();
        let all: Vec<u8> = files.iter().flat_map(|sent| sent.plain.clone()).collect();
        let together = gzip(&all).len();
        let wire: usize = files.iter().map(|sent| sent.gzipped.len()).sum();
        println!("the page: {together} bytes as one, {wire} bytes file by file");
        assert!(together < TOGETHER_BYTES_MAX, "{together} bytes");
        assert!(wire < WIRE_BYTES_MAX, "{wire} bytes");
    }

    #[test]
    fn scripts_and_styles_are_in_files_of_their_own() {
        let text = std::str::from_utf8(INDEX.content).expect("UTF-8");
        for forbidden in ["<style", " style=", "<script>", " onclick="] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
        // a vendored library may name what its callers must not use
        for file in FILES
            .iter()
            .filter(|file| !file.name.starts_with("vendor/"))
        {
            let text = std::str::from_utf8(file.content).expect("UTF-8");
            for forbidden in [
                "innerHTML",
                "dangerouslySetInnerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!text.contains(forbidden), "{}: {forbidden}", file.name);
            }
        }
    }
}
