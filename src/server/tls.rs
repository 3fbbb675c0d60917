//! TLS of the server: the certificate and its key are read from files, and again when the files change.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ServerConfig};

/// How often a new connection checks the files for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The TLS configuration of a server; clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads a certificate with its chain, and its key, both in PEM.
    ///
    /// # Errors
    /// [`TlsError`] if a file cannot be read, or if the certificate and the key do not match.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let identity = ServerIdentity::load(certificate, key, Arc::clone(&provider))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(identity));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// The mode of the key's file, if every user may read or change it.
    #[must_use]
    pub fn exposed_mode(key: &Path) -> Option<u32> {
        let mode = fs::metadata(key).ok()?.mode() & 0o777;
        (mode & 0o006 != 0).then_some(mode)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

/// The files and their last valid content.
#[derive(Debug)]
struct ServerIdentity {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    certified: Arc<CertifiedKey>,
    stamps: Stamps,
    looked_at: Instant,
}

/// Changes if a file changes.
type Stamps = [Option<(u64, u64, i64, i64)>; 2];

impl ServerIdentity {
    fn load(
        certificate: &Path,
        key: &Path,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        // A change during reading is noticed at the next check.
        let stamps = [stamp(certificate), stamp(key)];
        let certified = read(certificate, key, &provider)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            current: Mutex::new(Current {
                certified: Arc::new(certified),
                stamps,
                looked_at: Instant::now(),
            }),
        })
    }

    /// The content of the files; if they are not valid, the last valid content.
    fn current(&self) -> Arc<CertifiedKey> {
        // A panic elsewhere leaves the last content intact.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= LOOK_EVERY {
            current.looked_at = Instant::now();
            let stamps = [stamp(&self.certificate), stamp(&self.key)];
            if stamps != current.stamps {
                current.stamps = stamps;
                match read(&self.certificate, &self.key, &self.provider) {
                    Ok(certified) => {
                        current.certified = Arc::new(certified);
                        tracing::info!("the certificate has changed; the new one is in use");
                    }
                    Err(error) => {
                        tracing::warn!(
                            "the new certificate is not valid, the old one stays in use: {error}"
                        );
                    }
                }
            }
        }
        Arc::clone(&current.certified)
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let file = fs::metadata(path).ok()?;
    Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let bytes = |path: &Path| {
        fs::read(path).map_err(|source| TlsError::File {
            path: path.to_owned(),
            source,
        })
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(certificate)?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?);
    let private = private.map_err(|_| TlsError::NoKey(key.to_owned()))?;
    CertifiedKey::from_der(chain, private, provider).map_err(TlsError::Unusable)
}

/// Why a certificate cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file contains no certificate in PEM.
    NoCertificate(PathBuf),
    /// The file contains no private key in PEM.
    NoKey(PathBuf),
    /// The certificate or the key is not valid, or they do not match.
    Unusable(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::NoCertificate(path) => {
                write!(f, "expected a certificate in PEM in {}", path.display())
            }
            Self::NoKey(path) => write!(f, "expected a private key in PEM in {}", path.display()),
            Self::Unusable(_) => {
                f.write_str("the certificate and the key are not valid, or do not match")
            }
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            Self::NoCertificate(_) | Self::NoKey(_) => None,
            Self::Unusable(source) => Some(source),
        }
    }
}
