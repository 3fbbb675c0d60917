//! The certificates that a client trusts.

use ring::digest::{SHA256, digest};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Where distributions keep the certificate authorities that the system trusts.
const SYSTEM_AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Why no certificate can be verified.
#[derive(Debug)]
pub(crate) enum AuthoritiesError {
    /// A file of authorities cannot be read.
    File(PathBuf, io::Error),
    /// No file was found, or it holds no certificate.
    None,
    /// The TLS library cannot be set up.
    Tls(rustls::Error),
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => {
                let path = path.display();
                write!(
                    f,
                    "cannot read the certificate authorities in {path}: {error}"
                )
            }
            Self::None => f.write_str("no certificate authorities were found"),
            Self::Tls(error) => write!(f, "TLS cannot be used: {error}"),
        }
    }
}

impl std::error::Error for AuthoritiesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(_, error) => Some(error),
            Self::None => None,
            Self::Tls(error) => Some(error),
        }
    }
}

/// Trusts the authorities in `file` (PEM), or those of the system.
pub(crate) fn client_config(file: Option<&Path>) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    trusting(authorities(file)?)
}

/// Trusts the authorities in a text (PEM).
pub(crate) fn config_for_authorities(pem: &[u8]) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    trusting(certificates(pem)?)
}

/// Trusts one certificate, by the SHA-256 of its DER form, whatever name and dates it has.
pub(crate) fn config_for_certificate(
    sha256: [u8; 32],
) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let algorithms = Arc::new(provider::default_provider());
    let verifier = PinnedCertificate {
        sha256,
        provider: Arc::clone(&algorithms),
    };
    let config = ClientConfig::builder_with_provider(algorithms)
        .with_safe_default_protocol_versions()
        .map_err(AuthoritiesError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Accepts one certificate. Signatures of the handshake are verified, so the server has its key.
#[derive(Debug)]
struct PinnedCertificate {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if digest(&SHA256, certificate).as_ref() == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        let why = CertificateError::ApplicationVerificationFailure;
        Err(rustls::Error::InvalidCertificate(why))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn trusting(
    authorities: Vec<CertificateDer<'static>>,
) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let mut roots = RootCertStore::empty();
    // The system's list may contain certificates that this program cannot use.
    roots.add_parsable_certificates(authorities);
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(AuthoritiesError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn authorities(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let system = || SYSTEM_AUTHORITIES.map(Path::new).into_iter();
    let path = file.or_else(|| system().find(|path| path.exists()));
    let path = path.ok_or(AuthoritiesError::None)?;
    let bytes = fs::read(path).map_err(|error| AuthoritiesError::File(path.to_owned(), error))?;
    certificates(&bytes)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    // A certificate that cannot be parsed is not trusted.
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .filter_map(|certificate| Some(certificate.ok()?.into_owned()))
        .collect();
    if certificates.is_empty() {
        return Err(AuthoritiesError::None);
    }
    Ok(certificates)
}
