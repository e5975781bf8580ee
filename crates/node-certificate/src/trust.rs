//! Who is believed, and the judgement of a chain.

mod path;
mod signers;
mod standing;

use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::certificate::{Certificate, Purpose};
use crate::fingerprint::Fingerprint;
use crate::name::DistinguishedName;
use crate::revocation::RevocationList;
use crate::untrusted::Untrusted;

use self::signers::Signers;
pub use standing::{Standing, Way};

/// What is asked of the lists of revoked certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lists {
    /// None are configured: nothing is asked.
    NotAsked,
    /// Every authority in a path needs a current one, and whoever did not sign themselves needs a path.
    Required,
    /// What a current one says counts; a missing or outdated one is passed over.
    Optional,
}

/// The authorities that are believed, and what they say is revoked.
///
/// An authority stands for whatever it signed, also where it is itself signed by another.
#[derive(Debug, Clone)]
pub struct Trust {
    authorities: Vec<Certificate>,
    /// One for each authority, in their order.
    anchors: Vec<TrustAnchor<'static>>,
    lists: Vec<RevocationList>,
    signers: Signers,
    asked: Lists,
}

/// A certificate that cannot be believed about others. The operator's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is not an authority's certificate (CA:TRUE is missing): if it is a machine's own, register it with \
     gateward node enroll"
)]
pub struct NotAnAuthority(pub String);

impl Trust {
    /// Believes `authorities`, and their `lists`.
    ///
    /// # Errors
    ///
    /// [`NotAnAuthority`]: a machine's own certificate in this place would make it one.
    pub fn new(
        authorities: Vec<Certificate>,
        lists: Vec<RevocationList>,
        asked: Lists,
    ) -> Result<Self, NotAnAuthority> {
        let mut anchors = Vec::new();
        for authority in &authorities {
            let not_one = || NotAnAuthority(authority.subject().to_string());
            if !authority.is_authority() {
                return Err(not_one());
            }
            let anchor = webpki::anchor_from_trusted_cert(authority.der()).map_err(|_| not_one())?;
            anchors.push(anchor.to_owned());
        }
        let signers = Signers::of(&lists, &authorities);
        Ok(Self { authorities, anchors, lists, signers, asked })
    }

    /// Believes nobody: only certificates that are registered themselves.
    pub fn nobody() -> Self {
        let (authorities, anchors, lists) = (Vec::new(), Vec::new(), Vec::new());
        Self { authorities, anchors, lists, signers: Signers::default(), asked: Lists::NotAsked }
    }

    /// Returns the authorities.
    pub fn authorities(&self) -> &[Certificate] {
        &self.authorities
    }

    /// Returns the lists.
    pub fn lists(&self) -> &[RevocationList] {
        &self.lists
    }

