//! Templates of `line_format` and `label_format`: the part of Go's `text/template` that log queries use.
//!
//! Actions print labels and results of functions, and may be piped, branch (`if`, `with`), repeat (`range`) and set
//! variables. An absent label is an empty text.

mod functions;
mod parse;
mod run;
mod scope;
mod text;
mod time;
mod tree;
mod value;

pub(super) use scope::TemplateScope;

use tree::TemplateNode;

/// A parsed template.
#[derive(Debug, Clone)]
pub(super) struct LineTemplate(Vec<TemplateNode>);

impl LineTemplate {
    /// Parses a template.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        parse::parse(text).map(Self)
    }

    /// The output for a line, or the error.
    pub(super) fn run(&self, scope: &TemplateScope<'_>) -> Result<String, String> {
        run::run(&self.0, scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logql::labels::{LabelKind, Labels};

    fn made(template: &str) -> Result<String, String> {
        let mut labels = Labels::default();
        labels.push(LabelKind::Stream, "app", "Web");
        labels.push(LabelKind::Metadata, "n", "7");
        labels.push(LabelKind::Parsed, "took", "1m30s");
        labels.push(LabelKind::Parsed, "j", r#"{"a":{"b":[1,"x"]},"c":2.5}"#);
        let scope = TemplateScope {
            labels: &labels,
            line: "the line",
            timestamp_nanos: 1_700_000_000_123_000_000,
        };
        LineTemplate::new(template)?.run(&scope)
    }

    #[test]
    fn prints_labels_and_pipes_functions() {
        for (template, expected) in [
            ("a {{.app}} b", "a Web b"),
            ("{{ .app | lower }}-{{ upper .app }}", "web-WEB"),
            ("[{{.absent}}]", "[]"),
            ("x {{- .app -}} y", "xWeby"),
            ("{{/* nothing */}}{{__line__}}", "the line"),
            (r#"{{ "a\"b" }}{{ `c` }}"#, "a\"bc"),
            ("{{ .app | trunc 2 }}{{ .app | trunc -1 }}", "Web"),
            (
                "{{ .app | replace \"e\" \"3\" | printf \"%5s|%-5s|\" \"x\" }}",
                "    x|W3b  |",
            ),
            (
                "{{ add 1 2 .n }} {{ sub 5 .n }} {{ div 7 2 }} {{ mulf 1.5 2 }}",
                "10 -2 3 3",
            ),
            ("{{ $x := .n }}{{ $x }}{{ $x = \"8\" }}{{ $x }}", "78"),
            ("{{ default \"none\" .absent }}", "none"),
            ("{{ __timestamp__ | unixEpochMillis }}", "1700000000123"),
            (
                "{{ __timestamp__ | date \"2006-01-02T15:04:05.000Z07:00\" }}",
                "2023-11-14T22:13:20.123Z",
            ),
            ("{{ duration .took }} {{ duration_seconds .took }}", "90 90"),
            ("{{ bytes \"2 KB\" }}", "2000"),
            ("{{ regexReplaceAll \"(W)(e)\" .app \"$2$1\" }}", "eWb"),
            ("{{ regexReplaceAllLiteral \"b\" .app \"$1\" }}", "We$1"),
            ("{{ b64enc .app }} {{ b64dec \"V2Vi\" }}", "V2Vi Web"),
            (
                "{{ urlencode \"a b&c\" }} {{ urldecode \"a+b%26c\" }}",
                "a+b%26c a b&c",
            ),
            ("{{ count \"e\" .app }} {{ len .app }}", "1 3"),
            ("{{ substr 1 3 .app }} {{ .app | repeat 2 }}", "eb WebWeb"),
            ("{{ alignLeft 5 .app }}|{{ alignRight 2 .app }}", "Web  |eb"),
            (
                "{{ trimPrefix \"W\" .app }}{{ TrimSuffix .app \"b\" }}",
                "ebWe",
            ),
            (
                "{{ (fromJson .j).c }} {{ index (fromJson .j).a.b 1 }}",
                "2.5 x",
            ),
            (
                "{{ range $v := (fromJson .j).a.b }}<{{ $v }}>{{ end }}",
                "<1><x>",
            ),
            ("{{ title \"a bc\" }} {{ indent 2 \"x\" }}", "A Bc   x"),
        ] {
            assert_eq!(made(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn branches() {
        for (template, expected) in [
            ("{{ if eq .app \"Web\" }}yes{{ else }}no{{ end }}", "yes"),
            (
                "{{ if .absent }}yes{{ else if gt (int .n) 5 }}big{{ else }}small{{ end }}",
                "big",
            ),
            (
                "{{ if and .app (not .absent) (or .absent .n) }}all{{ end }}",
                "all",
            ),
            ("{{ with .app }}{{ . }}!{{ end }}", "Web!"),
            (
                "{{ if contains \"e\" .app }}has{{ end }}{{ if hasPrefix \"x\" .app }}no{{ end }}",
                "has",
            ),
            (
                "{{ if ne .app \"x\" \n}}a{{ end }}{{ if le 1 2 }}b{{ end }}{{ if ge 1.5 2.0 }}c{{ end }}",
                "ab",
            ),
        ] {
            assert_eq!(made(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for template in [
            "{{ .a",
            "{{ nothing .a }}",
            "{{ if .a }}",
            "{{ end }}",
            "{{ \"open }}",
            "{{ ( .a }}",
            "{{ else }}",
        ] {
            assert!(LineTemplate::new(template).is_err(), "{template}");
        }
        for template in [
            "{{ add .app 1 }}",
            "{{ duration .app }}",
            "{{ b64dec \"%\" }}",
            "{{ index .app 99 }}",
        ] {
            assert!(made(template).is_err(), "{template}");
        }
    }

    #[test]
    fn nothing_grows_without_bound() {
        assert!(made("{{ repeat 2000000000 .app }}").is_err());
        assert!(LineTemplate::new(&"{{ if .a }}".repeat(10_000)).is_err());
        assert!(LineTemplate::new(&format!("{{{{ {} }}}}", "(".repeat(10_000))).is_err());
    }
}
