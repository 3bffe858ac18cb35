//! Names that a 64-bit little-endian ELF shared object exports (dynamic symbols that are defined).

fn number(bytes: &[u8], at: usize, width: usize) -> usize {
    bytes[at..at + width].iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// Defined, non-local dynamic symbols.
pub fn exported(elf: &[u8]) -> Vec<String> {
    assert_eq!(&elf[..6], b"\x7fELF\x02\x01");
    let (sections, width, count) = (number(elf, 40, 8), number(elf, 58, 2), number(elf, 60, 2));
    let header = |index: usize| sections + index * width;
    let mut names = Vec::new();
    for index in 0..count {
        let at = header(index);
        const SHT_DYNSYM: usize = 11;
        if number(elf, at + 4, 4) != SHT_DYNSYM {
            continue;
        }
        let (offset, size) = (number(elf, at + 24, 8), number(elf, at + 32, 8));
        let strings = number(elf, header(number(elf, at + 40, 4)) + 24, 8);
        for symbol in (offset..offset + size).step_by(24) {
            let (binding, section) = (elf[symbol + 4] >> 4, number(elf, symbol + 6, 2));
            if binding == 0 || section == 0 {
                continue;
            }
            let name = strings + number(elf, symbol, 4);
            let end = elf[name..].iter().position(|byte| *byte == 0).unwrap();
            names.push(String::from_utf8_lossy(&elf[name..name + end]).into_owned());
        }
    }
    names
}
