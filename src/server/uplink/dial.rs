//! Dialling: joining a gateway, and connecting to it.

use crate::http_client::{ClientError, Origin, Sender, USER_AGENT, connect, read_body};
use crate::server::uplink::fault::UplinkFault;
use crate::server::uplink::identity::Membership;
use crate::server::uplink::protocol::{
    CONNECT_PATH, Credentials, JOIN_BYTES_MAX, JOIN_PATH, JoinAnswer, JoinRequest, UPGRADE,
    credentials,
};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConfig;

/// A gateway answers in milliseconds; proxies wait longer for it.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The way to a gateway.
#[derive(Debug)]
pub(super) struct Dialler<'a> {
    pub(super) origin: &'a Origin,
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Dialler<'_> {
    /// Exchanges a token for the right to connect with this key.
    pub(super) async fn join(
        &self,
        token: &str,
        request: &JoinRequest,
    ) -> Result<JoinAnswer, UplinkFault> {
        let unusable = || UplinkFault::Refused("the token has characters that none has".to_owned());
        let mut bearer = format!("Bearer {token}")
            .parse::<HeaderValue>()
            .map_err(|_| unusable())?;
        bearer.set_sensitive(true);
        let body = serde_json::to_vec(request)
            .map_err(|_| UplinkFault::NotAGateway("the request cannot be written"))?;
        let mut asked = self.request(Method::POST, JOIN_PATH, body.into())?;
        asked.headers_mut().insert(header::AUTHORIZATION, bearer);
        let mut sender = connect(self.origin, self.tls.as_ref()).await?;
        let response = answered(&mut sender, asked).await?;
        if response.status() != StatusCode::OK {
            return Err(refusal(response).await);
        }
        let body = read_body(response.into_body(), JOIN_BYTES_MAX).await?;
        let answer = serde_json::from_slice::<JoinAnswer>(&body);
        answer.map_err(|_| UplinkFault::NotAGateway("its answer to a token is not known"))
    }

    /// Connects and proves who this node is. The connection carries requests of the gateway afterwards.
    pub(super) async fn connect(
        &self,
        node: &str,
        membership: &Membership,
    ) -> Result<Upgraded, UplinkFault> {
        let mut sender = connect(self.origin, self.tls.as_ref()).await?;
        let response = answered(&mut sender, self.connection_request(None)?).await?;
        let challenge = challenge(response, membership).await?;
        let signature = membership.sign(&challenge);
        let parameters = [
            ("node", node),
            ("challenge", &challenge),
            ("signature", &signature),
        ];
        let proof = credentials(&parameters);
        if sender.ready().await.is_err() {
            // a proxy closes a connection after an answer of 401
            sender = connect(self.origin, self.tls.as_ref()).await?;
        }
        let response = answered(&mut sender, self.connection_request(proof)?).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(response).await);
        }
        let upgraded = timeout(ANSWER_MAX, hyper::upgrade::on(response)).await;
        Ok(upgraded.map_err(|_| ClientError::Timeout)??)
    }

    fn connection_request(
        &self,
        proof: Option<HeaderValue>,
    ) -> Result<Request<Full<Bytes>>, UplinkFault> {
        let mut request = self.request(Method::GET, CONNECT_PATH, Bytes::new())?;
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static(UPGRADE));
        if let Some(proof) = proof {
            headers.insert(header::AUTHORIZATION, proof);
        }
        Ok(request)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, UplinkFault> {
        let built = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.origin.to_string())
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(body));
        built.map_err(|_| UplinkFault::NotAGateway("its address cannot be a host"))
    }
}

async fn answered(
    sender: &mut Sender,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, UplinkFault> {
    let answer = timeout(ANSWER_MAX, sender.send_request(request)).await;
    Ok(answer.map_err(|_| ClientError::Timeout)??)
}

/// The challenge of the gateway that this node has joined. The body is read, so that the connection can be used again.
async fn challenge(
    response: Response<Incoming>,
    membership: &Membership,
) -> Result<String, UplinkFault> {
    if response.status() != StatusCode::UNAUTHORIZED {
        return Err(refusal(response).await);
    }
    let (head, body) = response.into_parts();
    read_body(body, JOIN_BYTES_MAX).await?;
    let mut offered = head.headers.get_all(header::WWW_AUTHENTICATE).iter();
    let offered = offered.find_map(Credentials::parse);
    let (gateway, challenge) = offered
        .as_ref()
        .and_then(|offered| Some((offered.get("gateway")?, offered.get("challenge")?)))
        .ok_or(UplinkFault::NotAGateway("it does not challenge nodes"))?;
    if gateway != membership.gateway {
        return Err(UplinkFault::OtherGateway);
    }
    Ok(challenge.to_owned())
}

/// What an answer says that is not the expected one.
async fn refusal(response: Response<Incoming>) -> UplinkFault {
    let status = response.status();
    if status != StatusCode::FORBIDDEN {
        return UplinkFault::Status(status);
    }
    let body = read_body(response.into_body(), JOIN_BYTES_MAX).await;
    let body = body
        .ok()
        .and_then(|body| serde_json::from_slice(&body).ok());
    let body: Value = body.unwrap_or_default();
    let is_ours = matches!(body["error"].as_str(), Some("join_refused" | "key_refused"));
    // a proxy in front, or a host name that the gateway does not accept: not about this node
    if !is_ours {
        return UplinkFault::Status(status);
    }
    let said = body["message"].as_str().unwrap_or_default();
    // at most a line of what another machine says goes into the log
    let line = said.chars().filter(|letter| !letter.is_control());
    UplinkFault::Refused(line.take(200).collect())
}
