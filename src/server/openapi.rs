//! The description of the API for programs (`OpenAPI` 3.1).

use super::encoding::Encoding;
use super::request::Request;
use warp::reply::Response;

static DESCRIPTION: &[u8] = include_bytes!("openapi.json");

/// `GET /openapi.json`
pub(super) fn description(request: &Request) -> Response {
    Encoding::asked_by(&request.headers)
        .whole(DESCRIPTION.to_vec())
        .into_response("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{self, Limits};
    use crate::server::route::{Access, ROUTES, Route};
    use crate::time::Micros;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn document() -> Value {
        serde_json::from_slice(DESCRIPTION).expect("JSON")
    }

    /// What `$ref` leads to, or the value itself.
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
    fn every_path_is_described_and_every_described_path_is_answered() {
        let document = document();
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .expect("a map")
            .keys()
            .map(String::as_str)
            .collect();
        // the description cannot say that a name may have slashes in it
        let path = |route: &Route| route.path.replace("...}", "}");
        let answered: BTreeSet<_> = ROUTES.iter().map(path).collect();
        let answered: BTreeSet<_> = answered.iter().map(String::as_str).collect();
        assert_eq!(described, answered);
        for route in ROUTES {
            let operation = &document["paths"][path(route)]["get"];
            let open = operation["security"].as_array().is_some_and(Vec::is_empty);
            assert_eq!(open, route.access == Access::Open, "{}", route.path);
            let refusals = &operation["responses"];
            assert_eq!(refusals.get("401").is_some(), !open, "{}", route.path);
            for status in ["200", "400", "403", "405", "413", "429", "500", "503"] {
                assert!(refusals.get(status).is_some(), "{} {status}", route.path);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_used() {
        let document = document();
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
    fn every_described_parameter_is_understood_with_its_example() {
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
            let understood = query::parse_page(&query, &limits, Micros::now());
            assert!(understood.is_ok(), "{query:?}: {:?}", understood.err());
        }
    }
}
