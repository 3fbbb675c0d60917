//! The forms in which single programs state a level, in the order in which they are tried: the first match wins. Each row
//! says what its form needs, so that the others are not tried.

use super::needs::{ByteSet, FormRow, RowsByStart, alternatives, rows_by_start};
use super::{faults, marks, programs, system_errors, tools};
use crate::collect::recognise::rules::{Rule, RuleSet};
use crate::record::Level;

const DIGITS: &[u8] = b"0123456789";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEXADECIMAL: &[u8] = b"0123456789abcdefABCDEF";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The forms.
#[rustfmt::skip]
static FORMS: [FormRow; 72] = [
    FormRow::new(Rule::Klog, programs::klog).starts(b"[DIWEF").has(b":"),
    FormRow::new(Rule::Redis, programs::redis).starts(DIGITS).has(b": "),
    FormRow::new(Rule::Apt, programs::apt).starts(b"EWNew").has(b": "),
    FormRow::new(Rule::Make, programs::make).labelled().has(b" *"),
    FormRow::new(Rule::Make, programs::make).or().starts(b"n").labelled(),
    FormRow::new(Rule::Cmake, programs::cmake).starts(b"C").has(b"CMake "),
    FormRow::new(Rule::Curl, programs::curl).starts(b"c").has(b"curl: ("),
    FormRow::new(Rule::DockerClient, programs::docker_client).starts(b"dEC").has(b" daemon"),
    FormRow::new(Rule::Logrus, programs::logrus).starts(CAPITALS).has(b"["),
    FormRow::new(Rule::Glib, programs::glib).has(b" **:"),
    FormRow::new(Rule::Xorg, programs::xorg).starts(b"[(").has(b"("),
    FormRow::new(Rule::Mssql, programs::mssql).has(b"Error: Severity: "),
    FormRow::new(Rule::Erlang, programs::erlang).starts(b"=").has(b" REPORT="),
    FormRow::new(Rule::Php, programs::php).starts(b"PFRCU").has(b" "),
    FormRow::new(Rule::LanguageWarning, programs::jvm_warning).has(b" VM warning: "),
    FormRow::new(Rule::LanguageWarning, programs::language_warning).has(b"Warning: "),
    FormRow::new(Rule::Compiler, programs::in_project).has(b" : r"),
    FormRow::new(Rule::Compiler, programs::linker).has(b": defntio`"),
    FormRow::new(Rule::Compiler, programs::at_place).has(b" "),
    FormRow::new(Rule::Tabbed, programs::tabbed).starts(DIGITS).has(b"\t"),
    FormRow::new(Rule::Panic, faults::panic).starts(b"pfFKSAt*dmc#EhBIUT="),
    FormRow::new(Rule::Systemd, tools::systemd).has(b"systemd["),
    FormRow::new(Rule::Systemd, tools::systemd).or().has(b"systemd: "),
    FormRow::new(Rule::Systemd, tools::systemd).or().starts(b"J").has(b"Job for failed because"),
    FormRow::new(Rule::Systemd, tools::systemd).or().labelled().has(b".: ailed"),
    FormRow::new(Rule::BuildTool, tools::go_compiler).labelled().has(b".go: "),
    FormRow::new(Rule::BuildTool, tools::go_compiler).or().starts(b" \t\n\x0c\r").has(b".go: "),
    FormRow::new(Rule::BuildTool, tools::build_tool).starts(b" \t\n\x0c\rBF*EMCfr[-Y=e>Lwn!A(gyUH\xe2"),
    FormRow::new(Rule::Linter, tools::linter).starts(b" 0123456789\xe2").has(b"r"),
    FormRow::new(Rule::Client, tools::client).starts(b"ACDENOPRSTUWdefu"),
    FormRow::new(Rule::Client, tools::client).or().starts(DIGITS).has(b" Warning"),
    FormRow::new(Rule::Client, tools::client).or().starts(HEXADECIMAL).has(b":error:"),
    FormRow::new(Rule::Client, tools::client).or().labelled().has(b".go: "),
    FormRow::new(Rule::Client, tools::client).or().has(b" with exit code "),
    FormRow::new(Rule::Client, tools::client).or().has(b" exited with code "),
    FormRow::new(Rule::Client, tools::client).or().has(b": line "),
    FormRow::new(Rule::Client, tools::client).or().has(b" has no server available"),
    FormRow::new(Rule::Ansible, tools::ansible).has(b" : ok= unreachable= failed="),
    FormRow::new(Rule::Annotation, marks::annotation).starts(b":#"),
    FormRow::new(Rule::Letter, marks::cups).starts(b"XACEWNIDd").has(b" [/"),
    FormRow::new(Rule::Bracket, marks::sssd).has(b"] (x:"),
    FormRow::new(Rule::Letter, marks::websphere).starts(HEXADECIMAL).has(b" "),
    FormRow::new(Rule::ProgramWord, marks::npm_log).starts(DIGITS).has(b" ero"),
    FormRow::new(Rule::ProgramWord, marks::npm_log).or().starts(DIGITS).has(b" wan"),
    FormRow::new(Rule::Ceph, marks::ceph).has(b" : cluster ["),
    FormRow::new(Rule::Ceph, marks::ceph).or().starts(HEXADECIMAL).has(b" -"),
    FormRow::new(Rule::Exim, marks::exim).starts(ALPHANUMERIC).has(b" -"),
    FormRow::new(Rule::Django, marks::django).starts(b"INBFM").has(b": /"),
    FormRow::new(Rule::Database, marks::database).starts(b"OTPS"),
    FormRow::new(Rule::Database, marks::database).or().has(b"LOG:  was terminated by signal )"),
    FormRow::new(Rule::Database, marks::database).or().has(b": Can't (Errcode: )"),
    FormRow::new(Rule::Database, marks::database).or().has(b"d got signal "),
    FormRow::new(Rule::Database, marks::postgresql_csv).starts(b"0123456789,").has(b","),
    FormRow::new(Rule::Script, marks::script).starts(b"EWlI"),
    FormRow::new(Rule::Script, marks::script).or().has(b" at line."),
    FormRow::new(Rule::TestFailure, faults::test_failure).starts(b"0123456789n-FtET/\xe2"),
    FormRow::new(Rule::TestFailure, faults::test_failure).or().has(b" FAILED"),
    FormRow::new(Rule::Exception, faults::exception).starts(b"TE+C*UA["),
    FormRow::new(Rule::Exception, faults::ruby_place).has(b":in ("),
    FormRow::new(Rule::Exception, faults::node_place).starts(b"/nf").has(b":"),
    FormRow::new(Rule::Exception, faults::ruby_exception).starts(b":[ABCDEFGHIJKLMNOPQRSTUVWXYZ").has(b":"),
    FormRow::new(Rule::Exception, faults::named_exception),
    FormRow::new(Rule::Kernel, faults::kernel).starts(b"[BkEKbctOgUMwrIsWX-"),
    FormRow::new(Rule::Kernel, faults::kernel).or().has(b"kernel: "),
    FormRow::new(Rule::Kernel, faults::kernel).or().has(b" invoked oom-killer: "),
    FormRow::new(Rule::Kernel, faults::kernel).or().has(b": segfault at ip "),
    FormRow::new(Rule::Kernel, faults::kernel).or().has(b"I/O error dev "),
    FormRow::new(Rule::Symbol, marks::symbol).starts(b"\xc3\xe2\xf0"),
    FormRow::new(Rule::Tool, tools::tool).starts(b"FCU>aA/"),
    FormRow::new(Rule::Tool, tools::tool).or().starts(b"/.abcdefghijklmnopqrstuvwxyz").labelled().has(b": "),
    FormRow::new(Rule::Tool, system_errors::of_go).starts(b"oslmrwdefucGP").has(b": "),
    FormRow::new(Rule::Tool, system_errors::of_runc).labelled().has(b".: caused exec"),
];

