//! The public collector of a kind of logs, which wraps a follower of that kind.

/// Defines a collector that follows the logs of a kind, and its options.
macro_rules! log_collector {
    ($(#[$doc:meta])* $collector:ident of $kind:ty, set by $options:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $collector {
            name: String,
            follower: $crate::collect::follow::Follower<$kind>,
        }

        impl $collector {
            /// Continues from `positions`. Nothing is opened before the first read.
            #[must_use]
            pub fn open(options: $options, positions: &$crate::record::Positions) -> Self {
                let kind = <$kind>::new(options);
                Self {
                    name: $crate::collect::follow::LogKind::name(&kind),
                    follower: $crate::collect::follow::Follower::new(kind, positions),
                }
            }

            /// The logs that it would read if it started now.
            #[must_use]
            pub fn survey(options: $options) -> $crate::collect::Survey {
                $crate::collect::follow::survey(&<$kind>::new(options))
            }
        }

        impl $crate::collect::collector::Collector for $collector {
            fn name(&self) -> &str {
                &self.name
            }

            fn read(
                &mut self,
                batch: &mut $crate::collect::collector::Batch,
            ) -> Result<(), $crate::collect::collector::Error> {
                self.follower.read(batch);
                Ok(())
            }

            fn wait(&mut self, timeout: std::time::Duration) {
                self.follower.wait(timeout);
            }

            fn notices_late(&self) -> bool {
                self.follower.is_blind()
            }

            fn parts(
                &mut self,
                batch: &mut $crate::collect::collector::Batch,
            ) -> Result<Vec<$crate::time::Micros>, $crate::collect::collector::Error> {
                Ok(self.follower.parts(batch))
            }

            fn read_part(
                &mut self,
                part: usize,
                batch: &mut $crate::collect::collector::Batch,
            ) -> Result<(), $crate::collect::collector::Error> {
                self.follower.read_part(part, batch);
                Ok(())
            }
        }
    };
}

pub(crate) use log_collector;
