//! Build script: packs the browser page into a few compressed files, so that a slow link loads it in few round trips.
//!
//! The ES modules below `src/ui` become two scripts: one for the first rows, and one for the rest of the page, which it loads by
//! `import("./rest.js")`. Each module is a function that returns its exports, so their scopes stay apart; modules are in the order
//! of their imports. Comments and indentation are removed. The style sheets become one, too.
//! The source is written for this: one import per line, exports only as declarations, nothing reassigned after its export.

fn main() {
    println!("cargo::rerun-if-changed=tools/bundle-page.rs");
    #[cfg(feature = "app")]
    page::pack();
}

#[cfg(feature = "app")]
mod page {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    /// The script for the first rows, and the one that it loads.
    const ENTRY: &str = "app.js";
    const REST: &str = "rest.js";
    /// The only export of [`REST`].
    const REST_EXPORT: &str = "parts";
    /// The list of the exports of all modules, which both scripts share.
    const SHARED: &str = "globalThis.vmlogModules";
    const STYLES: &str = "style/page.css";

    pub(super) fn pack() {
        println!("cargo::rerun-if-changed=src/ui");
        let ui =
            PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("src/ui");
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
        let mut bundle = Bundle::default();
        bundle.add(&ui, ENTRY, &mut vec![]);
        let first = std::mem::take(&mut bundle.text);
        write(&out, ENTRY, &format!("const $m={SHARED}=[];\n{first}"));
        let rest = bundle.add(&ui, REST, &mut vec![]);
        let text = &bundle.text;
        write(
            &out,
            REST,
            &format!(
                "const $m={SHARED};\n{text}export const {REST_EXPORT}={rest}.{REST_EXPORT};\n"
            ),
        );
        write(
            &out,
            "first.js",
            &without_comments(&read(&ui, "first.js"), "first.js"),
        );
        write(&out, "page.css", &styles(&ui, STYLES));
        write(&out, "index.html", &index(&read(&ui, "index.html")));
        for name in ["icon.svg", "vendor/LICENSES.txt"] {
            write(
                &out,
                name.rsplit('/').next().unwrap_or(name),
                &read(&ui, name),
            );
        }
    }

    /// The page with one style sheet instead of its parts.
    fn index(html: &str) -> String {
        let is_part = |line: &&str| line.trim_start().starts_with("<link rel=\"stylesheet\"");
        let parts = html.lines().filter(is_part).count();
        let mut lines: Vec<&str> = html.lines().filter(|line| !is_part(line)).collect();
        let whole = format!("  <link rel=\"stylesheet\" href=\"ui/{STYLES}\">");
        let before = lines
            .iter()
            .position(|line| line.contains("<script"))
            .expect("a script in the page");
        assert!(parts > 0, "src/ui/index.html: no style sheet");
        lines.insert(before, &whole);
        lines.join("\n")
    }

    fn read(ui: &Path, name: &str) -> String {
        fs::read_to_string(ui.join(name)).unwrap_or_else(|error| panic!("src/ui/{name}: {error}"))
    }

