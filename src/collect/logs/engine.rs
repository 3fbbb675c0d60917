//! Where container engines keep the logs of their containers, and how they describe them.
//!
//! | Engine | Log of a container | Its name |
//! |---|---|---|
//! | Docker | `ID/ID-json.log` | `ID/config.v2.json` |
//! | nerdctl | `ADDRESS/containers/NAMESPACE/ID/ID-json.log` | the file `ADDRESS/names/NAMESPACE/NAME`, which holds the ID |
//! | Podman | `ID/userdata/ctr.log` | `containers.json` |

use crate::collect::logs::docker_line;
use crate::opening::{self, TrustedFolder};
use crate::record::Metadata;
use rustix::fs::FileType;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An engine's description of a container takes some kilobytes; a larger one is not read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Podman describes all containers in one file, each with about a kilobyte.
const LIST_BYTES_MAX: u64 = 32 << 20;

/// How much of a log is searched for the attributes of its first line.
const FIRST_LINE_MAX: u64 = 64 << 10;

/// Maximum number of labels and attributes kept of one container: engines and tools add a dozen.
const LABELS_MAX: usize = 32;

/// Maximum length of a label: some hold whole configurations.
const LABEL_BYTES_MAX: usize = 1 << 10;

/// An engine that keeps logs of containers in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContainerEngine {
    /// Docker with its json-file driver.
    Docker,
    /// nerdctl (containerd) with its json-file driver.
    Nerdctl,
    /// Podman with its k8s-file driver.
    Podman,
}

impl ContainerEngine {
    /// The name of its collector.
    pub(crate) fn collector(self) -> &'static str {
        match self {
            Self::Docker => "docker-json",
            Self::Nerdctl => "nerdctl",
            Self::Podman => "podman",
        }
    }

    /// The prefix of the origins of positions.
    pub(super) fn origin(self) -> &'static str {
        match self {
            Self::Docker => "docker-json:",
            Self::Nerdctl => "nerdctl:",
            Self::Podman => "podman:",
        }
    }
}

/// The folder of an engine.
#[derive(Debug)]
pub(super) struct EngineFolder {
    engine: ContainerEngine,
    directory: PathBuf,
    /// Names that one file or folder holds for many containers, by ID, and when it was last changed.
    names: RefCell<HashMap<PathBuf, KnownNames>>,
}

#[derive(Debug, Default)]
struct KnownNames {
    changed: Option<SystemTime>,
    descriptions: HashMap<String, Description>,
}

/// The containers of an engine.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// `ID`, or for nerdctl `ADDRESS/NAMESPACE/ID`.
    pub(super) keys: Vec<String>,
    /// Folders that could not be listed.
    pub(super) troubles: Vec<(PathBuf, io::Error)>,
}

/// An engine's description of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Description {
    /// Empty if it has none.
    pub(super) name: String,
    image: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

impl Description {
    /// The metadata of the records of the container.
    pub(super) fn metadata(&self, name: &str, id: &str) -> Metadata {
        let mut metadata = Metadata::new();
        for (label, value) in self.labels.iter().take(LABELS_MAX) {
            metadata.insert(field_name(label), cut(value));
        }
        metadata.insert("container_name", name);
        metadata.insert("container_id", short(id));
        metadata.insert("container_id_full", id);
        if !self.image.is_empty() {
            metadata.insert("image_name", self.image.as_str());
        }
        if !self.namespace.is_empty() {
            metadata.insert("namespace", self.namespace.as_str());
        }
        metadata
    }
}

/// Metadata names with a meaning in vmlog.
const OWN: [&str; 9] = [
    "container_name",
    "container_id",
    "container_id_full",
    "continues",
    "event_type",
    "image_name",
    "line_part",
    "namespace",
    "stream",
];

