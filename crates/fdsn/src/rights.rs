//! What a caller was granted.

use crate::line::Line;
use crate::span::Span;
use crate::spans::Spans;

/// What a caller may have although it is restricted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Nothing: an anonymous caller.
    Nothing,
    /// Everything there is.
    Everything,
    /// These networks.
    Networks(Vec<Granted>),
}

/// A network that a caller may have, in the years in which it has its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The code, literally.
    pub network: String,
    /// Which instants.
    pub span: Span,
}

impl Rights {
    /// Which instants of a network are granted.
    pub(crate) fn of(&self, network: &str) -> Spans {
        match self {
            Self::Nothing => Spans::none(),
            Self::Everything => Spans::always(),
            Self::Networks(granted) => Spans::union(
                granted
                    .iter()
                    .filter(|known| known.network.eq_ignore_ascii_case(network))
                    .map(|known| known.span),
            ),
        }
    }

    /// The networks that are granted one by one.
    pub(crate) fn granted(&self) -> &[Granted] {
        match self {
            Self::Nothing | Self::Everything => &[],
            Self::Networks(granted) => granted,
        }
    }

    /// Whether all that the line asks for is granted.
    pub(crate) fn cover(&self, line: &Line) -> bool {
        let granted = |network: &str| Spans::from(line.span).without(&self.of(network)).is_empty();
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Networks(_) => {
                line.networks.are_literal() && line.networks.iter().all(|code| granted(code.as_str()))
            }
        }
    }

    /// Whether something that the line asks for is granted.
    pub(crate) fn touch(&self, line: &Line) -> bool {
        let touches = |known: &Granted| {
            line.networks.matches(&known.network.to_ascii_uppercase()) && known.span.overlaps(line.span)
        };
        matches!(self, Self::Everything) || self.granted().iter().any(touches)
    }
}
