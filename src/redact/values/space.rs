//! White space and the escape character.

/// The first byte of a terminal's colour sequences.
pub(in crate::redact) const ESCAPE: u8 = 0x1b;

/// White space as patterns mean it by `\s`.
pub(in crate::redact) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}
