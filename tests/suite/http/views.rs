//! `GET`, `PUT` and `DELETE /views`: the saved views of the page.

use super::server::Server;
use crate::http::access::Node;
use crate::http::client::Answer;
use serde_json::{Value, json};
use vmlog::server::ServerOptions;

fn put(server: &Server, view: &Value) -> Answer {
    let call = server.get("/views").method("PUT");
    call.body(&view.to_string()).send()
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let views = body["views"].as_array().expect("a list").iter();
    views
        .map(|view| view["name"].as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn views_are_saved_renamed_and_deleted() {
    let server = Server::start();
    assert_eq!(
        server.get("/views").send().json(),
        json!({"views": []}),
        "there are none at first"
    );
    let errors = json!({"name": "Errors of the API", "query": "?source=docker:api&level=error"});
    let saved = put(&server, &errors);
    assert_eq!(saved.status, 200, "{}", saved.text());
    assert_eq!(saved.json(), json!({"views": [errors]}));
    put(&server, &json!({"name": "\u{dc}bersicht", "query": ""}));
    let renamed =
        json!({"name": "API", "query": "?source=docker:api", "replaces": "Errors of the API"});
    assert_eq!(names(&put(&server, &renamed)), ["API", "\u{dc}bersicht"]);
    let deleted = server.get("/views?name=%C3%9Cbersicht").method("DELETE");
    assert_eq!(names(&deleted.send()), ["API"]);
    assert_eq!(names(&server.get("/views").send()), ["API"]);
}

#[test]
fn invalid_views_and_unknown_names_are_refused() {
    let server = Server::start();
    for (view, parameter) in [
        (json!({"name": "", "query": ""}), Some("name")),
        (json!({"name": "a", "query": "level=error"}), Some("query")),
        (json!({"name": "a", "query": "?token=abc"}), Some("query")),
        (json!({"name": "a"}), None),
        (json!({"name": "a", "query": "", "color": "red"}), None),
        (json!([]), None),
    ] {
        let refused = put(&server, &view);
        let body = refused.json();
        assert_eq!(
            (refused.status, &body["error"]),
            (400, &json!("invalid_view")),
            "{view}"
        );
        assert_eq!(body["parameter"].as_str(), parameter, "{view}");
    }
    let unknown = put(&server, &json!({"name": "a", "query": "", "replaces": "b"}));
    assert_eq!(unknown.status, 404);
    let delete = |target: &str| server.get(target).method("DELETE").send();
    assert_eq!(delete("/views?name=a").status, 404);
    assert_eq!(delete("/views").json()["error"], "missing_parameter");
    assert_eq!(delete("/views?id=a").json()["error"], "unknown_parameter");
    let large = json!({"name": "a", "query": format!("?{}", "x".repeat(30_000))});
    assert_eq!(put(&server, &large).status, 413);
    assert_eq!(names(&server.get("/views").send()), Vec::<String>::new());
}

#[test]
fn only_tokens_for_the_whole_machine_see_and_change_views() {
    let node = Node::with(ServerOptions {
        events_token: Some("reporter-token-0123456789".to_owned()),
        ..ServerOptions::default()
    });
    let view = json!({"name": "secret plan", "query": ""});
    assert_eq!(put(&node.server, &view).status, 200);
    let tokens = [
        (
            node.plane
                .token(&json!({"workspace": "ws-1", "scope": "events:write"})),
            false,
        ),
        ("reporter-token-0123456789".to_owned(), false),
        (node.plane.token(&json!({})), true),
    ];
    for (token, sees) in &tokens {
        let seen = node.get("/views", token).send();
        assert_eq!((seen.status, !names(&seen).is_empty()), (200, *sees));
        let put = node.get("/views", token).method("PUT");
        assert_eq!(put.body(&view.to_string()).send().status, 403);
        let delete = node
            .get("/views?name=secret%20plan", token)
            .method("DELETE");
        assert_eq!(delete.send().status, 403);
    }
    let writer = node.plane.token(&json!({"scope": "events:write"}));
    let delete = node
        .get("/views?name=secret%20plan", &writer)
        .method("DELETE");
    assert_eq!(names(&delete.send()), Vec::<String>::new());
}
