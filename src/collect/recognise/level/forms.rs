//! The forms in which single programs state a level, in the order in which they are tried: the first match wins. Each row
//! says what its form needs, so that the others are not tried.

use super::needs::{FormRow, RowsByPairs, RowsByStart, alternatives, rows_by_pairs, rows_by_start};
use super::{builds, clients, faults, marks, programs, reports, system_errors, tools};
use crate::collect::recognise::bytes::ByteSet;
use crate::collect::recognise::rules::{Rule, RuleSet};
use crate::record::Level;

const DIGITS: &[u8] = b"0123456789";
const CAPITALS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEXADECIMAL: &[u8] = b"0123456789abcdefABCDEF";
const ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The forms.
#[rustfmt::skip]
static FORMS: [FormRow; 128] = [
    FormRow::new(Rule::Klog, programs::klog).starts(b"[DIWEF").has(b":"),
    FormRow::new(Rule::Redis, programs::redis).starts(DIGITS).has(b": "),
    FormRow::new(Rule::Apt, programs::apt).starts(b"EWNew").says(b": "),
    FormRow::new(Rule::Make, programs::make).labelled().says(b" *** "),
    FormRow::new(Rule::Make, programs::make).or().starts(b"n").labelled().says(b" build stopped"),
    FormRow::new(Rule::Cmake, programs::cmake).starts(b"C").says(b"CMake "),
    FormRow::new(Rule::Curl, programs::curl).starts(b"c").says(b"curl: ("),
    FormRow::new(Rule::DockerClient, programs::docker_client).starts(b"dEC").says(b" daemon"),
    FormRow::new(Rule::Logrus, programs::logrus).starts(CAPITALS).has(b"["),
    FormRow::new(Rule::Glib, programs::glib).says(b" **:"),
    FormRow::new(Rule::Xorg, programs::xorg).starts(b"[(").has(b"("),
    FormRow::new(Rule::Mssql, programs::mssql).says(b"Error: ").says(b", Severity: "),
    FormRow::new(Rule::Erlang, programs::erlang).starts(b"=").says(b" REPORT===="),
    FormRow::new(Rule::Php, programs::php).starts(b"PFRCU").has(b" "),
    FormRow::new(Rule::LanguageWarning, programs::jvm_warning).says(b" VM warning: "),
    FormRow::new(Rule::LanguageWarning, programs::language_warning).says(b"Warning: "),
    FormRow::new(Rule::Compiler, programs::in_project).says(b" : ").says(b"error"),
    FormRow::new(Rule::Compiler, programs::in_project).or().says(b" : ").says(b"warning"),
    FormRow::new(Rule::Compiler, programs::linker).says(b": undefined reference to `"),
    FormRow::new(Rule::Compiler, programs::linker).or().says(b": multiple definition of `"),
    FormRow::new(Rule::Compiler, programs::at_place).says(b"rror"),
    FormRow::new(Rule::Compiler, programs::at_place).or().says(b"ERROR"),
    FormRow::new(Rule::Compiler, programs::at_place).or().says(b"arning"),
    FormRow::new(Rule::Compiler, programs::at_place).or().says(b" note"),
    FormRow::new(Rule::Compiler, programs::at_place).or().says(b" remark"),
    FormRow::new(Rule::Tabbed, programs::tabbed).starts(DIGITS).has(b"\t"),
    FormRow::new(Rule::Panic, faults::panic).starts(b"pfFKSAt*dmc#EhBIUT=u"),
    FormRow::new(Rule::Panic, faults::assertion).says(b"ssertion ").says(b" failed"),
    FormRow::new(Rule::Panic, faults::assertion).or().says(b"_ASSERT("),
    FormRow::new(Rule::Systemd, tools::systemd).says(b"systemd["),
    FormRow::new(Rule::Systemd, tools::systemd).or().says(b"systemd: "),
    FormRow::new(Rule::Systemd, tools::systemd).or().says(b"systemd-coredump["),
    FormRow::new(Rule::Systemd, tools::systemd).or().starts(b"J").says(b" failed because "),
    FormRow::new(Rule::Systemd, tools::systemd).or().labelled().has(b".").says(b": Failed with result '"),
    FormRow::new(Rule::Systemd, tools::systemd).or().labelled().has(b".").says(b" entered failed state."),
    FormRow::new(Rule::Systemd, tools::systemd).or().labelled().says(b".service failed."),
    FormRow::new(Rule::BuildTool, builds::go_compiler).labelled().says(b".go:"),
    FormRow::new(Rule::BuildTool, builds::go_compiler).or().starts(b" \t\n\x0c\r").says(b".go:"),
    FormRow::new(Rule::BuildTool, builds::build_tool).starts(b" \t\n\x0c\rBF*EMCfr[-Y=e>Lwn!A(gyUH\xe2"),
    FormRow::new(Rule::Linter, clients::linter).starts(b" 0123456789").says(b" error"),
    FormRow::new(Rule::Linter, clients::linter).or().starts(b" 0123456789").says(b" warning"),
    FormRow::new(Rule::Linter, clients::linter).or().starts(b"\xe2").says(b" problem"),
    FormRow::new(Rule::Client, clients::client).starts(b"ADELNOPRTUdefu"),
    FormRow::new(Rule::Client, clients::openssl).starts(HEXADECIMAL).says(b":error:"),
    FormRow::new(Rule::Client, clients::snapd).labelled().says(b".go:").says(b"] failed: "),
    FormRow::new(Rule::Client, clients::snapd).or().labelled().says(b".go:").says(b" error: "),
    FormRow::new(Rule::Client, clients::exit_code).says(b" exit"),
    FormRow::new(Rule::Client, clients::killed_job).says(b": line "),
    FormRow::new(Rule::Client, clients::compose_status).starts(b"C").says(b"Container "),
    FormRow::new(Rule::Client, clients::no_server).says(b" has no server available!"),
    FormRow::new(Rule::Client, clients::server_down).starts(b"S").says(b" is DOWN, reason: "),
    FormRow::new(Rule::Client, clients::event).starts(b"W").says(b"Warning  "),
    FormRow::new(Rule::Client, clients::event).or().starts(DIGITS).says(b"Warning  "),
    FormRow::new(Rule::Ansible, clients::ansible).says(b" : ok=").says(b" unreachable=").says(b" failed="),
    FormRow::new(Rule::Annotation, marks::annotation).starts(b":#"),
    FormRow::new(Rule::Letter, marks::cups).starts(b"XACEWNIDd").has(b" [/"),
    FormRow::new(Rule::Bracket, marks::zypp).starts(b"<").says(b") [zypp"),
    FormRow::new(Rule::Bracket, marks::falco).starts(DIGITS).has(b".: "),
    FormRow::new(Rule::SyslogFacility, marks::decoded).starts(b"kumdalnsc").says(b": ["),
    FormRow::new(Rule::Bracket, marks::sssd).has(b"] (x:"),
    FormRow::new(Rule::Letter, marks::websphere).starts(HEXADECIMAL).has(b" "),
    FormRow::new(Rule::ProgramWord, marks::npm_log).starts(DIGITS).says(b" error "),
    FormRow::new(Rule::ProgramWord, marks::npm_log).or().starts(DIGITS).says(b" warn "),
    FormRow::new(Rule::Ceph, marks::ceph).says(b" : cluster ["),
    FormRow::new(Rule::Ceph, marks::ceph).or().starts(HEXADECIMAL).says(b"-1 "),
    FormRow::new(Rule::Exim, marks::exim).starts(ALPHANUMERIC).has(b"-").says(b" ** "),
    FormRow::new(Rule::Exim, marks::exim).or().starts(ALPHANUMERIC).has(b"-").says(b" == "),
    FormRow::new(Rule::Exim, marks::postfix).says(b" dsn=").says(b" status="),
    FormRow::new(Rule::Django, marks::django).starts(b"INBFM").says(b": /"),
    FormRow::new(Rule::Database, marks::database_report).says(b" was terminated by signal ").says(b"LOG:  "),
    FormRow::new(Rule::Database, marks::database_report).or().says(b": Can't ").says(b" (Errcode: "),
    FormRow::new(Rule::Database, marks::database_report).or().says(b"d got signal "),
    FormRow::new(Rule::Database, marks::db2).starts(DIGITS).says(b" LEVEL: "),
    FormRow::new(Rule::Client, marks::corosync).says(b" corosync ").has(b"["),
    FormRow::new(Rule::Client, marks::imagemagick).says(b" @ error/"),
    FormRow::new(Rule::Client, marks::imagemagick).or().says(b" @ warning/"),
    FormRow::new(Rule::Client, marks::imagemagick).or().says(b" @ fatal/"),
    FormRow::new(Rule::Client, marks::nccl).says(b" NCCL WARN "),
    FormRow::new(Rule::Database, marks::database_code).starts(b"OTPS"),
    FormRow::new(Rule::Database, marks::postgresql_csv).starts(b"0123456789,").says(b",\""),
    FormRow::new(Rule::Script, marks::script).starts(b"E").says(b"Error in "),
    FormRow::new(Rule::Script, marks::script).or().starts(b"E").says(b"Execution halted"),
    FormRow::new(Rule::Script, marks::script).or().starts(b"W").says(b"Warning message"),
    FormRow::new(Rule::Script, marks::script).or().starts(b"l").says(b".lua:"),
    FormRow::new(Rule::Script, marks::script).or().starts(b"I").says(b".php line "),
    FormRow::new(Rule::Script, marks::script).or().says(b" at ").says(b" line ").has(b"."),
    FormRow::new(Rule::TestFailure, faults::test_failure).starts(b"n-FtET/\xe2"),
    FormRow::new(Rule::TestFailure, faults::test_failure).or().starts(DIGITS).has(b"*"),
    FormRow::new(Rule::TestFailure, faults::test_failure).or().starts(DIGITS).says(b" fail"),
    FormRow::new(Rule::TestFailure, faults::test_failure).or().says(b" FAIL"),
    FormRow::new(Rule::TestFailure, faults::test_failure).or().says(b": Failure"),
    FormRow::new(Rule::Exception, faults::exception).starts(b"TE+C*UA[eF"),
    FormRow::new(Rule::Exception, faults::exception).or().says(b": Traceback (most"),
    FormRow::new(Rule::Exception, faults::ruby_place).says(b":in ").has(b"("),
    FormRow::new(Rule::Exception, faults::node_place).starts(b"/nf").has(b":"),
    FormRow::new(Rule::Exception, faults::ruby_exception).starts(b":[ABCDEFGHIJKLMNOPQRSTUVWXYZ").says(b"::"),
    FormRow::new(Rule::Exception, faults::ruby_exception).or().starts(b":[ABCDEFGHIJKLMNOPQRSTUVWXYZ").says(b"Error ("),
    FormRow::new(Rule::Exception, faults::ruby_exception).or().starts(b":[ABCDEFGHIJKLMNOPQRSTUVWXYZ").says(b"Exception ("),
    FormRow::new(Rule::Exception, faults::named_exception).says(b"Exception"),
    FormRow::new(Rule::Exception, faults::named_exception).or().says(b"Error"),
    FormRow::new(Rule::Exception, faults::named_exception).or().says(b"Exit"),
    FormRow::new(Rule::Exception, faults::named_exception).or().says(b"Interrupt"),
    FormRow::new(Rule::Exception, faults::named_exception).or().says(b"Throwable"),
    FormRow::new(Rule::Exception, faults::named_exception).or().says(b"Fault"),
    FormRow::new(Rule::Kernel, faults::kernel_fault).starts(b"ABCDEIJKMNOSTUVWXabcdghkmnprstuvw"),
    FormRow::new(Rule::Kernel, faults::kernel).starts(b"["),
    FormRow::new(Rule::Kernel, faults::kernel).or().says(b"kernel: "),
    FormRow::new(Rule::Kernel, faults::kernel).or().says(b" invoked oom-killer: "),
    FormRow::new(Rule::Kernel, faults::kernel).or().says(b"]: segfault at ").says(b" ip "),
    FormRow::new(Rule::Kernel, faults::kernel).or().says(b"I/O error, dev "),
    FormRow::new(Rule::Kernel, faults::kernel).or().starts(b"I").says(b"INFO: task "),
    FormRow::new(Rule::Kernel, faults::kernel).or().starts(b"EXB").says(b"rror"),
    FormRow::new(Rule::Kernel, faults::kernel).or().starts(b"EXB").says(b"orruption"),
    FormRow::new(Rule::Kernel, faults::kernel).or().starts(b"W").says(b"WARNING: CPU: "),
    FormRow::new(Rule::Kernel, faults::kernel).or().starts(b"-").says(b"[ cut here ]"),
    FormRow::new(Rule::Symbol, marks::symbol).starts(b"\xc3\xe2\xf0"),
    FormRow::new(Rule::Symbol, marks::symbol_of_job).starts(b"[").has(b"\xe2"),
    FormRow::new(Rule::Tool, reports::of_program).starts(b"!#(*-0<=>ABCDEFHIJKLMNOPQRSTUVWXYZ[bceghiklmnprstuwz"),
    FormRow::new(Rule::Tool, tools::failure).starts(b"FCUfcu>aA/E"),
    FormRow::new(Rule::Tool, tools::tool).starts(b"/.abcdefghijklmnopqrstuvwxyz").labelled(),
    FormRow::new(Rule::Tool, system_errors::of_go).starts(b"oslmrwdefucGP").has(b": "),
    FormRow::new(Rule::Tool, system_errors::of_go_named).labelled().says(b": open "),
    FormRow::new(Rule::Tool, system_errors::of_go_named).or().labelled().says(b": listen "),
    FormRow::new(Rule::Tool, system_errors::of_thread).starts(DIGITS).says(b"] "),
    FormRow::new(Rule::Tool, system_errors::of_thread).or().starts(b"(").says(b".c."),
    FormRow::new(Rule::Tool, marks::syslog_ng).says(b", error='"),
    FormRow::new(Rule::Tool, marks::rsyslog).says(b" try http").says(b"rsyslog.com/e/"),
    FormRow::new(Rule::Tool, system_errors::of_runc).labelled().says(b" exec user process caused: "),
];

