//! Settings: environment and flags -> raw texts -> one checked [`Config`]. Lower modules never read the environment.

mod gateway;
mod gateway_table;
mod setting;
mod table;
mod tables;
mod uplink;
mod value;

use crate::capture::Keep;
use crate::collect::{
    CaptureOptions, CatchUpMax, CloudInitOptions, ContainerEngine, ContainerOptions, FileOptions,
    FollowOptions, JournaldOptions, PodOptions, Recognition, SandboxOptions, Since,
};
use crate::pipeline;
use crate::redact;
use crate::server::{ForeignApi, GatewayUrl, Network, NodeAuth, UplinkOptions};
use crate::store;
use crate::store::SyncPolicy;
use crate::time::Micros;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use gateway::GatewayConfig;
pub(crate) use gateway_table::GATEWAY_SETTINGS;
pub(crate) use setting::Setting;
use table::OWN_PREFIXES;
pub(crate) use table::SETTINGS;
pub(crate) use tables::all_settings;
use tables::setting;
use uplink::UplinkSettings;
use value::ValueKind;
pub(crate) use value::duration;

/// All settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) api_token: Option<ApiToken>,
    /// Checks tokens of a control plane, if configured.
    pub(crate) node_auth: Option<NodeAuth>,
    /// The gateway to connect to.
    pub(crate) uplink: Option<UplinkOptions>,
    /// The certificate and its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) journal: JournaldOptions,
    pub(crate) capture: CaptureOptions,
    /// Which output of commands is recorded.
    pub(crate) captured_streams: Keep,
    /// The folder of other users' captures.
    pub(crate) spool: PathBuf,
    pub(crate) cloud_init: CloudInitOptions,
    pub(crate) files: Vec<FileOptions>,
    pub(crate) docker_json: ContainerOptions,
    pub(crate) nerdctl: ContainerOptions,
    pub(crate) podman: ContainerOptions,
    pub(crate) pods: PodOptions,
    pub(crate) sandboxes: Option<SandboxOptions>,
    pub(crate) store: store::Options,
    /// The store of the events.
    pub(crate) events: store::Options,
    /// May only write events.
    pub(crate) events_token: Option<ApiToken>,
    /// The maximum size of a bundle of evidence.
    pub(crate) evidence_bytes_max: u64,
    pub(crate) foreign_apis: Vec<ForeignApi>,
    pub(crate) flush: pipeline::PipelineOptions,
    pub(crate) tail: TailSettings,
    pub(crate) api: ApiSettings,
    pub(crate) redact: redact::RedactOptions,
}

/// An access token that never appears in logs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiToken(pub(crate) String);

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([REDACTED])")
    }
}

/// Limits of live tails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TailSettings {
    pub(crate) ring_rows: usize,
    pub(crate) queue_rows: usize,
    pub(crate) connections_max: usize,
    pub(crate) ends_with_token: bool,
}

/// Limits of the API.
#[derive(Debug, Clone)]
pub(crate) struct ApiSettings {
    pub(crate) page_limit_max: usize,
    pub(crate) rate: u32,
    pub(crate) burst: u32,
    pub(crate) hosts: Vec<String>,
    pub(crate) cors_origins: Vec<String>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) connections_max: usize,
}

/// Settings before they are checked.
#[derive(Debug, Clone)]
pub(crate) struct RawSettings {
    /// Flags by setting name; they take precedence over the environment.
    pub(crate) flags: BTreeMap<&'static str, String>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether the user is root, which determines the default data directory.
    pub(crate) root: bool,
    /// The time that relative times refer to.
    pub(crate) now: Micros,
}

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Error {
    Invalid {
        title: String,
        found: String,
        allowed: String,
    },
    Unknown {
        name: String,
        closest: Option<&'static str>,
    },
    NoDataDir,
    Needs {
        set: &'static str,
        missing: &'static str,
    },
    OpenDoor {
        listen: SocketAddr,
    },
}

