//! Failures of build tools, bundlers and package managers that name no level. [`forms`](super::forms) lists them.

use crate::collect::recognise::words::{self, Needle, Starts, is_number, needle, split_once};
use crate::record::Level;

/// How far from the start of a line the place of an error is searched.
const HEAD_MAX: usize = 200;

/// Build tools and package managers: `BUILD FAILED in 3s`, `> Task :compileJava FAILED`, `Err:3 http://...`,
/// `ERR_PNPM_X`, `Module not found: Error: x`, `CONFLICT (content): Merge conflict in x`, `failed to solve: x`.
pub(super) fn build_tool(text: &[u8]) -> Option<Level> {
    static STARTS: Starts = Starts::new(&[
        b"BUILD FAILED",
        b"FAILURE: Build failed",
        b"* What went wrong:",
        b"Execution failed for task ",
        b"ERR_PNPM_",
        b"ELIFECYCLE ",
        b"Module not found: Error: ",
        b"CONFLICT (",
        b"failed to solve: ",
        b"Errors were encountered while processing:",
        b"rsync error: ",
        b"[nodemon] app crashed",
        b"Failed to compile",
        b"-- Configuring incomplete, errors occurred!",
        b"Your requirements could not be resolved to an installable set of packages",
        b"error during build:",
        b"error when starting dev server:",
        b"failed to load config from ",
        b"== Compilation error in file ",
        b"[vite]: Rollup failed to resolve import ",
        b"An error occurred while installing ",
        b"yarn: error ",
        b"rake aborted!",
        b"Could not find gem ",
        b"Unexpected error running Liquibase",
        b"Host key verification failed.",
    ]);
    let text = text.trim_ascii();
    let is_apt = || {
        let rest = text.strip_prefix(b"Err:").unwrap_or_default();
        rest.first().is_some_and(u8::is_ascii_digit)
    };
    let is_failure = STARTS.begin(text)
        || match text.first() {
            Some(b'E') => is_apt(),
            Some(b'>') => text.starts_with(b"> Task ") && text.ends_with(b" FAILED"),
            Some(b'w' | b'[' | b'Y' | 0xe2) => is_bundler(text),
            Some(b'g') => is_go_module(text),
            Some(b'=' | b'B') => is_packer(text),
            Some(b'n' | b'A' | b'(') => is_server_check(text),
            Some(b'-') => is_elm(text),
            _ => false,
        };
    if is_failure {
        return Some(Level::Error);
    }
    let warnings = [
        &b"LaTeX Warning: "[..],
        b"Compiled with warnings",
        b"LibClamAV Warning: ",
    ];
    // Yarn: a peer dependency is missing
    let is_yarn =
        || matches!(text, [b'Y' | 0xe2, ..]) && words::contains(text, needle!(b"YN0002: "));
    let is_webpack = || {
        text.starts_with(b"webpack ")
            && words::contains(text, needle!(b" compiled with "))
            && words::contains(text, needle!(b" warning"))
    };
    if warnings.iter().any(|start| text.starts_with(start)) || is_webpack() || is_yarn() {
        return Some(Level::Warn);
    }
    let tex = text.strip_prefix(b"! ")?;
    let is_tex = tex.first().is_some_and(u8::is_ascii_uppercase)
        && (tex.ends_with(b".") || words::contains(tex, needle!(b" Error: ")));
    is_tex.then_some(Level::Error)
}

/// Summaries of webpack and yarn, and Vite: `webpack 5.90.0 compiled with 1 error in 300 ms`, `YN0000: Failed with errors in 1s 2ms`,
/// `[vite] (client) Pre-transform error: x`.
fn is_bundler(text: &[u8]) -> bool {
    let has = |words: Needle<'_>| words.find(text);
    match text.first() {
        Some(b'w') => {
            text.starts_with(b"webpack ")
                && has(needle!(b" compiled with ")).is_some()
                && (has(needle!(b" error ")).is_some() || has(needle!(b" errors ")).is_some())
        }
        Some(b'[') => {
            text.starts_with(b"[vite] ") && has(needle!(b" error: ")).is_some_and(|at| at < 48)
        }
        Some(0xe2 | b'Y') => {
            has(needle!(b"YN0000: ")).is_some() && has(needle!(b"Failed with errors in ")).is_some()
                || has(needle!(b"YN0028: ")).is_some()
                || has(needle!(b"YN0009: ")).is_some()
                    && has(needle!(b" couldn't be built successfully")).is_some()
        }
        _ => false,
    }
}

