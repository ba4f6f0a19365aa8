//! Ids made of UUIDs: sortable by time, 26 characters, as `TypeID` 0.3 writes them (Crockford base32).

use crate::text::validated_string;
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ENCODED_LEN: usize = 26;

validated_string! {
    /// One deployment: `dep_` and a `UUIDv7`.
    DeploymentId, "deployment id", pattern: "^dep_[0-7][0-9a-hjkmnp-tv-z]{25}$", max: 30,
    allowed: "dep_ and 26 characters, as create_service and redeploy_service return it",
    example: "dep_01jdezx2k7e5m8w3r4t6y9a0bc",
    check: |v| v.strip_prefix("dep_").is_some_and(is_encoded)
}

validated_string! {
    /// One life of a service: new at each creation, so a service that was deleted and made again under
    /// its old name is another one.
    ServiceUid, "service uid", pattern: "^[0-7][0-9a-hjkmnp-tv-z]{25}$", max: 26,
    allowed: "26 characters of lower-case base32", example: "01jdezx2k7e5m8w3r4t6y9a0bc",
    check: is_encoded
}

impl From<Uuid> for DeploymentId {
    fn from(id: Uuid) -> Self {
        Self(format!("dep_{}", encode(id)))
    }
}

impl From<Uuid> for ServiceUid {
    fn from(id: Uuid) -> Self {
        Self(encode(id))
    }
}

fn encode(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..ENCODED_LEN)
        .rev()
        .map(|place| {
            let digit = usize::try_from((bits >> (place * 5)) & 31).unwrap_or_default();
            ALPHABET.get(digit).copied().map_or('0', char::from)
        })
        .collect()
}

fn is_encoded(value: &str) -> bool {
    // 26 digits of five bits are 130: the first digit carries only three of them.
    value.len() == ENCODED_LEN
        && value.bytes().all(|b| ALPHABET.contains(&b))
        && value.bytes().next().is_some_and(|b| b <= b'7')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_keep_the_order_of_their_uuids(a: u128, b: u128) {
            let (x, y) = (ServiceUid::from(Uuid::from_u128(a)), ServiceUid::from(Uuid::from_u128(b)));
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(ServiceUid::new(x.as_str()), Ok(x));
        }
    }
}