impl Config {
    /// Checks all settings.
    pub(crate) fn check(raw: &RawSettings) -> Result<Self, Error> {
        raw.refuse_unknown()?;
        let data_dir = raw.data_dir()?;
        let config = Self {
            capture: capture_options(raw, &data_dir)?,
            captured_streams: raw.read("LOG_CAPTURE_STREAMS", Keep::named)?,
            spool: raw.read("LOG_CAPTURE_SPOOL", value::path)?,
            uplink: uplink_options(raw, &data_dir)?,
            data_dir,
            listen: raw.read("LOG_LISTEN", value::address)?,
            api_token: raw.optional("LOG_API_TOKEN", value::token)?.map(ApiToken),
            node_auth: node_auth(raw)?,
            tls: tls_files(raw, "LOG_TLS_CERT", "LOG_TLS_KEY")?,
            journal: journal_options(raw)?,
            cloud_init: cloud_init_options(raw)?,
            files: file_options(raw)?,
            docker_json: container_options(raw, ContainerEngine::Docker, "LOG_DOCKER_JSON_DIR")?,
            nerdctl: container_options(raw, ContainerEngine::Nerdctl, "LOG_NERDCTL_DIR")?,
            podman: container_options(raw, ContainerEngine::Podman, "LOG_PODMAN_DIR")?,
            pods: pod_options(raw)?,
            sandboxes: sandbox_options(raw)?,
            store: store_options(raw)?,
            events: event_store_options(raw)?,
            foreign_apis: raw.read("LOG_FOREIGN_APIS", |text| {
                let words = value::list(text);
                words.iter().map(|word| ForeignApi::named(word)).collect()
            })?,
            evidence_bytes_max: raw.bytes("LOG_EVIDENCE_MAX_BYTES")?,
            events_token: raw
                .optional("LOG_EVENTS_TOKEN", value::token)?
                .map(ApiToken),
            flush: pipeline::PipelineOptions {
                flush_after: Duration::from_millis(raw.number("LOG_STORE_FLUSH_MS")?),
                flush_records: raw.count("LOG_STORE_FLUSH_RECORDS")?,
                sources_max: raw.count("LOG_STORE_MAX_SOURCES")?,
                timeouts: pipeline::SourceTimeouts::default(),
            },
            tail: TailSettings {
                ring_rows: raw.count("LOG_TAIL_BUFFER_SIZE")?,
                queue_rows: raw.count("LOG_TAIL_SEND_BUFFER")?,
                connections_max: raw.count("LOG_TAIL_MAX_CONNECTIONS")?,
                ends_with_token: raw.read("LOG_TAIL_END_WITH_TOKEN", value::switch)?,
            },
            api: ApiSettings {
                page_limit_max: raw.count("LOG_API_MAX_LIMIT")?,
                rate: raw.small("LOG_API_RATE")?,
                burst: raw.small("LOG_API_BURST")?,
                hosts: value::list(raw.text("LOG_API_HOSTS")),
                cors_origins: raw.read("LOG_CORS_ORIGINS", value::origins)?,
                trusted_proxies: raw.read("LOG_API_TRUSTED_PROXIES", value::networks)?,
                connections_max: raw.count("LOG_API_MAX_CONNECTIONS")?,
            },
            redact: redact::RedactOptions {
                patterns: value::patterns(raw.text("LOG_REDACT_PATTERNS")),
                allowed: value::patterns(raw.text("LOG_REDACT_ALLOW")),
                disabled: value::list(raw.text("LOG_REDACT_DISABLE")),
                strict: raw.read("LOG_REDACT_STRICT", value::switch)?,
            },
        };
        let has_key = config.api_token.is_some() || config.node_auth.is_some();
        if !has_key && !config.listen.ip().is_loopback() {
            return Err(Error::OpenDoor {
                listen: config.listen,
            });
        }
        Ok(config)
    }
}

/// Tokens of a control plane are accepted if all settings for checking them are set.
fn node_auth(raw: &RawSettings) -> Result<Option<NodeAuth>, Error> {
    let keys = raw.optional("LOG_AUTH_JWKS", value::keys)?;
    let issuer = raw.optional("LOG_AUTH_ISSUER", value::issuer)?;
    let node = raw.optional("LOG_NODE_ID", value::node)?;
    let workspace_sources = raw.read("LOG_AUTH_WORKSPACE_SOURCES", value::workspace_sources)?;
    let Some(keys) = keys else {
        return match issuer {
            Some(_) => Err(needs("LOG_AUTH_ISSUER", "LOG_AUTH_JWKS")),
            None => Ok(None),
        };
    };
    Ok(Some(NodeAuth {
        keys,
        issuer: issuer.ok_or(needs("LOG_AUTH_JWKS", "LOG_AUTH_ISSUER"))?,
        node: node.ok_or(needs("LOG_AUTH_JWKS", "LOG_NODE_ID"))?,
        authorities: raw.optional("LOG_AUTH_CA", value::path)?,
        workspace_sources,
        keys_floor: NodeAuth::KEYS_FLOOR,
    }))
}

