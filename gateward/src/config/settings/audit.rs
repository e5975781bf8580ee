//! The options of `[audit]`.

use toml::Value;

use super::{Below, certificate, duration};
use crate::config::Audit;
use crate::config::audit::{Anchor, Auditor, Feed, SyslogReceiver, Witness};

pub(super) fn list(
    Audit { name, keep, fhir, checkpoint, anchor, witness, seal, feed, syslog }: &Audit,
    list: &mut Below<'_>,
) {
    list.optional("name", name.as_ref(), "the machine's name");
    list.optional("keep", keep.as_ref(), "for ever");
    list.optional("fhir", fhir.as_ref(), "nodes neither read the log nor send events");
    list.text("checkpoint", duration(checkpoint.0));
    list.set("anchor", anchor.iter().map(place).collect::<Vec<_>>());
    list.set("witness", witness.iter().map(ToString::to_string).collect::<Vec<_>>());
    match seal {
        Some(Auditor { key, fingerprint }) => {
            let mut list = list.below("seal");
            list.text("key", key.display());
            list.text("fingerprint", fingerprint.0);
        }
        None => list.unset("seal", "parameters of requests are recorded as they came"),
    }
    match syslog {
        Some(SyslogReceiver { listen, udp, tls }) => {
            let mut list = list.below("syslog");
            list.optional("listen", listen.as_ref(), "nothing is received by TLS");
            list.optional("udp", udp.as_ref(), "nothing is received by UDP");
            match tls {
                Some(tls) => certificate(tls, &mut list.below("tls")),
                None => list.unset("tls", "the public listener's"),
            }
        }
        None => list.unset("syslog", "no messages of others are received"),
    }
    // Tables of their own: nothing of the table above can follow them.
    list.each("feed", feed, list_feed);
}

/// Writes an anchor as a file has it.
fn place(anchor: &Anchor) -> Value {
    match anchor {
        Anchor::File(_) => anchor.to_string().into(),
        Anchor::Witness(witness) => {
            let Witness { url, key, ca } = &**witness;
            let ca = ca.as_ref().map(|ca| ("ca", ca.display().to_string()));
            table([("witness", url.clone()), ("key", key.to_string())].into_iter().chain(ca))
        }
        Anchor::Syslog(receiver) => {
            let Feed { to, ca, certificate, key } = &**receiver;
            let files = [("ca", ca), ("certificate", certificate), ("key", key)];
            let files = files
                .into_iter()
                .filter_map(|(name, path)| Some((name, path.as_ref()?.display().to_string())));
            table([("to", to.to_string())].into_iter().chain(files))
        }
    }
}

fn table<'a>(parts: impl Iterator<Item = (&'a str, String)>) -> Value {
    Value::Table(parts.map(|(name, value)| (name.to_owned(), value.into())).collect())
}

fn list_feed(Feed { to, ca, certificate, key }: &Feed, list: &mut Below<'_>) {
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    list.text("to", to);
    list.optional("ca", path(ca), "the certificates that this system believes");
    list.optional("certificate", path(certificate), "it is shown none of ours");
    list.optional("key", path(key), "it is shown none of ours");
}
