//! A chat channel as this node sees it.
//!
//! `ChatChannel` follows the channel's log for the members on this node: its life is the subscription. The store
//! orders, the subscription rings: the next event is handed to the fan-outs, a repeated one is dropped, and a gap is
//! read from the log. `rules` decides which; `actor` obeys, and `work` is what it obeys with. It also takes the posts of
//! this node's players, so that a channel's appends meet in one place. It starts on demand, starts anew after a panic
//! (the fan-outs still know the members and what they were given), and lets go when nobody has needed it for a while.

mod actor;
mod messages;
mod rules;
mod work;

pub use actor::ChatChannel;
pub use messages::{AttachMember, Hearing, Recount, Retired};
