//! Keys as layouts write them: `{keyid: {keyid, keytype, scheme, keyval: {public}}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{KeyId, VerificationKey};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    keyid: KeyId,
    keytype: String,
    scheme: String,
    keyval: KeyValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: String,
}

pub(super) fn serialize<S: Serializer>(
    keys: &BTreeMap<KeyId, VerificationKey>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(keys.iter().map(|(&keyid, key)| {
        let (keytype, scheme, public) = key.parts();
        let key = Key {
            keyid,
            keytype: keytype.to_owned(),
            scheme: scheme.to_owned(),
            keyval: KeyValue { public },
        };
        (keyid, key)
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<KeyId, VerificationKey>, D::Error> {
    let keys = BTreeMap::<KeyId, Key>::deserialize(deserializer)?;
    keys.into_iter()
        .map(|(keyid, key)| {
            let read = VerificationKey::from_parts(&key.keytype, &key.scheme, &key.keyval.public)
                .map_err(D::Error::custom)?;
            // An id that is not computed from its key would let one key count twice towards a threshold.
            if key.keyid == keyid && read.keyid() == keyid && read.parts().2 == key.keyval.public {
                Ok((keyid, read))
            } else {
                Err(D::Error::custom(format_args!(
                    "{keyid} is not the id of the key that stands under it"
                )))
            }
        })
        .collect()
}