/// The name that Docker's journald driver gives to a label, in lower case, so that both drivers result in the same
/// metadata: `com.docker.compose.service` is `com_docker_compose_service`.
fn field_name(label: &str) -> String {
    let letter = |c: char| match c {
        'a'..='z' | '0'..='9' => c,
        'A'..='Z' => c.to_ascii_lowercase(),
        _ => '_',
    };
    let name: String = label.chars().take(128).map(letter).collect();
    if OWN.contains(&name.as_str()) {
        return format!("field_{name}");
    }
    name
}

fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(LABEL_BYTES_MAX))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Whether a label states the origin of a container: labels of compose, devcontainers and Kubernetes.
fn is_kept_label(label: &str) -> bool {
    const COMPOSE: [&str; 3] = ["project", "service", "container-number"];
    match label.strip_prefix("com.docker.compose.") {
        Some(name) => COMPOSE.contains(&name),
        None => {
            label.starts_with("devcontainer.") && label != "devcontainer.metadata"
                || label.starts_with("io.kubernetes.")
        }
    }
}

impl EngineFolder {
    pub(super) fn new(engine: ContainerEngine, directory: PathBuf) -> Self {
        Self {
            engine,
            directory,
            names: RefCell::default(),
        }
    }

    /// Lists the containers; adds the folders in which new ones appear.
    pub(super) fn list(&self, folders: &mut Vec<PathBuf>) -> Listed {
        let mut listed = Listed::default();
        if self.engine == ContainerEngine::Nerdctl {
            for address in listed.names(&self.directory, folders) {
                let containers = self.directory.join(&address).join("containers");
                for namespace in listed.names(&containers, folders) {
                    let ids = listed.names(&containers.join(&namespace), folders);
                    let ids = ids.into_iter().filter(|name| is_id(name));
                    let keys: Vec<String> = ids
                        .map(|id| format!("{address}/{namespace}/{id}"))
                        .collect();
                    listed.keys.extend(keys);
                }
            }
        } else {
            let ids = listed.names(&self.directory, folders);
            listed.keys = ids.into_iter().filter(|name| is_id(name)).collect();
        }
        listed
    }

    /// The log of a container.
    pub(super) fn log_of(&self, key: &str) -> PathBuf {
        let id = Self::id(key);
        match self.engine {
            ContainerEngine::Podman => self.directory.join(id).join("userdata").join("ctr.log"),
            _ => self.folder_of(key).join(format!("{id}-json.log")),
        }
    }

    fn folder_of(&self, key: &str) -> PathBuf {
        match (self.engine, key.split_once('/')) {
            (ContainerEngine::Nerdctl, Some((address, rest))) => {
                self.directory.join(address).join("containers").join(rest)
            }
            _ => self.directory.join(key),
        }
    }

    pub(super) fn id(key: &str) -> &str {
        key.rsplit('/').next().unwrap_or(key)
    }

    /// The short form in which engines show IDs.
    pub(super) fn short_id(key: &str) -> &str {
        short(Self::id(key))
    }

    /// The engine's description of a container; `None` if there is none (yet).
    pub(super) fn describe(&self, key: &str) -> Option<Description> {
        match self.engine {
            ContainerEngine::Docker => self.described_by_docker(key),
            ContainerEngine::Nerdctl => {
                let (address, rest) = key.split_once('/')?;
                let (namespace, id) = rest.split_once('/')?;
                let names = self.directory.join(address).join("names").join(namespace);
                self.known_name(&names, id, read_names)
            }
            ContainerEngine::Podman => {
                let list = self.directory.join("containers.json");
                self.known_name(&list, Self::id(key), read_list)
            }
        }
    }

    fn described_by_docker(&self, key: &str) -> Option<Description> {
        let folder = self.folder_of(key);
        let text = read(&folder.join("config.v2.json"), CONFIG_BYTES_MAX)?;
        let config: DockerConfig = serde_json::from_slice(&text).ok()?;
        let mut labels = config.config.labels.unwrap_or_default();
        labels.retain(|label, _| is_kept_label(label));
        let first = first_line(&self.log_of(key)).unwrap_or_default();
        labels.extend(docker_line::attributes(&first));
        Some(Description {
            name: config.name.trim_start_matches('/').to_owned(),
            image: config.config.image,
            labels,
            ..Description::default()
        })
    }

