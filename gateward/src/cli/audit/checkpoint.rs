//! `gateward audit checkpoint` and `gateward audit key`: what others keep of the log, and believe it by.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::anchors;
use crate::cli::access::block_on;
use crate::cli::{Context, Format, YES, no};
use crate::flows::checkpoint;
use crate::server::system;
use crate::store::log;

/// Prints the newest checkpoint, signed now if the log has grown.
pub(super) fn checkpoint(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access_to_change()?;
    if !anchors::may_sign(&access)? {
        return Ok(no());
    }
    let Some(signed) = block_on(checkpoint::sign(&access.door, access.now))?? else {
        bail!("nothing was ever recorded: there is nothing to sign");
    };
    match context.format {
        // Byte for byte: a file of it is good for `audit verify`.
        Format::Text => write!(out, "{}", signed.note)?,
        Format::Json => {
            let json = json!({
                "origin": signed.origin, "size": signed.size, "root": signed.root.to_string(),
                "signed_at": signed.signed_at.to_string(), "note": signed.note,
            });
            writeln!(out, "{json}")?;
        }
    }
    Ok(YES)
}

/// Prints the public key that checkpoints are believed by; the log gets its name now if it has none.
pub(super) fn key(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access_to_change()?;
    // Where there is no log yet, one begins: not in a store from before another one of ours.
    let is_begun = !block_on(log::all(&access.door.store.reader))??.is_empty();
    if !is_begun && !anchors::may_sign(&access)? {
        return Ok(no());
    }
    let Some(log) = block_on(checkpoint::current(&access.door, access.now))?? else {
        bail!("nothing was ever recorded: the log has no name yet");
    };
    let signer = access.door.keyring.log_signer(&log.origin)?;
    let signer =
        signer.context("the keyring has no key for the log's checkpoints: `gateward key log` adds it")?;
    let key = signer.verifier_key().to_string();
    context.print(out, &key, &json!({ "origin": log.origin, "key": key }))?;
    Ok(YES)
}

/// Prints the public key that cosignatures of this installation are believed by.
pub(super) fn witness_key(context: &Context, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let access = context.access()?;
    let name = system::observer(&access.config);
    let cosigner = access.door.keyring.cosigner(name.name())?;
    let cosigner =
        cosigner.context("the keyring has no key for the log's checkpoints: `gateward key log` adds it")?;
    let key = cosigner.cosigner_key().to_string();
    context.print(out, &key, &json!({ "key": key }))?;
    Ok(YES)
}
