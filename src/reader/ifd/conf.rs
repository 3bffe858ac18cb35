//! The entry of pcscd's configuration (reader.conf(5)).

/// The entry by which pcscd loads our library as a reader of this name, whose card is served at
/// `address` (`unix:path=...`; `;uid=N` after it names a user besides root whose agent is believed).
/// The name alone stands in quotes, which pcscd would take for a part of the others.
///
/// `None` where a value cannot be written: empty, too long for pcscd (more than 100 characters of a
/// name, 200 of an address), with a quote or a control character in it, or with a space in library
/// or address.
///
/// ```
/// let entry = wardcard::reader::ifd::reader_conf(
///     "Wardcard",
///     "/usr/lib/libwardcard.so",
///     "unix:path=/run/wardcard/reader",
/// );
/// assert!(entry.unwrap().contains("DEVICENAME   unix:path=/run/wardcard/reader\n"));
/// ```
pub fn reader_conf(name: &str, library: &str, address: &str) -> Option<String> {
    let fits = |value: &str, most: usize| {
        (1..=most).contains(&value.chars().count())
            && !value.chars().any(|char| char == '"' || char.is_control())
    };
    let spaced = |value: &str| value.contains([' ', '#']);
    // pcscd adds numbers to the name, and keeps 128 characters of it.
    if !fits(name, 100)
        || !fits(library, 4000)
        || !fits(address, 200)
        || spaced(library)
        || spaced(address)
    {
        return None;
    }
    Some(format!(
        "# The card of a Wardcard agent, as a reader of pcscd.\n\
         FRIENDLYNAME \"{name}\"\n\
         DEVICENAME   {address}\n\
         LIBPATH      {library}\n\
         CHANNELID    0\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_pcscd_would_misread_are_refused() {
        assert!(reader_conf("Ward 7", "/l.so", "unix:path=/a").is_some());
        assert_eq!(reader_conf("Ward 7", "/a b/l.so", "unix:path=/a"), None);
        for bad in ["", "a\"b", "a\nLIBPATH /evil.so", &"x".repeat(5000)] {
            assert_eq!(reader_conf(bad, "/l.so", "unix:path=/a"), None);
            assert_eq!(reader_conf("a", bad, "unix:path=/a"), None);
            assert_eq!(reader_conf("a", "/l.so", bad), None);
        }
    }
}
