//! Attacks by another user of the machine: links, a token file of that user, a writable data directory.

use crate::support::program::{Place, outcome};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

#[test]
fn reports_a_data_directory_that_others_may_change() {
    let place = Place::new();
    fs::create_dir_all(place.data()).unwrap();
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o755)).unwrap();
    let server = place.serve();
    server.wait_for("source=system:vmlog&search=started", 1);
    assert!(server.all("search=data+directory+is+not+safe").is_empty());
    server.kill();
    fs::set_permissions(place.data(), fs::Permissions::from_mode(0o777)).unwrap();
    let server = place.serve();
    let told = server.wait_for("search=data+directory+is+not+safe", 1);
    assert_eq!(told[0]["level"], "warn");
    assert_eq!(told[0]["metadata"]["event_type"], "data_directory_exposed");
    assert_eq!(
        told[0]["message"],
        "the data directory is not safe: its mode is 777, so other users may change its files"
    );
    server.kill();
}

#[test]
fn a_token_file_that_is_a_link_is_refused() {
    let place = Place::new();
    fs::create_dir_all(place.data()).unwrap();
    let elsewhere = place.data().with_file_name("known-to-somebody");
    fs::write(&elsewhere, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    symlink(&elsewhere, place.data().join("token")).unwrap();
    let (code, out, error) = outcome(&place.command().output().unwrap());
    assert_eq!(code, Some(1), "{out}{error}");
    assert!(error.contains("cannot use"), "{error}");
    assert!(!error.contains("0123456789abcdef") && !out.contains("0123456789abcdef"));
}

#[test]
fn a_log_that_links_to_another_users_file_is_not_read() {
    let mut place = Place::new();
    let folder = place.data().with_file_name("logs");
    fs::create_dir(&folder).unwrap();
    let private = place.data().with_file_name("private");
    fs::write(&private, "what only its owner may read\n").unwrap();
    let link = folder.join("x.log");
    symlink(&private, &link).unwrap();
    // Only root can give the link to another user.
    if lchown(&link, Some(4242), None).is_err() {
        return;
    }
    fs::write(folder.join("y.log"), "an ordinary line\n").unwrap();
    place.set(
        "LOG_FILES",
        &format!("app={}", folder.join("*.log").display()),
    );
    let server = place.serve();
    server.wait_for("search=an+ordinary+line", 1);
    server.wait_for("search=is+a+link+of+user+4242", 1);
    assert!(server.all("search=only+its+owner").is_empty());
    server.kill();
}
