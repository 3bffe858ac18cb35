//! Generating secret keys (base specification section 5.18.1).

use super::{Mechanism, ObjectHandle, Result, Session};
use crate::{
    crypto::SecretKey,
    pkcs11::{
        Attribute,
        ck::*,
        errors, mechanisms,
        templates::{self, Given, Origin, SecretWish},
    },
};

impl Session {
    /// C_GenerateKey.
    pub(in crate::pkcs11) fn generate_key(
        &self,
        mechanism: &Mechanism,
        template: &[Attribute],
    ) -> Result<ObjectHandle> {
        let row = mechanisms::find(mechanism.kind, CKF_GENERATE, self.token.raw_rsa())?;
        let key_type = row.makes(mechanism)?;
        let template = Given::read(template)?;
        self.may_keep_key(template.flag(CKA_TOKEN))?;
        let wish = SecretWish::read(template, Some(key_type), Origin::Generated(mechanism.kind))?;
        let length = wish.length.ok_or(CKR_TEMPLATE_INCOMPLETE)?;
        let key = SecretKey::generate(length).map_err(errors::of_crypto)?;
        self.add(templates::secret(wish, key)?)
    }
}
