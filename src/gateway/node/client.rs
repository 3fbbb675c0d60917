//! Requests to nodes, each with a token of the gateway's own.

use crate::gateway::keys::mint::TokenMint;
use crate::gateway::node::body::NodeBody;
use crate::gateway::node::entry::{NodeAddress, NodeTrust};
use crate::gateway::node::fault::NodeFault;
use crate::gateway::node::pool::Node;
use crate::gateway::node::uplinks::Uplinks;
use crate::http_client::{
    AuthoritiesError, Origin, Sender, USER_AGENT, client_config, config_for_authorities,
    config_for_certificate, connect,
};
use crate::tasks;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// A digest of the identity of a node's store.
const STORE_HEADER: HeaderName = HeaderName::from_static("x-vmlog-store");

/// The most records that a page of a node may have.
const LIMIT_MAX_HEADER: HeaderName = HeaderName::from_static("x-vmlog-limit-max");

/// Different sets of authorities whose configuration is kept: a fleet has one, or one a node.
const CONFIGS_MAX: usize = 4_096;

/// A request to a node.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct NodeCall {
    pub(in crate::gateway) method: Method,
    /// Path and query.
    pub(in crate::gateway) target: String,
    /// Headers that are passed on.
    pub(in crate::gateway) headers: HeaderMap,
    /// The workspace that the token is narrowed to.
    pub(in crate::gateway) workspace: Option<String>,
    /// For whom the gateway asks.
    pub(in crate::gateway) user: String,
}

/// Sends requests to nodes.
#[derive(Debug)]
pub(in crate::gateway) struct NodeClient {
    mint: Arc<TokenMint>,
    authorities: Option<PathBuf>,
    timeout: Duration,
    uplinks: Arc<Uplinks>,
    configs: Mutex<HashMap<NodeTrust, Arc<ClientConfig>>>,
}

impl NodeClient {
    pub(in crate::gateway) fn new(
        mint: Arc<TokenMint>,
        authorities: Option<PathBuf>,
        timeout: Duration,
        uplinks: Arc<Uplinks>,
    ) -> Self {
        Self {
            mint,
            authorities,
            timeout,
            uplinks,
            configs: Mutex::default(),
        }
    }

    /// How long a node may take.
    pub(in crate::gateway) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Sends a request and waits for the head of the answer. A redirect is refused, and so is an answer that says that the token of
    /// the gateway is not accepted.
    pub(in crate::gateway) async fn send(
        &self,
        node: &Arc<Node>,
        call: &NodeCall,
    ) -> Result<Response<NodeBody>, NodeFault> {
        let exchanged = timeout(self.timeout, self.exchange(node, call)).await;
        let response = exchanged.unwrap_or(Err(NodeFault::Timeout));
        let response = response.and_then(|response| match response.status() {
            StatusCode::NOT_MODIFIED => Ok(response),
            status
                if status == StatusCode::UNAUTHORIZED
                    || status.is_redirection()
                    || status.is_informational() =>
            {
                Err(NodeFault::Refused(status))
            }
            _ => Ok(response),
        });
        match &response {
            Ok(response) => {
                node.answered(store_of(response.headers()));
                if let Some(most) = limit_max_of(response.headers()) {
                    node.allows(most);
                }
            }
            Err(fault) => node.failed(fault),
        }
        response
    }

    /// Sends a request and reads the whole answer of at most `bytes_max`.
    pub(in crate::gateway) async fn read(
        &self,
        node: &Arc<Node>,
        call: &NodeCall,
        bytes_max: usize,
    ) -> Result<NodeAnswer, NodeFault> {
        let response = self.send(node, call).await?;
        let (head, body) = response.into_parts();
        let whole = timeout(self.timeout, Limited::new(body, bytes_max).collect()).await;
        let whole = whole.unwrap_or_else(|_| Err(NodeFault::Timeout.into()));
        let body = whole.map_err(|error| match error.downcast::<NodeFault>() {
            Ok(fault) => *fault,
            Err(error) => NodeFault::Broken(error.to_string()),
        });
        if let Err(fault) = &body {
            node.failed(fault);
        }
        Ok(NodeAnswer {
            status: head.status,
            store: store_of(&head.headers).map(str::to_owned),
            headers: head.headers,
            body: body?.to_bytes().into(),
        })
    }

    async fn exchange(
        &self,
        node: &Arc<Node>,
        call: &NodeCall,
    ) -> Result<Response<NodeBody>, NodeFault> {
        let NodeAddress::Url { origin, trust } = &node.entry.address else {
            return self.exchange_over_uplink(node, call).await;
        };
        // a node may have closed an idle connection meanwhile, so a failure on one says nothing; requests only read
        while let Some(mut sender) = node.take_idle() {
            if sender.ready().await.is_ok()
                && let Ok(response) = self.request(node, origin, call, sender).await
            {
                return Ok(response);
            }
        }
        let tls = self.config(trust).await?;
        let sender = connect(origin, tls.as_ref()).await?;
        self.request(node, origin, call, sender).await
    }

