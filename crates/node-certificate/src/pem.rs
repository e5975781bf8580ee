//! Files: several certificates or lists in one, PEM (RFC 7468) or DER.

use rustls_pki_types::pem::{self, PemObject as _, SectionKind};

use crate::certificate::{Certificate, NotACertificate};
use crate::revocation::{NotAList, RevocationList};

/// Why a file cannot be used. Whoever supplied it takes another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// There is none of what was looked for.
    #[error("there is no {0} in it")]
    Empty(&'static str),
    /// It belongs to its machine, and to nobody else.
    #[error("it holds a private key, which must not leave its machine: give the certificate alone")]
    PrivateKey,
    /// What was looked for is there, and something else.
    #[error("it holds something other than {0}")]
    Other(&'static str),
    /// No such file is that large.
    #[error("it holds more than {MAX_IN_FILE} certificates")]
    TooMany,
    /// The form is broken.
    #[error("its PEM form is broken")]
    Pem,
    /// One of the certificates is none.
    #[error("certificate {number} in it: {source}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        source: NotACertificate,
    },
    /// One of the lists is none.
    #[error("list {number} in it: {source}")]
    List {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        source: NotAList,
    },
}

/// How many certificates a file may hold.
pub const MAX_IN_FILE: usize = 1000;

/// Reads the certificates of a file in its order: at least one.
///
/// Text around PEM blocks is passed over. A file with a private key is refused, so that none gets where
/// only certificates belong.
///
/// # Errors
///
/// [`FileError`], naming which one.
pub fn certificates(file: &[u8]) -> Result<Vec<Certificate>, FileError> {
    let ders = ders(file, SectionKind::Certificate, "certificates")?;
    if ders.len() > MAX_IN_FILE {
        return Err(FileError::TooMany);
    }
    let read = |(at, der): (usize, &Vec<u8>)| {
        Certificate::from_der(der).map_err(|source| FileError::Certificate { number: at + 1, source })
    };
    ders.iter().enumerate().map(read).collect()
}

/// Reads the lists of revoked certificates (CRLs) of a file: at least one.
///
/// # Errors
///
/// [`FileError`], naming which one.
pub fn revocation_lists(file: &[u8]) -> Result<Vec<RevocationList>, FileError> {
    let read = |(at, der): (usize, &Vec<u8>)| {
        RevocationList::from_der(der).map_err(|source| FileError::List { number: at + 1, source })
    };
    ders(file, SectionKind::Crl, "lists of revoked certificates")?.iter().enumerate().map(read).collect()
}

/// A section of a PEM file, whatever it is.
struct Section(SectionKind, Vec<u8>);

impl pem::PemObject for Section {
    fn from_pem(kind: SectionKind, der: Vec<u8>) -> Option<Self> {
        Some(Self(kind, der))
    }
}

fn ders(file: &[u8], wanted: SectionKind, what: &'static str) -> Result<Vec<Vec<u8>>, FileError> {
    // DER begins with the tag of a SEQUENCE, no text does.
    if file.first() == Some(&0x30) && std::str::from_utf8(file).is_err() {
        return Ok(vec![file.to_vec()]);
    }
    let mut found = Vec::new();
    for section in Section::pem_slice_iter(file) {
        match section {
            Ok(Section(kind, der)) if kind == wanted => found.push(der),
            Ok(Section(
                SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey,
                _,
            )) => return Err(FileError::PrivateKey),
            Ok(_) => return Err(FileError::Other(what)),
            Err(_) => return Err(FileError::Pem),
        }
    }
    if found.is_empty() { Err(FileError::Empty(what)) } else { Ok(found) }
}