/// The Go compiler: `./main.go:7:2: undefined: x`. Loggers write no column.
pub(super) fn go_compiler(text: &[u8]) -> Option<Level> {
    let text = text.trim_ascii();
    let path = split_once(text, b' ').map_or(text, |(path, _)| path);
    let at = words::find(path, needle!(b".go:")).filter(|&at| at < HEAD_MAX)?;
    let (line, rest) = split_once(text.get(at + 4..)?, b':')?;
    let (column, rest) = split_once(rest, b':')?;
    let is_place = is_number(line) && is_number(column) && rest.starts_with(b" ");
    is_place.then_some(Level::Error)
}

/// Modules that Go cannot use: `go: example.com/x@v1.2.3: invalid version: unknown revision v1.2.3`.
fn is_go_module(text: &[u8]) -> bool {
    let module = text
        .strip_prefix(b"go: ")
        .and_then(|rest| split_once(rest, b' '))
        .map(|(module, _)| module);
    let is_module = |module: &[u8]| {
        words::contains(module, needle!(b"@v"))
            || memchr::memchr(b'/', module).is_some() && memchr::memchr(b'.', module).is_some()
    };
    module.is_some_and(|module| module.ends_with(b":") && is_module(module))
        || text.starts_with(b"go: go.mod file not found")
        || text.starts_with(b"go: updates to go.mod needed")
}

/// Packer: `==> amazon-ebs.web: Error waiting for instance: timeout`, `Build 'amazon-ebs.web' errored after 3 minutes: x`.
fn is_packer(text: &[u8]) -> bool {
    let step = text
        .strip_prefix(b"==> ")
        .and_then(|rest| split_once(rest, b':'));
    let is_step = step.is_some_and(|(name, said)| {
        !name.contains(&b' ')
            && (said.starts_with(b" Error ") || said.starts_with(b" Bad exit status"))
    });
    let is_build = text.starts_with(b"Build '")
        && (words::contains(text, needle!(b"' errored after "))
            || words::contains(text, needle!(b"' errored: ")));
    is_step || is_build
}

/// The head of a message of Elm: `-- TYPE MISMATCH ------------------------ src/Main.elm`.
fn is_elm(text: &[u8]) -> bool {
    let kind = text
        .strip_prefix(b"-- ")
        .filter(|_| text.ends_with(b".elm"))
        .and_then(|rest| rest.get(..words::find(rest, needle!(b" ----"))?));
    kind.is_some_and(|kind| {
        kind.iter()
            .all(|byte| byte.is_ascii_uppercase() || *byte == b' ')
    })
}

/// Failed starts of nginx and Apache: `nginx: configuration file x test failed`, `(98)Address already in use:
/// AH00072: x`.
fn is_server_check(text: &[u8]) -> bool {
    let is_nginx =
        text.starts_with(b"nginx: configuration file ") && text.ends_with(b" test failed");
    let is_apache = |text: &[u8]| {
        let digits = text.strip_prefix(b"AH").unwrap_or_default();
        digits.get(..5).is_some_and(is_number) && digits.get(5) == Some(&b':')
    };
    let is_syntax = is_apache(text)
        && text
            .get(8..)
            .is_some_and(|rest| rest.trim_ascii_start().starts_with(b"Syntax error"));
    let numbered = text
        .strip_prefix(b"(")
        .and_then(|rest| split_once(rest, b')'));
    let is_system = numbered.is_some_and(|(number, rest)| {
        is_number(number)
            && words::find(rest, needle!(b": AH"))
                .is_some_and(|at| rest.get(at + 2..).is_some_and(is_apache))
    });
    is_nginx || is_syntax || is_system
}
