//! From bytes to whole commands and from responses to bytes: class, chaining, GET RESPONSE
//! (ISO/IEC 7816-4 sections 5.1.1 and 5.1.2, 7.6.1).
//!
//! | rule | answer |
//! |---|---|
//! | class of another channel | 6881 |
//! | class with secure messaging | 6882 |
//! | any other class | 6E00 |
//! | another command in the middle of a chain | 6883, once; the chain is given up |
//! | a chain of an instruction that takes none | 6884 |
//! | a chain that grows too long | 6700; the chain is given up |
//! | more data than was expected | what was expected, then 61xx |
//! | no Le, and there is data | as with the longest short Le |
//! | GET RESPONSE with nothing there | 6985 |
//! | any command but GET RESPONSE | what was left to be got is dropped |

use super::{Command, Response, Status};
use std::fmt;
use zeroize::Zeroizing;

/// GET RESPONSE.
const GET_RESPONSE: u8 = 0xC0;
/// Bit of the class that says that more of the command follows.
const CHAINED: u8 = 0x10;

/// What is meant where Le is left out: the most that a short one can say. By the book nothing is
/// expected then, but clients leave it out of SELECT and wait for the answer.
const UNSAID: usize = 0x100;

/// Who answers whole commands.
pub trait Application {
    /// Whether commands with this instruction may come in a chain.
    fn chains(&self, ins: u8) -> bool;

    /// Answers a command whose class is 00. `None`: the card went meanwhile.
    fn command(&mut self, command: &Command<'_>) -> Option<Response>;

    /// A command came that was answered without asking the application. What counts for "the
    /// immediately preceding command" alone ends here.
    fn passed_over(&mut self);
}

/// Logical channel 0 of a powered card.
#[derive(Default)]
pub struct Channel {
    chain: Option<Chain>,
    /// What is left of the last response, and where it goes on.
    pending: Option<(Response, usize)>,
}

struct Chain {
    /// INS, P1, P2.
    header: [u8; 3],
    data: Zeroizing<Vec<u8>>,
}

impl Channel {
    /// Most bytes of a command that comes in a chain: what the longest extended one may have.
    pub const LONGEST: usize = 0xFFFF;

    /// Answers a command. `None`: the card went meanwhile.
    pub fn transmit(&mut self, bytes: &[u8], application: &mut dyn Application) -> Option<Vec<u8>> {
        let pending = self.pending.take();
        let command = Command::parse(bytes).and_then(|command| {
            class(command.cla)?;
            Ok(command)
        });
        let command = match command {
            Ok(command) => command,
            Err(status) => return Some(self.refuse(status, application)),
        };
        if command.ins == GET_RESPONSE {
            application.passed_over();
            return Some(self.get_response(pending, &command));
        }
        let header = [command.ins, command.p1, command.p2];
        let more = command.cla & CHAINED != 0;
        let chain = match self.chain.take() {
            Some(chain) if chain.header == header => Some(chain),
            Some(_) => return Some(self.refuse(Status::ChainUnfinished, application)),
            None if more && !application.chains(command.ins) => {
                return Some(self.refuse(Status::ChainUnsupported, application));
            }
            None if more => Some(Chain { header, data: Zeroizing::default() }),
            None => None,
        };
        let response = match chain {
            None => application.command(&command)?,
            Some(mut chain) => {
                if chain.data.len().saturating_add(command.data.len()) > Self::LONGEST {
                    return Some(self.refuse(Status::WrongLength, application));
                }
                extend(&mut chain.data, command.data);
                if more {
                    self.chain = Some(chain);
                    return Some(Status::Success.to_bytes().to_vec());
                }
                let whole = Command { cla: 0, data: &chain.data, ..command };
                application.command(&whole)?
            }
        };
        Some(self.give((response, 0), command.le.unwrap_or(UNSAID)))
    }

    /// Forgets chain and response, as after a reset.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn refuse(&mut self, status: Status, application: &mut dyn Application) -> Vec<u8> {
        self.chain = None;
        application.passed_over();
        status.to_bytes().to_vec()
    }

    fn get_response(
        &mut self,
        pending: Option<(Response, usize)>,
        command: &Command<'_>,
    ) -> Vec<u8> {
        let status = match pending {
            _ if self.chain.take().is_some() => Status::ChainUnfinished,
            _ if command.cla != 0 => Status::ChainUnsupported,
            _ if (command.p1, command.p2) != (0, 0) => Status::IncorrectParameters,
            _ if !command.data.is_empty() => Status::WrongLength,
            None => Status::Conditions,
            Some(pending) => return self.give(pending, command.le.unwrap_or(UNSAID)),
        };
        status.to_bytes().to_vec()
    }

    /// So many bytes of a response; what is left stays here.
    fn give(&mut self, (response, from): (Response, usize), most: usize) -> Vec<u8> {
        let left = response.data.get(from..).unwrap_or_default();
        let (now, rest) = left.split_at_checked(most).unwrap_or((left, &[]));
        let status = match rest.len() {
            0 => response.status,
            more => Status::MoreAvailable(u8::try_from(more).unwrap_or(0)),
        };
        let bytes = [now, &status.to_bytes()].concat();
        if !rest.is_empty() {
            let from = from.saturating_add(now.len());
            self.pending = Some((response, from));
        }
        bytes
    }
}

impl fmt::Debug for Channel {
    /// Not the data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chain, pending) = (self.chain.is_some(), self.pending.is_some());
        f.debug_struct("Channel").field("chain", &chain).field("pending", &pending).finish()
    }
}

/// Whether a class is one of ours: 00 and 10.
fn class(cla: u8) -> Result<(), Status> {
    match cla {
        0x00 | CHAINED => Ok(()),
        // First interindustry classes: channels 0 to 3, secure messaging in two bits.
        0x00..=0x1F if cla & 0x03 != 0 => Err(Status::LogicalChannel),
        0x00..=0x1F => Err(Status::SecureMessaging),
        // Further interindustry classes: channels 4 to 19.
        0x40..=0x7F => Err(Status::LogicalChannel),
        _ => Err(Status::Class),
    }
}

/// Adds bytes so that no copy of what was there is left behind when it has to move.
fn extend(data: &mut Zeroizing<Vec<u8>>, more: &[u8]) {
    let needed = data.len().saturating_add(more.len());
    if needed > data.capacity() {
        let mut roomy = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2)));
        roomy.extend_from_slice(data);
        *data = roomy;
    }
    data.extend_from_slice(more);
}