/// The gateway to connect to, if one is set.
fn uplink_options(raw: &RawSettings, data_dir: &Path) -> Result<Option<UplinkOptions>, Error> {
    let settings = UplinkSettings {
        gateway: raw.optional("LOG_JOIN_GATEWAY", GatewayUrl::parse)?,
        token: raw.optional("LOG_JOIN_TOKEN", value::token)?,
        token_file: raw.optional("LOG_JOIN_TOKEN_FILE", value::path)?,
        authorities: raw.optional("LOG_JOIN_CA", value::path)?,
        node: raw.optional("LOG_NODE_ID", value::node)?,
        workspace_sources: raw.read("LOG_AUTH_WORKSPACE_SOURCES", value::workspace_sources)?,
    };
    let checked = settings.options(data_dir);
    checked.map_err(|lonely| needs(lonely.set, lonely.missing))
}

/// A certificate and its key: both, or neither.
fn tls_files(
    raw: &RawSettings,
    certificate_name: &'static str,
    key_name: &'static str,
) -> Result<Option<(PathBuf, PathBuf)>, Error> {
    let certificate = raw.optional(certificate_name, value::path)?;
    let key = raw.optional(key_name, value::path)?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(needs(certificate_name, key_name)),
        (None, Some(_)) => Err(needs(key_name, certificate_name)),
    }
}

fn needs(set: &'static str, missing: &'static str) -> Error {
    Error::Needs { set, missing }
}

fn journal_options(raw: &RawSettings) -> Result<JournaldOptions, Error> {
    let since = raw.optional("LOG_JOURNAL_SINCE", |text| value::time(text, raw.now))?;
    let age_max = raw.duration("LOG_STORE_MAX_AGE")?.as_micros();
    let age_max = i64::try_from(age_max).unwrap_or(i64::MAX);
    let earliest = Micros::new(raw.now.get().saturating_sub(age_max));
    Ok(JournaldOptions {
        directories: raw.read("LOG_JOURNAL_DIRS", value::paths)?,
        namespaces: raw.read("LOG_JOURNAL_NAMESPACES", |text| {
            Some(value::namespaces(text))
        })?,
        units: raw.read("LOG_JOURNAL_UNITS", |text| text.parse().ok())?,
        docker: raw.read("LOG_JOURNAL_DOCKER", value::switch)?,
        levels: raw.read("LOG_JOURNAL_LEVELS", value::levels)?,
        recognition: recognition(raw)?,
        since: since.map_or(Since::LastBoot { earliest }, Since::Time),
        field_bytes_max: usize::try_from(raw.bytes("LOG_JOURNAL_FIELD_MAX")?).unwrap_or(usize::MAX),
    })
}

fn cloud_init_options(raw: &RawSettings) -> Result<CloudInitOptions, Error> {
    let output = raw.read("LOG_CLOUD_INIT_PATH", value::path)?;
    let wants_log = raw.read("LOG_CLOUD_INIT_LOG", value::switch)?;
    let log = wants_log.then(|| output.with_file_name("cloud-init.log"));
    Ok(CloudInitOptions {
        output,
        log,
        follow: follow_options(raw)?,
    })
}

fn container_options(
    raw: &RawSettings,
    engine: ContainerEngine,
    setting: &'static str,
) -> Result<ContainerOptions, Error> {
    let directory = raw.read(setting, value::path)?;
    Ok(ContainerOptions {
        follow: follow_options(raw)?,
        ..ContainerOptions::new(engine, directory)
    })
}

fn pod_options(raw: &RawSettings) -> Result<PodOptions, Error> {
    let directory = raw.read("LOG_CRI_DIR", value::path)?;
    Ok(PodOptions {
        follow: follow_options(raw)?,
        ..PodOptions::new(directory)
    })
}

fn follow_options(raw: &RawSettings) -> Result<FollowOptions, Error> {
    Ok(FollowOptions {
        recognition: recognition(raw)?,
        catch_up_max: catch_up_max(raw)?,
        ..FollowOptions::default()
    })
}

