//! BER-TLV as smartcards use it (ISO/IEC 7816-4 section 5.2.2.2): tags of one to three bytes,
//! definite lengths of one to four bytes.
//!
//! Reading is flat: who wants what lies inside of a value reads the value again, so nothing here
//! recurses and depth is the caller's. Every slice that comes out lies in the bytes that went in.
//! Indefinite lengths are left out.
//!
//! ```
//! use wardcard::tlv;
//!
//! let bytes = tlv::of(0x7C, &tlv::of(0x81, &[1, 2, 3]));
//! assert_eq!(bytes, [0x7C, 0x05, 0x81, 0x03, 1, 2, 3]);
//! assert_eq!(tlv::at(&bytes, &[0x7C, 0x81]), Some(&[1, 2, 3][..]));
//! ```

#[cfg(test)]
mod tests;

/// Why bytes are no BER-TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// They end in the middle of an element.
    #[error("the data ends in the middle of a TLV element")]
    Short,
    /// A tag of more than three bytes.
    #[error("a TLV tag has more than three bytes")]
    Tag,
    /// An indefinite length, or one of more than four bytes.
    #[error("a TLV length is indefinite or too long")]
    Length,
}

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag, as its bytes read as one number: `0x53`, `0x7F49`, `0x5FC102`.
    pub tag: u32,
    /// Its value.
    pub value: &'a [u8],
}

/// The elements of some bytes, one after the other. After an error there are no more.
#[derive(Clone, Debug)]
pub struct Elements<'a>(&'a [u8]);

/// The elements in `bytes`.
pub fn elements(bytes: &[u8]) -> Elements<'_> {
    Elements(bytes)
}

impl<'a> Elements<'a> {
    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let read = element(self.0);
        self.0 = read.map_or(&[], |(_, rest)| rest);
        Some(read.map(|(element, _)| element))
    }
}

/// The first element, and what follows it.
///
/// # Errors
/// What is wrong with it.
pub fn element(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Error> {
    let (tag, bytes) = tag(bytes)?;
    let (length, bytes) = length(bytes)?;
    let (value, rest) = bytes.split_at_checked(length).ok_or(Error::Short)?;
    Ok((Element { tag, value }, rest))
}

/// The tag that bytes begin with, and what follows it.
///
/// # Errors
/// [`Error::Short`], [`Error::Tag`].
pub fn tag(bytes: &[u8]) -> Result<(u32, &[u8]), Error> {
    let (first, mut rest) = bytes.split_first().ok_or(Error::Short)?;
    let mut tag = u32::from(*first);
    if first & 0x1F != 0x1F {
        return Ok((tag, rest));
    }
    for _ in 0..2 {
        let (next, after) = rest.split_first().ok_or(Error::Short)?;
        tag = tag << 8 | u32::from(*next);
        rest = after;
        if next & 0x80 == 0 {
            return Ok((tag, rest));
        }
    }
    // The third byte of what PIV calls a tag, 5FC102 and the like, has its high bit clear.
    Err(Error::Tag)
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), Error> {
    let (first, rest) = bytes.split_first().ok_or(Error::Short)?;
    let count = usize::from(first & 0x7F);
    match first {
        0x00..=0x7F => Ok((count, rest)),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(count).ok_or(Error::Short)?;
            Ok((bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest))
        }
        _ => Err(Error::Length),
    }
}

/// The value of the first element with that tag among the elements of `bytes`, which are well formed
/// up to it.
pub fn find(bytes: &[u8], tag: u32) -> Option<&[u8]> {
    elements(bytes).map_while(Result::ok).find(|element| element.tag == tag).map(|one| one.value)
}

/// The value at the end of a path of tags, each inside of the one before.
pub fn at<'a>(bytes: &'a [u8], path: &[u32]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, tag| find(bytes, *tag))
}

/// Writes an element behind what is there.
///
/// A tag is written as the bytes of its number, without leading zeros; a length in as few bytes as
/// it takes.
pub fn put(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    put_head(out, tag, value.len());
    out.extend_from_slice(value);
}

/// Writes tag and length of an element whose value of `length` bytes follows.
pub fn put_head(out: &mut Vec<u8>, tag: u32, length: usize) {
    put_number(out, u64::from(tag));
    if let 0..=0x7F = length {
        out.push(u8::try_from(length).unwrap_or_default());
        return;
    }
    let mut bytes = Vec::with_capacity(4);
    put_number(&mut bytes, u64::try_from(length).unwrap_or(u64::MAX));
    out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0x7F));
    out.extend_from_slice(&bytes);
}

fn put_number(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len() - 1);
    out.extend(bytes.iter().skip(zeros));
}

/// An element.
pub fn of(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len().saturating_add(8));
    put(&mut out, tag, value);
    out
}

/// An element that holds these ones.
pub fn nested(tag: u32, inside: &[(u32, &[u8])]) -> Vec<u8> {
    let mut value = Vec::new();
    for (tag, bytes) in inside {
        put(&mut value, *tag, bytes);
    }
    of(tag, &value)
}