    /// Looks a container up in a file or folder that describes many, which is read again when it has changed.
    fn known_name(
        &self,
        place: &Path,
        id: &str,
        read: fn(&Path) -> Option<HashMap<String, Description>>,
    ) -> Option<Description> {
        let changed = fs::metadata(place).ok()?.modified().ok();
        let mut names = self.names.borrow_mut();
        let known = names.entry(place.to_owned()).or_default();
        if known.changed != changed || changed.is_none() {
            known.descriptions = read(place)?;
            known.changed = changed;
        }
        known.descriptions.get(id).cloned()
    }
}

impl Listed {
    /// The names of the folders in a folder.
    fn names(&mut self, path: &Path, folders: &mut Vec<PathBuf>) -> Vec<String> {
        let mut names = Vec::new();
        let listed = TrustedFolder::open(path).and_then(|folder| {
            for entry in folder.names()? {
                let (name, kind) = entry?;
                let is_folder = matches!(kind, FileType::Directory | FileType::Unknown);
                names.extend(name.into_string().ok().filter(|_| is_folder));
            }
            Ok(())
        });
        match listed {
            Ok(()) => folders.push(path.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                folders.push(path.to_owned());
            }
            Err(error) => self.troubles.push((path.to_owned(), error)),
        }
        names
    }
}

/// The used part of Docker's description of a container.
#[derive(Debug, Default, Deserialize)]
struct DockerConfig {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Config", default)]
    config: DockerSettings,
}

#[derive(Debug, Default, Deserialize)]
struct DockerSettings {
    #[serde(rename = "Image", default)]
    image: String,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
}

/// nerdctl: each file is named after a container and holds its ID.
fn read_names(folder: &Path) -> Option<HashMap<String, Description>> {
    let opened = TrustedFolder::open(folder).ok()?;
    let namespace = folder.file_name()?.to_string_lossy().into_owned();
    let mut found = HashMap::new();
    for entry in opened.names().ok()? {
        let Ok((name, _)) = entry else { continue };
        let id = read(&folder.join(&name), 128).unwrap_or_default();
        let Ok(id) = String::from_utf8(id) else {
            continue;
        };
        let description = Description {
            name: name.to_string_lossy().into_owned(),
            namespace: namespace.clone(),
            ..Description::default()
        };
        found.insert(id.trim().to_owned(), description);
    }
    Some(found)
}

/// The used part of Podman's list of containers.
#[derive(Debug, Deserialize)]
struct PodmanContainer {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    /// A JSON object, as text.
    #[serde(default)]
    metadata: String,
}

#[derive(Debug, Default, Deserialize)]
struct PodmanMetadata {
    #[serde(rename = "image-name", default)]
    image: String,
    #[serde(default)]
    name: String,
}

fn read_list(path: &Path) -> Option<HashMap<String, Description>> {
    let containers: Vec<PodmanContainer> =
        serde_json::from_slice(&read(path, LIST_BYTES_MAX)?).ok()?;
    let describe = |container: PodmanContainer| {
        let metadata: PodmanMetadata =
            serde_json::from_str(&container.metadata).unwrap_or_default();
        let name = container.names.into_iter().next().unwrap_or(metadata.name);
        let description = Description {
            name,
            image: metadata.image,
            ..Description::default()
        };
        (container.id, description)
    };
    Some(containers.into_iter().map(describe).collect())
}

fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = opening::trusted_unlinked(path).ok()?;
    file.take(bytes_max).read_to_end(&mut text).ok()?;
    Some(text)
}

fn first_line(path: &Path) -> Option<Vec<u8>> {
    let mut text = read(path, FIRST_LINE_MAX)?;
    let end = memchr::memchr(b'\n', &text)?;
    text.truncate(end);
    Some(text)
}

/// Whether a folder is that of a container.
fn is_id(name: &str) -> bool {
    name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
