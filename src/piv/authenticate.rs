//! GENERAL AUTHENTICATE (SP 800-73-4 part 2 section 3.2.4, appendix A).
//!
//! | key | data | is |
//! |---|---|---|
//! | 9B | 81, 82, 80 | the card manager's authentication |
//! | RSA | 81 block `00 01 FF.. 00 data` | a signature over `data`, which the hash policy judges |
//! | RSA | 81 an EMSA-PSS block, by its structure | a signature, if the hash policy allows its hash |
//! | RSA | 81 any other block, where the policy takes bare ones, but never with 9C | the bare operation |
//! | RSA | 81 any other block | decryption, where the key decrypts: PKCS#1 v1.5 with implicit rejection, answered as a block `00 02 .. 00 message` whatever came of it, so that the answer is no oracle |
//! | EC | 81 digest | an ECDSA signature in DER |
//! | EC | 85 point | ECDH, with 9D alone, where the key agrees |
//!
//! On a card of a store each is for keys whose record allows it ([`Filing::allows`](super::Filing::allows)).

use super::{
    Algorithm, Applet, KeyReference,
    bearer::{Key, Session},
    block,
    management::Template,
    status,
    tables::reference,
};
use crate::{
    apdu::{Command, Response, Status},
    card::{Error, Fresh, Verb},
    crypto::{self, Hash, Padding, Scheme},
    tlv,
};
use zeroize::Zeroizing;

/// The dynamic authentication template, and the tags in it (table 7).
mod tag {
    pub(super) const TEMPLATE: u32 = 0x7C;
    pub(super) const WITNESS: u32 = 0x80;
    pub(super) const CHALLENGE: u32 = 0x81;
    pub(super) const RESPONSE: u32 = 0x82;
    pub(super) const EXPONENTIATION: u32 = 0x85;
}

/// What stands in a template.
#[derive(Clone, Copy, Debug, Default)]
struct Fields<'a> {
    authentication: Template<'a>,
    point: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn parse(data: &'a [u8]) -> Result<Self, Status> {
        let template = match tlv::element(data) {
            Ok((element, [])) if element.tag == tag::TEMPLATE => element.value,
            _ => return Err(Status::IncorrectData),
        };
        let mut fields = Self::default();
        for element in tlv::elements(template) {
            let element = element.map_err(|_| Status::IncorrectData)?;
            let place = match element.tag {
                tag::WITNESS => &mut fields.authentication.witness,
                tag::CHALLENGE => &mut fields.authentication.challenge,
                tag::RESPONSE => &mut fields.authentication.response,
                tag::EXPONENTIATION => &mut fields.point,
                _ => return Err(Status::IncorrectData),
            };
            if place.replace(element.value).is_some() {
                return Err(Status::IncorrectData);
            }
        }
        Ok(fields)
    }
}

