//! Names that we make ourselves: events, transactions, references, instances, logins.

use jiff::Timestamp;
use uuid::Uuid;

use super::random::Random;

/// Says that a text is not an id of the wanted form.
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is no {wanted}")]
pub struct NotAnId {
    text: String,
    wanted: &'static str,
}

/// Makes a UUID of version 7 (RFC 9562 section 5.7): in the order of time, so that indexes grow
/// at their end.
fn uuid_v7(now: Timestamp, random: &Random) -> Uuid {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid()
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $wanted:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new one.
            pub fn new(now: Timestamp, random: &Random) -> Self {
                Self(uuid_v7(now, random))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| NotAnId { text: text.chars().take(64).collect(), wanted: $wanted })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    };
}

uuid_id!(
    /// Names one event, for ever.
    EventId,
    "event id"
);
impl EventId {
    /// Names what another machine recorded under an id of its own: the same name each time that it tells it
    /// (UUID of version 8, RFC 9562 section 5.8).
    pub fn of_another(machine: &str, id: &str) -> Self {
        let text = format!("event of another\0{machine}\0{id}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

uuid_id!(
    /// Names the events of one request.
    TransactionId,
    "transaction id"
);
uuid_id!(
    /// Names one run of the program that may write to the store.
    InstanceId,
    "instance id"
);

uuid_id!(
    /// Names one access token; the key's name in CKAN holds it.
    AccessTokenId,
    "id of an access token"
);

uuid_id!(
    /// Names one decision to take something out of the log.
    ErasureId,
    "id of an erasure"
);
uuid_id!(
    /// Names one reason why something stays in the log.
    HoldId,
    "id of a hold"
);

/// What a refused caller is given, and what `gateward audit show` finds the reason by.
///
/// Ten letters of Crockford's base32 (50 random bits), as `XXXXX-XXXXX`: read over the telephone
/// without confusion. It names an event and opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reference([u8; 10]);

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Reference {
    /// Makes a new one.
    pub fn new(random: &Random) -> Self {
        Self(random.bytes::<10>().map(|byte| CROCKFORD[usize::from(byte & 31)]))
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, letter) in self.0.iter().enumerate() {
            if at == 5 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Reference {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|byte| *byte != b'-')
            .map(|byte| match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                other => other,
            })
            .collect();
        let known = letters.iter().all(|letter| CROCKFORD.contains(letter));
        match <[u8; 10]>::try_from(letters) {
            Ok(letters) if known => Ok(Self(letters)),
            _ => Err(NotAnId { text: text.chars().take(64).collect(), wanted: "reference" }),
        }
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The name of a temporary login: 14 of `[A-Z0-9]`, as EIDA's clients know it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LoginName(String);

impl LoginName {
    /// How many letters it has: 14 of 36 are 72 bits, so two never meet by chance.
    pub const LENGTH: usize = 14;

    /// Makes a new one from the random source, each letter equally likely.
    pub fn new(random: &Random) -> Self {
        const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let mut name = String::with_capacity(Self::LENGTH);
        while name.len() < Self::LENGTH {
            // 252 is the largest multiple of 36 in a byte: what lies above would favour some.
            let fresh = random.bytes::<32>().into_iter().filter(|byte| *byte < 252);
            let letters = fresh.map(|byte| char::from(LETTERS[usize::from(byte) % 36]));
            name.extend(letters.take(Self::LENGTH - name.len()));
        }
        Self(name)
    }

    /// Shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LoginName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for LoginName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for LoginName {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let good = text.len() == Self::LENGTH
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnId { text: text.chars().take(64).collect(), wanted: "temporary login" })
        }
    }
}

impl serde::Serialize for LoginName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_however_it_was_read_over_the_telephone() {
        let reference = Reference::new(&Random::new(|bytes| bytes.fill(1)));
        assert_eq!(reference.to_string(), "11111-11111");
        assert_eq!("iiill 11111".replace(' ', "").parse::<Reference>().unwrap(), reference);
        assert!("11111-1111U".parse::<Reference>().is_err());
    }

    #[test]
    fn a_login_has_fourteen_letters_whatever_the_source_gives() {
        let count = std::sync::atomic::AtomicU8::new(0);
        let random = Random::new(move |bytes| {
            for byte in bytes {
                *byte = count.fetch_add(7, std::sync::atomic::Ordering::Relaxed);
            }
        });
        for _ in 0..100 {
            let login = LoginName::new(&random);
            assert_eq!(login.as_str().parse::<LoginName>().unwrap(), login);
        }
    }
}
