use super::*;
use proptest::prelude::*;

#[test]
fn tags_of_one_two_and_three_bytes_are_read_as_numbers() {
    assert_eq!(tag(&[0x53, 9]), Ok((0x53, &[9][..])));
    assert_eq!(tag(&[0x7F, 0x49, 9]), Ok((0x7F49, &[9][..])));
    assert_eq!(tag(&[0x5F, 0xC1, 0x02, 9]), Ok((0x5F_C102, &[9][..])));
    assert_eq!(tag(&[0x5F, 0xC1, 0x82, 0x01]), Err(Error::Tag));
    assert_eq!(tag(&[0x5F, 0xC1]), Err(Error::Short));
    assert_eq!(tag(&[]), Err(Error::Short));
}

#[test]
fn lengths_are_read_in_every_definite_form_and_no_other() {
    for (bytes, value) in [
        (&[0x53, 0x00][..], &[][..]),
        (&[0x53, 0x02, 7, 8], &[7, 8]),
        (&[0x53, 0x81, 0x02, 7, 8], &[7, 8]),
        (&[0x53, 0x82, 0x00, 0x02, 7, 8], &[7, 8]),
        (&[0x53, 0x83, 0x00, 0x00, 0x01, 7], &[7]),
    ] {
        assert_eq!(element(bytes), Ok((Element { tag: 0x53, value }, &[][..])), "{bytes:02X?}");
    }
    assert_eq!(element(&[0x53, 0x80, 0, 0]), Err(Error::Length));
    assert_eq!(element(&[0x53, 0x84, 0, 0, 0, 0]), Err(Error::Length));
    assert_eq!(element(&[0x53, 0x82, 0x01]), Err(Error::Short));
    assert_eq!(element(&[0x53, 0x03, 1, 2]), Err(Error::Short));
}

#[test]
fn after_an_error_there_are_no_more_elements() {
    let read: Vec<_> = elements(&[0x01, 0x00, 0x02, 0x05, 0x03, 0x00]).collect();
    assert_eq!(read, [Ok(Element { tag: 1, value: &[] }), Err(Error::Short)]);
}

#[test]
fn a_path_goes_inside_and_takes_the_first() {
    let bytes = [0x7C, 0x07, 0x82, 0x00, 0x81, 0x01, 5, 0x81, 0x00];
    assert_eq!(at(&bytes, &[0x7C, 0x81]), Some(&[5][..]));
    assert_eq!(at(&bytes, &[0x7C, 0x82]), Some(&[][..]));
    assert_eq!(at(&bytes, &[0x7C, 0x85]), None);
    assert_eq!(at(&bytes, &[0x81]), None);
}

#[test]
fn lengths_are_written_as_short_as_they_go() {
    for (length, head) in [
        (0, &[0x53, 0x00][..]),
        (0x7F, &[0x53, 0x7F]),
        (0x80, &[0x53, 0x81, 0x80]),
        (0xFF, &[0x53, 0x81, 0xFF]),
        (0x100, &[0x53, 0x82, 0x01, 0x00]),
        (0x1_0000, &[0x53, 0x83, 0x01, 0x00, 0x00]),
    ] {
        let written = of(0x53, &vec![0; length]);
        assert_eq!(written.get(..head.len()), Some(head));
        assert_eq!(written.len(), head.len() + length);
    }
    assert_eq!(nested(0x5F_C102, &[(0x7F49, &[1])]), [0x5F, 0xC1, 0x02, 4, 0x7F, 0x49, 1, 1]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut total = 0;
        for element in elements(&bytes).map_while(Result::ok) {
            total += element.value.len() + 2;
        }
        prop_assert!(total <= bytes.len());
    }

    #[test]
    fn what_was_written_is_read(tag in prop_oneof![Just(0x53u32), Just(0x7F49), Just(0x5F_C102)],
                                value in proptest::collection::vec(any::<u8>(), 0..70_000)) {
        let bytes = of(tag, &value);
        prop_assert_eq!(element(&bytes), Ok((Element { tag, value: &value }, &[][..])));
    }
}
