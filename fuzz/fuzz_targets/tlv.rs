//! BER-TLV, flat and by a path; what was read is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wardcard::tlv;

fuzz_target!(|bytes: &[u8]| {
    let mut total = 0;
    for element in tlv::elements(bytes).map_while(Result::ok) {
        total += element.value.len() + 2;
        let written = tlv::of(element.tag, element.value);
        if let Ok((again, rest)) = tlv::element(&written) {
            assert_eq!((again, rest), (element, &[][..]));
        }
        let _ = tlv::at(element.value, &[0x7C, 0x81]);
    }
    assert!(total <= bytes.len());
    let _ = tlv::at(bytes, &[0x7C, 0x82]);
});
