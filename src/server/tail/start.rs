//! Where a tail begins.

use crate::record::Id;
use crate::server::http::error::ApiError;
use crate::server::http::request::{ApiRequest, record_id, take_single};
use warp::http::header::HeaderName;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Maximum of `?tail=`: the default size of the ring of newest records.
pub(in crate::server) const TAIL_ROWS_MAX: usize = 5_000;

/// Where a tail begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum TailStart {
    /// With the next record.
    Now,
    /// With this number of the newest records.
    Newest(usize),
    /// After a record that the client has.
    After(Id),
}

impl TailStart {
    /// Removes the parameters that say where the tail begins.
    pub(in crate::server) fn take(
        parameters: &mut Vec<(String, String)>,
        request: &ApiRequest,
    ) -> Result<Self, ApiError> {
        start(parameters, request.header(&LAST_EVENT_ID))
    }
}

/// Whether the client of this request connects again and continues where it was.
pub(super) fn is_resumed(request: &ApiRequest) -> bool {
    let last = request.header(&LAST_EVENT_ID);
    last.is_some_and(|id| !id.is_empty())
}

/// A browser that connects again sends the same address, and its last ID in the header, which takes precedence.
fn start(
    parameters: &mut Vec<(String, String)>,
    last_event_id: Option<&str>,
) -> Result<TailStart, ApiError> {
    let after = take_single(parameters, "after")?;
    let newest = take_single(parameters, "tail")?;
    // Clients may send an empty header before they have an ID.
    if let Some(text) = last_event_id.filter(|text| !text.is_empty()) {
        return parse_id(text, "Last-Event-ID").map(TailStart::After);
    }
    if let Some(text) = after {
        return parse_id(&text, "after").map(TailStart::After);
    }
    newest.map_or(Ok(TailStart::Now), |text| {
        let rows = text.parse().ok().filter(|rows| *rows <= TAIL_ROWS_MAX);
        rows.map(TailStart::Newest).ok_or_else(|| {
            let message = format!("tail must be a number from 0 to {TAIL_ROWS_MAX}; got {text:?}");
            ApiError::parameter("invalid_tail", "tail", message)
        })
    })
}

fn parse_id(text: &str, name: &'static str) -> Result<Id, ApiError> {
    record_id(text).ok_or_else(|| {
        let message = format!("{name} must be the ID of a record; got {text:?}");
        ApiError::parameter("invalid_id", name, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn header_takes_precedence_over_after_and_tail() {
        let begin = |pairs: &[(&str, &str)], header| start(&mut parameters(pairs), header);
        assert_eq!(begin(&[], None), Ok(TailStart::Now));
        assert_eq!(begin(&[("tail", "20")], None), Ok(TailStart::Newest(20)));
        assert_eq!(begin(&[("after", "7")], None), Ok(TailStart::After(Id(7))));
        assert_eq!(
            begin(&[("after", "7")], Some("")),
            Ok(TailStart::After(Id(7))),
            "an empty header is none"
        );
        assert_eq!(
            begin(&[("after", "7"), ("tail", "20")], Some("9")),
            Ok(TailStart::After(Id(9))),
            "a browser that connects again sends the header beside its first address"
        );
        for (pairs, header, parameter) in [
            (&[("tail", "5001")][..], None, "tail"),
            (&[("tail", "-1")], None, "tail"),
            (&[("after", "x")], None, "after"),
            (&[], Some("x"), "Last-Event-ID"),
        ] {
            let error = begin(pairs, header).unwrap_err();
            assert_eq!(error.status, 400);
            assert_eq!(error.parameter.as_deref(), Some(parameter));
        }
    }
}
