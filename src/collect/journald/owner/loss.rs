//! Messages that journald lost and reports as lost: a gap in the log of a unit or of the kernel.

use super::fields::{EntryClaims, EntrySender, OwnerKind};

/// `MESSAGE_ID` of messages of a unit that exceeded its rate limit.
const DROPPED: &[u8] = b"a596d6fe7bfa4994828e72309e95d61e";

/// `MESSAGE_ID` of kernel messages that were overwritten before journald read them.
const MISSED: &[u8] = b"e9bf28e6e834481bb6f48f548ad13606";

/// Messages that were lost before they reached the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss<'a> {
    /// How many, if journald states it.
    pub(crate) count: Option<u64>,
    /// The unit that lost them, as the message names it.
    unit: Option<&'a [u8]>,
    is_of_kernel: bool,
}

impl<'a> Loss<'a> {
    /// The loss that an entry reports. Only journald itself has the transport `driver`.
    pub(crate) fn of(
        sender: &EntrySender<'a>,
        claims: &EntryClaims<'a>,
        message: Option<&'a [u8]>,
        dropped: Option<u64>,
    ) -> Option<Self> {
        if sender.transport != Some(b"driver") {
            return None;
        }
        let is_of_kernel = match claims.message_id? {
            DROPPED => false,
            MISSED => true,
            _ => return None,
        };
        let words = || message.unwrap_or_default().split(|byte| *byte == b' ');
        let count = words().find_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
        // `Suppressed 42 messages from web.service`; before systemd 235 a path of control groups
        let named = words().skip_while(|word| *word != b"from").nth(1);
        let unit = named.and_then(|path| path.rsplit(|byte| *byte == b'/').next());
        Some(Self {
            count: dropped.or(count),
            unit: unit.filter(|unit| !unit.is_empty()),
            is_of_kernel,
        })
    }

    /// The owner of the lost messages.
    pub(super) fn about(&self, claims: &EntryClaims<'a>) -> Option<(OwnerKind, &'a [u8])> {
        if self.is_of_kernel {
            return Some((OwnerKind::Kernel, b"kernel"));
        }
        let of_user = claims
            .object_user_unit
            .map(|unit| (OwnerKind::UserUnit, unit));
        let unit = self.unit.or(claims.object_unit);
        of_user.or(unit.map(|unit| (OwnerKind::Unit, unit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(
        id: &'static [u8],
        message: &'static str,
        transport: &'static [u8],
    ) -> Option<Loss<'static>> {
        let sender = EntrySender {
            transport: Some(transport),
            ..EntrySender::default()
        };
        let claims = EntryClaims {
            message_id: Some(id),
            ..EntryClaims::default()
        };
        Loss::of(&sender, &claims, Some(message.as_bytes()), None)
    }

    #[test]
    fn reads_the_unit_and_count_of_lost_messages() {
        let about = |loss: Loss<'static>| loss.about(&EntryClaims::default());
        for (id, message, count, owner) in [
            (
                DROPPED,
                "Suppressed 42 messages from web.service",
                Some(42),
                Some((OwnerKind::Unit, &b"web.service"[..])),
            ),
            (
                DROPPED,
                "Suppressed 42 messages from /system.slice/web.service",
                Some(42),
                Some((OwnerKind::Unit, &b"web.service"[..])),
            ),
            (DROPPED, "Suppressed messages", None, None),
            (
                MISSED,
                "Missed 7 kernel messages",
                Some(7),
                Some((OwnerKind::Kernel, &b"kernel"[..])),
            ),
        ] {
            let loss = loss(id, message, b"driver").unwrap();
            assert_eq!((loss.count, about(loss)), (count, owner), "{message}");
        }
    }

    #[test]
    fn other_senders_cannot_report_losses() {
        let message = "Suppressed 42 messages from web.service";
        assert_eq!(loss(DROPPED, message, b"journal"), None);
        assert_eq!(loss(b"0123", message, b"driver"), None);
    }

    #[test]
    fn the_unit_of_a_user_is_taken_from_its_object_field() {
        let claims = EntryClaims {
            object_user_unit: Some(b"app.service"),
            object_unit: Some(b"user@1000.service"),
            ..EntryClaims::default()
        };
        let loss = loss(
            DROPPED,
            "Suppressed 42 messages from user@1000.service",
            b"driver",
        );
        assert_eq!(
            loss.unwrap().about(&claims),
            Some((OwnerKind::UserUnit, &b"app.service"[..]))
        );
    }
}