fn file_options(raw: &RawSettings) -> Result<Vec<FileOptions>, Error> {
    let files = raw.read("LOG_FILES", value::files)?;
    let follow = follow_options(raw)?;
    let options = |file: value::FileEntry| FileOptions {
        follow: FollowOptions {
            recognition: Recognition {
                zone: (file.zone).unwrap_or_else(|| follow.recognition.zone.clone()),
                ..follow.recognition.clone()
            },
            ..follow.clone()
        },
        excluded: file.excluded,
        ..FileOptions::new(file.name, file.path)
    };
    Ok(files.into_iter().map(options).collect())
}

/// Existing rotated files of one log may fill a quarter of the store.
fn catch_up_max(raw: &RawSettings) -> Result<CatchUpMax, Error> {
    let lines: u64 = raw.number("LOG_STORE_MAX_ROWS")?;
    Ok(CatchUpMax {
        lines: lines / 4,
        bytes: raw.bytes("LOG_STORE_MAX_BYTES")? / 4,
    })
}

fn recognition(raw: &RawSettings) -> Result<Recognition, Error> {
    Ok(Recognition {
        structured: raw.read("LOG_STRUCTURED_SOURCES", |text| text.parse().ok())?,
        disabled: raw.read("LOG_RECOGNITION_DISABLE", value::disabled_rules)?,
        zone: raw.read("LOG_TIME_ZONE", value::zone)?,
    })
}

fn sandbox_options(raw: &RawSettings) -> Result<Option<SandboxOptions>, Error> {
    let Some(directory) = raw.optional("LOG_SANDBOX_DIR", value::path)? else {
        return Ok(None);
    };
    Ok(Some(SandboxOptions {
        follow: follow_options(raw)?,
        ..SandboxOptions::new(directory)
    }))
}

fn capture_options(raw: &RawSettings, data_dir: &Path) -> Result<CaptureOptions, Error> {
    let directory = raw.given("LOG_CAPTURE_DIR").map(PathBuf::from);
    let directory = directory.unwrap_or_else(|| data_dir.join("capture"));
    Ok(CaptureOptions {
        lines_max: raw.number("LOG_CAPTURE_MAX_LINES")?,
        bytes_max: raw.bytes("LOG_CAPTURE_MAX_BYTES")?,
        recognition: recognition(raw)?,
        ..CaptureOptions::new(directory)
    })
}

fn store_options(raw: &RawSettings) -> Result<store::Options, Error> {
    let interval = raw.duration("LOG_STORE_SYNC_INTERVAL")?;
    Ok(store::Options {
        rows_max: raw.number("LOG_STORE_MAX_ROWS")?,
        age_max: raw.duration("LOG_STORE_MAX_AGE")?,
        bytes_max: raw.bytes("LOG_STORE_MAX_BYTES")?,
        prune_interval: raw.duration("LOG_STORE_PRUNE_INTERVAL")?,
        segment_rows: raw.number("LOG_STORE_SEGMENT_ROWS")?,
        segment_bytes: raw.bytes("LOG_STORE_SEGMENT_BYTES")?,
        sync: raw.read("LOG_STORE_SYNC", |text| match text {
            "batch" => Some(SyncPolicy::Batch),
            "interval" => Some(SyncPolicy::Interval(interval)),
            "off" => Some(SyncPolicy::Off),
            _ => None,
        })?,
        free_percent_min: u8::try_from(raw.number("LOG_STORE_MIN_FREE")?).unwrap_or(u8::MAX),
        keep_bytes_min: raw.bytes("LOG_STORE_MIN_KEEP")?,
        kept_bytes_max: raw.bytes("LOG_STORE_KEEP_BYTES")?,
        kept_rows_per_source: raw.number("LOG_STORE_KEEP_ROWS")?,
        ..store::Options::default()
    })
}

/// Events are few and must not be lost, so that each is synced.
fn event_store_options(raw: &RawSettings) -> Result<store::Options, Error> {
    Ok(store::Options {
        rows_max: raw.number("LOG_EVENTS_MAX_ROWS")?,
        age_max: raw.duration("LOG_EVENTS_MAX_AGE")?,
        bytes_max: raw.bytes("LOG_EVENTS_MAX_BYTES")?,
        sync: SyncPolicy::Batch,
        ..store_options(raw)?
    })
}

