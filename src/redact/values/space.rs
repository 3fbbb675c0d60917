//! White space and the escape character.

/// The first byte of the colour sequences of terminals.
pub(in crate::redact) const ESCAPE: u8 = 0x1b;

/// Whether a byte is white space, as `\s` in patterns.
pub(in crate::redact) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