static ROWS: RowsByStart = rows_by_start(&FORMS);
static ALTERNATIVES: [u128; FORMS.len()] = alternatives(&FORMS);

/// The level of the first form that `text` has. `bytes` are those of the text, perhaps with those of text around it.
pub(super) fn stated(text: &[u8], bytes: ByteSet, rules: RuleSet) -> Option<Level> {
    let mut rows = *ROWS.get(usize::from(*text.first()?))?;
    let word = memchr::memchr(b' ', text).unwrap_or(text.len());
    let is_labelled = text.get(..word)?.ends_with(b":");
    while rows != 0 {
        let place = rows.trailing_zeros() as usize;
        rows &= rows - 1;
        let row = FORMS.get(place)?;
        if row.may_match(bytes, is_labelled) && rules.has(row.rule) {
            if let Some(level) = (row.read)(text) {
                return Some(level);
            }
            rows &= !ALTERNATIVES.get(place)?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The level of the first form, with every form tried.
    fn by_trying_all(text: &[u8], rules: RuleSet) -> Option<Level> {
        let rows = FORMS.iter().filter(|row| rules.has(row.rule));
        rows.filter(|_| !text.is_empty())
            .find_map(|row| (row.read)(text))
    }

    fn check(text: &[u8]) {
        let text = text.get(..256).unwrap_or(text);
        let bytes = ByteSet::of_line(text);
        for rules in Rule::ALL.iter().map(|&rule| RuleSet::only(rule)) {
            let expected = by_trying_all(text, rules);
            assert_eq!(
                stated(text, bytes, rules),
                expected,
                "{rules:?}: {}",
                text.escape_ascii()
            );
        }
    }

    const LINES: &str = include_str!("../../../../tests/fixtures/recognition/levels.tsv");
    const EVENTS: &str = include_str!("../../../../tests/fixtures/recognition/events.txt");

    /// The lines of the fixtures.
    fn lines() -> Vec<&'static str> {
        let lines = LINES.lines().chain(EVENTS.lines());
        lines
            .filter_map(|line| line.split_once('\t'))
            .map(|(_, line)| line)
            .collect()
    }

    #[test]
    fn no_form_is_left_out_that_matches() {
        for line in lines() {
            // every end of the line, because forms are also tried after a time and a host
            for start in 0..line.len().min(64) {
                check(&line.as_bytes()[start..]);
            }
        }
    }

    proptest! {
        #[test]
        fn no_form_is_left_out_that_matches_a_mixture(
            first in prop::sample::select(lines()), second in prop::sample::select(lines()),
            cut in 0usize..80, from in 0usize..80, sign in "[ -~\t\u{2716}]{0,2}",
        ) {
            let head = first.as_bytes().get(..cut).unwrap_or(first.as_bytes());
            let tail = second.as_bytes().get(from..).unwrap_or_default();
            check(&[head, sign.as_bytes(), tail].concat());
        }
    }
}
