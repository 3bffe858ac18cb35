//! One request of HTTP/1.1 (RFC 9112) on a connection of its own: what the loopback listener of a
//! sign-in and the endpoint of logout tokens read. Leaves out chunked bodies, `Expect`, and a second
//! request on the same connection.

use crate::secret::Secret;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Longest head, in bytes: a redirect with its code and state fits.
pub const LONGEST_HEAD: usize = 32 * 1024;

/// Most header fields.
const MOST_FIELDS: usize = 100;

/// The head of a request.
#[derive(Debug)]
pub struct Head {
    /// The method, in upper case as it must be.
    pub method: String,
    /// Path and query as they were written.
    pub target: Secret,
    /// `Host`.
    pub host: Option<String>,
    /// The media type without its parameters, in lower case.
    pub media_type: String,
    /// Length of the body; none where the request has none.
    pub length: Option<usize>,
}

impl Head {
    /// Reads a head, the empty line at its end included. `None` for what is none, or is one that
    /// could be read in two ways: no `Host` or two, a length twice, a transfer coding, folded lines.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let plain =
            |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        let good = words.next().is_none()
            && method.bytes().all(|byte| byte.is_ascii_uppercase())
            && plain(method)
            && plain(target)
            && target.starts_with('/')
            && matches!(version, "HTTP/1.1" | "HTTP/1.0");
        if !good {
            return None;
        }
        let mut head = Self {
            method: method.to_owned(),
            target: Secret::copied_from(target.as_bytes()),
            host: None,
            media_type: String::new(),
            length: None,
        };
        for (number, line) in lines.enumerate() {
            let (name, value) = line.split_once(':')?;
            let token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&byte);
            let clean = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte) || byte >= 0x80;
            if number >= MOST_FIELDS
                || name.is_empty()
                || !name.bytes().all(token)
                || !value.bytes().all(clean)
            {
                return None;
            }
            head.field(&name.to_ascii_lowercase(), value.trim_matches([' ', '\t']))?;
        }
        Some(head)
    }

    fn field(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "host" if self.host.is_none() => self.host = Some(value.to_owned()),
            "content-length" if self.length.is_none() => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                self.length = Some(digits.then(|| value.parse().ok()).flatten()?);
            }
            "content-type" if self.media_type.is_empty() => {
                let media_type = value.split(';').next().unwrap_or_default();
                self.media_type = media_type.trim().to_ascii_lowercase();
            }
            "host" | "content-length" | "content-type" | "transfer-encoding" | "expect" => {
                return None;
            }
            _ => {}
        }
        Some(())
    }
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The other end went, or took longer than it may.
    Gone,
    /// What came is no request that is read here.
    Malformed,
    /// The head or the body is longer than it may be.
    TooLong,
}

/// Reads a request with a body of at most `longest` bytes, before `deadline`.
///
/// # Errors
/// Why there is none.
pub fn read(
    stream: &TcpStream,
    longest: usize,
    deadline: Instant,
) -> Result<(Head, Secret), Fault> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    let end = loop {
        if let Some(at) = find_end(&bytes) {
            break at;
        }
        if bytes.len() >= LONGEST_HEAD {
            return Err(Fault::TooLong);
        }
        take(stream, &mut bytes, deadline)?;
    };
    let (head, begun) = bytes.split_at_checked(end).ok_or(Fault::Malformed)?;
    if head.len() > LONGEST_HEAD {
        return Err(Fault::TooLong);
    }
    let head = Head::parse(head).ok_or(Fault::Malformed)?;
    let length = head.length.unwrap_or(0);
    if length > longest {
        return Err(Fault::TooLong);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(length));
    body.extend_from_slice(begun);
    while body.len() < length {
        take(stream, &mut body, deadline)?;
    }
    let body = body.get(..length).ok_or(Fault::Malformed)?;
    Ok((head, Secret::copied_from(body)))
}

/// Where the head ends, if it does.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    at.checked_add(4)
}

/// Takes what has come, at least a byte.
fn take(mut stream: &TcpStream, bytes: &mut Vec<u8>, deadline: Instant) -> Result<(), Fault> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Fault::Gone);
    }
    stream.set_read_timeout(Some(left)).map_err(|_| Fault::Gone)?;
    let mut chunk = Zeroizing::new([0; 4096]);
    match stream.read(chunk.as_mut()) {
        Ok(0) | Err(_) => Err(Fault::Gone),
        Ok(read) => {
            bytes.extend_from_slice(chunk.get(..read).unwrap_or_default());
            Ok(())
        }
    }
}

/// What a request is answered.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// Status and its words: `200 OK`.
    pub status: &'a str,
    /// The media type.
    pub media_type: &'a str,
    /// Further header fields, each with its end of line.
    pub fields: &'a str,
    /// The body.
    pub body: &'a str,
}

/// Answers and ends the connection. Nothing of it may be kept by a cache.
pub fn reply(mut stream: &TcpStream, reply: &Reply<'_>) {
    let Reply { status, media_type, fields, body } = reply;
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nPragma: no-cache\r\nX-Content-Type-Options: nosniff\r\n\
         Connection: close\r\n{fields}\r\n{body}"
    );
    // Whoever asked may have gone; there is nobody else to tell.
    let _ = stream.set_write_timeout(Some(Duration::from_secs(2)));
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.shutdown(std::net::Shutdown::Write);
    // What has not been read would reset the connection, and the answer with it.
    let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
    let mut rest = [0; 4096];
    for _ in 0..16 {
        match stream.read(&mut rest) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