    /// Judges a chain at `now`: the machine's own certificate first, then those between it and an authority.
    ///
    /// `is_registered` says whether exactly this certificate is registered. Whoever comes by a trusted
    /// authority is held to what it revokes, registered so or not.
    ///
    /// That the machine has the certificate's key is not looked at here: the handshake proves it.
    ///
    /// # Errors
    ///
    /// [`Untrusted`], never [`Untrusted::NotRegistered`]: that is asked of a [`Standing`].
    pub fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        is_registered: impl Fn(&Fingerprint) -> bool,
        now: Timestamp,
    ) -> Result<Standing, Untrusted> {
        let (own, between) = chain.split_first().ok_or(Untrusted::NoCertificate)?;
        let own = Certificate::from_der(own)?;
        let is_registered = is_registered(&own.fingerprint());
        in_its_time(&own, "the certificate", now)?;
        // No word for its purpose is any purpose; another purpose alone is another's.
        if own.purpose != Purpose::Client {
            return Err(Untrusted::WrongEku);
        }
        match path::build(&self.anchors, &own, between, now) {
            Ok((above, anchor)) => self.by_authority(own, above, &self.authorities[anchor], now),
            Err(_) if is_registered => self.by_itself(own, now),
            Err(why) => Err(why),
        }
    }

    /// The path from `own` through `above` to `anchor` is verified; the lists and the anchor's time are not.
    fn by_authority(
        &self,
        own: Certificate,
        mut above: Vec<Certificate>,
        anchor: &Certificate,
        now: Timestamp,
    ) -> Result<Standing, Untrusted> {
        above.push(self.in_force(anchor, now)?.clone());
        let mut until = end_of(&own);
        let mut below = &own;
        for (height, issuer) in above.iter().enumerate() {
            until = until.min(end_of(issuer));
            let what = if height == 0 { "the certificate" } else { below.subject().as_str() };
            if let Some(list_ends) = self.not_revoked(below, issuer, what, now)? {
                until = until.min(list_ends);
            }
            below = issuer;
        }
        Ok(Standing::new(own, Way::Authority, &above, until))
    }

    /// Exactly this certificate is registered, and no path leads from it: that may be because its holder left
    /// out who stands between, so what would be heard along the path is heard as far as it can be.
    ///
    /// The lists are the operator's choice: what one says against it counts, though nobody's key can verify it.
    fn by_itself(&self, own: Certificate, now: Timestamp) -> Result<Standing, Untrusted> {
        let mut until = end_of(&own);
        for list in self.lists.iter().filter(|list| list.speaks_of(&own)) {
            if list.revokes(&own) {
                return Err(revoked("the certificate", list.issuer()));
            }
            if list.next_update() > now {
                until = until.min(list.next_update());
            }
        }
        // Only by a path is it known that nobody in it was revoked.
        let signed_itself = own.issuer_der == own.subject_der;
        if self.asked == Lists::Required && !signed_itself {
            return Err(Untrusted::CrlMissing { of: own.issuer().to_string() });
        }
        Ok(Standing::new(own, Way::Registered, &[], until))
    }

    /// Of an authority's own certificates, old and renewed, the one that is valid longest; a path does not
    /// look at the time of its end (RFC 5280 section 6.1.1 (d)), and everything ends here.
    fn in_force<'a>(&'a self, anchor: &'a Certificate, now: Timestamp) -> Result<&'a Certificate, Untrusted> {
        let same = self.authorities.iter().filter(|other| {
            other.subject_der == anchor.subject_der && other.public_key_der == anchor.public_key_der
        });
        let begun = same.filter(|other| other.not_before() <= now);
        let newest = begun.max_by_key(|other| other.not_after());
        let newest = newest.unwrap_or(anchor);
        in_its_time(newest, newest.subject().as_str(), now)?;
        Ok(newest)
    }

    /// Returns how long that can be said; `None` where nothing is asked.
    ///
    /// Of the lists that its issuer signed, and that speak of the same certificates, the newest decides: what
    /// was put on hold in an older one may be free again. Lists that speak of others each have their say.
    fn not_revoked(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        what: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Untrusted> {
        let newest = self.newest_lists(certificate, issuer);
        // What an outdated list revokes stays revoked.
        if newest.iter().any(|list| list.revokes(certificate)) {
            return Err(revoked(what, issuer.subject()));
        }
        if newest.is_empty() && self.asked == Lists::Required {
            return Err(Untrusted::CrlMissing { of: issuer.subject().to_string() });
        }
        let (current, outdated): (Vec<_>, Vec<_>) =
            newest.into_iter().partition(|list| list.next_update() > now);
        match outdated.first() {
            Some(outdated) if self.asked == Lists::Required => Err(Untrusted::CrlOutdated {
                of: issuer.subject().to_string(),
                next_update: outdated.next_update(),
            }),
            _ => Ok(current.iter().map(|list| list.next_update()).min()),
        }
    }

    /// Returns the lists of `issuer` that speak of `certificate`: the newest of each scope.
    fn newest_lists(&self, certificate: &Certificate, issuer: &Certificate) -> Vec<&RevocationList> {
        let mut newest: Vec<&RevocationList> = Vec::new();
        for (at, list) in self.lists.iter().enumerate() {
            if !list.speaks_of(certificate) || !self.signers.has_signed(at, list, issuer) {
                continue;
            }
            match newest.iter_mut().find(|other| other.has_scope_of(list)) {
                Some(other) if other.this_update() < list.this_update() => *other = list,
                Some(_) => {}
                None => newest.push(list),
            }
        }
        newest
    }
}

/// Both ends belong to the time of a certificate (RFC 5280 section 4.1.2.5).
fn in_its_time(certificate: &Certificate, what: &str, now: Timestamp) -> Result<(), Untrusted> {
    let what = || what.to_owned();
    // An end is a whole second, and all of that second belongs to it.
    if now.as_second() > certificate.not_after().as_second() {
        return Err(Untrusted::Expired { what: what(), until: certificate.not_after() });
    }
    if now < certificate.not_before() {
        return Err(Untrusted::NotYetValid { what: what(), from: certificate.not_before() });
    }
    Ok(())
}

/// The first moment after the last second.
fn end_of(certificate: &Certificate) -> Timestamp {
    certificate.not_after().saturating_add(SignedDuration::from_secs(1)).expect("a second has no calendar")
}

fn revoked(what: &str, by: &DistinguishedName) -> Untrusted {
    Untrusted::Revoked { what: what.to_owned(), by: by.to_string() }
}
