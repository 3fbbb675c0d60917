//! The description of the API for programs (`OpenAPI` 3.1).

use crate::server::api::respond;
use crate::server::app::App;
use crate::server::auth::principal::Principal;
use crate::server::http::encoding::ContentEncoding;
use crate::server::http::error::ApiError;
use crate::server::http::foreign_description;
use crate::server::http::request::ApiRequest;
use crate::server::options::ServerOptions;
use serde_json::{Value, json};
use warp::reply::Response;

static DESCRIPTION: &[u8] = include_bytes!("openapi.json");

/// Parameters with the maximum `LOG_API_MAX_LIMIT`.
const LIMITS: [&str; 2] = ["limit", "runsLimit"];

/// `GET /openapi.json`
pub(in crate::server) fn description(
    app: &App,
    principal: &Principal,
    request: &ApiRequest,
) -> Result<Response, ApiError> {
    let body = ContentEncoding::asked_by(&request.headers).whole(described(&app.options));
    respond::send(app, principal, "application/json", body)
}

/// The description of a server with these settings.
fn described(options: &ServerOptions) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(DESCRIPTION) else {
        return DESCRIPTION.to_vec();
    };
    for name in LIMITS {
        let path = format!("/components/parameters/{name}/schema");
        if let Some(schema) = document.pointer_mut(&path) {
            let default = schema["default"].as_u64().unwrap_or_default();
            schema["default"] = json!(default.min(options.limit_max as u64));
            schema["maximum"] = json!(options.limit_max);
        }
    }
    foreign_description::add_to(&mut document, &options.foreign_apis);
    serde_json::to_vec_pretty(&document).unwrap_or_else(|_| DESCRIPTION.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{self, Limits};
    use crate::server::api::logs::take_positions;
    use crate::server::http::error::CODES;
    use crate::server::http::foreign_call::ForeignApi;
    use crate::server::http::route::{Access, Endpoint, ROUTES, Route};
    use crate::time::Micros;
    use std::collections::BTreeSet;
    use warp::http::Method;

    fn document() -> Value {
        serde_json::from_slice(DESCRIPTION).expect("JSON")
    }

    /// The description of a server that has everything switched on.
    fn whole() -> Value {
        let options = ServerOptions {
            foreign_apis: ForeignApi::NAMES
                .into_iter()
                .filter_map(ForeignApi::named)
                .collect(),
            ..ServerOptions::default()
        };
        serde_json::from_slice(&described(&options)).expect("JSON")
    }

    /// The description of every method of every route.
    fn operations(document: &Value) -> Vec<(&'static Route, &Value)> {
        let of_route = |route: &'static Route| {
            let methods = route
                .methods
                .iter()
                .filter(|method| *method != Method::HEAD);
            methods.map(move |method| {
                let path = route.path.replace("...}", "}");
                let method = method.as_str().to_ascii_lowercase();
                (route, &document["paths"][path][method])
            })
        };
        ROUTES
            .iter()
            .filter(|route| !route.is_of_others())
            .flat_map(of_route)
            .collect()
    }

    /// The target of a `$ref`, or the value itself.
    fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            return value;
        };
        let pointer = reference.strip_prefix('#').expect("a reference into here");
        document
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                    found.push(reference.to_owned());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_described_and_every_described_path_exists() {
        let document = document();
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .expect("a map")
            .keys()
            .map(String::as_str)
            .collect();
        // OpenAPI cannot express that a name may contain slashes.
        let path = |route: &Route| route.path.replace("...}", "}");
        let native = ROUTES.iter().filter(|route| !route.is_of_others());
        let answered: BTreeSet<_> = native.map(path).collect();
        let answered: BTreeSet<_> = answered.iter().map(String::as_str).collect();
        assert_eq!(described, answered);
        for (route, operation) in operations(&document) {
            let open = operation["security"].as_array().is_some_and(Vec::is_empty);
            assert_eq!(open, route.access == Access::Open, "{}", route.path);
            let refusals = &operation["responses"];
            assert_eq!(refusals.get("401").is_some(), !open, "{}", route.path);
            for status in ["400", "403", "405", "413", "429", "500", "503"] {
                assert!(refusals.get(status).is_some(), "{} {status}", route.path);
            }
            let answers = refusals.as_object().expect("a map").keys();
            let is_good = |status: &String| status.starts_with('2');
            assert!(answers.into_iter().any(is_good), "{}", route.path);
        }
    }

    #[test]
    fn references_resolve_and_components_are_used() {
        let document = whole();
        let mut found = Vec::new();
        references(&document, &mut found);
        let found: BTreeSet<_> = found.into_iter().collect();
        for reference in &found {
            resolved(&document, &serde_json::json!({"$ref": reference}));
        }
        for kind in ["parameters", "responses", "schemas"] {
            for name in document["components"][kind]
                .as_object()
                .expect("a map")
                .keys()
            {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "{reference} is used nowhere");
            }
        }
    }

    #[test]
    fn every_described_parameter_accepts_its_example() {
        let document = document();
        let limits = Limits {
            limit_default: 100,
            limit_max: 500,
        };
        let listed = document["paths"]["/logs"]["get"]["parameters"]
            .as_array()
            .expect("a list");
        assert!(listed.len() > 15);
        for parameter in listed {
            let parameter = resolved(&document, parameter);
            let name = parameter["name"].as_str().expect("a name");
            let example = match &parameter["example"] {
                Value::String(text) => text.clone(),
                Value::Array(list) => list[0].as_str().expect("a text").to_owned(),
                other => other.to_string(),
            };
            let mut query = vec![(name.to_owned(), example)];
            if name == "scope" {
                query.push(("around".to_owned(), "1".to_owned()));
            }
            assert!(take_positions(&mut query).is_ok(), "{query:?}");
            let understood = query::parse_page(&query, &limits, Micros::now());
            assert!(understood.is_ok(), "{query:?}: {:?}", understood.err());
        }
    }
    #[test]
    fn described_limits_follow_the_settings() {
        for (limit_max, default) in [(20, 20), (500, 100), (2_000, 100)] {
            let options = ServerOptions {
                limit_max,
                ..ServerOptions::default()
            };
            let document: Value = serde_json::from_slice(&described(&options)).expect("JSON");
            let schema = &document["components"]["parameters"]["limit"]["schema"];
            assert_eq!(schema["maximum"], limit_max);
            assert_eq!(schema["default"], default);
            let runs = &document["components"]["parameters"]["runsLimit"]["schema"];
            assert_eq!(runs["maximum"], limit_max);
        }
    }

    #[test]
    fn every_error_code_is_described_under_its_status() {
        let document = document();
        let mut described = BTreeSet::new();
        for response in document["components"]["responses"]
            .as_object()
            .expect("a map")
            .values()
        {
            let schema = &response["content"]["application/json"]["schema"];
            let codes = &schema["allOf"][1]["properties"]["error"]["enum"];
            described.insert(codes.to_string());
        }
        let known = CODES.iter().map(|(_, codes)| json!(codes).to_string());
        assert_eq!(described, known.collect());
        for (route, operation) in operations(&document) {
            let responses = &operation["responses"];
            for (status, codes) in CODES {
                let response = resolved(&document, &responses[status.to_string()]);
                if response.is_null() {
                    continue;
                }
                let schema = &response["content"]["application/json"]["schema"];
                let described = &schema["allOf"][1]["properties"]["error"]["enum"];
                assert_eq!(described, &json!(codes), "{} {status}", route.path);
            }
        }
    }

    #[test]
    fn endpoints_without_parameters_describe_none() {
        let document = document();
        for (route, operation) in operations(&document)
            .into_iter()
            .filter(|(route, _)| route.endpoint != Endpoint::Page)
            // of which only the deletion has a parameter
            .filter(|(route, _)| route.endpoint != Endpoint::Views)
            // what has a body has no parameters
            .filter(|(_, operation)| operation.get("requestBody").is_none())
        {
            let has_some = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|parameter| resolved(&document, parameter)["in"] == "query");
            assert_ne!(
                has_some,
                route.endpoint.takes_no_parameters(),
                "{}",
                route.path
            );
        }
    }
}