impl RawSettings {
    /// The value of `name`. An empty text counts as unset, as in unit files and compose files.
    fn given(&self, name: &str) -> Option<&str> {
        let found = self
            .flags
            .get(name)
            .or_else(|| self.environment.get(name))?;
        (!found.is_empty()).then_some(found)
    }

    fn text(&self, name: &'static str) -> &str {
        self.given(name).unwrap_or(setting(name).default)
    }

    fn read<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        let text = self.text(name);
        read(text).ok_or_else(|| invalid(setting(name), text))
    }

    fn optional<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.given(name) {
            None => Ok(None),
            Some(text) => read(text)
                .map(Some)
                .ok_or_else(|| invalid(setting(name), text)),
        }
    }

    fn number(&self, name: &'static str) -> Result<u64, Error> {
        let ValueKind::Number { min, max } = setting(name).kind else {
            panic!("{name} is not a number")
        };
        self.read(name, |text| value::number(text, min, max))
    }

    fn count(&self, name: &'static str) -> Result<usize, Error> {
        let number = self.number(name)?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn small(&self, name: &'static str) -> Result<u32, Error> {
        let number = self.number(name)?;
        Ok(u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn duration(&self, name: &'static str) -> Result<Duration, Error> {
        let ValueKind::Duration { min_s, max_s } = setting(name).kind else {
            panic!("{name} is not a duration")
        };
        self.read(name, |text| duration(text, min_s, max_s))
    }

    fn bytes(&self, name: &'static str) -> Result<u64, Error> {
        let ValueKind::Bytes { min, max } = setting(name).kind else {
            panic!("{name} is not a size")
        };
        self.read(name, |text| value::bytes(text, min, max))
    }

    /// A digest of each setting that is given, by name: equal ones are equal settings. Tokens are only given or not, as a digest would
    /// help those who guess them.
    pub(crate) fn fingerprints(&self) -> BTreeMap<String, String> {
        let fingerprint = |setting: &Setting| {
            let value = self.given(setting.name)?;
            let value = match setting.kind {
                ValueKind::Token => "given",
                _ => value,
            };
            let digest = ring::digest::digest(&ring::digest::SHA256, value.as_bytes());
            let start = digest.as_ref().get(..12).unwrap_or_default();
            Some((setting.name.to_owned(), STANDARD.encode(start)))
        };
        SETTINGS.iter().filter_map(fingerprint).collect()
    }

    /// Where the store and the access token are kept.
    pub(crate) fn data_dir(&self) -> Result<PathBuf, Error> {
        if let Some(given) = self.given("LOG_DATA_DIR") {
            return Ok(PathBuf::from(given));
        }
        if self.root {
            return Ok(PathBuf::from("/var/lib/vmlog"));
        }
        // https://specifications.freedesktop.org/basedir-spec: a relative path is invalid and ignored.
        let absolute = |name: &str| {
            self.given(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("vmlog"))
            .ok_or(Error::NoDataDir)
    }

    /// Rejects unknown settings, because a misspelt one would silently not apply.
    fn refuse_unknown(&self) -> Result<(), Error> {
        let known = |name: &str| all_settings().any(|setting| setting.name == name);
        let ours = |name: &str| OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        match self
            .environment
            .keys()
            .find(|name| ours(name) && !known(name))
        {
            None => Ok(()),
            Some(name) => Err(Error::Unknown {
                name: name.clone(),
                closest: closest(name),
            }),
        }
    }
}

fn invalid(setting: &Setting, found: &str) -> Error {
    let found = match setting.kind {
        ValueKind::Token => "something else".to_owned(),
        _ => format!("{found:?}"),
    };
    Error::Invalid {
        title: setting.title(),
        found,
        allowed: setting.kind.to_string(),
    }
}

/// The setting that shares the longest prefix with a misspelt one.
fn closest(name: &str) -> Option<&'static str> {
    let shared = |other: &str| {
        other
            .bytes()
            .zip(name.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    all_settings()
        .map(|setting| setting.name)
        .max_by_key(|other| shared(other))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid {
                title,
                found,
                allowed,
            } => write!(f, "{title}: expected {allowed}, found {found}"),
            Self::Unknown {
                name,
                closest: Some(closest),
            } => {
                write!(f, "{name}: unknown setting; did you mean {closest}?")
            }
            Self::Unknown {
                name,
                closest: None,
            } => write!(f, "{name}: unknown setting"),
            Self::NoDataDir => {
                f.write_str("no data directory: set --data-dir / LOG_DATA_DIR (HOME is not set)")
            }
            Self::Needs { set, missing } => {
                write!(f, "{set} has no effect alone: set {missing} as well")
            }
            Self::OpenDoor { listen } => write!(
                f,
                "--listen / LOG_LISTEN: {listen} can be reached by others: set LOG_API_TOKEN to a key of 16 characters or more, \
                 or listen on 127.0.0.1"
            ),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Namespaces;
    use crate::record::Level;

    #[test]
    fn fingerprints_tell_of_changes_but_not_of_tokens() {
        let prints = |pairs: &[(&str, &str)]| raw(pairs).fingerprints();
        let token = |token: &str| prints(&[("LOG_API_TOKEN", token), ("LOG_API_RATE", "5")]);
        assert_eq!(token("a-token-of-16-chars"), token("another-token-of-16"));
        assert_ne!(
            token("a-token-of-16-chars"),
            prints(&[("LOG_API_RATE", "5")])
        );
        assert_ne!(
            prints(&[("LOG_API_RATE", "5")]),
            prints(&[("LOG_API_RATE", "6")])
        );
        assert_eq!(
            prints(&[("LOG_API_RATE", ""), ("HOME", "/root")]),
            BTreeMap::new()
        );
    }
    /// Settings of root in the environment.
    pub(super) fn raw(environment: &[(&str, &str)]) -> RawSettings {
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        RawSettings {
            flags: BTreeMap::new(),
            environment,
            root: true,
            now: Micros::new(1_000_000_000_000_000),
        }
    }

    fn error(environment: &[(&str, &str)]) -> String {
        Config::check(&raw(environment)).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_valid() {
        let config = Config::check(&raw(&[])).unwrap();
        assert_eq!(config.data_dir, PathBuf::from("/var/lib/vmlog"));
        assert_eq!(
            config.capture.directory,
            PathBuf::from("/var/lib/vmlog/capture")
        );
        assert_eq!(config.listen, SocketAddr::from(([127, 0, 0, 1], 8687)));
        assert_eq!(config.api_token, None);
        assert_eq!(config.store.rows_max, 1_000_000);
        assert_eq!(config.store.age_max, Duration::from_hours(168));
        assert_eq!(
            config.store.sync,
            SyncPolicy::Interval(Duration::from_secs(1))
        );
        let earliest = Micros::new(1_000_000_000_000_000 - 604_800_000_000);
        assert_eq!(config.journal.since, Since::LastBoot { earliest });
        assert_eq!(config.journal.levels, JournaldOptions::LEVELS);
        assert_eq!(config.journal.namespaces, Namespaces::All);
        assert_eq!(config.journal.field_bytes_max, 1 << 20);
        assert_eq!(config.capture.lines_max, 10_000);
        assert_eq!(config.capture.bytes_max, 2 << 20);
        assert_eq!(config.tail.queue_rows, 256);
        assert_eq!(
            config.cloud_init.log,
            Some(PathBuf::from("/var/log/cloud-init.log"))
        );
    }

    #[test]
    fn collectors_follow_the_settings() {
        let config = Config::check(&raw(&[
            ("LOG_JOURNAL_SINCE", "-1h"),
            ("LOG_JOURNAL_LEVELS", "6=debug"),
            ("LOG_JOURNAL_NAMESPACES", "default"),
            ("LOG_FILES", "a=/a.log,b=/b.log"),
            ("LOG_STRUCTURED_SOURCES", "*,!file:b,!docker:web"),
            ("LOG_CAPTURE_MAX_LINES", "100"),
            ("LOG_CAPTURE_MAX_BYTES", "1MiB"),
        ]))
        .unwrap();
        let hour_ago = Micros::new(1_000_000_000_000_000 - 3_600_000_000);
        assert_eq!(config.journal.since, Since::Time(hour_ago));
        assert_eq!(config.journal.levels[6], Level::Debug);
        let unnamed = Namespaces::Named(vec![String::new()]);
        assert_eq!(config.journal.namespaces, unnamed);
        let structured = &config.docker_json.follow.recognition.structured;
        assert_eq!(structured, &config.files[0].follow.recognition.structured);
        for (source, is_kept) in [
            ("file:a", true),
            ("file:b", false),
            ("docker:web", false),
            ("docker:db", true),
        ] {
            assert_eq!(structured.keep(source.as_bytes()), is_kept, "{source}");
        }
        assert_eq!(config.capture.lines_max, 100);
        assert_eq!(config.capture.bytes_max, 1 << 20);
    }

    #[test]
    fn a_flag_takes_precedence_and_an_empty_value_is_unset() {
        let mut raw = raw(&[("LOG_LISTEN", "127.0.0.1:1"), ("LOG_STORE_MAX_ROWS", "")]);
        raw.flags.insert("LOG_LISTEN", "127.0.0.1:2".into());
        let config = Config::check(&raw).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.store.rows_max, 1_000_000);
    }

    #[test]
    fn every_default_is_valid_and_every_kind_rejects_invalid_values() {
        for setting in SETTINGS {
            if matches!(
                setting.kind,
                ValueKind::Path
                    | ValueKind::Paths
                    | ValueKind::Keys
                    | ValueKind::List
                    | ValueKind::Patterns
            ) {
                continue;
            }
            let text = error(&[(setting.name, "\u{1}nonsense")]);
            let expected = format!("{}: expected {}, found ", setting.title(), setting.kind);
            assert!(text.starts_with(&expected), "{text}");
        }
    }

    #[test]
    fn an_error_names_setting_value_and_what_is_allowed() {
        assert_eq!(
            error(&[("LOG_API_MAX_LIMIT", "0")]),
            "LOG_API_MAX_LIMIT: expected 1 to 10000, found \"0\""
        );
        assert_eq!(
            error(&[("LOG_LISTEN", "nowhere")]),
            "--listen / LOG_LISTEN: expected an address and port such as 127.0.0.1:8687, found \"nowhere\""
        );
    }

    #[test]
    fn a_token_is_never_printed() {
        assert_eq!(
            error(&[("LOG_API_TOKEN", "hunter2")]),
            "LOG_API_TOKEN: expected 16 to 512 visible ASCII characters, found something else"
        );
        let config = Config::check(&raw(&[("LOG_API_TOKEN", "0123456789abcdef")])).unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn a_misspelt_setting_is_an_error_but_foreign_variables_are_ignored() {
        assert_eq!(
            error(&[("LOG_STORE_MAX_ROW", "5")]),
            "LOG_STORE_MAX_ROW: unknown setting; did you mean LOG_STORE_MAX_ROWS?"
        );
        assert!(Config::check(&raw(&[("LOG_LEVEL", "debug"), ("LOGNAME", "root")])).is_ok());
    }

    #[test]
    fn a_public_address_needs_a_token() {
        assert_eq!(
            error(&[("LOG_LISTEN", "0.0.0.0:8687")]),
            "--listen / LOG_LISTEN: 0.0.0.0:8687 can be reached by others: set LOG_API_TOKEN to a key of 16 characters or \
             more, or listen on 127.0.0.1"
        );
        let open = [
            ("LOG_LISTEN", "0.0.0.0:8687"),
            ("LOG_API_TOKEN", "0123456789abcdef"),
        ];
        assert!(Config::check(&raw(&open)).is_ok());
    }

    #[test]
    fn a_user_keeps_records_in_the_state_directory() {
        let place = |environment: &[(&str, &str)]| {
            let raw = RawSettings {
                root: false,
                ..raw(environment)
            };
            Config::check(&raw).map(|config| config.data_dir)
        };
        assert_eq!(
            place(&[("XDG_STATE_HOME", "/s")]),
            Ok(PathBuf::from("/s/vmlog"))
        );
        assert_eq!(
            place(&[("HOME", "/h")]),
            Ok(PathBuf::from("/h/.local/state/vmlog"))
        );
        assert_eq!(
            place(&[("XDG_STATE_HOME", "relative"), ("HOME", "/h")]),
            Ok(PathBuf::from("/h/.local/state/vmlog"))
        );
        assert_eq!(place(&[]), Err(Error::NoDataDir));
        assert_eq!(
            Error::NoDataDir.to_string(),
            "no data directory: set --data-dir / LOG_DATA_DIR (HOME is not set)"
        );
    }
}
