//! Three nodes on Redis behind HAProxy, with clients that record everything and a judge of the whole run.

mod faults;
mod member;
mod run;
