//! `vmlog open`: the address of the page, printed or opened in a browser.

use super::address::OwnServer;
use super::{json_argument, print};
use crate::cli::evidence;
use crate::cli::failure::Failure;
use crate::cli::files::read_text;
use crate::cli::parameters::flag;
use crate::cli::settings::{self, variable};
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process;
use std::process::Stdio;

/// A token has up to 512 characters; a file may have blanks around it.
const TOKEN_BYTES_MAX: u64 = 4096;

/// The arguments of `vmlog open`.
pub(in crate::cli) fn command() -> Command {
    Command::new("open")
        .about("Print the address of the page, or open it in a browser")
        .long_about(
            "Prints the address of this machine's server. On a terminal the address contains the access token; a pipe gets it \
             only with --token. In a graphical session the page opens in the browser. With BUNDLE, serves the records of a bundle of \
             `vmlog evidence` on a port of this machine until it is stopped, and prints that address with its token.",
        )
        .after_help(
            "Examples:\n  vmlog open\n  sudo vmlog open --print\n  curl \"$(vmlog open --token)\"\n  vmlog open evidence.tar.zst\n\n\
             Exit codes: 0 done; 1 no server answers, or failed; 2 usage error",
        )
        .arg(
            Arg::new("bundle")
                .value_name("BUNDLE")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with_all(["print", "token", "json"])
                .help("Show the records of this bundle of `vmlog evidence`"),
        )
        .arg(flag("print", "Print the address, do not open a browser"))
        .arg(flag("token", "Include the token even if the output is not a terminal"))
        .arg(json_argument())
}

/// Prints or opens the address.
pub(in crate::cli) fn run(matches: &ArgMatches) -> Result<(), Failure> {
    if let Some(bundle) = matches.get_one::<PathBuf>("bundle") {
        return evidence::page::serve(bundle);
    }
    let config = settings::config(matches)?;
    let server = OwnServer::new(&config);
    let url = server.url();
    let is_reachable = server.is_reachable();
    let token = match &config.api_token {
        Some(token) => Ok(token.0.clone()),
        None => match &server.token_file {
            Some(path) => read_text(path, TOKEN_BYTES_MAX)
                .map_err(|error| format!("cannot read the token in {}: {error}", path.display())),
            None => Err("there is no token".to_owned()),
        },
    };
    let wants_token = matches.get_flag("token") || io::stdout().is_terminal();
    let is_json = matches.get_flag("json");
    let address = match (&token, wants_token) {
        (Ok(token), true) => format!("{url}/?token={}", token.trim()),
        _ => format!("{url}/"),
    };
    let token_file = server
        .token_file
        .as_ref()
        .map(|path| path.display().to_string());
    if is_reachable || is_json {
        let answer = json!({"url": address, "reachable": is_reachable, "tokenFile": token_file});
        print(is_json, || answer, || format!("{address}\n"))?;
    }
    if !is_reachable {
        return Err(Failure::failed(format!(
            "no server answers at {url}; start it with `vmlog serve` or `systemctl start vmlog`"
        )));
    }
    if is_json {
        return Ok(());
    }
    explain(&server, token.as_ref().err().filter(|_| wants_token));
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .into_iter()
        .any(|name| variable(name).is_some());
    if has_screen && io::stdout().is_terminal() && !matches.get_flag("print") {
        browse(&address);
    }
    Ok(())
}

/// Explains what else is needed to reach the page.
fn explain(server: &OwnServer, trouble: Option<&String>) {
    if let Some(trouble) = trouble {
        notice!("{trouble}; run it as the user of the server, or with sudo");
    }
    if variable("SSH_CONNECTION").is_some() && io::stderr().is_terminal() {
        let port = server.port();
        notice!(
            "from your own computer: ssh -L {port}:127.0.0.1:{port} USER@THIS-MACHINE, then open the address"
        );
    }
}

fn browse(address: &str) {
    let opened = process::Command::new("xdg-open")
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = opened {
        notice!("cannot start a browser: xdg-open: {error}");
    }
}
