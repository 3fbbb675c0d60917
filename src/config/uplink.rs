//! The settings of a machine that connects to a gateway.

use crate::server::{GatewayUrl, JoinTokenSource, UplinkOptions, WorkspaceSources};
use std::path::{Path, PathBuf};

/// The settings, each by itself.
pub(super) struct UplinkSettings {
    pub(super) gateway: Option<GatewayUrl>,
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) authorities: Option<PathBuf>,
    pub(super) node: Option<String>,
    pub(super) workspace_sources: WorkspaceSources,
}

/// A setting that has no effect without another one.
pub(super) struct LonelySetting {
    pub(super) set: &'static str,
    pub(super) missing: &'static str,
}

impl UplinkSettings {
    /// The gateway to connect to, if one is set.
    pub(super) fn options(self, data_dir: &Path) -> Result<Option<UplinkOptions>, LonelySetting> {
        let Some(gateway) = self.gateway else {
            let set = [
                ("LOG_JOIN_TOKEN", self.token.is_some()),
                ("LOG_JOIN_TOKEN_FILE", self.token_file.is_some()),
                ("LOG_JOIN_CA", self.authorities.is_some()),
            ];
            let set = set.into_iter().find(|(_, is_set)| *is_set);
            let missing = "LOG_JOIN_GATEWAY";
            return set.map_or(Ok(None), |(set, _)| Err(LonelySetting { set, missing }));
        };
        let nameless = LonelySetting {
            set: "LOG_JOIN_GATEWAY",
            missing: "LOG_NODE_ID",
        };
        let token = self.token.map(JoinTokenSource::Text);
        Ok(Some(UplinkOptions {
            gateway,
            token: token.or(self.token_file.map(JoinTokenSource::File)),
            authorities: self.authorities,
            node: self.node.ok_or(nameless)?,
            directory: data_dir.to_owned(),
            workspace_sources: self.workspace_sources,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::raw;
    use crate::config::uplink_options;

    fn check(settings: &[(&str, &str)]) -> Result<Option<UplinkOptions>, String> {
        uplink_options(&raw(settings), Path::new("/data")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_gateway_needs_the_name_of_this_machine() {
        assert!(check(&[]).expect("valid").is_none());
        let gateway = ("LOG_JOIN_GATEWAY", "https://logs.example");
        let error = check(&[gateway]).expect_err("refused");
        assert_eq!(
            error,
            "LOG_JOIN_GATEWAY has no effect alone: set LOG_NODE_ID as well"
        );
        let node = ("LOG_NODE_ID", "n1");
        let token = ("LOG_JOIN_TOKEN", "vmlog-join-0123456789");
        let options = check(&[gateway, node, token]).expect("valid");
        let options = options.expect("a gateway");
        assert_eq!(options.gateway.to_string(), "https://logs.example");
        assert_eq!(
            options.token,
            Some(JoinTokenSource::Text(token.1.to_owned()))
        );
    }

    #[test]
    fn settings_without_a_gateway_have_no_effect() {
        for name in ["LOG_JOIN_TOKEN", "LOG_JOIN_TOKEN_FILE", "LOG_JOIN_CA"] {
            let error = check(&[(name, "/etc/vmlog/join-token")]).expect_err("refused");
            let expected = format!("{name} has no effect alone: set LOG_JOIN_GATEWAY as well");
            assert_eq!(error, expected);
        }
        let error = check(&[("LOG_JOIN_GATEWAY", "http://logs.example")]).expect_err("refused");
        assert!(error.contains("a URL with https"), "{error}");
    }
}