    /// Asks over the connection that the node has opened: one stream of it.
    async fn exchange_over_uplink(
        &self,
        node: &Arc<Node>,
        call: &NodeCall,
    ) -> Result<Response<NodeBody>, NodeFault> {
        let id = &node.entry.id;
        let sender = self.uplinks.sender(id);
        let mut sender = sender.ok_or(NodeFault::NotConnected)?;
        let uri = format!("http://{id}{}", call.target);
        let request = self.build(node, call, &uri)?;
        let response = sender.send_request(request).await.map_err(|error| {
            // the answer to a request on a connection that ends is lost with it
            if sender.is_closed() {
                return NodeFault::NotConnected;
            }
            NodeFault::Broken(error.to_string())
        })?;
        let mut response = response.map(|body| NodeBody::new(body, None, Arc::clone(node)));
        *response.version_mut() = Version::HTTP_11;
        Ok(response)
    }

    async fn request(
        &self,
        node: &Arc<Node>,
        origin: &Origin,
        call: &NodeCall,
        mut sender: Sender,
    ) -> Result<Response<NodeBody>, NodeFault> {
        let mut request = self.build(node, call, &call.target)?;
        let host = origin.to_string().parse();
        let host = host.map_err(|_| NodeFault::Broken(format!("{origin} is not a host")))?;
        request.headers_mut().insert(header::HOST, host);
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| NodeFault::Broken(error.to_string()))?;
        Ok(response.map(|body| NodeBody::new(body, Some(sender), Arc::clone(node))))
    }

    fn build(
        &self,
        node: &Node,
        call: &NodeCall,
        uri: &str,
    ) -> Result<Request<Full<Bytes>>, NodeFault> {
        let mut request = Request::new(Full::default());
        *request.method_mut() = call.method.clone();
        let uri = uri.parse::<Uri>();
        *request.uri_mut() = uri.map_err(|error| NodeFault::Broken(error.to_string()))?;
        let headers = request.headers_mut();
        *headers = call.headers.clone();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let (id, workspace) = (&node.entry.id, call.workspace.as_deref());
        headers.insert(
            header::AUTHORIZATION,
            self.mint.authorization(id, workspace, &call.user),
        );
        Ok(request)
    }

    /// The TLS configuration for a node; `None` if the connection is not encrypted.
    async fn config(&self, trust: &NodeTrust) -> Result<Option<Arc<ClientConfig>>, NodeFault> {
        if *trust == NodeTrust::Plain {
            return Ok(None);
        }
        if let Some(known) = self.known(trust) {
            return Ok(Some(known));
        }
        let (wanted, authorities) = (trust.clone(), self.authorities.clone());
        let made = tasks::blocking(move || match &wanted {
            NodeTrust::Plain | NodeTrust::Usual => client_config(authorities.as_deref()),
            NodeTrust::AuthoritiesFile(path) => client_config(Some(path)),
            NodeTrust::Authorities(pem) => config_for_authorities(pem.as_bytes()),
            NodeTrust::Certificate(sha256) => config_for_certificate(*sha256),
        });
        let made = made
            .await
            .map_err(|error| NodeFault::Unreachable(error.to_string()))?;
        let made =
            made.map_err(|error: AuthoritiesError| NodeFault::Unreachable(error.to_string()))?;
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if configs.len() >= CONFIGS_MAX {
            configs.clear();
        }
        configs.insert(trust.clone(), Arc::clone(&made));
        Ok(Some(made))
    }

    fn known(&self, trust: &NodeTrust) -> Option<Arc<ClientConfig>> {
        let configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        configs.get(trust).cloned()
    }

    /// Forgets the authorities: their files may have changed.
    pub(in crate::gateway) fn forget_authorities(&self) {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        configs.clear();
    }
}

/// A whole answer of a node.
#[derive(Debug)]
pub(in crate::gateway) struct NodeAnswer {
    pub(in crate::gateway) status: StatusCode,
    pub(in crate::gateway) headers: HeaderMap,
    /// A digest of the identity of the node's store.
    pub(in crate::gateway) store: Option<String>,
    pub(in crate::gateway) body: Vec<u8>,
}

fn store_of(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(STORE_HEADER)?.to_str().ok()?;
    (text.len() <= 64).then_some(text)
}

fn limit_max_of(headers: &HeaderMap) -> Option<usize> {
    let text = headers.get(LIMIT_MAX_HEADER)?.to_str().ok()?;
    text.parse().ok().filter(|most| *most > 0)
}
