//! What is restricted, and from whom: the one definition of *forbidden*.

use crate::code::Codes;
use crate::inventory::Inventory;
use crate::restriction::Restriction;
use crate::rights::Rights;
use crate::spans::Spans;
use std::sync::Arc;

/// What is restricted at a data centre, as of one moment. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the data centre lists. `None` if nobody knows, or no longer: then everything that is
    /// not granted is forbidden.
    pub inventory: Option<Arc<Inventory>>,
    /// What the configuration restricts, whatever the inventory says.
    pub restrictions: Arc<[Restriction]>,
    /// What holds for everything that the inventory does not list.
    pub unlisted: Unlisted,
}

/// What holds for channels, and times of channels, that the inventory does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// They are forbidden to whoever was not granted their network.
    Refuse,
    /// They are open unless a [`Restriction`] concerns them.
    ///
    /// A wildcard that has to be expanded leaves them out all the same: nobody can name them. And
    /// a restriction by the inventory holds only for the codes that it lists; an upstream that
    /// knows a network by another code as well gives its data away.
    Open,
}

/// Why something is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A [`Restriction`] of the configuration concerns it.
    Configured,
    /// The inventory says so.
    Inventory,
    /// The inventory does not list it, and [`Unlisted::Refuse`] holds.
    Unlisted,
    /// There is no inventory to ask.
    InventoryUnknown,
}

/// The instants of one channel that one caller may not have, by reason.
#[derive(Debug)]
pub(crate) struct Forbidden([(Reason, Spans); 4]);

impl Rules {
    /// An instant is forbidden if it is not granted, and a restriction concerns it, or the
    /// inventory restricts it, or does not list it while unlisted is refused, or is not there.
    pub(crate) fn forbidden(&self, codes: &Codes, rights: &Rights) -> Forbidden {
        let concerned =
            self.restrictions.iter().filter_map(|restriction| restriction.concerns(codes.borrowed()));
        let channel = self.inventory.as_ref().and_then(|inventory| inventory.channel(codes));
        let restricted = channel.map_or_else(Spans::none, |channel| channel.restricted.clone());
        let unlisted = match (self.unlisted, channel) {
            _ if self.inventory.is_none() => Spans::none(),
            (Unlisted::Open, _) => Spans::none(),
            (Unlisted::Refuse, None) => Spans::always(),
            (Unlisted::Refuse, Some(channel)) => channel.listed.complement(),
        };
        let unknown = if self.inventory.is_none() { Spans::always() } else { Spans::none() };
        let granted = rights.of(&codes.network);
        Forbidden([
            (Reason::Configured, Spans::union(concerned).without(&granted)),
            (Reason::Inventory, restricted.without(&granted)),
            (Reason::Unlisted, unlisted.without(&granted)),
            (Reason::InventoryUnknown, unknown.without(&granted)),
        ])
    }
}

impl Forbidden {
    /// All of it, for whatever reason.
    pub(crate) fn all(&self) -> Spans {
        self.0.iter().fold(Spans::none(), |all, (_, spans)| all.or(spans))
    }

    /// What is not forbidden merely because it is unlisted.
    pub(crate) fn listed(&self) -> Spans {
        let listed = self.0.iter().filter(|(reason, _)| *reason != Reason::Unlisted);
        listed.fold(Spans::none(), |all, (_, spans)| all.or(spans))
    }

    /// Why some of `asked` is forbidden.
    pub(crate) fn reasons(&self, asked: &Spans) -> impl Iterator<Item = Reason> {
        self.0.iter().filter(|(_, spans)| !spans.and(asked).is_empty()).map(|(reason, _)| *reason)
    }
}
