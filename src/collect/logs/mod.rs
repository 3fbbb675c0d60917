//! Collectors of log files: plain files, the logs of containers, pods and sandboxes, and those of cloud-init. Each
//! defines which logs exist and how their lines become records; [`follow`](super::follow) does the rest.

mod cloud_init;
mod containers;
mod cri;
mod docker_line;
mod engine;
mod file;
mod pods;
mod sandbox;
mod stream_line;
mod workload;

pub use cloud_init::{CloudInitCollector, CloudInitOptions};
pub use containers::{ContainerCollector, ContainerOptions};
pub use engine::ContainerEngine;
pub use file::{FileCollector, FileOptions};
pub use pods::{PodCollector, PodOptions};
pub use sandbox::{SandboxCollector, SandboxOptions};
