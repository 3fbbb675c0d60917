//! What was read of a text at the names of several rules: they often end at the same place.

use super::beside::ResourceMemo;
use super::link::Link;
use crate::redact::values::memo::ValueMemo;
use std::ops::Range;

/// What is known of the names of one text and of their values.
#[derive(Debug, Default)]
pub(in crate::redact) struct NameMemo {
    /// The end of the name that was read last, and the text after it.
    link: Option<(usize, Option<Link>)>,
    /// The same link after a key of the value: `"name":"TOKEN","value":"x"`.
    keyed: Option<(usize, Link)>,
    /// The run of bytes that may be a call around a value, which was read last.
    wrapper: Range<usize>,
    pub(super) resources: ResourceMemo,
    pub(super) values: ValueMemo,
}

impl NameMemo {
    /// The link after a name that ends at `end`.
    pub(super) fn link(&mut self, text: &[u8], end: usize) -> Option<Link> {
        if let Some((known, link)) = self.link
            && known == end
        {
            return link;
        }
        let link = Link::read(text, end, &mut self.values);
        self.link = Some((end, link));
        link
    }

    /// The link after the key of a value that is listed beside the name, of a link as [`NameMemo::link`] returned it.
    pub(super) fn after_value_key(&mut self, text: &[u8], link: &Link) -> Link {
        if let Some((known, keyed)) = self.keyed
            && known == link.start
        {
            return keyed;
        }
        let mut keyed = *link;
        keyed.skip_value_key(text);
        self.keyed = Some((link.start, keyed));
        keyed
    }

    /// The end of the run of bytes that may be a call or a prefix of a quoted value: `SecretString(`, `b`.
    pub(super) fn wrapper_end(&mut self, text: &[u8], start: usize) -> usize {
        if !self.wrapper.contains(&start) {
            let rest = text.get(start..).unwrap_or_default();
            let of_wrapper = |byte: &&u8| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b':' | b'.' | b'(' | b'$' | b'@')
            };
            let length = rest.iter().take_while(of_wrapper).count();
            self.wrapper = start..start + length;
        }
        self.wrapper.end
    }
}
