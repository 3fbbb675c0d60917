//! The connection of a node to its gateway, for nodes that accept none: the node dials out, proves who it is, and then answers requests
//! over that connection. `format-spec/gateway.md` describes it.
//!
//! ```text
//! dial:   node ---- POST /nodes/join, once --------> gateway     a token for a key
//!         node ---- GET /nodes/connect ------------> gateway     a signed challenge, then 101
//! serve:  node <--- HTTP/2, the gateway asks ------- gateway     the service of the node's own listener
//! ```

mod dial;
mod fault;
mod identity;
pub(crate) mod protocol;
mod retry;
mod task;

pub(in crate::server) use task::run;
