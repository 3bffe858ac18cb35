//! What the device says of itself: the class descriptor (CCID 1.1 section 5.1) within the standard
//! descriptors of a USB device with one interface and three endpoints (USB 2.0 section 9.6).

/// Endpoint of commands (bulk, out).
pub const BULK_OUT: u8 = 0x01;
/// Endpoint of responses (bulk, in).
pub const BULK_IN: u8 = 0x82;
/// Endpoint of notices (interrupt, in).
pub const INTERRUPT_IN: u8 = 0x83;

/// The class of CCID devices.
pub const CLASS: u8 = 0x0B;
/// Largest packet of the bulk endpoints at high speed.
pub const BULK_PACKET: u16 = 512;
/// Bytes before a message's data.
pub const HEADER: usize = 10;
/// The longest message, header included (dwMaxCCIDMessageLength).
pub const LONGEST: u32 = 10 + 65_544;

/// T=0 and T=1.
const PROTOCOLS: u32 = 0x3;
/// kHz.
const CLOCK: u32 = 4000;
/// Bits per second.
pub(super) const RATE: u32 = 10_752;
/// Largest information field of T=1.
const IFSD: u32 = 254;
/// Parameters by the ATR (02), voltage (08), clock (10), speed (20), PPS (80), IFSD (400), extended
/// APDU level (40000).
const FEATURES: u32 = 0x0004_04BA;

/// The CCID class descriptor, 54 bytes.
pub fn class() -> [u8; 54] {
    let mut bytes = [0; 54];
    let numbers = |value: u32| value.to_le_bytes();
    let fields: [&[u8]; 18] = [
        // bLength, bDescriptorType, bcdCCID 1.10, bMaxSlotIndex, bVoltageSupport: all three.
        &[54, 0x21, 0x10, 0x01, 0, 0x07],
        &numbers(PROTOCOLS),
        &numbers(CLOCK),
        &numbers(CLOCK),
        // bNumClockSupported.
        &[0],
        &numbers(RATE),
        &numbers(RATE),
        // bNumDataRatesSupported.
        &[0],
        &numbers(IFSD),
        // dwSynchProtocols, dwMechanical.
        &numbers(0),
        &numbers(0),
        &numbers(FEATURES),
        &numbers(LONGEST),
        // bClassGetResponse, bClassEnvelope: as the command's.
        &[0xFF],
        &[0xFF],
        // wLcdLayout, bPINSupport.
        &[0, 0],
        &[0],
        // bMaxCCIDBusySlots.
        &[1],
    ];
    for (place, byte) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
        *place = *byte;
    }
    bytes
}

/// Maker and product of the device. None of another maker's: libccid takes a device only if its
/// pair stands in its Info.plist, and the manual gives the edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
}

impl Default for Identity {
    /// The pair that pid.codes keeps for tests: nobody sells a device with it.
    fn default() -> Self {
        Self { vendor: 0x1209, product: 0x0001 }
    }
}

/// The device descriptor.
pub fn device(identity: Identity) -> [u8; 18] {
    let [v0, v1] = identity.vendor.to_le_bytes();
    let [p0, p1] = identity.product.to_le_bytes();
    // USB 2.0, class by interface, 64 bytes at endpoint 0, bcdDevice 1.00; three texts; one
    // configuration.
    [18, 1, 0x00, 0x02, 0, 0, 0, 64, v0, v1, p0, p1, 0x00, 0x01, 1, 2, 3, 1]
}

/// What the device would be at full speed.
pub const QUALIFIER: [u8; 10] = [10, 6, 0x00, 0x02, 0, 0, 0, 64, 1, 0];

/// The configuration with its interface, class descriptor and endpoints.
pub fn configuration() -> Vec<u8> {
    let [low, high] = BULK_PACKET.to_le_bytes();
    let parts: [&[u8]; 6] = [
        // One interface, self-powered, no current.
        &[9, 2, 93, 0, 1, 1, 0, 0xC0, 0],
        // Three endpoints, CCID with bulk and interrupt pipes.
        &[9, 4, 0, 0, 3, CLASS, 0, 0, 0],
        &class(),
        &[7, 5, BULK_OUT, 2, low, high, 0],
        &[7, 5, BULK_IN, 2, low, high, 0],
        // Every 8 ms: 2 to the power of 7 - 1 microframes.
        &[7, 5, INTERRUPT_IN, 3, 8, 0, 7],
    ];
    parts.concat()
}

/// Text of this number: languages, maker, product, serial.
pub fn text(number: u8) -> Option<Vec<u8>> {
    let text = match number {
        0 => return Some(vec![4, 3, 0x09, 0x04]),
        1 => "Wardcard",
        2 => "Wardcard virtual reader",
        3 => "1",
        _ => return None,
    };
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let length = u8::try_from(2 + units.len()).ok()?;
    Some([&[length, 3][..], &units].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_places_are_those_of_the_standards() {
        let class = class();
        assert_eq!(class[..2], [54, 0x21]);
        assert_eq!(class[40..44], 0x0004_04BA_u32.to_le_bytes(), "dwFeatures");
        assert_eq!(class[44..48], LONGEST.to_le_bytes(), "dwMaxCCIDMessageLength");
        assert_eq!(class[53], 1, "bMaxCCIDBusySlots");
        let configuration = configuration();
        assert_eq!(configuration.len(), usize::from(configuration[2]));
        let mut at = 0;
        let mut kinds = Vec::new();
        while at < configuration.len() {
            kinds.push(configuration[at + 1]);
            at += usize::from(configuration[at]);
        }
        assert_eq!((at, kinds), (configuration.len(), vec![2, 4, 0x21, 5, 5, 5]));
        assert_eq!(device(Identity::default())[8..12], [0x09, 0x12, 0x01, 0x00]);
        for number in 0..=3 {
            let text = text(number).unwrap();
            assert_eq!(text.len(), usize::from(text[0]));
        }
        assert_eq!(text(4), None);
    }
}