static ROWS: RowsByStart = rows_by_start(&FORMS);
static ROWS_BY_PAIRS: RowsByPairs = rows_by_pairs(&FORMS);
static ALTERNATIVES: [u64; FORMS.len()] = alternatives(&FORMS);

/// The bytes of a line, and the rows of the forms that it may have: they are the same for each part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LikelyForms {
    pub(super) bytes: ByteSet,
    rows: [u64; 2],
}

impl LikelyForms {
    pub(super) fn of(bytes: ByteSet) -> Self {
        let mut words = [u64::MAX; 2];
        for (place, rows) in ROWS_BY_PAIRS.iter().enumerate() {
            let rows = rows.get(bytes.quarter(place)).unwrap_or(&words);
            words = [words[0] & rows[0], words[1] & rows[1]];
        }
        Self { bytes, rows: words }
    }
}

/// The level of the first form that `text` has. `likely` is of the text, perhaps with the text around it.
pub(super) fn stated(text: &[u8], likely: &LikelyForms, rules: RuleSet) -> Option<Level> {
    let [first, second] = *ROWS.get(usize::from(*text.first()?))?;
    let words = [first & likely.rows[0], second & likely.rows[1]];
    if words == [0; 2] {
        return None;
    }
    let bytes = likely.bytes;
    let word = memchr::memchr(b' ', text).unwrap_or(text.len());
    let is_labelled = text.get(..word)?.ends_with(b":");
    for (number, mut rows) in words.into_iter().enumerate() {
        while rows != 0 {
            let place = number * 64 + rows.trailing_zeros() as usize;
            rows &= rows - 1;
            let row = FORMS.get(place)?;
            if row.may_match(bytes, is_labelled) && rules.has(row.rule) {
                if let Some(level) = (row.read)(text) {
                    return Some(level);
                }
                rows &= !ALTERNATIVES.get(place)?;
            }
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
                stated(text, &LikelyForms::of(bytes), rules),
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
            // every end of the line that begins a word, because forms are also tried after a time and a host
            let bytes = line.as_bytes();
            let begins_word = |at: &usize| *at == 0 || !bytes[*at - 1].is_ascii_alphanumeric();
            for start in (0..bytes.len().min(64)).filter(begins_word) {
                check(&bytes[start..]);
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