/// What a person's key is asked for.
#[derive(Clone, Copy, Debug)]
enum Wish<'a> {
    Block(&'a [u8]),
    Point(&'a [u8]),
}

impl Applet {
    /// GENERAL AUTHENTICATE.
    pub(super) fn general_authenticate(
        &mut self,
        command: &Command<'_>,
        fresh: Option<Fresh>,
    ) -> Result<Response, Status> {
        if command.p2 == reference::MANAGEMENT {
            let fields = Fields::parse(command.data)?;
            if fields.point.is_some() {
                return Err(Status::IncorrectData);
            }
            let key = self.settings.management.clone().filter(|_| !self.is_derived());
            let step = self.manager.step(key.as_ref(), command.p1, fields.authentication)?;
            return Ok(match step {
                Some((tag, value)) => Response::of(tlv::nested(tag::TEMPLATE, &[(tag, &value)])),
                None => Status::Success.into(),
            });
        }
        let algorithm = Algorithm::try_from(command.p1).map_err(|_| Status::IncorrectParameters)?;
        let reference =
            KeyReference::try_from(command.p2).map_err(|_| Status::IncorrectParameters)?;
        let session = self.session()?;
        let key = self.bearer.key(reference, self.settings.key_management, &session);
        let key = key.map_err(|error| status::of_card(&error))?;
        let key =
            key.filter(|key| key.kind == algorithm.kind()).ok_or(Status::IncorrectParameters)?;
        let wish = match Fields::parse(command.data)? {
            Fields {
                authentication:
                    Template { witness: None, challenge: Some(block), response: Some([]) },
                point: None,
            } => Wish::Block(block),
            Fields {
                authentication: Template { witness: None, challenge: None, response: Some([]) },
                point: Some(point),
            } => Wish::Point(point),
            _ => return Err(Status::IncorrectData),
        };
        let fresh = fresh.filter(|_| reference.each_time());
        let answer = self.work(reference, &key, wish, &session, fresh)?;
        self.used();
        let mut template = Zeroizing::new(Vec::with_capacity(answer.len() + 16));
        let mut inside = Zeroizing::new(Vec::with_capacity(answer.len() + 8));
        tlv::put(&mut inside, tag::RESPONSE, &answer);
        tlv::put(&mut template, tag::TEMPLATE, &inside);
        Ok(Response { data: template, status: Status::Success })
    }

    fn work(
        &self,
        reference: KeyReference,
        key: &Key,
        wish: Wish<'_>,
        session: &Session,
        fresh: Option<Fresh>,
    ) -> Result<Zeroizing<Vec<u8>>, Status> {
        let (bearer, context) = (&self.bearer, &self.context);
        let sign = |scheme, data: &[u8], fresh| {
            let signed = bearer.sign(key, scheme, data, (session, fresh), context);
            signed.map_err(|error| status::of_card(&error))
        };
        match wish {
            Wish::Point(_) if key.kind.is_rsa() => Err(Status::IncorrectData),
            Wish::Point(_) if reference != KeyReference::KeyManagement => {
                Err(status::of_card(&Error::Usage))
            }
            Wish::Point(point) => {
                let agreed = bearer.agree(key, point, (session, fresh), context);
                let agreed = agreed.map_err(|error| status::of_card(&error))?;
                Ok(Zeroizing::new(agreed.expose().to_vec()))
            }
            Wish::Block(digest) if !key.kind.is_rsa() => {
                if digest.is_empty() || digest.len() > key.kind.bytes() {
                    return Err(Status::IncorrectData);
                }
                let signature = sign(Scheme::Ecdsa, digest, fresh)?;
                let der = crypto::ecdsa_to_der(&signature).map_err(status::of_crypto)?;
                Ok(Zeroizing::new(der))
            }
            Wish::Block(block) if block.len() != key.kind.bytes() => Err(Status::IncorrectData),
            Wish::Block(block) => match (block::type_1(block), crypto::pss_block_hash(block)) {
                (Some(data), _) => sign(Scheme::Pkcs1Raw, data, fresh).map(Zeroizing::new),
                (None, Some(hash)) => {
                    sign(Scheme::PssBlock(hash), block, fresh).map(Zeroizing::new)
                }
                (None, None) if key.raw && !bearer.allows(key, Verb::DecryptRaw) => {
                    sign(Scheme::Raw, block, fresh).map(Zeroizing::new)
                }
                (None, None) if key.raw => {
                    let leave = (session, fresh);
                    let raised = bearer.decrypt(key, &Padding::Raw, block, leave, context);
                    let raised = raised.map_err(|error| status::of_card(&error))?;
                    Ok(Zeroizing::new(raised.expose().to_vec()))
                }
                (None, None) if self.decrypts(reference) => {
                    self.decrypted(key, block, session, fresh)
                }
                (None, None) => Err(status::of_card(&Error::RawRefused)),
            },
        }
    }

    /// Whether the key of a reference decrypts. On a derived card that is the authentication key, as
    /// through PKCS#11.
    fn decrypts(&self, reference: KeyReference) -> bool {
        match reference {
            KeyReference::Authentication => self.is_derived(),
            KeyReference::KeyManagement => true,
            KeyReference::Signature | KeyReference::CardAuthentication => false,
        }
    }

    /// The message of a ciphertext, padded again. What was wrong with it cannot be told: then the
    /// message is random, the same each time.
    fn decrypted(
        &self,
        key: &Key,
        ciphertext: &[u8],
        session: &Session,
        fresh: Option<Fresh>,
    ) -> Result<Zeroizing<Vec<u8>>, Status> {
        let leave = (session, fresh);
        let message = self.bearer.decrypt(key, &Padding::Pkcs1, ciphertext, leave, &self.context);
        let message = message.map_err(|error| status::of_card(&error))?;
        // The filler is the same for the same block too, as it would be on any card.
        let mut count = 0u8;
        let filler = |bytes: &mut [u8]| {
            count = count.wrapping_add(1);
            let info = [ciphertext, &[count]].concat();
            let more = crypto::hkdf_expand(Hash::Sha256, self.filler.expose(), &info, bytes.len())?;
            bytes.copy_from_slice(more.expose());
            Ok::<(), crypto::Error>(())
        };
        let padded = block::type_2(message.expose(), key.kind.bytes(), filler);
        padded.map_err(status::of_crypto)?.map(Zeroizing::new).ok_or(Status::Unspecific)
    }
}
