//! Rules of `[keys]` and `[next_keys]`: their kinds against their sections.

use super::Rules;
use crate::config::keys::KeysKind;

impl Rules<'_> {
    pub(super) fn keys(&mut self) {
        let config = self.config;
        for (name, keys) in [("keys", Some(&config.keys)), ("next_keys", config.next_keys.as_ref())] {
            let Some(keys) = keys else { continue };
            let lacks = match keys.kind {
                KeysKind::AwsKms if keys.aws_kms.is_none() => Some(("aws_kms", "key_id, region")),
                KeysKind::Pkcs11 if keys.pkcs11.is_none() => Some(("pkcs11", "module, token, key, pin")),
                KeysKind::OpenBaoTransit if keys.openbao_transit.is_none() => {
                    Some(("openbao_transit", "key, address, auth"))
                }
                _ => None,
            };
            if let Some((section, what)) = lacks {
                self.report(&[name, "kind"], format!("there is no [{name}.{section}]")).advice =
                    Some(format!("say there which key it is: {what}"));
            }
            if let Some(section) = &keys.openbao_transit {
                self.openbao_auth(&[name, "openbao_transit"], &section.server);
            }
        }
    }
}
