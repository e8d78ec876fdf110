//! Public keys (RFC 7517, RFC 8037), their thumbprints (RFC 7638), and the set pinned for a party.
//!
//! Only what a verifier of section 2 accepts can be held: P-256 for `ES256` and Ed25519 for `EdDSA`. A JWK with a
//! private member is refused, so a secret cannot slip into a key list.

use ring::digest;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base64url;
use crate::id::KeyId;
use crate::json::{self, JsonError};

/// The most keys a party has at a time (section 2.8).
const MAX_KEYS: usize = 8;

/// The longest text of a single JWK that [`Jwk::from_json`] reads.
const MAX_JWK: usize = 1024;

/// A signature algorithm of section 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; the signature is r‖s, 64 bytes.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 under its JOSE name.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Jwk {
    point: Point,
    id: KeyId,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Point {
    /// Uncompressed: 0x04, x, y.
    P256([u8; 65]),
    Ed25519([u8; 32]),
}

/// Why a JWK is refused.
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// Not a JWK with exactly the members expected.
    #[error("not a public JWK: {0}")]
    Json(#[from] JsonError),
    /// Another key type or curve than P-256 and Ed25519.
    #[error("only P-256 (EC) and Ed25519 (OKP) keys are used")]
    Unsupported,
    /// A coordinate is missing, superfluous or not 32 bytes of canonical base64url.
    #[error("a key coordinate is not 32 bytes of base64url")]
    Coordinate,
    /// `kid`, `alg` or `use` contradicts the key.
    #[error("`kid`, `alg` or `use` does not fit the key")]
    Contradiction,
}

impl Jwk {
    /// The key with this uncompressed P-256 point (0x04, x, y), as hardware and `ring` give it.
    ///
    /// # Errors
    /// [`JwkError::Coordinate`] if it is not 65 bytes beginning with 0x04.
    pub fn from_p256_point(point: &[u8]) -> Result<Self, JwkError> {
        let point: [u8; 65] = point.try_into().map_err(|_| JwkError::Coordinate)?;
        if point[0] != 4 {
            return Err(JwkError::Coordinate);
        }
        Ok(Self::of(Point::P256(point)))
    }

    /// The Ed25519 key with these 32 bytes.
    pub fn from_ed25519(key: [u8; 32]) -> Self {
        Self::of(Point::Ed25519(key))
    }

    /// Parses the JSON form.
    ///
    /// # Errors
    /// If it is anything but a public P-256 or Ed25519 key.
    pub fn from_json(text: &str) -> Result<Self, JwkError> {
        json::from_slice::<RawJwk>(text.as_bytes(), MAX_JWK)?.try_into()
    }

    /// The required members in RFC 7638 order: the text whose SHA-256 is the thumbprint.
    pub fn to_json(&self) -> String {
        match &self.point {
            Point::P256(point) => {
                let (x, y) = (base64url::encode(&point[1..33]), base64url::encode(&point[33..]));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Point::Ed25519(key) => {
                format!(
                    r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
                    base64url::encode(key)
                )
            }
        }
    }

    /// The RFC 7638 SHA-256 thumbprint, which is the `kid` of every message signed with the key.
    pub fn thumbprint(&self) -> &KeyId {
        &self.id
    }

    /// The one algorithm this key is used with.
    pub fn algorithm(&self) -> Algorithm {
        match self.point {
            Point::P256(_) => Algorithm::Es256,
            Point::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether `signature` over `message` was made with the private half.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, key): (&'static dyn VerificationAlgorithm, &[u8]) = match &self.point {
            Point::P256(point) => (&ECDSA_P256_SHA256_FIXED, point),
            Point::Ed25519(key) => (&ED25519, key),
        };
        UnparsedPublicKey::new(algorithm, key)
            .verify(message, signature)
            .is_ok()
    }

    fn of(point: Point) -> Self {
        let mut key = Self {
            point,
            id: KeyId::of_digest(String::new()),
        };
        key.id = KeyId::of_digest(base64url::sha256(key.to_json().as_bytes()));
        key
    }
}

/// The fingerprint that people compare (section 6): eight groups of four upper-case hexadecimal digits.
pub fn fingerprint(key: &Jwk) -> String {
    let digest = digest::digest(&digest::SHA256, key.to_json().as_bytes());
    let groups: Vec<String> = digest.as_ref()[..16]
        .chunks(2)
        .map(|pair| format!("{:02X}{:02X}", pair[0], pair[1]))
        .collect();
    groups.join(" ")
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "JWK", deny_unknown_fields)]
struct RawJwk {
    kty: String,
    crv: String,
    x: String,
    y: Option<String>,
    kid: Option<KeyId>,
    alg: Option<Algorithm>,
    #[serde(rename = "use")]
    usage: Option<String>,
}

