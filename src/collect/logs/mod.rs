//! Collectors of log files: plain files, the logs of containers and sandboxes, and those of cloud-init. Each says which logs there
//! are and how their lines become records; [`follow`](super::follow) does the rest.

mod cloud_init;
mod cri;
mod docker_json;
mod file;
mod sandbox;

pub use cloud_init::{CloudInitCollector, CloudInitOptions};
pub use docker_json::{DockerJsonCollector, DockerJsonOptions};
pub use file::{FileCollector, FileOptions};
pub use sandbox::{SandboxCollector, SandboxOptions};
