//! Cuts one connection from wherever its answer is carried.

use tokio::sync::watch;

/// Closes one connection at once, whatever it still has to send.
#[derive(Debug, Clone)]
pub struct Cutter(watch::Sender<bool>);

impl Cutter {
    /// Makes one, and what the connection listens to.
    pub fn new() -> (Self, watch::Receiver<bool>) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), receiver)
    }

    /// Returns once it was cut.
    pub async fn until_cut(&self) {
        drop(self.0.subscribe().wait_for(|cut| *cut).await);
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.0.send_replace(true);
    }
}