    fn write(out: &Path, name: &str, text: &str) {
        let mut bytes = vec![];
        zopfli::compress(
            zopfli::Options::default(),
            zopfli::Format::Gzip,
            text.as_bytes(),
            &mut bytes,
        )
        .expect("a vector can be written to");
        fs::write(out.join(format!("{name}.gz")), bytes)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// The modules so far.
    #[derive(Default)]
    struct Bundle {
        text: String,
        /// The place of the exports of a module, by its path.
        variables: BTreeMap<String, String>,
    }

    impl Bundle {
        /// Adds a module after those that it imports.
        fn add(&mut self, ui: &Path, name: &str, importing: &mut Vec<String>) -> String {
            if let Some(variable) = self.variables.get(name) {
                return variable.clone();
            }
            assert!(
                !importing.iter().any(|other| other == name),
                "src/ui: {name} imports itself: {importing:?}"
            );
            importing.push(name.to_owned());
            let source = read(ui, name);
            let mut body = String::new();
            let mut exports = vec![];
            if name.starts_with("vendor/") {
                self.add_minified(ui, name, &source, &mut body, &mut exports, importing);
            } else {
                for line in without_comments(&source, name).lines() {
                    self.add_line(ui, name, line, &mut body, &mut exports, importing);
                }
            }
            importing.pop();
            let variable = format!("$m[{}]", self.variables.len());
            let returned = exports
                .iter()
                .map(|(local, exported)| format!("{exported}:{local}"))
                .collect::<Vec<_>>()
                .join(",");
            writeln!(
                self.text,
                "{variable}=(()=>{{\n{body}\nreturn{{{returned}}};\n}})();"
            )
            .expect("text");
            self.variables.insert(name.to_owned(), variable.clone());
            variable
        }

        fn add_line(
            &mut self,
            ui: &Path,
            name: &str,
            line: &str,
            body: &mut String,
            exports: &mut Vec<(String, String)>,
            importing: &mut Vec<String>,
        ) {
            if let Some(import) = line.strip_prefix("import ") {
                let import = import
                    .strip_suffix(';')
                    .unwrap_or_else(|| panic!("{name}: an import is one line: {line}"));
                body.push_str(&self.import(ui, name, import, importing));
                body.push('\n');
            } else if let Some(declaration) = line.strip_prefix("export ") {
                let declared = declared_name(declaration).unwrap_or_else(|| {
                    panic!("{name}: exports are const, function or class: {line}")
                });
                exports.push((declared.clone(), declared));
                body.push_str(declaration);
                body.push('\n');
            } else {
                body.push_str(line);
                body.push('\n');
            }
        }

        /// `{ a, b as c } from "./x.js"`, `* as all from "./x.js"`, `x from "./x.js"` or `"./x.js"`.
        fn import(
            &mut self,
            ui: &Path,
            name: &str,
            import: &str,
            importing: &mut Vec<String>,
        ) -> String {
            let (what, from) = import.rsplit_once("from").unwrap_or(("", import));
            let from = from.trim().trim_matches('"');
            let variable = self.add(ui, &resolve(name, from), importing);
            let what = what.trim();
            if what.is_empty() {
                String::new()
            } else if let Some(all) = what.strip_prefix("* as ") {
                format!("const {all}={variable};")
            } else if what.starts_with('{') {
                format!("const {}={variable};", what.replace(" as ", ":"))
            } else {
                format!("const {what}={variable}.default;")
            }
        }

        /// Published modules are one line: imports at its beginning, a list of exports at its end.
        fn add_minified(
            &mut self,
            ui: &Path,
            name: &str,
            source: &str,
            body: &mut String,
            exports: &mut Vec<(String, String)>,
            importing: &mut Vec<String>,
        ) {
            let mut rest = source
                .split_once('\n')
                .map_or("", |(_, rest)| rest)
                .trim()
                .to_owned();
            while let Some(start) = rest.find("import{") {
                let end = start + rest[start..].find(';').expect("an import ends");
                let import = self.import(ui, name, &rest[start + "import".len()..end], importing);
                rest.replace_range(start..=end, &import);
            }
            while let Some(start) = rest.find("export{") {
                let close = start + rest[start..].find('}').expect("a list of exports ends");
                let names = rest[start + "export{".len()..close].to_owned();
                let end = start + rest[start..].find(';').expect("an export ends");
                let from = rest[close + 1..end]
                    .strip_prefix("from")
                    .map(|from| from.trim_matches('"').to_owned());
                let prefix =
                    from.map(|from| format!("{}.", self.add(ui, &resolve(name, &from), importing)));
                for one in names.split(',') {
                    let (local, exported) = one.split_once(" as ").unwrap_or((one, one));
                    exports.push((
                        format!("{}{local}", prefix.as_deref().unwrap_or("")),
                        exported.to_owned(),
                    ));
                }
                rest.replace_range(start..=end, "");
            }
            if rest.contains("export default ") {
                rest = rest.replace("export default ", "const $default=");
                exports.push(("$default".to_owned(), "default".to_owned()));
            }
            body.push_str(&rest);
        }
    }

    /// The name that a declaration introduces.
    fn declared_name(declaration: &str) -> Option<String> {
        let rest = [
            "const ",
            "function ",
            "function* ",
            "async function ",
            "class ",
        ]
        .iter()
        .find_map(|start| declaration.strip_prefix(start))?;
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || "_$".contains(*c))
            .collect();
        (!name.is_empty()).then_some(name)
    }

    /// The path below `src/ui` of an import.
    fn resolve(name: &str, import: &str) -> String {
        let mut parts: Vec<&str> = name.split('/').collect();
        parts.pop();
        for part in import.split('/') {
            match part {
                "." => {}
                ".." => assert!(parts.pop().is_some(), "{name}: {import} leaves src/ui"),
                _ => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// Without comments that begin a line, type annotations and indentation.
    fn without_comments(source: &str, name: &str) -> String {
        let mut out = String::new();
        let mut inside = false;
        for line in source.lines() {
            let mut line = line.trim().to_owned();
            if inside {
                let Some((_, after)) = line.split_once("*/") else {
                    continue;
                };
                inside = false;
                line = after.trim().to_owned();
            }
            while let Some(start) = line.find("/**") {
                let Some(end) = line[start..].find("*/") else {
                    assert_eq!(
                        start, 0,
                        "{name}: a comment of several lines begins its line: {line}"
                    );
                    inside = true;
                    break;
                };
                line.replace_range(start..start + end + 2, "");
            }
            let line = line.trim();
            if !inside && !line.is_empty() && !line.starts_with("//") {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    /// A style sheet with those that it imports, without comments and indentation.
    fn styles(ui: &Path, name: &str) -> String {
        let mut out = String::new();
        for line in read(ui, name).lines().map(str::trim) {
            if let Some(import) = line.strip_prefix("@import \"") {
                out.push_str(&styles(ui, &resolve(name, import.trim_end_matches("\";"))));
            } else if !(line.is_empty() || line.starts_with("/*") && line.ends_with("*/")) {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }
}
