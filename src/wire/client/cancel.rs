//! C_SessionCancel at a server that does not know it, as none of version 0 does: each operation is
//! led to its end by calls that cannot use a key.

use super::Client;
use crate::pkcs11::{
    Cryptoki, Result, Room, SessionHandle,
    ck::{CKF_DECRYPT, CKF_DIGEST, CKF_ENCRYPT, CKF_FIND_OBJECTS, CKF_SIGN, CKF_VERIFY},
};

/// Room for any answer: only a call that has room ends its operation.
const ROOM: Room = Room::Bytes(8 * 1024);

impl Client {
    /// A piece and then a whole message is an order that the standard does not know, so the server
    /// refuses the whole and the operation is over, unsigned and unrecorded. What the calls answer
    /// does not matter: no such operation, or no session, is as good.
    pub(super) fn cancel(&self, session: SessionHandle, flags: u64) -> Result<()> {
        self.session_info(session)?;
        let named = |flag| flags & flag != 0;
        if named(CKF_FIND_OBJECTS) {
            let _ = self.find_objects_final(session);
        }
        if named(CKF_DIGEST) {
            let _ = self.digest_final(session, ROOM);
        }
        if named(CKF_VERIFY) {
            let _ = self.verify_final(session, &[]);
        }
        if named(CKF_SIGN) {
            let _ = self.sign_update(session, &[0]);
            let _ = self.sign(session, &[], ROOM);
        }
        if named(CKF_DECRYPT) {
            let _ = self.decrypt_update(session, &[0], ROOM);
            let _ = self.decrypt(session, &[], ROOM);
        }
        if named(CKF_ENCRYPT) {
            let _ = self.encrypt_update(session, &[0], ROOM);
            let _ = self.encrypt(session, &[], ROOM);
        }
        Ok(())
    }
}
