//! Certificates of clients in the handshake: asked for, and refused where they would never be believed.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use node_certificate::Untrusted;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::flows::nodes::{NotANode, Presented};
use crate::server::gate::Gate;

/// Judges what clients show, by the trust and the registrations in force.
///
/// On the public listener nobody has to show one: whether one is needed, each service says. While the door is not open, all pass:
/// whatever they ask for is refused.
pub struct Nodes {
    gate: Arc<Gate>,
    signatures: WebPkiSupportedAlgorithms,
    are_required: bool,
}

impl Nodes {
    /// Asks `gate` what is in force.
    pub fn new(gate: Arc<Gate>) -> Arc<Self> {
        Self::asked_for(gate, false)
    }

    /// The same, of a listener where nobody comes in without a certificate.
    pub fn required(gate: Arc<Gate>) -> Arc<Self> {
        Self::asked_for(gate, true)
    }

    fn asked_for(gate: Arc<Gate>, are_required: bool) -> Arc<Self> {
        let signatures = provider::default_provider().signature_verification_algorithms;
        Arc::new(Self { gate, signatures, are_required })
    }

    fn judge(&self, presented: &Presented) -> Result<(), NotANode> {
        let Ok(opened) = self.gate.opened() else { return Ok(()) };
        let now = opened.clock.now().unwrap_or_else(|unbelieved| unbelieved.nearest());
        let door = &opened.door;
        door.policy.current().nodes.believe(presented, &door.trust.current(), now)
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nodes")
    }
}

impl ClientCertVerifier for Nodes {
    fn client_auth_mandatory(&self) -> bool {
        self.are_required
    }

    /// No hint: a machine whose certificate signed itself would then show none.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = std::iter::once(own).chain(between).map(|one| one.clone().into_owned()).collect();
        let presented = Presented::new(chain);
        let refused = self.judge(&presented).err();
        let why = refused.clone();
        if !note(presented, refused) {
            // Nobody could tell it at the signature.
            why.map_or(Ok(()), |why| Err(alert(&why.0)))?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls12_signature(message, certificate, signed, &self.signatures);
        told_to_its_owner(certificate, verified)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = verify_tls13_signature(message, certificate, signed, &self.signatures);
        told_to_its_owner(certificate, verified)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

/// Tells what was judged of a certificate to whoever has `verified` to have its key: others, who have seen it
/// somewhere, learn nothing about it.
fn told_to_its_owner(
    certificate: &CertificateDer<'_>,
    verified: Result<HandshakeSignatureValid, Error>,
) -> Result<HandshakeSignatureValid, Error> {
    let verified = verified.inspect_err(|_| stolen(certificate))?;
    refusal().map_or(Ok(verified), |why| Err(alert(&why.0)))
}

/// Whoever showed it has not its key.
fn stolen(certificate: &CertificateDer<'_>) {
    let why = Untrusted::BadSignature("whoever showed the certificate has not proven to have its key");
    note(Presented::new(vec![certificate.clone().into_owned()]), Some(why.into()));
}

/// Which alert a client is sent (RFC 8446 section 6.2).
fn alert(why: &Untrusted) -> Error {
    let error = match why {
        Untrusted::NoCertificate => return Error::NoCertificatesPresented,
        Untrusted::Unreadable(_) => CertificateError::BadEncoding,
        Untrusted::UnknownCa(_) | Untrusted::NotRegistered => CertificateError::UnknownIssuer,
        Untrusted::NotYetValid { .. } => CertificateError::NotValidYet,
        Untrusted::Expired { .. } => CertificateError::Expired,
        Untrusted::Revoked { .. } => CertificateError::Revoked,
        Untrusted::WrongEku => CertificateError::InvalidPurpose,
        Untrusted::CrlOutdated { .. } => CertificateError::ExpiredRevocationList,
        Untrusted::CrlMissing { .. } => CertificateError::UnknownRevocationStatus,
        Untrusted::BadSignature(_) => CertificateError::BadSignature,
    };
    Error::InvalidCertificate(error)
}

/// What was shown during a handshake; nothing is, where a session is resumed.
#[derive(Debug)]
pub struct Noted {
    /// The certificate, with what was judged of it.
    pub presented: Presented,
    /// Why it was refused, if it was.
    pub refused: Option<NotANode>,
}

tokio::task_local! {
    /// The library keeps to itself whose certificate it was that it refused.
    static NOTED: RefCell<Option<Noted>>;
}

/// Runs a handshake, and says what was shown in it.
pub async fn noting<F: Future>(handshake: F) -> (F::Output, Option<Noted>) {
    NOTED
        .scope(RefCell::default(), async {
            let output = handshake.await;
            (output, NOTED.with(RefCell::take))
        })
        .await
}

/// Notes it; `false` outside of a handshake that is noted.
fn note(presented: Presented, refused: Option<NotANode>) -> bool {
    NOTED.try_with(|noted| noted.replace(Some(Noted { presented, refused }))).is_ok()
}

/// Why what was shown in this handshake was refused, if it was.
fn refusal() -> Option<NotANode> {
    NOTED.try_with(|noted| noted.borrow().as_ref().and_then(|noted| noted.refused.clone())).ok().flatten()
}
