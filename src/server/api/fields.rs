//! The keys of the metadata, and the values of one of them.

use crate::query::{self, FieldKeys, FieldValues, Limits};
use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::error::ApiError;
use crate::server::http::request::ApiRequest;
use crate::server::wire;
use crate::time::Micros;
use serde::Serialize;
use warp::reply::Response;

/// Maximum number of keys, or of values of a key: more than a list to choose from can show.
pub(crate) const VALUES: Limits = Limits {
    limit_default: 100,
    limit_max: 1_000,
};

/// `GET /logs/fields`
pub(in crate::server) async fn fields(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let (parameters, now) = (request.parameters.clone(), Micros::now());
    respond::json(app, principal, request, move |view, budget| {
        let (filter, key, limit) = query::parse_fields(&parameters, &VALUES, now)?;
        Ok(match key {
            Some(key) => values_body(&key, &view.field_values(filter, &key, limit, budget)?),
            None => keys_body(&view.field_keys(filter, limit, budget)?),
        })
    })
    .await
}

/// The part of a response that describes the scan.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScanJson<'a> {
    has_more: bool,
    partial: bool,
    scanned: u64,
    unreadable: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// The body of the values of a key.
pub(crate) fn values_body(key: &str, fields: &FieldValues) -> Vec<u8> {
    #[derive(Serialize)]
    struct FieldValuesBody<'a> {
        key: &'a str,
        values: Vec<ValueJson<'a>>,
        #[serde(flatten)]
        scan: ScanJson<'a>,
    }
    #[derive(Serialize)]
    struct ValueJson<'a> {
        value: &'a str,
        count: u64,
    }
    let values = fields.values.iter().map(|(value, count)| ValueJson {
        value,
        count: *count,
    });
    let body = FieldValuesBody {
        key,
        values: values.collect(),
        scan: ScanJson {
            has_more: fields.has_more,
            partial: fields.is_partial,
            scanned: fields.scanned,
            unreadable: fields.unreadable,
            warnings: &fields.warnings,
        },
    };
    wire::bytes(&body)
}

/// The body of the keys.
pub(crate) fn keys_body(fields: &FieldKeys) -> Vec<u8> {
    #[derive(Serialize)]
    struct FieldKeysBody<'a> {
        keys: Vec<KeyJson<'a>>,
        #[serde(flatten)]
        scan: ScanJson<'a>,
    }
    #[derive(Serialize)]
    struct KeyJson<'a> {
        key: &'a str,
        count: u64,
        examples: &'a [String],
    }
    let keys = fields.keys.iter().map(|found| KeyJson {
        key: &found.key,
        count: found.count,
        examples: &found.examples,
    });
    let body = FieldKeysBody {
        keys: keys.collect(),
        scan: ScanJson {
            has_more: fields.has_more,
            partial: fields.is_partial,
            scanned: fields.scanned,
            unreadable: fields.unreadable,
            warnings: &fields.warnings,
        },
    };
    wire::bytes(&body)
}
