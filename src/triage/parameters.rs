//! Parameters of requests for problems, boots and comparisons, as names and values.

use crate::query::{self, BOOTS_MAX, Filter, ParameterError};
use crate::time::Micros;
use crate::triage::compare::{COMPARED_MAX, CompareQuery, WindowSpec};
use crate::triage::kind::ProblemKind;
use crate::triage::problems::{PROBLEMS_MAX, ProblemsQuery};

/// As many as somebody looks through.
const PROBLEMS_DEFAULT: usize = 50;
const COMPARED_DEFAULT: usize = 100;
const BOOTS_DEFAULT: usize = 20;

/// Names and values.
type Pairs = Vec<(String, String)>;

/// Parameters of `GET /problems`: those of a filter, `since` and `until` for `start` and `end`, `kind` and `limit`. All others are
/// returned.
///
/// # Errors
/// [`ParameterError`] for the first parameter that cannot be used.
pub fn parse_problems(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<(ProblemsQuery, Pairs), ParameterError> {
    let (filter, mut rest) = filter_since_until(parameters, now)?;
    let kinds = take(&mut rest, "kind")?.map_or(Ok(Vec::new()), |text| kinds(&text))?;
    let limit = limit(&mut rest, PROBLEMS_DEFAULT, PROBLEMS_MAX)?;
    let query = ProblemsQuery {
        filter,
        kinds,
        limit,
        with_causes: true,
    };
    Ok((query, rest))
}

/// Parameters of `GET /boots`: `limit`.
///
/// # Errors
/// As [`parse_problems`].
pub fn parse_boots(parameters: &[(String, String)]) -> Result<usize, ParameterError> {
    let mut rest = parameters.to_vec();
    let limit = limit(&mut rest, BOOTS_DEFAULT, BOOTS_MAX)?;
    refuse(&rest)?;
    Ok(limit)
}

/// Parameters of `GET /logs/compare`: those of a filter, `a`, `b` and `limit`.
///
/// # Errors
/// As [`parse_problems`].
pub fn parse_compare(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<CompareQuery, ParameterError> {
    let (filter, mut rest) = query::parse_filter(parameters, now)?;
    let mut window = |name: &'static str| {
        let Some(text) = take(&mut rest, name)? else {
            let message = format!("{name} is missing: it names a window such as boot:-1");
            return Err(wrong("missing_parameter", name, message));
        };
        WindowSpec::parse(&text, now)
            .map_err(|error| wrong("invalid_window", name, format!("{name} {error}")))
    };
    let (a, b) = (window("a")?, window("b")?);
    let limit = limit(&mut rest, COMPARED_DEFAULT, COMPARED_MAX)?;
    refuse(&rest)?;
    Ok(CompareQuery {
        filter,
        a,
        b,
        limit,
    })
}

fn filter_since_until(
    parameters: &[(String, String)],
    now: Micros,
) -> Result<(Filter, Pairs), ParameterError> {
    let named = parameters.iter().map(|(name, value)| {
        let name = match name.as_str() {
            "since" => "start",
            "until" => "end",
            name => name,
        };
        (name.to_owned(), value.clone())
    });
    query::parse_filter(&named.collect::<Pairs>(), now)
}

fn kinds(text: &str) -> Result<Vec<ProblemKind>, ParameterError> {
    let kind = |word: &str| {
        word.parse().map_err(|_| {
            let known: Vec<_> = ProblemKind::all().map(ProblemKind::as_str).collect();
            let message = format!("kind must be one of {}; got {word:?}", known.join(", "));
            wrong("invalid_kind", "kind", message)
        })
    };
    text.split(',').map(|word| kind(word.trim())).collect()
}

fn limit(rest: &mut Pairs, usual: usize, most: usize) -> Result<usize, ParameterError> {
    let Some(text) = take(rest, "limit")? else {
        return Ok(usual);
    };
    let number = text
        .parse()
        .ok()
        .filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| {
        let message = format!("limit must be a number from 1 to {most}; got {text:?}");
        wrong("invalid_limit", "limit", message)
    })
}

fn take(rest: &mut Pairs, name: &'static str) -> Result<Option<String>, ParameterError> {
    let mut found = rest.extract_if(.., |(given, _)| given == name);
    let first = found.next().map(|(_, value)| value);
    if found.next().is_some() {
        let message = format!("{name} may be given only once");
        return Err(wrong("repeated_parameter", name, message));
    }
    Ok(first)
}

fn refuse(rest: &[(String, String)]) -> Result<(), ParameterError> {
    rest.first()
        .map_or(Ok(()), |(name, _)| Err(query::unknown(name)))
}

fn wrong(code: &'static str, name: &str, message: String) -> ParameterError {
    ParameterError {
        code,
        parameter: name.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Micros {
        Micros::new(1_771_338_615_000_000)
    }

    fn pairs(text: &str) -> Pairs {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn problems_take_times_kinds_and_a_limit() {
        let text = "since=-1h&until=-1m&kind=oom_kill,unit_failed&limit=7&workspace=a&boot=0";
        let (query, rest) = parse_problems(&pairs(text), now()).unwrap();
        assert_eq!(query.kinds, [ProblemKind::OomKill, ProblemKind::UnitFailed]);
        assert_eq!((query.limit, rest), (7, pairs("workspace=a")));
        for (text, code) in [
            ("kind=fire", "invalid_kind"),
            ("limit=0", "invalid_limit"),
            ("limit=501", "invalid_limit"),
            ("kind=oom_kill&kind=oom_kill", "repeated_parameter"),
            ("since=soon", "invalid_start"),
            ("since=-1h&start=-2h", "repeated_parameter"),
        ] {
            let refused = parse_problems(&pairs(text), now()).unwrap_err();
            assert_eq!(refused.code, code, "{text}");
        }
    }

    #[test]
    fn comparisons_need_two_windows() {
        let query = parse_compare(&pairs("a=boot:-1&b=boot:0&level=warn"), now()).unwrap();
        assert_eq!(query.limit, COMPARED_DEFAULT);
        for (text, code) in [
            ("a=boot:-1", "missing_parameter"),
            ("a=boot:-1&b=yesterday", "invalid_window"),
            ("a=boot:-1&b=boot:0&c=1", "unknown_parameter"),
        ] {
            let refused = parse_compare(&pairs(text), now()).unwrap_err();
            assert_eq!(refused.code, code, "{text}");
        }
        assert_eq!(parse_boots(&pairs("limit=3")).unwrap(), 3);
        assert!(parse_boots(&pairs("level=warn")).is_err());
    }
}
