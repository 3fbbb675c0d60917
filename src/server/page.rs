//! The browser page. The build script `tools/bundle-page.rs` packs `src/ui` into the files that are sent here.

use crate::server::http::encoding::ContentEncoding;
use crate::server::http::error::ApiError;
use crate::server::http::reply;
use crate::server::http::request::ApiRequest;
use flate2::read::GzDecoder;
use std::io::Read as _;
use std::sync::{LazyLock, OnceLock};
use warp::http::StatusCode;
use warp::http::header::{self, HeaderMap, HeaderValue};
use warp::hyper::body::Bytes;
use warp::reply::Response;

/// A file of the page.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    gzipped: &'static [u8],
    /// Decompressed, at the first request of a client that needs it.
    plain: OnceLock<Bytes>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// A file that the build script has written.
macro_rules! packed {
    ($name:literal, $content_type:ident, $file:literal) => {
        Asset {
            name: $name,
            content_type: $content_type,
            gzipped: include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz")),
            plain: OnceLock::new(),
        }
    };
}

static INDEX: Asset = packed!("index.html", HTML, "index.html");

/// The files below `/ui/`. Their names are those of the sources from which they are packed, so that the page also works unpacked.
static FILES: [Asset; 6] = [
    packed!("app.js", JAVASCRIPT, "app.js"),
    packed!("rest.js", JAVASCRIPT, "rest.js"),
    packed!("style/page.css", CSS, "page.css"),
    packed!("first.js", JAVASCRIPT, "first.js"),
    packed!("icon.svg", SVG, "icon.svg"),
    packed!("vendor/LICENSES.txt", TEXT, "LICENSES.txt"),
];

/// The version of all files: they change together, with the program. The tag is weak, as it names both the plain and the
/// compressed form.
static ETAG: LazyLock<HeaderValue> = LazyLock::new(|| {
    let mut hasher = crc32fast::Hasher::new();
    for file in FILES.iter().chain([&INDEX]) {
        hasher.update(file.gzipped);
    }
    let tag = format!(
        "W/\"{}-{:08x}\"",
        env!("CARGO_PKG_VERSION"),
        hasher.finalize()
    );
    tag.parse().unwrap_or(HeaderValue::from_static("W/\"0\""))
});

impl Asset {
    fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let mut content = vec![];
            // the build script has written it
            GzDecoder::new(self.gzipped).read_to_end(&mut content).ok();
            content.into()
        })
    }

    fn response(&self, encoding: ContentEncoding) -> Response {
        let content = match encoding {
            ContentEncoding::Plain => self.plain().clone(),
            ContentEncoding::Gzip => Bytes::from_static(self.gzipped),
        };
        let mut response = reply::bytes(self.content_type, content);
        encoding.mark(&mut response);
        response
    }
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

/// A file of the page, for the gateway.
pub(crate) struct PageFile {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
    pub(crate) is_gzipped: bool,
    /// The version of all files.
    pub(crate) tag: HeaderValue,
}

/// A file below `/ui/`, or the page itself, in the encoding that the client asks for.
pub(crate) fn page_file(name: Option<&str>, asked: &HeaderMap) -> Option<PageFile> {
    let file = match name {
        None => Some(&INDEX),
        Some(name) => FILES.iter().find(|file| file.name == name),
    };
    let file = file?;
    let is_gzipped = ContentEncoding::asked_by(asked) == ContentEncoding::Gzip;
    Some(PageFile {
        content_type: file.content_type,
        bytes: if is_gzipped {
            Bytes::from_static(file.gzipped)
        } else {
            file.plain().clone()
        },
        is_gzipped,
        tag: ETAG.clone(),
    })
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

    fn text(file: &Asset) -> &str {
        std::str::from_utf8(file.plain()).expect("UTF-8")
    }

    #[tokio::test]
    async fn every_referenced_file_exists() {
        let mut named = 0;
        for file in FILES.iter().chain([&INDEX]) {
            for start in ["src=\"ui/", "href=\"ui/"] {
                for rest in text(file).split(start).skip(1) {
                    let name = rest.split('"').next().unwrap_or_default();
                    assert!(
                        FILES.iter().any(|file| file.name == name),
                        "{name} is missing"
                    );
                    named += 1;
                }
            }
        }
        assert!(named >= 3, "the page names its files: {named}");
        assert!(file(&request("/ui/x", &[]), "../app.js").is_err());
        let script = file(&request("/ui/app.js", &[]), "app.js").expect("a file");
        assert!(
            body_text(script).await.contains("vmlog-session"),
            "a client that does not accept gzip can read it"
        );
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
        /// Bytes of all compressed files, except the licences, which no browser loads. Events, lanes, columns and shared
        /// views took 9 KiB; they are in the script that follows the first rows.
        const WIRE_BYTES_MAX: usize = 110 * 1024;
        /// Bytes before the first row: a third of a second of a slow link.
        const FIRST_BYTES_MAX: usize = 66 * 1024;
        let licences = "vendor/LICENSES.txt";
        let files = FILES.iter().filter(|file| file.name != licences);
        let wire: usize = files.chain([&INDEX]).map(|file| file.gzipped.len()).sum();
        let rest = FILES.iter().find(|file| file.name == "rest.js");
        let first = wire - rest.map_or(0, |file| file.gzipped.len());
        println!("the page: {wire} bytes, {first} of them before the first row");
        assert!(wire < WIRE_BYTES_MAX, "{wire} bytes");
        assert!(first < FIRST_BYTES_MAX, "{first} bytes");
    }

    #[test]
    fn scripts_are_two_files_of_whole_modules() {
        let (first, rest) = (text(&FILES[0]), text(&FILES[1]));
        for left in ["\nimport ", "import{", "export{", "\n//"] {
            assert!(!first.contains(left), "{left:?} is left in the script");
            assert!(!rest.contains(left), "{left:?} is left in the rest");
        }
        assert!(first.contains("import(\"./rest.js\")"), "it loads the rest");
        assert_eq!(first.matches("\nexport ").count(), 0);
        assert_eq!(rest.matches("\nexport ").count(), 1);
        let (_, place) = rest.rsplit_once("export const parts=$m[").expect("parts");
        assert!(place.starts_with(|c: char| c.is_ascii_digit()), "{place}");
        let style = text(&FILES[2]);
        assert!(
            !style.contains("@import"),
            "every style sheet is in the file"
        );
    }

    #[test]
    fn page_has_no_inline_scripts_or_styles() {
        for forbidden in ["<style", " style=", "<script>", " onclick="] {
            assert!(!text(&INDEX).contains(forbidden), "{forbidden}");
        }
    }
}
