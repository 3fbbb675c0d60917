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
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    server::ParsedCertificate,
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

/// Trusts the authorities in `file` (PEM), or those of the system. A server may show a certificate of the file itself.
pub(crate) fn client_config(file: Option<&Path>) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    if let Some(path) = file {
        return config_for_authorities(&read(path)?);
    }
    let mut known = SYSTEM_AUTHORITIES.map(Path::new).into_iter();
    let path = known.find(|path| path.exists());
    let authorities = certificates(&read(path.ok_or(AuthoritiesError::None)?)?)?;
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(AuthoritiesError::Tls)?
        .with_root_certificates(roots(&authorities))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Trusts the authorities in a text (PEM). A server may show one of these certificates itself.
pub(crate) fn config_for_authorities(pem: &[u8]) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let named = certificates(pem)?;
    let algorithms = Arc::new(provider::default_provider());
    let chains = WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots(&named)),
        Arc::clone(&algorithms),
    );
    // no certificate of the text can be used
    let chains = chains.build().map_err(|_| AuthoritiesError::None)?;
    accepting(Arc::new(NamedCertificates { named, chains }), algorithms)
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
    accepting(Arc::new(verifier), algorithms)
}

/// Accepts what `verifier` accepts.
fn accepting(
    verifier: Arc<dyn ServerCertVerifier>,
    algorithms: Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, AuthoritiesError> {
    let config = ClientConfig::builder_with_provider(algorithms)
        .with_safe_default_protocol_versions()
        .map_err(AuthoritiesError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Accepts what the named authorities have signed, and each of the named certificates where it is valid for the name: `openssl req -x509`
/// makes certificates that are their own authority, which chains of certificates do not allow for a server.
#[derive(Debug)]
struct NamedCertificates {
    named: Vec<CertificateDer<'static>>,
    chains: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for NamedCertificates {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        revocation: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = self
            .chains
            .verify_server_cert(certificate, between, name, revocation, now);
        match chain {
            // an authority's: its dates were found valid before that, its name was not compared yet
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => {
                if !self.named.iter().any(|named| named == certificate) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
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

fn roots(authorities: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // The system's list may contain certificates that this program cannot use.
    roots.add_parsable_certificates(authorities.iter().cloned());
    roots
}

fn read(path: &Path) -> Result<Vec<u8>, AuthoritiesError> {
    fs::read(path).map_err(|error| AuthoritiesError::File(path.to_owned(), error))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AUTHORITY: &str = include_str!("../../tests/fixtures/tls/authority.pem");
    const OF_AUTHORITY: &str = include_str!("../../tests/fixtures/tls/one.pem");
    const SELF_SIGNED: &str = include_str!("../../tests/fixtures/tls/self-signed.pem");

    /// What a client that trusts `named` says of a server `host` that shows `shown`, this number of years from now.
    fn verdict(
        named: &str,
        shown: &str,
        host: &'static str,
        years: u64,
    ) -> Result<(), rustls::Error> {
        let named = certificates(named.as_bytes()).unwrap();
        let chains = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots(&named)),
            Arc::new(provider::default_provider()),
        );
        let chains = chains.build().unwrap();
        let shown = certificates(shown.as_bytes()).unwrap();
        let name = ServerName::try_from(host).unwrap();
        let now = UnixTime::now().as_secs() + years * 365 * 86_400;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let verifier = NamedCertificates { named, chains };
        verifier
            .verify_server_cert(&shown[0], &[], &name, &[], now)
            .map(|_| ())
    }

    #[test]
    fn certificates_of_a_named_authority_are_accepted() {
        assert_eq!(verdict(AUTHORITY, OF_AUTHORITY, "127.0.0.1", 0), Ok(()));
        let both = format!("{SELF_SIGNED}{AUTHORITY}");
        assert_eq!(verdict(&both, OF_AUTHORITY, "localhost", 0), Ok(()));
    }

    #[test]
    fn a_named_certificate_that_is_its_own_authority_is_accepted_under_its_names() {
        for host in ["localhost", "127.0.0.1"] {
            assert_eq!(verdict(SELF_SIGNED, SELF_SIGNED, host, 0), Ok(()), "{host}");
        }
        let refused = verdict(SELF_SIGNED, SELF_SIGNED, "other.example", 0);
        assert!(
            matches!(
                refused,
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName
                        | CertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{refused:?}"
        );
        let expired = verdict(SELF_SIGNED, SELF_SIGNED, "localhost", 200);
        assert!(
            matches!(
                expired,
                Err(rustls::Error::InvalidCertificate(
                    CertificateError::Expired | CertificateError::ExpiredContext { .. }
                ))
            ),
            "{expired:?}"
        );
    }

    #[test]
    fn a_certificate_that_is_not_named_is_refused() {
        let unknown = Err(CertificateError::UnknownIssuer.into());
        assert_eq!(verdict(AUTHORITY, SELF_SIGNED, "localhost", 0), unknown);
        assert_eq!(verdict(SELF_SIGNED, OF_AUTHORITY, "localhost", 0), unknown);
        // the authority itself is named, but it is no server
        assert!(verdict(AUTHORITY, AUTHORITY, "localhost", 0).is_err());
    }
}