impl TryFrom<RawJwk> for Jwk {
    type Error = JwkError;

    fn try_from(raw: RawJwk) -> Result<Self, JwkError> {
        let x: [u8; 32] = base64url::decode_array(&raw.x).ok_or(JwkError::Coordinate)?;
        let key = match (raw.kty.as_str(), raw.crv.as_str(), raw.y) {
            ("EC", "P-256", Some(y)) => {
                let y: [u8; 32] = base64url::decode_array(&y).ok_or(JwkError::Coordinate)?;
                let mut point = [4; 65];
                point[1..33].copy_from_slice(&x);
                point[33..].copy_from_slice(&y);
                Self::of(Point::P256(point))
            }
            ("OKP", "Ed25519", None) => Self::of(Point::Ed25519(x)),
            ("EC", "P-256", None) | ("OKP", "Ed25519", Some(_)) => return Err(JwkError::Coordinate),
            _ => return Err(JwkError::Unsupported),
        };
        let fits = raw.kid.is_none_or(|kid| kid == key.id)
            && raw.alg.is_none_or(|alg| alg == key.algorithm())
            && raw.usage.is_none_or(|usage| usage == "sig");
        if fits {
            Ok(key)
        } else {
            Err(JwkError::Contradiction)
        }
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawJwk::deserialize(deserializer)?
            .try_into()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.point {
            Point::P256(point) => {
                let mut members = serializer.serialize_struct("JWK", 4)?;
                members.serialize_field("crv", "P-256")?;
                members.serialize_field("kty", "EC")?;
                members.serialize_field("x", &base64url::encode(&point[1..33]))?;
                members.serialize_field("y", &base64url::encode(&point[33..]))?;
                members.end()
            }
            Point::Ed25519(key) => {
                let mut members = serializer.serialize_struct("JWK", 3)?;
                members.serialize_field("crv", "Ed25519")?;
                members.serialize_field("kty", "OKP")?;
                members.serialize_field("x", &base64url::encode(key))?;
                members.end()
            }
        }
    }
}

/// The form for a public key list (`jwks.json`): the key with `kid`, `alg` and `use`, by which other libraries choose.
#[derive(Debug, Clone, Serialize)]
pub struct PublishedJwk<'a> {
    #[serde(flatten)]
    key: &'a Jwk,
    kid: &'a KeyId,
    alg: Algorithm,
    #[serde(rename = "use")]
    usage: &'static str,
}

impl<'a> From<&'a Jwk> for PublishedJwk<'a> {
    fn from(key: &'a Jwk) -> Self {
        Self {
            key,
            kid: key.thumbprint(),
            alg: key.algorithm(),
            usage: "sig",
        }
    }
}

/// The keys pinned for one party, in the party's order: 1 to 8, none twice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct KeySet(Vec<Jwk>);

impl KeySet {
    /// The key with this id.
    pub fn get(&self, id: &KeyId) -> Option<&Jwk> {
        self.0.iter().find(|key| key.thumbprint() == id)
    }

    /// The keys, in the party's order.
    pub fn iter(&self) -> impl Iterator<Item = &Jwk> {
        self.0.iter()
    }

    /// The first key: the one whose fingerprint people compare (section 6).
    pub fn first(&self) -> Option<&Jwk> {
        self.0.first()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, so that nothing verifies.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Collects keys; repetitions are dropped.
impl FromIterator<Jwk> for KeySet {
    fn from_iter<I: IntoIterator<Item = Jwk>>(keys: I) -> Self {
        let mut set = Self::default();
        for key in keys {
            if set.get(key.thumbprint()).is_none() {
                set.0.push(key);
            }
        }
        set
    }
}

impl<'de> Deserialize<'de> for KeySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Vec::<Jwk>::deserialize(deserializer)?;
        let count = keys.len();
        let set: Self = keys.into_iter().collect();
        if set.len() != count || !(1..=MAX_KEYS).contains(&count) {
            return Err(serde::de::Error::custom("a key list has 1 to 8 different keys"));
        }
        Ok(set)
    }
}
