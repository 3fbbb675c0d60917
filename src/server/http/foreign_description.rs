//! The description of the APIs of other systems for programs (`OpenAPI` 3.1): of those that a server has switched on.

use crate::server::http::foreign_call::ForeignApi;
use crate::server::http::route::{self, Endpoint};
use serde_json::{Map, Value};
use warp::http::Method;

static DESCRIPTION: &str = include_str!("foreign_description.json");

/// Adds the paths that a server with these APIs has, and what they refer to, to the description of the native API.
pub(in crate::server) fn add_to(document: &mut Value, apis: &[ForeignApi]) {
    let Ok(Value::Object(mut ours)) = serde_json::from_str::<Value>(DESCRIPTION) else {
        return;
    };
    let mut paths = taken(&mut ours, "paths");
    paths.retain(|path, _| is_served(path, apis));
    add(document, "/paths", paths);
    let mut components = taken(&mut ours, "components");
    for kind in ["parameters", "responses", "schemas"] {
        let more = taken(&mut components, kind);
        add(document, &format!("/components/{kind}"), more);
    }
}

fn taken(map: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match map.remove(name) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    }
}

fn add(document: &mut Value, pointer: &str, more: Map<String, Value>) {
    if let Some(Value::Object(map)) = document.pointer_mut(pointer) {
        map.extend(more);
    }
}

/// Whether the described path is one of an API that is switched on.
fn is_served(path: &str, apis: &[ForeignApi]) -> bool {
    match route::find(&Method::GET, &example(path)).map(|(route, _)| route.endpoint) {
        Ok(Endpoint::Foreign(call)) => call.api().is_none_or(|api| apis.contains(&api)),
        _ => false,
    }
}

/// The path with a name in place of each parameter.
fn example(path: &str) -> String {
    let parts = path.split('/');
    let named = parts.map(|part| if part.starts_with('{') { "x" } else { part });
    named.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::http::route::ROUTES;
    use serde_json::json;
    use std::collections::BTreeSet;

    const ALL: [ForeignApi; 4] = [
        ForeignApi::E2b,
        ForeignApi::Microsandbox,
        ForeignApi::Sandboxd,
        ForeignApi::Pactown,
    ];

    /// A native description without anything in it.
    fn empty() -> Value {
        json!({"paths": {}, "components": {"parameters": {}, "responses": {}, "schemas": {}}})
    }

    fn paths(apis: &[ForeignApi]) -> BTreeSet<String> {
        let mut document = empty();
        add_to(&mut document, apis);
        let paths = document["paths"].as_object().expect("a map");
        paths.keys().cloned().collect()
    }

    #[test]
    fn every_route_is_described() {
        let described = paths(&ALL);
        let routes_of = |path: &String| {
            route::find(&Method::GET, &example(path))
                .expect("a route")
                .0
                .path
        };
        let reached: BTreeSet<_> = described.iter().map(routes_of).collect();
        let is_foreign = |endpoint| matches!(endpoint, Endpoint::Foreign(_));
        let foreign = ROUTES.iter().filter(|route| is_foreign(route.endpoint));
        assert_eq!(reached, foreign.map(|route| route.path).collect());
        assert_eq!(described.len(), reached.len(), "one description for each");
    }

    #[test]
    fn only_what_is_switched_on_is_described() {
        let events = ["/v1/apps/{id}/events", "/v1/tasks/{id}/events"];
        assert_eq!(paths(&[]), events.map(str::to_owned).into());
        let with_pactown = paths(&[ForeignApi::Pactown]);
        assert!(with_pactown.contains("/runs/{id}/stream"));
        assert_eq!(with_pactown.len(), events.len() + 1);
    }

    #[test]
    fn parameters_of_a_path_are_described() {
        let mut document = empty();
        add_to(&mut document, &ALL);
        let at = |reference: &Value| {
            let pointer = reference["$ref"]
                .as_str()
                .and_then(|text| text.strip_prefix('#'));
            document.pointer(pointer.unwrap_or_default()).cloned()
        };
        for (path, item) in document["paths"].as_object().expect("a map") {
            let listed = item["get"]["parameters"].as_array().expect("a list");
            let in_path: BTreeSet<_> = listed
                .iter()
                // that of a run is part of the native description
                .filter_map(|reference| {
                    at(reference).or_else(|| Some(json!({"in": "path", "name": "id"})))
                })
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| Some(format!("{{{}}}", parameter["name"].as_str()?)))
                .collect();
            let named = path.split('/').filter(|part| part.starts_with('{'));
            assert_eq!(in_path, named.map(str::to_owned).collect(), "{path}");
        }
    }
}
