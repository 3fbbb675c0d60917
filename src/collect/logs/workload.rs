//! The workload of a pod, by the pod's name: all pods of a Deployment, a job or a set are one source.

/// The characters in the random parts of Kubernetes names: without vowels, so that they form no words.
const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The name of the workload that a pod belongs to: `web` of `web-6d4cf56db6-x7k2p` (Deployment), `agent` of `agent-x7k2p`
/// (DaemonSet, job), `backup` of `backup-29012345-x7k2p` (cron job), `db` of `db-0` (StatefulSet).
pub(super) fn workload(pod: &str) -> &str {
    if let Some((set, ordinal)) = split_last(pod)
        && (1..=4).contains(&ordinal.len())
        && ordinal.bytes().all(|byte| byte.is_ascii_digit())
    {
        return set;
    }
    let Some((owner, _)) = split_last(pod).filter(|(_, random)| is_random(random, 5..=5)) else {
        return pod;
    };
    match split_last(owner) {
        Some((name, hash)) if is_random(hash, 6..=10) || is_schedule(hash) => name,
        _ => owner,
    }
}

fn split_last(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('-').filter(|(first, _)| !first.is_empty())
}

fn is_random(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|byte| SAFE.contains(&byte))
}

/// A cron job names its jobs by the minute since 1970.
fn is_schedule(text: &str) -> bool {
    matches!(text.len(), 8..=10) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_one_workload_share_a_name() {
        for (pod, expected) in [
            ("web-6d4cf56db6-x7k2p", "web"),
            ("coredns-7db6d8ff4d-4xk9z", "coredns"),
            ("my-api-server-85f7c9b5d-zvqtl", "my-api-server"),
            ("kube-proxy-x7k2p", "kube-proxy"),
            ("backup-29012345-x7k2p", "backup"),
            ("db-0", "db"),
            ("db-12", "db"),
            ("kube-apiserver-node1", "kube-apiserver-node1"),
            ("web", "web"),
            ("toolbox-alpha", "toolbox-alpha"),
            ("job-small", "job-small"),
            ("-x7k2p", "-x7k2p"),
        ] {
            assert_eq!(workload(pod), expected, "{pod}");
        }
    }
}
