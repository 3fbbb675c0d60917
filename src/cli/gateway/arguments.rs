//! The command line of `vmlog gateway`: made of its table of settings.

use super::join;
use crate::cli::serve;
use crate::config::GATEWAY_SETTINGS;
use clap::Command;

/// The arguments of `vmlog gateway`.
pub(in crate::cli) fn command() -> Command {
    let settings = serve::settings_text(GATEWAY_SETTINGS);
    let examples = "Examples:\n  vmlog gateway --registry nodes.json\n  \
                    LOG_GATEWAY_USER_HEADER=X-Forwarded-User vmlog gateway --registry https://control.example/nodes\n  \
                    vmlog gateway token --node node-7    # a machine that accepts no connections joins with it";
    let codes = "Exit codes: 0 stopped by SIGTERM or SIGINT; 1 failed; 2 usage error";
    Command::new("gateway")
        .about("Serve the logs of many machines at one address")
        .long_about(
            "Serves the logs of all machines of a list: one by one, streamed from each, and together, merged by time. Each machine keeps \
             its own records and decides what a client may see, from a token that the gateway signs for it.",
        )
        .after_long_help(format!("{settings}\n{examples}\n\n{codes}"))
        .subcommands([join::token_command(), join::revoke_command()])
        .disable_help_subcommand(true)
        .args_conflicts_with_subcommands(true)
        .args(GATEWAY_SETTINGS.iter().filter_map(serve::argument))
}
