//! What a client wants of an RSA key, which PIV does not say: it sends a block as long as the modulus
//! and means "raise it" (SP 800-73-4 part 2 section 3.2.4, appendix A.3). Its padding tells.

/// The data behind `00 01 FF.. 00` (RFC 8017 section 9.2); `None` for any other block.
pub(super) fn type_1(block: &[u8]) -> Option<&[u8]> {
    let rest = block.strip_prefix(&[0x00, 0x01])?;
    let filler = rest.iter().take_while(|byte| **byte == 0xFF).count();
    match rest.split_at_checked(filler) {
        Some((_, [0x00, data @ ..])) if filler >= 8 => Some(data),
        _ => None,
    }
}

/// `00 02`, filler without a zero, `00`, message, in `length` bytes (RFC 8017 section 7.2.1); `None`
/// if the message is too long. `filler` gives as many random bytes as it is asked for.
pub(super) fn type_2<E>(
    message: &[u8],
    length: usize,
    mut filler: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Option<Vec<u8>>, E> {
    let Some(count) = length.checked_sub(message.len().saturating_add(3)).filter(|n| *n >= 8)
    else {
        return Ok(None);
    };
    let mut block = Vec::with_capacity(length);
    block.extend_from_slice(&[0x00, 0x02]);
    let mut random = [0; 64];
    while block.len() < count + 2 {
        filler(&mut random)?;
        let missing = count + 2 - block.len();
        block.extend(random.iter().copied().filter(|byte| *byte != 0).take(missing));
    }
    block.push(0x00);
    block.extend_from_slice(message);
    Ok(Some(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_type_1_padding_is_one() {
        let padded = [&[0x00, 0x01][..], &[0xFF; 8], &[0x00, 7, 8]].concat();
        assert_eq!(type_1(&padded), Some(&[7, 8][..]));
        let empty = [&[0x00, 0x01][..], &[0xFF; 9], &[0x00]].concat();
        assert_eq!(type_1(&empty), Some(&[][..]));
        for bad in [
            &[][..],
            &[0x00, 0x01],
            &[&[0x00, 0x01][..], &[0xFF; 7], &[0x00, 7]].concat(),
            &[&[0x00, 0x02][..], &[0xFF; 8], &[0x00, 7]].concat(),
            &[&[0x01, 0x01][..], &[0xFF; 8], &[0x00, 7]].concat(),
            &[&[0x00, 0x01][..], &[0xFF; 8], &[0x01, 7]].concat(),
            &[&[0x00, 0x01][..], &[0xFF; 8]].concat(),
        ] {
            assert_eq!(type_1(bad), None, "{bad:02X?}");
        }
    }

    #[test]
    fn a_message_is_padded_with_bytes_that_are_not_zero() {
        let mut next = 0u8;
        let mut filler = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                next = next.wrapping_add(1) % 3;
                next
            });
            Ok::<(), ()>(())
        };
        let block = type_2(b"abc", 128, &mut filler).unwrap().unwrap();
        assert_eq!(block.len(), 128);
        assert_eq!((block[0], block[1]), (0, 2));
        assert!(block[2..124].iter().all(|byte| *byte != 0));
        assert_eq!(&block[124..], b"\0abc");
        assert_eq!(type_2(&[0; 118], 128, &mut filler), Ok(None));
        assert!(type_2(&[0; 117], 128, &mut filler).unwrap().is_some());
        assert_eq!(type_2(b"", 128, |_| Err("no")), Err("no"));
    }
}
