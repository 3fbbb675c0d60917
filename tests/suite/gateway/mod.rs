//! The gateway in front of real servers and of stub nodes, through real sockets.

pub(crate) mod access;
pub(crate) mod across;
pub(crate) mod fleet;
mod join;
mod limits;
pub(crate) mod loki;
pub(crate) mod loki_access;
pub(crate) mod loki_tail;
mod network;
pub(crate) mod process;
mod proof;
pub(crate) mod proxy;
pub(crate) mod stub;
mod tls;
