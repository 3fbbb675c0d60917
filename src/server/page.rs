//! The browser page. Its files are compiled into the program and sent as they are in `src/ui`: gzip makes comments cheap.

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
    /// Compressed, at the first request.
    gzipped: OnceLock<Bytes>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

static INDEX: Asset = file_of("index.html", HTML, include_bytes!("../ui/index.html"));

/// Names each file once: its address below `/ui/` is its path in `src/ui`.
macro_rules! page_files {
    ($($content_type:ident $name:literal,)*) => {
        [$(file_of($name, $content_type, include_bytes!(concat!("../ui/", $name)))),*]
    };
}

/// The files below `/ui/`.
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

/// The version of all files: they change together, with the program. The tag is weak, as it names both the plain and the
/// compressed form.
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
    fn gzipped(&self) -> &Bytes {
        self.gzipped.get_or_init(|| gzip(self.content).into())
    }

    fn response(&self, encoding: ContentEncoding) -> Response {
        let content = match encoding {
            ContentEncoding::Plain => Bytes::from_static(self.content),
            ContentEncoding::Gzip => self.gzipped().clone(),
        };
        let mut response = reply::bytes(self.content_type, content);
        encoding.mark(&mut response);
        response
    }
}

const fn file_of(name: &'static str, content_type: &'static str, content: &'static [u8]) -> Asset {
    Asset {
        name,
        content_type,
        content,
        gzipped: OnceLock::new(),
    }
}

/// As small as possible: a file is compressed once and sent often.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // writing to a `Vec` cannot fail
    encoder.write_all(bytes).ok();
    encoder.finish().unwrap_or_default()
}

/// `GET /`. The query is for the scripts of the page.
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

/// The file, or 304 if the browser has it. Browsers ask each time, as a new version of the program brings new files.
fn send(file: &Asset, request: &ApiRequest) -> Response {
    let known = request
        .header(&header::IF_NONE_MATCH)
        .is_some_and(|tags| tags.split(',').any(|tag| is_current(tag.trim())));
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

/// Whether a tag matches our files. A proxy that changes the encoding of a file may have made the tag weak or strong.
fn is_current(tag: &str) -> bool {
    let bare = |tag: &str| tag.trim_start_matches("W/").to_owned();
    tag == "*" || ETAG.to_str().is_ok_and(|ours| bare(ours) == bare(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::reply::tests::body_text;
    use crate::server::http::request::tests::request;

    #[tokio::test]
    async fn every_referenced_file_exists() {
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
    async fn known_tag_gets_304() {
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
    fn page_is_small() {
        /// Bytes of all files, each compressed, except the licences, which no browser loads.
        const WIRE_BYTES_MAX: usize = 140 * 1024;
        let licences = "vendor/LICENSES.txt";
        let files = FILES.iter().filter(|file| file.name != licences);
        let wire: usize = files.chain([&INDEX]).map(|file| file.gzipped().len()).sum();
        println!("the page: {wire} bytes");
        assert!(wire < WIRE_BYTES_MAX, "{wire} bytes");
    }

    #[test]
    fn page_has_no_inline_scripts_or_styles() {
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
